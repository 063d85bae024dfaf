//! Finding a gateway by its name, and whose it is: for the unhappy paths, since there is no call that does it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::GatewayStatus;

use super::configuration::{may_replace, unchangeable};
use super::deletion::delete_gateway;
use super::properties::Properties;
use super::waiting::wait_settled;
use super::{api, name_in_id};
use crate::agentcore::{self, LIST_PATIENCE, deletion_patience};
use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::job::Job;
use crate::requester::{Owner, pending_name};
use crate::wait::{Progress, until_within};

/// The gateway that an Update is about, settled, with its tags; `None` if another has to take its place: another name is
/// wanted, it was deleted behind our back, or it never worked, which no update mends.
pub(super) async fn current(
    job: &Job<'_>,
    physical_id: &str,
    properties: &Properties,
) -> Result<Option<(GetGatewayOutput, BTreeMap<String, String>)>, Error> {
    let Some(name) = name_in_id(physical_id) else { return Ok(None) };
    let fits = match &properties.name {
        Some(wanted) => wanted.to_lowercase() == name,
        None => job.requester().is_derived_name(name),
    };
    if !fits {
        return Ok(None);
    }
    let Some(live) = wait_settled(job, physical_id).await? else { return Ok(None) };
    let Some(tags) = agentcore::tags(job, live.gateway_arn()).await? else { return Ok(None) };
    if job.requester().owner(&tags) != Owner::Us {
        return Err(changed_hands(physical_id));
    }
    // A name that differs in its case only is another name with the same id.
    let same_name = properties.name.as_deref().is_none_or(|wanted| wanted == live.name());
    let worked = *live.status() != GatewayStatus::Failed;
    Ok((same_name && worked).then_some((live, tags)))
}

/// The gateway that a Delete is about; `None` if there is none of ours.
pub(super) async fn find_for_delete(
    job: &Job<'_>,
    physical_id: &str,
    raw: &RawProperties,
) -> Result<Option<String>, Error> {
    if name_in_id(physical_id).is_some() {
        let Some(live) = api::get(job, physical_id).await? else { return Ok(None) };
        let changed_hands = || changed_hands(physical_id);
        let ours = agentcore::is_ours_to_delete(job, live.gateway_arn(), &live, changed_hands).await?;
        return Ok(ours.then(|| physical_id.to_owned()));
    }
    let pending = pending_name(physical_id);
    let name = pending
        .map(str::to_owned)
        .or_else(|| raw.text("GatewayName"))
        .unwrap_or_else(|| job.requester().derived_name());
    let found = find_by_name(job, &name, deletion_patience(pending)).await?;
    Ok(found.and_then(|(live, owner)| (owner == Owner::Us).then(|| live.gateway_id().to_owned())))
}

/// After a refused name: the id of the gateway that has it, if it is ours; `None` if the name is free by now.
pub(super) async fn find_ours(job: &Job<'_>, name: &str) -> Result<Option<String>, Failure> {
    let Some((live, owner)) = find_by_name(job, name, LIST_PATIENCE).await? else { return Ok(None) };
    let id = live.gateway_id();
    if owner != Owner::Us {
        return Err(Error::NotOurs {
            what: format!("gateway named {name} ({id})"),
            advice: "choose another `GatewayName` or delete that gateway".to_owned(),
        }
        .into());
    }
    // On its way out, or of no use: wait for the name.
    if matches!(live.status(), GatewayStatus::Deleting | GatewayStatus::Failed) {
        delete_gateway(job, id).await.map_err(|error| error.with_id(id))?;
        return Ok(None);
    }
    Ok(Some(id.to_owned()))
}

/// The call failed, but it may have had its effect: the answer must then name the gateway, so that it is cleaned up.
pub(super) async fn with_whatever_exists(job: &Job<'_>, error: Error, name: &str) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match find_by_name(job, name, LIST_PATIENCE).await {
        Ok(Some((live, Owner::Us))) => error.with_id(live.gateway_id()),
        _ => error.into(),
    }
}

/// A gateway of ours with a derived name, other than the present one, that is what the properties ask for as far as
/// AgentCore cannot change it.
pub(super) async fn find_former(
    job: &Job<'_>,
    physical_id: &str,
    properties: &Properties,
) -> Result<Option<GetGatewayOutput>, Error> {
    let others = others(job, physical_id, |name| job.requester().is_derived_name(name)).await?;
    Ok(others.into_iter().find(|live| {
        let usable = !matches!(live.status(), GatewayStatus::Failed | GatewayStatus::Deleting);
        usable && unchangeable(properties, None, live).is_none()
    }))
}

/// Deletes what an update to `old` made in place of the present gateway and never answered for: this update is the
/// rollback of that one. A gateway that has got targets was answered for, and CloudFormation deletes it.
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
        None => job.requester().is_derived_name(name),
    };
    let abandoned = until_within(job.deadline, LIST_PATIENCE, "looking for what an update left behind", async || {
        let others = others(job, physical_id, wanted).await?;
        Ok(if others.is_empty() { Progress::pending("not found") } else { Progress::Done(others) })
    })
    .await?;
    for gateway in abandoned.into_iter().flatten() {
        match delete_gateway(job, gateway.gateway_id()).await {
            Ok(()) | Err(Error::Unverified { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The gateways of ours, other than the present one, whose names `wanted` accepts.
async fn others(
    job: &Job<'_>,
    physical_id: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<GetGatewayOutput>, Error> {
    let mut others = Vec::new();
    for id in api::ids_by_name(job, wanted).await? {
        if id == physical_id {
            continue;
        }
        let Some((live, owner)) = with_owner(job, &id).await? else { continue };
        if owner == Owner::Us {
            others.push(live);
        }
    }
    Ok(others)
}

/// Looks for `patience`, because lists lag behind in both directions.
async fn find_by_name(
    job: &Job<'_>,
    name: &str,
    patience: Duration,
) -> Result<Option<(GetGatewayOutput, Owner)>, Error> {
    until_within(job.deadline, patience, "looking for the gateway by its name", async || {
        for id in api::ids_by_name(job, |listed| listed == name).await? {
            if let Some(found) = with_owner(job, &id).await? {
                return Ok(Progress::Done(found));
            }
        }
        Ok(Progress::pending("not found"))
    })
    .await
}

/// `None` if it is gone. Lists have no ARNs, and tags are asked for by ARN.
async fn with_owner(job: &Job<'_>, id: &str) -> Result<Option<(GetGatewayOutput, Owner)>, Error> {
    let Some(live) = api::get(job, id).await? else { return Ok(None) };
    let Some(tags) = agentcore::tags(job, live.gateway_arn()).await? else { return Ok(None) };
    let owner = job.requester().owner(&tags);
    Ok(Some((live, owner)))
}

fn changed_hands(id: &str) -> Error {
    Error::NotOurs {
        what: format!("gateway {id}"),
        advice: "its ownership tags are gone or changed: restore them and retry, or delete the gateway yourself"
            .to_owned(),
    }
}
