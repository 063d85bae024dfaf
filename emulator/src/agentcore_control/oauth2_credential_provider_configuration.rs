//! The configuration of an OAuth2 credential provider: which member goes with which vendor, and what it may hold.

use serde_json::{Map, Value, json};

use super::errors::invalid;
use super::provider_secret::{CLIENT_SECRET, GivenSecret};
use crate::input::{others, required, text};
use crate::service::ApiError;

/// The addresses of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// In the discovery document at this URL.
    Url(String),
    /// Given outright.
    Metadata {
        /// The issuer.
        issuer: String,
        /// The authorization endpoint.
        authorization_endpoint: String,
        /// The token endpoint.
        token_endpoint: String,
    },
}

/// The way in which a client authenticates at a token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `CLIENT_SECRET_BASIC`: in the `Authorization` header.
    Basic,
    /// `CLIENT_SECRET_POST`: in the form.
    Post,
}

/// The configuration that a create or an update asks for.
pub(super) struct Configuration {
    pub(super) client_id: String,
    pub(super) discovery: Discovery,
    pub(super) client_authentication: ClientAuthentication,
    pub(super) secret: GivenSecret,
    /// `oauth2ProviderConfigOutput`.
    pub(super) shown: Value,
    /// Members of the call that no service model has.
    pub(super) others: Map<String, Value>,
}

impl Configuration {
    pub(super) fn of(
        input: &Map<String, Value>,
        check_url: impl Fn(&str, &str) -> Result<(), ApiError>,
    ) -> Result<Self, ApiError> {
        let vendor = required(input, "credentialProviderVendor");
        let member = member_of(vendor);
        let config = given(input)
            .filter(|(name, _)| *name == member)
            .map(|(_, config)| config)
            .ok_or_else(|| invalid(format!("oauth2ProviderConfigInput must have {member} for the vendor {vendor}.")))?;
        let client_id = text(config, "clientId").unwrap_or_default().to_owned();
        if client_id.is_empty() {
            return Err(invalid("clientId is required to authenticate with a client secret."));
        }
        let secret = GivenSecret::of(config, &CLIENT_SECRET)?;
        let (discovery, shown) = if member == CUSTOM {
            let mut shown = config.clone();
            shown.retain(|name, _| !name.starts_with("clientSecret"));
            (custom_discovery(config)?, Value::Object(shown))
        } else {
            let discovery = vendor_discovery(vendor, config)?;
            let mut shown = config.clone();
            shown.retain(|name, _| !name.starts_with("clientSecret") && !ENDPOINTS.contains(&name.as_str()));
            shown.insert("oauthDiscovery".to_owned(), discovery.as_member());
            (discovery, Value::Object(shown))
        };
        discovery.urls().into_iter().try_for_each(|(name, url)| check_url(name, url))?;
        let client_authentication = client_authentication(config)?;
        Ok(Self {
            client_id,
            discovery,
            client_authentication,
            secret,
            shown: json!({member: shown}),
            others: others(input, &KNOWN),
        })
    }
}

/// The members of a create or an update that are kept apart.
const KNOWN: [&str; 4] = ["credentialProviderVendor", "name", "oauth2ProviderConfigInput", "tags"];

/// The members of a vendor that `oauthDiscovery` shows in another form.
const ENDPOINTS: [&str; 4] = ["authorizationEndpoint", "issuer", "tenantId", "tokenEndpoint"];

const CUSTOM: &str = "customOauth2ProviderConfig";

/// Returns the one member of `oauth2ProviderConfigInput`. The service model ensures that it has just one.
pub(super) fn given(input: &Map<String, Value>) -> Option<(&str, &Map<String, Value>)> {
    let (name, config) = input.get("oauth2ProviderConfigInput")?.as_object()?.iter().next()?;
    Some((name, config.as_object()?))
}

/// Returns the member of a vendor's configuration [API CreateOauth2CredentialProvider].
fn member_of(vendor: &str) -> &'static str {
    match vendor {
        "CustomOauth2" => CUSTOM,
        "GoogleOauth2" => "googleOauth2ProviderConfig",
        "GithubOauth2" => "githubOauth2ProviderConfig",
        "SlackOauth2" => "slackOauth2ProviderConfig",
        "SalesforceOauth2" => "salesforceOauth2ProviderConfig",
        "MicrosoftOauth2" => "microsoftOauth2ProviderConfig",
        "AtlassianOauth2" => "atlassianOauth2ProviderConfig",
        "LinkedinOauth2" => "linkedinOauth2ProviderConfig",
        _ => "includedOauth2ProviderConfig",
    }
}

