//! Faults at every call of a provider's life: it must end in SUCCESS at each step with nothing left at the end, whichever
//! call is throttled, fails, or loses its reply, and wherever the function is killed.

use std::time::Duration;

use emulator::faults::{Fault, FaultEffect};
use emulator::settings::Settings;
use serde_json::json;
use tokio::time::Instant;

use super::{client_secret, create, delete, idp, names, properties, refuse_tags, rotate_at_the_idp, update, with_idp};
use crate::sweep::{EFFECTS, deliver};
use crate::world::canary;

/// One whole life; returns how many calls it took, and how long.
async fn life(tags_refused: bool, fault: Option<Fault>, kill: Option<Duration>) -> (usize, Duration) {
    let settings = Settings {
        call_latency: Duration::from_secs(1),
        get_lag: Duration::from_secs(4),
        provider_transition: Duration::from_secs(3),
        ..Settings::default()
    };
    let mut world = with_idp(settings, idp());
    if tags_refused {
        refuse_tags(&world);
    }
    if let Some(fault) = fault {
        world.aws.faults().add(fault);
    }
    let kill = kill.map(|kill| Instant::now() + kill);
    let name = deliver(&mut world, create(properties()), kill).await.success().physical_id();
    rotate_at_the_idp(&world, &canary("rotated"));
    let mut new = properties();
    new["ClientSecret"] = canary("rotated").into();
    let updated = deliver(&mut world, update(&name, new.clone(), properties()), kill).await.success();
    assert_eq!(updated.physical_id(), name);
    assert_eq!(client_secret(&world, &name), Some(canary("rotated")));
    deliver(&mut world, delete(&name, new), kill).await.success();
    assert!(names(&world).is_empty());
    (world.calls_since(0).len(), world.aws.clock().elapsed())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_single_fault_at_every_call_is_survived() {
    for tags_refused in [false, true] {
        let (calls, _) = life(tags_refused, None, None).await;
        for nth in 1..=calls as u64 {
            for (effect, count) in EFFECTS {
                life(tags_refused, Some(Fault { service: None, operation: None, nth, count, effect }), None).await;
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn being_killed_at_any_moment_is_survived() {
    for tags_refused in [false, true] {
        let (_, duration) = life(tags_refused, None, None).await;
        let moments = (0..).map(|step| Duration::from_millis(250 + 1000 * step));
        for moment in moments.take_while(|moment| *moment < duration) {
            life(tags_refused, None, Some(moment)).await;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_gets_show_late_is_not_taken_for_an_end() {
    let settings = Settings {
        get_lag: Duration::from_secs(10),
        provider_transition: Duration::from_secs(30),
        ..Settings::default()
    };
    let mut world = with_idp(settings, idp());
    let name = world.send(create(properties())).await.success().physical_id();
    world.fault("UpdateOauth2CredentialProvider", 1, 1, FaultEffect::BecomesFailed("no such vault".to_owned()));
    let mut new = properties();
    new["Tags"] = json!({"team": "two"});
    let failed = world.send(update(&name, new.clone(), properties())).await;
    assert!(failed.failure().contains("UPDATE_FAILED: no such vault"), "{}", failed.reason());
    world.send(update(&name, properties(), new)).await.success();
    world.fault("DeleteOauth2CredentialProvider", 1, 1, FaultEffect::BecomesFailed("no such key".to_owned()));
    let failed = world.send(delete(&name, properties())).await;
    assert!(failed.failure().contains("DELETE_FAILED: no such key"), "{}", failed.reason());
    world.send(delete(&name, properties())).await.success();
    assert!(names(&world).is_empty());
}
