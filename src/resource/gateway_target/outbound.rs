//! The authorization of the gateway at the server: `OutboundAuth` and the properties that go with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_bedrockagentcorecontrol::types::{
    CredentialProvider, CredentialProviderConfiguration, CredentialProviderType, IamCredentialProvider,
    OAuthCredentialProvider, OAuthGrantType,
};
use aws_smithy_types::error::operation::BuildError;

use crate::error::Error;
use crate::oauth::client::PLAIN_PARAMETERS;
use crate::properties::{Choice, PropertyReader, PropertySet, at_most};
use crate::sensitive::Sensitive;
use crate::text::quote;

/// The service for which calls of a runtime are signed. Without it an MCP server gets nothing from the gateway's role:
/// "IamCredentialProvider is required for mcpServer targets using IAM authentication".
const SIGNING_NAME: &str = "bedrock-agentcore";
const SCOPES_MAX: usize = 100;
const SCOPE_CHARS_MAX: usize = 64;
const PARAMETERS_MAX: usize = 10;
const PARAMETER_KEY_CHARS_MAX: usize = 256;
const PARAMETER_VALUE_CHARS_MAX: usize = 2048;

/// The properties of outbound authorization.
#[derive(Debug, PropertySet)]
pub(super) struct OutboundFields {
    /// `GATEWAY_IAM_ROLE`: signed by the gateway's role. `OAUTH`: with a token. A runtime accepts only one of the
    /// two, which is checked first.
    #[property(name = "OutboundAuth", default = OutboundAuth::GatewayIamRole)]
    kind: OutboundAuth,
    #[property(flatten)]
    oauth: OAuthFields,
}

/// The properties that need `OutboundAuth` OAUTH.
#[derive(Debug, PropertySet)]
struct OAuthFields {
    /// `OAUTH`: the provider. Required there; refused otherwise, like the next three.
    #[property(name = "CredentialProviderArn", default_text = "–", check = check_provider)]
    provider_arn: Option<String>,
    /// `OAUTH`: scopes to ask for, at most 100.
    #[property(name = "Scopes", parse = scopes)]
    scopes: BTreeSet<String>,
    /// `OAUTH`: how the gateway gets the token. `AUTHORIZATION_CODE` needs a schema, because nobody can sign in
    /// while the gateway lists the tools.
    #[property(name = "GrantType", default = OAuthGrantType::ClientCredentials)]
    grant_type: OAuthGrantType,
    /// `OAUTH`: at most 10 further parameters of the token request. Values other than those of `audience`, `resource` and
    /// `scope` are masked wherever they are quoted.
    #[property(name = "CustomParameters", plain_keys = &PLAIN_PARAMETERS, check = check_parameters)]
    parameters: BTreeMap<String, Sensitive>,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum OutboundAuth {
    #[choice("GATEWAY_IAM_ROLE")]
    GatewayIamRole,
    #[choice("OAUTH")]
    OAuth,
}

impl Choice for OAuthGrantType {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [
            ("CLIENT_CREDENTIALS", Self::ClientCredentials),
            ("AUTHORIZATION_CODE", Self::AuthorizationCode),
            ("TOKEN_EXCHANGE", Self::TokenExchange),
        ]
        .into_iter()
    }
}

/// The authorization of the gateway's calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outbound {
    /// Calls are signed as the gateway's role, for this Region, or for the function's if the endpoint names none.
    GatewayIamRole { region: Option<String> },
    /// Calls carry a token of a credential provider.
    OAuth(OAuth),
}

/// A token and the way to get it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OAuth {
    provider_arn: String,
    scopes: BTreeSet<String>,
    grant_type: OAuthGrantType,
    parameters: BTreeMap<String, Sensitive>,
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The values of parameters are sensitive in the service's model.
        write!(f, "{} of {}", self.grant_type.as_str(), self.provider_arn)
    }
}

impl Outbound {
    /// Returns true if somebody has to sign in before the server can be asked anything.
    pub(super) fn needs_person(&self) -> bool {
        matches!(self, Self::OAuth(oauth) if oauth.grant_type == OAuthGrantType::AuthorizationCode)
    }

    /// Returns the authorization that the properties ask for. `region` belongs to the runtime behind the endpoint.
    pub(super) fn new(
        reader: &PropertyReader<'_>,
        fields: OutboundFields,
        region: Option<String>,
    ) -> Result<Self, Error> {
        match (fields.kind, reader.first_given(OAuthFields::TABLE)) {
            (OutboundAuth::OAuth, _) => fields.oauth.required().map(Self::OAuth),
            (OutboundAuth::GatewayIamRole, None) => Ok(Self::GatewayIamRole { region }),
            (OutboundAuth::GatewayIamRole, Some(name)) => {
                let problem =
                    "has no effect when `OutboundAuth` is GATEWAY_IAM_ROLE; set it to OAUTH or leave this out";
                Err(Error::property(name, problem))
            }
        }
    }