fn custom_discovery(config: &Map<String, Value>) -> Result<Discovery, ApiError> {
    let discovery = &config["oauthDiscovery"];
    if let Some(url) = discovery["discoveryUrl"].as_str() {
        return Ok(Discovery::Url(url.to_owned()));
    }
    let metadata = discovery["authorizationServerMetadata"].as_object().cloned().unwrap_or_default();
    metadata_of(&metadata)
}

/// Returns a vendor's own addresses; those of a tenant come with the call.
fn vendor_discovery(vendor: &str, config: &Map<String, Value>) -> Result<Discovery, ApiError> {
    let url = match vendor {
        "GoogleOauth2" => "https://accounts.google.com/.well-known/openid-configuration".to_owned(),
        "SlackOauth2" => "https://slack.com/.well-known/openid-configuration".to_owned(),
        "SalesforceOauth2" => "https://login.salesforce.com/.well-known/openid-configuration".to_owned(),
        "LinkedinOauth2" => "https://www.linkedin.com/oauth/.well-known/openid-configuration".to_owned(),
        "MicrosoftOauth2" => {
            let tenant = text(config, "tenantId").unwrap_or("common");
            format!("https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration")
        }
        "GithubOauth2" => return Ok(metadata_at("https://github.com/login/oauth", "/authorize", "/access_token")),
        "AtlassianOauth2" => return Ok(metadata_at("https://auth.atlassian.com", "/authorize", "/oauth/token")),
        // AWS does not document if a vendor with addresses of its own needs them in the call, so every one does.
        _ => return metadata_of(config),
    };
    Ok(Discovery::Url(url))
}

fn metadata_at(issuer: &str, authorize: &str, token: &str) -> Discovery {
    Discovery::Metadata {
        issuer: issuer.to_owned(),
        authorization_endpoint: format!("{issuer}{authorize}"),
        token_endpoint: format!("{issuer}{token}"),
    }
}

fn metadata_of(members: &Map<String, Value>) -> Result<Discovery, ApiError> {
    let member = |name: &str| {
        let url = text(members, name).ok_or_else(|| invalid(format!("{name} is required for this vendor.")))?;
        Ok(url.to_owned())
    };
    Ok(Discovery::Metadata {
        issuer: member("issuer")?,
        authorization_endpoint: member("authorizationEndpoint")?,
        token_endpoint: member("tokenEndpoint")?,
    })
}

impl Discovery {
    /// Returns the addresses in it, with their members' names.
    fn urls(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Url(url) => vec![("discoveryUrl", url)],
            Self::Metadata { issuer, authorization_endpoint, token_endpoint } => vec![
                ("issuer", issuer),
                ("authorizationEndpoint", authorization_endpoint),
                ("tokenEndpoint", token_endpoint),
            ],
        }
    }

    /// Formats the addresses as `oauthDiscovery` of the API.
    fn as_member(&self) -> Value {
        match self {
            Self::Url(url) => json!({"discoveryUrl": url}),
            Self::Metadata { issuer, authorization_endpoint, token_endpoint } => {
                json!({"authorizationServerMetadata": {
                    "issuer": issuer,
                    "authorizationEndpoint": authorization_endpoint,
                    "tokenEndpoint": token_endpoint,
                }})
            }
        }
    }
}

/// Returns `CLIENT_SECRET_BASIC` unless the call says otherwise [DG client-auth-methods].
fn client_authentication(config: &Map<String, Value>) -> Result<ClientAuthentication, ApiError> {
    let metadata = config.get("oauthDiscovery").and_then(|it| it.get("authorizationServerMetadata"));
    let methods = metadata.and_then(|it| it.get("tokenEndpointAuthMethods")).and_then(Value::as_array);
    match (text(config, "clientAuthenticationMethod"), methods) {
        (Some(_), Some(_)) => {
            Err(invalid("clientAuthenticationMethod cannot be combined with tokenEndpointAuthMethods."))
        }
        (Some("CLIENT_SECRET_BASIC") | None, None) => Ok(ClientAuthentication::Basic),
        (Some("CLIENT_SECRET_POST"), None) => Ok(ClientAuthentication::Post),
        (Some(other), None) => Err(invalid(format!("the emulator has no clientAuthenticationMethod {other}"))),
        (None, Some(methods)) if methods.iter().any(|method| method == "client_secret_basic") => {
            Ok(ClientAuthentication::Basic)
        }
        (None, Some(_)) => Ok(ClientAuthentication::Post),
    }
}
