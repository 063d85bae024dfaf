//! A provider's configuration as a request carries it, with the values that the template leaves open.

use std::fmt;

use aws_sdk_bedrockagentcorecontrol::types::{
    AtlassianOauth2ProviderConfigInput, CustomOauth2ProviderConfigInput, GithubOauth2ProviderConfigInput,
    GoogleOauth2ProviderConfigInput, IncludedOauth2ProviderConfigInput, LinkedinOauth2ProviderConfigInput,
    MicrosoftOauth2ProviderConfigInput, Oauth2ProviderConfigInput, SalesforceOauth2ProviderConfigInput,
    SlackOauth2ProviderConfigInput,
};
use aws_smithy_types::error::operation::BuildError;

use super::properties::{Idp, Resolved};
use super::vendor::KnownVendor;
use crate::credential_provider::ResolvedSecret;

/// Everything that our properties govern (see [`super::governed`]).
pub(crate) struct Configuration {
    pub(super) vendor: &'static str,
    pub(super) client_id: String,
    pub(super) secret: ResolvedSecret,
    pub(super) idp: Idp<Resolved>,
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration of vendor {}", self.vendor)
    }
}

/// Sets the members that every vendor's configuration has. The SDK's builders have no trait in common.
macro_rules! with_client {
    ($builder:expr, $configuration:expr) => {{
        let (source, value, reference) = $configuration.secret.to_api()?;
        $builder
            .client_id(&$configuration.client_id)
            .client_secret_source(source)
            .set_client_secret(value)
            .set_client_secret_config(reference)
    }};
}

impl Configuration {
    /// Returns the member of a request. Everything is sent every time.
    pub(super) fn to_api(&self) -> Result<Oauth2ProviderConfigInput, BuildError> {
        use Oauth2ProviderConfigInput as Input;
        Ok(match &self.idp {
            Idp::Custom(idp) => {
                let builder = with_client!(CustomOauth2ProviderConfigInput::builder(), self);
                let builder = builder.set_client_authentication_method(idp.method.clone());
                Input::CustomOauth2ProviderConfig(builder.oauth_discovery(idp.discovery.clone()).build())
            }
            Idp::Known(KnownVendor::Atlassian) => Input::AtlassianOauth2ProviderConfig(
                with_client!(AtlassianOauth2ProviderConfigInput::builder(), self).build()?,
            ),
            Idp::Known(KnownVendor::Github) => Input::GithubOauth2ProviderConfig(
                with_client!(GithubOauth2ProviderConfigInput::builder(), self).build()?,
            ),
            Idp::Known(KnownVendor::Google) => Input::GoogleOauth2ProviderConfig(
                with_client!(GoogleOauth2ProviderConfigInput::builder(), self).build()?,
            ),
            Idp::Known(KnownVendor::Linkedin) => Input::LinkedinOauth2ProviderConfig(
                with_client!(LinkedinOauth2ProviderConfigInput::builder(), self).build()?,
            ),
            Idp::Known(KnownVendor::Salesforce) => Input::SalesforceOauth2ProviderConfig(
                with_client!(SalesforceOauth2ProviderConfigInput::builder(), self).build()?,
            ),
            Idp::Known(KnownVendor::Slack) => {
                Input::SlackOauth2ProviderConfig(with_client!(SlackOauth2ProviderConfigInput::builder(), self).build()?)
            }
            Idp::Microsoft { tenant_id } => {
                let builder = with_client!(MicrosoftOauth2ProviderConfigInput::builder(), self);
                Input::MicrosoftOauth2ProviderConfig(builder.set_tenant_id(tenant_id.clone()).build()?)
            }
            Idp::Included(endpoints) => {
                let builder = with_client!(IncludedOauth2ProviderConfigInput::builder(), self)
                    .set_issuer(endpoints.issuer.clone().map(String::from))
                    .set_authorization_endpoint(endpoints.authorization_endpoint.clone().map(String::from))
                    .set_token_endpoint(endpoints.token_endpoint.clone().map(String::from));
                Input::IncludedOauth2ProviderConfig(builder.build()?)
            }
        })
    }
}
