//! The synchronization of a gateway target, in which the gateway asks the server for its tools.
//!
//! Calls: SynchronizeGatewayTargets, GetGatewayTarget; ListGatewayTargets only if another operation is in the way.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::ListingMode;
use tokio::time::Instant;

use super::conflict::Conflict;
use super::gateway_target::{GatewayTarget, TargetRef, mcp_server};
use super::provisioned::{self, Provisioned};
use super::target_failure::failure;
use super::waiters::{Live, Phase, Repeats};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, until};

/// The time for which a Get may show the target as it was before a synchronization.
const TAKES_EFFECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns true if the gateway keeps a list of the server's tools. It does not if a schema names the tools, or if every
/// request of a caller lists them again.
pub(crate) fn can_synchronize(live: &GetGatewayTargetOutput) -> bool {
    mcp_server(live).is_some_and(|server| {
        server.mcp_tool_schema().is_none() && server.listing_mode().is_none_or(|mode| *mode == ListingMode::Default)
    })
}

/// Lets the gateway list the server's tools again, and waits until it has. May run twice.
pub(crate) async fn synchronize(job: &Job<'_>, target: &TargetRef) -> Result<GetGatewayTargetOutput, Error> {
    let live = attempt(job, target).await?;
    if live.phase() == Phase::Ready { Ok(live) } else { Err(failure(job, target, &live).await) }
}

/// Lets the gateway list the server's tools again, and returns the target as that left it. Repeats a synchronization that
/// failed, if another attempt may succeed. May run twice.
///
/// # Errors
/// The target was deleted, or AWS refuses a call.
pub(crate) async fn attempt(job: &Job<'_>, target: &TargetRef) -> Result<GetGatewayTargetOutput, Error> {
    let mut repeats = Repeats::after(GatewayTarget::REPEATS);
    loop {
        let live = synchronize_once(job, target).await?;
        if live.phase() == Phase::Ready || !GatewayTarget::may_pass(&live) || !repeats.again(job).await {
            return Ok(live);
        }
    }
}

async fn synchronize_once(job: &Job<'_>, target: &TargetRef) -> Result<GetGatewayTargetOutput, Error> {
    let gone = || provisioned::gone::<GatewayTarget>(target);
    let settled = async || provisioned::wait_settled::<GatewayTarget>(job, target).await?.ok_or_else(gone);
    let before = settled().await?;
    if before.phase() == Phase::AwaitingConsent {
        return Ok(before);
    }
    let TargetRef { gateway_id, target_id } = target;
    let request = job.context.agentcore.synchronize_gateway_targets();
    let request = request.gateway_identifier(gateway_id).target_id_list(target_id);
    let mut conflict = Conflict::default();
    until(job.deadline, "waiting for other operations on the gateway's targets to end", async || {
        match job.call("bedrock-agentcore:SynchronizeGatewayTargets", || request.clone().send()).await {
            Ok(_) => Ok(Progress::Done(())),
            Err(error) if GatewayTarget::is_conflict(&error) => {
                let busy = GatewayTarget::is_busy(job, &GatewayTarget::name(target, &before)).await?;
                conflict.tolerate(error, busy, Progress::pending("another operation on the gateway"))
            }
            Err(error) if error.is(ApiErrorKind::NotFound) => Err(gone()),
            Err(error) => Err(error),
        }
    })
    .await?;
    let started = Instant::now();
    until(job.deadline, &format!("waiting for the synchronization of gateway target {target}"), async || {
        let live = settled().await?;
        let seen = |live: &GetGatewayTargetOutput| {
            (live.status().clone(), live.last_synchronized_at().copied(), *live.updated_at())
        };
        // A Get may lag behind the synchronization.
        if seen(&live) == seen(&before) && started.elapsed() < TAKES_EFFECT_TIMEOUT {
            return Ok(live.pending());
        }
        Ok(Progress::Done(live))
    })
    .await
}
