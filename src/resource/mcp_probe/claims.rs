//! A token compared with the runtime's JWT authorizer before anybody is called: which claim does not match, and which
//! property to change.

use aws_sdk_bedrockagentcorecontrol::types::{AuthorizerConfiguration, CustomJwtAuthorizerConfiguration};

use crate::error::Error;
use crate::job::Job;
use crate::oauth::{self, Claims, Token};
use crate::properties::quote;

const MISMATCH: &str = "CLAIM_MISMATCH";
/// What AgentCore verifies tokens with.
const ALGORITHM: &str = "RS256";

/// Says why the runtime behind `endpoint` would not accept the token. An endpoint that is no runtime's is not checked.
pub(super) async fn check(job: &Job<'_>, endpoint: &str, client_id: &str, token: &Token) -> Result<(), Error> {
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
    let Some(id) = runtime_id(endpoint) else { return Ok(()) };
    let request = job.context.agentcore.get_agent_runtime().agent_runtime_id(id);
    let live = job.call("bedrock-agentcore:GetAgentRuntime", || request.clone().send()).await?;
    match live.authorizer_configuration() {
        Some(AuthorizerConfiguration::CustomJwtAuthorizer(authorizer)) => {
            let issuer = oauth::discover(job.context, "DiscoveryUrl", authorizer.discovery_url()).await?.issuer;
            compare(authorizer, &issuer, client_id, claims)
        }
        _ => Err(Error::unverified(
            "UNAUTHORIZED",
            "the runtime takes signatures and no tokens; set the probe's `Auth` to IAM, or the runtime's `InboundAuth` to JWT",
        )),
    }
}

fn compare(
    authorizer: &CustomJwtAuthorizerConfiguration,
    issuer: &str,
    client_id: &str,
    claims: &Claims,
) -> Result<(), Error> {
    let mismatch = |sentence: String| Err(Error::unverified(MISMATCH, sentence));
    let token_issuer = claims.text("iss").unwrap_or_default();
    if token_issuer != issuer {
        let same_but_slash = token_issuer.trim_end_matches('/') == issuer.trim_end_matches('/');
        let advice = if same_but_slash {
            "they differ in the slash at the end only: use the discovery URL whose document names the token's form"
        } else {
            "change the runtime's `DiscoveryUrl` to that of the IdP that issues the tokens"
        };
        let (token_issuer, issuer) = (quote(token_issuer), quote(issuer));
        return mismatch(format!("the token's `iss` is {token_issuer} and the runtime trusts {issuer}; {advice}"));
    }
    let audience = claims.values("aud");
    let allowed = authorizer.allowed_audience();
    if !allowed.is_empty() && !allowed.iter().any(|allowed| audience.contains(&allowed.as_str())) {
        let allowed = list(allowed.iter().map(String::as_str));
        return mismatch(if audience.is_empty() {
            format!(
                "the token has no `aud` claim (Cognito's never have one) and the runtime's `AllowedAudience` is \
                 {allowed}; use `AllowedClients` instead, or make the IdP add the audience"
            )
        } else {
            format!(
                "the token's `aud` is {} and the runtime's `AllowedAudience` is {allowed}; change that, or ask the IdP \
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
                "the token's `client_id` is {} and the runtime's `AllowedClients` is {allowed}; add it there",
                quote(claimed)
            ),
            (None, Some(name)) => format!(
                "the token names its client in `{name}`, and `AllowedClients` is compared with `client_id` alone; set the \
                 runtime's `ClientClaimName` to {name}"
            ),
            (None, None) => format!(
                "the token has no `client_id` claim and the runtime's `AllowedClients` is {allowed}; use \
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
                "the token's `{name}` is {found} and the runtime wants {}; {advice}",
                quote(wanted)
            ));
        }
    }
    let scopes: Vec<_> = ["scope", "scp"].into_iter().flat_map(|name| claims.values(name)).collect();
    let allowed = authorizer.allowed_scopes();
    if !allowed.is_empty() && !allowed.iter().any(|allowed| scopes.contains(&allowed.as_str())) {
        return mismatch(format!(
            "the token's scopes are {} and the runtime's `AllowedScopes` is {}; ask for one of them in `Scopes`",
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

/// The id in an invocation URL: `…/runtimes/arn%3A…%3Aruntime%2F<id>/invocations…`.
fn runtime_id(endpoint: &str) -> Option<&str> {
    let (_, rest) = endpoint.split_once("/runtimes/")?;
    let (arn, _) = rest.split_once("/invocations")?;
    Some(arn.rsplit_once("%2F").map_or(arn, |(_, id)| id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_is_named_by_its_endpoint() {
        let arn = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2Fmcp-AbCdEf1234";
        let url =
            format!("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{arn}/invocations?qualifier=DEFAULT");
        assert_eq!(runtime_id(&url), Some("mcp-AbCdEf1234"));
        assert_eq!(runtime_id("https://gateway.example.com/mcp"), None);
    }
}
