//! Create, rollback, delete.

use std::time::Duration;

use emulator::stacks::Status;
use serde_json::json;

use super::harness::{Act, Harness, body, input};
use crate::OnFailure;

#[tokio::test(start_paused = true)]
async fn a_stack_is_created_in_order_and_deleted_in_reverse() {
    let harness = Harness::new(&[("Create A", Act::Data("a-id", json!({"Port": 8443})))]);
    let stack = harness
        .create("A: {Flag: true, Deep: [{N: 1}]}\nB: {From: !GetAtt A.Port, Id: !Ref A}\nOutputs: {Port: {Value: !GetAtt A.Port}}")
        .await;
    assert_eq!((stack.status, stack.output("Port")), (Status::CreateComplete, Some("8443")));
    let event = harness.event("Create", "A");
    assert_eq!(event["ResourceProperties"]["Flag"], "true");
    assert_eq!(event["ResourceProperties"]["Deep"], json!([{"N": "1"}]));
    assert_eq!(event["ResourceProperties"]["ServiceToken"], event["ServiceToken"]);
    assert_eq!(event["ResourceType"], "Custom::Thing");
    assert!(event["ServiceToken"].as_str().expect("text").contains(":function:demo-Function-"));
    assert!(event.get("PhysicalResourceId").is_none() && event.get("OldResourceProperties").is_none());
    let event = harness.event("Create", "B");
    assert_eq!(
        (&event["ResourceProperties"]["From"], &event["ResourceProperties"]["Id"]),
        (&json!("8443"), &json!("a-id"))
    );

    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    assert_eq!(harness.sent(), ["Create A", "Create B", "Delete B B-1", "Delete A a-id"]);
    assert_eq!(harness.cfn.stack("demo"), None);
    assert_eq!(harness.aws.with(|world| world.iam.roles().count()), 0);
}

