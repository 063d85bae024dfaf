//! Events that the function must not act on, and events at the wrong time.

use super::*;

/// Sends the function an input as EventBridge would.
pub(super) async fn send(scene: &Scene, input: &Value) -> Result<(), String> {
    send_within(scene, input, Duration::from_mins(15)).await
}

/// Sends the function an input, which it has so much time to handle. All of them are deliveries of one event.
pub(super) async fn send_within(scene: &Scene, input: &Value, time: Duration) -> Result<(), String> {
    use emulator::lambda::{Function, Invocation};
    let aws = &scene.deployment.aws;
    let account = scene.deployment.cloudformation.resources(NAME)["Function"].attributes["Arn"].clone();
    let invocation = Invocation {
        request_id: "r".to_owned(),
        payload: input.to_string().into_bytes(),
        deadline: aws.clock().now() + time,
        function_arn: account.as_str().expect("text").to_owned(),
        role_arn: scene.deployment.function_role(),
        environment: std::collections::BTreeMap::new(),
    };
    harness::handler::function(aws).invoke(invocation).await
}

/// Changes one member of an input, by its JSON pointer.
pub(super) fn with(input: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = input.clone();
    *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    changed
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_event_that_is_not_for_the_function_does_nothing() {
    let mut scene = Scene::create(&[]).await;
    scene.rotate("rotated").await;
    let good = scene.deliveries()[0].input.clone();
    let other_runtime = "arn:aws:secretsmanager:us-east-1:111122223333:secret:other-AbCdEf";
    let writes = scene.calls("UpdateAgentRuntime", 0);
    for (input, reason) in [
        (with(&good, "/Event/account", json!("444455556666")), "comes from an account other than 111122223333"),
        (with(&good, "/Event/region", json!("eu-west-1")), "comes from \"eu-west-1\""),
        (with(&good, "/Event/source", json!("custom.app")), "let the rule match \"Secret Label Updated\""),
        (with(&good, "/Event/detail-type", json!("Scheduled Event")), "let the rule match"),
        (with(&good, "/Event/resources", json!([])), "names 0 secrets in `resources`"),
        (with(&good, "/Event/detail", json!({})), "cannot be read at line 1"),
        (with(&good, "/StackId", json!("arn:aws:cloudformation:us-east-1:444455556666:stack/s/g")), "an account other"),
        (with(&good, "/StackId", json!("stack")), "is not the ARN of a stack"),
        (with(&good, "/Runtimes/0/RequiredKeys", json!(["A|"])), "cannot be read"),
        (with(&good, "/Runtimes/0/Verification", json!({"Endpoint": "https://example.com"})), "has \"Endpoint\" in"),
        (with(&good, "/Runtimes/0/Verification", json!({"ClientSecretId": "x"})), "has \"ClientSecretId\" in"),
        (good["Event"].clone(), "cannot be read"),
        (json!({"Event": {}}), "cannot be read"),
        (json!({"Event": null, "detail-type": "x"}), "cannot be read"),
        (with(&good, "/Event/resources", json!([other_runtime])), "no resource of the stack reads the secret"),
        (with(&good, "/Event/detail/labelUpdated", json!("AWSPENDING")), "the label that moved is not AWSCURRENT"),
        (good.clone(), "everything has the current version already"),
    ] {
        assert_eq!(send(&scene, &input).await, Ok(()), "Lambda need not deliver it again");
        let (_, said) = scene.last_report();
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert_eq!(scene.calls("UpdateAgentRuntime", 0), writes);
    // Without a member by which it is known, it is an event of CloudFormation that nobody can answer.
    assert!(send(&scene, &json!({"Runtimes": []})).await.is_err());
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_of_somebody_else_is_left_alone() {
    let mut scene = Scene::create(&[]).await;
    scene.rotate("rotated").await;
    let good = scene.deliveries()[0].input.clone();
    scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::from_hours(1)]));
    let version = scene.put(&credentials("again"), &["AWSCURRENT"]);
    for (pointer, value, reason) in [
        ("/Runtimes/0/LogicalResourceId", "Other", "belongs to someone else"),
        ("/Runtimes/0/PhysicalResourceId", "mcp_unknown-AbCdEf1234", ""),
    ] {
        let writes = scene.calls("UpdateAgentRuntime", 0);
        assert_eq!(send(&scene, &with(&good, pointer, json!(value))).await, Ok(()));
        let (message, said) = scene.last_report();
        assert!(message == "ROTATION FAILED" && said.contains(reason), "{said}");
        assert!(scene.calls("UpdateAgentRuntime", 0) == writes, "{pointer}");
    }
    scene.settle().await;
    assert_eq!(scene.marker(), version);
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn events_of_a_stack_that_is_not_there_do_nothing() {
    let mut scene = Scene::create(&[]).await;
    scene.rotate("rotated").await;
    let good = scene.deliveries()[0].input.clone();
    let id = good["StackId"].as_str().expect("text").to_owned();
    scene.put(&credentials("again"), &["AWSCURRENT"]);
    scene.settle().await;
    scene.put(&credentials("and again"), &["AWSCURRENT"]);
    let versions = scene.versions();
    let gone = "the stack was deleted, or is being deleted";
    for status in [StackStatus::DeleteInProgress, StackStatus::DeleteFailed, StackStatus::RollbackComplete] {
        scene.deployment.aws.with(|world| {
            let start = std::time::SystemTime::UNIX_EPOCH;
            world.stacks.put(Stack::bare(&id, status, start));
        });
        assert_eq!(send(&scene, &good).await, Ok(()));
        assert_eq!(scene.last_report().1, gone, "{status}");
    }
    scene.deployment.aws.with(|world| world.stacks.forget(&id));
    assert_eq!(send(&scene, &good).await, Ok(()));
    assert_eq!((scene.last_report().1.as_str(), scene.versions()), (gone, versions));
    scene.settle().await;
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_transient_failure_is_left_to_the_next_delivery() {
    let mut scene = Scene::create(&[]).await;
    // Three minutes of refusals, and a few more.
    scene.fault("GetAgentRuntime", 45, FaultEffect::Throttled);
    let version = scene.rotate("rotated").await;
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    let attempts = scene.deliveries()[0].attempts.clone();
    assert!(attempts.len() > 1 && attempts[0].outcome.is_err(), "{attempts:?}");
    assert!(attempts.last().expect("one").outcome.is_ok());
    assert_eq!(scene.metrics(), [(1, 0)]);
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn lost_replies_publish_no_second_version() {
    let mut scene = Scene::create(&[("VerifyDeployment", "Off")]).await;
    let operations =
        ["UpdateAgentRuntime", "GetAgentRuntime", "GetSecretValue", "DescribeStacks", "ListTagsForResource"];
    let mut rotations = 0;
    for effect in [FaultEffect::ReplyLostAfter, FaultEffect::ReplyLostBefore, FaultEffect::Throttled] {
        for operation in operations {
            scene.fault(operation, 1, effect.clone());
            let version = scene.rotate("rotated").await;
            rotations += 1;
            assert_eq!((scene.versions(), scene.marker()), (1 + rotations, version), "{operation} {effect:?}");
            assert_eq!(scene.metrics().last(), Some(&(1, 0)), "{operation} {effect:?}");
        }
    }
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_function_that_is_killed_ends_the_rotation_in_its_next_delivery() {
    let settings = Settings { runtime_transition: Duration::from_mins(20), ..Settings::default() };
    let mut scene = Scene::with_settings(settings, &[("CredentialSource", "UseExisting"), ("VerifyDeployment", "Off")]);
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    let version = scene.rotate("rotated").await;
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    assert_eq!(scene.deliveries()[0].attempts.len(), 2);
    assert_eq!((scene.last_report().0.as_str(), scene.metrics()), ("ROTATED", vec![(1, 0)]));
    scene.deployment.cloudformation.delete_stack(NAME).await.expect("it exists");
}
