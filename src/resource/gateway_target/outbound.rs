//! How the gateway authorizes itself at the server: `OutboundAuth` and the properties that go with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_bedrockagentcorecontrol::types::{
    CredentialProvider, CredentialProviderConfiguration, CredentialProviderType, IamCredentialProvider,
    OAuthCredentialProvider, OAuthGrantType,
};
use aws_smithy_types::error::operation::BuildError;

use crate::error::Error;
use crate::oauth::client::custom_parameters;
use crate::properties::{PropertyReader, at_most};
use crate::sensitive::Sensitive;
use crate::text::quote;

/// The service that calls of a runtime are signed for. Without it the gateway's role is of no use to an MCP server:
/// "IamCredentialProvider is required for mcpServer targets using IAM authentication".
const SIGNING_NAME: &str = "bedrock-agentcore";
const SCOPES_MAX: usize = 100;
const SCOPE_CHARS_MAX: usize = 64;
const PARAMETERS_MAX: usize = 10;
const PARAMETER_KEY_CHARS_MAX: usize = 256;
const PARAMETER_VALUE_CHARS_MAX: usize = 2048;
/// The properties that only `OutboundAuth` OAUTH has a use for.
const OAUTH_ONLY: [&str; 4] = ["CredentialProviderArn", "Scopes", "GrantType", "CustomParameters"];

/// How the gateway authorizes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outbound {
    /// Signed as the gateway's role, for this Region; for that of the function if the endpoint names none.
    GatewayIamRole { region: Option<String> },
    /// With a token of a credential provider.
    OAuth(OAuth),
}

/// A token and how to get it.
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
    /// Whether somebody has to sign in before the server can be asked anything.
    pub(super) fn needs_person(&self) -> bool {
        matches!(self, Self::OAuth(oauth) if oauth.grant_type == OAuthGrantType::AuthorizationCode)
    }

    pub(super) fn read(reader: &PropertyReader<'_>, region: Option<String>) -> Result<Self, Error> {
        let oauth = reader.choice("OutboundAuth", &[("GATEWAY_IAM_ROLE", false), ("OAUTH", true)])?;
        if oauth.unwrap_or(false) {
            return OAuth::read(reader).map(Self::OAuth);
        }
        match OAUTH_ONLY.into_iter().find(|name| reader.is_given(name)) {
            Some(name) => {
                let problem =
                    "has no effect when `OutboundAuth` is GATEWAY_IAM_ROLE; set it to OAUTH or leave this out";
                Err(Error::property(name, problem))
            }
            None => Ok(Self::GatewayIamRole { region }),
        }
    }

    /// Our form of what the service reports; `None` for what we never write.
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

    /// The API's form.
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

impl OAuth {
    fn read(reader: &PropertyReader<'_>) -> Result<Self, Error> {
        let provider_arn = reader.string("CredentialProviderArn")?.ok_or_else(|| {
            Error::property("CredentialProviderArn", "is missing; `OutboundAuth` OAUTH needs a credential provider")
        })?;
        check_provider(&provider_arn)?;
        let scopes = reader.list("Scopes")?;
        if scopes.len() > SCOPES_MAX {
            let problem = format!("has {} entries; a target takes at most {SCOPES_MAX}", scopes.len());
            return Err(Error::property("Scopes", problem));
        }
        if let Some(scope) = scopes.iter().find(|scope| scope.chars().count() > SCOPE_CHARS_MAX) {
            let problem = format!("contains {}; a scope has at most {SCOPE_CHARS_MAX} characters", quote(scope));
            return Err(Error::property("Scopes", problem));
        }
        let grant_types = [
            ("CLIENT_CREDENTIALS", "CLIENT_CREDENTIALS"),
            ("AUTHORIZATION_CODE", "AUTHORIZATION_CODE"),
            ("TOKEN_EXCHANGE", "TOKEN_EXCHANGE"),
        ];
        let grant_type = reader.choice("GrantType", &grant_types)?.unwrap_or("CLIENT_CREDENTIALS");
        Ok(Self {
            provider_arn,
            scopes: scopes.into_iter().collect(),
            grant_type: OAuthGrantType::from(grant_type),
            parameters: parameters(reader)?,
        })
    }
}

/// `arn:…:bedrock-agentcore:…:token-vault/default/oauth2credentialprovider/<name>`. The documentation spells the middle
/// of it in more than one way, so only its ends are looked at.
fn check_provider(arn: &str) -> Result<(), Error> {
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
    Err(Error::property("CredentialProviderArn", problem))
}

/// Further parameters for the IdP's token endpoint, within the API's bounds.
fn parameters(reader: &PropertyReader<'_>) -> Result<BTreeMap<String, Sensitive>, Error> {
    const NAME: &str = "CustomParameters";
    let parameters = custom_parameters(reader)?;
    for (key, value) in &parameters {
        if key.is_empty() {
            return Err(Error::property(NAME, "has an entry without a key; give it one or remove it"));
        }
        at_most(NAME, key, PARAMETER_KEY_CHARS_MAX)?;
        at_most(&format!("{NAME}.{key}"), value.expose(), PARAMETER_VALUE_CHARS_MAX)?;
    }
    if parameters.len() > PARAMETERS_MAX {
        let problem = format!("has {} entries; a target takes at most {PARAMETERS_MAX}", parameters.len());
        return Err(Error::property(NAME, problem));
    }
    Ok(parameters)
}
