//! Another name, vendor or source of the secret, and the rollback.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::settings::Settings;
use serde_json::json;

use super::{
    NAME, idp, named, names, properties, provider, somebodys_provider, store_secret, stored, with, with_idp, world,
};
use crate::world::{PROVIDER, canary};

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rename_replaces_and_the_cleanup_deletes_the_old_one() {
    for (old, new) in [
        (named(json!({})), with(json!({"Name": "renamed"}))),
        (named(json!({})), properties()),
        (properties(), named(json!({}))),
    ] {
        let mut world = world();
        let created = world.send(PROVIDER.create(old.clone())).await.success();
        let updated = world.send(PROVIDER.update(&created.physical_id(), new.clone(), old.clone())).await.success();
        assert_ne!(updated.physical_id(), created.physical_id());
        world.send(PROVIDER.delete(&created.physical_id(), old)).await.success();
        assert_eq!(names(&world), [updated.physical_id()]);
        world.send(PROVIDER.update(&updated.physical_id(), new.clone(), new.clone())).await.success();
        world.send(PROVIDER.delete(&updated.physical_id(), new)).await.success();
        assert!(names(&world).is_empty());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn another_vendor_or_source_replaces_a_generated_name_and_the_rollback_returns_to_the_first() {
    let vendor = with(json!({"Vendor": "GoogleOauth2", "Issuer": ""}));
    for new in [vendor, stored("EXTERNAL")] {
        let mut world = world();
        store_secret(&world, &canary("client"));
        let first = world.send(PROVIDER.create(properties())).await.success();
        let event = world.address(PROVIDER.update(&first.physical_id(), new.clone(), properties()));
        let mut second = first.clone();
        for _ in 0..2 {
            second = world.deliver(&event).await.expect("answered").success();
        }
        assert_ne!(second.physical_id(), first.physical_id());
        assert_eq!(names(&world).len(), 2, "one for both deliveries");
        let back = world.send(PROVIDER.update(&second.physical_id(), properties(), new.clone())).await.success();
        assert_eq!(back.physical_id(), first.physical_id());
        world.send(PROVIDER.delete(&second.physical_id(), new.clone())).await.success();
        assert_eq!(names(&world), [first.physical_id()]);

        let third = world.send(PROVIDER.update(&first.physical_id(), new.clone(), properties())).await.success();
        world.send(PROVIDER.delete(&first.physical_id(), properties())).await.success();
        let fourth = world.send(PROVIDER.update(&third.physical_id(), properties(), new.clone())).await.success();
        assert_ne!(fourth.physical_id(), third.physical_id());
        world.send(PROVIDER.delete(&third.physical_id(), new)).await.success();
        assert_eq!(names(&world), [fourth.physical_id()]);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn another_vendor_or_source_under_a_fixed_name_is_refused_and_the_rollback_converges() {
    let vendor = named(json!({"Vendor": "GoogleOauth2", "Issuer": ""}));
    let mut external = stored("EXTERNAL");
    external["Name"] = json!(NAME);
    for (new, expected) in [
        (
            vendor,
            "`Vendor` is GoogleOauth2, and the credential provider named mcp-client was created with CustomOauth2",
        ),
        (
            external,
            "`ClientSecretSource` is EXTERNAL, and the credential provider named mcp-client was created with MANAGED",
        ),
    ] {
        let mut world = world();
        store_secret(&world, &canary("client"));
        world.send(PROVIDER.create(named(json!({})))).await.success();
        let before = world.call_count();
        let answer = world.send(PROVIDER.update(NAME, new.clone(), named(json!({})))).await;
        assert!(answer.failure().starts_with(expected), "{}", answer.reason());
        assert!(answer.reason().contains("give another `Name`"), "{}", answer.reason());
        assert_eq!(answer.physical_id(), NAME);
        assert_eq!(world.calls_since(before), ["GetOauth2CredentialProvider", "ListTagsForResource"]);
        world.send(PROVIDER.update(NAME, named(json!({})), new)).await.success();
        assert_eq!(names(&world), [NAME]);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_that_is_being_deleted_is_waited_for() {
    let settings = Settings { provider_transition: Duration::from_secs(30), ..Settings::default() };
    let mut world = with_idp(settings, idp());
    somebodys_provider(&world, NAME);
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.somebody(ServiceId::AgentCoreControl, "DeleteOauth2CredentialProvider", json!({"name": NAME}));
    world.send(PROVIDER.create(named(json!({})))).await.success();
    assert_eq!(provider(&world, NAME).client_id, "app");
}
