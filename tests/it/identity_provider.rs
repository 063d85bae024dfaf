//! The demands of every resource that trusts an identity provider: an answer, in time, about the one issuer that the
//! template names, and with addresses that a secret may be sent to.

/// Members that discovery documents leave out or list.
mod documents;

use std::time::Duration;

use emulator::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{
    EXECUTION_ROLE, Event, GATEWAY, IMAGE, LogicalResource, PROBE, PROVIDER, RUNTIME, World, canary, merged,
};

const TYPES: [LogicalResource; 4] = [RUNTIME, GATEWAY, PROVIDER, PROBE];

const ISSUER: &str = "https://sso.example.com/realms/mcp";
const OTHER: &str = "https://sso.example.com/realms/other";
const DISCOVERY_URL: &str = "https://sso.example.com/realms/mcp/.well-known/openid-configuration";
/// The address of the same IdP's document by RFC 8414.
const RFC_8414_URL: &str = "https://sso.example.com/.well-known/oauth-authorization-server/realms/mcp";

fn keycloak() -> Provider {
    Provider::new(ClaimStyle::Keycloak, ISSUER).with_client("app", Client::new(&canary("client")))
}

fn replace_idp(world: &World, provider: Provider) {
    world.aws.with(|world| world.identity_providers.add(provider));
}

/// Creates a world with an IdP. Returns it with the address of a server that takes its tokens.
async fn world() -> (World, String) {
    let mut world = World::new();
    replace_idp(&world, keycloak());
    let mut properties = properties(RUNTIME, "", json!({"Issuer": ISSUER}));
    properties["AgentRuntimeName"] = json!("probed");
    let runtime = world.send(RUNTIME.named("Probed").create(properties)).await.success();
    let endpoint = runtime.attribute("McpUrl").to_owned();
    (world, endpoint)
}

/// Returns the properties of a resource that trusts the IdP which `idp` describes. Types that ask for tokens get a
/// client.
fn properties(kind: LogicalResource, endpoint: &str, idp: Value) -> Value {
    let properties = match kind {
        RUNTIME => json!({"AgentRuntimeName": "mcp", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE,
                          "InboundAuth": "JWT", "AllowedClients": "app"}),
        GATEWAY => json!({"RoleArn": EXECUTION_ROLE, "AllowedClients": "app", "ClientId": "app",
                          "ClientSecret": canary("client")}),
        PROVIDER => json!({"ClientId": "app", "ClientSecret": canary("client")}),
        _ => json!({"Endpoint": endpoint, "Auth": "BEARER", "ClientId": "app", "ClientSecret": canary("client")}),
    };
    merged(properties, idp)
}

fn create(kind: LogicalResource, endpoint: &str, idp: Value) -> Event {
    kind.create(properties(kind, endpoint, idp))
}

