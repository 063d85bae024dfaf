//! `Custom::AgentCoreRuntime`, in addition to the battery.

mod late_gets;
mod log_group;
mod platform;
mod resource_policy;
mod role;

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;

use emulator::identity_provider::{ClaimStyle, Endpoint, Failure, ProviderFault};
use emulator::service::Principal;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::world::{
    CANARY, EXECUTION_ROLE, IMAGE, REGION_ACCOUNT, RUNTIME, STACK_ID, World, canary, merged, refused_before_any_call,
};

const NAME: &str = "mcp_server";

fn properties() -> Value {
    json!({"ServiceToken": "arn", "AgentRuntimeName": NAME, "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE})
}

fn with(changes: Value) -> Value {
    merged(properties(), changes)
}

fn secret(world: &World, name: &str, text: &str) -> String {
    let input = json!({"Name": name, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input)["ARN"].as_str().expect("an ARN").to_owned()
}

fn status(world: &World, id: &str) -> Status {
    let now = world.aws.clock().now();
    world.runtime(id, |runtime| runtime.status(now))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_answers_when_ready_and_with_true_attributes() {
    let mut world = World::new();
    let answer = world.send(RUNTIME.create(properties())).await.success();
    let id = answer.physical_id();
    assert_eq!(status(&world, &id), Status::Ready);
    assert_eq!(answer.attribute("AgentRuntimeId"), id);
    assert_eq!(answer.attribute("AgentRuntimeVersion"), "1");
    let arn = format!("arn:aws:bedrock-agentcore:{REGION_ACCOUNT}:runtime/{id}");
    assert_eq!(answer.attribute("AgentRuntimeArn"), arn);
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(
        answer.attribute("McpUrl"),
        format!("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{encoded}/invocations?qualifier=DEFAULT")
    );
    assert_eq!(answer.attribute("LogGroupName"), format!("/aws/bedrock-agentcore/runtimes/{id}-DEFAULT"));
    assert!(
        answer.attribute("WorkloadIdentityArn").contains(":workload-identity-directory/default/workload-identity/")
    );
    let tags = world.runtime(&id, |runtime| runtime.tags.clone());
    assert_eq!(tags["agentcore-provisioner:stack-id"], STACK_ID);
    let calls = world.calls_since(0);
    assert_eq!(calls[0], "CreateAgentRuntime");
    assert!(calls[1..].iter().all(|call| *call == "GetAgentRuntime"), "{calls:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_property_reaches_the_runtime() {
    let mut world = World::new();
    let answer = world
        .send(RUNTIME.create(with(json!({
            "Description": "what it is for",
            "ServerProtocol": "MCP",
            "EnvironmentVariables": {"PLAIN": "1", "FLAG": true, "EMPTY": ""},
            "ExtraEnvironmentVariables": r#"{"EXTRA": "2", "NUMBER": 3, "NOTHING": ""}"#,
            "SecretId": format!("arn:aws:secretsmanager:{REGION_ACCOUNT}:secret:mcp/credentials-AbCdEf"),
            "SecretVersionId": "v1",
            "SecretEnvironmentVariable": "THE_SECRET",
            "NetworkMode": "VPC",
            "Subnets": "subnet-0a1b2c3d, subnet-0a1b2c3e",
            "SecurityGroups": ["sg-0a1b2c3d"],
            "RequestHeaders": ["X-Api-Key", "Mcp-Session-Id"],
            "IdleRuntimeSessionTimeout": "120",
            "MaxLifetime": "3600",
            "Tags": {"team": "one"},
        }))))
        .await
        .success();
    world.runtime(&answer.physical_id(), |runtime| {
        let live = runtime.configuration();
        assert_eq!(live.description(), "what it is for");
        let environment = live.environment();
        let pairs: Vec<_> = environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let version = ("AGENTCORE_PROVISIONER_SECRET_VERSION", "v1");
        let extra = [("EXTRA", "2"), ("FLAG", "true"), ("NUMBER", "3")];
        assert_eq!(pairs, [&[version], &extra[..], &[("PLAIN", "1"), ("THE_SECRET", "mcp/credentials")]].concat());
        assert!(live.in_vpc());
        assert_eq!(live.request_headers(), ["Mcp-Session-Id", "X-Api-Key"]);
        assert_eq!(live.lifecycle(), (120, 3600));
        assert_eq!(runtime.tags["team"], "one");
    });
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_idp_is_checked_before_it_is_trusted_and_not_again() {
    let mut world = World::new();
    let issuer = "https://tenant.auth0.com/";
    let wanted = with(json!({"InboundAuth": "JWT", "Issuer": issuer, "AllowedAudience": "api"}));
    let mut told = wanted.clone();
    told["EnvironmentVariables"] = json!({"AUTH_ISSUER": issuer});
    let refused = world.send(RUNTIME.create(told)).await;
    let sentence =
        "`Issuer` gives \"https://tenant.auth0.com/.well-known/openid-configuration\", which cannot be reached";
    assert!(refused.failure().contains(sentence), "{}", refused.reason());
    assert!(world.calls_since(0).is_empty(), "nothing may be created for an IdP that does not exist");

    world.identity_provider(ClaimStyle::Auth0, issuer);
    let id = world.send(RUNTIME.create(wanted.clone())).await.success().physical_id();
    let gone = ProviderFault::At(Endpoint::Discovery, Failure::Unreachable);
    world.aws.with(|it| it.identity_providers.provider_mut(issuer).expect("it").fail_next(u32::MAX, gone));
    let mut described = wanted.clone();
    described["Description"] = json!("another");
    world.send(RUNTIME.update(&id, described.clone(), wanted)).await.success();
    let mut moved = described.clone();
    moved["Issuer"] = json!("https://other.auth0.com/");
    assert!(world.send(RUNTIME.update(&id, moved, described)).await.failure().contains("cannot be reached"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_jwt_runtime_checks_audience_clients_scopes_and_claim() {
    let mut world = World::new();
    let cognito = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";
    world.identity_provider(ClaimStyle::Cognito, cognito);
    world.identity_provider(ClaimStyle::Okta, "https://dev.okta.com");
    world.identity_provider(ClaimStyle::Auth0, "https://tenant.auth0.com/");
    for (auth, expected) in [
        (
            json!({"Issuer": cognito, "AllowedClients": "one,two", "AllowedScopes": ["mcp/read"]}),
            json!({"discoveryUrl": format!("{cognito}/.well-known/openid-configuration"),
                   "allowedClients": ["one", "two"], "allowedScopes": ["mcp/read"]}),
        ),
        (
            json!({"DiscoveryUrl": "https://dev.okta.com/.well-known/openid-configuration", "AllowedClients": "app"}),
            json!({"discoveryUrl": "https://dev.okta.com/.well-known/openid-configuration",
                   "customClaims": [{"inboundTokenClaimName": "cid", "inboundTokenClaimValueType": "STRING",
                       "authorizingClaimMatchValue": {"claimMatchOperator": "EQUALS",
                           "claimMatchValue": {"matchValueString": "app"}}}]}),
        ),
        (
            json!({"Issuer": "https://tenant.auth0.com/", "AllowedAudience": ["api"]}),
            json!({"discoveryUrl": "https://tenant.auth0.com/.well-known/openid-configuration",
                   "allowedAudience": ["api"]}),
        ),
    ] {
        let properties = merged(with(json!({"InboundAuth": "JWT", "RequestHeaders": "Authorization"})), auth);
        let answer = world.send(RUNTIME.create(properties.clone())).await.success();
        let live = world.runtime(&answer.physical_id(), |runtime| runtime.configuration().jwt_authorizer().cloned());
        assert_eq!(live, Some(expected));
        let before = world.call_count();
        world.send(RUNTIME.update(&answer.physical_id(), properties.clone(), properties.clone())).await.success();
        assert!(!world.calls_since(before).contains(&"UpdateAgentRuntime"), "equal properties are not an update");
        world.send(RUNTIME.delete(&answer.physical_id(), properties)).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn update_replaces_everything_in_place_and_keeps_mmds_v2() {
    let mut world = World::new();
    let old = with(json!({"EnvironmentVariables": {"A": "1"}, "RequestHeaders": ["X-Api-Key"], "Description": "old"}));
    let created = world.send(RUNTIME.create(old.clone())).await.success();
    let new = with(json!({"EnvironmentVariables": {"B": "2"}, "MaxLifetime": 600}));
    let updated = world.send(RUNTIME.update(&created.physical_id(), new, old)).await.success();
    assert_eq!(updated.physical_id(), created.physical_id());
    assert_eq!(updated.attribute("AgentRuntimeVersion"), "2");
    world.runtime(&created.physical_id(), |runtime| {
        let live = runtime.configuration();
        assert_eq!(live.environment().into_iter().collect::<Vec<_>>(), [("B".to_owned(), "2".to_owned())]);
        assert!(live.request_headers().is_empty());
        assert_eq!(live.description(), "");
        assert_eq!(live.lifecycle(), (600, 600));
        assert_eq!(live.get("metadataConfiguration"), Some(&json!({"requireMMDSV2": true})));
    });
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn tags_change_without_a_new_version() {
    let mut world = World::new();
    let old = with(json!({"Tags": {"team": "one", "gone": "x"}}));
    let created = world.send(RUNTIME.create(old.clone())).await.success();
    let before = world.call_count();
    let new = with(json!({"Tags": {"team": "two"}}));
    let updated = world.send(RUNTIME.update(&created.physical_id(), new, old)).await.success();
    assert_eq!(updated.attribute("AgentRuntimeVersion"), "1");
    let calls = world.calls_since(before);
    assert_eq!(calls, ["GetAgentRuntime", "ListTagsForResource", "TagResource", "UntagResource"]);
    let tags = world.runtime(&created.physical_id(), |runtime| runtime.tags.clone());
    assert_eq!((tags["team"].as_str(), tags.len()), ("two", 3));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_secret_version_recycles_once_however_often_the_update_is_delivered() {
    let mut world = World::new();
    let old = with(json!({"SecretId": "mcp/credentials", "SecretVersionId": "v1"}));
    let new = with(json!({"SecretId": "mcp/credentials", "SecretVersionId": "v2"}));
    let created = world.send(RUNTIME.create(old.clone())).await.success();
    let event = world.address(RUNTIME.update(&created.physical_id(), new, old));
    for _ in 0..2 {
        let updated = world.deliver(&event).await.expect("answered").success();
        assert_eq!(updated.attribute("AgentRuntimeVersion"), "2");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn credential_delivery_switches_in_both_directions() {
    let mut world = World::new();
    let text = json!({"CLIENT": "id", "SECRET": canary("s"), "PORT": 8000, "NONE": null}).to_string();
    let arn = secret(&world, "mcp/credentials", &text);
    let retrieval = with(json!({"SecretId": arn, "EnvironmentVariables": {"CLIENT": "template wins"}}));
    let injected = {
        let mut injected = retrieval.clone();
        injected["CredentialDelivery"] = json!("EnvironmentVariables");
        injected
    };
    let created = world.send(RUNTIME.create(retrieval.clone())).await.success();
    let environment = |world: &World| world.runtime(&created.physical_id(), |it| it.configuration().environment());
    assert!(!format!("{:?}", environment(&world)).contains(CANARY));
    assert_eq!(environment(&world)["SECRET_NAME"], "mcp/credentials");
    world.send(RUNTIME.update(&created.physical_id(), injected.clone(), retrieval.clone())).await.success();
    let variables = environment(&world);
    assert_eq!(variables["SECRET"], canary("s"));
    assert_eq!((variables["CLIENT"].as_str(), variables["PORT"].as_str()), ("template wins", "8000"));
    assert_eq!(variables.len(), 3);
    world.send(RUNTIME.update(&created.physical_id(), retrieval, injected)).await.success();
    assert!(!format!("{:?}", environment(&world)).contains(CANARY));
}

/// CloudFormation takes no further update of a stack whose rollback was refused.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_that_has_changed_meanwhile_does_not_break_the_rollback() {
    let large: Value =
        (0..40).map(|n| (format!("KEY_{n}"), json!("x".repeat(200)))).collect::<serde_json::Map<_, _>>().into();
    for (secret_now, sentence) in [
        (Some(json!({"SECRET": canary("s"), "LOG_LEVEL": "of the secret"})), "sets \"LOG_LEVEL\", which the secret of"),
        (Some(json!({"SECRET": {"nested": canary("s")}})), "key `SECRET` is nested"),
        (Some(large), "where AgentCore takes at most"),
        (None, "because it was deleted"),
    ] {
        let mut world = World::new();
        secret(&world, "mcp/credentials", &json!({"SECRET": canary("s"), "MODE": "1"}).to_string());
        let old = with(json!({"SecretId": "mcp/credentials", "CredentialDelivery": "EnvironmentVariables",
            "EnvironmentVariables": {"MODE": "old"}, "ExtraEnvironmentVariables": {"LOG_LEVEL": "info"}}));
        let id = world.send(RUNTIME.create(old.clone())).await.success().physical_id();
        let environment = |world: &World| world.runtime(&id, |it| it.configuration().environment());
        let before = environment(&world);
        let mut new = old.clone();
        new["EnvironmentVariables"] = json!({"MODE": "new", "ADDED": "1"});
        world.send(RUNTIME.update(&id, new.clone(), old.clone())).await.success();
        if let Some(text) = secret_now {
            let input = json!({"SecretId": "mcp/credentials", "SecretString": text.to_string(),
                "ClientRequestToken": "e".repeat(32)});
            world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
        } else {
            let input = json!({"SecretId": "mcp/credentials", "ForceDeleteWithoutRecovery": true});
            world.somebody(ServiceId::SecretsManager, "DeleteSecret", input);
        }
        world.stack_status(StackStatus::UpdateInProgress);
        let refused = world.send(RUNTIME.update(&id, old.clone(), new.clone())).await;
        assert!(refused.failure().contains(sentence), "{sentence}: {}", refused.reason());
        world.stack_status(StackStatus::UpdateRollbackInProgress);
        world.send(RUNTIME.update(&id, old, new)).await.success();
        assert_eq!(environment(&world), before, "{sentence}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn injecting_a_secret_that_cannot_be_used_is_refused_and_creates_nothing() {
    for (text, expected) in [("[]", "not a JSON object"), (r#"{"A": {"b": "cAnArY-"}}"#, "key `A` is nested")] {
        let mut world = World::new();
        secret(&world, "x", text);
        let answer = world
            .send(RUNTIME.create(with(json!({"SecretId": "x", "CredentialDelivery": "EnvironmentVariables"}))))
            .await;
        assert!(
            answer.failure().starts_with("`SecretId` ") && answer.reason().contains(expected),
            "{}",
            answer.reason()
        );
        assert!(world.runtime_names().is_empty());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_that_a_delete_saw_and_that_vanishes_is_not_waited_for() {
    let mut world = World::with_settings(Settings { runtime_deletion: Duration::from_secs(1), ..Settings::default() });
    let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
    // The Get before the request to delete is throttled for three seconds, in which somebody else deletes the runtime.
    world.fault("GetAgentRuntime", 2, 4, FaultEffect::Throttled);
    let (before, started) = (world.call_count(), Instant::now());
    let (aws, input) = (world.aws.clone(), json!({"agentRuntimeId": id}));
    let deleted_by_others = async {
        sleep(Duration::from_millis(100)).await;
        aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, "DeleteAgentRuntime", input)
    };
    let (answer, deleted) = tokio::join!(world.send(RUNTIME.delete(&id, properties())), deleted_by_others);
    deleted.expect("a deletion");
    answer.success();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(!world.calls_since(before).contains(&"DeleteAgentRuntime"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let cases = [
        (json!({"AgentRuntimeName": "has-hyphen"}), "`AgentRuntimeName` is \"has-hyphen\""),
        (json!({"ContainerUri": ""}), "`ContainerUri` is missing"),
        (json!({"ContainerUri": "docker.io/library/x"}), "not in Amazon ECR"),
        (json!({"RoleArn": "role"}), "`RoleArn` is"),
        (json!({"NetworkMode": "VPC"}), "`Subnets` has 0 entries"),
        (json!({"NetworkMode": "VPC", "Subnets": "subnet-0a1b2c3d"}), "`SecurityGroups` has 0 entries"),
        (json!({"Subnets": "subnet-0a1b2c3d"}), "`Subnets` has no effect"),
        (json!({"NetworkMode": "public"}), "use one of PUBLIC, VPC"),
        (json!({"InboundAuth": "JWT"}), "`DiscoveryUrl` is missing"),
        (json!({"InboundAuth": "JWT", "Issuer": "https://a.auth0.com"}), "`AllowedAudience` is missing"),
        (
            json!({"InboundAuth": "JWT", "Issuer": "http://a", "AllowedAudience": "x"}),
            "`Issuer` gives the discovery URL",
        ),
        (json!({"AllowedAudience": "x"}), "`AllowedAudience` has no effect"),
        (json!({"RequestHeaders": ["Authorization"]}), "only a JWT runtime"),
        (json!({"RequestHeaders": ["x-amz-date"]}), "does not pass on"),
        (json!({"IdleRuntimeSessionTimeout": "soon"}), "whole number from 60"),
        (json!({"IdleRuntimeSessionTimeout": 700, "MaxLifetime": 600}), "longer than `MaxLifetime`"),
        (json!({"EnvironmentVariables": {"A": ["b"]}}), "`EnvironmentVariables.A` is a list"),
        (json!({"EnvironmentVariables": {"A": "x".repeat(5001)}}), "AgentCore takes at most 5000"),
        (json!({"SecretId": "x", "EnvironmentVariables": {"SECRET_NAME": "y"}}), "which `SecretId` sets"),
        (json!({"ExtraEnvironmentVariables": "A=b"}), "`ExtraEnvironmentVariables` is a string, but not a JSON object"),
        (
            json!({"ExtraEnvironmentVariables": r#"["A"]"#}),
            "`ExtraEnvironmentVariables` is a string, but not a JSON object",
        ),
        (json!({"ExtraEnvironmentVariables": r#"{"A": {"B": "c"}}"#}), "`ExtraEnvironmentVariables.A` is a map"),
        (
            json!({"ExtraEnvironmentVariables": {"A": "x".repeat(5001)}}),
            "`ExtraEnvironmentVariables` would give A a value",
        ),
        (json!({"ExtraEnvironmentVariables": {"A=B": "c"}}), "the name \"A=B\", which is not a valid variable name"),
        (json!({"ExtraEnvironmentVariables": {"": "c"}}), "the name \"\", which is not a valid variable name"),
        (
            json!({"EnvironmentVariables": {"A": "b"}, "ExtraEnvironmentVariables": {"A": "b"}}),
            "`ExtraEnvironmentVariables` sets \"A\", which `EnvironmentVariables` names; remove it",
        ),
        (
            json!({"EnvironmentVariables": {"EMPTY": ""}, "ExtraEnvironmentVariables": r#"{"EMPTY": "b"}"#}),
            "`ExtraEnvironmentVariables` sets \"EMPTY\", which `EnvironmentVariables` names",
        ),
        (
            json!({"SecretId": "x", "ExtraEnvironmentVariables": {"SECRET_NAME": "y"}}),
            "`ExtraEnvironmentVariables` sets \"SECRET_NAME\", which `SecretEnvironmentVariable` names",
        ),
        (
            json!({"ExtraEnvironmentVariables": {"AGENTCORE_PROVISIONER_SECRET_VERSION": "y"}}),
            "which is for `SecretVersionId`",
        ),
        (json!({"Description": "x".repeat(5_000)}), "`Description` has 5000 characters"),
        (json!({"EnvironmentVariables": {"A": "{{resolve:ssm-secure:x}}"}}), "does not resolve"),
        (json!({"Enviroment": {}}), "`Enviroment` is not a property"),
    ];
    refused_before_any_call(RUNTIME, properties(), &cases).await;
}

crate::platform::repeat_on_v2! {
    "runtime.rs":
    create_answers_when_ready_and_with_true_attributes
    every_property_reaches_the_runtime
    the_idp_is_checked_before_it_is_trusted_and_not_again
    a_jwt_runtime_checks_audience_clients_scopes_and_claim
    update_replaces_everything_in_place_and_keeps_mmds_v2
    tags_change_without_a_new_version
    a_new_secret_version_recycles_once_however_often_the_update_is_delivered
    credential_delivery_switches_in_both_directions
    a_secret_that_has_changed_meanwhile_does_not_break_the_rollback
    injecting_a_secret_that_cannot_be_used_is_refused_and_creates_nothing
    a_runtime_that_a_delete_saw_and_that_vanishes_is_not_waited_for
    ; not bad_properties_are_refused_before_any_call
}
