//! Faults at every call of a target's life: each step must end in SUCCESS, with nothing left at the end, whichever call
//! is throttled, fails, or loses its reply, and wherever the function is killed.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::faults::{Fault, FaultEffect};
use emulator::settings::Settings;
use serde_json::json;
use tokio::time::Instant;

use super::{NAME, Scene, status};
use crate::sweep::{EFFECTS, deliver};

/// One whole life; returns how many calls it made, and how long it took. The first creation fails if `flaky`.
async fn life(fault: Option<Fault>, flaky: bool, kill: Option<Duration>) -> (usize, Duration) {
    let settings = Settings {
        call_latency: Duration::from_secs(1),
        get_lag: Duration::from_secs(4),
        list_lag: Duration::from_secs(5),
        ..Settings::default()
    };
    let mut scene = Scene::with(settings, json!({}), json!({})).await;
    let (started, before) = (Instant::now(), scene.world.call_count());
    if flaky {
        let why = "Failed to connect and fetch tools from the provided MCP target server";
        scene.world.fault("CreateGatewayTarget", 1, 1, FaultEffect::BecomesFailed(why.to_owned()));
    }
    if let Some(fault) = fault {
        scene.world.aws.faults().add(fault);
    }
    let kill = kill.map(|kill| Instant::now() + kill);
    let create = scene.create(json!({}));
    let created = deliver(&mut scene.world, create, kill).await;
    let id = created.physical_id();
    if flaky && kill.is_some() && !created.is_success() {
        // Killed between undoing a creation and repeating it. What is gone may have been deleted by the Delete of this
        // very Create, cancelled, so that the next delivery must not make it again.
        assert!(created.reason().contains("it was deleted meanwhile"), "{}", created.reason());
        let delete = scene.delete(&id);
        deliver(&mut scene.world, delete, None).await.success();
        assert!(scene.names().is_empty());
        return (0, Duration::ZERO);
    }
    created.success();
    for (new, old) in [
        (json!({"Description": "new"}), json!({})),
        (json!({"Description": "new", "SynchronizeOn": "2"}), json!({"Description": "new"})),
    ] {
        let update = scene.update(&id, new, old);
        assert_eq!(deliver(&mut scene.world, update, kill).await.success().physical_id(), id);
        // A synchronisation asked for again, because its reply was lost, may go on after the first has listed the tools.
        assert_ne!(status(&scene, &id), Status::Updating);
        assert_eq!(scene.names(), [NAME]);
    }
    let delete = scene.delete(&id);
    deliver(&mut scene.world, delete, kill).await.success();
    assert!(scene.names().is_empty());
    (scene.world.calls_since(before).len(), started.elapsed())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_single_fault_at_every_call_is_survived() {
    for flaky in [false, true] {
        let (calls, _) = life(None, flaky, None).await;
        for nth in 1..=calls as u64 {
            for (effect, count) in EFFECTS {
                let fault = Fault { service: None, operation: None, nth, count, effect };
                life(Some(fault), flaky, None).await;
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_function_may_be_killed_at_any_moment() {
    for flaky in [false, true] {
        let (_, took) = life(None, flaky, None).await;
        for half_second in 0..took.as_secs() * 2 {
            life(None, flaky, Some(Duration::from_millis(half_second * 500 + 250))).await;
        }
    }
}
