//! Execution roles that services do not know yet, or never will.

use std::time::Duration;

use emulator::settings::Settings;
use serde_json::json;

use super::with;
use crate::world::{RUNTIME, World};

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_role_is_waited_for() {
    let mut world = World::with_settings(Settings { role_propagation: Duration::from_secs(45), ..Settings::default() });
    let fresh = world.put_fresh_role();
    world.send(RUNTIME.create(with(json!({"RoleArn": fresh})))).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_role_that_never_becomes_usable_is_named() {
    let mut world = World::new();
    let answer = world.send(RUNTIME.create(with(json!({"RoleArn": "arn:aws:iam::111122223333:role/missing"})))).await;
    assert!(answer.failure().contains("Role validation failed"), "{}", answer.reason());
    assert!(world.runtime_names().is_empty());
    assert!(world.aws.clock().elapsed() < Duration::from_mins(4));
}

crate::platform::repeat_on_v2! {
    "role.rs":
    a_new_role_is_waited_for
    a_role_that_never_becomes_usable_is_named
}
