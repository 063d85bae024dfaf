//! AgentCore's JWT authorizer: whom a runtime or a gateway with a `customJWTAuthorizer` lets in.
//!
//! Every configured kind of rule has to pass; of the audiences, clients and scopes in a rule one is enough
//! (AgentCore developer guide, inbound-jwt-authorizer). RS256 is the one algorithm it takes here, and a token without an
//! expiry is refused: where the service's leniency is not known, the emulator has none.

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::identity_provider::{IdentityProviders, header_and_claims, verify_rs256};

/// The claims of a token that was let in.
pub(crate) type Claims = Map<String, Value>;

/// The reason why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// 401; 403 for a token that is good but lacks scope.
    pub(crate) status: u16,
    /// The error code of RFC 6750, section 3.1.
    pub(crate) code: &'static str,
    /// The problem, for the body.
    pub(crate) text: String,
    /// The scopes of which one would have done.
    scopes: Vec<String>,
}

impl Refusal {
    fn invalid_token(text: impl Into<String>) -> Self {
        Self { status: 401, code: "invalid_token", text: text.into(), scopes: Vec::new() }
    }

    /// Returns the `WWW-Authenticate` header, with the URL of the protected resource's metadata (RFC 9728).
    pub(crate) fn www_authenticate(&self, resource_metadata: &str) -> String {
        let Self { code, scopes, .. } = self;
        let scope = if scopes.is_empty() { String::new() } else { format!(", scope=\"{}\"", scopes.join(" ")) };
        format!("Bearer resource_metadata=\"{resource_metadata}\", error=\"{code}\"{scope}")
    }
}

/// Lets a bearer token in, or not. `authorizer` is a `customJWTAuthorizer` as the API has it; the provider its
/// `discoveryUrl` leads to is read at `now`, in this world. Who calls with the token (`allowedWorkloadConfiguration`) is
/// not the token's matter.
pub(crate) fn verify(
    authorizer: &Value,
    token: &str,
    providers: &IdentityProviders,
    now: SystemTime,
) -> Result<Claims, Refusal> {
    let (header, claims) =
        header_and_claims(token).ok_or_else(|| Refusal::invalid_token("The bearer token is not a signed JWT."))?;
    let unreadable =
        |what: &str| Refusal::invalid_token(format!("The {what} of the identity provider cannot be read."));
    let discovery_url = authorizer["discoveryUrl"].as_str().unwrap_or_default();
    let document = providers.read(discovery_url, now).ok_or_else(|| unreadable("discovery document"))?;
    let issuer = document["issuer"].as_str().ok_or_else(|| unreadable("issuer"))?;
    let jwks_uri = document["jwks_uri"].as_str().ok_or_else(|| unreadable("jwks_uri"))?;
    let key_set = providers.read(jwks_uri, now).ok_or_else(|| unreadable("key set"))?;
    if header.get("alg").is_none_or(|algorithm| algorithm != "RS256") {
        return Err(Refusal::invalid_token("The token is not signed with RS256."));
    }
    let key_id = header.get("kid").and_then(Value::as_str).unwrap_or_default();
    if !verify_rs256(token, key_id, &key_set) {
        return Err(Refusal::invalid_token("The token's signature is not that of a key of the identity provider."));
    }
    if claims.get("iss").is_none_or(|iss| iss != issuer) {
        return Err(mismatch("iss"));
    }
    check_time(&claims, now)?;
    check_rules(authorizer, &claims)?;
    Ok(claims)
}

fn mismatch(claim: &str) -> Refusal {
    Refusal::invalid_token(format!("Claim '{claim}' value mismatch with configuration."))
}

fn check_time(claims: &Claims, now: SystemTime) -> Result<(), Refusal> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let time = |claim: &str| claims.get(claim).and_then(Value::as_f64);
    match time("exp") {
        None => return Err(Refusal::invalid_token("The token has no expiry.")),
        Some(expiry) if expiry <= now => return Err(Refusal::invalid_token("The token has expired.")),
        Some(_) => {}
    }
    match (claims.get("nbf"), time("nbf")) {
        (None, _) => Ok(()),
        (Some(_), Some(start)) if start <= now => Ok(()),
        _ => Err(Refusal::invalid_token("The token is not valid yet.")),
    }
}

fn check_rules(authorizer: &Value, claims: &Claims) -> Result<(), Refusal> {
    let allowed = |member: &str| texts(authorizer.get(member)).filter(|allowed| !allowed.is_empty());
    if let Some(audiences) = allowed("allowedAudience")
        && !any(&audiences, &texts(claims.get("aud")).unwrap_or_default())
    {
        return Err(mismatch("aud"));
    }
    // Only this claim, whatever a product calls its own.
    if let Some(clients) = allowed("allowedClients")
        && !claims.get("client_id").and_then(Value::as_str).is_some_and(|client| clients.contains(&client))
    {
        return Err(mismatch("client_id"));
    }
    for rule in authorizer["customClaims"].as_array().into_iter().flatten() {
        if !meets(rule, claims) {
            return Err(mismatch(rule["inboundTokenClaimName"].as_str().unwrap_or_default()));
        }
    }
    // The last check: only a token that is good in every other respect lacks a scope and nothing else.
    if let Some(scopes) = allowed("allowedScopes") {
        let of = |claim: &str| texts(claims.get(claim)).unwrap_or_default();
        let held: Vec<&str> = [of("scope"), of("scp")].into_iter().flatten().flat_map(str::split_whitespace).collect();
        if !any(&scopes, &held) {
            return Err(Refusal {
                status: 403,
                code: "insufficient_scope",
                text: "The token has none of the scopes that are allowed.".to_owned(),
                scopes: scopes.into_iter().map(str::to_owned).collect(),
            });
        }
    }
    Ok(())
}

/// Returns true if the claims meet one entry of `customClaims`.
fn meets(rule: &Value, claims: &Claims) -> bool {
    let Some(claim) = rule["inboundTokenClaimName"].as_str().and_then(|name| claims.get(name)) else { return false };
    let wanted = &rule["authorizingClaimMatchValue"];
    let value = &wanted["claimMatchValue"];
    let held = || claim.as_array().map(|values| values.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    match (rule["inboundTokenClaimValueType"].as_str(), wanted["claimMatchOperator"].as_str()) {
        (Some("STRING"), Some("EQUALS")) => claim.is_string() && *claim == value["matchValueString"],
        (Some("STRING_ARRAY"), Some("CONTAINS")) => {
            let wanted = texts(value.get("matchValueString")).unwrap_or_default();
            held().is_some_and(|held| any(&wanted, &held))
        }
        (Some("STRING_ARRAY"), Some("CONTAINS_ANY")) => {
            let wanted = texts(value.get("matchValueStringList")).unwrap_or_default();
            held().is_some_and(|held| any(&wanted, &held))
        }
        _ => false,
    }
}

fn any(allowed: &[&str], held: &[&str]) -> bool {
    held.iter().any(|value| allowed.contains(value))
}

/// Returns the texts of a text or a list of texts; `None` for anything else.
fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => Some(values.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
