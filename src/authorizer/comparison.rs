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
pub fn verifiable(token: &Token) -> Result<&Claims, Error> {
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
pub fn compare(
    authorizer: &CustomJwtAuthorizerConfiguration,
    issuer: &str,
    client_id: &str,
    claims: &Claims,
    what: &str,
) -> Result<(), Error> {
    let mismatch = |sentence: String| Err(Error::unverified(MISMATCH, sentence));
    let token_issuer = claims.text("iss").unwrap_or_default();
    if token_issuer != issuer {
        let advice = issuer_advice(token_issuer, issuer, what);
        let (token_issuer, issuer) = (quote(token_issuer), quote(issuer));
        return mismatch(format!("the token's `iss` is {token_issuer} and the {what} trusts {issuer}; {advice}"));
    }
    let audience = claims.values("aud");
    let allowed = authorizer.allowed_audience();
    if !allowed.is_empty() && !allowed.iter().any(|allowed| audience.contains(&allowed.as_str())) {
        let allowed = list(allowed.iter().map(String::as_str));
        return mismatch(if audience.is_empty() {
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
        });
    }
    let allowed = authorizer.allowed_clients();
    let claimed = claims.text("client_id");
    if !allowed.is_empty() && !claimed.is_some_and(|claimed| allowed.iter().any(|allowed| allowed == claimed)) {
        let allowed = list(allowed.iter().map(String::as_str));
        return mismatch(match (claimed, claims.client_claim(client_id)) {
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
        });
    }
    for rule in authorizer.custom_claims() {
        let wanted = rule.authorizing_claim_match_value().and_then(|value| value.claim_match_value());
        let Some(wanted) = wanted.and_then(|wanted| wanted.as_match_value_string().ok()) else { continue };
        let name = rule.inbound_token_claim_name();
        if claims.text(name) != Some(wanted.as_str()) {
            let found = claims.text(name).map_or_else(|| "missing".to_owned(), quote);
            let advice = match claims.client_claim(client_id) {
                Some(other) if other != name => {
                    format!("the client's id is in `{other}`: set `ClientClaimName` to {other}")
                }
                _ => "change `AllowedClients` or `ClientClaimName`".to_owned(),
            };
            return mismatch(format!(
                "the token's `{name}` is {found} and the {what} wants {}; {advice}",
                quote(wanted)
            ));
        }
    }
    let scopes: Vec<_> = ["scope", "scp"].into_iter().flat_map(|name| claims.values(name)).collect();
    let allowed = authorizer.allowed_scopes();
    if !allowed.is_empty() && !allowed.iter().any(|allowed| scopes.contains(&allowed.as_str())) {
        return mismatch(format!(
            "the token's scopes are {} and the {what}'s `AllowedScopes` is {}; request one of them in `Scopes`",
            list(scopes.into_iter()),
            list(allowed.iter().map(String::as_str))
        ));
    }
    Ok(())
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
            "the discovery document is not that of the token's tenant: set the {what}'s `DiscoveryUrl` to `{}`",
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
const SLASH: &str = "slash at the end";

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
            ("https://a.example.com/", "https://a.example.com", "the slash at the end only"),
            ("https://a.example.com/realms/x", "https://b.example.com/realms/x", "Keycloak"),
            ("https://a.example.com/realms/x", "https://b.example.com/realms/x", "differ in the host name only"),
            ("https://a.example.com:8443/realms/x", "https://a.example.com/realms/x", "differ in the port only"),
            ("https://a.example.com:443/realms/x", "https://a.example.com/realms/x", "differ in the port only"),
            ("https://[::1]:8443/x", "https://[::1]/x", "differ in the port only"),
            ("http://a.example.com/realms/x", "https://a.example.com/realms/x", "differ in the scheme only"),
            ("http://a:8080/realms/x", "https://b/realms/x", "the scheme and the host name and the port only"),
            ("https://a.example.com/", "https://b.example.com", "the host name and the slash at the end only"),
            ("https://a.example.com/realms/x", "https://a.example.com/realms/y", "the IdP that issues the tokens"),
        ] {
            let advice = issuer_advice(token, document, "gateway");
            assert!(advice.contains(expected), "{token} {document}: {advice}");
        }
    }
}
