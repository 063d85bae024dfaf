//! Bringing a target of ours to the wanted configuration.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use tokio::time::Instant;

use super::configuration::Configuration;
use super::{api, lookup};
use crate::agentcore::is_name_taken;
use crate::agentcore::target::{self, Contention, Repeats, Settled, TargetRef, is_contention, settled};
use crate::error::Error;
use crate::job::Job;
use crate::wait::{Progress, until};

/// A Get may show what was before an update for a moment.
const TAKES_EFFECT_PATIENCE: Duration = Duration::from_mins(1);

/// Whether nothing is left to do.
pub(super) fn is_in_place(live: &GetGatewayTargetOutput, configuration: &Configuration) -> bool {
    settled(live.status()) == Settled::Ready && Configuration::live(live) == *configuration
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
    if settled(live.status()) == Settled::PendingAuth {
        return Err(target::failure(job, target, &live).await);
    }
    let former = Configuration::live(&live);
    let mut repeats = Repeats::default();
    loop {
        replace(job, target, configuration, &former).await?;
        let live = taken_effect(job, target, configuration).await?;
        if settled(live.status()) == Settled::Ready {
            return Ok(live);
        }
        if !repeats.again(job, &live).await {
            return Err(target::failure(job, target, &live).await);
        }
    }
}

/// Makes the call, once nothing else goes on.
async fn replace(
    job: &Job<'_>,
    target: &TargetRef,
    configuration: &Configuration,
    former: &Configuration,
) -> Result<(), Error> {
    let mut contention = Contention::default();
    until(job.deadline, "waiting for other operations on the gateway's targets to end", async || {
        let error = match api::update(job, target, configuration, former).await {
            Ok(Some(())) => return Ok(Progress::Done(())),
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

async fn taken_effect(
    job: &Job<'_>,
    target: &TargetRef,
    configuration: &Configuration,
) -> Result<GetGatewayTargetOutput, Error> {
    let started = Instant::now();
    until(job.deadline, &format!("waiting for the update of gateway target {target}"), async || {
        let live = target::wait_settled(job, target).await?.ok_or_else(|| target::gone(target))?;
        let kept = configuration.kept_by(&Configuration::live(&live));
        if settled(live.status()) != Settled::Ready || kept.is_empty() {
            return Ok(Progress::Done(live));
        }
        if started.elapsed() < TAKES_EFFECT_PATIENCE {
            return Ok(target::pending(&live));
        }
        Err(Error::TerminalStatus {
            what: format!("gateway target {target}"),
            status: live.status().as_str().to_owned(),
            reasons: format!("AgentCore accepted the update and kept the former {}; repeat it", kept.join(" and ")),
        })
    })
    .await
}
