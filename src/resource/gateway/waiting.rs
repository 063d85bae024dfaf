//! Waiting for a gateway until it has settled.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use tokio::time::Instant;

use super::api::{self, Settled};
use crate::error::Error;
use crate::job::Job;
use crate::wait::{Progress, until};

/// A gateway just created may not be found for a moment.
const NOT_FOUND_PATIENCE: Duration = Duration::from_secs(15);
/// Whether a change of the gateway is under way.
pub(super) fn is_changing(live: &GetGatewayOutput) -> bool {
    api::settled(live.status()) == Settled::No
}

/// Waits until the gateway is in no transition any more. `None` if there is none (any more).
pub(super) async fn wait_settled(job: &Job<'_>, id: &str) -> Result<Option<GetGatewayOutput>, Error> {
    let started = Instant::now();
    let mut seen = false;
    until(job.deadline, &format!("waiting for gateway {id}"), async || {
        Ok(match api::get(job, id).await? {
            None if !seen && started.elapsed() < NOT_FOUND_PATIENCE => Progress::pending("not found"),
            None => Progress::Done(None),
            Some(live) if is_changing(&live) => {
                seen = true;
                pending(&live)
            }
            Some(live) => Progress::Done(Some(live)),
        })
    })
    .await
}

/// Still going on, by the gateway's own word and timestamps.
pub(super) fn pending<T>(live: &GetGatewayOutput) -> Progress<T> {
    Progress::Pending { status: live.status().as_str().to_owned(), since: api::in_progress_since(live) }
}

/// Ended in failure, by the gateway's own reasons.
pub(super) fn failed_status(live: &GetGatewayOutput) -> Error {
    let reasons = live.status_reasons().join("; ");
    Error::TerminalStatus {
        what: format!("gateway {}", live.gateway_id()),
        status: live.status().as_str().to_owned(),
        reasons: if reasons.is_empty() { "the service gives no reason".to_owned() } else { reasons },
    }
}
