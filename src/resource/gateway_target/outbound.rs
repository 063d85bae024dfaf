//! The authorization of the gateway at the server: `OutboundAuth` and the properties that go with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_bedrockagentcorecontrol::types::{
    CredentialProvider, CredentialProviderConfiguration, CredentialProviderType, IamCredentialProvider,
    OAuthCredentialProvider, OAuthGrantType,
};
use aws_smithy_types::error::operation::BuildError;

use super::api_key::{ApiKey, ApiKeyFields};
use crate::arn::Arn;
use crate::error::Error;
use crate::mcp::ServerUrl;
use crate::mcp::url::Place;
use crate::oauth::client::PLAIN_PARAMETERS;
use crate::properties::{Choice, PropertyReader, PropertySet, at_most};
use crate::sensitive::Sensitive;
use crate::text::quote;

/// The service for which calls of AgentCore are signed. Without a service an MCP server gets nothing from the gateway's
/// role: "IamCredentialProvider is required for mcpServer targets using IAM authentication".
const SIGNING_NAME: &str = "bedrock-agentcore";
const SERVICE_CHARS_MAX: usize = 64;
const REGION_CHARS_MAX: usize = 32;
const SCOPES_MAX: usize = 100;
const SCOPE_CHARS_MAX: usize = 64;
const PARAMETERS_MAX: usize = 10;
const PARAMETER_KEY_CHARS_MAX: usize = 256;
const PARAMETER_VALUE_CHARS_MAX: usize = 2048;

/// The properties of outbound authorization.
#[derive(Debug, PropertySet)]
pub(super) struct OutboundFields {
    /// `GATEWAY_IAM_ROLE`: signed by the gateway's role. `OAUTH`: with a token. `API_KEY`: with a key. `NONE`: without
    /// credentials. A runtime accepts only signatures or only tokens, which is checked first.
    #[property(name = "OutboundAuth", default = OutboundAuth::GatewayIamRole)]
    kind: OutboundAuth,
    #[property(flatten)]
    iam: IamFields,
    #[property(flatten)]
    provider: ProviderFields,
    #[property(flatten)]
    oauth: OAuthFields,
    #[property(flatten)]
    api_key: ApiKeyFields,
}

/// The properties that need `OutboundAuth` GATEWAY_IAM_ROLE.
#[derive(Debug, PropertySet)]
struct IamFields {
    /// `GATEWAY_IAM_ROLE`: service for which calls are signed, such as `execute-api`, `lambda` or `vpc-lattice-svcs` for a
    /// server behind it.
    #[property(name = "IamService", default_text = "`bedrock-agentcore`", chars = SERVICE_CHARS_MAX, check = check_service)]
    service: Option<String>,
    /// `GATEWAY_IAM_ROLE`: Region for which calls are signed.
    #[property(
        name = "IamRegion",
        default_text = "that of an AgentCore `Endpoint`, otherwise the function's",
        chars = REGION_CHARS_MAX,
        check = check_region
    )]
    region: Option<String>,
}

/// The properties that need a credential provider.
#[derive(Debug, PropertySet)]
struct ProviderFields {
    /// `OAUTH`, `API_KEY`: the provider, of that kind, in the gateway's account and Region. Required there.
    #[property(name = "CredentialProviderArn", default_text = "–")]
    arn: Option<String>,
}

/// The properties that need `OutboundAuth` OAUTH.
#[derive(Debug, PropertySet)]
struct OAuthFields {
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
    #[choice("API_KEY")]
    ApiKey,
    #[choice("NONE")]
    Nothing,
}

impl OutboundAuth {
    fn word(self) -> &'static str {
        Self::choices().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
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
    /// Calls are signed as the gateway's role, for this service and Region, or for the function's Region.
    GatewayIamRole { service: String, region: Option<String> },
    /// Calls carry a token of a credential provider.
    OAuth(OAuth),
    /// Calls carry the key of a credential provider.
    ApiKey(ApiKey),
    /// Calls carry no credentials.
    Nothing,
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

    /// Returns the ARN of the credential provider.
    pub(super) fn provider_arn(&self) -> Option<&str> {
        match self {
            Self::OAuth(oauth) => Some(&oauth.provider_arn),
            Self::ApiKey(key) => Some(&key.provider_arn),
            Self::GatewayIamRole { .. } | Self::Nothing => None,
        }
    }

