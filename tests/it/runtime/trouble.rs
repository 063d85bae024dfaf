//! Failures, other deliveries, other owners, other changes under way, and roles that are not there yet.

use std::time::Duration;

use emulator::agentcore_control::{Mismatch, Status};
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::json;

use super::{NAME, create, delete, properties, somebodys_runtime, status, update, with};
use crate::sweep::deliver;
use crate::world::{World, put_role};

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_create_carries_the_services_reason_and_the_id_and_is_cleaned_up() {
    let mut world = World::new();
    let why = "the image has no manifest for arm64";
    world.fault("CreateAgentRuntime", 1, 1, FaultEffect::BecomesFailed(why.to_owned()));
    let answer = world.send(create(properties())).await;
    assert!(answer.failure().contains("CREATE_FAILED") && answer.reason().contains(why), "{}", answer.reason());
    assert!(answer.physical_id().starts_with("mcp_server-"));
    world.send(delete(&answer.physical_id(), properties())).await.success();
    assert!(world.runtime_names().is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_update_keeps_the_id_and_the_rollback_brings_the_old_configuration_back() {
    let mut world = World::new();
    let created = world.send(create(properties())).await.success();
    world.fault("UpdateAgentRuntime", 1, 1, FaultEffect::BecomesFailed("no".to_owned()));
    let new = with(json!({"EnvironmentVariables": {"A": "1"}}));
    let answer = world.send(update(&created.physical_id(), new.clone(), properties())).await;
    assert!(answer.failure().contains("UPDATE_FAILED: no"), "{}", answer.reason());
    assert_eq!(answer.physical_id(), created.physical_id());
    world.send(update(&created.physical_id(), properties(), new)).await.success();
    assert_eq!(status(&world, &created.physical_id()), Status::Ready);
    assert!(world.runtime(&created.physical_id(), |runtime| runtime.configuration().environment().is_empty()));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_slow_create_is_carried_on_by_the_next_delivery() {
    let slow = Settings { runtime_transition: Duration::from_mins(25), ..Settings::default() };
    let mut world = World::with_settings(slow);
    let event = world.address(create(properties()));
    let first = world.deliver(&event).await.expect_err("left to the next delivery");
    assert!(first.contains("CREATING"), "{first}");
    assert!(world.aws.with(|world| world.responses.puts().is_empty()));
    tokio::time::sleep(Duration::from_mins(1)).await;
    let second = world.deliver(&event).await.expect("answered").success();
    assert_eq!(world.runtime_names(), [NAME]);
    assert_eq!(second.attribute("AgentRuntimeVersion"), "1");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_never_settles_is_answered_before_cloudformation_gives_up() {
    let mut world = World::new();
    world.fault("CreateAgentRuntime", 1, 1, FaultEffect::Stuck);
    let started = world.aws.clock().elapsed();
    let answer = deliver(&mut world, create(properties()), None).await;
    assert!(answer.failure().contains("the last status was CREATING"), "{}", answer.reason());
    assert!(answer.physical_id().starts_with("mcp_server-"), "the clean-up must find it");
    assert!(world.aws.clock().elapsed() < started + Duration::from_hours(1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_same_create_delivered_twice_at_once_makes_one_runtime() {
    let mut world = World::new();
    let event = world.address(create(properties()));
    let payload = event.payload();
    let (one, two) = tokio::join!(world.invoke(payload.clone()), world.invoke(payload));
    one.expect("answered");
    two.expect("answered");
    assert_eq!(world.runtime_names(), [NAME]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_of_ours_from_a_forgotten_request_is_adopted_and_converged() {
    for mismatch in [Mismatch::Validation, Mismatch::Conflict] {
        // The list shows another one first.
        let mut world = World::with_settings(Settings { list_page_max: 1, ..Settings::default() });
        somebodys_runtime(&world, "other");
        world.aws.with(|world| world.agentcore.answer_mismatched_tokens_with(mismatch));
        let event = world.address(create(properties()));
        let first = world.deliver(&event).await.expect("answered").success();
        // The same request with other properties: its token is known for another one.
        let changed = event.clone().with("ResourceProperties", with(json!({"Description": "changed"})));
        let second = world.deliver(&changed).await.expect("answered").success();
        assert_eq!(second.physical_id(), first.physical_id());
        assert_eq!(world.runtime(&first.physical_id(), |it| it.configuration().description().to_owned()), "changed");
        // Another request: its token is new, and the name is taken.
        let third = world.send(create(properties())).await.success();
        assert_eq!(third.physical_id(), first.physical_id());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_strangers_runtime_with_our_name_is_left_alone() {
    let mut world = World::with_settings(Settings { list_lag: Duration::from_secs(10), ..Settings::default() });
    let id = somebodys_runtime(&world, NAME);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let answer = world.send(create(properties())).await;
    assert!(answer.failure().contains("runtime named mcp_server"), "{}", answer.reason());
    assert!(answer.reason().contains("belongs to someone else"), "{}", answer.reason());
    world.send(delete(&answer.physical_id(), properties())).await.success();
    world.send(delete("mcp-Runtime-1ABCDEFGHIJK", properties())).await.success();
    let refused = world.send(delete(&id, properties())).await;
    assert!(refused.failure().contains("ownership tags"), "{}", refused.reason());
    let refused = world.send(update(&id, properties(), properties())).await;
    assert!(refused.failure().contains("belongs to someone else"), "{}", refused.reason());
    assert_eq!(world.runtime_names(), [NAME]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn delete_waits_for_a_create_and_for_an_update_in_progress() {
    let mut world =
        World::with_settings(Settings { runtime_transition: Duration::from_mins(2), ..Settings::default() });
    let event = world.address(create(properties()));
    let gone = world.address(delete("mcp-Runtime-1ABCDEFGHIJK", properties()));
    let (created, deleted) = tokio::join!(world.invoke(event.payload()), world.invoke(gone.payload()));
    created.expect("answered");
    deleted.expect("answered");
    assert!(world.runtime_names().is_empty(), "a cancelled create leaves nothing");

    let created = world.send(create(properties())).await.success();
    let changed = with(json!({"Description": "changed"}));
    let change = world.address(update(&created.physical_id(), changed, properties()));
    let gone = world.address(delete(&created.physical_id(), properties()));
    let (updated, deleted) = tokio::join!(world.invoke(change.payload()), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.invoke(gone.payload()).await
    });
    updated.expect("answered");
    deleted.expect("answered");
    assert!(world.runtime_names().is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_role_made_a_moment_ago_is_waited_for() {
    let mut world = World::with_settings(Settings { role_propagation: Duration::from_secs(45), ..Settings::default() });
    let fresh = "arn:aws:iam::111122223333:role/fresh";
    put_role(&world.aws, fresh, "bedrock-agentcore.amazonaws.com");
    world.aws.with(|world| {
        let mut role = world.iam.role(fresh).expect("it").clone();
        role.created = std::time::SystemTime::UNIX_EPOCH;
        world.iam.put_role(role);
    });
    let now = world.aws.clock().now();
    world.aws.with(|world| {
        let mut role = world.iam.role(fresh).expect("it").clone();
        role.created = now;
        world.iam.put_role(role);
    });
    world.send(create(with(json!({"RoleArn": fresh})))).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_role_that_never_becomes_usable_is_named() {
    let mut world = World::new();
    let answer = world.send(create(with(json!({"RoleArn": "arn:aws:iam::111122223333:role/missing"})))).await;
    assert!(answer.failure().contains("Role validation failed"), "{}", answer.reason());
    assert!(world.runtime_names().is_empty());
    assert!(world.aws.clock().elapsed() < Duration::from_mins(4));
}

crate::matrix::repeat_on_v2! {
    "trouble.rs":
    a_failed_create_carries_the_services_reason_and_the_id_and_is_cleaned_up
    a_failed_update_keeps_the_id_and_the_rollback_brings_the_old_configuration_back
    a_slow_create_is_carried_on_by_the_next_delivery
    what_never_settles_is_answered_before_cloudformation_gives_up
    the_same_create_delivered_twice_at_once_makes_one_runtime
    a_runtime_of_ours_from_a_forgotten_request_is_adopted_and_converged
    a_strangers_runtime_with_our_name_is_left_alone
    delete_waits_for_a_create_and_for_an_update_in_progress
    a_role_made_a_moment_ago_is_waited_for
    a_role_that_never_becomes_usable_is_named
}
