//! The document in which an identity provider describes itself: where a template says that it is, and whether it will do.

use http::Uri;
use serde_json::{Map, Value};

use super::{TIMEOUT, UNREACHABLE, is_passing, patiently};
use crate::aws::Context;
use crate::error::Error;
use crate::http::{exchange, objection};
use crate::properties::{PropertyReader, quote};
use crate::wait::Deadline;

/// The well-known documents that a discovery URL may name (API reference, CustomJWTAuthorizerConfiguration).
const WELL_KNOWN: [&str; 2] = [OPENID, "/.well-known/oauth-authorization-server"];
/// The path of a discovery document below its issuer (OpenID Connect Discovery 1.0, section 4).
const OPENID: &str = "/.well-known/openid-configuration";

/// Where an identity provider's discovery document is, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Its address.
    pub url: String,
    /// What gives the address, for sentences: `` `Issuer` ``, ``the gateway's `DiscoveryUrl` ``.
    pub given_by: String,
    /// The issuer that the template names beside the address.
    pub issuer: Option<String>,
}

/// What a discovery document says (OpenID Connect Discovery 1.0, RFC 8414).
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The issuer that tokens must name.
    pub issuer: String,
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// Where users are sent to sign in, if the IdP has such a place.
    pub authorization_endpoint: Option<String>,
    /// Whether the token endpoint takes the client secret as HTTP Basic credentials.
    pub basic: bool,
}

/// Where the discovery document of `issuer` is.
#[must_use]
pub fn discovery_url(issuer: &str) -> String {
    format!("{}{OPENID}", issuer.trim_end_matches('/'))
}

impl Discovery {
    /// Reads `DiscoveryUrl` and `Issuer`: see [`Self::new`].
    pub fn read(reader: &PropertyReader<'_>, selector: &str) -> Result<Self, Error> {
        Self::new(selector, reader.string("DiscoveryUrl")?, reader.string("Issuer")?)
    }

    /// The document at the `DiscoveryUrl` that a template gives, or the one that every OpenID provider has below its
    /// `Issuer`. `selector` is what asks for one.
    pub fn new(selector: &str, url: Option<String>, issuer: Option<String>) -> Result<Self, Error> {
        let (property, url, beside) = match (url, issuer) {
            (Some(url), issuer) => ("DiscoveryUrl", url, issuer),
            (None, Some(issuer)) => ("Issuer", discovery_url(&issuer), None),
            (None, None) => {
                let problem = format!("is missing; {selector} needs it, or `Issuer` to derive it from");
                return Err(Error::property("DiscoveryUrl", problem));
            }
        };
        let uri: Option<Uri> = url.parse().ok();
        let authority = uri.as_ref().filter(|uri| uri.scheme_str() == Some("https")).and_then(Uri::authority);
        let https = authority.is_some_and(|authority| !authority.as_str().contains('@'));
        let document = WELL_KNOWN.iter().any(|path| url.ends_with(path) || url.contains(&format!("{path}/")));
        if !https || !document || url.contains(['?', '#']) {
            let problem = format!("gives the discovery URL {}; use `https://<issuer>{OPENID}`", quote(&url));
            return Err(Error::property(property, problem));
        }
        Ok(Self { url, given_by: format!("`{property}`"), issuer: beside })
    }

    /// That of a live authorizer, of `what` (`runtime`, `gateway`).
    #[must_use]
    pub fn of_authorizer(what: &str, url: &str) -> Self {
        Self { url: url.to_owned(), given_by: format!("the {what}'s `DiscoveryUrl`"), issuer: None }
    }

    /// Whether a document that was good enough before has to be looked at again: the template now names another issuer for
    /// it.
    #[must_use]
    pub fn is_restated(&self, old: &Self) -> bool {
        self.url == old.url && self.issuer.is_some() && self.issuer != old.issuer
    }

    /// Whether the document at this address is that of `issuer`: "MUST be identical to the Issuer URL that was used as the
    /// prefix" (OpenID Connect Discovery 1.0, section 4.3). RFC 8414 has the issuer's path behind the well-known name
    /// (section 3.1).
    #[must_use]
    pub fn is_of(&self, issuer: &str) -> bool {
        let parts = WELL_KNOWN.iter().find_map(|name| self.url.split_once(name));
        let (host, path) = parts.unwrap_or((&self.url, ""));
        format!("{}{path}", host.trim_end_matches('/')).trim_end_matches('/') == issuer.trim_end_matches('/')
    }
}

/// Reads the discovery document, asking again for a while if there is no answer.
pub async fn discover(context: &Context, deadline: Deadline, discovery: &Discovery) -> Result<Metadata, Error> {
    patiently(deadline, async || read(context, discovery).await).await
}

