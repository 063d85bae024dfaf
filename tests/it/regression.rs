//! Defects that occurred once, each with its story.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::identity_provider::ClaimStyle;
use emulator::settings::Settings;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::world::{EXECUTION_ROLE, IMAGE, RUNTIME, SECRET, STACK_ID, World, merged};

const SECRET_NAME: &str = "mcp/credentials";

fn runtime(changes: Value) -> Value {
    let properties = json!({"AgentRuntimeName": "mcp_server", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    merged(properties, changes)
}

fn secret(changes: Value) -> Value {
    merged(json!({"SecretName": SECRET_NAME, "Values": {"A": "1"}}), changes)
}

/// The Create saw that the Delete had deleted its runtime, and created it again.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_cancelled_create_does_not_create_again_what_its_delete_removed() {
    for offset in 0..20 {
        let slow = Duration::from_secs(20);
        let mut world = World::with_settings(Settings { runtime_transition: slow, ..Settings::default() });
        let creation = world.address(RUNTIME.create(runtime(json!({}))));
        let removal = world.address(RUNTIME.delete(&RUNTIME.invented_id(), runtime(json!({}))));
        let [_, removed] = world.deliver_both(&creation, Duration::from_millis(offset * 300), &removal).await;
        removed.success();
        assert!(world.runtime_names().is_empty(), "left at {offset}");
    }
}

/// The Delete gave up after a minute, and the call of the Create took effect later.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_delete_waits_longer_than_a_cancelled_create_that_is_delayed() {
    let mut world = World::with_settings(Settings { role_propagation: Duration::from_secs(90), ..Settings::default() });
    let fresh = world.put_fresh_role();
    let creation = world.address(RUNTIME.create(runtime(json!({"RoleArn": fresh}))));
    let removal = world.address(RUNTIME.delete(&RUNTIME.invented_id(), runtime(json!({"RoleArn": fresh}))));
    let [_, removed] = world.deliver_both(&creation, Duration::ZERO, &removal).await;
    removed.success();
    assert!(world.runtime_names().is_empty());
}

/// A duplicate of a finished Create came after the Delete and created the secret again.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_late_duplicate_of_a_create_does_not_restore_a_secret() {
    let mut world = World::new();
    let creation = world.address(SECRET.create(secret(json!({}))));
    let created = world.deliver(&creation).await.expect("answered").success();
    world.send(SECRET.delete(&created.physical_id(), secret(json!({})))).await.success();
    sleep(Duration::from_mins(1)).await;
    let late = world.deliver(&creation).await.expect("answered");
    assert!(late.failure().contains("it was deleted"), "{}", late.reason());
    assert!(!world.has_secret(SECRET_NAME));
}

/// Settings were changed before the secret was tagged as ours, and the failure left it between two stacks.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_restored_secret_is_ours_before_anything_else_can_fail() {
    for operation in ["UpdateSecret", "TagResource"] {
        let mut world = World::new();
        let created = world.send(SECRET.create(secret(json!({})))).await.success();
        world.send(SECRET.delete(&created.physical_id(), secret(json!({})))).await.success();
        let next_stack = STACK_ID.replace("11111111", "99999999");
        let properties = secret(json!({"Description": "other"}));
        world.fault(operation, 1, u64::MAX, FaultEffect::Denied);
        let failed = world.send(SECRET.create(properties.clone()).with("StackId", next_stack.clone())).await;
        failed.failure();
        world.send(SECRET.delete(&failed.physical_id(), properties).with("StackId", next_stack)).await.success();
        assert!(!world.has_secret(SECRET_NAME), "{operation}");
    }
}

/// A runtime that was listed and deleted meanwhile counted as somebody else's.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_that_becomes_free_during_the_create_is_used() {
    for offset in 0..40 {
        let mut world = World::with_settings(Settings {
            call_latency: Duration::from_millis(100),
            runtime_deletion: Duration::from_secs(5),
            ..Settings::default()
        });
        let created = world.send(RUNTIME.create(runtime(json!({})))).await.success();
        let input = json!({"agentRuntimeId": created.physical_id()});
        world.somebody(ServiceId::AgentCoreControl, "DeleteAgentRuntime", input);
        sleep(Duration::from_millis(4500 + offset * 25)).await;
        let answer = world.send(RUNTIME.create(runtime(json!({})))).await;
        assert!(answer.is_success(), "{offset}: {}", answer.reason());
    }
}

/// No rollback deleted the runtime that a cancelled rename had created.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_rollback_of_a_rename_in_flight_removes_the_new_name() {
    let slow = Settings { runtime_transition: Duration::from_secs(20), ..Settings::default() };
    let mut world = World::with_settings(slow);
    let (old, new) = (runtime(json!({})), runtime(json!({"AgentRuntimeName": "renamed"})));
    let created = world.send(RUNTIME.create(old.clone())).await.success();
    let rename = world.address(RUNTIME.update(&created.physical_id(), new.clone(), old.clone()));
    let rollback = world.address(RUNTIME.update(&created.physical_id(), old, new));
    let [_, rolled_back] = world.deliver_both(&rename, Duration::from_secs(3), &rollback).await;
    assert_eq!(rolled_back.success().physical_id(), created.physical_id());
    assert_eq!(world.runtime_names(), ["mcp_server"]);
}

