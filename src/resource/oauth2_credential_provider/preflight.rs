//! Verifies before a create or an update that the secret can be read, that the IdP's discovery document is usable, and
//! that the IdP accepts the client's secret.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::{
    ClientAuthenticationMethodType, CustomOauth2ProviderConfigOutput, Oauth2AuthorizationServerMetadata,
    Oauth2Discovery,
};
use tracing::info;

use super::configuration::Configuration;
use super::properties::{CLIENT_SECRET, CustomIdp, DescribedIdp, Endpoints, Idp, Properties, Resolved};
use crate::agentcore::oauth2_credential_provider::Provider;
use crate::agentcore::unbuildable;
use crate::code::Code;
use crate::error::Error;
use crate::https_url::HttpsUrl;
use crate::job::Job;
use crate::oauth::{self, ClientCredentials, Discovery, Metadata};
use crate::sensitive::Sensitive;
use crate::stack::unless_rolling_back;
use crate::text::quote;

/// Returns the configuration of a new provider.
pub(super) async fn for_create(job: &Job<'_>, properties: &Properties) -> Result<Configuration, Error> {
    configuration(job, properties, None).await
}

/// Returns the configuration for an existing provider. The IdP is not asked if none of the properties that concern it
/// has changed: an update of tags must not depend on it.
pub(super) async fn for_update(
    job: &Job<'_>,
    properties: &Properties,
    old: Option<&Properties>,
    live: &Provider,
) -> Result<Configuration, Error> {
    let live = live.configuration.as_ref().and_then(|config| config.as_custom_oauth2_provider_config().ok());
    let same_secret = old.is_some_and(|old| old.secret == properties.secret);
    let kept = match (&properties.idp, old.map(|old| &old.idp), live) {
        (Idp::Custom(CustomIdp::Described(idp)), Some(Idp::Custom(CustomIdp::Described(old))), Some(live))
            if same_secret && live.client_id() == Some(&properties.client_id) =>
        {
            kept(idp, old, live)
        }
        _ => None,
    };
    configuration(job, properties, kept).await
}

async fn configuration(job: &Job<'_>, properties: &Properties, kept: Option<Resolved>) -> Result<Configuration, Error> {
    let (secret, value) = properties.secret.read(job, &CLIENT_SECRET).await?;
    let idp = match (&properties.idp, kept) {
        (Idp::Custom(_), Some(kept)) => Idp::Custom(kept),
        (Idp::Custom(CustomIdp::Described(idp)), None) => {
            Idp::Custom(resolve(job, idp, &properties.client_id, &value).await?)
        }
        (Idp::Custom(CustomIdp::Live(live)), None) => {
            try_live(job, live, &properties.client_id, &value).await?;
            Idp::Custom(live.clone())
        }
        (Idp::Known(known), _) => Idp::Known(*known),
        (Idp::Microsoft { tenant_id }, _) => Idp::Microsoft { tenant_id: tenant_id.clone() },
        (Idp::Included(endpoints), _) => {
            check_hosts(job, endpoints)?;
            Idp::Included(endpoints.clone())
        }
    };
    Ok(Configuration { vendor: properties.vendor.word, client_id: properties.client_id.clone(), secret, idp })
}

/// Refuses endpoints on hosts that the function does not allow, because AgentCore sends them the secret. An issuer is
/// where AgentCore finds the endpoints that are not given.
fn check_hosts(job: &Job<'_>, endpoints: &Endpoints) -> Result<(), Error> {
    for (property, url) in endpoints.given() {
        check_host(job, property, url)?;
    }
    Ok(())
}

fn check_host(job: &Job<'_>, property: &str, url: &HttpsUrl) -> Result<(), Error> {
    let problem = job.context.identity_provider_hosts.problem(url);
    problem.map_or(Ok(()), |problem| Err(Error::property(property, format!("must not be used: {problem}"))))
}

/// Reads the discovery document and tries the secret.
async fn resolve(job: &Job<'_>, idp: &DescribedIdp, client_id: &str, secret: &Sensitive) -> Result<Resolved, Error> {
    let found = oauth::discover(job.context, job.deadline, &idp.discovery).await;
    // AgentCore gets its tokens there.
    let found = found.and_then(|metadata| metadata.token_endpoint().cloned().map(|endpoint| (metadata, endpoint)));
    let found = match idp.token_endpoint_query {
        None => unless_rolling_back(job, found)?,
        // The members for AgentCore come from the document.
        Some(_) => Some(found?),
    };
    let Some((mut metadata, endpoint)) = found else {
        let discovery = Oauth2Discovery::DiscoveryUrl(idp.discovery.url.clone().into());
        return Ok(Resolved { discovery, method: idp.method.clone() });
    };
    if let Some(query) = &idp.token_endpoint_query {
        metadata.token_endpoint = Some(endpoint.with_query(query));
    }
    let method = if idp.method.is_some() {
        idp.method.clone()
    } else {
        unless_rolling_back(job, metadata.check_takes_secrets())?;
        (!metadata.basic).then_some(ClientAuthenticationMethodType::ClientSecretPost)
    };
    show_secret_by(&mut metadata, method.as_ref());
    unless_rolling_back(job, try_secret(job, &metadata, client_id, secret).await)?;
    let discovery = match &idp.token_endpoint_query {
        None => Oauth2Discovery::DiscoveryUrl(idp.discovery.url.clone().into()),
        Some(_) => Oauth2Discovery::AuthorizationServerMetadata(server_metadata(idp, metadata)?),
    };
    Ok(Resolved { discovery, method })
}

