//! An update keeps the state at the time of its call: changes by somebody else meanwhile, repeated updates, and the
//! service's own additions to a list of ours.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{
    Resource, Subject, assert_same, changed, gateway, gateway_of, idp, provider, provider_of, runtime, runtime_of,
    scene, settings, target, target_of, with_secret, world,
};
use crate::gateway_target::GATEWAY_ROLE;
use crate::world::{World, put_role};

const POLICY_SESSION: &str = "x-amzn-bedrock-agentcore-policy-session-id";

fn add(input: &mut Value) {
    input["futureMember"] = json!({"deep": ["a"]});
    if input.get("oauth2ProviderConfigInput").is_some() {
        with_secret(input);
    }
}

/// Lets somebody change a resource while our update of it is refused or its reply is lost.
async fn changed_meanwhile(
    world: &mut World,
    subject: &Subject,
    find: fn(&str) -> Resource<'static>,
    effect: FaultEffect,
) {
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = find(&id);
    let event = world.address(subject.update(&id, subject.other("two")));
    // A call of somebody else does not go through a transport, so that no fault hits it.
    world.fault(resource.kind.update, 1, 6, effect);
    let aws = world.aws.clone();
    let key = resource.key.clone();
    let somebody = async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let shadow = Shadow { aws, key, find_kind: resource };
        shadow.change();
    };
    let (answer, ()) = tokio::join!(world.deliver(&event), somebody);
    answer.expect("answered").success();
    let shown = find(&id).shown(world);
    assert_eq!(shown["futureMember"], json!({"deep": ["a"]}), "{}", find(&id).kind.update);
}

/// Somebody in the account while the world is busy delivering.
struct Shadow {
    aws: emulator::aws::Aws,
    key: Value,
    find_kind: Resource<'static>,
}