    /// Returns our form of the service's members, or `None` for a form that we never write.
    pub(super) fn from_api(live: &[CredentialProviderConfiguration]) -> Option<Self> {
        let [live] = live else { return None };
        match (live.credential_provider_type(), live.credential_provider()?) {
            (CredentialProviderType::GatewayIamRole, CredentialProvider::IamCredentialProvider(iam)) => (iam.service()
                == SIGNING_NAME)
                .then(|| Self::GatewayIamRole { region: iam.region().map(str::to_owned) }),
            (CredentialProviderType::Oauth, CredentialProvider::OauthCredentialProvider(oauth)) => {
                let parameters = oauth.custom_parameters().into_iter().flatten();
                Some(Self::OAuth(OAuth {
                    provider_arn: oauth.provider_arn().to_owned(),
                    scopes: oauth.scopes().iter().cloned().collect(),
                    grant_type: oauth.grant_type().clone(),
                    parameters: parameters.map(|(key, value)| (key.clone(), Sensitive::new(value.as_str()))).collect(),
                }))
            }
            _ => None,
        }
    }

    /// Returns the API's form.
    pub(super) fn to_api(&self) -> Result<CredentialProviderConfiguration, BuildError> {
        let (kind, provider) = match self {
            Self::GatewayIamRole { region } => {
                let iam = IamCredentialProvider::builder().service(SIGNING_NAME).set_region(region.clone()).build()?;
                (CredentialProviderType::GatewayIamRole, CredentialProvider::IamCredentialProvider(iam))
            }
            Self::OAuth(oauth) => {
                let parameters = oauth.parameters.iter();
                let parameters: HashMap<_, _> =
                    parameters.map(|(key, value)| (key.clone(), value.expose().to_owned())).collect();
                let oauth = OAuthCredentialProvider::builder()
                    .provider_arn(&oauth.provider_arn)
                    .set_scopes(Some(oauth.scopes.iter().cloned().collect()))
                    .grant_type(oauth.grant_type.clone())
                    // The API refuses an empty map.
                    .set_custom_parameters((!parameters.is_empty()).then_some(parameters))
                    .build()?;
                (CredentialProviderType::Oauth, CredentialProvider::OauthCredentialProvider(oauth))
            }
        };
        CredentialProviderConfiguration::builder().credential_provider_type(kind).credential_provider(provider).build()
    }
}

impl OAuthFields {
    fn required(self) -> Result<OAuth, Error> {
        let provider_arn = self.provider_arn.ok_or_else(|| {
            Error::property("CredentialProviderArn", "is missing; `OutboundAuth` OAUTH needs a credential provider")
        })?;
        let Self { scopes, grant_type, parameters, .. } = self;
        Ok(OAuth { provider_arn, scopes, grant_type, parameters })
    }
}

/// Checks the scopes against the API's bounds and returns them.
fn scopes(property: &str, scopes: Vec<String>) -> Result<BTreeSet<String>, Error> {
    if scopes.len() > SCOPES_MAX {
        let problem = format!("has {} entries; a target takes at most {SCOPES_MAX}", scopes.len());
        return Err(Error::property(property, problem));
    }
    if let Some(scope) = scopes.iter().find(|scope| scope.chars().count() > SCOPE_CHARS_MAX) {
        let problem = format!("contains {}; a scope has at most {SCOPE_CHARS_MAX} characters", quote(scope));
        return Err(Error::property(property, problem));
    }
    Ok(scopes.into_iter().collect())
}

/// Checks the ARN `arn:…:bedrock-agentcore:…:token-vault/default/oauth2credentialprovider/<name>`. The documentation
/// spells the middle of it in more than one way, so only its ends are checked.
fn check_provider(property: &str, arn: &str) -> Result<(), Error> {
    let fits = match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "bedrock-agentcore", _, _, resource] => {
            resource.starts_with("token-vault/") && !resource.contains("apikey")
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let problem = format!("is {}; give the ARN of an OAuth2 credential provider", quote(arn));
    Err(Error::property(property, problem))
}

/// Checks further parameters for the IdP's token endpoint against the API's bounds.
fn check_parameters(property: &str, parameters: &BTreeMap<String, Sensitive>) -> Result<(), Error> {
    for (key, value) in parameters {
        if key.is_empty() {
            return Err(Error::property(property, "has an entry without a key; give it one or remove it"));
        }
        at_most(property, key, PARAMETER_KEY_CHARS_MAX)?;
        at_most(&format!("{property}.{key}"), value.expose(), PARAMETER_VALUE_CHARS_MAX)?;
    }
    if parameters.len() > PARAMETERS_MAX {
        let problem = format!("has {} entries; a target takes at most {PARAMETERS_MAX}", parameters.len());
        return Err(Error::property(property, problem));
    }
    Ok(())
}
