//! Finding a runtime by its name, and whose it is: for the unhappy paths, since there is no call that does it.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::types::AgentRuntimeStatus;

use super::api::{self, Listed};
use super::properties::default_name;
use super::{delete_runtime, name_in_id};
use crate::agentcore::{self, LIST_PATIENCE, deletion_patience};
use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::job::Job;
use crate::requester::{Owner, pending_name};
use crate::wait::{Progress, until_within};

/// The runtime that a Delete is about; `None` if there is none of ours.
pub(super) async fn find_for_delete(
    job: &Job<'_>,
    physical_id: &str,
    raw: &RawProperties,
) -> Result<Option<String>, Error> {
    if name_in_id(physical_id).is_some() {
        let Some(live) = api::get(job, physical_id).await? else { return Ok(None) };
        let changed_hands = || changed_hands(physical_id);
        let ours = agentcore::is_ours_to_delete(job, live.agent_runtime_arn(), &live, changed_hands).await?;
        return Ok(ours.then(|| physical_id.to_owned()));
    }
    let pending = pending_name(physical_id);
    let name = pending
        .map(str::to_owned)
        .or_else(|| raw.text("AgentRuntimeName"))
        .unwrap_or_else(|| default_name(job.requester()));
    let found = find_by_name(job, &name, deletion_patience(pending)).await?;
    Ok(found.and_then(|(runtime, owner)| (owner == Owner::Us).then_some(runtime.id)))
}

/// Deletes the runtime of ours with the name that a rename wanted and never answered for.
pub(super) async fn delete_abandoned(job: &Job<'_>, name: &str) -> Result<(), Error> {
    match find_by_name(job, name, LIST_PATIENCE).await? {
        Some((runtime, Owner::Us)) => delete_runtime(job, &runtime.id).await,
        _ => Ok(()),
    }
}

/// After a refused name: the id of the runtime that has it, if it is ours; `None` if the name is free by now.
pub(super) async fn find_ours(job: &Job<'_>, name: &str) -> Result<Option<String>, Failure> {
    let Some((runtime, owner)) = find_by_name(job, name, LIST_PATIENCE).await? else { return Ok(None) };
    if owner != Owner::Us {
        return Err(Error::NotOurs {
            what: format!("runtime named {name} ({})", runtime.id),
            advice: "choose another `AgentRuntimeName` or delete that runtime".to_owned(),
        }
        .into());
    }
    let Some(live) = api::get(job, &runtime.id).await? else { return Ok(None) };
    // On its way out: wait for the name.
    if *live.status() == AgentRuntimeStatus::Deleting {
        delete_runtime(job, &runtime.id).await.map_err(|error| error.with_id(&runtime.id))?;
        return Ok(None);
    }
    Ok(Some(runtime.id))
}

/// The call failed, but it may have had its effect: the answer must then name the runtime, so that it is cleaned up.
pub(super) async fn with_whatever_exists(job: &Job<'_>, error: Error, name: &str) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match find_by_name(job, name, LIST_PATIENCE).await {
        Ok(Some((runtime, Owner::Us))) => error.with_id(runtime.id),
        _ => error.into(),
    }
}

/// Looks for `patience`, because lists lag behind in both directions.
async fn find_by_name(job: &Job<'_>, name: &str, patience: Duration) -> Result<Option<(Listed, Owner)>, Error> {
    until_within(job.deadline, patience, "looking for the runtime by its name", async || {
        let Some(runtime) = api::find_by_name(job, name).await? else { return Ok(Progress::pending("not found")) };
        Ok(match agentcore::tags(job, &runtime.arn).await? {
            Some(tags) => {
                let owner = job.requester().owner(&tags);
                Progress::Done((runtime, owner))
            }
            None => Progress::pending("listed, but gone"),
        })
    })
    .await
}

pub(super) fn changed_hands(id: &str) -> Error {
    Error::NotOurs {
        what: format!("runtime {id}"),
        advice: "its ownership tags are gone or changed: restore them and retry, or delete the runtime yourself"
            .to_owned(),
    }
}