/// Counts the IdP's token requests.
fn token_requests(world: &World) -> usize {
    world.aws.with(|world| world.identity_providers.requests().iter().filter(|it| it.method == "POST").count())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_identity_provider_that_restarts_is_waited_for() {
    for kind in TYPES {
        for endpoint in [Endpoint::Discovery, Endpoint::Token] {
            for failure in [Failure::Status(503), Failure::Status(429), Failure::Unreachable] {
                let (mut world, url) = world().await;
                let mut restarting = keycloak();
                restarting.fail_next(3, ProviderFault::At(endpoint, failure.clone()));
                replace_idp(&world, restarting);
                let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
                assert!(answer.is_success(), "{kind} {endpoint:?} {failure:?}: {}", answer.reason());
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_identity_provider_on_a_host_that_the_function_does_not_allow_is_not_called() {
    for kind in TYPES {
        let (mut world, url) = world().await;
        world.environment.insert("IDENTITY_PROVIDER_HOSTS".to_owned(), "login.example.com,*.okta.com".to_owned());
        let before = world.aws.with(|world| world.identity_providers.requests().len());
        let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
        let sentence = "which is not called: its host sso.example.com is not one that this provisioner allows for identity \
                        providers (login.example.com, *.okta.com); use one of them, or ask whoever runs the provisioner to \
                        add it to `IDENTITY_PROVIDER_HOSTS`";
        assert!(answer.failure().ends_with(sentence), "{kind}: {}", answer.reason());
        assert_eq!(world.aws.with(|world| world.identity_providers.requests().len()), before, "{kind}");
        // The document is allowed, and sends the client's secret elsewhere.
        let (mut world, url) = self::world().await;
        world.environment.insert("IDENTITY_PROVIDER_HOSTS".to_owned(), "sso.example.com".to_owned());
        let mut elsewhere = keycloak();
        elsewhere.token_endpoint = "https://attacker.example.org/token".to_owned();
        replace_idp(&world, elsewhere);
        let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
        let sentence = "has the `token_endpoint` \"https://attacker.example.org/token\", which is not called: its host";
        assert!(answer.failure().contains(sentence), "{kind}: {}", answer.reason());
        assert_eq!(token_requests(&world), 0, "{kind}");
        replace_idp(&world, keycloak());
        world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await.success();
    }
    // A vendor whose endpoints the template gives.
    let (mut world, _) = world().await;
    world.environment.insert("IDENTITY_PROVIDER_HOSTS".to_owned(), "sso.example.com".to_owned());
    for property in ["Issuer", "AuthorizationEndpoint", "TokenEndpoint"] {
        let mut okta = json!({"Vendor": "OktaOauth2", "ClientId": "app", "ClientSecret": canary("client"),
            "Issuer": ISSUER, "AuthorizationEndpoint": format!("{ISSUER}/authorize"),
            "TokenEndpoint": format!("{ISSUER}/token")});
        okta[property] = json!("https://attacker.example.org/oauth2");
        let answer = world.send(PROVIDER.create(okta)).await;
        let sentence = format!("`{property}` must not be used: its host attacker.example.org");
        assert!(answer.failure().contains(&sentence), "{}", answer.reason());
    }
    let (mut world, url) = self::world().await;
    world.environment.insert("IDENTITY_PROVIDER_HOSTS".to_owned(), "https://sso.example.com".to_owned());
    let answer = world.send(create(PROBE, &url, json!({"Issuer": ISSUER}))).await;
    assert!(answer.failure().contains("which is not a host; use names such as"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_issuer_in_another_case_is_told_from_another_issuer() {
    for kind in TYPES {
        let (mut world, url) = world().await;
        let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER.replace("sso", "SSO")}))).await;
        let sentence =
            format!("whose document names the issuer \"{ISSUER}\", which differs in case only; write the address");
        assert!(answer.failure().contains(&sentence), "{kind}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_silent_identity_provider_leaves_time_to_answer() {
    for kind in TYPES {
        for endpoint in [Endpoint::Discovery, Endpoint::Token] {
            if (kind, endpoint) == (RUNTIME, Endpoint::Token) {
                continue;
            }
            let (mut world, url) = world().await;
            replace_idp(&world, keycloak().with_fault(ProviderFault::At(endpoint, Failure::NoAnswer)));
            // Half a minute of it is kept for the answer.
            world.timeout = Duration::from_secs(33);
            let started = Instant::now();
            let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
            let expected = "ran out of time waiting for the identity provider to answer; the last status was no answer";
            assert!(answer.failure().contains(expected), "{kind} {endpoint:?}: {}", answer.reason());
            assert!(started.elapsed() < Duration::from_secs(5), "{kind} {endpoint:?}: {:?}", started.elapsed());
        }
    }
    let (mut world, _) = world().await;
    let silent = keycloak().with_fault(ProviderFault::At(Endpoint::Token, Failure::NoAnswer));
    let anonymous = json!({"Endpoint": silent.token_endpoint, "Auth": "ANONYMOUS"});
    replace_idp(&world, silent);
    world.timeout = Duration::from_secs(33);
    let started = Instant::now();
    let answer = world.send(PROBE.create(anonymous)).await;
    assert_eq!(answer.failure(), "the endpoint does not demand a token: no answer in time");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refused_client_is_not_tried_again() {
    for kind in [GATEWAY, PROVIDER, PROBE] {
        let (mut world, url) = world().await;
        let wrong = json!({"Issuer": ISSUER, "ClientSecret": canary("wrong")});
        let answer = world.send(create(kind, &url, wrong)).await;
        assert!(answer.failure().contains("check `ClientId` and the client secret"), "{kind}: {}", answer.reason());
        assert_eq!(token_requests(&world), 1, "{kind}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_discovery_url_may_have_the_form_of_rfc_8414() {
    for kind in TYPES {
        let (mut world, url) = world().await;
        let answer = world.send(create(kind, &url, json!({"DiscoveryUrl": RFC_8414_URL}))).await;
        assert!(answer.is_success(), "{kind}: {}", answer.reason());
        if kind == RUNTIME {
            let anonymous =
                json!({"Endpoint": answer.attribute("McpUrl"), "Auth": "ANONYMOUS", "DiscoveryUrl": RFC_8414_URL});
            world.send(PROBE.create(anonymous)).await.success();
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_property_that_gives_the_address_is_named() {
    for kind in TYPES {
        for (idp, name) in
            [(json!({"Issuer": ISSUER}), "Issuer"), (json!({"DiscoveryUrl": DISCOVERY_URL}), "DiscoveryUrl")]
        {
            let (mut world, url) = world().await;
            replace_idp(&world, keycloak().with_fault(ProviderFault::DiscoveryWithout("jwks_uri")));
            let answer = world.send(create(kind, &url, idp)).await;
            let expected = format!("`{name}` gives \"{DISCOVERY_URL}\", whose document has no `jwks_uri`");
            assert!(answer.failure().starts_with(&expected), "{kind}: {}", answer.reason());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_issuer_next_to_a_discovery_url_has_to_be_that_of_the_document() {
    let both = |issuer: &str| json!({"DiscoveryUrl": DISCOVERY_URL, "Issuer": issuer});
    let expected = format!("whose document names the issuer \"{ISSUER}\", and `Issuer` is \"{OTHER}\"");
    for kind in TYPES {
        let (mut world, url) = world().await;
        let answer = world.send(create(kind, &url, both(OTHER))).await;
        assert!(answer.failure().contains(&expected), "{kind}: {}", answer.reason());
        let old = create(kind, &url, both(ISSUER));
        let created = world.send(old.clone()).await.success();
        let update = create(kind, &url, both(OTHER))
            .with("RequestType", "Update")
            .with("PhysicalResourceId", created.physical_id())
            .with("OldResourceProperties", old.0["ResourceProperties"].clone());
        let answer = world.send(update).await;
        assert!(answer.failure().contains(&expected), "{kind}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn addresses_that_are_not_public_https_are_refused_before_a_secret_is_sent() {
    let token_at = |url: &str| {
        let mut provider = keycloak();
        url.clone_into(&mut provider.token_endpoint);
        provider
    };
    let keys_at = |url: &str| {
        let mut provider = keycloak();
        url.clone_into(&mut provider.jwks_uri);
        provider
    };
    for (idp, expected) in [
        (
            token_at("http://sso.example.com/token"),
            "the `token_endpoint` \"http://sso.example.com/token\", which is not an https",
        ),
        (
            token_at("https://127.0.0.1/token"),
            "the `token_endpoint` \"https://127.0.0.1/token\", which is a local address",
        ),
        (token_at("https://me@sso.example.com/token"), "which names a user"),
        (
            keys_at("http://sso.example.com/keys"),
            "the `jwks_uri` \"http://sso.example.com/keys\", which is not an https URL",
        ),
    ] {
        for kind in TYPES {
            let (mut world, url) = world().await;
            replace_idp(&world, idp.clone());
            let answer = world.send(create(kind, &url, json!({"Issuer": ISSUER}))).await;
            assert!(answer.failure().contains(expected), "{kind}: {}", answer.reason());
            assert_eq!(token_requests(&world), 0, "{kind}");
        }
    }
}
