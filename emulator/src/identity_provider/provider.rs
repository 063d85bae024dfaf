//! One identity provider: which product it is, who may ask it for tokens, and where its documents are.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use url::{Position, Url};

use super::fault::ProviderFault;

/// The product that a provider behaves like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimStyle {
    /// Access tokens with `client_id`, `scope` and `token_use`, without `aud`.
    Cognito,
    /// `azp`, and `aud` from the request's `audience` or the tenant's default; without either, an encrypted token.
    Auth0,
    /// `cid`, `aud` of the authorization server, scopes in the list `scp`; a request has to name a scope.
    Okta,
    /// `appid`, and `aud` from the request's `resource`; issued by `sts.windows.net`.
    EntraV1,
    /// `azp`, and `aud` from a scope that ends in `/.default`; the issuer ends in `/v2.0`.
    EntraV2,
    /// `azp`; `aud` only if the client or the realm has audiences mapped.
    Keycloak,
    /// `azp` and `aud`; has no client credentials grant.
    Google,
    /// The claims of RFC 9068 and no product's own: `client_id`, `scope` and `aud`, so that every rule of an authorizer
    /// can be met.
    Standard,
}

/// A client that may ask a provider for tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The client secret.
    pub secret: String,
    /// The scopes it may have. A request without `scope` gets all of them where the product does so.
    pub scopes: Vec<String>,
    /// The audiences (APIs, resources) it may have tokens for.
    pub audiences: Vec<String>,
    /// True if it exists but may not use the client credentials grant.
    pub unauthorized: bool,
}

impl Client {
    /// Creates a client with that secret, without scopes or audiences.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..Self::default() }
    }

    /// Replaces the scopes.
    #[must_use]
    pub fn scopes(self, scopes: &[&str]) -> Self {
        Self { scopes: scopes.iter().map(ToString::to_string).collect(), ..self }
    }

    /// Replaces the audiences.
    #[must_use]
    pub fn audiences(self, audiences: &[&str]) -> Self {
        Self { audiences: audiences.iter().map(ToString::to_string).collect(), ..self }
    }
}

/// An identity provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The issuer: what its documents and its tokens name, with or without a trailing slash.
    pub issuer: String,
    /// The product that it behaves like.
    pub style: ClaimStyle,
    /// Its clients by client id.
    pub clients: BTreeMap<String, Client>,
    /// The audience of tokens whose request or client names none. An Okta authorization server always has one.
    pub default_audience: Option<String>,
    /// True if the token endpoint takes the client's secret as HTTP Basic credentials (`client_secret_basic`).
    pub basic: bool,
    /// True if the token endpoint takes the client's secret in the form (`client_secret_post`).
    pub post: bool,
    /// The ways in which clients authenticate without a secret, by the document: `private_key_jwt`, `tls_client_auth`.
    pub secretless_methods: Vec<&'static str>,
    /// True if it only signs tokens, for workloads of its own, and knows no clients: Kubernetes, EKS, GitHub Actions.
    pub signs_only: bool,
    /// The algorithms that sign ID tokens, by the document.
    pub id_token_algorithms: Vec<&'static str>,
    /// Further members of the document, such as `registration_endpoint`.
    pub members: Map<String, Value>,
    /// The lifetime of a token.
    pub token_lifetime: Duration,
    /// Its fault.
    pub fault: Option<ProviderFault>,
    /// The number of further requests that the fault hits.
    pub fault_requests: u32,
    /// The URL of its token endpoint.
    pub token_endpoint: String,
    /// The URL of its keys.
    pub jwks_uri: String,
    /// The URL that its discovery documents are below, without a trailing slash.
    pub(super) location: String,
}

