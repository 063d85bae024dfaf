//! Finding a target of ours where no identifier of it is known. Targets cannot be tagged: the marker at the end of the
//! description is the proof.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::types::{TargetStatus, TargetSummary};

use super::deletion::{self, Deleted};
use crate::agentcore::target::{self, TargetRef, gateway_id};
use crate::agentcore::{LIST_PATIENCE, deletion_patience};
use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::job::Job;
use crate::requester::pending_name;
use crate::wait::{Progress, until_within};

/// A Create that failed may delete its target and make another after so long.
const REPEATED_CREATE_GRACE: Duration = Duration::from_secs(90);

/// Whose the name of a target is.
pub(super) enum Holder {
    /// Nobody's, as far as the list knows.
    Nobody,
    /// That of a target of ours.
    Us(TargetRef),
    /// That of ours, or of anybody's, which is being deleted.
    Leaving,
    /// Somebody else's.
    Other(TargetRef),
}

/// Who has the name on the gateway. `targets` is its list, which lags behind, so what it shows is looked at.
pub(super) async fn holder(
    job: &Job<'_>,
    gateway_id: &str,
    targets: &[TargetSummary],
    name: &str,
) -> Result<Holder, Error> {
    let Some(listed) = targets.iter().find(|target| target.name() == name) else { return Ok(Holder::Nobody) };
    let target = reference(gateway_id, listed);
    let Some(live) = target::get(job, &target).await? else { return Ok(Holder::Leaving) };
    Ok(match live.status() {
        TargetStatus::Deleting => Holder::Leaving,
        _ if is_ours(job, live.description()) => Holder::Us(target),
        _ => Holder::Other(target),
    })
}

/// A target of ours on the gateway, looked for for `patience`, because lists lag behind. One that stays is preferred to
/// one on its way out.
pub(super) async fn find_ours(job: &Job<'_>, gateway_id: &str, patience: Duration) -> Result<Option<TargetRef>, Error> {
    until_within(job.deadline, patience, "looking for the target on its gateway", async || {
        let listed = target::list(job, gateway_id).await?;
        let mut ours: Vec<_> = listed.iter().filter(|target| is_ours(job, target.description())).collect();
        ours.sort_by_key(|target| *target.status() == TargetStatus::Deleting);
        for listed in ours {
            let found = reference(gateway_id, listed);
            if target::get(job, &found).await?.is_some() {
                return Ok(Progress::Done(found));
            }
        }
        Ok(Progress::pending("not found"))
    })
    .await
}

/// Deletes what a Create made that never answered with its identifier.
pub(super) async fn delete_unanswered(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Result<(), Error> {
    // Without a gateway there was no call.
    let Some(gateway_id) = raw.text("GatewayIdentifier").as_deref().and_then(gateway_id) else { return Ok(()) };
    let mut patience = deletion_patience(pending_name(physical_id));
    while target::get_gateway(job, &gateway_id).await?.is_some() {
        let Some(found) = find_ours(job, &gateway_id, patience).await? else { break };
        match deletion::delete(job, &found).await? {
            Deleted::Settled => break,
            // The Create may be the one that deletes it, to make another.
            Deleted::Failed => patience = REPEATED_CREATE_GRACE,
        }
    }
    Ok(())
}

/// Deletes the target of ours on a gateway that a change of `GatewayIdentifier` wanted and never answered for.
pub(super) async fn delete_abandoned(job: &Job<'_>, gateway_id: &str) -> Result<(), Error> {
    match find_ours(job, gateway_id, LIST_PATIENCE).await? {
        Some(found) => deletion::delete(job, &found).await.map(|_| ()),
        None => Ok(()),
    }
}

/// The call failed, but it may have had its effect: the answer must then name the target, so that it is cleaned up.
pub(super) async fn with_whatever_exists(job: &Job<'_>, error: Error, gateway_id: &str) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match find_ours(job, gateway_id, LIST_PATIENCE).await {
        Ok(Some(found)) => error.with_id(found.to_string()),
        _ => error.into(),
    }
}

/// Somebody else has the name.
pub(super) fn taken(name: &str, other: &TargetRef) -> Error {
    Error::NotOurs {
        what: format!("target named {name} ({}) on gateway {}", other.target_id, other.gateway_id),
        advice: "choose another `TargetName`".to_owned(),
    }
}

fn is_ours(job: &Job<'_>, description: Option<&str>) -> bool {
    description.is_some_and(|description| description.ends_with(&job.requester().marker()))
}

fn reference(gateway_id: &str, listed: &TargetSummary) -> TargetRef {
    TargetRef { gateway_id: gateway_id.to_owned(), target_id: listed.target_id().to_owned() }
}
