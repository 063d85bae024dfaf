//! Finds out if CloudFormation is undoing an update. No request says so, but the stack's status does.
//!
//! Calls: DescribeStacks, only if a check has failed an Update, or if undoing differs from updating.

use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;
use tracing::{info, warn};

use crate::error::Error;
use crate::event::RequestType;
use crate::job::Job;
use crate::wait;

/// The maximum time of the question. The failure that it is about is already certain, so the question must not use up
/// the time of the answer.
const PATIENCE: Duration = Duration::from_secs(45);

/// Passes on the result of a check outside the stack: of an identity provider, a server, a client's secret.
///
/// Returns `None` for a check that failed while CloudFormation undoes an update. The configuration that the rollback
/// restores was checked when it was new. If the world has changed since, a refusal repairs nothing: it only ends in
/// `UPDATE_ROLLBACK_FAILED`, where the stack takes no further update.
pub(crate) async fn unless_rolling_back<T>(job: &Job<'_>, checked: Result<T, Error>) -> Result<Option<T>, Error> {
    match checked {
        Ok(value) => Ok(Some(value)),
        Err(error @ (Error::OutOfTime { .. } | Error::Bug(_))) => Err(error),
        Err(error) if is_rolling_back(job).await => {
            // The sentence may quote a secret, and only the answer is masked.
            let code = if let Error::Unverified { code, .. } = error { code.as_str() } else { "other" };
            warn!(code, "a check failed; going on, because the stack is being rolled back");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Asks CloudFormation if this request undoes an update. Returns false if CloudFormation cannot be asked.
pub(crate) async fn is_rolling_back(job: &Job<'_>) -> bool {
    undoes_update(job).await.unwrap_or(false)
}

/// Asks CloudFormation if this request undoes an update. Returns `None` if it cannot be asked.
pub(crate) async fn undoes_update(job: &Job<'_>) -> Option<bool> {
    if job.request.request_type != RequestType::Update {
        return Some(false);
    }
    let request = job.context.cloudformation().describe_stacks().stack_name(&job.requester().stack_id);
    let deadline = job.deadline.at_most(PATIENCE);
    let answer = wait::call(deadline, "cloudformation:DescribeStacks", || request.clone().send()).await.ok()?;
    let status = answer.stacks().first().and_then(|stack| stack.stack_status());
    info!(status = status.map(StackStatus::as_str), "the stack's status");
    status.map(|status| *status == StackStatus::UpdateRollbackInProgress)
}
