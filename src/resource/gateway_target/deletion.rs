//! The end of a target.

use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::TargetStatus;
use tokio::time::Instant;

use super::api;
use crate::agentcore::target::{self, Contention, TargetRef, is_contention, reasons};
use crate::agentcore::{Live, Settled, pending};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, until};

/// A target may show any status of before for so long while its deletion starts; longer, and the deletion has failed.
const STARTING_PATIENCE: Duration = Duration::from_mins(2);

/// What a target was when its deletion began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// It worked, or it was not there.
    Settled,
    /// It had failed, or somebody else was deleting it already.
    Failed,
}

/// Deletes a target of ours and waits until it is gone. What is in transition refuses to be deleted, which is waited
/// through. A gateway that is gone took its targets along.
pub(super) async fn delete(job: &Job<'_>, target: &TargetRef) -> Result<Deleted, Error> {
    let mut asked: Option<(Instant, SystemTime)> = None;
    let mut was = Deleted::Settled;
    let mut contention = Contention::default();
    until(job.deadline, &format!("waiting for gateway target {target} to be deleted"), async || {
        let Some(live) = target::get(job, target).await? else { return Ok(Progress::Done(was)) };
        if asked.is_none() && matches!(live.status(), TargetStatus::Failed | TargetStatus::Deleting) {
            was = Deleted::Failed;
        }
        // The target's own timestamps tell of its last update, not of this.
        let deleting = |since| Ok(Progress::Pending { status: live.status().as_str().to_owned(), since });
        match (live.status(), asked) {
            (TargetStatus::Deleting, asked) => return deleting(asked.map(|(_, at)| at).or(job.requested_at())),
            (status, Some((since, at))) => {
                // One that had failed before shows that for a while.
                let failed = *status == TargetStatus::Failed && was == Deleted::Settled;
                let spent = since.elapsed() >= STARTING_PATIENCE;
                return if failed || spent { Err(undeleted(target, &live)) } else { deleting(Some(at)) };
            }
            (_, None) => {}
        }
        match api::delete(job, target).await {
            Ok(Some(())) => {
                let at = job.context.now();
                asked = Some((Instant::now(), at));
                deleting(Some(at))
            }
            Ok(None) => Ok(Progress::Done(was)),
            Err(error) if is_contention(&error) => match live.settled() {
                Settled::PendingAuth => Err(unattended(target, &live, &error)),
                Settled::No => Ok(pending(&live)),
                _ => contention.wait(error, &target::list(job, &target.gateway_id).await?),
            },
            Err(error) if live.settled() == Settled::PendingAuth => Err(unattended(target, &live, &error)),
            // A policy that goes by the gateway's tags denies what has lost them by being gone.
            Err(error) if error.is(ApiErrorKind::Denied) && target::get(job, target).await?.is_none() => {
                Ok(Progress::Done(was))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

fn undeleted(target: &TargetRef, live: &GetGatewayTargetOutput) -> Error {
    Error::TerminalStatus {
        what: format!("the deletion of gateway target {} ({target})", live.name()),
        status: live.status().as_str().to_owned(),
        reasons: format!("{}; repeat it", reasons(live.status_reasons())),
    }
}

/// A target that waits for a person cannot be changed; the consent it waits for expires after ten minutes (developer
/// guide, MCP server targets).
fn unattended(target: &TargetRef, live: &GetGatewayTargetOutput, error: &Error) -> Error {
    Error::TerminalStatus {
        what: format!("the deletion of gateway target {} ({target})", live.name()),
        status: live.status().as_str().to_owned(),
        reasons: format!(
            "it waits for a person to sign in and refuses to be deleted ({error}); sign in, or wait ten minutes until \
             that expires, and delete again"
        ),
    }
}
