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

use crate::agentcore::ownership::governs;
use crate::agentcore::runtime::log_group_name;
use crate::arn::check_kms_key;
use crate::error::Error;
use crate::event::RawProperties;
use crate::job::Job;
use crate::properties::{Choice, PropertySet};
use crate::requester::Owner;
use crate::tags;

mod api;

/// The days for which CloudWatch Logs can keep events (API reference, PutRetentionPolicy).
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
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
    let live = if is_new { None } else { api::describe(job, &name).await? };
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
        api::set_retention(job, &name, wanted_days).await?;
    }
    if sets_key && wanted_key != live_key {
        api::set_key(job, &name, wanted_key).await?;
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
    let tags = tags::wanted(user, job.requester);
    if api::create(job, name, &tags).await? {
        return Ok(true);
    }
    converge_tags(job, name, &tags, old).await.map(|()| false)
}

/// Brings the tags of a group that exists to the desired ones. Its name holds the runtime's id, so that the group of a
/// runtime of ours is ours.
async fn converge_tags(
    job: &Job<'_>,
    name: &str,
    wanted: &BTreeMap<String, String>,
    old: Option<&BTreeMap<String, String>>,
) -> Result<(), Error> {
    let arn = api::arn(job, name);
    let live = api::tags(job, &arn).await?.unwrap_or_default();
    api::change_tags(job, &arn, tags::changes(&live, wanted, old)).await
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
    let arn = api::arn(job, &name);
    let Some(tags) = api::tags(job, &arn).await? else { return Ok(()) };
    if job.requester.owner(&tags) != Owner::Us {
        info!(name, "the log group stays, because it does not carry the tags of this resource");
        return Ok(());
    }
    api::delete(job, &name).await?;
    if job.deadline.sleep(LAST_LINES).await.is_ok() && api::tags(job, &arn).await?.is_some_and(|tags| tags.is_empty()) {
        api::delete(job, &name).await?;
    }
    Ok(())
}
