//! The token endpoint: client authentication (RFC 6749, section 2.3.1) and the client credentials grant (section 4.4).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, header};

use super::claims::Grant;
use super::provider::{ClaimStyle, Client, Provider};

/// An error answer (RFC 6749, section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenError {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) description: String,
}

impl TokenError {
    fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into() }
    }
}

impl Provider {
    /// Decides which grant a token request gets.
    pub(super) fn authorize(&self, request: &Request<Vec<u8>>) -> Result<Grant, TokenError> {
        let media_type = text(request, header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
        if request.method() != Method::POST || media_type != "application/x-www-form-urlencoded" {
            let status = if request.method() == Method::POST { 400 } else { 405 };
            return Err(TokenError::new(status, "invalid_request", "Token requests are POSTs of a form."));
        }
        let mut form: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.body()) {
            if form.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(TokenError::new(400, "invalid_request", format!("The parameter {name} is repeated.")));
            }
        }
        let (client_id, client) = self.authenticate(text(request, header::AUTHORIZATION), &form)?;
        let grant_type = form.get("grant_type").map_or("", String::as_str);
        if grant_type.is_empty() {
            return Err(TokenError::new(400, "invalid_request", "The parameter grant_type is missing."));
        }
        if grant_type != "client_credentials" || self.style == ClaimStyle::Google {
            let description = format!("The grant type {grant_type} is not supported.");
            return Err(TokenError::new(400, "unsupported_grant_type", description));
        }
        if client.unauthorized {
            let description = "The client may not use the grant type client_credentials.";
            return Err(TokenError::new(if self.auth0() { 403 } else { 400 }, "unauthorized_client", description));
        }
        let parameter = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let (scopes, audiences) = self.entitlement(client, parameter)?;
        Ok(Grant { client_id, scopes, audiences })
    }

    fn auth0(&self) -> bool {
        self.style == ClaimStyle::Auth0
    }

    fn authenticate(
        &self,
        authorization: &str,
        form: &BTreeMap<String, String>,
    ) -> Result<(String, &Client), TokenError> {
        // Cognito answers every error with 400; 401 is what the standard asks for where the header was used.
        let status = if self.style == ClaimStyle::Cognito { 400 } else { 401 };
        let refused = || TokenError::new(status, "invalid_client", "Client authentication failed.");
        let posted = |name: &str| form.get(name).cloned();
        let (id, secret, enabled) = match (basic_credentials(authorization), posted("client_secret")) {
            (Some(_), Some(_)) => {
                let description = "The client authenticates in more than one way.";
                return Err(TokenError::new(400, "invalid_request", description));
            }
            (Some((id, secret)), None) => (id, secret, self.basic),
            (None, Some(secret)) => (posted("client_id").ok_or_else(refused)?, secret, self.post),
            (None, None) => return Err(refused()),
        };
        let client = self.clients.get(&id).filter(|client| enabled && client.secret == secret);
        client.map(|client| (id, client)).ok_or_else(refused)
    }

    /// Scopes and audiences of the token for that client and those parameters.
    fn entitlement<'a>(
        &self,
        client: &Client,
        parameter: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(Vec<String>, Vec<String>), TokenError> {
        let requested: Vec<String> =
            parameter("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let unknown = || requested.iter().find(|scope| !client.scopes.contains(scope));
        let granted = || if requested.is_empty() { client.scopes.clone() } else { requested.clone() };
        let default_audience = || self.default_audience.clone().into_iter().collect::<Vec<_>>();
        let entitled = |audience: &str| client.audiences.iter().any(|known| known == audience);
        match self.style {
            ClaimStyle::Cognito => unknown().map_or_else(|| Ok((granted(), Vec::new())), |it| Err(invalid_scope(it))),
            ClaimStyle::Auth0 => {
                let audience = parameter("audience").map_or_else(default_audience, |it| vec![it.to_owned()]);
                if let Some(refused) =
                    audience.iter().find(|it| !entitled(it) && Some(*it) != self.default_audience.as_ref())
                {
                    let description = format!("Client is not authorized to access \"{refused}\".");
                    return Err(TokenError::new(403, "access_denied", description));
                }
                match unknown() {
                    Some(scope) => {
                        let description = format!("Client has not been granted scopes: {scope}.");
                        Err(TokenError::new(403, "access_denied", description))
                    }
                    None => Ok((granted(), audience)),
                }
            }
            ClaimStyle::Okta if requested.is_empty() => {
                let description = "The authorization server has no default scopes: 'scope' must be provided.";
                Err(TokenError::new(400, "invalid_scope", description))
            }
            ClaimStyle::Okta => match unknown() {
                Some(scope) => Err(invalid_scope(scope)),
                None => Ok((requested, default_audience())),
            },
            ClaimStyle::EntraV1 => {
                let resource = parameter("resource").ok_or_else(|| missing("resource"))?;
                if !entitled(resource) {
                    return Err(invalid_resource(resource));
                }
                Ok((client.scopes.clone(), vec![resource.to_owned()]))
            }
            ClaimStyle::EntraV2 => {
                let scope = parameter("scope").ok_or_else(|| missing("scope"))?;
                let Some(resource) = scope.strip_suffix("/.default") else {
                    let description = format!("AADSTS1002012: The provided value for scope {scope} is not valid.");
                    return Err(TokenError::new(400, "invalid_scope", description));
                };
                if !entitled(resource) {
                    return Err(invalid_resource(resource));
                }
                // A version 2 token names the API by its id, whatever the request called it.
                Ok((client.scopes.clone(), vec![resource.trim_start_matches("api://").to_owned()]))
            }
            ClaimStyle::Standard => {
                // RFC 8707: the resource that the client names is one of the audiences.
                let audiences = client.audiences.iter().map(String::as_str).chain(parameter("resource"));
                let audiences = audiences.map(str::to_owned).collect();
                unknown().map_or_else(|| Ok((granted(), audiences)), |it| Err(invalid_scope(it)))
            }
            ClaimStyle::Keycloak | ClaimStyle::Google => {
                let audiences = if client.audiences.is_empty() { default_audience() } else { client.audiences.clone() };
                unknown().map_or_else(|| Ok((granted(), audiences)), |it| Err(invalid_scope(it)))
            }
        }
    }
}

fn invalid_scope(scope: &String) -> TokenError {
    TokenError::new(400, "invalid_scope", format!("The scope {scope} is not one of the client's."))
}

/// Creates Entra ID's error for a parameter that is not there.
fn missing(name: &str) -> TokenError {
    let description = format!("AADSTS900144: The request body must contain the following parameter: '{name}'.");
    TokenError::new(400, "invalid_request", description)
}

/// Creates Entra ID's error for an API that the client has no access to.
fn invalid_resource(resource: &str) -> TokenError {
    let description = format!("AADSTS500011: The resource principal named {resource} was not found.");
    TokenError::new(400, "invalid_resource", description)
}

fn text(request: &Request<Vec<u8>>, name: header::HeaderName) -> &str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Reads basic credentials: user name and password are form-encoded before they are joined.
fn basic_credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        let only = format!("x={text}");
        form_urlencoded::parse(only.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}
