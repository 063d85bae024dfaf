//! Gets that show the old state for a while: the function does not treat that state as the end of an operation.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::aws::ServiceId;
use emulator::settings::Settings;
use serde_json::json;

use super::{Scene, status};

/// Creates a scene whose Gets lag longer than the fastest operation takes.
async fn scene(transition: u64) -> Scene {
    let target_transition = Duration::from_secs(transition);
    let settings = Settings { get_lag: Duration::from_secs(10), target_transition, ..Settings::default() };
    Scene::with(settings, json!({}), json!({})).await
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_of_anything_is_answered_when_it_is_done() {
    for change in [
        json!({"ToolSchema": {"tools": [{"name": "one", "description": "d", "inputSchema": {"type": "object"}}]}}),
        json!({"AllowedRequestHeaders": "X-Api-Key"}),
        json!({"Description": "new"}),
        json!({"SynchronizeOn": "2"}),
    ] {
        let mut scene = scene(30).await;
        let id = scene.target(json!({})).await.physical_id();
        let update = scene.update(&id, change.clone(), json!({}));
        scene.world.send(update).await.success();
        assert_eq!(status(&scene, &id), Status::Ready, "{change}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_delete_that_begins_as_another_operation_ends_succeeds() {
    for quarters in 0..40 {
        let settings = Settings {
            call_latency: Duration::from_secs(1),
            get_lag: Duration::from_secs(4),
            target_transition: Duration::from_secs(8),
            ..Settings::default()
        };
        let mut scene = Scene::with(settings, json!({}), json!({})).await;
        let id = scene.target(json!({})).await.physical_id();
        let (_, target_id) = id.split_once('/').expect("an id of a target");
        let input = json!({"gatewayIdentifier": scene.gateway_id, "targetIdList": [target_id]});
        scene.world.somebody(ServiceId::AgentCoreControl, "SynchronizeGatewayTargets", input);
        tokio::time::sleep(Duration::from_millis(quarters * 250)).await;
        let delete = scene.delete(&id);
        scene.world.send(delete).await.success();
        assert!(scene.names().is_empty(), "{quarters}");
    }
}