async fn read(context: &Context, discovery: &Discovery) -> Result<Metadata, Error> {
    let Discovery { url, given_by, issuer: beside } = discovery;
    let gives = |problem: String| format!("{given_by} gives {}, {problem}", quote(url));
    let invalid = |problem: String| Error::unverified("DISCOVERY_INVALID", gives(problem));
    let unreachable = |problem: String| Error::unverified(UNREACHABLE, gives(problem));
    let accept = [("accept", "application/json".to_owned())];
    let reply = exchange(&context.connector, "GET", url, &accept, Vec::new(), TIMEOUT).await.map_err(|problem| {
        let advice = "check the address and the function's network";
        unreachable(format!("which cannot be reached: {problem}; {advice}"))
    })?;
    match reply.status {
        200 => {}
        300..=399 => {
            let target = reply.header("location").unwrap_or("nowhere");
            return Err(invalid(format!("which redirects to {}; give the final address", quote(target))));
        }
        status if is_passing(status) => {
            return Err(unreachable(format!("which answers HTTP {status}; see the IdP's log")));
        }
        status => {
            let advice = format!("correct the address: it is the issuer's, then {OPENID}");
            return Err(invalid(format!("which answers HTTP {status}; {advice}")));
        }
    }
    let document: Map<String, Value> = serde_json::from_slice(&reply.body)
        .map_err(|_| invalid("which is not a JSON document; give the discovery document's address".to_owned()))?;
    let member = |name: &str| {
        let value = document.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
        value
            .map(str::to_owned)
            .ok_or_else(|| invalid(format!("whose document has no `{name}`; it is not a complete discovery document")))
    };
    let address = |name: &str| {
        let address = member(name)?;
        let objection = objection(&address, context.allow_loopback_responses);
        objection.map_or(Ok(()), |objection| {
            Err(invalid(format!(
                "whose document has the `{name}` {}, {objection}; make the IdP name its public https address (Keycloak \
                 behind a proxy: `proxy-headers`)",
                quote(&address)
            )))
        })?;
        Ok(address)
    };
    let issuer = member("issuer")?;
    if !discovery.is_of(&issuer) && !differs_by_design(&issuer) {
        return Err(invalid(format!(
            "whose document names another issuer, {}, which tokens will name too; use that issuer's discovery URL, or \
             make the IdP name itself by the host it is called at (Keycloak: `hostname`)",
            quote(&issuer)
        )));
    }
    if let Some(beside) = beside.as_deref().filter(|beside| !is_same(beside, &issuer)) {
        return Err(invalid(format!(
            "whose document names the issuer {}, and `Issuer` is {}; give both of one IdP",
            quote(&issuer),
            quote(beside)
        )));
    }
    address("jwks_uri")?;
    let listed = |name: &str| document.get(name).and_then(Value::as_array);
    if let Some(algorithms) = listed("id_token_signing_alg_values_supported")
        && !algorithms.iter().any(|algorithm| algorithm == "RS256")
    {
        return Err(invalid(
            "whose issuer does not sign with RS256, which AgentCore needs; enable it at the IdP".to_owned(),
        ));
    }
    // Without the list, Basic is the default (RFC 8414, section 2).
    let basic = listed("token_endpoint_auth_methods_supported")
        .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
    let authorization_endpoint = member("authorization_endpoint").ok();
    Ok(Metadata { issuer, token_endpoint: address("token_endpoint")?, authorization_endpoint, basic })
}

/// Stands for the tenant in the documents that Entra has for several of them.
const ANY_TENANT: &str = "{tenantid}";

/// Entra's version 1 tokens come from `sts.windows.net`, and multi-tenant documents carry a placeholder.
fn differs_by_design(issuer: &str) -> bool {
    issuer.starts_with("https://sts.windows.net/") || issuer.contains(ANY_TENANT)
}

/// Whether the issuer that a template names can be that of a document.
fn is_same(stated: &str, issuer: &str) -> bool {
    issuer.contains(ANY_TENANT) || stated.trim_end_matches('/') == issuer.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_below_its_issuer_or_between_its_host_and_its_path() {
        for (url, issuer) in [
            ("https://h/.well-known/openid-configuration", "https://h/"),
            ("https://h/a/b/.well-known/openid-configuration", "https://h/a/b"),
            ("https://h/a/.well-known/oauth-authorization-server", "https://h/a"),
            ("https://h/.well-known/oauth-authorization-server/a/b", "https://h/a/b/"),
            ("https://h/.well-known/oauth-authorization-server/a/", "https://h/a"),
            ("https://h/.well-known/oauth-authorization-server/", "https://h"),
            ("https://h/.well-known/openid-configuration/a", "https://h/a"),
        ] {
            let discovery = Discovery::new("it", Some(url.to_owned()), None).unwrap();
            assert!(discovery.is_of(issuer), "{url}");
            assert!(!discovery.is_of(&format!("{}/c", issuer.trim_end_matches('/'))), "{url}");
        }
    }

    #[test]
    fn a_discovery_url_is_https_and_names_no_user() {
        for issuer in ["http://h", "https://user@h", "https://user:password@h/a", "https://", "h", "https://h/?a"] {
            let refusal = Discovery::new("it", None, Some(issuer.to_owned())).unwrap_err().to_string();
            assert!(refusal.starts_with("`Issuer` gives the discovery URL"), "{refusal}");
        }
    }
}
