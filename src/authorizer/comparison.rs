//! A token compared with an authorizer before anybody is called: which claim does not match, and which property to
//! change.

use aws_sdk_bedrockagentcorecontrol::types::CustomJwtAuthorizerConfiguration;

use crate::error::Error;
use crate::oauth::{Claims, Token};
use crate::properties::quote;

const MISMATCH: &str = "CLAIM_MISMATCH";
/// What AgentCore verifies tokens with.
const ALGORITHM: &str = "RS256";

/// The token's claims, if it is one that AgentCore can verify.
pub fn verifiable(token: &Token) -> Result<&Claims, Error> {
    let Some(claims) = &token.claims else {
        return Err(Error::unverified(
            "TOKEN_OPAQUE",
            "the IdP gave an opaque or encrypted token, which no authorizer can check; ask for a JWT, with Auth0 by \
             setting `audience` in `CustomParameters`",
        ));
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

/// Says why `authorizer`, that of `what` (`runtime`, `gateway`), would not accept a token of `client_id` with these
/// claims. `issuer` is the one that the authorizer's discovery document names.
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
        let same_but_slash = token_issuer.trim_end_matches('/') == issuer.trim_end_matches('/');
        let change_issuer = format!("change the {what}'s `DiscoveryUrl` to that of the IdP that issues the tokens");
        let advice = if same_but_slash {
            "they differ in the slash at the end only: use the discovery URL whose document names the token's form"
                .to_owned()
        } else {
            change_issuer
        };
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
            "the token's scopes are {} and the {what}'s `AllowedScopes` is {}; ask for one of them in `Scopes`",
            list(scopes.into_iter()),
            list(allowed.iter().map(String::as_str))
        ));
    }
    Ok(())
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let quoted = items.map(quote).collect::<Vec<_>>().join(", ");
    if quoted.is_empty() { "none".to_owned() } else { quoted }
}
