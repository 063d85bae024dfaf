//! Update, replacement, cleanup, update rollback.

use emulator::stacks::Status;
use serde_json::json;

use super::harness::{Act, Harness, input};

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_updated() {
    let harness = Harness::new(&[]);
    harness.create("A: {X: 1}\nB: {X: 1}").await;
    let error = harness.cfn.update_stack(input("A: {X: '1'}\nB: {X: 1}")).await.expect_err("nothing changes");
    assert_eq!(error.message, "No updates are to be performed.");
    let stack = harness.update("A: {X: 2}\nB: {X: 1}").await;
    assert_eq!(stack.status, Status::UpdateComplete);
    assert_eq!(harness.sent(), ["Create A", "Create B", "Update A A-1"]);
    let event = harness.event("Update", "A");
    assert_eq!((&event["ResourceProperties"]["X"], &event["OldResourceProperties"]["X"]), (&json!("2"), &json!("1")));
    assert_eq!(event["OldResourceProperties"]["ServiceToken"], event["ServiceToken"]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_attribute_reaches_those_that_use_it() {
    let harness = Harness::new(&[
        ("Create A", Act::Data("a", json!({"V": "1"}))),
        ("Update A", Act::Data("a", json!({"V": "2"}))),
    ]);
    harness.create("A: {X: 1}\nB: {From: !GetAtt A.V}").await;
    harness.update("A: {X: 2}\nB: {From: !GetAtt A.V}").await;
    assert_eq!(harness.sent()[2..], ["Update A a", "Update B B-1"]);
    assert_eq!(harness.event("Update", "B")["ResourceProperties"]["From"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_new_id_is_a_replacement_and_the_old_one_is_cleaned_up() {
    let harness = Harness::new(&[("Update A", Act::Succeed("A-2", 0))]);
    harness.create("A: {X: 1}\nB: {Of: !Ref A}").await;
    let stack = harness.update("A: {X: 2}\nB: {Of: !Ref A}").await;
    assert_eq!(stack.status, Status::UpdateComplete);
    assert_eq!(harness.sent()[2..], ["Update A A-1", "Update B B-1", "Delete A A-1"]);
    assert_eq!(harness.event("Delete", "A")["ResourceProperties"]["X"], "1", "the old properties");
    assert_eq!(harness.cfn.resources("demo")["A"].physical_id.as_deref(), Some("A-2"));
    assert_eq!(harness.cfn.resources("demo")["A"].status, Status::UpdateComplete);
}

#[tokio::test(start_paused = true)]
async fn a_failed_cleanup_is_reported_and_forgotten() {
    let harness = Harness::new(&[("Update A", Act::Succeed("A-2", 0)), ("Delete A", Act::Fail("A-1", 0))]);
    harness.create("A: {X: 1}").await;
    assert_eq!(harness.update("A: {X: 2}").await.status, Status::UpdateComplete);
    assert!(harness.states("A").contains(&Status::DeleteFailed));
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    assert_eq!(harness.sent()[2..], ["Delete A A-1", "Delete A A-2"]);
}

#[tokio::test(start_paused = true)]
async fn resources_come_and_go_with_the_template() {
    let harness = Harness::new(&[]);
    harness.create("A: {}\nB: {Of: !Ref A}").await;
    let stack = harness.update("A: {}\nC: {Of: !Ref A}").await;
    assert_eq!(stack.status, Status::UpdateComplete);
    assert_eq!(harness.sent()[2..], ["Create C", "Delete B B-1"]);
    assert!(!harness.cfn.resources("demo").contains_key("B"));
    let conditional = "Conditions: {Never: !Equals [a, b]}\nA: {X: !If [Never, 1, !Ref AWS::NoValue]}\nC: {Of: !Ref A}";
    assert_eq!(
        harness.cfn.update_stack(input(conditional)).await.expect_err("the same").message,
        "No updates are to be performed."
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_is_rolled_back_with_swapped_properties() {
    let harness = Harness::new(&[("Update B", Act::Fail("B-1", 1))]);
    harness.create("A: {X: 1}\nB: {X: 1, Of: !Ref A}\nC: {}").await;
    let stack = harness.update("A: {X: 2}\nB: {X: 2, Of: !Ref A}\nC: {}\nD: {Of: !Ref A}").await;
    assert_eq!(stack.status, Status::UpdateRollbackComplete);
    let sent = harness.sent();
    assert_eq!(sent[3..], ["Update A A-1", "Update B B-1", "Create D", "Update A A-1", "Update B B-1", "Delete D D-1"]);
    let event = harness.event("Update", "B");
    assert_eq!((&event["ResourceProperties"]["X"], &event["OldResourceProperties"]["X"]), (&json!("1"), &json!("2")));
    let resources = harness.cfn.resources("demo");
    assert!(!resources.contains_key("D"));
    assert_eq!(resources["B"].properties["X"], "1");
    assert_eq!(harness.update("A: {X: 2}\nB: {X: 1, Of: !Ref A}\nC: {}").await.status, Status::UpdateComplete);
}

#[tokio::test(start_paused = true)]
async fn updates_and_creates_in_flight_are_cancelled_and_undone() {
    let harness = Harness::new(&[
        ("Update A", Act::Fail("A-1", 1)),
        ("Update B", Act::Succeed("B-1", 30)),
        ("Create C", Act::Succeed("c", 30)),
    ]);
    harness.create("A: {X: 1}\nB: {X: 1}").await;
    let stack = harness.update("A: {X: 2}\nB: {X: 2}\nC: {}").await;
    assert_eq!(stack.status, Status::UpdateRollbackComplete);
    assert_eq!(harness.reason("B", Status::UpdateFailed), "Resource update cancelled");
    assert_eq!(harness.reason("C", Status::CreateFailed), "Resource creation cancelled");
    assert_eq!(harness.sent()[5..7], ["Update A A-1", "Update B B-1"]);
    assert!(harness.sent()[7].starts_with("Delete C demo-C-"));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_of_a_failed_update_is_cleaned_up_too() {
    let harness = Harness::new(&[("Update A", Act::Fail("A-2", 0)), ("Update A", Act::Succeed("A-1", 0))]);
    harness.create("A: {X: 1}").await;
    assert_eq!(harness.update("A: {X: 2}").await.status, Status::UpdateRollbackComplete);
    assert_eq!(harness.sent()[1..], ["Update A A-1", "Update A A-2", "Delete A A-2"]);
    assert_eq!(harness.event("Delete", "A")["ResourceProperties"]["X"], "2");
    assert_eq!(harness.cfn.resources("demo")["A"].physical_id.as_deref(), Some("A-1"));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_undone_when_something_else_fails() {
    let harness = Harness::new(&[
        ("Update A", Act::Succeed("A-2", 0)),
        ("Update A", Act::Succeed("A-3", 0)),
        ("Update B", Act::Fail("B-1", 0)),
    ]);
    harness.create("A: {X: 1}\nB: {Of: !Ref A}").await;
    assert_eq!(harness.update("A: {X: 2}\nB: {Of: !Ref A}").await.status, Status::UpdateRollbackComplete);
    let sent = harness.sent();
    assert_eq!(
        sent[2..],
        ["Update A A-1", "Update B B-1", "Update A A-2", "Update B B-1", "Delete A A-2", "Delete A A-1"]
    );
    assert_eq!(harness.event("Update", "B")["ResourceProperties"]["Of"], "A-3", "resolved anew");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_leaves_the_stack_deletable() {
    let harness = Harness::new(&[("Update A", Act::Fail("A-1", 0)), ("Update A", Act::Fail("A-1", 0))]);
    harness.create("A: {X: 1}").await;
    assert_eq!(harness.update("A: {X: 2}\nB: {}").await.status, Status::UpdateRollbackFailed);
    assert!(harness.cfn.update_stack(input("A: {X: 3}")).await.is_err());
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    assert!(harness.cfn.stacks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refused_updates() {
    let harness = Harness::new(&[]);
    harness.create("A: {X: 1}").await;
    let retyped = "  A:\n    Type: Custom::Other\n    Properties: {ServiceToken: !GetAtt Function.Arn}\n";
    let error = harness.cfn.update_stack(input(retyped)).await.expect_err("refused");
    assert!(error.message.contains("[A]"));
    let stack = harness
        .update(
            "  A:\n    Type: Custom::Thing\n    Properties: {ServiceToken: 'arn:aws:lambda:us-east-1:1:function:x'}\n",
        )
        .await;
    assert_eq!(stack.status, Status::UpdateRollbackComplete);
    assert_eq!(harness.reason("A", Status::UpdateFailed), "Modifying service token is not allowed.");
    assert_eq!(harness.sent(), ["Create A"]);
}

#[tokio::test(start_paused = true)]
async fn previous_values_are_kept_on_request() {
    let harness = Harness::new(&[]);
    let resources =
        "A: {X: !Ref P, Y: !Ref Q}\nParameters: {P: {Type: String, Default: d}, Q: {Type: String, Default: q}}";
    harness.cfn.create_stack(input(resources).parameter("P", "given")).await.expect("valid");
    harness.cfn.update_stack(input(resources).previous("P").parameter("Q", "new")).await.expect("valid");
    let properties = &harness.event("Update", "A")["ResourceProperties"];
    assert_eq!((&properties["X"], &properties["Y"]), (&json!("given"), &json!("new")));
}
