//! Operations that fail, hang, come twice or meet a service that does not answer.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::json;

use super::{PREFIX, create, delete, gateway, names, properties, status, update, with};
use crate::sweep::deliver;
use crate::world::World;

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_create_carries_the_services_reason_and_the_id_and_is_cleaned_up() {
    let mut world = World::new();
    world.fault("CreateGateway", 1, 1, FaultEffect::BecomesFailed("no workload identity".to_owned()));
    let answer = world.send(create(properties())).await;
    assert!(answer.failure().contains("ended in FAILED: no workload identity"), "{}", answer.reason());
    assert!(answer.physical_id().starts_with(PREFIX));
    world.send(delete(&answer.physical_id(), properties())).await.success();
    assert!(names(&world).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_update_keeps_the_id_and_the_rollback_brings_the_old_configuration_back() {
    let mut world = World::new();
    let created = world.send(create(properties())).await.success();
    world.fault("UpdateGateway", 1, 1, FaultEffect::BecomesFailed("no".to_owned()));
    let new = with(json!({"Instructions": "new"}));
    let answer = world.send(update(&created.physical_id(), new.clone(), properties())).await;
    assert!(answer.failure().contains("UPDATE_UNSUCCESSFUL: no"), "{}", answer.reason());
    assert_eq!(answer.physical_id(), created.physical_id());
    world.send(update(&created.physical_id(), properties(), new)).await.success();
    assert_eq!(status(&world, &created.physical_id()), Status::Ready);
    assert_eq!(gateway(&world, &created.physical_id(), |it| it.instructions().map(str::to_owned)), None);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_slow_create_is_carried_on_by_the_next_delivery() {
    let slow = Settings { gateway_transition: Duration::from_mins(25), ..Settings::default() };
    let mut world = World::with_settings(slow);
    let event = world.address(create(properties()));
    let first = world.deliver(&event).await.expect_err("left to the next delivery");
    assert!(first.contains("CREATING"), "{first}");
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.deliver(&event).await.expect("answered").success();
    assert_eq!(names(&world).len(), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_never_settles_is_answered_before_cloudformation_gives_up() {
    let mut world = World::new();
    world.fault("CreateGateway", 1, 1, FaultEffect::Stuck);
    let started = world.aws.clock().elapsed();
    let answer = deliver(&mut world, create(properties()), None).await;
    assert!(answer.failure().contains("the last status was CREATING"), "{}", answer.reason());
    assert!(answer.physical_id().starts_with(PREFIX), "the clean-up must find it");
    assert!(world.aws.clock().elapsed() < started + Duration::from_hours(1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_same_create_delivered_twice_at_once_makes_one_gateway() {
    let mut world = World::new();
    let event = world.address(create(properties()));
    let payload = event.payload();
    let (one, two) = tokio::join!(world.invoke(payload.clone()), world.invoke(payload));
    one.expect("answered");
    two.expect("answered");
    assert_eq!(names(&world).len(), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn throttling_and_lost_replies_are_waited_through() {
    for effect in
        [FaultEffect::Throttled, FaultEffect::InternalError, FaultEffect::ReplyLostBefore, FaultEffect::ReplyLostAfter]
    {
        let mut world = World::new();
        let operations = ["CreateGateway", "GetGateway", "UpdateGateway", "ListGatewayTargets", "DeleteGateway"];
        for operation in operations {
            world.fault(operation, 1, 3, effect.clone());
        }
        let created = world.send(create(properties())).await.success();
        let new = with(json!({"Instructions": "new"}));
        world.send(update(&created.physical_id(), new.clone(), properties())).await.success();
        assert_eq!(names(&world).len(), 1, "{effect:?}");
        world.send(delete(&created.physical_id(), new)).await.success();
        assert!(names(&world).is_empty(), "{effect:?}");
    }
}
