//! Asks the IdP before a gateway trusts it: if its discovery document can be used, and if a token of the client that
//! the template gives would be let in. A gateway that lets nobody in looks as READY as any other.

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;

use super::properties::{CustomJwt, Properties};
use crate::agentcore::unbuildable;
use crate::authorizer::{Authorizer, comparison};
use crate::error::Error;
use crate::job::Job;
use crate::oauth;
use crate::stack::unless_rolling_back;

/// Returns the authorizer that the properties ask for, or `None` for signatures. Asks the IdP, unless `live` has the
/// authorizer already.
pub(super) async fn authorizer(
    job: &Job<'_>,
    properties: &Properties,
    live: Option<&GetGatewayOutput>,
    old: Option<&Properties>,
) -> Result<Option<Authorizer>, Error> {
    let Some(jwt) = &properties.jwt else { return Ok(None) };
    let live = live.and_then(GetGatewayOutput::authorizer_configuration).map(Authorizer::from_api);
    let old = old.and_then(|old| old.jwt.as_ref());
    match live.filter(|live| is_asked_for(jwt, live, old)) {
        Some(live) => Ok(Some(live)),
        None => match unless_rolling_back(job, check(job, jwt).await)? {
            Some(checked) => Ok(Some(checked)),
            None => jwt.spec.with_usual_claim().map(Some),
        },
    }
}

/// Returns true if the live authorizer is the desired one, as far as that can be decided without the IdP.
fn is_asked_for(jwt: &CustomJwt, live: &Authorizer, old: Option<&CustomJwt>) -> bool {
    if old.is_some_and(|old| jwt.spec.discovery.is_restated(&old.spec.discovery)) {
        return false;
    }
    let claim = match (jwt.spec.explicit_claim(), &jwt.client) {
        (Some(stated), _) => stated,
        (None, None) => jwt.spec.usual_claim(),
        // The claim was explicit until now: a token may show another one.
        (None, Some(_)) if old.is_some_and(|old| old.spec.explicit_claim().is_some()) => return false,
        // The live claim comes from a token seen earlier.
        (None, Some(_)) => live.client_claim().unwrap_or(jwt.spec.usual_claim()),
    };
    jwt.spec.authorizer(claim).is_ok_and(|wanted| wanted == *live)
}

/// Asks the IdP, and compares a token of the client with the conditions that the authorizer will check.
async fn check(job: &Job<'_>, jwt: &CustomJwt) -> Result<Authorizer, Error> {
    let metadata = oauth::discover(job.context, job.deadline, &jwt.spec.discovery).await?;
    let Some(client) = &jwt.client else {
        metadata.log_signing_doubt();
        return jwt.spec.with_usual_claim();
    };
    let credentials = client.credentials(job).await?;
    let token = oauth::mint(job.context, job.deadline, job.mask, &metadata, &credentials).await?;
    job.mask.add(&token.value);
    let claims = comparison::verifiable(&token)?;
    let client_id = &credentials.client_id;
    let evidence = || claims.client_claim(client_id).unwrap_or_else(|| jwt.spec.usual_claim());
    let authorizer = jwt.spec.authorizer(jwt.spec.explicit_claim().unwrap_or_else(evidence))?;
    let demanded = authorizer.to_jwt_api().map_err(unbuildable)?;
    comparison::compare(&demanded, &metadata.issuer, client_id, claims, "gateway")?;
    Ok(authorizer)
}