impl Provider {
    /// Creates a provider without clients, at the addresses its product would have. `issuer` is an https URL, or an
    /// http URL of this machine.
    #[must_use]
    pub fn new(style: ClaimStyle, issuer: &str) -> Self {
        let bare = issuer.trim_end_matches('/');
        // Version 1 of Entra is the one issuer whose documents are on another host.
        let location = bare.replacen("https://sts.windows.net/", "https://login.microsoftonline.com/", 1);
        let tenant = location.trim_end_matches("/v2.0");
        let (token_endpoint, jwks) = match style {
            ClaimStyle::Cognito => (cognito_token_endpoint(&location), "/.well-known/jwks.json"),
            ClaimStyle::Auth0 => (format!("{location}/oauth/token"), "/.well-known/jwks.json"),
            ClaimStyle::Okta => (format!("{location}/v1/token"), "/v1/keys"),
            ClaimStyle::EntraV1 => (format!("{location}/oauth2/token"), "/discovery/keys"),
            ClaimStyle::EntraV2 => (format!("{tenant}/oauth2/v2.0/token"), "/discovery/v2.0/keys"),
            ClaimStyle::Keycloak => {
                (format!("{location}/protocol/openid-connect/token"), "/protocol/openid-connect/certs")
            }
            ClaimStyle::Google => {
                (format!("{}/token", location.replace("accounts.google.", "oauth2.googleapis.")), "/oauth2/v3/certs")
            }
            ClaimStyle::Standard => (format!("{location}/token"), "/jwks.json"),
        };
        let keys_under = if style == ClaimStyle::EntraV2 { tenant } else { &location };
        Self {
            issuer: issuer.to_owned(),
            style,
            clients: BTreeMap::new(),
            default_audience: (style == ClaimStyle::Okta).then(|| "api://default".to_owned()),
            basic: true,
            post: true,
            secretless_methods: Vec::new(),
            signs_only: false,
            id_token_algorithms: vec!["RS256"],
            members: Map::new(),
            token_lifetime: Duration::from_hours(1),
            fault: None,
            fault_requests: u32::MAX,
            token_endpoint,
            jwks_uri: format!("{keys_under}{jwks}"),
            location,
        }
    }

    /// Adds members to the document.
    #[must_use]
    pub fn with_members(mut self, members: &Value) -> Self {
        self.members.extend(members.as_object().cloned().unwrap_or_default());
        self
    }

    /// Adds a client.
    #[must_use]
    pub fn with_client(mut self, client_id: &str, client: Client) -> Self {
        self.clients.insert(client_id.to_owned(), client);
        self
    }

    /// Adds a fault, for every request to come.
    #[must_use]
    pub fn with_fault(self, fault: ProviderFault) -> Self {
        Self { fault: Some(fault), fault_requests: u32::MAX, ..self }
    }

    /// Makes the next `requests` requests that the fault concerns meet it; after those the provider is well.
    pub fn fail_next(&mut self, requests: u32, fault: ProviderFault) {
        self.fault = Some(fault);
        self.fault_requests = requests;
    }

    /// Returns the URL of its OpenID Connect discovery document.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.location)
    }

    /// Returns every URL of its metadata: OpenID Connect's, and those of RFC 8414: with the well-known part before the
    /// issuer's path, as it says, and after it, as products do.
    pub(super) fn metadata_urls(&self) -> Vec<String> {
        let mut urls = vec![self.discovery_url()];
        if matches!(self.style, ClaimStyle::Auth0 | ClaimStyle::Okta | ClaimStyle::Keycloak | ClaimStyle::Standard) {
            let well_known = "/.well-known/oauth-authorization-server";
            urls.push(format!("{}{well_known}", self.location));
            if let Ok(location) = Url::parse(&self.location) {
                let path = location.path().trim_end_matches('/');
                urls.push(format!("{}{well_known}{path}", &location[..Position::BeforePath]));
            }
        }
        urls
    }

    /// Returns true if any of its URLs is at that host and port.
    pub(super) fn is_at(&self, authority: &str) -> bool {
        [&self.location, &self.token_endpoint, &self.jwks_uri].into_iter().any(|url| authority_of(url) == authority)
    }
}

/// Returns host and port of a URL, without the default port of https.
pub(super) fn authority_of(url: &str) -> String {
    Url::parse(url).map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned()).unwrap_or_default()
}

/// Returns a user pool's token endpoint: at its domain, which is named after the pool unless its owner chose otherwise.
fn cognito_token_endpoint(location: &str) -> String {
    let pool = location.strip_prefix("https://cognito-idp.").and_then(|rest| rest.split_once(".amazonaws.com/"));
    match pool {
        Some((region, pool)) => {
            let domain = pool.replace('_', "").to_lowercase();
            format!("https://{domain}.auth.{region}.amazoncognito.com/oauth2/token")
        }
        None => format!("{location}/oauth2/token"),
    }
}
