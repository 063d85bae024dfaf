//! Compares a token with an authorizer before anybody is called: which claim does not match, and which property to
//! change.

use aws_sdk_bedrockagentcorecontrol::types::CustomJwtAuthorizerConfiguration;

use crate::code::Code;
use crate::error::Error;
use crate::oauth::{self, Claims, Token};
use crate::text::quote;

const MISMATCH: Code = Code::ClaimMismatch;
/// The algorithm with which AgentCore verifies tokens.
const ALGORITHM: &str = "RS256";

/// Returns the token's claims, if AgentCore can verify the token.
pub(crate) fn verifiable(token: &Token) -> Result<&Claims, Error> {
    let Some(claims) = &token.claims else {
        let sentence =
            format!("the IdP gave an opaque or encrypted token, which no authorizer can check; {}", token.jwt_advice());
        return Err(Error::unverified(Code::TokenOpaque, sentence));
    };
    if claims.algorithm() != ALGORITHM {
        let sentence = format!(
            "the IdP signed the token with {}, and AgentCore verifies {ALGORITHM}; change the API's signing algorithm at \
             the IdP",
            quote(claims.algorithm())
        );
        return Err(Error::unverified(MISMATCH, sentence));
    }
    Ok(claims)
}

/// Says why `authorizer`, which belongs to a `what` (`runtime`, `gateway`), would not accept a token of `client_id`
/// with these claims. `issuer` is the one that the authorizer's discovery document names.
pub(crate) fn compare(
    authorizer: &CustomJwtAuthorizerConfiguration,
    issuer: &str,
    client_id: &str,
    claims: &Claims,
    what: &str,
) -> Result<(), Error> {
    let comparison = Comparison { authorizer, client_id, claims, what };
    let mismatch = comparison
        .issuer(issuer)
        .or_else(|| comparison.audience())
        .or_else(|| comparison.client())
        .or_else(|| comparison.custom_claim())
        .or_else(|| comparison.scopes());
    mismatch.map_or(Ok(()), |sentence| Err(Error::unverified(MISMATCH, sentence)))
}

/// An authorizer next to the claims of a token. Each method compares one claim, and returns a sentence if it does not
/// match.
struct Comparison<'a> {
    authorizer: &'a CustomJwtAuthorizerConfiguration,
    client_id: &'a str,
    claims: &'a Claims,
    what: &'a str,
}

