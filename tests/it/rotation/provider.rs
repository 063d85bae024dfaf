//! Rotations behind a gateway: a credential provider's copy of a client secret, and the gateway's list of tools.

use emulator::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};

use super::*;

const ISSUER: &str = "https://tenant.auth0.com/";
const AUDIENCE: &str = "https://mcp.example.com";
const CLIENT: &str = "oauth/client";

/// Lets the identity provider accept this secret of the client, and no other one.
fn accept(deployment: &Deployment, secret: &str) {
    let client = Client::new(secret).audiences(&[AUDIENCE]);
    let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client);
    deployment.aws.with(|world| world.identity_providers.add(provider));
}

/// Creates a stack whose gateway calls the server with a client whose secret is in Secrets Manager.
async fn create(more: &[(&str, &str)]) -> Scene {
    let parameters = [
        ("CredentialSource", "UseExisting"),
        ("EnableAgentCoreGateway", "true"),
        ("GatewayAuthorizerType", "AWS_IAM"),
        ("McpAuthMode", "jwt"),
        ("JwtIssuer", ISSUER),
        ("JwtAudience", AUDIENCE),
        ("JwtJwksUri", "https://tenant.auth0.com/.well-known/jwks.json"),
        ("GatewayOAuthClientId", "app"),
        ("GatewayOAuthClientSecretJsonKey", "secret"),
        ("GatewayOAuthCustomParameters", r#"{"audience":"https://mcp.example.com"}"#),
    ];
    let mut scene = Scene::new(&[&parameters[..], more].concat());
    accept(&scene.deployment, &canary("client-one"));
    let value = json!({"secret": canary("client-one")}).to_string();
    let input = json!({"Name": CLIENT, "SecretString": value, "ClientRequestToken": "c".repeat(32)});
    let secret = scene.deployment.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    scene.deployment.set(&[("GatewayOAuthClientSecretArn", secret["ARN"].as_str().expect("an ARN"))]);
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    scene
}

/// Returns AgentCore's copy of the client secret.
fn copy(scene: &Scene) -> String {
    scene.deployment.aws.with(|world| {
        let kept = world.secrets.secrets().find(|secret| secret.name.starts_with("bedrock-agentcore-identity!"));
        kept.and_then(|secret| secret.current_text()).expect("AgentCore's copy").to_owned()
    })
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_credential_provider_gets_the_new_client_secret() {
    let mut scene = create(&[]).await;
    accept(&scene.deployment, &canary("client-two"));
    let before = scene.versions();
    scene.put_into(CLIENT, &json!({"secret": canary("client-two")}), &["AWSCURRENT"]);
    scene.settle().await;
    assert!(copy(&scene).contains("client-two"), "{}", copy(&scene));
    assert_eq!((scene.versions(), scene.metrics()), (before, vec![(1, 0)]), "the runtime reads another secret");
    // Behind the gateway the server still answers, with a token for the new secret.
    scene.deployment.set(&[("AgentDescription", "Another one")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    assert!(stack.output("GatewayVerificationResult").is_some_and(|it| it.starts_with("PASSED")));
    remove_client_secret(&scene);
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_secret_that_the_identity_provider_refuses_is_not_used() {
    let mut scene = create(&[]).await;
    scene.put_into(CLIENT, &json!({"secret": canary("client-two")}), &["AWSCURRENT"]);
    scene.settle().await;
    assert!(copy(&scene).contains("client-one"));
    let (message, reason) = scene.last_report();
    assert_eq!((message.as_str(), scene.metrics()), ("ROTATION FAILED", vec![(0, 1)]));
    assert!(reason.contains("gave client \"app\" no token"), "{reason}");
    scene.put_into(CLIENT, &json!({"other": canary("client-three")}), &["AWSCURRENT"]);
    scene.settle().await;
    assert!(scene.last_report().1.starts_with("`JsonKey` is \"secret\", which secret oauth/client does not hold"));
    remove_client_secret(&scene);
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_identity_provider_that_does_not_answer_is_asked_again_in_the_next_delivery() {
    let mut scene = create(&[]).await;
    let client = Client::new(&canary("client-two")).audiences(&[AUDIENCE]);
    let silent = ProviderFault::At(Endpoint::Discovery, Failure::Unreachable);
    let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client).with_fault(silent);
    scene.deployment.aws.with(|world| world.identity_providers.add(provider));
    scene.put_into(CLIENT, &json!({"secret": canary("client-two")}), &["AWSCURRENT"]);
    sleep(Duration::from_secs(45)).await;
    assert!(copy(&scene).contains("client-one") && scene.reports().is_empty());
    accept(&scene.deployment, &canary("client-two"));
    scene.settle().await;
    assert!(copy(&scene).contains("client-two") && scene.metrics() == [(1, 0)], "{:?}", scene.last_report());
    assert_eq!(scene.deliveries()[0].attempts.len(), 2);
    remove_client_secret(&scene);
    scene.end().await;
}

/// The checks at the end expect no other secret.
fn remove_client_secret(scene: &Scene) {
    scene.deployment.somebody(ServiceId::SecretsManager, "DeleteSecret", json!({"SecretId": CLIENT}));
}

/// The gateway's list counts, and not that of the deployment.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_gateway_reads_the_tools_again_only_if_it_has_others() {
    let gateway = [("EnableAgentCoreGateway", "true"), ("GatewayAuthorizerType", "AWS_IAM")];
    let mut scene = Scene::create(&gateway).await;
    let calls = scene.call_count();
    let named = |tool_name: &str, tools| Behaviour { tools, tool_name: tool_name.to_owned(), ..Behaviour::zscaler() };
    for (behaviour, synchronizations) in [
        (named("tool", 3), 0),
        (named("tool", 5), 1),
        (named("tool", 5), 1),
        (named("tool", 3), 2),
        (named("other", 3), 3),
        (named("other", 3), 3),
    ] {
        scene.deployment.aws.with(|world| world.containers.behave(behaviour));
        scene.rotate("rotated").await;
        assert_eq!(scene.calls("SynchronizeGatewayTargets", calls), synchronizations, "{:?}", scene.last_report());
    }
    assert_eq!(scene.metrics(), [(1, 0); 6]);
    scene.end().await;
}

/// Nobody has told the function what the gateway has: it takes tokens, or the server was not asked.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_that_does_not_tell_its_tools_reads_them_after_every_rotation() {
    let jwt = [("GatewayInboundIssuer", ISSUER), ("GatewayInboundAllowedAudience", AUDIENCE)];
    for parameters in [&jwt[..], &[("GatewayAuthorizerType", "AWS_IAM"), ("VerifyDeployment", "Off")]] {
        let enabled = [("CredentialSource", "UseExisting"), ("EnableAgentCoreGateway", "true")];
        let mut scene = Scene::new(&[&enabled, parameters].concat());
        accept(&scene.deployment, "unused");
        let stack = scene.deployment.create().await;
        scene.deployment.expect(&stack, StackStatus::CreateComplete);
        let calls = scene.call_count();
        scene.rotate("rotated").await;
        assert_eq!((scene.calls("SynchronizeGatewayTargets", calls), scene.metrics()), (1, vec![(1, 0)]));
        scene.end().await;
    }
}

repeat_on_v2!("provider.rs":
    a_credential_provider_gets_the_new_client_secret
    a_gateway_that_does_not_tell_its_tools_reads_them_after_every_rotation
    the_gateway_reads_the_tools_again_only_if_it_has_others
    ; not a_client_secret_that_the_identity_provider_refuses_is_not_used
    an_identity_provider_that_does_not_answer_is_asked_again_in_the_next_delivery
);
