//! Stacks in stacks.

use emulator::stacks::Status;

use super::harness::{Act, Harness, body};
use crate::StackInput;
use crate::capability::Capability;

const PARENT: &str = "
Parameters: {Value: {Type: String, Default: one}}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: 'https://b.s3.amazonaws.com/child.yaml', Parameters: {Value: !Ref Value}}
Outputs: {Thing: {Value: !GetAtt Child.Outputs.Thing}}
";

fn parent(value: &str) -> StackInput {
    let child =
        body("Thing: {X: !Ref Value}\nParameters: {Value: {Type: String}}\nOutputs: {Thing: {Value: !Ref Thing}}");
    StackInput::new("parent", PARENT)
        .capability(Capability::Iam)
        .parameter("Value", value)
        .nested_template("https://b.s3.amazonaws.com/child.yaml", child)
}

#[tokio::test(start_paused = true)]
async fn a_nested_stack_lives_with_its_parent() {
    let harness = Harness::new(&[]);
    let stack = harness.cfn.create_stack(parent("one")).await.expect("valid");
    assert_eq!((stack.status, stack.output("Thing")), (Status::CreateComplete, Some("Thing-1")));
    assert_eq!(harness.cfn.stacks().len(), 2);
    let event = harness.event("Create", "Thing");
    assert!(event["StackId"].as_str().expect("text").contains("stack/parent-Child-"));
    assert_eq!(harness.cfn.update_stack(parent("two")).await.expect("valid").status, Status::UpdateComplete);
    assert_eq!(harness.event("Update", "Thing")["ResourceProperties"]["X"], "two");
    assert_eq!(harness.cfn.delete_stack("parent").await.expect("exists").status, Status::DeleteComplete);
    assert!(harness.cfn.stacks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_inside_fails_the_parent_and_leaves_nothing() {
    let harness = Harness::new(&[("Create Thing", Act::Fail("half", 0))]);
    let stack = harness.cfn.create_stack(parent("one")).await.expect("valid");
    assert_eq!(stack.status, Status::RollbackComplete);
    assert!(harness.reason("Child", Status::CreateFailed).starts_with("Embedded stack arn:aws:cloudformation:"));
    assert_eq!(harness.sent(), ["Create Thing", "Delete Thing half"]);
    assert_eq!(harness.cfn.stacks().len(), 1);
    let harness = Harness::new(&[]);
    harness.cfn.create_stack(parent("one")).await.expect("valid");
    harness.then(&[("Update Thing", Act::Fail("Thing-1", 0))]);
    assert_eq!(harness.cfn.update_stack(parent("two")).await.expect("valid").status, Status::UpdateRollbackComplete);
}
