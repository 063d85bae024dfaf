//! Compares a token with the JWT authorizer that will check it, before anybody is called: which claim does not match,
//! and which property to change.

use aws_sdk_bedrockagentcorecontrol::types::CustomJwtAuthorizerConfiguration;

use super::gateway::Gateway;
use crate::agentcore::provisioned::Provisioned;
use crate::agentcore::runtime::Runtime;
use crate::authorizer::{comparison, custom_jwt};
use crate::code::Code;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::mcp::ServerUrl;
use crate::oauth::{self, Discovery, Token};

/// Says why `gateway`, or else the runtime behind `endpoint`, would not accept the token. An endpoint that belongs to
/// neither, a runtime of another Region or account, and a runtime that cannot be read are not compared: their own
/// answers will tell.
pub(super) async fn check(
    job: &Job<'_>,
    endpoint: &ServerUrl,
    gateway: Option<&Gateway>,
    client_id: &str,
    token: &Token,
) -> Result<(), Error> {
    comparison::verifiable(token)?;
    if let Some(gateway) = gateway {
        return compare(job, gateway.authorizer(), "gateway", client_id, token).await;
    }
    let Some(runtime) = endpoint.runtime_next_to(&job.requester.stack_id) else { return Ok(()) };
    let live = match Runtime::get(job, &runtime.id().to_owned()).await {
        Ok(Some(live)) => live,
        Ok(None) => return Ok(()),
        Err(error) if error.is(ApiErrorKind::Denied) => return Ok(()),
        Err(error) => return Err(error),
    };
    compare(job, custom_jwt(live.authorizer_configuration()), "runtime", client_id, token).await
}

async fn compare(
    job: &Job<'_>,
    authorizer: Option<&CustomJwtAuthorizerConfiguration>,
    what: &str,
    client_id: &str,
    token: &Token,
) -> Result<(), Error> {
    let claims = comparison::verifiable(token)?;
    let Some(authorizer) = authorizer else {
        let other = if what == "gateway" { "`AuthorizerType` to CUSTOM_JWT" } else { "`InboundAuth` to JWT" };
        let sentence = format!(
            "the {what} takes signatures and no tokens; set the probe's `Auth` to IAM, or the {what}'s {other}"
        );
        return Err(Error::unverified(Code::Unauthorized, sentence));
    };
    let discovery = Discovery::of_live(what, authorizer.discovery_url())?;
    let metadata = oauth::discover(job.context, job.deadline, &discovery).await?;
    comparison::compare(authorizer, &metadata.issuer, client_id, claims, what)
}
