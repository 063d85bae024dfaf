//! Identity providers: OAuth 2.0 authorization servers that issue the tokens JWT authorizers check.
//!
//! A provider lives in the account's world under its issuer's https host. Differences between products (claims, paths,
//! token requests, refusals) follow [`ClaimStyle`]; faults are [`ProviderFault`]s.

mod claims;
mod discovery;
mod fault;
mod keys;
mod provider;
mod real;
mod token_endpoint;

use std::time::SystemTime;

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::{Value, json};

use self::claims::Grant;
pub(crate) use self::fault::HANGS_FOR;
pub use self::fault::{Endpoint, Failure, ProviderFault};
pub(crate) use self::keys::{header_and_claims, verify_rs256};
pub use self::provider::{ClaimStyle, Client, Provider};
pub use self::real::RealProvider;

/// Every identity provider that exists.
#[derive(Debug, Default)]
pub struct IdentityProviders {
    providers: Vec<Provider>,
    /// Providers that are not emulated.
    real: Vec<RealProvider>,
    requests: Vec<ProviderRequest>,
}

/// A request that reached a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRequest {
    /// The time.
    pub at: SystemTime,
    /// Its method.
    pub method: Method,
    /// Its URL, without the query.
    pub url: String,
    /// The HTTP status it was answered with; none if it was not answered.
    pub status: Option<u16>,
}

impl IdentityProviders {
    /// Adds a provider, in place of any with the same issuer.
    pub fn add(&mut self, provider: Provider) {
        self.providers.retain(|known| known.issuer != provider.issuer);
        self.providers.push(provider);
    }

    /// Adds a real provider. It comes before an emulated one at the same host.
    pub fn add_real(&mut self, provider: RealProvider) {
        self.real.retain(|known| known.issuer() != provider.issuer());
        self.real.push(provider);
    }

    /// Returns the real provider that a request, whose URI is absolute, is meant for.
    pub(crate) fn real_for(&self, request: &Request<Vec<u8>>) -> Option<RealProvider> {
        let url = url_of(request.uri());
        self.real.iter().find(|real| real.is_at(&provider::authority_of(&url))).cloned()
    }

    /// Keeps the documents of real providers as they were read last.
    pub(crate) fn note(&mut self, request: &Request<Vec<u8>>, response: &Response<Vec<u8>>) {
        self.real.iter_mut().for_each(|provider| provider.note(request, response));
    }

    /// Returns the provider of an issuer, as its documents spell it.
    #[must_use]
    pub fn provider(&self, issuer: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.issuer == issuer)
    }

    /// Returns the provider of an issuer to change it: its clients, its fault.
    pub fn provider_mut(&mut self, issuer: &str) -> Option<&mut Provider> {
        self.providers.iter_mut().find(|provider| provider.issuer == issuer)
    }

    /// Returns true if a provider has this host, with its port unless that is 443.
    pub(crate) fn is_host(&self, authority: &str) -> bool {
        self.providers.iter().any(|provider| provider.is_at(authority))
            || self.real.iter().any(|provider| provider.is_at(authority))
    }

    /// Returns every request that reached a provider, in order.
    #[must_use]
    pub fn requests(&self) -> &[ProviderRequest] {
        &self.requests
    }
}

/// The outcome of a request to a provider.
#[derive(Debug)]
pub(crate) enum ProviderAnswer {
    /// This comes back.
    Sent(Response<Vec<u8>>),
    /// The connection is refused.
    Unreachable,
    /// Nothing comes back.
    Nothing,
}

impl IdentityProviders {
    /// Answers one request, whose URI is absolute, and records it. `None`: no provider has that host.
    pub(crate) fn serve(&mut self, request: &Request<Vec<u8>>, now: SystemTime) -> Option<ProviderAnswer> {
        let url = url_of(request.uri());
        let (index, endpoint) = self.find(&url)?;
        let answer = self.providers[index].answer(endpoint, request, now);
        let provider = &mut self.providers[index];
        if endpoint.is_some_and(|endpoint| provider.fault_at(endpoint).is_some()) {
            provider.fault_requests = provider.fault_requests.saturating_sub(1);
        }
        let status = match &answer {
            ProviderAnswer::Sent(response) => Some(response.status().as_u16()),
            ProviderAnswer::Unreachable | ProviderAnswer::Nothing => None,
        };
        self.requests.push(ProviderRequest { at: now, method: request.method().clone(), url, status });
        Some(answer)
    }

    /// Reads the JSON document at a URL as an authorizer of AWS does: without a trace, and without wearing out a fault.
    pub(crate) fn read(&self, url: &str, now: SystemTime) -> Option<Value> {
        if let Some(document) = self.real.iter().find_map(|provider| provider.document(url)) {
            return Some(document);
        }
        let request = Request::get(url).body(Vec::new()).ok()?;
        let (index, endpoint) = self.find(&url_of(request.uri()))?;
        match self.providers[index].answer(endpoint, &request, now) {
            ProviderAnswer::Sent(response) if response.status() == StatusCode::OK => {
                serde_json::from_slice(response.body()).ok()
            }
            _ => None,
        }
    }

