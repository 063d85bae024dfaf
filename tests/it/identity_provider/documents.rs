//! Discovery documents with missing or additional members, and answers of an identity provider: each ends in one
//! sentence, or does not matter.

use emulator::identity_provider::{ClaimStyle, Client, Provider, ProviderFault};
use serde_json::{Value, json};

use super::{GATEWAY, ISSUER, PROVIDER, RUNTIME, create, keycloak, properties, replace_idp, token_requests, world};
use crate::world::{Answer, LogicalResource, PROBE, World, canary};

fn changed(change: impl FnOnce(&mut Provider)) -> Provider {
    let mut idp = keycloak();
    change(&mut idp);
    idp
}

/// Sends a Create for a type that only checks tokens. The probe, which also asks for tokens, is told not to.
async fn send_without_client(world: &mut World, kind: LogicalResource, url: &str) -> Answer {
    let mut properties = properties(kind, url, json!({"Issuer": ISSUER}));
    let members = properties.as_object_mut().expect("a map");
    match kind {
        GATEWAY => members.retain(|name, _| !name.starts_with("Client")),
        PROBE => {
            members.retain(|name, _| !name.starts_with("Client"));
            members.insert("Auth".to_owned(), json!("ANONYMOUS"));
        }
        _ => {}
    }
    world.send(kind.create(properties)).await
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_issuer_that_only_signs_is_enough_to_check_tokens() {
    for kind in [RUNTIME, GATEWAY, PROBE] {
        for without in [
            changed(|idp| idp.signs_only = true),
            changed(|_| ()).with_fault(ProviderFault::DiscoveryEmpty("token_endpoint")),
        ] {
            let (mut world, url) = world().await;
            replace_idp(&world, without);
            let answer = send_without_client(&mut world, kind, &url).await;
            assert!(answer.is_success(), "{kind}: {}", answer.reason());
        }
    }
    for kind in [GATEWAY, PROVIDER, PROBE] {
        let (mut world, url) = world().await;
        replace_idp(&world, changed(|idp| idp.signs_only = true));
        let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
        let reason = answer.failure();
        assert!(reason.starts_with("`Issuer` gives "), "{kind}: {reason}");
        assert!(reason.contains("has no `token_endpoint`: the issuer signs tokens and gives none"), "{kind}: {reason}");
        assert_eq!(token_requests(&world), 0, "{kind}");
    }
}

/// The list is about ID tokens. If a token is available, its algorithm decides. Without a token the answer mentions the
/// doubt.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_algorithms_of_id_tokens_refuse_nobody() {
    let es256 = || changed(|idp| idp.id_token_algorithms = vec!["ES256", "ES384"]);
    let doubt = "signs ID tokens with ES256, ES384; AgentCore verifies RS256, and no token was seen";
    for kind in [RUNTIME, GATEWAY, PROBE] {
        let (mut world, url) = world().await;
        replace_idp(&world, es256());
        let answer = send_without_client(&mut world, kind, &url).await;
        assert!(answer.is_success(), "{kind}: {}", answer.reason());
        assert!(world.everything_said().contains(doubt), "{kind}");
        if kind == PROBE {
            assert!(answer.attribute("Detail").contains(doubt), "{}", answer.attribute("Detail"));
        }
    }
    for kind in [GATEWAY, PROVIDER, PROBE] {
        let (mut world, url) = world().await;
        replace_idp(&world, es256());
        let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
        assert!(answer.is_success(), "{kind}: {}", answer.reason());
        assert!(!world.everything_said().contains(doubt), "{kind}: a token was seen");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_idp_that_takes_no_client_secrets_is_named_before_a_secret_is_sent() {
    for methods in [vec!["private_key_jwt", "tls_client_auth"], vec!["none"], vec![]] {
        let idp = || {
            changed(|idp| {
                (idp.basic, idp.post) = (false, false);
                idp.secretless_methods.clone_from(&methods);
            })
        };
        let listed = if methods.is_empty() { "none".to_owned() } else { methods.join(", ") };
        for kind in [GATEWAY, PROVIDER, PROBE] {
            let (mut world, url) = world().await;
            replace_idp(&world, idp());
            let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
            let expected = format!(
                "the IdP \"{ISSUER}\" takes no client secrets: `token_endpoint_auth_methods_supported` is {listed}; "
            );
            assert!(answer.failure().starts_with(&expected), "{kind}: {}", answer.reason());
            assert_eq!(token_requests(&world), 0, "{kind}");
        }
        let (mut world, url) = world().await;
        replace_idp(&world, idp());
        world.send(create(RUNTIME, &url, json!({"Issuer": ISSUER}))).await.success();
        // A template can state the method.
        let stated = json!({"Issuer": ISSUER, "ClientAuthenticationMethod": "CLIENT_SECRET_BASIC"});
        world.send(create(PROVIDER, &url, stated)).await.failure();
        assert_eq!(token_requests(&world), 1);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_wrong_client_is_one_sentence_about_id_and_secret() {
    let refusals = [
        (401, "invalid_client", ""),
        (400, "invalid_client", ""),
        (400, "unauthorized_client", "AADSTS700016: Application with identifier 'app' was not found in the directory"),
        (400, "unauthorized_client", "Unknown client"),
        (400, "invalid_client_id", "client identifier invalid"),
        (401, "access_denied", "Unauthorized"),
    ];
    for (status, error, description) in refusals {
        for kind in [GATEWAY, PROVIDER, PROBE] {
            let (mut world, url) = world().await;
            replace_idp(&world, keycloak().with_fault(ProviderFault::TokenError { status, error, description }));
            let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
            let reason = answer.failure();
            assert!(reason.contains("check `ClientId` and the client secret"), "{kind} {error}: {reason}");
            assert_eq!(token_requests(&world), 1, "{kind} {error}");
        }
    }
    let (mut world, url) = world().await;
    let neither = json!({"Endpoint": url, "Auth": "BEARER", "Issuer": ISSUER});
    let answer = world.send(PROBE.create(neither)).await;
    assert!(answer.failure().starts_with("`ClientSecretId` is missing, and so is `ClientId`; "), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_advice_about_jwts_depends_on_the_identity_provider() {
    let auth0 = "https://tenant.eu.auth0.com/";
    let target = ProviderFault::TokenError { status: 400, error: "invalid_target", description: "" };
    for (style, issuer, fault, expected, elsewhere) in [
        (ClaimStyle::Auth0, auth0, ProviderFault::OpaqueToken, "with Auth0 by setting `audience`", "`resource`"),
        (
            ClaimStyle::Keycloak,
            ISSUER,
            ProviderFault::OpaqueToken,
            "set `resource` in `CustomParameters`",
            "with Auth0 by",
        ),
        (ClaimStyle::Auth0, auth0, target.clone(), "check `audience` in `CustomParameters`", "`resource`"),
        (ClaimStyle::Keycloak, ISSUER, target, "check `resource` in `CustomParameters`", "`audience`"),
    ] {
        let (mut world, url) = world().await;
        let client = Client::new(&canary("client")).audiences(&["https://mcp.example.com"]);
        replace_idp(&world, Provider::new(style, issuer).with_client("app", client).with_fault(fault));
        let parameters = json!({"Issuer": issuer, "Scopes": "", "CustomParameters": {"x": "y"}});
        for kind in [GATEWAY, PROBE] {
            let answer = world.send(create(kind, &url, parameters.clone())).await;
            let reason = answer.failure();
            assert!(reason.contains(expected) && !reason.contains(elsewhere), "{kind}: {reason}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_malformed_issuer_is_refused_before_any_call() {
    let cases: [(&str, Value, &str); 7] = [
        ("Issuer", json!({"Issuer": "http://idp.example.com"}), "which is not an https URL"),
        ("Issuer", json!({"Issuer": "idp.example.com"}), "which is not an https URL"),
        ("Issuer", json!({"Issuer": format!("{ISSUER}?a=b")}), "which has a query or a fragment"),
        ("Issuer", json!({"Issuer": format!("{ISSUER}#a")}), "which has a query or a fragment"),
        ("Issuer", json!({"Issuer": "https://sso.example.com/realms/m cp"}), "which has white space in it"),
        ("Issuer", json!({"Issuer": super::DISCOVERY_URL}), "a discovery URL; put it into `DiscoveryUrl`"),
        ("DiscoveryUrl", json!({"DiscoveryUrl": ISSUER}), "which does not end in a well-known path"),
    ];
    for (name, idp, expected) in cases {
        for kind in super::TYPES {
            let (mut world, url) = world().await;
            let before = world.call_count();
            let answer = world.send(create(kind, &url, idp.clone())).await;
            let reason = answer.failure();
            assert!(reason.starts_with(&format!("`{name}` ")) && reason.contains(expected), "{kind} {idp}: {reason}");
            assert_eq!(world.calls_since(before), [""; 0], "{kind}");
        }
    }
    // A slash at the end of a discovery URL does not exist as a difference.
    for kind in super::TYPES {
        let (mut world, url) = world().await;
        let answer = world.send(create(kind, &url, json!({"Issuer": format!(" {ISSUER}/\n")}))).await;
        assert!(answer.is_success(), "{kind}: {}", answer.reason());
    }
}
