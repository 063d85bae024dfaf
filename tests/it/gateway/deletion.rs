//! A gateway is deleted when its targets are gone, and never deletes a target.

use std::time::Duration;

use emulator::agentcore_control::RefusedAs;
use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::json;

use super::{count, names, properties};
use crate::world::{GATEWAY, World};

/// Adds a target and waits until it can be deleted.
async fn target(world: &World, gateway_id: &str, name: &str) -> String {
    let schema = json!({"inlinePayload": r#"{"tools": []}"#});
    let server = json!({"mcpServer": {"endpoint": "https://mcp.example.com/mcp", "mcpToolSchema": schema}});
    let input = json!({"gatewayIdentifier": gateway_id, "name": name, "targetConfiguration": {"mcp": server}});
    let answer = world.somebody(ServiceId::AgentCoreControl, "CreateGatewayTarget", input);
    tokio::time::sleep(Duration::from_secs(10)).await;
    answer["targetId"].as_str().expect("an id").to_owned()
}

fn delete_target(world: &World, gateway_id: &str, target_id: &str) {
    let input = json!({"gatewayIdentifier": gateway_id, "targetId": target_id});
    world.somebody(ServiceId::AgentCoreControl, "DeleteGatewayTarget", input);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn targets_of_others_stop_the_delete_and_are_named() {
    let mut world = World::with_settings(Settings { list_page_max: 1, ..Settings::default() });
    let created = world.send(GATEWAY.create(properties())).await.success();
    let id = created.physical_id();
    let mut targets = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        targets.push(target(&world, &id, name).await);
    }
    let started = world.aws.clock().elapsed();
    let before = world.call_count();
    let refused = world.send(GATEWAY.delete(&id, properties())).await;
    let expected = format!(
        "gateway {id} still has the targets a, b, c, d, e and 2 more, which are not this resource's; delete them and repeat"
    );
    assert_eq!(refused.failure(), expected);
    assert!(world.aws.clock().elapsed() < started + Duration::from_mins(1));
    assert_eq!(count(&world.calls_since(before), &["DeleteGateway", "DeleteGatewayTarget"]), 0);
    for target in &targets {
        delete_target(&world, &id, target);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    world.send(GATEWAY.delete(&id, properties())).await.success();
    assert!(names(&world).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn targets_on_their_way_out_are_waited_for_however_late_the_list_is() {
    for refusal in [RefusedAs::Conflict, RefusedAs::Validation] {
        let slow = Settings {
            list_lag: Duration::from_mins(1),
            target_deletion: Duration::from_mins(2),
            ..Settings::default()
        };
        let mut world = World::with_settings(slow);
        world.aws.with(|world| world.agentcore.answer_gateways_in_use_with(refusal));
        let created = world.send(GATEWAY.create(properties())).await.success();
        let target = target(&world, &created.physical_id(), "ours").await;
        delete_target(&world, &created.physical_id(), &target);
        world.send(GATEWAY.delete(&created.physical_id(), properties())).await.success();
        assert!(names(&world).is_empty());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_no_list_shows_yet_stops_the_delete_too() {
    for refusal in [RefusedAs::Conflict, RefusedAs::Validation] {
        let mut world = World::with_settings(Settings { list_lag: Duration::from_secs(50), ..Settings::default() });
        world.aws.with(|world| world.agentcore.answer_gateways_in_use_with(refusal));
        let created = world.send(GATEWAY.create(properties())).await.success();
        target(&world, &created.physical_id(), "theirs").await;
        let refused = world.send(GATEWAY.delete(&created.physical_id(), properties())).await;
        assert!(refused.failure().contains("still has the targets theirs, which"), "{}", refused.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_deletion_that_fails_once_is_asked_for_again() {
    let mut world = World::new();
    let created = world.send(GATEWAY.create(properties())).await.success();
    world.fault("DeleteGateway", 1, 1, FaultEffect::BecomesFailed("busy".to_owned()));
    world.send(GATEWAY.delete(&created.physical_id(), properties())).await.success();
    assert!(names(&world).is_empty());
}