/// The limit was forty minutes. After an early crash the third and last delivery left the event unanswered.
#[tokio::test(flavor = "local", start_paused = true)]
async fn one_early_crash_does_not_leave_a_stuck_runtime_unanswered() {
    let mut world = World::new();
    world.fault("CreateAgentRuntime", 1, 1, FaultEffect::Stuck);
    let creation = world.address(RUNTIME.create(runtime(json!({}))));
    timeout(Duration::from_secs(30), world.deliver(&creation)).await.expect_err("killed");
    sleep(Duration::from_mins(1)).await;
    world.deliver(&creation).await.expect_err("left to the next delivery");
    sleep(Duration::from_mins(2)).await;
    world.deliver(&creation).await.expect("answered").failure();
}

/// The second delivery used the idempotency token of the first with other parameters.
#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_goes_on_after_a_kill_although_the_secret_was_rotated() {
    let mut world = World::new();
    let value = |text: &str, token: &str| json!({"SecretString": json!({"A": text}).to_string(), "ClientRequestToken": token.repeat(32)});
    let mut input = value("1", "e");
    input["Name"] = json!("s");
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    let (old, new) =
        (runtime(json!({})), runtime(json!({"SecretId": "s", "CredentialDelivery": "EnvironmentVariables"})));
    let created = world.send(RUNTIME.create(old.clone())).await.success();
    let change = world.address(RUNTIME.update(&created.physical_id(), new, old));
    timeout(Duration::from_secs(2), world.deliver(&change)).await.expect_err("killed");
    let mut input = value("2", "f");
    input["SecretId"] = json!("s");
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
    world.deliver(&change).await.expect("answered").success();
    let environment = world.runtime(&created.physical_id(), |runtime| runtime.configuration().environment());
    assert_eq!(environment["A"], "2");
}

/// Two deliveries of one update each generated a key, and the second call failed because of the idempotency token.
#[tokio::test(flavor = "local", start_paused = true)]
async fn two_deliveries_of_one_update_agree_on_a_generated_key() {
    let mut world = World::new();
    let created = world.send(SECRET.create(secret(json!({})))).await.success();
    let new = secret(json!({"GeneratedKeys": ["KEY"]}));
    let change = world.address(SECRET.update(&created.physical_id(), new, secret(json!({}))));
    for answer in world.deliver_both(&change, Duration::ZERO, &change).await {
        answer.success();
    }
}

/// A rollback generated a third key, and locked out every client that had the first.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rollback_brings_a_generated_key_back() {
    let mut world = World::new();
    let generated = secret(json!({"GeneratedKeys": ["KEY"]}));
    let given = secret(json!({"Values": {"A": "1", "KEY": "cAnArY-given"}}));
    let created = world.send(SECRET.create(generated.clone())).await.success();
    let key = world.secret_entry(SECRET_NAME, "KEY");
    world.send(SECRET.update(&created.physical_id(), given.clone(), generated.clone())).await.success();
    world.send(SECRET.update(&created.physical_id(), generated, given)).await.success();
    assert_eq!(world.secret_entry(SECRET_NAME, "KEY"), key);
}

/// `mcp-server` ends in a hyphen and six characters, as ARNs do.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secrets_name_may_end_like_an_arn() {
    let mut world = World::new();
    let properties = secret(json!({"SecretName": "mcp-server"}));
    let created = world.send(SECRET.create(properties.clone())).await.success();
    let changed = secret(json!({"SecretName": "mcp-server", "Values": {"A": "2"}}));
    let updated = world.send(SECRET.update(&created.physical_id(), changed, properties.clone())).await.success();
    assert_eq!(updated.physical_id(), created.physical_id());
    world.send(SECRET.delete(&created.physical_id(), properties)).await.success();
    assert!(!world.has_secret("mcp-server"));
}

/// The API's pattern for claim names is a range that has a slash in it and no hyphen.
#[tokio::test(flavor = "local", start_paused = true)]
async fn claim_names_follow_the_apis_pattern() {
    for (claim, passes) in [("https://example.com/client", true), ("client-id", false)] {
        let mut world = World::new();
        world.identity_provider(ClaimStyle::Auth0, "https://tenant.auth0.com/");
        let properties = runtime(json!({"InboundAuth": "JWT", "Issuer": "https://tenant.auth0.com/",
            "AllowedClients": "app,app", "ClientClaimName": claim}));
        let answer = world.send(RUNTIME.create(properties)).await;
        assert_eq!(answer.is_success(), passes, "{}", answer.reason());
        assert!(passes || world.calls_since(0).is_empty());
    }
}

/// The lookup after the deadline found nothing, and the Delete looked only once, before the list was up to date.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_create_cut_off_by_its_deadline_is_found_by_its_delete() {
    let mut world = World::with_settings(Settings { list_lag: Duration::from_secs(25), ..Settings::default() });
    world.timeout = Duration::from_mins(1);
    world.fault("CreateAgentRuntime", 1, u64::MAX, FaultEffect::ReplyLostAfter);
    let failed = world.send(RUNTIME.create(runtime(json!({})))).await;
    failed.failure();
    world.timeout = Duration::from_mins(15);
    world.send(RUNTIME.delete(&failed.physical_id(), runtime(json!({})))).await.success();
    assert!(world.runtime_names().is_empty());
}
