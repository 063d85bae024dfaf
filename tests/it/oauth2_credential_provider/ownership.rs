//! Ownership: deliveries repeated, replies lost, strangers, and tags that are not listed.

use std::time::Duration;

use emulator::agentcore_control::{ClientAuthentication, RefusedAs};
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::json;

use super::{
    NAME, client_secret, idp, named, names, properties, provider, refuse_tags, rotate_at_the_idp, somebodys_provider,
    with, with_idp, world,
};
use crate::world::{PROVIDER, canary};

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_create_delivered_again_continues_with_its_provider() {
    for refusal in [RefusedAs::Validation, RefusedAs::Conflict] {
        for tags_refused in [false, true] {
            for transition in [0, 2] {
                let transition = Duration::from_secs(transition);
                let settings = Settings { provider_transition: transition, ..Settings::default() };
                let mut world = with_idp(settings, idp());
                world.aws.with(|world| world.agentcore.answer_taken_provider_names_with(refusal));
                if tags_refused {
                    refuse_tags(&world);
                }
                let event = world.address(PROVIDER.create(properties()));
                world.fault("CreateOauth2CredentialProvider", 1, 1, FaultEffect::ReplyLostAfter);
                let first = world.deliver(&event).await.expect("answered").success();
                let changed = event
                    .clone()
                    .with("ResourceProperties", with(json!({"ClientAuthenticationMethod": "CLIENT_SECRET_POST"})));
                let second = world.deliver(&changed).await.expect("answered").success();
                assert_eq!(second.physical_id(), first.physical_id());
                assert_eq!(names(&world), [first.physical_id()]);
                let live = provider(&world, &first.physical_id());
                assert_eq!(
                    live.client_authentication,
                    ClientAuthentication::Post,
                    "the whole configuration is written"
                );

                let payload = event.payload();
                let (one, two) = tokio::join!(world.invoke(payload.clone()), world.invoke(payload));
                one.expect("answered");
                two.expect("answered");
                assert_eq!(names(&world), [first.physical_id()]);
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_strangers_provider_with_our_name_is_left_alone() {
    for tags_refused in [false, true] {
        for refusal in [RefusedAs::Validation, RefusedAs::Conflict] {
            let mut world = world();
            world.aws.with(|world| world.agentcore.answer_taken_provider_names_with(refusal));
            somebodys_provider(&world, NAME);
            if tags_refused {
                refuse_tags(&world);
            }
            let answer = world.send(PROVIDER.create(named(json!({})))).await;
            assert!(
                answer.failure().starts_with("a credential provider named mcp-client exists"),
                "{}",
                answer.reason()
            );
            assert!(answer.reason().contains("choose another `Name`"), "{}", answer.reason());
            assert_eq!(answer.physical_id(), format!("pending:{NAME}"));
            world.send(PROVIDER.delete(&answer.physical_id(), named(json!({})))).await.success();
            world.send(PROVIDER.delete(&PROVIDER.invented_id(), named(json!({})))).await.success();
            assert_eq!(provider(&world, NAME).client_id, "theirs");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_derived_name_is_the_proof_if_tags_are_not_listed() {
    let mut world = world();
    refuse_tags(&world);
    let created = world.send(PROVIDER.create(properties())).await.success();
    let name = created.physical_id();
    rotate_at_the_idp(&world, &canary("rotated"));
    let new = with(json!({"ClientSecret": canary("rotated"), "Tags": {"team": "one"}}));
    world.send(PROVIDER.update(&name, new.clone(), properties())).await.success();
    assert_eq!(client_secret(&world, &name), Some(canary("rotated")));
    world.send(PROVIDER.delete(&name, new)).await.success();
    assert!(names(&world).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_cannot_be_chosen_if_tags_are_not_listed() {
    let mut world = world();
    refuse_tags(&world);
    let answer = world.send(PROVIDER.create(named(json!({})))).await;
    assert!(answer.failure().starts_with("`Name` cannot be chosen"), "{}", answer.reason());
    assert_eq!(answer.physical_id(), format!("pending:{NAME}"));
    assert!(names(&world).is_empty());
    // Nothing distinguishes a provider of this name from a stranger's, whatever id a request carries.
    somebodys_provider(&world, NAME);
    for request in [PROVIDER.update(NAME, named(json!({})), named(json!({}))), PROVIDER.delete(NAME, named(json!({})))]
    {
        let answer = world.send(request).await;
        assert!(answer.failure().contains("so this stack's ownership cannot be proved"), "{}", answer.reason());
    }
    assert_eq!(provider(&world, NAME).client_id, "theirs");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_older_provider_is_not_adopted_if_tags_are_not_listed() {
    let mut world = world();
    let created = world.send(PROVIDER.create(properties())).await.success();
    let name = created.physical_id();
    tokio::time::sleep(Duration::from_mins(1)).await;
    refuse_tags(&world);
    let answer = world.send(PROVIDER.create(properties())).await;
    assert!(answer.failure().contains("AgentCore does not list its tags"), "{}", answer.reason());
    for id in [&answer.physical_id(), &PROVIDER.invented_id()] {
        let answer = world.send(PROVIDER.delete(id, properties())).await;
        assert!(answer.failure().contains("delete it yourself and repeat the deletion"), "{}", answer.reason());
    }
    assert_eq!(names(&world), [name.as_str()]);
    world.send(PROVIDER.delete(&name, properties())).await.success();
    world.send(PROVIDER.delete(&PROVIDER.invented_id(), properties())).await.success();
}
