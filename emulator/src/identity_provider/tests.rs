use std::time::Duration;

use base64::engine::{Engine as _, general_purpose::STANDARD};
use serde_json::Map;

use super::*;
use crate::aws::Aws;
use crate::settings::Settings;

const ISSUERS: [(ClaimStyle, &str); 7] = [
    (ClaimStyle::Cognito, "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf"),
    (ClaimStyle::Auth0, "https://tenant.us.auth0.com/"),
    (ClaimStyle::Okta, "https://dev-1.okta.com/oauth2/default"),
    (ClaimStyle::EntraV1, "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"),
    (ClaimStyle::EntraV2, "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"),
    (ClaimStyle::Keycloak, "https://id.example.com/realms/main"),
    (ClaimStyle::Google, "https://accounts.google.com"),
];

fn now() -> SystemTime {
    Settings::default().start
}

fn provider(style: ClaimStyle) -> Provider {
    let issuer = ISSUERS.iter().find(|(known, _)| *known == style).expect("an issuer").1;
    let client = Client::new("s3cret&+").scopes(&["read", "write"]).audiences(&["api://tools"]);
    Provider::new(style, issuer).with_client("client-1", client)
}

fn world(provider: Provider) -> IdentityProviders {
    let mut world = IdentityProviders::default();
    world.add(provider);
    world
}

fn get(world: &mut IdentityProviders, url: &str) -> Option<ProviderAnswer> {
    world.serve(&Request::get(url).body(Vec::new()).expect("a request"), now())
}

fn sent(answer: Option<ProviderAnswer>) -> Response<Vec<u8>> {
    match answer {
        Some(ProviderAnswer::Sent(response)) => response,
        other => panic!("not an answer: {other:?}"),
    }
}

fn read(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).expect("JSON")
}

fn document(world: &mut IdentityProviders, url: &str) -> Value {
    let response = sent(get(world, url));
    assert_eq!(response.status(), 200, "{url}");
    read(&response)
}

/// Asks the token endpoint with the secret in the form.
fn ask(world: &mut IdentityProviders, extra: &str) -> (u16, Value) {
    ask_as(world, "client_id=client-1&client_secret=s3cret%26%2B", None, extra)
}

fn ask_as(world: &mut IdentityProviders, who: &str, basic: Option<&str>, extra: &str) -> (u16, Value) {
    let url = world.providers[0].token_endpoint.clone();
    let mut request = Request::post(url).header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    if let Some(basic) = basic {
        request = request.header("authorization", format!("Basic {}", STANDARD.encode(basic)));
    }
    let body = format!("grant_type=client_credentials&{who}{extra}").into_bytes();
    let response = sent(world.serve(&request.body(body).expect("a request"), now()));
    (response.status().as_u16(), read(&response))
}

/// Returns the claims of the token that a request gets.
fn claims(style: ClaimStyle, extra: &str) -> Map<String, Value> {
    let (status, body) = ask(&mut world(provider(style)), extra);
    assert_eq!(status, 200, "{body}");
    header_and_claims(body["access_token"].as_str().expect("a token")).expect("a JWT").1
}

fn error(style: ClaimStyle, extra: &str) -> (u16, String) {
    let (status, body) = ask(&mut world(provider(style)), extra);
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn every_product_has_its_documents_where_they_are_looked_for() {
    for (style, issuer) in ISSUERS {
        let mut world = world(provider(style));
        let url = match style {
            ClaimStyle::EntraV1 => issuer.replace("sts.windows.net", "login.microsoftonline.com"),
            _ => issuer.to_owned(),
        };
        let url = format!("{}/.well-known/openid-configuration", url.trim_end_matches('/'));
        let discovery = document(&mut world, &url);
        assert_eq!(discovery["issuer"], issuer);
        assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["RS256"]));
        let silent = matches!(style, ClaimStyle::Cognito | ClaimStyle::EntraV1 | ClaimStyle::EntraV2);
        let s256 = if silent { Value::Null } else { json!(["S256"]) };
        assert_eq!(discovery["code_challenge_methods_supported"], s256, "{style:?}");
        let keys = document(&mut world, discovery["jwks_uri"].as_str().expect("keys"));
        assert_eq!(keys["keys"][0]["kty"], "RSA");
        assert_eq!(world.provider(issuer).expect("it").token_endpoint, discovery["token_endpoint"]);
        assert_eq!(sent(get(&mut world, &format!("{url}/x"))).status(), 404);
        assert!(get(&mut world, "https://elsewhere.example.com/").is_none());
        assert_eq!(world.requests().len(), 3);
    }
    let cognito = provider(ClaimStyle::Cognito).token_endpoint;
    assert_eq!(cognito, "https://us-east-1abcdef.auth.us-east-1.amazoncognito.com/oauth2/token");
    let entra = provider(ClaimStyle::EntraV2);
    assert!(entra.token_endpoint.ends_with("555555555555/oauth2/v2.0/token"), "{}", entra.token_endpoint);
}

