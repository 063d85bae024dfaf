//! Exported values, and a function that serves custom resources of other stacks.

use std::time::Duration;

use emulator::stacks::{Stack, Status};

use super::harness::{Act, Harness, input};
use crate::StackInput;
use crate::capability::Capability;

const EXPORT: &str = "Outputs: {Arn: {Value: !GetAtt Function.Arn, Export: {Name: !Sub '${AWS::StackName}-Arn'}}}";

/// Returns a stack whose only resource is served by the function of the stack `demo`.
fn importer(more: &str) -> StackInput {
    let thing = "Thing: {Type: 'Custom::Thing', Properties: {ServiceToken: {'Fn::ImportValue': !Sub '${From}-Arn'}}}";
    let parameters = "Parameters: {From: {Type: String, Default: demo}}";
    StackInput::new("importer", format!("{parameters}\nResources:\n  {thing}\n{more}"))
}

/// Returns the function's stack; with the lines, it differs from the one before.
async fn exporter(lines: &str) -> Harness {
    let harness = Harness::new(&[]);
    assert_eq!(harness.create(&format!("{EXPORT}\n{lines}")).await.status, Status::CreateComplete);
    harness
}

async fn import(harness: &Harness, more: &str) -> Stack {
    harness.cfn.create_stack(importer(more)).await.expect("a valid template")
}

#[tokio::test(start_paused = true)]
async fn a_function_serves_the_stacks_that_import_it_with_its_own_settings() {
    let config = "  Delivery:\n    Type: AWS::Lambda::EventInvokeConfig\n    Properties: {FunctionName: !Ref Function, Qualifier: $LATEST, MaximumRetryAttempts: 1}";
    let harness = exporter(config).await;
    harness.then(&[("Create Thing", Act::Crash)]);
    let stack = import(&harness, "Outputs: {Arn: {Value: {'Fn::ImportValue': demo-Arn}}}").await;
    assert_eq!(stack.status, Status::CreateComplete);
    assert_eq!(stack.output("Arn"), harness.cfn.stack("demo").expect("it exists").output("Arn"));
    let event = harness.event("Create", "Thing");
    assert_eq!(event["ServiceToken"].as_str(), stack.output("Arn"));
    assert!(event["StackId"].as_str().expect("text").contains(":stack/importer/"));
    let invocations = harness.script.invocations.lock().expect("not poisoned").clone();
    assert_eq!((invocations.len(), invocations[0].environment["STAGE"].as_str()), (2, "test"));
    assert!(invocations[0].role_arn.contains(":role/demo-Role-"));
    assert_eq!(invocations[0].deadline + Duration::from_mins(1), invocations[1].deadline);
    harness.then(&[("Delete Thing", Act::Crash), ("Delete Thing", Act::Crash)]);
    assert_eq!(harness.cfn.delete_stack("importer").await.expect("exists").status, Status::DeleteFailed);
    assert_eq!(harness.script.invocations.lock().expect("not poisoned").len(), 4, "one retry");
}

#[tokio::test(start_paused = true)]
async fn an_export_in_use_can_neither_be_deleted_nor_changed_nor_withdrawn() {
    let harness = exporter("").await;
    import(&harness, "").await;
    let stack = harness.delete().await;
    let refused = "Export demo-Arn cannot be deleted as it is in use by importer";
    assert_eq!((stack.status, stack.status_reason.as_deref()), (Status::CreateComplete, Some(refused)));
    assert_eq!(harness.update("Other: {}").await.status, Status::UpdateRollbackComplete);
    assert_eq!(harness.reason("demo", Status::UpdateRollbackInProgress), refused);
    let changed = EXPORT.replace("!GetAtt Function.Arn", "other");
    assert_eq!(harness.update(&changed).await.status, Status::UpdateRollbackComplete);
    assert!(harness.reason("demo", Status::UpdateRollbackInProgress).contains("cannot be updated as it is in use"));
    assert_eq!(harness.update(&format!("{EXPORT}\nOther: {{}}")).await.status, Status::UpdateComplete);

    assert_eq!(harness.cfn.delete_stack("importer").await.expect("exists").status, Status::DeleteComplete);
    assert_eq!(harness.update(&changed).await.status, Status::UpdateComplete);
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
}