impl Comparison<'_> {
    fn issuer(&self, trusted: &str) -> Option<String> {
        let what = self.what;
        let issued = self.claims.text("iss").unwrap_or_default();
        if issued == trusted {
            return None;
        }
        let advice = issuer_advice(issued, trusted, what);
        let (issued, trusted) = (quote(issued), quote(trusted));
        Some(format!("the token's `iss` is {issued} and the {what} trusts {trusted}; {advice}"))
    }

    fn audience(&self) -> Option<String> {
        let what = self.what;
        let (audience, allowed) = (self.claims.values("aud"), self.authorizer.allowed_audience());
        if allowed.is_empty() || allowed.iter().any(|allowed| audience.contains(&allowed.as_str())) {
            return None;
        }
        let allowed = list(allowed.iter().map(String::as_str));
        Some(if audience.is_empty() {
            format!(
                "the token has no `aud` claim (Cognito's never have one) and the {what}'s `AllowedAudience` is \
                 {allowed}; use `AllowedClients` instead, or make the IdP add the audience"
            )
        } else {
            format!(
                "the token's `aud` is {} and the {what}'s `AllowedAudience` is {allowed}; change that, or ask the IdP \
                 for the other audience in `CustomParameters`",
                list(audience.into_iter())
            )
        })
    }

    fn client(&self) -> Option<String> {
        let what = self.what;
        let (claimed, allowed) = (self.claims.text("client_id"), self.authorizer.allowed_clients());
        if allowed.is_empty() || claimed.is_some_and(|claimed| allowed.iter().any(|allowed| allowed == claimed)) {
            return None;
        }
        let allowed = list(allowed.iter().map(String::as_str));
        Some(match (claimed, self.claims.client_claim(self.client_id)) {
            (Some(claimed), _) => format!(
                "the token's `client_id` is {} and the {what}'s `AllowedClients` is {allowed}; add it there",
                quote(claimed)
            ),
            (None, Some(name)) => format!(
                "the token names its client in `{name}`, and `AllowedClients` is compared with `client_id` alone; set the \
                 {what}'s `ClientClaimName` to {name}"
            ),
            (None, None) => format!(
                "the token has no `client_id` claim and the {what}'s `AllowedClients` is {allowed}; use \
                 `AllowedAudience` instead"
            ),
        })
    }

    fn custom_claim(&self) -> Option<String> {
        self.authorizer.custom_claims().iter().find_map(|rule| {
            let value = rule.authorizing_claim_match_value()?.claim_match_value()?;
            // Rules of other kinds compare lists, which only others set.
            let required = value.as_match_value_string().ok()?;
            let name = rule.inbound_token_claim_name();
            if self.claims.text(name) == Some(required.as_str()) {
                return None;
            }
            let found = self.claims.text(name).map_or_else(|| "missing".to_owned(), quote);
            let advice = match self.claims.client_claim(self.client_id) {
                Some(other) if other != name => {
                    format!("the client's id is in `{other}`: set `ClientClaimName` to {other}")
                }
                _ => "change `AllowedClients` or `ClientClaimName`".to_owned(),
            };
            let (what, required) = (self.what, quote(required));
            Some(format!("the token's `{name}` is {found} and the {what} requires {required}; {advice}"))
        })
    }

    fn scopes(&self) -> Option<String> {
        let scopes: Vec<_> = ["scope", "scp"].into_iter().flat_map(|name| self.claims.values(name)).collect();
        let allowed = self.authorizer.allowed_scopes();
        if allowed.is_empty() || allowed.iter().any(|allowed| scopes.contains(&allowed.as_str())) {
            return None;
        }
        Some(format!(
            "the token's scopes are {} and the {}'s `AllowedScopes` is {}; request one of them in `Scopes`",
            list(scopes.into_iter()),
            self.what,
            list(allowed.iter().map(String::as_str))
        ))
    }
}

/// Returns the remedy for a token and a discovery document that name different issuers.
fn issuer_advice(token: &str, document: &str, what: &str) -> String {
    let parts = differing_parts(token, document);
    if parts == [SLASH] {
        return "they differ only in the trailing slash: use the discovery URL whose document has the token's issuer"
            .to_owned();
    }
    match (Entra::of(token), Entra::of(document)) {
        (Some(issued), Some(trusted)) if issued.version != trusted.version => format!(
            "the token is of Entra's version {} and the discovery document of version {}: set the {what}'s \
             `DiscoveryUrl` to `{}`, or `requestedAccessTokenVersion` to {} in the manifest of the API's app registration",
            issued.version,
            trusted.version,
            issued.discovery_url(),
            trusted.version
        ),
        (Some(issued), Some(_)) => format!(
            "the discovery document belongs to another tenant than the token: set the {what}'s `DiscoveryUrl` to `{}`",
            issued.discovery_url()
        ),
        _ if !parts.contains(&PATH) => format!(
            "they differ in the {} only: give the IdP one public address (Keycloak: `hostname`), or change the {what}'s \
             `DiscoveryUrl` to that of the token's address",
            parts.join(" and the ")
        ),
        _ => format!("change the {what}'s `DiscoveryUrl` to that of the IdP that issues the tokens"),
    }
}

/// The content of a Microsoft Entra issuer. Version 1 tokens are issued by another host than version 2 tokens.
struct Entra<'a> {
    tenant: &'a str,
    version: u8,
}

