//! A secret that is created under the name of a former one of ours: no value of its former life is kept.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{NAME, properties};
use crate::battery::{EFFECTS, deliver};
use crate::deployment::{Deployment, EXISTING};
use crate::world::{SECRET, STACK_ID, World, canary};

fn first_life() -> Value {
    let mut first = properties(json!({"A": canary("first"), "B": "beta"}));
    first["GeneratedKeys"] = json!(["KEY", "OTHER_KEY"]);
    first["Tags"] = json!({"team": "one", "gone": "x"});
    first
}

fn second_life() -> Value {
    let mut second = properties(json!({"A": canary("second")}));
    second["GeneratedKeys"] = json!(["KEY"]);
    second["Tags"] = json!({"team": "two"});
    second
}

/// Adds somebody else's entry to the value, a tag of theirs, and a tag of AWS.
fn somebodys_work(world: &World) {
    let text = world.secret_text(NAME).expect("a value").replacen('{', r#"{"THEIRS":"1","#, 1);
    let input = json!({"SecretId": NAME, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
    let tags = json!([{"Key": "theirs", "Value": "1"}]);
    world.somebody(ServiceId::SecretsManager, "TagResource", json!({"SecretId": NAME, "Tags": tags}));
}

/// Returns the value's keys, and the tags that do not prove ownership.
fn shape(world: &World) -> (Vec<String>, Vec<String>) {
    let text = world.secret_text(NAME).expect("a value");
    let value: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("an object");
    let tags = world.aws.with(|world| world.secrets.secret(NAME).expect("it").tags.clone());
    let user = tags.into_iter().filter(|(key, _)| !key.starts_with("agentcore-provisioner:"));
    (value.keys().cloned().collect(), user.map(|(key, value)| format!("{key}={value}")).collect())
}

fn expected() -> (Vec<String>, Vec<String>) {
    (vec!["A".to_owned(), "KEY".to_owned()], vec!["team=two".to_owned()])
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_restored_secret_stores_the_given_values_and_nothing_else() {
    for stack in [STACK_ID.to_owned(), STACK_ID.replace("11111111", "99999999")] {
        let mut world = World::new();
        let created = world.send(SECRET.create(first_life())).await.success();
        somebodys_work(&world);
        let former_key = world.secret_entry(NAME, "KEY");
        world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
        let restored = world.send(SECRET.create(second_life()).with("StackId", stack.clone())).await.success();
        assert_eq!(restored.physical_id(), created.physical_id());
        assert_eq!(shape(&world), expected());
        assert_eq!(world.secret_entry(NAME, "A"), canary("second"));
        assert_ne!(world.secret_entry(NAME, "KEY"), former_key, "generated anew");
    }
}

/// A refusal of the tags is final. The secret is not restored again and again until the time is up.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_former_secret_whose_tags_are_refused_is_left_to_its_deletion() {
    let mut world = World::new();
    let created = world.send(SECRET.create(first_life())).await.success();
    world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
    world.fault("TagResource", 1, u64::MAX, FaultEffect::QuotesInput);
    let before = world.call_count();
    let answer = world.send(SECRET.create(second_life())).await;
    assert!(answer.failure().starts_with("secretsmanager:TagResource was refused"), "{}", answer.reason());
    let calls = world.calls_since(before);
    assert_eq!(calls, ["CreateSecret", "DescribeSecret", "RestoreSecret", "TagResource", "DeleteSecret"]);
}

/// The former value need not be readable, because it is only overwritten.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_restored_value_that_is_not_a_json_object_is_overwritten() {
    for value in [json!({"SecretString": "cAnArY-"}), json!({"SecretBinary": "Y0FuQXJZLQ=="})] {
        let mut world = World::new();
        let created = world.send(SECRET.create(first_life())).await.success();
        let mut input = value;
        input["SecretId"] = json!(NAME);
        input["ClientRequestToken"] = json!("f".repeat(32));
        world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
        world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
        world.send(SECRET.create(second_life())).await.success();
        assert_eq!(shape(&world), expected());
    }
}

/// `DeletionPolicy: Retain` leaves a secret of ours behind, and the resource returns to the same stack.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_retained_secret_that_is_created_again_stores_the_given_values() {
    let mut world = World::new();
    world.send(SECRET.create(first_life())).await.success();
    world.send(SECRET.create(second_life())).await.success();
    assert_eq!(shape(&world), expected());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn deliveries_of_one_create_agree_on_generated_keys() {
    let mut world = World::new();
    let created = world.send(SECRET.create(first_life())).await.success();
    world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
    let event = world.address(SECRET.create(second_life()));
    let first = world.deliver(&event).await.expect("answered").success();
    let key = world.secret_entry(NAME, "KEY");
    let second = world.deliver(&event).await.expect("answered").success();
    assert_eq!(first.attribute("VersionId"), second.attribute("VersionId"));
    assert_eq!(world.secret_entry(NAME, "KEY"), key);

    world.send(SECRET.delete(&first.physical_id(), second_life())).await.success();
    let late = world.deliver(&event).await.expect("answered");
    assert!(late.failure().contains("it was deleted"), "a late duplicate: {}", late.reason());

    let event = world.address(SECRET.create(second_life()));
    let before = world.aws.with(|world| world.responses.puts().len());
    let (one, two) = tokio::join!(world.invoke(event.payload()), world.invoke(event.payload()));
    one.expect("answered");
    two.expect("answered");
    world.aws.with(|world| {
        let bodies: Vec<_> = world.responses.puts()[before..].iter().map(|put| put.body.clone()).collect();
        assert!(bodies.iter().all(|body| !String::from_utf8_lossy(body).contains("FAILED")));
        assert_eq!(bodies[0], bodies[1], "two deliveries at once name the same version");
    });
    assert_eq!(shape(&world), expected());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn no_fault_and_no_kill_brings_the_old_secret_back() {
    let slow = || Settings { call_latency: Duration::from_secs(1), ..Settings::default() };
    for nth in 1..12 {
        for (effect, count) in EFFECTS {
            let mut world = World::with_settings(slow());
            let created = world.send(SECRET.create(first_life())).await.success();
            world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
            let calls = world.call_count() as u64;
            let what = format!("{effect:?} at {nth}");
            world.aws.faults().add(emulator::faults::Fault {
                service: None,
                operation: None,
                nth: calls + nth,
                count,
                effect,
            });
            deliver(&mut world, SECRET.create(second_life()), None).await.success();
            assert_eq!(shape(&world), expected(), "{what}");
        }
        let mut world = World::with_settings(slow());
        let created = world.send(SECRET.create(first_life())).await.success();
        world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
        let kill = Instant::now() + Duration::from_millis(nth * 700);
        deliver(&mut world, SECRET.create(second_life()), Some(kill)).await.success();
        assert_eq!(shape(&world), expected(), "killed at {nth}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rename_there_and_back_starts_fresh_and_its_rollback_does_not() {
    let renamed = || {
        let mut renamed = second_life();
        renamed["SecretName"] = json!("mcp/renamed");
        renamed
    };
    let mut world = World::new();
    let created = world.send(SECRET.create(first_life())).await.success();
    somebodys_work(&world);
    let other = world.send(SECRET.update(&created.physical_id(), renamed(), first_life())).await.success();
    world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
    world.send(SECRET.update(&other.physical_id(), second_life(), renamed())).await.success();
    assert_eq!(shape(&world), expected());

    for status in [None, Some(StackStatus::UpdateRollbackInProgress)] {
        let mut world = World::new();
        let created = world.send(SECRET.create(first_life())).await.success();
        somebodys_work(&world);
        let before = world.secret_text(NAME);
        let other = world.send(SECRET.update(&created.physical_id(), renamed(), first_life())).await.success();
        match status {
            Some(status) => world.stack_status(status),
            None => world.fault("DescribeStacks", 1, u64::MAX, FaultEffect::Denied),
        }
        let back = world.send(SECRET.update(&other.physical_id(), first_life(), renamed())).await.success();
        assert_eq!(back.physical_id(), created.physical_id());
        assert_eq!(world.secret_text(NAME), before, "{status:?}");
    }
}

/// The first delivery restored the secret and was killed. The second finds a secret that looks like any other of ours.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_replacement_that_is_killed_half_way_starts_fresh_all_the_same() {
    let theirs = json!({"ExistingSecretId": "theirs"});
    for millis in (500..8000).step_by(500) {
        let mut world = World::with_settings(Settings { call_latency: Duration::from_secs(1), ..Settings::default() });
        let arn = super::somebodys_secret(&world, "theirs", r#"{"A": "1"}"#);
        world.stack_status(StackStatus::UpdateInProgress);
        let created = world.send(SECRET.create(first_life())).await.success();
        world.send(SECRET.update(&created.physical_id(), theirs.clone(), first_life())).await.success();
        world.send(SECRET.delete(&created.physical_id(), first_life())).await.success();
        sleep(Duration::from_mins(1)).await;
        let kill = Instant::now() + Duration::from_millis(millis);
        deliver(&mut world, SECRET.update(&arn, second_life(), theirs.clone()), Some(kill)).await.success();
        assert_eq!(shape(&world), expected(), "killed after {millis} ms");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_templates_secret_forgets_a_parameter_that_was_emptied_while_an_existing_secret_was_used() {
    let mut deployment = Deployment::new(&[("CredentialSource", "UseExisting")]);
    let entry = |deployment: &Deployment, name: &str| {
        let stored = deployment.aws.with(|world| {
            let mut all = world.secrets.secrets().filter(|secret| secret.name != EXISTING);
            all.next().and_then(|secret| secret.current_text().map(str::to_owned))
        });
        serde_json::from_str::<Value>(&stored.expect("a secret of the stack")).expect("JSON")[name].clone()
    };
    let secret = canary("client");
    let new = [
        ("CredentialSource", "CreateNew"),
        ("ZscalerClientId", "client-id"),
        ("ZscalerClientSecret", secret.as_str()),
        ("ZscalerVanityDomain", "acme"),
        ("ZscalerCustomerId", "216199618143191040"),
    ];
    let existing = new.map(|(name, _)| (name, if name == "CredentialSource" { "UseExisting" } else { "" }));
    deployment.set(&new);
    deployment.set(&[("ExistingSecretName", ""), ("ZscalerCloud", "beta")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(entry(&deployment, "ZSCALER_CLOUD"), "beta");
    deployment.set(&existing);
    deployment.set(&[("ExistingSecretName", EXISTING), ("ZscalerCloud", "")]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    deployment.cloudformation.settled().await;
    deployment.set(&new);
    deployment.set(&[("ExistingSecretName", "")]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!(entry(&deployment, "ZSCALER_CLOUD"), Value::Null);
    assert_eq!(entry(&deployment, "ZSCALER_CLIENT_ID"), "client-id");
    deployment.delete().await;
    deployment.check_nothing_is_left();
}
