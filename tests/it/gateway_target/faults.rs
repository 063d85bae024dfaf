//! Failed operations, lost and slow replies, and the ids that the cleanup needs.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::json;

use super::{GATEWAY_ROLE, NAME, Scene, put_gateway_policy, status};
use crate::world::TARGET;

const WHY: &str = "Failed to connect and fetch tools from the provided MCP target server. Error - no answer";

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_first_create_that_fails_is_undone_and_retried() {
    for (failures, passes) in [(1, true), (2, true), (3, false)] {
        let mut scene = Scene::new().await;
        scene.world.fault("CreateGatewayTarget", 1, failures, FaultEffect::BecomesFailed(WHY.to_owned()));
        let before = scene.world.call_count();
        let create = scene.create(json!({}));
        let answer = scene.world.send(create).await;
        assert_eq!(answer.is_success(), passes, "{failures}: {}", answer.reason());
        let calls = scene.world.calls_since(before);
        let creations = calls.iter().filter(|call| **call == "CreateGatewayTarget").count() as u64;
        assert_eq!(creations, (failures + 1).min(3));
        assert_eq!(scene.names(), [NAME], "one, whether it works or not");
        if !passes {
            assert!(answer.reason().contains(&format!("ended in FAILED: {WHY}")), "{}", answer.reason());
            let advice =
                format!("allow the gateway's role {GATEWAY_ROLE} bedrock-agentcore:InvokeAgentRuntime on arn:aws");
            assert!(answer.reason().contains(&advice), "{}", answer.reason());
            let delete = scene.delete(&answer.physical_id());
            scene.world.send(delete).await.success();
            assert!(scene.names().is_empty());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_permanent_failure_is_not_retried() {
    let mut scene = Scene::new().await;
    let why = "Authorization method mismatch. The agent is configured for a different authorization method";
    scene.world.fault("CreateGatewayTarget", 1, u64::MAX, FaultEffect::BecomesFailed(why.to_owned()));
    let before = scene.world.call_count();
    let create = scene.create(json!({}));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().contains(why), "{}", answer.reason());
    let calls = scene.world.calls_since(before);
    assert_eq!(calls.iter().filter(|call| **call == "CreateGatewayTarget").count(), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_policy_is_waited_for() {
    let mut scene = Scene::new().await;
    put_gateway_policy(&scene.world, json!([]));
    let event = scene.create(json!({}));
    let event = scene.world.address(event);
    let granting = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        put_gateway_policy(&scene.world, json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]));
    };
    let (created, ()) = tokio::join!(scene.world.invoke(event.payload()), granting);
    created.expect("answered");
    scene.world.deliver(&event).await.expect("answered").success();
    assert_eq!(scene.names(), [NAME]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_update_or_synchronization_is_retried_and_keeps_the_id() {
    for (operation, new) in [
        ("UpdateGatewayTarget", json!({"Description": "new"})),
        ("SynchronizeGatewayTargets", json!({"SynchronizeOn": "2"})),
    ] {
        for (failures, passes) in [(2, true), (3, false)] {
            let mut scene = Scene::new().await;
            let created = scene.target(json!({})).await;
            scene.world.fault(operation, 1, failures, FaultEffect::BecomesFailed(WHY.to_owned()));
            let update = scene.update(&created.physical_id(), new.clone(), json!({}));
            let answer = scene.world.send(update).await;
            assert_eq!(answer.is_success(), passes, "{operation} {failures}: {}", answer.reason());
            assert_eq!(answer.physical_id(), created.physical_id());
            if !passes {
                assert!(answer.reason().contains("_UNSUCCESSFUL: Failed to connect"), "{}", answer.reason());
                let rollback = scene.update(&created.physical_id(), json!({}), new.clone());
                scene.world.send(rollback).await.success();
            }
            assert_eq!(status(&scene, &created.physical_id()), Status::Ready);
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_never_worked_is_created_again() {
    let mut scene = Scene::new().await;
    let why = "Authorization method mismatch";
    scene.world.fault("CreateGatewayTarget", 1, 1, FaultEffect::BecomesFailed(why.to_owned()));
    let create = scene.create(json!({}));
    let failed = scene.world.send(create).await;
    assert!(failed.failure().contains(why), "{}", failed.reason());
    let update = scene.update(&failed.physical_id(), json!({}), json!({}));
    let updated = scene.world.send(update).await.success();
    assert_ne!(updated.physical_id(), failed.physical_id());
    let delete = scene.delete(&failed.physical_id());
    scene.world.send(delete).await.success();
    assert_eq!(scene.names(), [NAME]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_cancelled_create_that_retries_leaves_nothing() {
    for (failures, wait) in [(0, 0), (0, 2), (1, 2), (2, 25), (1, 12)] {
        let settings = Settings { target_transition: Duration::from_secs(8), ..Settings::default() };
        let mut scene = Scene::with(settings, json!({}), json!({})).await;
        scene.world.fault("CreateGatewayTarget", 1, failures, FaultEffect::BecomesFailed(WHY.to_owned()));
        let event = scene.create(json!({}));
        let event = scene.world.address(event);
        let gone = scene.delete(&TARGET.invented_id());
        let gone = scene.world.address(gone);
        let (created, deleted) = tokio::join!(scene.world.invoke(event.payload()), async {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            scene.world.invoke(gone.payload()).await
        });
        created.expect("answered");
        deleted.expect("answered");
        assert!(scene.names().is_empty(), "{failures} failures, cancelled after {wait} s");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_reason_of_a_failed_deletion_fits_into_the_sentence() {
    let mut scene = Scene::new().await;
    let created = scene.target(json!({})).await;
    scene.world.fault("DeleteGatewayTarget", 1, 1, FaultEffect::BecomesFailed("something holds it.".to_owned()));
    let delete = scene.delete(&created.physical_id());
    let answer = scene.world.send(delete).await;
    assert!(answer.failure().contains("ended in FAILED: something holds it; repeat it"), "{}", answer.reason());
    let delete = scene.delete(&created.physical_id());
    scene.world.send(delete).await.success();
    assert!(scene.names().is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_cannot_be_listed_does_not_break_a_rollback() {
    for (status, passes) in [(StackStatus::UpdateInProgress, false), (StackStatus::UpdateRollbackInProgress, true)] {
        let mut scene = Scene::new().await;
        let created = scene.target(json!({"SynchronizeOn": "1"})).await;
        scene.world.fault("SynchronizeGatewayTargets", 1, u64::MAX, FaultEffect::BecomesFailed(WHY.to_owned()));
        scene.world.stack_status(status);
        let rollback =
            scene.update(&created.physical_id(), json!({"SynchronizeOn": "1"}), json!({"SynchronizeOn": "2"}));
        let answer = scene.world.send(rollback).await;
        assert_eq!(answer.is_success(), passes, "{status}: {}", answer.reason());
        assert_eq!(answer.physical_id(), created.physical_id());
    }
}