impl<'a> Entra<'a> {
    fn of(issuer: &'a str) -> Option<Self> {
        let (path, version) = match issuer.strip_prefix("https://sts.windows.net/") {
            Some(path) => (path, 1),
            None => (issuer.strip_prefix("https://login.microsoftonline.com/")?, 2),
        };
        Some(Self { tenant: path.split('/').next()?, version })
    }

    fn discovery_url(&self) -> String {
        let version = if self.version == 1 { "" } else { "/v2.0" };
        oauth::discovery_url(&format!("https://login.microsoftonline.com/{}{version}", self.tenant))
    }
}

const PATH: &str = "path";
const SLASH: &str = "trailing slash";

/// Returns the names of the parts in which two issuers differ. Issuers are compared as texts (OpenID Connect Core 1.0,
/// section 3.1.3.7).
fn differing_parts(one: &str, other: &str) -> Vec<&'static str> {
    let (one, other) = (IssuerParts::of(one), IssuerParts::of(other));
    let differences = [
        (one.scheme != other.scheme, "scheme"),
        (one.host != other.host, "host name"),
        (one.port != other.port, "port"),
        (one.path != other.path, PATH),
        (one.slash != other.slash, SLASH),
    ];
    differences.into_iter().filter_map(|(differs, name)| differs.then_some(name)).collect()
}

#[derive(Debug)]
struct IssuerParts<'a> {
    scheme: &'a str,
    host: &'a str,
    /// The port as written: an issuer with a default port differs from an issuer without.
    port: Option<&'a str>,
    path: &'a str,
    slash: bool,
}

impl<'a> IssuerParts<'a> {
    fn of(issuer: &'a str) -> Self {
        let (scheme, rest) = issuer.split_once("://").unwrap_or(("", issuer));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // The colons of an IPv6 address stand in brackets.
        let port = authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
        let (host, port) = port.map_or((authority, None), |(host, port)| (host, Some(port)));
        Self { scheme, host, port, path: path.trim_end_matches('/'), slash: path.ends_with('/') }
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let quoted = items.map(quote).collect::<Vec<_>>().join(", ");
    if quoted.is_empty() { "none".to_owned() } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_that_differ_are_told_apart() {
        let v1 = "https://sts.windows.net/tenant/";
        let v2 = "https://login.microsoftonline.com/tenant/v2.0";
        let every_tenant = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let (v1_url, v2_url) = (
            "`https://login.microsoftonline.com/tenant/.well-known/openid-configuration`",
            "`https://login.microsoftonline.com/tenant/v2.0/.well-known/openid-configuration`",
        );
        for (token, document, expected) in [
            (v1, v2, v1_url),
            (v1, v2, "`requestedAccessTokenVersion` to 2"),
            (v2, v1, v2_url),
            (v2, every_tenant, v2_url),
            ("https://a.example.com/", "https://a.example.com", "only in the trailing slash"),
            ("https://a.example.com/realms/x", "https://b.example.com/realms/x", "Keycloak"),
            ("https://a.example.com/realms/x", "https://b.example.com/realms/x", "differ in the host name only"),
            ("https://a.example.com:8443/realms/x", "https://a.example.com/realms/x", "differ in the port only"),
            ("https://a.example.com:443/realms/x", "https://a.example.com/realms/x", "differ in the port only"),
            ("https://[::1]:8443/x", "https://[::1]/x", "differ in the port only"),
            ("http://a.example.com/realms/x", "https://a.example.com/realms/x", "differ in the scheme only"),
            ("http://a:8080/realms/x", "https://b/realms/x", "the scheme and the host name and the port only"),
            ("https://a.example.com/", "https://b.example.com", "the host name and the trailing slash only"),
            ("https://a.example.com/realms/x", "https://a.example.com/realms/y", "the IdP that issues the tokens"),
        ] {
            let advice = issuer_advice(token, document, "gateway");
            assert!(advice.contains(expected), "{token} {document}: {advice}");
        }
    }
}
