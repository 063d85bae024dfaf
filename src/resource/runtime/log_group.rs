//! The log group of a runtime's containers. AgentCore creates it without a retention when a container first prints, and
//! never deletes it. If a property asks for it, the function creates it instead, and keeps it.
//!
//! Calls: CreateLogGroup, ListTagsForResource, TagResource, UntagResource, PutRetentionPolicy, AssociateKmsKey,
//! DeleteLogGroup; DescribeLogGroups for a group that is there, DeleteRetentionPolicy and DisassociateKmsKey after an update
//! that drops a property. None for a runtime without these properties.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::LogGroup as DescribedGroup;
use tracing::info;

use crate::agentcore::none_if_not_found;
use crate::agentcore::ownership::governs;
use crate::agentcore::runtime::log_group_name;
use crate::arn::{Arn, check_kms_key};
use crate::error::Error;
use crate::event::RawProperties;
use crate::job::Job;
use crate::properties::{Choice, PropertySet};
use crate::requester::Owner;
use crate::tags;
use crate::wait::while_refused;

/// The days for which CloudWatch Logs can keep events (API reference, PutRetentionPolicy).
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// The time for which another change of the group, which CloudWatch Logs serializes, is waited for.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(1);
/// The time within which the last container of a deleted runtime may still print.
const LAST_LINES: Duration = Duration::from_secs(10);
/// The value with which the group is deleted.
const DELETE: &str = "Delete";

/// The properties of the group.
#[derive(Debug, PropertySet)]
pub(super) struct LogGroupFields {
    /// Days for which the log group of the container keeps its lines, as CloudWatch Logs allows: 1, 3, 5, 7, 14, 30, 60, 90
    /// and more, up to 3653. See [The container's log](#the-containers-log).
    #[property(name = "LogRetentionInDays", range = 1..=3653, default_text = "forever", parse = retention)]
    retention_days: Option<i32>,
    /// Customer managed key of the log group. Its key policy has to admit CloudWatch Logs. Lines that were written before
    /// stay under the former key.
    #[property(name = "LogKmsKeyArn", default_text = "CloudWatch's own key", check = check_kms_key)]
    kms_key_arn: Option<String>,
    /// `Delete`: the log group is deleted after the runtime, if it carries this resource's tags. `Retain`: it stays.
    #[property(name = "LogGroupDeletion", default = Deletion::Retain)]
    deletion: Deletion,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum Deletion {
    #[choice(DELETE)]
    Delete,
    #[choice("Retain")]
    Retain,
}

/// A log group that the function keeps.
#[derive(Debug)]
pub(crate) struct LogGroup {
    retention_days: Option<i32>,
    kms_key_arn: Option<String>,
    deletion: Deletion,
}

impl LogGroup {
    /// Returns the group that the properties ask for, or `None` if they leave it to AgentCore.
    pub(super) fn of(fields: LogGroupFields) -> Option<Self> {
        let LogGroupFields { retention_days, kms_key_arn, deletion } = fields;
        let asked = retention_days.is_some() || kms_key_arn.is_some() || deletion == Deletion::Delete;
        asked.then_some(Self { retention_days, kms_key_arn, deletion })
    }

    /// Returns true if the group goes with the runtime.
    pub(super) fn is_deleted(&self) -> bool {
        self.deletion == Deletion::Delete
    }
}

fn retention(property: &str, given: Option<i32>) -> Result<Option<i32>, Error> {
    match given.filter(|days| !RETENTION_DAYS.contains(days)) {
        None => Ok(given),
        Some(days) => {
            let allowed = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
            Err(Error::property(property, format!("is {days}; use one of {allowed}")))
        }
    }
}

/// Brings the log group of the runtime `id` to the desired state: creates it, or adopts the one that AgentCore has created,
/// and brings its tags, retention and key to the `wanted` ones. `former` and `old` are the group and the user's tags before an
/// update. A retention or a key that somebody else set is neither replaced nor removed. May run twice.
pub(super) async fn converge(
    job: &Job<'_>,
    id: &str,
    wanted: Option<&LogGroup>,
    former: Option<&LogGroup>,
    user: &BTreeMap<String, String>,
    old: Option<&BTreeMap<String, String>>,
) -> Result<(), Error> {
    // A runtime whose template never asked for the group needs no permission for it.
    if wanted.is_none() && former.is_none() {
        return Ok(());
    }
    let name = log_group_name(id);
    let is_new = wanted.is_some() && create(job, &name, user, old).await?;
    let live = if is_new { None } else { describe(job, &name).await? };
    let of = |group: Option<&LogGroup>| {
        (group.and_then(|group| group.retention_days), group.and_then(|group| group.kms_key_arn.clone()))
    };
    let ((wanted_days, wanted_key), (former_days, former_key)) = (of(wanted), of(former));
    let live_days = live.as_ref().and_then(DescribedGroup::retention_in_days);
    let live_key = live.and_then(|live| live.kms_key_id);
    let theirs = |found: String, property: &str| Error::NotOurs {
        what: format!("{found} of log group {name}"),
        advice: format!("remove it there, or leave out `{property}`"),
    };
    let others_days = |days: &i32| theirs(format!("retention of {days} days"), "LogRetentionInDays");
    let sets_days = governs(job, wanted_days.as_ref(), former_days.as_ref(), live_days.as_ref(), others_days)?;
    let others_key = |key: &String| theirs(format!("key {key}"), "LogKmsKeyArn");
    let sets_key = governs(job, wanted_key.as_ref(), former_key.as_ref(), live_key.as_ref(), others_key)?;
    if sets_days && wanted_days != live_days {
        set_retention(job, &name, wanted_days).await?;
    }
    if sets_key && wanted_key != live_key {
        set_key(job, &name, wanted_key).await?;
    }
    Ok(())
}

/// Creates the group with its tags, or brings the tags of the one that is there to the desired ones. Returns true if it is
/// new.
async fn create(
    job: &Job<'_>,
    name: &str,
    user: &BTreeMap<String, String>,
    old: Option<&BTreeMap<String, String>>,
) -> Result<bool, Error> {
    let tags = tags::wanted(user, job.requester());
    let request = job.context.cloudwatchlogs.create_log_group().log_group_name(name);
    let request = request.set_tags(Some(tags.clone().into_iter().collect()));
    let call = async || job.call("logs:CreateLogGroup", || request.clone().send()).await;
    match unless_aborted(job, call).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ResourceAlreadyExistsException") => {
            converge_tags(job, name, &tags, old).await.map(|()| false)
        }
        Err(error) => Err(error),
    }
}

