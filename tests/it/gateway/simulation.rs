//! Faults at every call of a gateway's life, which must end in SUCCESS at each step with nothing left at the end.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::faults::Fault;
use emulator::identity_provider::ClaimStyle;
use emulator::settings::Settings;
use serde_json::json;
use tokio::time::Instant;

use super::{COGNITO, add_provider, create, delete, extended, gateway, ids, jwt, provider, status, update};
use crate::sweep::{EFFECTS, deliver};
use crate::world::{World, canary};

/// Created, changed in place, replaced, rolled back, replaced for good, deleted. Returns every call and how long it took.
async fn life(fault: Option<Fault>, kill: Option<Duration>) -> (Vec<&'static str>, Duration) {
    let settings = Settings {
        call_latency: Duration::from_secs(1),
        get_lag: Duration::from_secs(4),
        list_lag: Duration::from_secs(5),
        list_page_max: 1,
        ..Settings::default()
    };
    let mut world = World::with_settings(settings);
    add_provider(&world, provider(ClaimStyle::Cognito, COGNITO));
    if let Some(fault) = fault {
        world.aws.faults().add(fault);
    }
    let kill = kill.map(|kill| Instant::now() + kill);
    let secret = json!({"AllowedClients": "app", "ClientId": "app", "ClientSecret": canary("client")});
    let one = jwt(COGNITO, extended(secret, json!({"Tags": {"team": "one"}})));
    let two = extended(one.clone(), json!({"AllowedScopes": "mcp/read", "Tags": {"team": "two"}}));
    let three = extended(two.clone(), json!({"SearchType": "NONE"}));

    let first = deliver(&mut world, create(one.clone()), kill).await.success().physical_id();
    let updated = deliver(&mut world, update(&first, two.clone(), one), kill).await.success();
    assert_eq!((updated.physical_id(), updated.attribute("ClientClaimName")), (first.clone(), "client_id"));
    assert_eq!(status(&world, &first), Status::Ready);
    gateway(&world, &first, |gateway| {
        assert_eq!(gateway.jwt_authorizer().expect("one")["allowedScopes"], json!(["mcp/read"]));
        assert_eq!(gateway.tags["team"], "two");
    });
    let second = deliver(&mut world, update(&first, three.clone(), two.clone()), kill).await.success().physical_id();
    assert_ne!(first, second);
    let rolled_back = deliver(&mut world, update(&second, two.clone(), three.clone()), kill).await.success();
    assert_eq!(rolled_back.physical_id(), first);
    deliver(&mut world, delete(&second, three.clone()), kill).await.success();
    let third = deliver(&mut world, update(&first, three.clone(), two.clone()), kill).await.success().physical_id();
    deliver(&mut world, delete(&first, two), kill).await.success();
    assert_eq!(ids(&world), std::slice::from_ref(&third));
    deliver(&mut world, delete(&third, three), kill).await.success();
    assert!(ids(&world).is_empty());
    (world.calls_since(0), world.aws.clock().elapsed())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_single_fault_at_every_call_is_survived() {
    let (calls, _) = life(None, None).await;
    for nth in 1..=calls.len() as u64 {
        for (effect, count) in EFFECTS {
            life(Some(Fault { service: None, operation: None, nth, count, effect }), None).await;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_kill_at_any_moment_is_carried_on_from() {
    let (_, duration) = life(None, None).await;
    // Twice a second, with calls that take one: before and after the effect of each.
    for half_seconds in 0..duration.as_secs() * 2 {
        life(None, Some(Duration::from_millis(half_seconds * 500 + 250))).await;
    }
}
