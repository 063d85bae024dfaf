//! The calls of CloudWatch Logs.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::LogGroup;

use crate::agentcore::none_if_not_found;
use crate::arn::Arn;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::tags::Changes;
use crate::wait::while_refused;

/// The time for which another change of the group, which CloudWatch Logs serializes, is waited for.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(1);

/// Creates a group with its tags. Returns false if it exists already.
pub(super) async fn create(job: &Job<'_>, name: &str, tags: &BTreeMap<String, String>) -> Result<bool, Error> {
    let request = job.context.cloudwatchlogs.create_log_group().log_group_name(name);
    let request = request.set_tags(Some(tags.clone().into_iter().collect()));
    let call = async || job.call("logs:CreateLogGroup", || request.clone().send()).await;
    match unless_aborted(job, call).await {
        Ok(_) => Ok(true),
        Err(error) if error.is(ApiErrorKind::Exists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sets the retention of a group, or lets it keep its lines forever.
pub(super) async fn set_retention(job: &Job<'_>, name: &str, days: Option<i32>) -> Result<(), Error> {
    let client = &job.context.cloudwatchlogs;
    if let Some(days) = days {
        let put = client.put_retention_policy().log_group_name(name).retention_in_days(days);
        let call = async || job.call("logs:PutRetentionPolicy", || put.clone().send()).await;
        return unless_aborted(job, call).await.map(drop);
    }
    let delete = client.delete_retention_policy().log_group_name(name);
    let call = async || job.call("logs:DeleteRetentionPolicy", || delete.clone().send()).await;
    none_if_not_found(unless_aborted(job, call).await).map(drop)
}

/// Sets the key of a group, or gives it CloudWatch's own one.
pub(super) async fn set_key(job: &Job<'_>, name: &str, key: Option<String>) -> Result<(), Error> {
    let client = &job.context.cloudwatchlogs;
    if let Some(key) = key {
        let associate = client.associate_kms_key().log_group_name(name).kms_key_id(key);
        let call = async || job.call("logs:AssociateKmsKey", || associate.clone().send()).await;
        return unless_aborted(job, call).await.map(drop);
    }
    let disassociate = client.disassociate_kms_key().log_group_name(name);
    let call = async || job.call("logs:DisassociateKmsKey", || disassociate.clone().send()).await;
    none_if_not_found(unless_aborted(job, call).await).map(drop)
}

/// Describes a group. Returns `None` if it does not exist.
pub(super) async fn describe(job: &Job<'_>, name: &str) -> Result<Option<LogGroup>, Error> {
    let request = job.context.cloudwatchlogs.describe_log_groups().log_group_name_prefix(name);
    let answer = job.call("logs:DescribeLogGroups", || request.clone().send()).await?;
    // The groups are sorted by name (API reference, DescribeLogGroups): the one whose name is the prefix comes first.
    Ok(answer.log_groups.into_iter().flatten().next().filter(|group| group.log_group_name() == Some(name)))
}

/// Changes the tags of a group.
pub(super) async fn change_tags(job: &Job<'_>, arn: &str, changes: Changes) -> Result<(), Error> {
    let client = &job.context.cloudwatchlogs;
    if !changes.set.is_empty() {
        let request = client.tag_resource().resource_arn(arn).set_tags(Some(changes.set.into_iter().collect()));
        job.call("logs:TagResource", || request.clone().send()).await?;
    }
    if !changes.remove.is_empty() {
        let request = client.untag_resource().resource_arn(arn).set_tag_keys(Some(changes.remove));
        job.call("logs:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// Deletes a group. One that does not exist counts as deleted.
pub(super) async fn delete(job: &Job<'_>, name: &str) -> Result<(), Error> {
    let request = job.context.cloudwatchlogs.delete_log_group().log_group_name(name);
    let call = async || job.call("logs:DeleteLogGroup", || request.clone().send()).await;
    none_if_not_found(unless_aborted(job, call).await).map(drop)
}

/// Reads the tags of a group. Returns `None` if the group does not exist.
pub(super) async fn tags(job: &Job<'_>, arn: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
    let request = job.context.cloudwatchlogs.list_tags_for_resource().resource_arn(arn);
    let answer = none_if_not_found(job.call("logs:ListTagsForResource", || request.clone().send()).await)?;
    Ok(answer.map(|answer| answer.tags.into_iter().flatten().collect()))
}

/// Sends a call, and repeats it while another change of the group is under way (API reference, OperationAbortedException).
async fn unless_aborted<T>(job: &Job<'_>, call: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let is_aborted = |error: &Error| error.is(ApiErrorKind::Conflict);
    let doing = "waiting for another change of the log group to end";
    while_refused(job.deadline, CHANGE_TIMEOUT, doing, is_aborted, call).await
}

/// Returns the ARN of a group of the stack's account and Region.
pub(super) fn arn(job: &Job<'_>, name: &str) -> String {
    let stack = Arn::parse(&job.requester.stack_id);
    stack.map(|stack| stack.neighbor("logs", &format!("log-group:{name}"))).unwrap_or_default()
}