/// Sets the retention of a group, or lets it keep its lines forever.
async fn set_retention(job: &Job<'_>, name: &str, days: Option<i32>) -> Result<(), Error> {
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
async fn set_key(job: &Job<'_>, name: &str, key: Option<String>) -> Result<(), Error> {
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
async fn describe(job: &Job<'_>, name: &str) -> Result<Option<DescribedGroup>, Error> {
    let request = job.context.cloudwatchlogs.describe_log_groups().log_group_name_prefix(name);
    let answer = job.call("logs:DescribeLogGroups", || request.clone().send()).await?;
    // The groups are sorted by name (API reference, DescribeLogGroups): the one whose name is the prefix comes first.
    Ok(answer.log_groups.into_iter().flatten().next().filter(|group| group.log_group_name() == Some(name)))
}

/// Brings the tags of a group that exists to the desired ones. Its name holds the runtime's id, so that the group of a
/// runtime of ours is ours.
async fn converge_tags(
    job: &Job<'_>,
    name: &str,
    wanted: &BTreeMap<String, String>,
    old: Option<&BTreeMap<String, String>>,
) -> Result<(), Error> {
    let client = &job.context.cloudwatchlogs;
    let arn = arn(job, name);
    let live = tags_of(job, &arn).await?.unwrap_or_default();
    let changes = tags::changes(&live, wanted, old);
    if !changes.set.is_empty() {
        let request = client.tag_resource().resource_arn(&arn).set_tags(Some(changes.set.into_iter().collect()));
        job.call("logs:TagResource", || request.clone().send()).await?;
    }
    if !changes.remove.is_empty() {
        let request = client.untag_resource().resource_arn(&arn).set_tag_keys(Some(changes.remove));
        job.call("logs:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// Returns true if the properties of a Delete, which may be anything, say that the group goes with the runtime.
pub(super) fn asks_for_deletion(raw: &RawProperties) -> bool {
    raw.text("LogGroupDeletion").as_deref() == Some(DELETE)
}

/// Deletes the log group of the runtime `id`, which was deleted before, if the group carries this resource's tags. Checks
/// again later, because AgentCore creates the group again, without tags, if a container ends later and prints. May run
/// twice.
pub(super) async fn delete(job: &Job<'_>, id: &str) -> Result<(), Error> {
    let name = log_group_name(id);
    let arn = arn(job, &name);
    let Some(tags) = tags_of(job, &arn).await? else { return Ok(()) };
    if job.requester().owner(&tags) != Owner::Us {
        info!(name, "the log group stays, because it does not carry the tags of this resource");
        return Ok(());
    }
    let request = job.context.cloudwatchlogs.delete_log_group().log_group_name(&name);
    let call = async || none_if_not_found(job.call("logs:DeleteLogGroup", || request.clone().send()).await);
    unless_aborted(job, call).await?;
    if job.deadline.sleep(LAST_LINES).await.is_ok() && tags_of(job, &arn).await?.is_some_and(|tags| tags.is_empty()) {
        unless_aborted(job, call).await?;
    }
    Ok(())
}

/// Reads the tags of a group. Returns `None` if the group does not exist.
async fn tags_of(job: &Job<'_>, arn: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
    let request = job.context.cloudwatchlogs.list_tags_for_resource().resource_arn(arn);
    let answer = none_if_not_found(job.call("logs:ListTagsForResource", || request.clone().send()).await)?;
    Ok(answer.map(|answer| answer.tags.into_iter().flatten().collect()))
}

/// Sends a call, and repeats it while another change of the group is under way (API reference, OperationAbortedException).
async fn unless_aborted<T>(job: &Job<'_>, call: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let is_aborted = |error: &Error| error.code() == Some("OperationAbortedException");
    let doing = "waiting for another change of the log group to end";
    while_refused(job.deadline, CHANGE_TIMEOUT, doing, is_aborted, call).await
}

/// Returns the ARN of a group of the stack's account and Region.
fn arn(job: &Job<'_>, name: &str) -> String {
    let stack = Arn::parse(&job.requester().stack_id);
    stack.map(|stack| stack.neighbor("logs", &format!("log-group:{name}"))).unwrap_or_default()
}