    /// Returns the authorization that the properties ask for, at the server `endpoint`.
    pub(super) fn new(
        reader: &PropertyReader<'_>,
        fields: OutboundFields,
        endpoint: &ServerUrl,
    ) -> Result<Self, Error> {
        use OutboundAuth::{ApiKey as Key, GatewayIamRole, Nothing, OAuth as Token};
        let OutboundFields { kind, iam, provider, oauth, api_key } = fields;
        let groups = [
            (IamFields::TABLE, &[GatewayIamRole][..]),
            (ProviderFields::TABLE, &[Token, Key]),
            (OAuthFields::TABLE, &[Token]),
            (ApiKeyFields::TABLE, &[Key]),
        ];
        for (table, kinds) in groups.into_iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
            if let Some(name) = reader.first_given(table) {
                let wanted = kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" or ");
                let problem = format!(
                    "has no effect when `OutboundAuth` is {}; set it to {wanted} or leave this out",
                    kind.word()
                );
                return Err(Error::property(name, problem));
            }
        }
        match kind {
            GatewayIamRole => iam.at(endpoint),
            Token => {
                let OAuthFields { scopes, grant_type, parameters } = oauth;
                let provider_arn = provider.required(kind, "an OAuth2", |noun| !noun.contains("key"))?;
                Ok(Self::OAuth(OAuth { provider_arn, scopes, grant_type, parameters }))
            }
            Key => {
                let provider_arn = provider.required(kind, "an API key", |noun| noun.contains("key"))?;
                api_key.at(provider_arn, endpoint).map(Self::ApiKey)
            }
            Nothing if endpoint.place() == Place::Runtime => {
                let problem = "is NONE, and a runtime takes no calls without credentials; set it to GATEWAY_IAM_ROLE, or to \
                               OAUTH for a runtime whose `InboundAuth` is JWT";
                Err(Error::property("OutboundAuth", problem))
            }
            Nothing => Ok(Self::Nothing),
        }
    }

    /// Returns our form of the service's members, or `None` for a form that we never write.
    pub(super) fn from_api(live: &[CredentialProviderConfiguration]) -> Option<Self> {
        let live = match live {
            [] => return Some(Self::Nothing),
            [live] => live,
            _ => return None,
        };
        match (live.credential_provider_type(), live.credential_provider()?) {
            (CredentialProviderType::GatewayIamRole, CredentialProvider::IamCredentialProvider(iam)) => {
                let region = iam.region().map(str::to_owned);
                Some(Self::GatewayIamRole { service: iam.service().to_owned(), region })
            }
            (CredentialProviderType::Oauth, CredentialProvider::OauthCredentialProvider(oauth)) => {
                let parameters = oauth.custom_parameters().into_iter().flatten();
                Some(Self::OAuth(OAuth {
                    provider_arn: oauth.provider_arn().to_owned(),
                    scopes: oauth.scopes().iter().cloned().collect(),
                    grant_type: oauth.grant_type().clone(),
                    parameters: parameters.map(|(key, value)| (key.clone(), Sensitive::new(value.as_str()))).collect(),
                }))
            }
            (CredentialProviderType::ApiKey, CredentialProvider::ApiKeyCredentialProvider(key)) => {
                ApiKey::from_api(key).map(Self::ApiKey)
            }
            _ => None,
        }
    }

    /// Returns the API's form. `None` stands for no credentials: the API refuses an empty list.
    pub(super) fn to_api(&self) -> Result<Option<CredentialProviderConfiguration>, BuildError> {
        let (kind, provider) = match self {
            Self::Nothing => return Ok(None),
            Self::GatewayIamRole { service, region } => {
                let iam = IamCredentialProvider::builder().service(service).set_region(region.clone()).build()?;
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
            Self::ApiKey(key) => {
                (CredentialProviderType::ApiKey, CredentialProvider::ApiKeyCredentialProvider(key.to_api()?))
            }
        };
        let configuration = CredentialProviderConfiguration::builder().credential_provider_type(kind);
        configuration.credential_provider(provider).build().map(Some)
    }
}

impl IamFields {
    /// Returns signatures for the server `endpoint`. AgentCore accepts those for its own service and Region only.
    fn at(self, endpoint: &ServerUrl) -> Result<Outbound, Error> {
        let Some(region) = endpoint.region() else {
            let service = self.service.unwrap_or_else(|| SIGNING_NAME.to_owned());
            return Ok(Outbound::GatewayIamRole { service, region: self.region });
        };
        for (name, given, accepted) in
            [("IamService", &self.service, SIGNING_NAME), ("IamRegion", &self.region, region)]
        {
            if let Some(given) = given.as_deref().filter(|given| *given != accepted) {
                let problem =
                    format!("is {}, and `Endpoint` takes signatures for {accepted} only; leave this out", quote(given));
                return Err(Error::property(name, problem));
            }
        }
        Ok(Outbound::GatewayIamRole { service: SIGNING_NAME.to_owned(), region: Some(region.to_owned()) })
    }
}

impl ProviderFields {
    /// Checks the ARN `arn:…:bedrock-agentcore:…:token-vault/default/oauth2credentialprovider/<name>`, or the same with
    /// `apikeycredentialprovider`. The documentation spells this noun in more than one way, so that `is_kind` only looks
    /// for a word in it.
    fn required(self, auth: OutboundAuth, kind: &str, is_kind: fn(&str) -> bool) -> Result<String, Error> {
        const NAME: &str = "CredentialProviderArn";
        let arn = self.arn.ok_or_else(|| {
            Error::property(
                NAME,
                format!("is missing; `OutboundAuth` {} needs {kind} credential provider", auth.word()),
            )
        })?;
        let is_provider = |arn: Arn<'_>| {
            matches!(arn.resource.split('/').collect::<Vec<_>>().as_slice(),
                ["token-vault", _, noun, name] if is_kind(noun) && !name.is_empty())
        };
        if Arn::of_service("bedrock-agentcore", &arn).is_some_and(is_provider) {
            return Ok(arn);
        }
        Err(Error::property(NAME, format!("is {}; give the ARN of {kind} credential provider", quote(&arn))))
    }
}

/// Checks a service against `[a-zA-Z0-9._-]+` (API reference, IamCredentialProvider).
fn check_service(property: &str, service: &str) -> Result<(), Error> {
    if service.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return Ok(());
    }
    let problem =
        format!("is {}; give the name for which the service is signed, such as `execute-api`", quote(service));
    Err(Error::property(property, problem))
}

/// Checks a Region against `[a-zA-Z0-9-]+` (API reference, IamCredentialProvider).
fn check_region(property: &str, region: &str) -> Result<(), Error> {
    if region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(());
    }
    Err(Error::property(property, format!("is {}; give a Region, such as `us-east-1`", quote(region))))
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
