use std::time::Duration;

use serde_json::json;

use super::*;
use crate::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};
use crate::settings::Settings;

const AUDIENCE: &str = "https://tools.example.com";

fn now() -> SystemTime {
    Settings::default().start
}

fn provider(style: ClaimStyle) -> Provider {
    let issuer = if style == ClaimStyle::Auth0 { "https://id.example.com/" } else { "https://id.example.com" };
    Provider::new(style, issuer).with_client("client-1", Client::new("secret"))
}

/// Returns the verdict on a token with scopes `read write` under these rules.
fn verdict(provider: &Provider, rules: Value) -> Result<Claims, Refusal> {
    let token = provider.mint("client-1", &["read", "write"], AUDIENCE, now());
    verdict_on(provider, &token, rules, now())
}

fn verdict_on(provider: &Provider, token: &str, rules: Value, now: SystemTime) -> Result<Claims, Refusal> {
    let mut providers = IdentityProviders::default();
    providers.add(provider.clone());
    let mut authorizer = rules;
    if authorizer.get("discoveryUrl").is_none() {
        authorizer["discoveryUrl"] = json!(provider.discovery_url());
    }
    verify(&authorizer, token, &providers, now)
}

fn audience() -> Value {
    json!({"allowedAudience": ["other", AUDIENCE]})
}

/// Asserts that the token is refused with 401 and a text that contains `text`.
fn assert_invalid(verdict: Result<Claims, Refusal>, text: &str) {
    let refusal = verdict.expect_err(text);
    assert_eq!((refusal.status, refusal.code), (401, "invalid_token"));
    assert!(refusal.text.contains(text), "{}", refusal.text);
    let challenge = refusal.www_authenticate("https://r/.well-known/oauth-protected-resource");
    let expected =
        "Bearer resource_metadata=\"https://r/.well-known/oauth-protected-resource\", error=\"invalid_token\"";
    assert_eq!(challenge, expected);
}

#[test]
fn an_audience_is_matched_as_text_or_in_a_list() {
    let auth0 = provider(ClaimStyle::Auth0);
    let claims = verdict(&auth0, audience()).expect("let in");
    assert_eq!((&claims["azp"], &claims["iss"]), (&json!("client-1"), &json!("https://id.example.com/")));
    assert_invalid(verdict(&auth0, json!({"allowedAudience": ["other"]})), "'aud'");
    let mut keycloak = provider(ClaimStyle::Keycloak);
    keycloak.clients.insert("client-1".to_owned(), Client::new("secret").audiences(&["account", AUDIENCE]));
    let ask = http::Request::post(&keycloak.token_endpoint)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(b"grant_type=client_credentials&client_id=client-1&client_secret=secret".to_vec());
    let mut providers = IdentityProviders::default();
    providers.add(keycloak.clone());
    let answer = providers.serve(&ask.expect("a request"), now());
    let Some(crate::identity_provider::ProviderAnswer::Sent(response)) = answer else { panic!("{answer:?}") };
    let body: Value = serde_json::from_slice(response.body()).expect("JSON");
    let token = body["access_token"].as_str().expect("a token");
    let claims = verdict_on(&keycloak, token, audience(), now()).expect("let in");
    assert_eq!(claims["aud"], json!(["account", AUDIENCE]));
    assert_invalid(verdict(&auth0.with_fault(ProviderFault::TokenWithout("aud")), audience()), "'aud'");
}

#[test]
fn clients_are_matched_by_client_id_alone() {
    let rules = || json!({"allowedClients": ["client-1"]});
    verdict(&provider(ClaimStyle::Cognito), rules()).expect("let in");
    assert_invalid(verdict(&provider(ClaimStyle::Cognito), json!({"allowedClients": ["client-2"]})), "'client_id'");
    for style in [
        ClaimStyle::Auth0,
        ClaimStyle::Okta,
        ClaimStyle::EntraV1,
        ClaimStyle::EntraV2,
        ClaimStyle::Keycloak,
        ClaimStyle::Google,
    ] {
        assert_invalid(verdict(&provider(style), rules()), "'client_id'");
    }
}

