//! Decides if an Update keeps its gateway, and finds the gateways that updates and their rollbacks replaced.

use super::configuration::{may_replace, unchangeable};
use super::properties::Properties;
use crate::agentcore::deletion::{self, Deleted};
use crate::agentcore::gateway::{Gateway, ids_by_name};
use crate::agentcore::gateway_id;
use crate::agentcore::provisioned::{self, Found, LIST_TIMEOUT};
use crate::agentcore::waiters::{Live, Phase};
use crate::error::Error;
use crate::job::Job;
use crate::wait::{Progress, until_within};

/// Finds the gateway that an Update refers to. Returns `None` if it has to be replaced: another name is desired, it was
/// deleted outside of the stack, or it never worked, which no update repairs.
pub(super) async fn current(
    job: &Job<'_>,
    physical_id: &str,
    properties: &Properties,
) -> Result<Option<Found<Gateway>>, Error> {
    let Some(name) = gateway_id::name(physical_id) else { return Ok(None) };
    let fits = match &properties.name {
        Some(wanted) => wanted.to_lowercase() == name,
        None => job.requester.is_derived_name(name),
    };
    if !fits {
        return Ok(None);
    }
    let Some(found) = provisioned::current::<Gateway>(job, &physical_id.to_owned()).await? else { return Ok(None) };
    // A name that differs only in its case is another name with the same id.
    let same_name = properties.name.as_deref().is_none_or(|wanted| wanted == found.live.name());
    Ok((same_name && !found.live.creation_failed()).then_some(found))
}

/// Finds a gateway of ours with a derived name, other than the current one, that matches the properties in everything
/// that AgentCore cannot change.
pub(super) async fn find_predecessor(
    job: &Job<'_>,
    physical_id: &str,
    properties: &Properties,
) -> Result<Option<String>, Error> {
    let others = others(job, physical_id, |name| job.requester.is_derived_name(name)).await?;
    let matches = |found: &Found<Gateway>| {
        let usable = !found.live.creation_failed() && found.live.phase() != Phase::Deleting;
        usable && unchangeable(properties, None, &found.live).is_none()
    };
    Ok(others.into_iter().find(matches).map(|found| found.id))
}

/// Deletes the gateway that an update to `old` created in place of the current one and never answered for: this update
/// is the rollback of that one. If a gateway has targets, an answer has named it, and CloudFormation deletes it.
pub(super) async fn delete_abandoned(
    job: &Job<'_>,
    physical_id: &str,
    properties: &Properties,
    old: &Properties,
) -> Result<(), Error> {
    let derived_both_times = old.name.is_none() && properties.name.is_none();
    let may_exist = if derived_both_times { may_replace(old, properties) } else { old.name != properties.name };
    if !may_exist {
        return Ok(());
    }
    let wanted = |name: &str| match &old.name {
        Some(chosen) => chosen == name,
        None => job.requester.is_derived_name(name),
    };
    let abandoned = until_within(job.deadline, LIST_TIMEOUT, "looking for what an update left behind", async || {
        let others = others(job, physical_id, wanted).await?;
        Ok(if others.is_empty() { Progress::pending("not found") } else { Progress::Done(others) })
    })
    .await?;
    for gateway in abandoned.into_iter().flatten() {
        match deletion::delete_unless_in_use::<Gateway>(job, &gateway.id).await? {
            Deleted::Gone { .. } | Deleted::InUse(_) => {}
        }
    }
    Ok(())
}

/// Lists the gateways of ours, other than the current one, whose names `wanted` accepts.
async fn others(job: &Job<'_>, physical_id: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Found<Gateway>>, Error> {
    let mut others = Vec::new();
    for id in ids_by_name(job, wanted).await? {
        if id == physical_id {
            continue;
        }
        others.extend(provisioned::get::<Gateway>(job, &id).await?.filter(|found| found.is_ours(job)));
    }
    Ok(others)
}
