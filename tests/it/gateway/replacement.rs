//! Properties that AgentCore cannot update: another gateway replaces the old one, or the update is refused in a sentence.
//! Whatever CloudFormation does next, one gateway is left.

use std::time::Duration;

use emulator::faults::FaultEffect;
use emulator::identity_provider::ClaimStyle;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{
    COGNITO, PREFIX, add_provider, count, gateway, ids, jwt, names, properties, provider, somebodys_gateway, with,
    world,
};
use crate::world::{GATEWAY, World, merged};

const CHANGING: [&str; 3] = ["CreateGateway", "UpdateGateway", "DeleteGateway"];

/// Returns updates that need another gateway: the old and the new properties, and the property that is named.
fn changes() -> Vec<(Value, Value, &'static str)> {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let [fewer, more] = ["2025-11-25", "2025-11-25,2026-07-28"].map(|it| with(json!({"SupportedVersions": it})));
    vec![
        (properties(), jwt(COGNITO, json!({"AllowedClients": "one"})), "AuthorizerType"),
        (jwt(COGNITO, json!({"AllowedClients": "one"})), properties(), "AuthorizerType"),
        (properties(), with(json!({"SearchType": "NONE"})), "SearchType"),
        (properties(), with(json!({"KmsKeyArn": key})), "KmsKeyArn"),
        (fewer.clone(), more.clone(), "SupportedVersions"),
        // A list that shrinks in place cannot grow back when the update is rolled back.
        (more, fewer, "SupportedVersions"),
    ]
}

/// A later release may know more versions, which must not replace any gateway.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_keeps_its_versions_where_none_are_asked_for() {
    let mut world = world();
    let old = with(json!({"SupportedVersions": "2025-11-25"}));
    let id = world.send(GATEWAY.create(old.clone())).await.success().physical_id();
    let new = with(json!({"Description": "another"}));
    assert_eq!(world.send(GATEWAY.update(&id, new, old)).await.success().physical_id(), id);
    gateway(&world, &id, |gateway| assert_eq!(gateway.supported_versions(), ["2025-11-25"]));
}