#[test]
fn the_metadata_of_rfc_8414_is_there_where_the_product_has_it() {
    let mut keycloak = world(provider(ClaimStyle::Keycloak));
    for url in [
        "https://id.example.com/realms/main/.well-known/oauth-authorization-server",
        "https://id.example.com/.well-known/oauth-authorization-server/realms/main",
        "https://id.example.com:443/realms/main/.well-known/openid-configuration?x=1",
    ] {
        assert_eq!(document(&mut keycloak, url)["issuer"], "https://id.example.com/realms/main");
    }
    let mut auth0 = world(provider(ClaimStyle::Auth0));
    let url = "https://tenant.us.auth0.com/.well-known/oauth-authorization-server";
    assert_eq!(document(&mut auth0, url)["issuer"], "https://tenant.us.auth0.com/");
    let url = "https://accounts.google.com/.well-known/oauth-authorization-server";
    assert_eq!(sent(get(&mut world(provider(ClaimStyle::Google)), url)).status(), 404);
}

#[test]
fn claims_are_the_products() {
    let cognito = claims(ClaimStyle::Cognito, "&scope=read&resource=x");
    assert_eq!((&cognito["client_id"], &cognito["scope"]), (&json!("client-1"), &json!("read")));
    assert_eq!(cognito["token_use"], "access");
    assert!(!cognito.contains_key("aud") && !cognito.contains_key("azp"));
    let start = claims::seconds(now());
    assert_eq!((&cognito["iat"], &cognito["exp"]), (&json!(start), &json!(start + 3600)));

    let auth0 = claims(ClaimStyle::Auth0, "&audience=api%3A%2F%2Ftools");
    assert_eq!((&auth0["azp"], &auth0["aud"]), (&json!("client-1"), &json!("api://tools")));
    assert_eq!((&auth0["iss"], &auth0["scope"]), (&json!("https://tenant.us.auth0.com/"), &json!("read write")));

    let okta = claims(ClaimStyle::Okta, "&scope=read+write");
    assert_eq!((&okta["cid"], &okta["aud"]), (&json!("client-1"), &json!("api://default")));
    assert_eq!(okta["scp"], json!(["read", "write"]));

    let v1 = claims(ClaimStyle::EntraV1, "&resource=api://tools");
    assert_eq!((&v1["appid"], &v1["aud"]), (&json!("client-1"), &json!("api://tools")));
    assert!(v1["iss"].as_str().is_some_and(|iss| iss.starts_with("https://sts.windows.net/")));

    let v2 = claims(ClaimStyle::EntraV2, "&scope=api://tools/.default");
    assert_eq!((&v2["azp"], &v2["aud"], &v2["nbf"]), (&json!("client-1"), &json!("tools"), &json!(start)));
    assert!(v2["iss"].as_str().is_some_and(|iss| iss.ends_with("/v2.0")));

    let keycloak = claims(ClaimStyle::Keycloak, "");
    assert_eq!((&keycloak["azp"], &keycloak["aud"]), (&json!("client-1"), &json!("api://tools")));
    let mut unmapped = provider(ClaimStyle::Keycloak);
    unmapped.clients.insert("client-1".to_owned(), Client::new("s3cret&+"));
    let audience = |provider: &Provider| {
        let (_, body) = ask(&mut world(provider.clone()), "");
        header_and_claims(body["access_token"].as_str().expect("a token")).expect("a JWT").1.get("aud").cloned()
    };
    assert_eq!(audience(&unmapped), None);
    unmapped.default_audience = Some("account".to_owned());
    assert_eq!(audience(&unmapped), Some(json!("account")));

    let google = provider(ClaimStyle::Google).mint("client-1", &[], "", now());
    let google = header_and_claims(&google).expect("a JWT").1;
    assert_eq!((&google["azp"], &google["aud"]), (&json!("client-1"), &json!("client-1")));
}

#[test]
fn auth0_encrypts_a_token_without_an_audience() {
    let mut auth0 = world(provider(ClaimStyle::Auth0));
    let (status, body) = ask(&mut auth0, "");
    let token = body["access_token"].as_str().expect("a token").to_owned();
    assert_eq!((status, token.split('.').count()), (200, 5), "{token}");
    assert_eq!(header_and_claims(&token), None);
    auth0.provider_mut("https://tenant.us.auth0.com/").expect("it").default_audience = Some("https://api".to_owned());
    let (_, body) = ask(&mut auth0, "");
    let claims = header_and_claims(body["access_token"].as_str().expect("a token")).expect("a JWT").1;
    assert_eq!(claims["aud"], "https://api");
}

