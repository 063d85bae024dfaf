//! Gets that show the old state for a while: the function does not treat that state as the end of an operation.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::settings::Settings;
use serde_json::json;

use super::{properties, status, with};
use crate::world::{GATEWAY, World};

/// Creates a world whose Gets lag longer than the fastest operation takes.
fn world(transition: u64) -> World {
    let gateway_transition = Duration::from_secs(transition);
    World::with_settings(Settings { get_lag: Duration::from_secs(10), gateway_transition, ..Settings::default() })
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_of_anything_is_answered_when_it_is_done() {
    for change in [json!({"Description": "new"}), json!({"Instructions": "new"}), json!({"ExceptionLevel": "DEBUG"})] {
        let mut world = world(30);
        let id = world.send(GATEWAY.create(properties())).await.success().physical_id();
        world.send(GATEWAY.update(&id, with(change.clone()), properties())).await.success();
        assert_eq!(status(&world, &id), Status::Ready, "{change}");
    }
}
