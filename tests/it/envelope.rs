//! Any event, good or bad, gets one answer. An event without an address for the answer fails the invocation.

use serde_json::{Value, json};

use crate::world::{Event, World, canary};

fn create(resource_type: &str, properties: Value) -> Event {
    Event::new("Create", resource_type, "Thing", properties)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_unknown_type_is_refused_and_the_delete_that_follows_succeeds() {
    let mut world = World::new();
    let event = create("Custom::AgentCoreRuntimes", json!({}));
    let answer = world.send(event.clone()).await;
    assert!(answer.failure().contains("use one of Custom::AgentCoreSecret, Custom::AgentCoreRuntime"));
    let delete = event.with("RequestType", "Delete").with("PhysicalResourceId", answer.physical_id());
    world.send(delete.clone()).await.success();
    let foreign = world.send(delete.with("PhysicalResourceId", "something-else")).await;
    assert!(foreign.failure().contains("`ResourceType`"), "nothing is known of it, so nothing is claimed");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_broken_envelope_is_answered_with_what_is_missing() {
    let secret =
        |world: &mut World| world.address(create("Custom::AgentCoreSecret", json!({"Values": {"A": canary("a")}})));
    let cases = [
        ("RequestType", json!("Upsert"), "`RequestType` is \"Upsert\""),
        ("RequestType", Value::Null, "no `RequestType`"),
        ("ResourceType", json!(7), "no `ResourceType`"),
        ("ResourceProperties", json!("text"), "`ResourceProperties` is not a map"),
        ("ResourceProperties", json!([1]), "`ResourceProperties` is not a map"),
    ];
    for (name, value, expected) in cases {
        let mut world = World::new();
        let event = secret(&mut world).with(name, value);
        let answer = world.deliver(&event).await.expect("answered");
        assert!(answer.failure().contains(expected), "{name}: {}", answer.reason());
        assert!(!answer.physical_id().is_empty());
        assert_eq!(world.calls_since(0), [""; 0]);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn update_and_delete_need_a_physical_id() {
    let mut world = World::new();
    for request_type in ["Update", "Delete"] {
        let event = Event::new(request_type, "Custom::AgentCoreRuntime", "Thing", json!({}));
        let answer = world.send(event).await;
        assert!(answer.failure().contains("no `PhysicalResourceId`"), "{}", answer.reason());
    }
    assert_eq!(world.calls_since(0), [""; 0]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_event_of_five_megabytes_is_refused() {
    let mut world = World::new();
    let answer = world.send(create("Custom::AgentCoreSecret", json!({"Values": {"A": "x".repeat(5 << 20)}}))).await;
    assert!(answer.failure().contains("shorten the properties"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn properties_nested_a_thousand_levels_deep_are_refused() {
    let mut world = World::new();
    let event = world.address(create("Custom::AgentCoreSecret", json!("DEEP")));
    let deep = format!("{{\"Values\":{}1{}}}", "[".repeat(1000), "]".repeat(1000));
    let payload = serde_json::to_string(&event.0).expect("JSON").replace("\"DEEP\"", &deep);
    world.invoke(payload.into_bytes()).await.expect("answered");
    let url = event.0["ResponseURL"].as_str().expect("a URL").to_owned();
    let answer = world.aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().expect("a reason").contains("nested more than"), "{answer}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_response_url_that_is_not_https_is_not_talked_to_and_nothing_is_done() {
    let mut world = World::new();
    let event = world.address(create("Custom::AgentCoreSecret", json!({"Values": {"A": "1"}})));
    for url in ["http://cloudformation.example.com/x", "http://127.0.0.1:9001/x", "file:///etc/passwd", "not a url"] {
        let error = world.deliver(&event.clone().with("ResponseURL", url)).await.expect_err("nobody to answer");
        assert!(error.contains("`ResponseURL`"), "{error}");
    }
    for payload in ["{}", "[]", "null", "7", "\"text\"", "{\"ResponseURL\": 7}"] {
        world.invoke(payload.as_bytes().to_vec()).await.expect_err("nobody to answer");
    }
    assert_eq!(world.calls_since(0), [""; 0]);
    assert!(world.aws.with(|world| world.responses.puts().is_empty()));
}
