//! The place of an API key in the gateway's requests: `ApiKeyLocation`, `ApiKeyParameterName` and `ApiKeyPrefix`.
//!
//! All members are sent, because the API reference does not document their defaults.

use aws_sdk_bedrockagentcorecontrol::types::{ApiKeyCredentialLocation, GatewayApiKeyCredentialProvider};
use aws_smithy_types::error::operation::BuildError;
use http::HeaderName;

use crate::error::Error;
use crate::mcp::ServerUrl;
use crate::properties::{Choice, PropertySet};
use crate::text::quote;

const LOCATION: &str = "ApiKeyLocation";
const PARAMETER: &str = "ApiKeyParameterName";
const PREFIX: &str = "ApiKeyPrefix";
/// The maximum length of a name and of a prefix (API reference, ApiKeyCredentialProvider).
const CHARS_MAX: usize = 64;
/// The header and the prefix of a key for which the template names neither (RFC 6750, section 2.1).
const HEADER_DEFAULT: &str = "Authorization";
const PREFIX_DEFAULT: &str = "Bearer";
/// Headers that the gateway sends with a meaning of their own, besides those of MCP.
const RESERVED: [&str; 6] = ["accept", "connection", "content-length", "content-type", "host", "transfer-encoding"];

/// The properties that need `OutboundAuth` API_KEY.
#[derive(Debug, PropertySet)]
pub(super) struct ApiKeyFields {
    /// `API_KEY`: where requests carry the key.
    #[property(name = "ApiKeyLocation", default = ApiKeyCredentialLocation::Header)]
    location: ApiKeyCredentialLocation,
    /// `API_KEY`: name of the header or of the query parameter. Required for `QUERY_PARAMETER`.
    #[property(name = "ApiKeyParameterName", default_text = "`Authorization`", chars = CHARS_MAX)]
    parameter: Option<String>,
    /// `API_KEY` in a header: text before the key, which a space follows.
    #[property(name = "ApiKeyPrefix", default_text = "`Bearer` without `ApiKeyParameterName`, otherwise none", chars = CHARS_MAX)]
    prefix: Option<String>,
}

impl Choice for ApiKeyCredentialLocation {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("HEADER", Self::Header), ("QUERY_PARAMETER", Self::QueryParameter)].into_iter()
    }
}

/// A key and its place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiKey {
    pub(super) provider_arn: String,
    location: ApiKeyCredentialLocation,
    /// The header or the query parameter.
    parameter: String,
    prefix: Option<String>,
}

impl ApiKeyFields {
    /// Returns the place of the key in requests to `endpoint`.
    pub(super) fn at(self, provider_arn: String, endpoint: &ServerUrl) -> Result<ApiKey, Error> {
        let Self { location, parameter, prefix } = self;
        if location == ApiKeyCredentialLocation::QueryParameter {
            let parameter = parameter.ok_or_else(|| {
                Error::property(
                    PARAMETER,
                    format!("is missing; `{LOCATION}` QUERY_PARAMETER needs the parameter's name"),
                )
            })?;
            if prefix.is_some() {
                let problem = format!("has no effect when `{LOCATION}` is QUERY_PARAMETER; leave it out");
                return Err(Error::property(PREFIX, problem));
            }
            if endpoint.url().parsed().query_pairs().any(|(name, _)| name == parameter.as_str()) {
                let problem =
                    format!("is {}, which `Endpoint` has in its query already; remove it there", quote(&parameter));
                return Err(Error::property(PARAMETER, problem));
            }
            return Ok(ApiKey { provider_arn, location, parameter, prefix: None });
        }
        let prefix = prefix.or_else(|| parameter.is_none().then(|| PREFIX_DEFAULT.to_owned()));
        let parameter = parameter.unwrap_or_else(|| HEADER_DEFAULT.to_owned());
        check_header(&parameter)?;
        if let Some(prefix) = prefix.as_ref().filter(|prefix| !prefix.chars().all(|c| matches!(c, ' '..='~'))) {
            let problem = format!("is {}, which a header cannot hold; use printable ASCII characters", quote(prefix));
            return Err(Error::property(PREFIX, problem));
        }
        Ok(ApiKey { provider_arn, location, parameter, prefix })
    }
}

impl ApiKey {
    /// Returns the header that carries the key.
    pub(super) fn header(&self) -> Option<&str> {
        (self.location == ApiKeyCredentialLocation::Header).then_some(&self.parameter)
    }

    /// Returns our form of the service's members, or `None` for a form that we never write.
    pub(super) fn from_api(live: &GatewayApiKeyCredentialProvider) -> Option<Self> {
        Some(Self {
            provider_arn: live.provider_arn().to_owned(),
            location: live.credential_location()?.clone(),
            parameter: live.credential_parameter_name()?.to_owned(),
            prefix: live.credential_prefix().map(str::to_owned),
        })
    }

    /// Returns the API's form.
    pub(super) fn to_api(&self) -> Result<GatewayApiKeyCredentialProvider, BuildError> {
        GatewayApiKeyCredentialProvider::builder()
            .provider_arn(&self.provider_arn)
            .credential_location(self.location.clone())
            .credential_parameter_name(&self.parameter)
            .set_credential_prefix(self.prefix.clone())
            .build()
    }
}

fn check_header(name: &str) -> Result<(), Error> {
    let lower = name.to_ascii_lowercase();
    let problem = if HeaderName::from_bytes(name.as_bytes()).is_err() {
        "which is not a header name"
    } else if RESERVED.contains(&lower.as_str()) || lower.starts_with("mcp-") {
        "which the gateway sends with another meaning"
    } else {
        return Ok(());
    };
    let problem = format!("is {}, {problem}; name the header in which the server expects the key", quote(name));
    Err(Error::property(PARAMETER, problem))
}