    /// Finds the provider that serves a URL, and the endpoint there; a provider at the URL's host without an endpoint
    /// if none serves it.
    fn find(&self, url: &str) -> Option<(usize, Option<Endpoint>)> {
        let endpoints = self.providers.iter().map(|provider| provider.endpoint(url));
        match endpoints.enumerate().find(|(_, endpoint)| endpoint.is_some()) {
            Some(found) => Some(found),
            None => Some((self.providers.iter().position(|it| it.is_at(&provider::authority_of(url)))?, None)),
        }
    }
}

impl Provider {
    fn endpoint(&self, url: &str) -> Option<Endpoint> {
        match url {
            // Its address may have a query of its own (RFC 6749, section 3.2), and requests are told apart by their path.
            _ if self.token_endpoint.split('?').next() == Some(url) && !self.signs_only => Some(Endpoint::Token),
            _ if url == self.jwks_uri => Some(Endpoint::Jwks),
            _ if self.metadata_urls().iter().any(|known| known == url) => Some(Endpoint::Discovery),
            _ => None,
        }
    }

    fn fault_at(&self, endpoint: Endpoint) -> Option<&ProviderFault> {
        self.fault.as_ref().filter(|fault| self.fault_requests > 0 && fault.concerns(endpoint))
    }

    fn answer(&self, endpoint: Option<Endpoint>, request: &Request<Vec<u8>>, now: SystemTime) -> ProviderAnswer {
        let Some(endpoint) = endpoint else {
            return ProviderAnswer::Sent(page(StatusCode::NOT_FOUND, "Not Found"));
        };
        let fault = self.fault_at(endpoint);
        let document = match endpoint {
            Endpoint::Discovery => self.metadata(fault),
            Endpoint::Jwks if fault == Some(&ProviderFault::SignsWithSecrets) => json!({"keys": []}),
            Endpoint::Jwks => keys::key_set(),
            Endpoint::Token => Value::Null,
        };
        ProviderAnswer::Sent(match (fault, endpoint) {
            (Some(ProviderFault::At(_, failure)), _) => match failure {
                Failure::Unreachable => return ProviderAnswer::Unreachable,
                Failure::NoAnswer => return ProviderAnswer::Nothing,
                Failure::Status(status) => {
                    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    page(status, "Something went wrong")
                }
                Failure::Redirect(target) => {
                    let mut response = page(StatusCode::FOUND, "Found");
                    let target = HeaderValue::from_str(target).unwrap_or(HeaderValue::from_static("/"));
                    response.headers_mut().insert(header::LOCATION, target);
                    response
                }
                Failure::Challenge(metadata_url) => {
                    let mut response = page(StatusCode::UNAUTHORIZED, "Unauthorized");
                    let challenge = HeaderValue::from_str(&format!("Bearer resource_metadata=\"{metadata_url}\""));
                    let challenge = challenge.unwrap_or(HeaderValue::from_static("Bearer"));
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                    response
                }
                Failure::HtmlPage => page(StatusCode::OK, "Sign in"),
                Failure::Document(text) => typed(StatusCode::OK, "application/json", text.clone()),
                Failure::Compressed(body) => {
                    let mut response = json_response(StatusCode::OK, &Value::Null);
                    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    response.body_mut().clone_from(body);
                    response
                }
                Failure::BrokenJson => {
                    let mut response = json_response(StatusCode::OK, &json!({"issuer": self.issuer}));
                    response.body_mut().pop();
                    response
                }
            },
            (Some(ProviderFault::TokenError { status, error, description }), _) => {
                token_error(*status, error, description)
            }
            (Some(ProviderFault::QuotesRequest), _) => {
                let credentials = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
                let body = String::from_utf8_lossy(request.body());
                token_error(400, "invalid_request", &format!("{} and {body}", credentials.unwrap_or("no header")))
            }
            (_, Endpoint::Token) => match self.authorize(request) {
                Ok(grant) => self.token_response(&grant, now, fault),
                Err(refused) => token_error(refused.status, refused.error, &refused.description),
            },
            _ if request.method() != Method::GET => page(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            _ => json_response(StatusCode::OK, &document),
        })
    }

    fn token_response(&self, grant: &Grant, now: SystemTime, fault: Option<&ProviderFault>) -> Response<Vec<u8>> {
        let mut body = json!({
            "access_token": self.token(grant, now, fault),
            "token_type": "Bearer",
            "expires_in": self.token_lifetime.as_secs(),
        });
        if !grant.scopes.is_empty() {
            body["scope"] = json!(grant.scopes.join(" "));
        }
        json_response(StatusCode::OK, &body)
    }
}

fn token_error(status: u16, error: &str, description: &str) -> Response<Vec<u8>> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json_response(status, &json!({"error": error, "error_description": description}));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tokens\""));
    }
    response
}

fn json_response(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut response = typed(status, "application/json", body.to_string());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn page(status: StatusCode, title: &str) -> Response<Vec<u8>> {
    typed(status, "text/html; charset=utf-8", format!("<!DOCTYPE html><title>{title}</title><h1>{title}</h1>\n"))
}

fn typed(status: StatusCode, media_type: &'static str, body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Formats a URL without the query and the default port.
fn url_of(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let scheme = uri.scheme_str().unwrap_or("https");
    format!("{scheme}://{}{}", authority.strip_suffix(":443").unwrap_or(authority), uri.path())
}

#[cfg(test)]
mod tests;