#[test]
fn what_a_client_may_not_have_is_refused_in_the_products_way() {
    let refused = |status: u16, error: &str| (status, error.to_owned());
    assert_eq!(error(ClaimStyle::Cognito, "&scope=admin"), refused(400, "invalid_scope"));
    assert_eq!(error(ClaimStyle::Auth0, "&audience=https://other"), refused(403, "access_denied"));
    assert_eq!(error(ClaimStyle::Auth0, "&audience=api://tools&scope=admin"), refused(403, "access_denied"));
    assert_eq!(error(ClaimStyle::Okta, ""), refused(400, "invalid_scope"));
    assert_eq!(error(ClaimStyle::Okta, "&scope=admin"), refused(400, "invalid_scope"));
    assert_eq!(error(ClaimStyle::EntraV1, ""), refused(400, "invalid_request"));
    assert_eq!(error(ClaimStyle::EntraV1, "&resource=x"), refused(400, "invalid_resource"));
    assert_eq!(error(ClaimStyle::EntraV2, ""), refused(400, "invalid_request"));
    assert_eq!(error(ClaimStyle::EntraV2, "&scope=read"), refused(400, "invalid_scope"));
    assert_eq!(error(ClaimStyle::EntraV2, "&scope=x/.default"), refused(400, "invalid_resource"));
    assert_eq!(error(ClaimStyle::Keycloak, "&scope=admin"), refused(400, "invalid_scope"));
    assert_eq!(error(ClaimStyle::Google, ""), refused(400, "unsupported_grant_type"));
    assert_eq!(error(ClaimStyle::Okta, "&scope=read&scope=write"), refused(400, "invalid_request"));
}

#[test]
fn a_client_authenticates_in_one_of_the_ways_that_are_on() {
    let ask = |style, post: bool, basic: bool, who: &str, header: Option<&str>| {
        let mut world = world(Provider { basic, post, ..provider(style) });
        let (status, body) = ask_as(&mut world, who, header, "&scope=read");
        (status, body["error"].as_str().unwrap_or_default().to_owned())
    };
    let in_form = "client_id=client-1&client_secret=s3cret%26%2B";
    let in_header = Some("client-1:s3cret%26%2B");
    let okta = ClaimStyle::Okta;
    let invalid_client = (401, "invalid_client".to_owned());
    assert_eq!(ask(okta, true, false, in_form, None).0, 200);
    assert_eq!(ask(okta, false, true, "", in_header).0, 200);
    assert_eq!(ask(okta, false, true, in_form, None), invalid_client);
    assert_eq!(ask(okta, true, false, "", in_header), invalid_client);
    assert_eq!(ask(okta, true, true, "", None), invalid_client);
    assert_eq!(ask(okta, true, true, "client_secret=x", None), invalid_client);
    assert_eq!(ask(okta, true, true, "client_id=client-1&client_secret=wrong", None), invalid_client);
    assert_eq!(ask(okta, true, true, "client_id=other&client_secret=s3cret%26%2B", None), invalid_client);
    assert_eq!(ask(okta, true, true, in_form, in_header), (400, "invalid_request".to_owned()));
    assert_eq!(ask(ClaimStyle::Cognito, true, true, "", Some("client-1:wrong")), (400, "invalid_client".to_owned()));
    let mut only_basic = world(Provider { post: false, ..provider(okta) });
    let url = only_basic.providers[0].discovery_url();
    let methods = document(&mut only_basic, &url)["token_endpoint_auth_methods_supported"].clone();
    assert_eq!(methods, json!(["client_secret_basic"]));
}

#[test]
fn a_token_request_is_a_form_that_is_posted() {
    let mut world = world(provider(ClaimStyle::Okta));
    let url = world.providers[0].token_endpoint.clone();
    assert_eq!(sent(get(&mut world, &url)).status(), 405);
    let json = Request::post(&url).header("content-type", "application/json").body(b"{}".to_vec());
    assert_eq!(sent(world.serve(&json.expect("a request"), now())).status(), 400);
    let url = world.providers[0].discovery_url();
    let post = Request::post(&url).body(Vec::new()).expect("a request");
    assert_eq!(sent(world.serve(&post, now())).status(), 405);
    let who = "client_id=client-1&client_secret=s3cret%26%2B&grant_type=password";
    assert_eq!(ask_as(&mut world, who, None, "").1["error"], "invalid_request", "grant_type twice");
    world.providers[0].clients.get_mut("client-1").expect("it").unauthorized = true;
    assert_eq!(ask(&mut world, "&scope=read"), {
        let description = "The client may not use the grant type client_credentials.";
        (400, json!({"error": "unauthorized_client", "error_description": description}))
    });
}

