//! A new target, up to READY.

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::TargetStatus;
use std::time::Duration;

use super::configuration::Configuration;
use super::{api, converge, deletion, lookup, preflight};
use crate::agentcore::is_name_taken;
use crate::agentcore::target::{self, Contention, Repeats, TargetRef, is_contention};
use crate::error::{ApiErrorKind, Error, Failure};
use crate::job::Job;
use crate::wait::{Progress, until};

/// Creates the target and waits until it is READY; carries on with one of that name that is ours. A creation that fails
/// in passing is undone and repeated.
pub(super) async fn create(
    job: &Job<'_>,
    gateway_id: &str,
    configuration: &Configuration,
) -> Result<(TargetRef, GetGatewayTargetOutput), Failure> {
    let mut repeats = Repeats::default();
    let mut attempt = 1;
    loop {
        let made = obtain(job, gateway_id, configuration, attempt).await?;
        let (target, live) = settle(job, made).await?;
        let with_id = |error: Error| error.with_id(target.to_string());
        if *live.status() != TargetStatus::Failed {
            // One that was found may have another configuration than the one wanted.
            let live = converge::configuration(job, &target, live, configuration).await.map_err(with_id)?;
            return Ok((target, live));
        }
        if !repeats.again(job, &live).await {
            return Err(with_id(target::failure(job, &target, &live).await));
        }
        deletion::delete(job, &target).await.map_err(with_id)?;
        attempt += 1;
    }
}

/// A target of the wanted name, new or found.
async fn obtain(
    job: &Job<'_>,
    gateway_id: &str,
    configuration: &Configuration,
    attempt: u32,
) -> Result<TargetRef, Failure> {
    let token = job.requester().client_token(&format!("target-create-{attempt}"));
    let name = &configuration.name;
    let mut contention = Contention::default();
    let doing = "waiting for other operations on the gateway's targets to end";
    let made = until(job.deadline, doing, async || {
        let error = match api::create(job, gateway_id, configuration, &token).await {
            Ok(target) => return Ok(Progress::Done(target)),
            Err(error) if error.is(ApiErrorKind::NotFound) => return Err(preflight::gateway_gone(gateway_id)),
            Err(error) if is_name_taken(&error) || is_contention(&error) => error,
            Err(error) => return Err(error),
        };
        let targets = target::list(job, gateway_id).await?;
        match lookup::holder(job, gateway_id, &targets, name).await? {
            lookup::Holder::Us(target) => Ok(Progress::Done(target)),
            lookup::Holder::Other(other) => Err(lookup::taken(name, &other)),
            lookup::Holder::Leaving => Ok(Progress::pending("deleting the former target of that name")),
            lookup::Holder::Nobody => contention.wait(error, &targets),
        }
    });
    match made.await {
        Ok(target) => Ok(target),
        Err(error) => Err(lookup::with_whatever_exists(job, error, gateway_id).await),
    }
}

/// Waits until the target is in no transition any more.
async fn settle(job: &Job<'_>, made: TargetRef) -> Result<(TargetRef, GetGatewayTargetOutput), Failure> {
    if let Some(live) = target::wait_settled(job, &made).await.map_err(|error| error.with_id(made.to_string()))? {
        return Ok((made, live));
    }
    // An earlier delivery of this request may have repeated the creation: its target is another by now. Otherwise it was
    // deleted on purpose, by the Delete of a cancelled create for one, and must not be made again.
    match lookup::find_ours(job, &made.gateway_id, Duration::ZERO).await? {
        Some(other) if other != made => match target::wait_settled(job, &other).await {
            Ok(Some(live)) => Ok((other, live)),
            Ok(None) => Err(target::gone(&other).into()),
            Err(error) => Err(error.with_id(other.to_string())),
        },
        _ => Err(target::gone(&made).into()),
    }
}