#[tokio::test(start_paused = true)]
async fn the_function_runs_with_its_own_settings() {
    let harness = Harness::new(&[]);
    harness.create("A: {}").await;
    let invocations = harness.script.invocations.lock().expect("not poisoned").clone();
    let clock = harness.aws.clock();
    assert_eq!(invocations[0].environment["STAGE"], "test");
    assert_eq!(invocations[0].deadline, clock.now() + Duration::from_mins(15));
    assert!(harness.aws.with(|world| world.iam.role(&invocations[0].role_arn).is_some()));
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_nothing_runs_together() {
    let harness = Harness::new(&[("Create A", Act::Succeed("a", 10)), ("Create B", Act::Succeed("b", 10))]);
    harness.create("A: {}\nB: {}").await;
    assert_eq!(harness.aws.clock().elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_failed_create_is_deleted_under_the_id_of_its_answer() {
    let harness = Harness::new(&[("Create A", Act::Fail("half-made", 1))]);
    let stack = harness.create("A: {}\nB: {Of: !Ref A}").await;
    assert_eq!(stack.status, Status::RollbackComplete);
    assert_eq!(harness.sent(), ["Create A", "Delete A half-made"]);
    assert!(harness.reason("A", Status::CreateFailed).contains("Message returned: by design (RequestId: "));
    let reason = harness.reason("demo", Status::RollbackInProgress);
    assert_eq!(reason, "The following resource(s) failed to create: [A]. Rollback requested by user.");
    assert!(harness.cfn.update_stack(input("A: {}")).await.is_err(), "a rolled back stack cannot be updated");
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    assert_eq!(harness.sent().len(), 2, "what is gone is not deleted again");
}

#[tokio::test(start_paused = true)]
async fn a_create_in_flight_is_cancelled_and_deleted_under_an_invented_id() {
    let harness = Harness::new(&[("Create Fast", Act::Fail("f", 1)), ("Create Slow", Act::Succeed("slow-id", 30))]);
    let stack = harness.create("Fast: {}\nSlow: {}").await;
    assert_eq!(stack.status, Status::RollbackComplete);
    assert_eq!(harness.reason("Slow", Status::CreateFailed), "Resource creation cancelled");
    let deleted = harness.event("Delete", "Slow");
    let id = deleted["PhysicalResourceId"].as_str().expect("text");
    let suffix = id.strip_prefix("demo-Slow-").expect("stack and logical id come first");
    assert!(suffix.len() == 12 && suffix.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{id}");
    assert_eq!(harness.aws.clock().elapsed().as_secs(), 1, "the delete does not wait for the create");
    harness.cfn.settled().await;
    assert_eq!(harness.aws.clock().elapsed().as_secs(), 30, "the create runs on");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_id_gets_an_invented_one() {
    let harness = Harness::new(&[("Create A", Act::Succeed("", 0))]);
    harness.create("A: {}").await;
    assert_eq!(harness.reason("A", Status::CreateFailed), "Invalid PhysicalResourceId");
    assert!(harness.sent()[1].starts_with("Delete A demo-A-"));
    let harness = Harness::new(&[("Create A", Act::Send("not json"))]);
    assert_eq!(harness.create("A: {}").await.status, Status::RollbackComplete);
}

#[tokio::test(start_paused = true)]
async fn no_answer_ends_after_the_service_timeout() {
    let harness = Harness::new(&[("Create A", Act::Silence), ("Create A", Act::Silence)]);
    harness.create("A: {ServiceTimeout: 90}").await;
    assert!(harness.reason("A", Status::CreateFailed).contains("did not receive a response"));
    assert_eq!(harness.aws.clock().elapsed().as_secs(), 90);
    assert_eq!(harness.event("Create", "A")["ResourceProperties"]["ServiceTimeout"], "90");
    harness.delete().await;
    harness.create("A: {}").await;
    assert_eq!(harness.aws.clock().elapsed().as_secs(), 90 + 3600);
    harness.delete().await;
    harness.create("A: {ServiceTimeout: 3601}").await;
    assert!(harness.reason("A", Status::CreateFailed).contains("between 1 and 3600"));
}

#[tokio::test(start_paused = true)]
async fn a_crashing_function_is_retried_until_it_answers() {
    let harness = Harness::new(&[("Create A", Act::Crash), ("Create A", Act::Crash)]);
    assert_eq!(harness.create("A: {}").await.status, Status::CreateComplete);
    assert_eq!(harness.aws.clock().elapsed().as_secs(), 180);
    harness.cfn.settled().await;
    let requests = harness.cfn.requests();
    assert_eq!((requests.len(), requests[0].attempts.len()), (1, 3));
    assert!(requests[0].answer.is_some());
}

#[tokio::test(start_paused = true)]
async fn retries_follow_the_event_invoke_config() {
    let harness = Harness::new(&[("Create A", Act::Crash)]);
    let config = "  Retries:\n    Type: AWS::Lambda::EventInvokeConfig\n    Properties: {FunctionName: !Ref Function, \
                  Qualifier: $LATEST, MaximumRetryAttempts: 0}\n";
    let stack = harness.create(&format!("{config}A: {{ServiceTimeout: 100, After: !Ref Retries}}")).await;
    assert_eq!(stack.status, Status::RollbackComplete);
    assert_eq!(harness.cfn.requests()[0].attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_can_be_tried_again() {
    let harness = Harness::new(&[("Delete A", Act::Fail("a", 0)), ("Create A", Act::Succeed("a", 0))]);
    harness.create("A: {}\nB: {}").await;
    let stack = harness.delete().await;
    assert_eq!(stack.status, Status::DeleteFailed);
    assert_eq!(stack.status_reason.as_deref(), Some("The following resource(s) failed to delete: [A]. "));
    assert_eq!(harness.cfn.resources("demo")["Function"].status, Status::CreateComplete, "A still needs it");
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    assert_eq!(harness.sent(), ["Create A", "Create B", "Delete A a", "Delete B B-1", "Delete A a"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_will_not_go_can_be_retained() {
    let harness = Harness::new(&[("Delete A", Act::Fail("A-1", 0))]);
    harness.create("A: {}").await;
    harness.delete().await;
    let retained = harness.cfn.delete_stack_retaining("demo", &["A".to_owned()].into()).await.expect("accepted");
    assert_eq!(retained.status, Status::DeleteComplete);
    assert_eq!(harness.states("A").last(), Some(&Status::DeleteSkipped));
}

#[tokio::test(start_paused = true)]
async fn deletion_policies_are_kept() {
    let harness = Harness::new(&[]);
    let resources = "  A:\n    Type: Custom::Thing\n    DeletionPolicy: Retain\n    Properties: {ServiceToken: !GetAtt Function.Arn}\n";
    harness.create(resources).await;
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    assert_eq!(harness.sent(), ["Create A"]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_attribute_fails_whoever_needs_it() {
    let harness = Harness::new(&[]);
    let stack = harness.create("A: {}\nB: {Of: !GetAtt A.Nothing}").await;
    assert_eq!(stack.status, Status::RollbackComplete);
    assert!(
        harness
            .reason("B", Status::CreateFailed)
            .contains("Vendor response doesn't contain Nothing key in object arn:aws:")
    );
    assert_eq!(harness.sent(), ["Create A", "Delete A A-1"], "B was never asked for");
    let stack = Harness::new(&[]).create("A: {}\nOutputs: {O: {Value: !GetAtt A.Nothing}}").await;
    assert_eq!(stack.status, Status::RollbackComplete);
}

#[tokio::test(start_paused = true)]
async fn what_happens_after_a_failure_is_the_callers_choice() {
    let fail = || Harness::new(&[("Create A", Act::Fail("a", 0))]);
    let harness = fail();
    let stack = harness.cfn.create_stack(input("A: {}").on_failure(OnFailure::DoNothing)).await.expect("valid");
    assert_eq!((stack.status, harness.sent().len()), (Status::CreateFailed, 1));
    let harness = fail();
    let stack = harness.cfn.create_stack(input("A: {}").on_failure(OnFailure::Delete)).await.expect("valid");
    assert_eq!((stack.status, harness.cfn.stack("demo")), (Status::DeleteComplete, None));
}

#[tokio::test(start_paused = true)]
async fn events_can_be_watched_and_secrets_are_not_in_them() {
    let harness = Harness::new(&[]);
    let mut watched = harness.cfn.subscribe();
    let template = body("A: {Key: !Ref Key}\nParameters: {Key: {Type: String, NoEcho: true}}");
    let request =
        crate::StackInput::new("demo", template).capability(crate::Capability::Iam).parameter("Key", "canary-value");
    let stack = harness.cfn.create_stack(request).await.expect("valid");
    assert_eq!(stack.parameters["Key"], "****");
    assert_eq!(harness.event("Create", "A")["ResourceProperties"]["Key"], "canary-value");
    let all = harness.cfn.events();
    assert!(!format!("{all:?}{stack:?}{:?}", harness.cfn.resources("demo")).contains("canary-value"));
    let mut seen = Vec::new();
    while let Ok(event) = watched.try_recv() {
        seen.push(event);
    }
    assert_eq!(seen, all);
}

#[tokio::test(start_paused = true)]
async fn two_runs_give_the_same_events() {
    let run = || async {
        let harness = Harness::new(&[("Create B", Act::Fail("b", 2)), ("Create A", Act::Succeed("a", 9))]);
        harness.create("A: {}\nB: {}\nC: {}").await;
        harness.cfn.settled().await;
        (harness.cfn.events(), harness.sent())
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_changes_nothing() {
    let harness = Harness::new(&[]);
    let without = crate::StackInput::new("demo", body("A: {}"));
    let error = harness.cfn.create_stack(without).await.expect_err("refused");
    assert_eq!(error.to_string(), "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]");
    let mut named = input("A: {}");
    named.name = "1demo".to_owned();
    assert!(harness.cfn.create_stack(named).await.is_err());
    let circle = harness.cfn.create_stack(input("A: {X: !Ref B}\nB: {X: !Ref A}")).await.expect_err("refused");
    assert_eq!(circle.message, "Circular dependency between resources: [A, B]");
    assert!(harness.cfn.events().is_empty());
    harness.create("A: {}").await;
    let twice = harness.cfn.create_stack(input("A: {}")).await.expect_err("refused");
    assert_eq!((twice.code, twice.message.as_str()), ("AlreadyExistsException", "Stack [demo] already exists"));
    assert!(harness.cfn.delete_stack("other").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_event_can_be_delivered_twice() {
    let harness = Harness::new(&[("Create A", Act::Succeed("a", 5))]);
    harness.create("A: {}").await;
    harness.cfn.redeliver(0);
    harness.cfn.redeliver(7);
    harness.cfn.settled().await;
    let invocations = harness.script.invocations.lock().expect("not poisoned").clone();
    assert_eq!((invocations.len(), &invocations[0].payload), (2, &invocations[1].payload));
    assert_eq!(invocations[0].request_id, invocations[1].request_id);
    assert_eq!(harness.cfn.requests()[0].attempts.len(), 2);
}