#[test]
fn one_scope_is_enough_in_either_form() {
    for style in [ClaimStyle::Cognito, ClaimStyle::Okta] {
        verdict(&provider(style), json!({"allowedScopes": ["admin", "write"]})).expect("let in");
        let refusal = verdict(&provider(style), json!({"allowedScopes": ["admin", "rea"]})).expect_err("no scope");
        assert_eq!((refusal.status, refusal.code), (403, "insufficient_scope"));
        let challenge = refusal.www_authenticate("https://r");
        let expected = r#"Bearer resource_metadata="https://r", error="insufficient_scope", scope="admin rea""#;
        assert_eq!(challenge, expected);
    }
}

#[test]
fn every_kind_of_rule_has_to_pass() {
    let cognito = provider(ClaimStyle::Cognito);
    let rules = |audience: &str, client: &str, scope: &str| json!({"allowedAudience": [audience], "allowedClients": [client], "allowedScopes": [scope]});
    verdict(&cognito, rules(AUDIENCE, "client-1", "read")).expect("let in");
    assert_invalid(verdict(&cognito, rules("other", "client-1", "read")), "'aud'");
    assert_invalid(verdict(&cognito, rules(AUDIENCE, "other", "read")), "'client_id'");
    assert_eq!(verdict(&cognito, rules(AUDIENCE, "client-1", "other")).expect_err("no scope").status, 403);
    assert_invalid(verdict(&cognito, rules(AUDIENCE, "other", "other")), "'client_id'");
}

#[test]
fn custom_claims_are_matched_by_type_and_operator() {
    let rule = |claim: &str, value_type: &str, operator: &str, value: Value| {
        let member = if value.is_array() { "matchValueStringList" } else { "matchValueString" };
        json!({
            "inboundTokenClaimName": claim,
            "inboundTokenClaimValueType": value_type,
            "authorizingClaimMatchValue": {"claimMatchOperator": operator, "claimMatchValue": {member: value}},
        })
    };
    let okta = provider(ClaimStyle::Okta);
    let one = |rule: Value| verdict(&okta, json!({"customClaims": [rule]}));
    one(rule("cid", "STRING", "EQUALS", json!("client-1"))).expect("let in");
    one(rule("scp", "STRING_ARRAY", "CONTAINS", json!("write"))).expect("let in");
    one(rule("scp", "STRING_ARRAY", "CONTAINS_ANY", json!(["admin", "read"]))).expect("let in");
    assert_invalid(one(rule("cid", "STRING", "EQUALS", json!("client-2"))), "'cid'");
    assert_invalid(one(rule("azp", "STRING", "EQUALS", json!("client-1"))), "'azp'");
    assert_invalid(one(rule("ver", "STRING", "EQUALS", json!("1"))), "'ver'");
    assert_invalid(one(rule("scp", "STRING", "EQUALS", json!("read"))), "'scp'");
    assert_invalid(one(rule("scp", "STRING_ARRAY", "CONTAINS", json!("admin"))), "'scp'");
    assert_invalid(one(rule("scp", "STRING_ARRAY", "CONTAINS_ANY", json!(["admin"]))), "'scp'");
    assert_invalid(one(rule("cid", "STRING_ARRAY", "CONTAINS", json!("client-1"))), "'cid'");
    let both = [rule("cid", "STRING", "EQUALS", json!("client-1")), rule("cid", "STRING", "EQUALS", json!("client-2"))];
    assert_invalid(verdict(&okta, json!({"customClaims": both})), "'cid'");
}

#[test]
fn the_issuer_is_compared_to_the_letter() {
    let auth0 = provider(ClaimStyle::Auth0);
    let without_slash = ProviderFault::TokenIssuer("https://id.example.com".to_owned());
    assert_invalid(verdict(&auth0.clone().with_fault(without_slash), audience()), "'iss'");
    let without_slash = ProviderFault::DiscoveryIssuer("https://id.example.com".to_owned());
    assert_invalid(verdict(&auth0.with_fault(without_slash), audience()), "'iss'");
}

