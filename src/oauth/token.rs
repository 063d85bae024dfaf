//! A token by client credentials, and its claims.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use form_urlencoded::{Serializer, byte_serialize};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::discovery::Metadata;
use super::request::{TIMEOUT, is_passing, with_retries};
use crate::aws::Context;
use crate::code::Code;
use crate::error::Error;
use crate::http::{NoReply, Reply, exchange};
use crate::https_url::HttpsUrl;
use crate::json::{self, text};
use crate::sensitive::{Mask, Sensitive};
use crate::text::quote;
use crate::wait::Deadline;

/// The maximum size of a token. No server and no proxy takes a larger header.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// The client that asks for a token, and the content of its request.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Sensitive,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// Further parameters, such as Auth0's `audience`.
    pub parameters: BTreeMap<String, Sensitive>,
}

/// A token and, if it is a JWT, its claims.
#[derive(Debug)]
pub struct Token {
    /// The token itself.
    pub value: Sensitive,
    /// The claims; `None` for an opaque token.
    pub(crate) claims: Option<Claims>,
    /// The issuer, by the discovery document.
    pub(crate) issuer: HttpsUrl,
}

/// A JWT's claims about itself. They are not verified, because the function got the token from the issuer a moment ago.
#[derive(Debug)]
pub(crate) struct Claims {
    algorithm: String,
    claims: Map<String, Value>,
}

/// Gets a token by client credentials (RFC 6749, section 4.4), and retries for 20 seconds if there is no answer. A
/// refusal is final.
///
/// The IdP's message is masked in the error, because it may quote credentials that `mask` does not know.
pub async fn mint(
    context: &Context,
    deadline: Deadline,
    mask: &Mask,
    metadata: &Metadata,
    client: &ClientCredentials,
) -> Result<Token, Error> {
    metadata.check_takes_secrets()?;
    with_retries(deadline, async || ask_for_token(context, mask, metadata, client).await).await
}

async fn ask_for_token(
    context: &Context,
    mask: &Mask,
    metadata: &Metadata,
    client: &ClientCredentials,
) -> Result<Token, Error> {
    let endpoint = metadata.token_endpoint()?;
    let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
    if !client.scopes.is_empty() {
        form.push(("scope".to_owned(), client.scopes.join(" ")));
    }
    form.extend(client.parameters.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())));
    let mut headers = vec![
        ("accept", "application/json".to_owned()),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let (id, secret) = (form_encode(&client.client_id), form_encode(client.client_secret.expose()));
    if metadata.basic {
        headers.push(("authorization", format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))));
    } else {
        form.push(("client_id".to_owned(), client.client_id.clone()));
        form.push(("client_secret".to_owned(), client.client_secret.expose().to_owned()));
    }
    let body = Serializer::new(String::new()).extend_pairs(&form).finish().into_bytes();
    let reply = exchange(&context.connectors.guarded, "POST", endpoint.parsed(), &headers, body, TIMEOUT).await;
    let reply = reply.map_err(|problem| match problem {
        NoReply::Refused(refusal) => {
            let sentence = format!("the token endpoint {} is not called: {refusal}", quote(endpoint.as_str()));
            Error::unverified(
                Code::DiscoveryInvalid,
                format!("{sentence}; configure the IdP to publish its public URL"),
            )
        }
        NoReply::Silence(problem) => {
            let sentence = format!("the token endpoint {} cannot be reached: {problem}", quote(endpoint.as_str()));
            Error::unverified(Code::IdpUnreachable, format!("{sentence}; check the function's network"))
        }
    })?;
    read_token(mask, endpoint, &metadata.issuer, client, &reply)
}

fn read_token(
    mask: &Mask,
    endpoint: &HttpsUrl,
    issuer: &HttpsUrl,
    client: &ClientCredentials,
    reply: &Reply,
) -> Result<Token, Error> {
    if let Some(target) = reply.redirect() {
        let sentence = format!(
            "{} redirects to {} (HTTP {}), and a client secret is not sent on; let the IdP's document name the final URL as \
             `token_endpoint`",
            quote(endpoint.as_str()),
            quote(&mask.apply_to_foreign(target)),
            reply.status
        );
        return Err(Error::unverified(Code::TokenRefused, sentence));
    }
    let answer: TokenAnswer<'_> = json::object(&reply.body).unwrap_or_default();
    if reply.status != 200 {
        let said = |member| mask.apply_to_foreign(&text(member).unwrap_or_default());
        let (error, description) = (said(answer.error), said(answer.error_description));
        return Err(refused(endpoint, issuer, client, reply.status, &error, &description));
    }
    let refuse =
        |problem: String| Err(Error::unverified(Code::TokenRefused, format!("{} {problem}", quote(endpoint.as_str()))));
    let Some(token) = text(answer.access_token).map(Sensitive::new) else {
        return refuse("answered without an `access_token`; it is not an OAuth2 token endpoint".to_owned());
    };
    let bytes = token.expose().len();
    if bytes > TOKEN_BYTES_MAX {
        let advice = "reduce the claims that the IdP adds";
        return refuse(format!("gave a token of {bytes} bytes, which does not fit into a request's headers; {advice}"));
    }
    Ok(Token { claims: Claims::decode(token.expose()), value: token, issuer: issuer.clone() })
}

/// The members that are read of a token endpoint's answer (RFC 6749, sections 5.1 and 5.2).
#[derive(Default, Deserialize)]
struct TokenAnswer<'a> {
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_description: Option<&'a RawValue>,
}