#[test]
fn addresses_fail_in_every_way() {
    let at = |failure: Failure| {
        let mut world = world(provider(ClaimStyle::Okta).with_fault(ProviderFault::At(Endpoint::Discovery, failure)));
        let url = world.providers[0].discovery_url();
        get(&mut world, &url).expect("a provider")
    };
    assert!(matches!(at(Failure::Unreachable), ProviderAnswer::Unreachable));
    assert!(matches!(at(Failure::NoAnswer), ProviderAnswer::Nothing));
    assert_eq!(sent(Some(at(Failure::Status(500)))).status(), 500);
    let redirect = sent(Some(at(Failure::Redirect("https://new.example.com/".to_owned()))));
    assert_eq!(redirect.status(), 302);
    assert_eq!(redirect.headers()["location"], "https://new.example.com/");
    let page = sent(Some(at(Failure::HtmlPage)));
    assert!(page.status() == 200 && page.body().starts_with(b"<!DOCTYPE html>"));
    let broken = sent(Some(at(Failure::BrokenJson)));
    assert!(serde_json::from_slice::<Value>(broken.body()).is_err());
    assert_eq!(broken.headers()["content-type"], "application/json");
}

#[test]
fn documents_and_tokens_are_wrong_in_every_way() {
    let with = |fault: ProviderFault| world(provider(ClaimStyle::Okta).with_fault(fault));
    let url = provider(ClaimStyle::Okta).discovery_url();
    for member in ["issuer", "token_endpoint", "jwks_uri"] {
        let document = document(&mut with(ProviderFault::DiscoveryWithout(member)), &url);
        assert!(document.get(member).is_none() && document.get("authorization_endpoint").is_some());
    }
    let other = "https://other.example.com".to_owned();
    assert_eq!(document(&mut with(ProviderFault::DiscoveryIssuer(other.clone())), &url)["issuer"], *other);
    let token = |fault: ProviderFault| {
        let mut world = with(fault);
        let (status, body) = ask(&mut world, "&scope=read");
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().expect("a token").to_owned()
    };
    assert!(!token(ProviderFault::OpaqueToken).contains('.'));
    let (header, claims) = header_and_claims(&token(ProviderFault::Hs256Token)).expect("a JWT");
    assert_eq!((&header["alg"], &claims["cid"]), (&json!("HS256"), &json!("client-1")));
    let (_, claims) = header_and_claims(&token(ProviderFault::TokenWithout("aud"))).expect("a JWT");
    assert!(!claims.contains_key("aud"));
    let (_, claims) = header_and_claims(&token(ProviderFault::TokenIssuer(other.clone()))).expect("a JWT");
    assert_eq!(claims["iss"], *other);

    let mut secret = with(ProviderFault::SignsWithSecrets);
    assert_eq!(document(&mut secret, &url)["id_token_signing_alg_values_supported"], json!(["HS256"]));
    let keys = secret.providers[0].jwks_uri.clone();
    assert_eq!(document(&mut secret, &keys), json!({"keys": []}));

    let fault = ProviderFault::TokenError { status: 503, error: "temporarily_unavailable", description: "later" };
    let (status, body) = ask(&mut with(fault), "&scope=read");
    assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")));
}

#[test]
fn a_fault_wears_off() {
    let mut okta = provider(ClaimStyle::Okta);
    okta.fail_next(1, ProviderFault::At(Endpoint::Token, Failure::Status(500)));
    let url = okta.discovery_url();
    let mut world = world(okta);
    assert_eq!(document(&mut world, &url)["issuer"], world.providers[0].issuer.as_str());
    let token_endpoint = world.providers[0].token_endpoint.clone();
    assert_eq!(sent(get(&mut world, &token_endpoint)).status(), 500);
    assert_eq!(ask(&mut world, "&scope=read").0, 200);
    let statuses: Vec<_> = world.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(200), Some(500), Some(200)]);
}

#[tokio::test(start_paused = true)]
async fn in_memory_a_provider_takes_the_latency_of_a_call() {
    use aws_smithy_runtime_api::client::http::HttpConnector as _;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

    let aws = Aws::new(Settings { call_latency: Duration::from_secs(2), ..Settings::default() });
    let url = provider(ClaimStyle::Okta).discovery_url();
    let fetch = || async {
        let request = HttpRequest::get(&url).expect("a request");
        crate::transport::http_connector(&aws).call(request).await.map(|response| response.status().as_u16())
    };
    assert!(fetch().await.expect_err("no such host").is_io());
    aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Okta)));
    let before = tokio::time::Instant::now();
    assert_eq!(fetch().await.ok(), Some(200));
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    let fail = |failure| {
        let fault = ProviderFault::At(Endpoint::Discovery, failure);
        aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Okta).with_fault(fault)));
    };
    fail(Failure::Unreachable);
    assert!(fetch().await.expect_err("refused").is_io());
    fail(Failure::NoAnswer);
    assert!(tokio::time::timeout(Duration::from_secs(30), fetch()).await.is_err(), "no answer comes");
}
