//! The IdP before anything is created: its discovery document, its ways to authenticate a client, and the client's secret.

use emulator::agentcore_control::{ClientAuthentication, Discovery};
use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::json;

use super::{
    DISCOVERY_URL, ISSUER, client_secret, idp, named, properties, provider, rotate_at_the_idp, store_secret, stored,
    taking, with, with_idp, world,
};
use crate::world::{Answer, Event, PROVIDER, World, canary};

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_client_authenticates_with_a_method_that_the_idp_supports() {
    for (basic, post, method, expected) in [
        (true, true, "", ClientAuthentication::Basic),
        (false, true, "", ClientAuthentication::Post),
        (true, false, "", ClientAuthentication::Basic),
        (true, true, "CLIENT_SECRET_POST", ClientAuthentication::Post),
        (true, true, "CLIENT_SECRET_BASIC", ClientAuthentication::Basic),
    ] {
        let mut world = with_idp(Settings::default(), taking(basic, post));
        let answer = world.send(PROVIDER.create(with(json!({"ClientAuthenticationMethod": method})))).await.success();
        assert_eq!(provider(&world, &answer.physical_id()).client_authentication, expected, "{basic} {post} {method}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_query_for_the_token_endpoint_goes_into_the_metadata() {
    let mut world = world();
    let old = with(json!({"TokenEndpointQuery": "audience=urn:x&other=%20y"}));
    let answer = world.send(PROVIDER.create(old.clone())).await.success();
    let metadata = |query: &str| Discovery::Metadata {
        issuer: ISSUER.to_owned(),
        authorization_endpoint: "https://tenant.auth0.com/authorize".to_owned(),
        token_endpoint: format!("https://tenant.auth0.com/oauth/token?{query}"),
    };
    let name = answer.physical_id();
    assert_eq!(provider(&world, &name).discovery, metadata("audience=urn:x&other=%20y"));
    let new = with(json!({"TokenEndpointQuery": "audience=urn:y"}));
    world.send(PROVIDER.update(&name, new.clone(), old)).await.success();
    assert_eq!(provider(&world, &name).discovery, metadata("audience=urn:y"));
    world.send(PROVIDER.update(&name, with(json!({})), new)).await.success();
    assert_eq!(provider(&world, &name).discovery, Discovery::Url(DISCOVERY_URL.to_owned()));

    let fault = ProviderFault::DiscoveryWithout("authorization_endpoint");
    world.aws.with(|world| world.identity_providers.add(idp().with_fault(fault)));
    let answer = world.send(PROVIDER.create(named(json!({"TokenEndpointQuery": "audience=urn:x"})))).await;
    assert!(
        answer.failure().starts_with("`TokenEndpointQuery` takes an authorization endpoint"),
        "{}",
        answer.reason()
    );
}

/// A rotation gives AgentCore the new secret, and tries it where AgentCore gets its tokens.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotation_leaves_the_endpoints_as_they_are() {
    let with_query = "https://tenant.auth0.com/oauth/token?tenant=one";
    for (query, method) in
        [("audience=urn:x", ""), ("audience=urn:x", "CLIENT_SECRET_POST"), ("", "CLIENT_SECRET_POST")]
    {
        let mut idp = idp();
        with_query.clone_into(&mut idp.token_endpoint);
        let mut world = with_idp(Settings::default(), idp.clone());
        let arn = store_secret(&world, &canary("client"));
        let mut properties = stored("MANAGED");
        properties["TokenEndpointQuery"] = json!(query);
        properties["ClientAuthenticationMethod"] = json!(method);
        let name = world.send(PROVIDER.create(properties.clone())).await.success().physical_id();
        let before = provider(&world, &name);
        let entry = json!([{"LogicalResourceId": "Provider", "PhysicalResourceId": name, "SecretArn": arn,
            "JsonKey": "client_secret"}]);
        let rotate = async |world: &World, secret: &str, token: &str| {
            let text = json!({"client_secret": canary(secret)}).to_string();
            let input = json!({"SecretId": arn, "SecretString": text, "ClientRequestToken": token.repeat(32)});
            world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
            world.rotated(&arn, entry.clone()).await;
        };
        rotate(&world, "refused", "1").await;
        assert_eq!(client_secret(&world, &name), Some(canary("client")));
        assert!(world.everything_said().contains("gave client \\\"app\\\" no token"), "{}", world.everything_said());
        idp.clients.insert("app".to_owned(), Client::new(&canary("rotated")));
        world.aws.with(|world| world.identity_providers.add(idp));
        rotate(&world, "rotated", "2").await;
        assert_eq!(client_secret(&world, &name), Some(canary("rotated")), "{}", world.everything_said());
        let after = provider(&world, &name);
        assert_eq!((&after.discovery, after.client_authentication), (&before.discovery, before.client_authentication));
        if let Discovery::Metadata { token_endpoint, .. } = after.discovery {
            assert_eq!(token_endpoint, format!("{with_query}&{query}"));
        }
        world.send(PROVIDER.delete(&name, properties)).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_wrong_client_secret_is_refused_before_anything_is_created_or_updated() {
    for basic in [true, false] {
        let mut world = with_idp(Settings::default(), taking(basic, true));
        let wrong = with(json!({"ClientSecret": canary("wrong")}));
        let answer = world.send(PROVIDER.create(wrong.clone())).await;
        assert!(answer.failure().contains("check `ClientId` and the client secret"), "{}", answer.reason());
        assert!(answer.reason().contains("`ClientAuthenticationMethod`"), "{}", answer.reason());
        assert_eq!(world.calls_since(0), [""; 0]);
        world.send(PROVIDER.delete(&answer.physical_id(), wrong.clone())).await.success();

        let created = world.send(PROVIDER.create(properties())).await.success();
        let answer = world.send(PROVIDER.update(&created.physical_id(), wrong.clone(), properties())).await;
        assert!(answer.failure().contains("check `ClientId` and the client secret"), "{}", answer.reason());
        world.send(PROVIDER.update(&created.physical_id(), properties(), wrong)).await.success();
        assert_eq!(client_secret(&world, &created.physical_id()), Some(canary("client")));
        let answer =
            world.send(PROVIDER.update(&created.physical_id(), with(json!({"ClientId": "other"})), properties())).await;
        assert!(answer.failure().contains("gave client \"other\" no token"), "{}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_token_request_that_fails_for_other_reasons_does_not_refuse_the_client() {
    let token = |status, error| ProviderFault::TokenError { status, error, description: "" };
    let unreachable = |failure| ProviderFault::At(Endpoint::Token, failure);
    let client = || Client::new(&canary("client"));
    let idps = [
        idp().with_fault(token(400, "unauthorized_client")),
        idp().with_fault(token(403, "access_denied")),
        idp().with_fault(token(400, "invalid_scope")),
        idp().with_fault(token(400, "invalid_target")),
        idp().with_fault(unreachable(Failure::Status(500))),
        idp().with_fault(unreachable(Failure::Unreachable)),
        idp().with_fault(ProviderFault::OpaqueToken),
        Provider::new(ClaimStyle::Okta, ISSUER).with_client("app", client()),
        Provider::new(ClaimStyle::EntraV2, ISSUER).with_client("app", client()),
        Provider::new(ClaimStyle::Google, ISSUER).with_client("app", client()),
    ];
    for idp in idps {
        let what = format!("{:?} {:?}", idp.style, idp.fault);
        let mut world = with_idp(Settings::default(), idp);
        let answer = world.send(PROVIDER.create(properties())).await;
        assert!(answer.is_success(), "{what}: {}", answer.reason());
    }
    let mut world = with_idp(Settings::default(), idp().with_fault(token(401, "access_denied")));
    let answer = world.send(PROVIDER.create(properties())).await;
    assert!(answer.failure().contains("check `ClientId` and the client secret"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_idp_that_fails_is_named_and_nothing_is_created() {
    let discovery = |failure| ProviderFault::At(Endpoint::Discovery, failure);
    for (fault, expected) in [
        (discovery(Failure::Unreachable), "which cannot be reached"),
        (discovery(Failure::NoAnswer), "no answer within 10 s"),
        (discovery(Failure::Status(404)), "which answers HTTP 404"),
        (discovery(Failure::HtmlPage), "which is not a JSON document"),
        (ProviderFault::DiscoveryWithout("token_endpoint"), "whose document has no `token_endpoint`"),
        (ProviderFault::DiscoveryIssuer("https://other.example.com".to_owned()), "names another issuer"),
    ] {
        let mut world = with_idp(Settings::default(), idp().with_fault(fault));
        let answer = world.send(PROVIDER.create(properties())).await;
        assert!(answer.failure().starts_with("`Issuer` gives "), "{}", answer.reason());
        assert!(answer.reason().contains(expected), "{}", answer.reason());
        assert_eq!(world.calls_since(0), [""; 0]);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_that_does_not_concern_the_idp_does_not_need_it() {
    let down = || idp().with_fault(ProviderFault::At(Endpoint::Discovery, Failure::Unreachable));
    for settings in [
        json!({}),
        json!({"ClientAuthenticationMethod": "CLIENT_SECRET_POST"}),
        json!({"TokenEndpointQuery": "audience=urn:x"}),
    ] {
        let mut world = with_idp(Settings::default(), taking(false, true));
        let old = with(settings);
        let created = world.send(PROVIDER.create(old.clone())).await.success();
        let before = provider(&world, &created.physical_id());
        world.aws.with(|world| world.identity_providers.add(down()));
        let mut new = old.clone();
        new["Tags"] = json!({"team": "one"});
        world.send(PROVIDER.update(&created.physical_id(), new.clone(), old)).await.success();
        let after = provider(&world, &created.physical_id());
        assert_eq!((after.discovery, after.client_authentication), (before.discovery, before.client_authentication));
        // A failed change of the discovery URL is rolled back although neither the new IdP nor the old one answers.
        let mut moved = new.clone();
        moved["Issuer"] = json!("https://other.example.com");
        let answer = world.send(PROVIDER.update(&created.physical_id(), moved.clone(), new.clone())).await;
        assert!(answer.failure().contains("cannot be reached"), "{}", answer.reason());
        world.send(PROVIDER.update(&created.physical_id(), new, moved)).await.success();
    }
}

/// Creates a provider whose secret was rotated, at the IdP and in an update. Returns it with the event that would undo
/// the update.
async fn rotated() -> (World, Answer, Event) {
    let mut world = world();
    let old = named(json!({}));
    let created = world.send(PROVIDER.create(old.clone())).await.success();
    let rotated = canary("rotated");
    rotate_at_the_idp(&world, &rotated);
    let new = named(json!({"ClientSecret": rotated}));
    world.send(PROVIDER.update(&created.physical_id(), new.clone(), old.clone())).await.success();
    let rollback = PROVIDER.update(&created.physical_id(), old, new);
    (world, created, rollback)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_that_the_idp_no_longer_takes_does_not_break_a_rollback() {
    for (status, passes) in [(StackStatus::UpdateInProgress, false), (StackStatus::UpdateRollbackInProgress, true)] {
        let (mut world, created, rollback) = rotated().await;
        world.stack_status(status);
        let answer = world.send(rollback).await;
        assert_eq!(answer.is_success(), passes, "{status}: {}", answer.reason());
        assert_eq!(answer.physical_id(), created.physical_id());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_idp_that_is_gone_does_not_break_a_rollback() {
    let (mut world, _, rollback) = rotated().await;
    let gone = idp().with_fault(ProviderFault::At(Endpoint::Discovery, Failure::Unreachable));
    world.aws.with(|world| world.identity_providers.add(gone));
    world.stack_status(StackStatus::UpdateRollbackInProgress);
    world.send(rollback).await.success();
}