/// Says why an IdP gave no token, and what to change.
fn refused(
    endpoint: &HttpsUrl,
    issuer: &HttpsUrl,
    client: &ClientCredentials,
    status: u16,
    error: &str,
    description: &str,
) -> Error {
    let is_client_refused = status == 401 || is_client_unknown(error, description);
    let advice = match error {
        // Both in one sentence, because an IdP that does not know the id has not looked at the secret.
        _ if is_client_refused => "check `ClientId` and the client secret",
        _ if description.to_lowercase().contains("no audience") => {
            "set `audience` in `CustomParameters` to the API's identifier at the IdP"
        }
        "invalid_scope" | "invalid_request" if client.scopes.is_empty() && client.parameters.is_empty() => {
            "say what the token is for: `Scopes` (Okta: a scope of the authorization server; Entra: the API's \
             application id URI with `/.default`) or `CustomParameters` (Auth0: `audience`; Entra version 1 and RFC \
             8707: `resource`)"
        }
        "invalid_scope" => "check `Scopes`: the IdP does not grant them to this client",
        "unauthorized_client" | "unsupported_grant_type" => "allow the client the client_credentials grant",
        "access_denied" | "invalid_target" | "invalid_resource" | "invalid_request" if is_auth0(issuer) => {
            "check `audience` in `CustomParameters`, and the client's grants"
        }
        // The error code of RFC 8707, and Entra's.
        "invalid_target" | "invalid_resource" => "check `resource` in `CustomParameters`, and the client's grants",
        "access_denied" | "invalid_request" => "check `Scopes`, `CustomParameters`, and the client's grants",
        _ => "see the IdP's log",
    };
    let said = [error, description].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(": ");
    let said = if said.is_empty() { format!("HTTP {status}") } else { said };
    let sentence =
        format!("{} gave client {} no token ({said}); {advice}", quote(endpoint.as_str()), quote(&client.client_id));
    let code = match status {
        _ if is_client_refused => Code::ClientRefused,
        status if is_passing(status) => Code::IdpUnreachable,
        _ => Code::TokenRefused,
    };
    Error::unverified(code, sentence)
}

/// Returns true if the IdP does not know the client or its secret. RFC 6749 has one code for both, and Salesforce has
/// another one for the id. Entra answers `unauthorized_client` to an id that it does not know (AADSTS700016).
fn is_client_unknown(error: &str, description: &str) -> bool {
    let unknown = description.contains("AADSTS700016") || {
        let description = description.to_lowercase();
        description.contains("client")
            && ["not found", "unknown", "does not exist"].iter().any(|it| description.contains(it))
    };
    matches!(error, "invalid_client" | "invalid_client_id" | "invalid_client_credentials")
        || (error == "unauthorized_client" && unknown)
}

/// Returns true for an issuer of Auth0's own domains, which asks for `audience` where other issuers ask for `resource`.
fn is_auth0(issuer: &HttpsUrl) -> bool {
    issuer.is_under("auth0.com")
}

impl Token {
    /// Returns the way to get a JWT from the IdP that gave an opaque token, as the end of a sentence.
    pub(crate) fn jwt_advice(&self) -> &'static str {
        if is_auth0(&self.issuer) {
            "request a JWT, with Auth0 by setting `audience` in `CustomParameters`"
        } else {
            "ask for a JWT: set `resource` in `CustomParameters` to the API's identifier, as RFC 8707 has it (Auth0 \
             with a custom domain: `audience`), or let the IdP issue JWT access tokens for the API"
        }
    }
}

impl Claims {
    /// Decodes the claims of a signed JWT. Returns `None` for anything else, an encrypted JWT included.
    pub(crate) fn decode(token: &str) -> Option<Self> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, _signature] = parts.as_slice() else { return None };
        let json = |part: &str| serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let algorithm = json(header)?.get("alg")?.as_str()?.to_owned();
        Some(Self { algorithm, claims: json(claims)? })
    }

    /// Returns the algorithm of the token's signature.
    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns a claim that is one text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Returns a claim's values: a list, or texts separated by spaces, as scopes come.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        match self.claims.get(name) {
            Some(Value::String(text)) => text.split(' ').collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the claim that names the client. It is the evidence for the claim that an authorizer has to look at.
    pub(crate) fn client_claim(&self, client_id: &str) -> Option<&'static str> {
        ["client_id", "azp", "cid", "appid"].into_iter().find(|name| self.text(name) == Some(client_id))
    }
}

/// Encodes the id or the secret of Basic credentials like a form, as RFC 6749 requires.
fn form_encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form_encode("a b&c=é/~"), "a+b%26c%3D%C3%A9%2F%7E");
    }

    #[test]
    fn only_a_signed_jwt_has_claims() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token =
            format!("{}.{}.sig", part(r#"{"alg":"RS256"}"#), part(r#"{"azp":"app","scope":"a b","aud":["x"]}"#));
        let claims = Claims::decode(&token).unwrap();
        assert_eq!(claims.algorithm(), "RS256");
        assert_eq!(claims.client_claim("app"), Some("azp"));
        assert_eq!((claims.values("scope"), claims.values("aud")), (vec!["a", "b"], vec!["x"]));
        assert!(Claims::decode("opaque").is_none());
        assert!(Claims::decode("a.b.c.d.e").is_none());
    }
}
