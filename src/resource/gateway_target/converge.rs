//! Bringing a target of ours to the wanted configuration.

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_smithy_types::DateTime;

use super::configuration::Configuration;
use super::{api, lookup};
use crate::agentcore::target::{self, Contention, Repeats, TargetRef, is_contention};
use crate::agentcore::{Live, Settled, is_as_new, is_name_taken, wait_updated};
use crate::error::Error;
use crate::job::Job;
use crate::wait::{Progress, until};

/// Whether nothing is left to do.
pub(super) fn is_in_place(live: &GetGatewayTargetOutput, configuration: &Configuration) -> bool {
    live.settled() == Settled::Ready && Configuration::live(live) == *configuration
}

/// Updates the target if it is not as wanted, waits until it is READY, and looks whether the update took. What fails in
/// passing is repeated.
pub(super) async fn configuration(
    job: &Job<'_>,
    target: &TargetRef,
    live: GetGatewayTargetOutput,
    configuration: &Configuration,
) -> Result<GetGatewayTargetOutput, Error> {
    if is_in_place(&live, configuration) {
        return Ok(live);
    }
    if live.settled() == Settled::PendingAuth {
        return Err(target::failure(job, target, &live).await);
    }
    let mut repeats = Repeats::default();
    loop {
        let updated = replace(job, target, configuration).await?;
        let settle = async || target::wait_settled(job, target).await?.ok_or_else(|| target::gone(target));
        let shows = |live: &GetGatewayTargetOutput| is_as_new(live.updated_at(), &updated);
        let kept = |live: &GetGatewayTargetOutput| configuration.kept_by(&Configuration::live(live));
        let live = wait_updated(job, &format!("gateway target {target}"), settle, shows, kept).await?;
        if live.settled() == Settled::Ready {
            return Ok(live);
        }
        if !repeats.again(job, &live).await {
            return Err(target::failure(job, target, &live).await);
        }
    }
}

/// Makes the call, once nothing else goes on. Returns when the target was updated.
async fn replace(job: &Job<'_>, target: &TargetRef, configuration: &Configuration) -> Result<DateTime, Error> {
    let mut contention = Contention::default();
    until(job.deadline, "waiting for other operations on the gateway's targets to end", async || {
        let error = match api::update(job, target, configuration).await {
            Ok(Some(updated)) => return Ok(Progress::Done(updated)),
            Ok(None) => return Err(target::gone(target)),
            Err(error) if is_name_taken(&error) || is_contention(&error) => error,
            Err(error) => return Err(error),
        };
        let targets = target::list(job, &target.gateway_id).await?;
        match lookup::holder(job, &target.gateway_id, &targets, &configuration.name).await? {
            lookup::Holder::Other(other) if other != *target => Err(lookup::taken(&configuration.name, &other)),
            _ => contention.wait(error, &targets),
        }
    })
    .await
}
