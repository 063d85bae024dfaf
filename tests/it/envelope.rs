//! Any event, good or bad, gets one answer. An event without an address for the answer fails the invocation.

use std::time::Duration;

use emulator::faults::FaultEffect;
use emulator::stacks::{Stack, StackStatus};
use serde_json::{Value, json};

use crate::world::{Event, LogicalResource, PROBE, RUNTIME, SECRET, STACK_ID, World, canary};

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_unknown_type_is_refused_and_the_delete_that_follows_succeeds() {
    let mut world = World::new();
    let event = LogicalResource { resource_type: "Custom::AgentCoreRuntimes", logical_id: "Thing" }.create(json!({}));
    let answer = world.send(event.clone()).await;
    assert!(answer.failure().contains("use one of Custom::AgentCoreSecret, Custom::AgentCoreRuntime"));
    let delete = event.with("RequestType", "Delete").with("PhysicalResourceId", answer.physical_id());
    world.send(delete.clone()).await.success();
    let foreign = world.send(delete.with("PhysicalResourceId", "something-else")).await;
    assert!(foreign.failure().contains("`ResourceType`"), "nothing is known of it, so nothing is claimed");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_broken_envelope_is_answered_with_what_is_missing() {
    let secret = |world: &mut World| world.address(SECRET.create(json!({"Values": {"A": canary("a")}})));
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
        let event = RUNTIME.create(json!({})).with("RequestType", request_type);
        let answer = world.send(event).await;
        assert!(answer.failure().contains("no `PhysicalResourceId`"), "{}", answer.reason());
    }
    assert_eq!(world.calls_since(0), [""; 0]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_event_of_five_megabytes_is_refused() {
    let mut world = World::new();
    let answer = world.send(SECRET.create(json!({"Values": {"A": "x".repeat(5 << 20)}}))).await;
    assert!(answer.failure().contains("shorten the properties"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn properties_nested_a_thousand_levels_deep_are_refused() {
    let mut world = World::new();
    let event = world.address(SECRET.create(json!("DEEP")));
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
    let event = world.address(SECRET.create(json!({"Values": {"A": "1"}})));
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

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_response_url_outside_of_cloudformations_bucket_is_not_talked_to_and_nothing_is_done() {
    let mut world = World::new();
    let event = world.address(SECRET.create(json!({"Values": {"A": "1"}})));
    let bucket = "cloudformation-custom-resource-response";
    for url in [
        "https://attacker.example.com/collect".to_owned(),
        "https://attacker.s3.us-east-1.amazonaws.com/collect".to_owned(),
        format!("https://{bucket}-useast1.s3.us-east-1.amazonaws.com.attacker.example.com/collect"),
        format!("https://{bucket}-attacker.s3.us-east-1.amazonaws.com/collect"),
        format!("https://{bucket}-euwest1.s3.eu-west-1.amazonaws.com/collect"),
        format!("https://attacker.example.com/{bucket}-useast1/collect"),
    ] {
        let error = world.deliver(&event.clone().with("ResponseURL", url)).await.expect_err("nobody to answer");
        assert!(error.contains("`ResponseURL` is not in the bucket of CloudFormation in us-east-1"), "{error}");
    }
    assert_eq!(world.all_calls_since(0), [""; 0]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_of_another_account_or_region_is_refused_before_any_call() {
    for (stack_id, problem) in [
        ("arn:aws:cloudformation:us-east-1:444455556666:stack/mcp/guid", "names a stack of an account other than"),
        ("arn:aws:cloudformation:eu-west-1:111122223333:stack/mcp/guid", "names a stack in \"eu-west-1\""),
        ("arn:aws-cn:cloudformation:us-east-1:111122223333:stack/mcp/guid", "names a stack in another partition"),
        ("mcp", "is not the ARN of a stack"),
    ] {
        let mut world = World::new();
        for request_type in ["Create", "Update", "Delete"] {
            let event = SECRET.create(json!({"Values": {"A": canary("a")}}));
            let event =
                event.with("RequestType", request_type).with("StackId", stack_id).with("PhysicalResourceId", "x");
            let answer = world.send(event).await;
            assert!(answer.failure().starts_with(&format!("`StackId` {problem}")), "{}", answer.reason());
        }
        assert_eq!(world.all_calls_since(0), [""; 0]);
    }
}

/// Returns an event that reads a secret and sends it to an identity provider of the sender's choice, if it is believed.
fn forged(request_type: &str) -> Event {
    let endpoint = "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/mcp-AbCdEf1234/invocations?accountId=1";
    let properties = json!({"Endpoint": endpoint, "Auth": "BEARER", "ClientId": "x", "ClientSecretId": "victim",
        "ClientSecretJsonKey": "CLIENT_SECRET",
        "Issuer": "https://attacker.example.com"});
    PROBE.delete("probe", properties).with("RequestType", request_type)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_event_of_a_stack_that_does_not_exist_or_does_not_change_reads_no_secret() {
    for status in
        [None, Some(StackStatus::CreateComplete), Some(StackStatus::RollbackFailed), Some(StackStatus::DeleteComplete)]
    {
        for request_type in ["Create", "Update"] {
            let mut world = World::new();
            let event = world.address(forged(request_type));
            match status {
                Some(status) => world.stack_status(status),
                None => world.aws.with(|world| world.stacks.forget(STACK_ID)),
            }
            let answer = world.deliver(&event).await.expect("answered");
            let state = status.map_or("does not exist".to_owned(), |status| format!("is in {status}"));
            let sentence = format!(
                "`StackId` is a stack that {state}, so CloudFormation did not send this event; nothing was \
                         done"
            );
            assert_eq!(answer.failure(), sentence);
            assert_eq!(world.calls_since(0), [""; 0]);
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_whose_status_lags_is_waited_for() {
    let mut world = World::new();
    let event = world.address(SECRET.create(json!({"Values": {"A": canary("a")}})));
    world.stack_status(StackStatus::CreateComplete);
    let aws = world.aws.clone();
    tokio::task::spawn_local(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let stack = Stack::bare(STACK_ID, StackStatus::UpdateInProgress, aws.settings().start);
        aws.with(|world| world.stacks.put(stack));
    });
    world.deliver(&event).await.expect("answered").success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_is_described_once_per_create_and_update_and_never_for_a_delete() {
    let mut world = World::new();
    let properties = json!({"Values": {"A": canary("a")}});
    let describes =
        |world: &World, from| world.all_calls_since(from).iter().filter(|it| **it == "DescribeStacks").count();
    let id = world.send(SECRET.create(properties.clone())).await.physical_id();
    assert_eq!(describes(&world, 0), 1);
    let from = world.call_count();
    let event = SECRET.create(properties.clone()).with("PhysicalResourceId", id);
    world.send(event.clone().with("RequestType", "Update").with("OldResourceProperties", properties)).await.success();
    assert_eq!(describes(&world, from), 1);
    let from = world.call_count();
    world.stack_status(StackStatus::DeleteComplete);
    world.send(event.with("RequestType", "Delete")).await.success();
    assert_eq!(describes(&world, from), 0, "a Delete has to work whatever CloudFormation says");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_permission_to_describe_stacks_a_create_says_so_and_an_update_goes_on() {
    let mut world = World::new();
    let properties = json!({"Values": {"A": canary("a")}});
    let id = world.send(SECRET.create(properties.clone())).await.physical_id();
    world.fault("DescribeStacks", 1, u64::MAX, FaultEffect::Denied);
    let answer = world.send(SECRET.create(properties.clone()).with("LogicalResourceId", "Other")).await;
    let reason = answer.failure();
    assert!(reason.contains("cloudformation:DescribeStacks") && reason.contains("grant it"), "{reason}");
    let update = SECRET.create(json!({"Values": {"A": canary("b")}}));
    let update = update.with("RequestType", "Update").with("PhysicalResourceId", id);
    world.send(update.with("OldResourceProperties", properties)).await.success();
}