/// Tries a secret where the provider gets its tokens.
async fn try_live(job: &Job<'_>, live: &Resolved, client_id: &str, secret: &Sensitive) -> Result<(), Error> {
    let mut metadata = match &live.discovery {
        Oauth2Discovery::DiscoveryUrl(url) => {
            let discovery = Discovery::of_live("credential provider", url)?;
            oauth::discover(job.context, job.deadline, &discovery).await?
        }
        Oauth2Discovery::AuthorizationServerMetadata(server) => {
            let issuer = oauth::live_url("the credential provider's issuer", server.issuer())?;
            let endpoint = oauth::live_url("the credential provider's token endpoint", server.token_endpoint())?;
            check_host(job, "TokenEndpoint", &endpoint)?;
            Metadata::of_server(issuer, endpoint)
        }
        // AgentCore has learned another way to find the IdP.
        _ => return Ok(()),
    };
    show_secret_by(&mut metadata, live.method.as_ref());
    try_secret(job, &metadata, client_id, secret).await
}

/// Settles how this client shows its secret. The document describes all clients, and counts for less.
fn show_secret_by(metadata: &mut Metadata, method: Option<&ClientAuthenticationMethodType>) {
    metadata.secretless_methods = None;
    metadata.basic = method != Some(&ClientAuthenticationMethodType::ClientSecretPost);
}

/// Asks for a token. Only the refusal of the client itself counts: what the token may be used for is the target's
/// matter, and a client that signs in users gets no token this way.
async fn try_secret(job: &Job<'_>, metadata: &Metadata, client_id: &str, secret: &Sensitive) -> Result<(), Error> {
    let client = ClientCredentials {
        client_id: client_id.to_owned(),
        client_secret: secret.clone(),
        scopes: Vec::new(),
        parameters: BTreeMap::new(),
    };
    match oauth::mint(job.context, job.deadline, job.mask, metadata, &client).await {
        Err(Error::Unverified { code: Code::ClientRefused, sentence }) => {
            let (sent, other) = if metadata.basic {
                ("HTTP Basic credentials", "CLIENT_SECRET_POST")
            } else {
                ("form members", "CLIENT_SECRET_BASIC")
            };
            let sentence = format!(
                "{sentence}; they were sent as {sent}, which `ClientAuthenticationMethod` {other} would change"
            );
            Err(Error::unverified(Code::ClientRefused, sentence))
        }
        Err(error @ (Error::OutOfTime { .. } | Error::Bug(_))) => Err(error),
        Err(error) => {
            info!(code = error.code(), "the identity provider gave no token, and did not refuse the client");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

fn server_metadata(idp: &DescribedIdp, metadata: Metadata) -> Result<Oauth2AuthorizationServerMetadata, Error> {
    let authorization_endpoint = metadata.authorization_endpoint.ok_or_else(|| {
        let problem = format!(
            "takes an authorization endpoint too, which the document at {} does not name; leave it out and pass the \
             parameter in the target's `CustomParameters`",
            quote(idp.discovery.url.as_str())
        );
        Error::property("TokenEndpointQuery", problem)
    })?;
    Oauth2AuthorizationServerMetadata::builder()
        .issuer(String::from(metadata.issuer))
        .authorization_endpoint(authorization_endpoint)
        .set_token_endpoint(metadata.token_endpoint.map(String::from))
        .build()
        .map_err(unbuildable)
}

/// Returns the live settings of a custom IdP, if the template asks for them.
fn kept(idp: &DescribedIdp, old: &DescribedIdp, live: &CustomOauth2ProviderConfigOutput) -> Option<Resolved> {
    let discovery = live.oauth_discovery()?;
    let same_endpoints = match (discovery, &idp.token_endpoint_query) {
        (Oauth2Discovery::DiscoveryUrl(url), None) => url == idp.discovery.url.as_str(),
        (Oauth2Discovery::AuthorizationServerMetadata(metadata), Some(query)) => {
            let endpoint = metadata.token_endpoint().strip_suffix(query.as_str());
            idp.discovery.is_of(metadata.issuer()) && endpoint.is_some_and(|endpoint| endpoint.ends_with(['?', '&']))
        }
        _ => false,
    };
    let method = live.client_authentication_method();
    let same_method = match &idp.method {
        Some(wanted) => method == Some(wanted),
        // The discovery document may ask for another method than the one that was chosen before.
        None => old.method.is_none(),
    };
    (same_endpoints && same_method && !idp.discovery.is_restated(&old.discovery))
        .then(|| Resolved { discovery: discovery.clone(), method: method.cloned() })
}