impl Shadow {
    fn change(&self) {
        let call = |operation: &str, input: Value| {
            let who = emulator::service::Principal::Administrator;
            self.aws.call(&who, emulator::aws::ServiceId::AgentCoreControl, operation, input).expect("accepted")
        };
        let shown = call(self.find_kind.kind.get, self.key.clone());
        let mut input = self.find_kind.update_of(&shown);
        add(&mut input);
        call(self.find_kind.kind.update, input);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_change_by_somebody_else_while_the_update_waits_is_not_undone() {
    changed_meanwhile(&mut world(), &runtime(), runtime_of, FaultEffect::Throttled).await;
    changed_meanwhile(&mut world(), &gateway(), gateway_of, FaultEffect::Throttled).await;
    changed_meanwhile(&mut world(), &provider(), provider_of, FaultEffect::Throttled).await;
    let mut scene = scene().await;
    let subject = target(&scene, json!({}));
    changed_meanwhile(&mut scene.world, &subject, target_of, FaultEffect::InternalError).await;
}

/// A Get during somebody else's change may show the state before it.
#[tokio::test(flavor = "local", start_paused = true)]
async fn members_shown_during_a_conflict_are_not_sent_back() {
    for (subject, find) in [(runtime(), runtime_of as fn(&str) -> _), (gateway(), gateway_of)] {
        let lag = Duration::from_millis(4950);
        let mut world = World::with_settings(Settings { get_lag: lag, ..settings() });
        put_role(&world.aws, GATEWAY_ROLE, "bedrock-agentcore.amazonaws.com");
        world.aws.with(|world| world.identity_providers.add(idp()));
        let id = world.send(subject.create()).await.success().physical_id();
        let resource: Resource<'static> = find(&id);
        tokio::time::sleep(Duration::from_mins(1)).await;
        let mut input = resource.update_of(&resource.shown(&world));
        add(&mut input);
        world.somebody(ServiceId::AgentCoreControl, resource.kind.update, input);
        world.send(subject.update(&id, subject.other("two"))).await.success();
        tokio::time::sleep(Duration::from_mins(1)).await;
        let shown = resource.shown(&world);
        assert_eq!(shown["futureMember"], json!({"deep": ["a"]}), "{}", resource.kind.update);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_lost_reply_and_a_rollback_lose_nothing() {
    for (subject, find) in
        [(runtime(), runtime_of as fn(&str) -> _), (gateway(), gateway_of), (provider(), provider_of)]
    {
        let mut world = world();
        let id = world.send(subject.create()).await.success().physical_id();
        let resource: Resource<'static> = find(&id);
        resource.change(&world, add).await;
        let before = resource.shown(&world);
        world.fault(resource.kind.update, 1, 1, FaultEffect::ReplyLostAfter);
        let other = subject.other("two");
        world.send(subject.update(&id, other.clone())).await.success();
        let mut after = resource.shown(&world);
        if after.get("description").is_some() {
            after["description"] = json!("one");
        }
        assert_same(&before, &after, resource.kind.get);
        // The update after it fails, and is undone.
        world.fault(resource.kind.update, 1, 1, FaultEffect::BecomesFailed("no".to_owned()));
        let second = Subject { properties: changed(&subject.properties, other), ..subject };
        let third = changed(&second.properties, second.other("three"));
        let failed = world.send(second.update(&id, second.other("three"))).await;
        if resource.kind.renamed.is_none() {
            assert!(failed.failure().contains("no"), "{}", failed.reason());
        }
        let back = second.resource.update(&id, second.properties.clone(), third);
        world.send(back).await.success();
        let mut after = resource.shown(&world);
        if after.get("description").is_some() {
            assert_eq!(after["description"], "two");
            after["description"] = json!("one");
        }
        assert_same(&before, &after, resource.kind.get);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_header_of_a_policy_engine_is_neither_dropped_nor_a_difference() {
    for headers in [json!("X-One"), Value::Null] {
        let mut scene = scene().await;
        let mut subject = target(&scene, json!({}));
        subject.properties = changed(&subject.properties, json!({"AllowedRequestHeaders": headers}));
        let id = scene.world.send(subject.create()).await.success().physical_id();
        let resource = target_of(&id);
        let passed = |world: &World| resource.shown(world)["metadataConfiguration"]["allowedRequestHeaders"].clone();
        let own: Vec<_> = headers.as_str().into_iter().collect();
        let all: Vec<_> = own.iter().copied().chain([POLICY_SESSION]).collect();
        assert_eq!(passed(&scene.world), json!(all));
        let called = scene.world.call_count();
        scene.world.send(subject.update(&id, json!({"Tags": {"a": "b"}}))).await.success();
        let calls = scene.world.calls_since(called);
        assert!(!calls.contains(&"UpdateGatewayTarget"), "{calls:?}");
        scene.world.send(subject.update(&id, json!({"Description": "two"}))).await.success();
        assert_eq!(passed(&scene.world), json!(all));
        // A header of ours that the template drops goes, and the service's stays.
        scene.world.send(subject.update(&id, json!({"AllowedRequestHeaders": null}))).await.success();
        assert_eq!(passed(&scene.world), json!([POLICY_SESSION]));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_engine_that_comes_later_adds_its_header_too() {
    let mut scene = crate::gateway_target::Scene::with(super::settings(), json!({}), json!({})).await;
    let subject = target(&scene, json!({}));
    let id = scene.world.send(subject.create()).await.success().physical_id();
    let engine = "arn:aws:bedrock-agentcore:us-east-1:111122223333:policy-engine/engine-abcdefghij";
    let attach = |input: &mut Value| input["policyEngineConfiguration"] = json!({"arn": engine, "mode": "ENFORCE"});
    gateway_of(&scene.gateway_id).change(&scene.world, attach).await;
    scene
        .world
        .send(subject.update(&id, json!({"Description": "two", "AllowedRequestHeaders": "X-Three"})))
        .await
        .success();
    let shown = target_of(&id).shown(&scene.world);
    assert_eq!(shown["metadataConfiguration"]["allowedRequestHeaders"], json!(["X-Three", POLICY_SESSION]));
    assert_eq!(shown["metadataConfiguration"]["allowedResponseHeaders"], json!(["X-Two"]));
}
