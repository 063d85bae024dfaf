//! A credential provider after the rotation of its client secret: AgentCore keeps a copy of a MANAGED secret, and gets the
//! new value in an update that changes nothing else.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::{CustomOauth2ProviderConfigOutput, Oauth2Discovery, SecretSourceType};

use super::properties::{CustomIdp, Idp, Properties};
use super::vendor::{Family, VENDORS};
use crate::agentcore::oauth2_credential_provider::{OAuth2CredentialProvider, Provider};
use crate::agentcore::provisioned::{self, gone};
use crate::credential_provider::Secret;
use crate::error::Error;
use crate::job::Job;
use crate::oauth::Discovery;
use crate::resource::named;
use crate::sensitive::Sensitive;

/// The property in sentences about a provider that cannot be rotated.
const PROVIDER: &str = "PhysicalResourceId";

/// Gives the provider another client secret, once the identity provider accepts it. Does nothing for a provider that
/// reads the secret itself, and refuses one that is not provably this stack's. May run twice.
pub(crate) async fn rotate(job: &Job<'_>, name: &String, secret: &Sensitive) -> Result<(), Error> {
    let found = provisioned::current::<OAuth2CredentialProvider>(job, name).await?;
    let found = found.ok_or_else(|| gone::<OAuth2CredentialProvider>(name))?;
    if found.live.source == SecretSourceType::External {
        return Ok(());
    }
    let properties = &properties(&found.live, secret)?;
    named::converge(job, found, properties, None).await.map(|_| ())
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
    let idp = idp(custom).transpose()?.ok_or_else(unknown)?;
    Ok(Properties {
        name: Some(live.common.name.clone()),
        vendor,
        client_id: custom.client_id().ok_or_else(unknown)?.to_owned(),
        secret: Secret::Given(secret.clone()),
        idp: Idp::Custom(idp),
        tags: BTreeMap::new(),
    })
}

/// Returns the IdP of a custom provider. One whose endpoints were taken from the discovery document has the query that a
/// template added at the end of its token endpoint.
fn idp(live: &CustomOauth2ProviderConfigOutput) -> Option<Result<CustomIdp, Error>> {
    let (discovery_url, issuer, token_endpoint_query) = match live.oauth_discovery()? {
        Oauth2Discovery::DiscoveryUrl(url) => (Some(url.clone()), None, None),
        Oauth2Discovery::AuthorizationServerMetadata(metadata) => {
            let (_, query) = metadata.token_endpoint().split_once('?')?;
            (None, Some(metadata.issuer().to_owned()), Some(query.to_owned()))
        }
        _ => return None,
    };
    let method = live.client_authentication_method().cloned();
    let discovery = Discovery::new(PROVIDER, discovery_url, issuer);
    Some(discovery.map(|discovery| CustomIdp { discovery, token_endpoint_query, method }))
}
