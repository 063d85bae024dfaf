//! Findings of a probe that passes: `Detail` says what keeps clients from connecting to an endpoint that asks for a token.

use std::collections::VecDeque;
use std::sync::Mutex;

use emulator::identity_provider::{ClaimStyle, Provider};
use serde_json::{Value, json};

use super::scripted::{ENDPOINT, Reply, Request, Told, told_with};
use super::{COGNITO, ISSUER, jwt, probe, runtime};
use crate::world::World;

const AT_HOST: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com/.well-known/oauth-protected-resource";

/// Returns the detail of a probe without a client at an IdP of this style.
async fn detail(style: ClaimStyle, issuer: &str, members: Value) -> String {
    let mut world = World::new();
    world.aws.with(|world| world.identity_providers.add(Provider::new(style, issuer).with_members(&members)));
    let runtime = runtime(&mut world, jwt(issuer, json!({"AllowedAudience": "x"}))).await;
    let answer = probe(&mut world, &runtime, json!({"Auth": "ANONYMOUS", "Issuer": issuer})).await.success();
    assert_eq!(answer.attribute("Result"), "PASSED");
    answer.attribute("Detail").to_owned()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn clients_without_a_registered_id_need_registration_or_documents_and_s256() {
    let s256 = json!(["plain", "S256"]);
    let passed = format!("the endpoint demands a token of {COGNITO}; no tool was listed, because no client was given");
    for open in [
        json!({"registration_endpoint": format!("{COGNITO}/register"), "code_challenge_methods_supported": s256}),
        json!({"client_id_metadata_document_supported": true, "code_challenge_methods_supported": s256}),
    ] {
        assert_eq!(detail(ClaimStyle::Cognito, COGNITO, open).await, passed);
    }
    let needs_id = format!(
        "; a client needs a client id that is registered at \"{COGNITO}\", whose document has neither \
         `registration_endpoint` nor `client_id_metadata_document_supported`"
    );
    let closed = json!({"client_id_metadata_document_supported": false, "code_challenge_methods_supported": s256});
    assert_eq!(detail(ClaimStyle::Cognito, COGNITO, closed).await, format!("{passed}{needs_id}"));
    let without = detail(ClaimStyle::Cognito, COGNITO, json!({"code_challenge_methods_supported": ["plain"]})).await;
    assert!(
        without.starts_with(&format!("{passed}{needs_id}; clients that follow MCP do not sign users in")),
        "{without}"
    );
    assert!(without.ends_with("does not list S256 in `code_challenge_methods_supported`"), "{without}");
}

/// Clients that follow MCP need S256 in the document. Some products have it, and their documents do not say so.
#[tokio::test(flavor = "local", start_paused = true)]
async fn identity_providers_that_do_not_list_s256_are_named() {
    const ENTRA: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
    for (style, issuer, lists) in [
        (ClaimStyle::Auth0, ISSUER, true),
        (ClaimStyle::Okta, "https://dev-1.okta.com/oauth2/default", true),
        (ClaimStyle::Keycloak, "https://id.example.com/realms/main", true),
        (ClaimStyle::Cognito, COGNITO, false),
        (ClaimStyle::EntraV2, ENTRA, false),
    ] {
        let said = detail(style, issuer, json!({})).await;
        assert_eq!(!said.contains("does not list S256"), lists, "{style:?}: {said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_issuer_that_differs_in_its_slash_is_named() {
    let exact = detail(ClaimStyle::Cognito, COGNITO, json!({})).await;
    assert!(!exact.contains("strict clients"), "{exact}");
    // AgentCore derives the issuer from the discovery URL, which does not show the slash.
    let slash = detail(ClaimStyle::Auth0, ISSUER, json!({})).await;
    let expected = "; the endpoint names the issuer \"https://tenant.auth0.com\", and the IdP itself \
                    \"https://tenant.auth0.com/\": strict clients refuse";
    assert!(slash.contains(expected), "{slash}");
}

/// Probes an endpoint with this challenge and these documents by URL, as a client without credentials.
async fn challenged(challenge: &'static str, documents: Vec<(String, Value)>) -> Told {
    let script = move |request: &Request<'_>| {
        if request.url == ENDPOINT {
            return Reply::new(401, "{}").with("www-authenticate", challenge);
        }
        let document = documents.iter().find(|(url, _)| url == request.url);
        document.map_or_else(|| Reply::new(404, "{}"), |(_, document)| Reply::new(200, &document.to_string()))
    };
    told_with(json!({"Auth": "ANONYMOUS"}), script).await
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn metadata_that_no_challenge_names_is_found_at_its_well_known_paths() {
    let path = ENDPOINT.strip_prefix("https://bedrock-agentcore.us-east-1.amazonaws.com").expect("the host");
    let document = json!({"resource": ENDPOINT, "authorization_servers": [COGNITO]});
    for challenge in ["Bearer", "Bearer realm=\"x\"", ""] {
        for url in [format!("{AT_HOST}{path}"), AT_HOST.to_owned()] {
            let told = challenged(challenge, vec![(url.clone(), document.clone())]).await;
            assert_eq!(told.code(), "PASSED", "{}", told.detail());
            let expected =
                "the challenge has no `resource_metadata`, so that only clients that try well-known paths find ";
            assert!(told.detail().contains(expected), "{}", told.detail());
        }
    }
    let without = json!({"resource": ENDPOINT, "authorization_servers": []});
    let told = challenged("Bearer", vec![(AT_HOST.to_owned(), without)]).await;
    assert_eq!(told.code(), "FAILED:UNAUTHORIZED");
    let expected = "the endpoint's challenge \"Bearer\" has no `resource_metadata`, and there is no protected-resource \
                    metadata at \"https://bedrock-agentcore.us-east-1.amazonaws.com/.well-known/";
    assert!(told.detail().starts_with(expected), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_resource_that_is_not_the_endpoint_is_named() {
    const CHALLENGE: &str = "Bearer resource_metadata=\"https://bedrock-agentcore.us-east-1.amazonaws.com/prm\"";
    let probe = async |document: Value| {
        let url = "https://bedrock-agentcore.us-east-1.amazonaws.com/prm".to_owned();
        let told = challenged(CHALLENGE, vec![(url, document)]).await;
        assert_eq!(told.code(), "PASSED", "{}", told.detail());
        told.detail().to_owned()
    };
    let exact = probe(json!({"resource": ENDPOINT, "authorization_servers": [COGNITO]})).await;
    assert!(exact.ends_with("because no client was given"), "{exact}");
    let other = probe(json!({"resource": "https://other.example.com/mcp", "authorization_servers": [COGNITO]})).await;
    let expected = "; the `resource` of the protected-resource metadata is \"https://other.example.com/mcp\", and strict \
                    clients refuse it for this endpoint";
    assert!(other.ends_with(expected), "{other}");
    let none = probe(json!({"authorization_servers": [COGNITO]})).await;
    assert!(none.ends_with("; the protected-resource metadata has no `resource`, which clients need"), "{none}");
}

/// Probes an endpoint whose challenge names metadata that is answered by `replies`, each once and the last for good.
async fn answered(replies: Vec<Reply>) -> Told {
    const METADATA: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com/prm";
    let replies = Mutex::new(VecDeque::from(replies));
    let script = move |request: &Request<'_>| {
        if request.url == ENDPOINT {
            let challenge =
                format!("Bearer error_description=\"no resource_metadata=here\", Resource_Metadata = \"{METADATA}\"");
            return Reply::new(401, "{}").with("www-authenticate", &challenge);
        }
        assert_eq!(request.url, METADATA);
        let mut replies = replies.lock().expect("no panic");
        if replies.len() > 1 { replies.pop_front().expect("a reply") } else { replies[0].clone() }
    };
    told_with(json!({"Auth": "ANONYMOUS"}), script).await
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn metadata_is_asked_for_again_while_its_server_does_not_answer() {
    let document = Reply::new(200, &json!({"resource": ENDPOINT, "authorization_servers": [COGNITO]}).to_string());
    let told = answered(vec![Reply::new(503, "busy"), Reply::new(429, "busy"), document]).await;
    assert_eq!(told.code(), "PASSED", "{}", told.detail());
    let told = answered(vec![Reply::new(503, "busy")]).await;
    assert!(told.detail().ends_with("names no `authorization_servers` (HTTP 503)"), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn metadata_that_redirects_names_its_target() {
    let told = answered(vec![Reply::new(302, "").with("location", "https://mcp.example.com/elsewhere")]).await;
    assert_eq!(told.code(), "FAILED:UNAUTHORIZED");
    let expected = "/prm\" redirects to \"https://mcp.example.com/elsewhere\" (HTTP 302), which clients need not follow; \
                    make the server's challenge name the final URL";
    assert!(told.detail().ends_with(expected), "{}", told.detail());
}