#[test]
fn a_token_is_good_from_nbf_until_exp() {
    let v2 = provider(ClaimStyle::EntraV2);
    let token = v2.mint("client-1", &[], AUDIENCE, now());
    let at = |now| verdict_on(&v2, &token, audience(), now);
    at(now()).expect("let in");
    at(now() + Duration::from_secs(3599)).expect("let in");
    assert_invalid(at(now() + Duration::from_hours(1)), "expired");
    assert_invalid(at(now() - Duration::from_secs(1)), "not valid yet");
    assert_invalid(verdict(&v2.with_fault(ProviderFault::TokenWithout("exp")), audience()), "no expiry");
}

#[test]
fn a_signature_is_the_providers_or_nobodys() {
    let auth0 = provider(ClaimStyle::Auth0);
    let token = auth0.mint("client-1", &["read"], AUDIENCE, now());
    let (message, signature) = token.rsplit_once('.').expect("a JWT");
    let (header, claims) = message.split_once('.').expect("a JWT");
    let forged = auth0.mint("client-1", &["admin"], AUDIENCE, now());
    let forged = forged.split('.').nth(1).expect("claims");
    let on = |token: &str| verdict_on(&auth0, token, audience(), now());
    on(&token).expect("let in");
    assert_invalid(on(&format!("{header}.{forged}.{signature}")), "signature");
    assert_invalid(on(&format!("{header}.{claims}.")), "signature");
    // {"alg":"none"} and {"alg":"RS256","kid":"unknown"}
    assert_invalid(on(&format!("eyJhbGciOiJub25lIn0.{claims}.")), "RS256");
    assert_invalid(on(&format!("eyJhbGciOiJSUzI1NiIsImtpZCI6InVua25vd24ifQ.{claims}.{signature}")), "signature");
    for text in ["", "opaque", "a.b", "a.b.c", &format!("{token}.x")] {
        assert_invalid(on(text), "not a signed JWT");
    }
    assert_invalid(verdict(&auth0.clone().with_fault(ProviderFault::OpaqueToken), audience()), "not a signed JWT");
    assert_invalid(verdict(&auth0.clone().with_fault(ProviderFault::Hs256Token), audience()), "RS256");
    let encrypted = auth0.mint("client-1", &[], "", now());
    assert_invalid(on(&encrypted), "not a signed JWT");
}

#[test]
fn without_the_providers_documents_nobody_is_let_in() {
    let auth0 = provider(ClaimStyle::Auth0);
    let token = auth0.mint("client-1", &[], AUDIENCE, now());
    let with = |fault| verdict_on(&auth0.clone().with_fault(fault), &token, audience(), now());
    let at = |endpoint, failure| with(ProviderFault::At(endpoint, failure));
    assert_invalid(at(Endpoint::Discovery, Failure::Status(500)), "discovery document");
    assert_invalid(at(Endpoint::Discovery, Failure::Redirect("https://x".to_owned())), "discovery document");
    assert_invalid(at(Endpoint::Discovery, Failure::HtmlPage), "discovery document");
    assert_invalid(at(Endpoint::Discovery, Failure::Unreachable), "discovery document");
    assert_invalid(at(Endpoint::Jwks, Failure::NoAnswer), "key set");
    assert_invalid(with(ProviderFault::DiscoveryWithout("issuer")), "issuer");
    assert_invalid(with(ProviderFault::DiscoveryWithout("jwks_uri")), "jwks_uri");
    assert_invalid(with(ProviderFault::SignsWithSecrets), "signature");
    with(ProviderFault::DiscoveryWithout("token_endpoint")).expect("an authorizer does not need it");
    let elsewhere = json!({"discoveryUrl": "https://elsewhere.example.com/.well-known/openid-configuration"});
    assert_invalid(verdict_on(&auth0, &token, elsewhere, now()), "discovery document");
}
