//! Faults at every call of a provider's life: each step has to end in SUCCESS and nothing may be left at the end,
//! whichever call is throttled, fails, or loses its reply, and wherever the function is killed.

use std::time::Duration;

use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::json;

use super::{idp, names, properties, with_idp};
use crate::world::PROVIDER;

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failure_is_told_although_gets_are_late() {
    let settings = Settings {
        get_lag: Duration::from_secs(10),
        provider_transition: Duration::from_secs(30),
        ..Settings::default()
    };
    let mut world = with_idp(settings, idp());
    let name = world.send(PROVIDER.create(properties())).await.success().physical_id();
    world.fault("UpdateOauth2CredentialProvider", 1, 1, FaultEffect::BecomesFailed("no such vault".to_owned()));
    let mut new = properties();
    new["Tags"] = json!({"team": "two"});
    let failed = world.send(PROVIDER.update(&name, new.clone(), properties())).await;
    assert!(failed.failure().contains("UPDATE_FAILED: no such vault"), "{}", failed.reason());
    world.send(PROVIDER.update(&name, properties(), new)).await.success();
    world.fault("DeleteOauth2CredentialProvider", 1, 1, FaultEffect::BecomesFailed("no such key".to_owned()));
    let failed = world.send(PROVIDER.delete(&name, properties())).await;
    assert!(failed.failure().contains("DELETE_FAILED: no such key"), "{}", failed.reason());
    world.send(PROVIDER.delete(&name, properties())).await.success();
    assert!(names(&world).is_empty());
}