fn named(properties: &Value) -> Value {
    merged(properties.clone(), json!({"GatewayName": "Chosen"}))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_derived_name_lets_another_gateway_take_the_place() {
    for (old, new, property) in changes() {
        let mut world = world();
        let created = world.send(GATEWAY.create(old.clone())).await.success();
        let event = world.address(GATEWAY.update(&created.physical_id(), new.clone(), old.clone()));
        let updated = world.deliver(&event).await.expect("answered").success();
        assert_ne!(updated.physical_id(), created.physical_id(), "{property}");
        let again = world.deliver(&event).await.expect("answered").success();
        assert_eq!(again.physical_id(), updated.physical_id(), "{property}");
        world.send(GATEWAY.delete(&created.physical_id(), old)).await.success();
        assert_eq!(ids(&world), [updated.physical_id()], "{property}");
        assert!(updated.physical_id().starts_with(PREFIX), "a policy can name it");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_chosen_name_is_refused_untouched_and_rolls_back() {
    for (old, new, property) in changes() {
        let (old, new) = (named(&old), named(&new));
        let mut world = world();
        let created = world.send(GATEWAY.create(old.clone())).await.success();
        let before = world.call_count();
        let refused = world.send(GATEWAY.update(&created.physical_id(), new.clone(), old.clone())).await;
        assert!(refused.failure().starts_with(&format!("`{property}` ")), "{}", refused.reason());
        assert!(refused.reason().contains("give another `GatewayName`, or none"), "{}", refused.reason());
        assert_eq!(refused.physical_id(), created.physical_id());
        assert_eq!(count(&world.calls_since(before), &CHANGING), 0, "{property}");
        let rolled_back = world.send(GATEWAY.update(&created.physical_id(), old, new)).await.success();
        assert_eq!(rolled_back.physical_id(), created.physical_id());
        assert_eq!(count(&world.calls_since(before), &CHANGING), 0, "{property}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn another_name_in_the_same_update_replaces_the_gateway() {
    let mut world = world();
    let old = named(&properties());
    let new = jwt(COGNITO, json!({"AllowedClients": "one", "GatewayName": "Other"}));
    let created = world.send(GATEWAY.create(old.clone())).await.success();
    let renamed = world.send(GATEWAY.update(&created.physical_id(), new.clone(), old.clone())).await.success();
    world.send(GATEWAY.delete(&created.physical_id(), old)).await.success();
    assert_eq!(names(&world), ["Other"]);
    let derived = world.send(GATEWAY.update(&renamed.physical_id(), properties(), new.clone())).await.success();
    world.send(GATEWAY.delete(&renamed.physical_id(), new.clone())).await.success();
    assert_eq!(ids(&world), [derived.physical_id()]);
    assert!(derived.physical_id().starts_with(PREFIX));
    let back = world.send(GATEWAY.update(&derived.physical_id(), new, properties())).await.success();
    world.send(GATEWAY.delete(&derived.physical_id(), properties())).await.success();
    assert_eq!((names(&world), ids(&world)), (vec!["Other".to_owned()], vec![back.physical_id()]));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rollback_finds_the_replaced_gateway_by_either_id() {
    let mut pairs = changes();
    let renamed = with(json!({"GatewayName": "Other"}));
    pairs.push((named(&properties()), renamed.clone(), "GatewayName"));
    pairs.push((properties(), renamed.clone(), "GatewayName"));
    pairs.push((renamed, properties(), "GatewayName"));
    for (old, new, property) in pairs {
        for carries_new_id in [true, false] {
            let mut world = world();
            let created = world.send(GATEWAY.create(old.clone())).await.success();
            let replaced = world.send(GATEWAY.update(&created.physical_id(), new.clone(), old.clone())).await.success();
            let id = if carries_new_id { replaced.physical_id() } else { created.physical_id() };
            let rolled_back = world.send(GATEWAY.update(&id, old.clone(), new.clone())).await.success();
            assert_eq!(rolled_back.physical_id(), created.physical_id(), "{property} {carries_new_id}");
            world.send(GATEWAY.delete(&replaced.physical_id(), new.clone())).await.success();
            assert_eq!(ids(&world), [created.physical_id()], "{property} {carries_new_id}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_replacement_whose_answer_did_not_arrive_is_deleted_by_the_rollback() {
    for (old, new, property) in changes() {
        let slow = Settings { gateway_transition: Duration::from_mins(1), ..Settings::default() };
        let mut world = World::with_settings(slow);
        add_provider(&world, provider(ClaimStyle::Cognito, COGNITO));
        let created = world.send(GATEWAY.create(old.clone())).await.success();
        let strangers = somebodys_gateway(&world, &format!("{PREFIX}abcdef"));
        // The update is cut off while the new gateway is being created, and never delivered again.
        let event = world.address(GATEWAY.update(&created.physical_id(), new.clone(), old.clone()));
        world.timeout = Duration::from_secs(40);
        world.deliver(&event).await.expect_err("cut off");
        world.timeout = Duration::from_mins(15);
        assert_eq!(ids(&world).len(), 3, "{property}");
        let rolled_back = world.send(GATEWAY.update(&created.physical_id(), old, new)).await.success();
        assert_eq!(rolled_back.physical_id(), created.physical_id(), "{property}");
        assert_eq!(ids(&world), [created.physical_id(), strangers], "{property}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_replacement_that_fails_is_answered_with_its_id_and_cleaned_up() {
    let mut world = World::new();
    let created = world.send(GATEWAY.create(properties())).await.success();
    world.fault("CreateGateway", 1, 1, FaultEffect::BecomesFailed("no".to_owned()));
    let new = with(json!({"SearchType": "NONE"}));
    let answer = world.send(GATEWAY.update(&created.physical_id(), new.clone(), properties())).await;
    assert!(answer.failure().contains("ended in FAILED: no"), "{}", answer.reason());
    assert_ne!(answer.physical_id(), created.physical_id(), "CloudFormation must learn of it");
    let rolled_back = world.send(GATEWAY.update(&answer.physical_id(), properties(), new.clone())).await.success();
    assert_eq!(rolled_back.physical_id(), created.physical_id());
    world.send(GATEWAY.delete(&answer.physical_id(), new)).await.success();
    assert_eq!(ids(&world), [created.physical_id()]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_that_never_worked_is_replaced() {
    for changes in [json!({}), json!({"GatewayName": "Chosen"})] {
        let mut world = World::new();
        world.fault("CreateGateway", 1, 1, FaultEffect::BecomesFailed("no".to_owned()));
        let failed = world.send(GATEWAY.create(with(changes.clone()))).await;
        let event = GATEWAY.update(&failed.physical_id(), with(changes.clone()), with(changes.clone()));
        let updated = world.send(event).await.success();
        assert_ne!(updated.physical_id(), failed.physical_id());
        world.send(GATEWAY.delete(&failed.physical_id(), with(changes))).await.success();
        assert_eq!(ids(&world), [updated.physical_id()]);
    }
}
