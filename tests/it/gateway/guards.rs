//! Interceptors and the policy engine of a gateway: the property's while there is one, and otherwise somebody else's.

use emulator::aws::ServiceId;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};

use super::{properties, with};
use crate::world::{GATEWAY, World};

const ENGINE: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:policy-engine/tools-a1b2c3d4e5";

fn function(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:111122223333:function:{name}")
}

fn interceptor(name: &str, points: &[&str]) -> Value {
    json!({"interceptor": {"lambda": {"arn": function(name)}}, "interceptionPoints": points})
}

/// Returns the interceptors and the policy engine of a gateway.
fn guards(world: &World, id: &str) -> [Value; 2] {
    let gateway = world.somebody(ServiceId::AgentCoreControl, "GetGateway", json!({"gatewayIdentifier": id}));
    ["interceptorConfigurations", "policyEngineConfiguration"].map(|member| gateway[member].clone())
}

/// Sets guards of a gateway as somebody else.
async fn set_guards(world: &World, id: &str, [interceptors, engine]: [Value; 2]) {
    let mut gateway = world.somebody(ServiceId::AgentCoreControl, "GetGateway", json!({"gatewayIdentifier": id}));
    let shown = gateway.as_object_mut().expect("an object");
    let settable = ["name", "roleArn", "protocolType", "protocolConfiguration", "authorizerType"];
    shown.retain(|member, _| settable.contains(&member.as_str()));
    let given = [
        ("gatewayIdentifier", json!(id)),
        ("interceptorConfigurations", interceptors),
        ("policyEngineConfiguration", engine),
    ];
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    shown.extend(given.map(|(member, value)| (member.to_owned(), value)));
    world.somebody(ServiceId::AgentCoreControl, "UpdateGateway", gateway);
    tokio::time::sleep(world.aws.settings().gateway_transition).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn guards_follow_their_properties_and_go_with_them() {
    let mut world = World::new();
    let one =
        with(json!({"InterceptorArns": function("both"), "PolicyEngineArn": ENGINE, "PolicyEngineMode": "LOG_ONLY"}));
    let id = world.send(GATEWAY.create(one.clone())).await.success().physical_id();
    let both = json!([interceptor("both", &["REQUEST", "RESPONSE"])]);
    assert_eq!(guards(&world, &id), [both, json!({"arn": ENGINE, "mode": "LOG_ONLY"})]);
    let from = world.call_count();
    world.send(GATEWAY.update(&id, one.clone(), one.clone())).await.success();
    assert!(!world.calls_since(from).contains(&"UpdateGateway"));

    let two = with(json!({"InterceptorArns": [function("in"), function("out")], "PolicyEngineArn": ENGINE}));
    world.send(GATEWAY.update(&id, two.clone(), one)).await.success();
    let each = json!([interceptor("in", &["REQUEST"]), interceptor("out", &["RESPONSE"])]);
    assert_eq!(guards(&world, &id), [each.clone(), json!({"arn": ENGINE, "mode": "ENFORCE"})]);
    let without_engine = with(json!({"InterceptorArns": [function("in"), function("out")]}));
    world.send(GATEWAY.update(&id, without_engine.clone(), two.clone())).await.success();
    assert_eq!(guards(&world, &id), [each, Value::Null]);
    world.send(GATEWAY.update(&id, two.clone(), without_engine)).await.success();
    let without_interceptors = with(json!({"PolicyEngineArn": ENGINE}));
    world.send(GATEWAY.update(&id, without_interceptors, two.clone())).await.success();
    assert_eq!(guards(&world, &id), [Value::Null, json!({"arn": ENGINE, "mode": "ENFORCE"})]);
    world.send(GATEWAY.update(&id, two.clone(), properties())).await.success();
    world.send(GATEWAY.update(&id, properties(), two)).await.success();
    assert_eq!(guards(&world, &id), [Value::Null, Value::Null]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn guards_of_somebody_else_stay_with_all_their_members() {
    let mut world = World::new();
    let id = world.send(GATEWAY.create(properties())).await.success().physical_id();
    let mut theirs = interceptor("theirs", &["REQUEST"]);
    theirs["inputConfiguration"] = json!({"passRequestHeaders": true});
    set_guards(&world, &id, [json!([theirs]), json!({"arn": ENGINE, "mode": "LOG_ONLY"})]).await;
    let before = guards(&world, &id);
    let from = world.call_count();
    world.send(GATEWAY.update(&id, properties(), properties())).await.success();
    assert!(!world.calls_since(from).contains(&"UpdateGateway"));
    let described = with(json!({"Description": "another"}));
    world.send(GATEWAY.update(&id, described, properties())).await.success();
    assert_eq!(guards(&world, &id), before);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn guards_of_somebody_else_are_neither_replaced_nor_removed() {
    let mut world = World::new();
    let id = world.send(GATEWAY.create(properties())).await.success().physical_id();
    set_guards(&world, &id, [json!([interceptor("theirs", &["REQUEST"])]), json!({"arn": ENGINE, "mode": "LOG_ONLY"})])
        .await;
    let before = guards(&world, &id);
    let (theirs, other) = (function("theirs"), function("other"));
    for (given, sentence) in [
        (
            json!({"InterceptorArns": other}),
            format!(
                "a list of interceptors of gateway {id} ({theirs}) exists and belongs to someone else; remove it from the \
                 gateway, or leave out `InterceptorArns`"
            ),
        ),
        (
            json!({"PolicyEngineArn": ENGINE}),
            format!(
                "a policy engine of gateway {id} ({ENGINE} LOG_ONLY) exists and belongs to someone else; remove it"
            ),
        ),
    ] {
        let named = with(given);
        world.stack_status(StackStatus::UpdateInProgress);
        let refused = world.send(GATEWAY.update(&id, named.clone(), properties())).await;
        assert!(refused.failure().contains(&sentence), "{}", refused.reason());
        world.stack_status(StackStatus::UpdateRollbackInProgress);
        world.send(GATEWAY.update(&id, properties(), named.clone())).await.success();
        assert_eq!(guards(&world, &id), before);
        // The rollback of an update that removed the property, after which somebody else set another guard.
        let mut described = named;
        described["Description"] = json!("another");
        world.send(GATEWAY.update(&id, described, properties())).await.success();
        assert_eq!(guards(&world, &id), before);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn guards_that_somebody_set_in_place_of_ours_stay_when_the_property_goes() {
    let mut world = World::new();
    let ours = with(json!({"InterceptorArns": function("ours"), "PolicyEngineArn": ENGINE}));
    let id = world.send(GATEWAY.create(ours.clone())).await.success().physical_id();
    let theirs = [json!([interceptor("theirs", &["REQUEST"])]), json!({"arn": ENGINE, "mode": "LOG_ONLY"})];
    set_guards(&world, &id, theirs.clone()).await;
    world.send(GATEWAY.update(&id, properties(), ours)).await.success();
    assert_eq!(guards(&world, &id), theirs);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn members_that_somebody_adds_to_our_guards_stay() {
    let settings = Settings { future_members: true, ..Settings::default() };
    let mut world = World::with_settings(settings);
    let one = with(json!({"InterceptorArns": [function("in"), function("out")], "PolicyEngineArn": ENGINE}));
    let id = world.send(GATEWAY.create(one.clone())).await.success().physical_id();
    let [mut requests, responses] = [interceptor("in", &["REQUEST"]), interceptor("out", &["RESPONSE"])];
    requests["inputConfiguration"] = json!({"passRequestHeaders": true});
    requests["futureMember"] = json!("a");
    let engine = |mode: &str| json!({"arn": ENGINE, "mode": mode, "futureMember": "b"});
    set_guards(&world, &id, [json!([requests, responses]), engine("ENFORCE")]).await;

    let two = with(json!({"InterceptorArns": [function("in"), function("other")], "PolicyEngineArn": ENGINE,
        "PolicyEngineMode": "LOG_ONLY"}));
    world.send(GATEWAY.update(&id, two, one)).await.success();
    let others = interceptor("other", &["RESPONSE"]);
    assert_eq!(guards(&world, &id), [json!([requests, others]), engine("LOG_ONLY")]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn guards_that_cannot_work_get_a_sentence() {
    let mut world = World::new();
    let functions: Vec<_> = ["a", "b", "c"].into_iter().map(function).collect();
    for (given, sentence) in [
        (
            json!({"InterceptorArns": functions}),
            "`InterceptorArns` has 3 entries; give one function, or one for requests",
        ),
        (json!({"InterceptorArns": "both"}), "`InterceptorArns` contains \"both\"; use ARNs of functions"),
        (json!({"PolicyEngineArn": "tools"}), "`PolicyEngineArn` is \"tools\"; use a policy engine's ARN"),
        (json!({"PolicyEngineMode": "ENFORCE"}), "`PolicyEngineMode` has no effect without `PolicyEngineArn`"),
        (json!({"PolicyEngineArn": ENGINE, "PolicyEngineMode": "AUDIT"}), "use one of ENFORCE, LOG_ONLY"),
    ] {
        let refused = world.send(GATEWAY.create(with(given.clone()))).await;
        assert!(refused.failure().contains(sentence), "{given}: {}", refused.reason());
    }
    assert!(world.calls_since(0).is_empty());
}