#[tokio::test(start_paused = true)]
async fn an_import_lasts_until_an_update_without_it_is_complete() {
    let harness = exporter("").await;
    let output = "Outputs: {Arn: {Value: {'Fn::ImportValue': demo-Arn}}}";
    let plain = |more: &str| {
        let handle = "Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle'}";
        StackInput::new("plain", format!("Resources:\n  {handle}\n{more}"))
    };
    harness.cfn.create_stack(plain(output)).await.expect("valid");
    assert_eq!(harness.delete().await.status, Status::CreateComplete);
    harness.cfn.update_stack(plain("")).await.expect("valid");
    assert_eq!(harness.delete().await.status, Status::DeleteComplete);
    let stack = harness.cfn.update_stack(plain(output)).await.expect("valid");
    assert_eq!(stack.status, Status::UpdateRollbackComplete);
    assert_eq!(harness.reason("plain", Status::UpdateRollbackInProgress), "No export named demo-Arn found. ");
}

#[tokio::test(start_paused = true)]
async fn an_import_of_nothing_fails_before_anything_is_created() {
    let harness = Harness::new(&[]);
    let stack = import(&harness, "").await;
    assert_eq!(stack.status, Status::RollbackComplete);
    let reason = harness.reason("importer", Status::RollbackInProgress);
    assert_eq!(reason, "No export named demo-Arn found. Rollback requested by user.");
    assert!(harness.cfn.resources("importer").is_empty() && harness.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_name_of_an_import_or_export_is_known_beforehand() {
    let harness = exporter("").await;
    let refused = async |lines: &str| {
        harness
            .cfn
            .create_stack(StackInput { name: "other".into(), ..input(lines) })
            .await
            .expect_err("refused")
            .message
    };
    let dependent = "must not depend on any resources, imported values, or Fn::GetAZs";
    for name in ["!Ref Function", "!GetAtt Function.Arn", "!Sub '${Function.Arn}'", "{'Fn::ImportValue': demo-Arn}"] {
        assert!(refused(&format!("A: {{X: {{'Fn::ImportValue': {name}}}}}")).await.contains(dependent), "{name}");
        let export = format!("Outputs: {{O: {{Value: x, Export: {{Name: {name}}}}}}}");
        assert!(refused(&export).await.contains(dependent), "{name}");
    }
    assert!(refused("A: {X: {'Fn::ImportValue': [demo-Arn]}}").await.contains("must be a string or a function"));
    let condition = "Conditions: {C: !Equals [{'Fn::ImportValue': demo-Arn}, x]}";
    assert!(refused(condition).await.contains("Cannot use Fn::ImportValue in Conditions"));
    assert!(refused("Parameters: {P: {Type: String, Default: {'Fn::ImportValue': x}}}").await.contains("Default"));
    let twice = StackInput { name: "other".into(), ..input(&EXPORT.replace("${AWS::StackName}", "demo")) };
    let stack = harness.cfn.create_stack(twice.capability(Capability::Iam)).await.expect("valid");
    assert_eq!(stack.status, Status::RollbackComplete);
    let reason = harness.reason("other", Status::RollbackInProgress);
    assert!(reason.contains("Export with name demo-Arn is already exported by stack demo"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_nested_stack_whose_export_is_in_use_keeps_its_parent() {
    let harness = Harness::new(&[]);
    let parent =
        "Resources:\n  Child:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: 'https://child'}";
    let child = super::harness::body(&EXPORT.replace("${AWS::StackName}", "demo"));
    let parent = StackInput::new("parent", parent).capability(Capability::Iam).nested_template("https://child", child);
    harness.cfn.create_stack(parent).await.expect("valid");
    import(&harness, "").await;
    assert_eq!(harness.cfn.delete_stack("parent").await.expect("exists").status, Status::DeleteFailed);
    assert!(harness.reason("Child", Status::DeleteFailed).contains("is in use by importer"));
    harness.cfn.delete_stack("importer").await.expect("exists");
    assert_eq!(harness.cfn.delete_stack("parent").await.expect("exists").status, Status::DeleteComplete);
}
