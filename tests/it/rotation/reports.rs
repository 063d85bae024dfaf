//! The log and the metric: each event is measured once, whatever its deliveries found.

use super::events::{send, send_within, with};
use super::*;

/// Rotates the secret without the function's knowledge. Returns the rule's input.
fn rotate_unnoticed(scene: &mut Scene) -> Value {
    scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::from_hours(1)]));
    scene.put(&credentials("rotated"), &["AWSCURRENT"]);
    scene.deliveries()[0].input.clone()
}

/// Several runtimes may read one secret.
#[tokio::test(flavor = "local", start_paused = true)]
async fn each_runtime_has_a_result_and_the_event_is_measured_when_it_ends() {
    let mut scene = Scene::create(&[("VerifyDeployment", "Off")]).await;
    let mut input = rotate_unnoticed(&mut scene);
    let mut gone = input["Runtimes"][0].clone();
    gone["PhysicalResourceId"] = json!("mcp_unknown-AbCdEf1234");
    input["Runtimes"].as_array_mut().expect("a list").insert(0, gone);
    scene.fault("UpdateAgentRuntime", 45, FaultEffect::Throttled);
    let later = send(&scene, &input).await.expect_err("throttling passes");
    assert!(later.contains("UpdateAgentRuntime was throttled") && !later.contains("mcp_unknown"), "{later}");
    let said = scene.log.lines().join("\n");
    // The function's role may not even look for it.
    let refused = "not allowed to call bedrock-agentcore:GetAgentRuntime";
    assert!(said.contains("ROTATION INTERRUPTED") && said.contains(refused));
    assert!(scene.metrics().is_empty());
    scene.deployment.aws.faults().clear();
    assert_eq!(send(&scene, &input).await, Ok(()));
    let (message, reason) = scene.last_report();
    assert_eq!((message.as_str(), scene.metrics()), ("ROTATION FAILED", vec![(0, 1)]));
    assert!(reason.starts_with(refused), "{reason}");
    let changed = scene.reports().pop().expect("a report")["runtimes"].clone();
    assert!(changed.as_str().is_some_and(|it| it.ends_with(" version 2")), "{changed}");
    scene.settle().await;
    scene.end().await;
}

/// The deployment would have said so in an output, which nobody reads now.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_probe_that_only_reports_fails_the_rotation_and_puts_nothing_back() {
    let mut scene =
        Scene::create(&[("VerifyDeployment", "Report"), ("CredentialDelivery", "EnvironmentVariables")]).await;
    let start = Start::Crash("SystemExit: the key was refused".to_owned());
    scene.deployment.aws.with(|world| world.containers.behave(Behaviour { start, ..Behaviour::zscaler() }));
    // On V2 the update fails as well, whatever the mode is.
    let version = scene.rotate("refused").await;
    let (message, reason) = scene.last_report();
    assert_eq!((message.as_str(), scene.metrics()), ("ROTATION FAILED", vec![(0, 1)]));
    assert!(reason.contains("SystemExit: the key was refused") && !reason.contains("restored"), "{reason}");
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    scene.deployment.aws.with(|world| world.containers.behave(Behaviour::zscaler()));
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_event_that_cannot_be_used_counts_for_the_stack_that_it_names() {
    let mut scene = Scene::create(&[]).await;
    let good = rotate_unnoticed(&mut scene);
    let other = "arn:aws:cloudformation:us-east-1:444455556666:stack/zscaler-mcp/g";
    for (input, count) in [
        (with(&good, "/Event/detail", json!({})), 1),
        (with(&good, "/Event/account", json!("444455556666")), 2),
        (with(&good, "/Runtimes/0/Verification", json!({"Mode": "Sometimes"})), 3),
        // These name no stack whose alarm could be raised.
        (with(&good, "/StackId", json!(other)), 3),
        (with(&good, "/StackId", json!(["x"])), 3),
        (json!({"Event": {}}), 3),
    ] {
        assert_eq!(send(&scene, &input).await, Ok(()));
        assert_eq!(scene.last_report().0, "ROTATION FAILED");
        assert_eq!(scene.metrics(), vec![(0, 1); count], "{input}");
    }
    scene.settle().await;
    scene.end().await;
}

/// The alarm watches what the function measures, and what Lambda drops after it.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_alarm_hears_of_failures_and_of_events_that_lambda_drops() {
    let topic = "arn:aws:sns:us-east-1:111122223333:alarms";
    let mut scene = Scene::create(&[("RotationAlarmTopicArn", topic)]).await;
    let resources = scene.deployment.cloudformation.resources(NAME);
    let function = resources["Function"].physical_id.clone().expect("a name");
    let alarm = &resources["RotationAlarm"].properties;
    let watched = |index: usize| {
        let metric = &alarm["Metrics"][index]["MetricStat"]["Metric"];
        let dimension = &metric["Dimensions"][0];
        [&metric["Namespace"], &metric["MetricName"], &dimension["Name"], &dimension["Value"]].map(Clone::clone)
    };
    assert_eq!(watched(0), ["AgentCoreProvisioner", "RotationFailures", "StackName", NAME].map(Value::from));
    assert_eq!(watched(1), ["AWS/Lambda", "AsyncEventsDropped", "FunctionName", &*function].map(Value::from));
    assert_eq!(alarm["Metrics"][2]["Expression"], "FILL(failed, 0) + FILL(dropped, 0)");
    // The same reason in each delivery: the last one fails, and so Lambda drops the event.
    let input = rotate_unnoticed(&mut scene);
    scene.fault("GetSecretValue", 1000, FaultEffect::Throttled);
    for _ in 0..3 {
        send_within(&scene, &input, Duration::from_mins(15)).await.expect_err("Lambda counts it");
    }
    assert!(scene.metrics().is_empty());
    scene.deployment.aws.faults().clear();
    scene.settle().await;
    scene.end().await;
}
