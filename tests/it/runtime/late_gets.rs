//! Gets that show the old state for a while: the function does not treat that state as the end of an operation.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::settings::Settings;
use serde_json::json;

use super::{properties, status, with};
use crate::world::{RUNTIME, World};

/// Creates a world whose Gets lag longer than an operation takes.
fn world() -> World {
    World::with_settings(Settings { get_lag: Duration::from_secs(10), ..Settings::default() })
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_of_anything_is_answered_with_its_own_version() {
    for change in [
        json!({"NetworkMode": "VPC", "Subnets": "subnet-0a1b2c3d", "SecurityGroups": "sg-0a1b2c3d"}),
        json!({"RequestHeaders": "X-Api-Key"}),
        json!({"Description": "new"}),
        json!({"MaxLifetime": 600}),
        json!({"EnvironmentVariables": {"A": "1"}}),
    ] {
        let mut world = world();
        let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
        let updated = world.send(RUNTIME.update(&id, with(change.clone()), properties())).await.success();
        assert_eq!(updated.attribute("AgentRuntimeVersion"), "2", "{change}");
        assert_eq!(status(&world, &id), Status::Ready);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_that_never_shows_is_a_failure() {
    let mut world = World::with_settings(Settings { get_lag: Duration::from_mins(5), ..Settings::default() });
    let created = world.send(RUNTIME.create(properties())).await;
    assert!(created.failure().contains("ended in not found"), "{}", created.reason());
    tokio::time::sleep(Duration::from_mins(10)).await;
    let id = created.physical_id();
    let new = with(json!({"Description": "new"}));
    let updated = world.send(RUNTIME.update(&id, new, properties())).await;
    let sentence = format!("runtime {id} ended in READY: AgentCore accepted the update but kept the old version");
    assert!(updated.failure().contains(&sentence), "{}", updated.reason());
}

crate::platform::repeat_on_v2! {
    "late_gets.rs":
    an_update_of_anything_is_answered_with_its_own_version
    an_update_that_never_shows_is_a_failure
}
