//! The log group of the container, which AgentCore otherwise keeps forever.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::logs::Group;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};

use super::{properties, with};
use crate::world::{REGION_ACCOUNT, RUNTIME, STACK_ID, World};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";

fn name(id: &str) -> String {
    format!("/aws/bedrock-agentcore/runtimes/{id}-DEFAULT")
}

/// Returns the log group of a runtime, if there is one.
fn group(world: &World, id: &str) -> Option<Group> {
    world.aws.with(|world| world.logs.group(&name(id)).cloned())
}

/// Returns the calls to CloudWatch Logs since call number `from`.
fn log_calls(world: &World, from: usize) -> Vec<&'static str> {
    let calls = world.aws.calls();
    calls[from..].iter().filter(|call| call.service == ServiceId::Logs).map(|call| call.operation).collect()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_group_is_created_kept_and_deleted_with_the_runtime() {
    let mut world = World::new();
    let week = with(json!({"LogRetentionInDays": "7", "LogGroupDeletion": "Delete", "Tags": {"team": "one"}}));
    let id = world.send(RUNTIME.create(week.clone())).await.success().physical_id();
    let created = group(&world, &id).expect("a group");
    assert_eq!((created.retention_days, created.kms_key), (Some(7), None));
    assert_eq!(created.tags["agentcore-provisioner:stack-id"], STACK_ID);
    assert_eq!(created.tags["team"], "one");

    let month = with(json!({"LogRetentionInDays": 30, "LogKmsKeyArn": KEY, "LogGroupDeletion": "Delete"}));
    world.send(RUNTIME.update(&id, month.clone(), week)).await.success();
    let updated = group(&world, &id).expect("a group");
    assert_eq!((updated.retention_days, updated.kms_key.as_deref()), (Some(30), Some(KEY)));
    assert!(!updated.tags.contains_key("team"));
    world.send(RUNTIME.delete(&id, month.clone())).await.success();
    assert!(group(&world, &id).is_none());
    world.send(RUNTIME.delete(&id, month)).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_group_that_agentcore_created_is_adopted_and_stays_without_the_property() {
    let mut world = World::new();
    let from = world.call_count();
    let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
    let now = world.aws.clock().now();
    world.aws.with(|world| world.logs.write(&name(&id), "a", now, ["a line".to_owned()]));
    let described = with(json!({"Description": "another"}));
    world.send(RUNTIME.update(&id, described.clone(), properties())).await.success();
    assert!(log_calls(&world, from).is_empty(), "without the properties no permission is needed");

    let kept = with(json!({"LogRetentionInDays": 7}));
    world.send(RUNTIME.update(&id, kept.clone(), described)).await.success();
    assert_eq!(group(&world, &id).expect("the group").retention_days, Some(7));
    assert!(world.aws.with(|world| world.logs.lines(&name(&id)).contains(&"a line")), "it is the same group");
    world.send(RUNTIME.update(&id, properties(), kept)).await.success();
    world.send(RUNTIME.delete(&id, properties())).await.success();
    assert_eq!(group(&world, &id).expect("it stays").retention_days, None);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_that_goes_takes_its_own_value_with_it_and_no_other() {
    let mut world = World::new();
    let kept = with(json!({"LogRetentionInDays": 7, "LogKmsKeyArn": KEY}));
    let id = world.send(RUNTIME.create(kept.clone())).await.success().physical_id();
    let live = |world: &World| {
        let group = group(world, &id).expect("a group");
        (group.retention_days, group.kms_key)
    };
    let with_key = with(json!({"LogKmsKeyArn": KEY}));
    world.send(RUNTIME.update(&id, with_key.clone(), kept.clone())).await.success();
    assert_eq!(live(&world), (None, Some(KEY.to_owned())));
    world.send(RUNTIME.update(&id, kept.clone(), with_key)).await.success();
    world.send(RUNTIME.update(&id, properties(), kept.clone())).await.success();
    assert_eq!(live(&world), (None, None));

    world.send(RUNTIME.update(&id, kept.clone(), properties())).await.success();
    let (name, other) = (name(&id), KEY.replace("0a1b", "1a1b"));
    world.somebody(ServiceId::Logs, "PutRetentionPolicy", json!({"logGroupName": name, "retentionInDays": 30}));
    world.somebody(ServiceId::Logs, "AssociateKmsKey", json!({"logGroupName": name, "kmsKeyId": other}));
    world.send(RUNTIME.update(&id, properties(), kept.clone())).await.success();
    assert_eq!(live(&world), (Some(30), Some(other)));
    world.somebody(ServiceId::Logs, "DeleteLogGroup", json!({"logGroupName": name}));
    world.send(RUNTIME.update(&id, properties(), kept)).await.success();
    assert!(group(&world, &id).is_none(), "there is nothing to take back");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_retention_and_a_key_of_somebody_else_are_not_replaced() {
    let mut world = World::new();
    let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
    let (name, other) = (name(&id), KEY.replace("0a1b", "1a1b"));
    let now = world.aws.clock().now();
    world.aws.with(|world| world.logs.write(&name, "a", now, ["a line".to_owned()]));
    world.somebody(ServiceId::Logs, "AssociateKmsKey", json!({"logGroupName": name, "kmsKeyId": other}));
    world.somebody(ServiceId::Logs, "PutRetentionPolicy", json!({"logGroupName": name, "retentionInDays": 30}));
    for (named, sentence) in [
        (
            json!({"LogRetentionInDays": 7}),
            format!(
                "a retention of 30 days of log group {name} exists and belongs to someone else; remove it there, or leave \
                 out `LogRetentionInDays`"
            ),
        ),
        (json!({"LogKmsKeyArn": KEY}), format!("a key {other} of log group {name} exists and belongs to someone else")),
    ] {
        let named = with(named);
        world.stack_status(StackStatus::UpdateInProgress);
        let refused = world.send(RUNTIME.update(&id, named.clone(), properties())).await;
        assert!(refused.failure().contains(&sentence), "{}", refused.reason());
        world.stack_status(StackStatus::UpdateRollbackInProgress);
        world.send(RUNTIME.update(&id, properties(), named.clone())).await.success();
        world.send(RUNTIME.update(&id, named, properties())).await.success();
        let live = group(&world, &id).expect("the group");
        assert_eq!((live.retention_days, live.kms_key.as_ref()), (Some(30), Some(&other)));
    }
    world.stack_status(StackStatus::UpdateInProgress);
    let same = with(json!({"LogRetentionInDays": 30}));
    world.send(RUNTIME.update(&id, same.clone(), properties())).await.success();
    world.send(RUNTIME.update(&id, with(json!({"LogRetentionInDays": 7})), same)).await.success();
    assert_eq!(group(&world, &id).expect("the group").retention_days, Some(7));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_log_group_that_the_last_line_of_a_container_creates_again_is_deleted() {
    let mut world = World::new();
    let kept = with(json!({"LogRetentionInDays": 7, "LogGroupDeletion": "Delete"}));
    let id = world.send(RUNTIME.create(kept.clone())).await.success().physical_id();
    let (aws, name) = (world.aws.clone(), name(&id));
    let last_words = async {
        while aws.with(|world| world.logs.group(&name).is_some()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let now = aws.clock().now();
        aws.with(|world| world.logs.write(&name, "a", now, ["ended".to_owned()]));
    };
    let (deleted, ()) = tokio::join!(world.send(RUNTIME.delete(&id, kept)), last_words);
    deleted.success();
    assert!(group(&world, &id).is_none());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_group_without_our_tags_is_not_deleted() {
    let mut world = World::new();
    let kept = with(json!({"LogRetentionInDays": 7, "LogGroupDeletion": "Delete"}));
    let id = world.send(RUNTIME.create(kept.clone())).await.success().physical_id();
    let arn = format!("arn:aws:logs:{REGION_ACCOUNT}:log-group:{}", name(&id));
    let tags = json!({"agentcore-provisioner:logical-id": "Another"});
    world.somebody(ServiceId::Logs, "TagResource", json!({"resourceArn": arn, "tags": tags}));
    world.send(RUNTIME.delete(&id, kept)).await.success();
    assert!(group(&world, &id).is_some());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_delete_by_name_and_a_rollback_of_a_rename_delete_the_group() {
    let mut world = World::new();
    let kept = with(json!({"LogRetentionInDays": 7, "LogGroupDeletion": "Delete"}));
    let id = world.send(RUNTIME.create(kept.clone())).await.success().physical_id();
    world.send(RUNTIME.delete("pending:mcp_server", kept.clone())).await.success();
    assert!(group(&world, &id).is_none(), "the create was never answered");

    let id = world.send(RUNTIME.create(kept.clone())).await.success().physical_id();
    let mut renamed = kept.clone();
    renamed["AgentRuntimeName"] = json!("renamed");
    let abandoned = world.send(RUNTIME.update(&id, renamed.clone(), kept.clone())).await.success().physical_id();
    assert!(group(&world, &abandoned).is_some());
    world.send(RUNTIME.update(&id, kept.clone(), renamed)).await.success();
    assert!(group(&world, &abandoned).is_none() && group(&world, &id).is_some());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_call_about_the_group_may_fail_once() {
    let kept = with(json!({"LogRetentionInDays": 7, "LogKmsKeyArn": KEY, "LogGroupDeletion": "Delete"}));
    let operations = [
        "CreateLogGroup",
        "PutRetentionPolicy",
        "AssociateKmsKey",
        "ListTagsForResource",
        "DescribeLogGroups",
        "DeleteRetentionPolicy",
        "DisassociateKmsKey",
        "DeleteLogGroup",
    ];
    for operation in operations {
        for effect in [FaultEffect::Throttled, FaultEffect::ReplyLostBefore, FaultEffect::ReplyLostAfter] {
            let mut world = World::new();
            world.fault(operation, 1, 1, effect);
            let id = world.send(RUNTIME.create(kept.clone())).await.success().physical_id();
            let live = group(&world, &id).expect("a group");
            assert_eq!((live.retention_days, live.kms_key.as_deref(), live.tags.len()), (Some(7), Some(KEY), 2));
            let deleted = with(json!({"LogGroupDeletion": "Delete"}));
            world.send(RUNTIME.update(&id, deleted.clone(), kept.clone())).await.success();
            let live = group(&world, &id).expect("a group");
            assert_eq!((live.retention_days, live.kms_key.as_deref()), (None, None));
            world.send(RUNTIME.delete(&id, deleted)).await.success();
            assert!(group(&world, &id).is_none(), "{operation}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_values_get_a_sentence() {
    let mut world = World::new();
    for (given, sentence) in [
        (json!({"LogRetentionInDays": 8}), "`LogRetentionInDays` is 8; use one of 1, 3, 5, 7"),
        (json!({"LogRetentionInDays": 0}), "use a whole number from 1 to 3653"),
        (json!({"LogKmsKeyArn": "alias/logs"}), "`LogKmsKeyArn` is \"alias/logs\"; use a key's ARN"),
        (json!({"LogGroupDeletion": "Snapshot"}), "use one of Delete, Retain"),
    ] {
        let refused = world.send(RUNTIME.create(with(Value::clone(&given)))).await;
        assert!(refused.failure().contains(sentence), "{given}: {}", refused.reason());
    }
    assert!(world.calls_since(0).is_empty());
}

crate::platform::repeat_on_v2! {
    "log_group.rs":
    the_group_is_created_kept_and_deleted_with_the_runtime
    a_group_that_agentcore_created_is_adopted_and_stays_without_the_property
    a_property_that_goes_takes_its_own_value_with_it_and_no_other
    a_retention_and_a_key_of_somebody_else_are_not_replaced
    a_log_group_that_the_last_line_of_a_container_creates_again_is_deleted
    a_group_without_our_tags_is_not_deleted
    a_delete_by_name_and_a_rollback_of_a_rename_delete_the_group
    every_call_about_the_group_may_fail_once
    bad_values_get_a_sentence
}
