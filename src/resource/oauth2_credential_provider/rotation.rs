//! A credential provider after the rotation of its client secret: AgentCore keeps a copy of a MANAGED secret, and gets the
//! new value in an update that changes nothing else.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::{Oauth2AuthorizationServerMetadata, Oauth2Discovery, SecretSourceType};

use super::properties::{CustomIdp, Idp, Properties, Resolved};
use super::vendor::{Family, VENDORS};
use crate::agentcore::oauth2_credential_provider::{OAuth2CredentialProvider, Provider};
use crate::agentcore::provisioned::{self, gone};
use crate::agentcore::unbuildable;
use crate::credential_provider::Secret;
use crate::error::Error;
use crate::job::Job;
use crate::resource::named_type;
use crate::sensitive::Sensitive;

/// The property in sentences about a provider that cannot be rotated.
const PROVIDER: &str = "PhysicalResourceId";

/// Gives the provider another client secret, once the identity provider accepts it. Returns false for a provider that
/// reads the secret itself, and refuses one that is not provably this stack's. May run twice.
pub(crate) async fn rotate(job: &Job<'_>, name: &String, secret: &Sensitive) -> Result<bool, Error> {
    let found = provisioned::current::<OAuth2CredentialProvider>(job, name).await?;
    let found = found.ok_or_else(|| gone::<OAuth2CredentialProvider>(name))?;
    if found.live.source == SecretSourceType::External {
        return Ok(false);
    }
    let properties = &properties(&found.live, secret)?;
    named_type::converge(job, found, properties, None).await.map(|_| true)
}

/// Returns the properties that describe a provider as it is, with another secret.
fn properties(live: &Provider, secret: &Sensitive) -> Result<Properties, Error> {
    let unknown = || {
        let problem = format!(
            "is credential provider {}, of which AgentCore does not show what an update has to repeat; change a property \
             of the provider in the stack, which writes the present secret",
            live.common.name
        );
        Error::property(PROVIDER, problem)
    };
    let vendor = VENDORS.into_iter().find(|vendor| vendor.word == live.vendor).ok_or_else(unknown)?;
    let custom = live.configuration.as_ref().and_then(|it| it.as_custom_oauth2_provider_config().ok());
    let (Family::Custom, Some(custom)) = (vendor.family, custom) else { return Err(unknown()) };
    let discovery = discovery(custom.oauth_discovery().ok_or_else(unknown)?)?;
    let resolved = Resolved { discovery, method: custom.client_authentication_method().cloned() };
    Ok(Properties {
        name: Some(live.common.name.clone()),
        vendor,
        client_id: custom.client_id().ok_or_else(unknown)?.to_owned(),
        secret: Secret::Given(secret.clone()),
        idp: Idp::Custom(CustomIdp::Live(resolved)),
        tags: BTreeMap::new(),
    })
}

/// Returns what an update sends for the endpoints that a provider has, without the member that AgentCore refuses next to
/// `clientAuthenticationMethod`.
fn discovery(live: &Oauth2Discovery) -> Result<Oauth2Discovery, Error> {
    let Oauth2Discovery::AuthorizationServerMetadata(server) = live else { return Ok(live.clone()) };
    let server = Oauth2AuthorizationServerMetadata::builder()
        .issuer(server.issuer())
        .authorization_endpoint(server.authorization_endpoint())
        .token_endpoint(server.token_endpoint());
    Ok(Oauth2Discovery::AuthorizationServerMetadata(server.build().map_err(unbuildable)?))
}
