//! The stack that a request is about, as CloudFormation describes it: if it is in progress, and if an update is being
//! undone, which no request says.
//!
//! Calls: DescribeStacks, once per Create and Update, and a few times during a rotation.

use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;
use tracing::{info, warn};

use crate::error::{ApiErrorKind, Error};
use crate::event::RequestType;
use crate::job::Job;
use crate::wait::{Progress, until, until_within};

/// The time for which a stack that is not found or not in progress is looked at again. CloudFormation promises no
/// consistency between its events and its API.
const LAG: Duration = Duration::from_secs(10);

/// Refuses a request that CloudFormation cannot have sent, because its stack does not exist or is not in progress.
/// Whoever may invoke the function could otherwise make it read secrets and create resources for a stack of their
/// choice.
///
/// A Create is refused, too, if the function may not ask. An Update goes on: refusing it would refuse its rollback as
/// well, and the stack would end in `UPDATE_ROLLBACK_FAILED`. A Delete is not asked about: it reads no secret, and it
/// deletes nothing that is not the stack's own.
pub(crate) async fn check_in_progress(job: &Job<'_>) -> Result<(), Error> {
    let mut last = None;
    let found = until_within(job.deadline, LAG, "waiting for the stack to be in progress", async || {
        match status(job).await? {
            Some(status) if is_in_progress(&status) => return Ok(Progress::Done(status)),
            other => last = other,
        }
        Ok(Progress::pending("not in progress"))
    });
    match found.await {
        Ok(Some(status)) => {
            info!(status = status.as_str(), "the stack's status");
            job.stack.note(status);
            Ok(())
        }
        Ok(None) => {
            let state = last.map_or("does not exist".to_owned(), |status| format!("is in {status}"));
            let problem = format!(
                "`StackId` is a stack that {state}, so CloudFormation did not send this event; nothing was done"
            );
            Err(Error::InvalidEvent { problem })
        }
        Err(error) if error.is(ApiErrorKind::Denied) && job.request_type == RequestType::Update => {
            warn!(
                "going on, although it is not known if the stack is in progress: cloudformation:DescribeStacks is denied"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Waits until no operation on the stack is in progress, at most for `timeout`. Returns false if the stack does not exist,
/// is being deleted, or has nothing but resources that were rolled back.
pub(crate) async fn wait_until_complete(job: &Job<'_>, timeout: Duration) -> Result<bool, Error> {
    until(job.deadline.at_most(timeout), "waiting for the operation on the stack to end", async || {
        Ok(match status(job).await? {
            Some(status) if is_gone(&status) => Progress::Done(false),
            Some(status) if is_in_progress(&status) => Progress::pending(status.as_str()),
            Some(_) => Progress::Done(true),
            None => Progress::Done(false),
        })
    })
    .await
}

/// Returns true if an operation on the stack is in progress, or if the stack was deleted.
pub(crate) async fn is_changing(job: &Job<'_>) -> Result<bool, Error> {
    Ok(status(job).await?.is_none_or(|status| is_in_progress(&status) || is_gone(&status)))
}

fn is_gone(status: &StackStatus) -> bool {
    let word = status.as_str();
    word.starts_with("DELETE_") || word.starts_with("REVIEW_") || word.starts_with("ROLLBACK_")
}

/// Describes the stack. Returns `None` if it does not exist.
async fn status(job: &Job<'_>) -> Result<Option<StackStatus>, Error> {
    let request = job.context.cloudformation().describe_stacks().stack_name(&job.requester.stack_id);
    match job.call("cloudformation:DescribeStacks", || request.clone().send()).await {
        Ok(answer) => Ok(answer.stacks().first().and_then(|stack| stack.stack_status().cloned())),
        Err(error) if error.is(ApiErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A stack in `REVIEW_IN_PROGRESS` has a change set and no resources.
fn is_in_progress(status: &StackStatus) -> bool {
    status.as_str().ends_with("_IN_PROGRESS") && *status != StackStatus::ReviewInProgress
}

/// Passes on the result of a check outside the stack: of an identity provider, a server, a client's secret.
///
/// Returns `None` for a check that failed while CloudFormation undoes an update. The configuration that the rollback
/// restores was checked when it was new. If the world has changed since, a refusal repairs nothing: it only ends in
/// `UPDATE_ROLLBACK_FAILED`, where the stack takes no further update.
pub(crate) fn unless_rolling_back<T>(job: &Job<'_>, checked: Result<T, Error>) -> Result<Option<T>, Error> {
    match checked {
        Ok(value) => Ok(Some(value)),
        Err(error @ (Error::OutOfTime { .. } | Error::Bug(_))) => Err(error),
        Err(error) if is_rolling_back(job) => {
            // The sentence may quote a secret, and only the answer is masked.
            let code = if let Error::Unverified { code, .. } = error { code.as_str() } else { "other" };
            warn!(code, "a check failed; going on, because the stack is being rolled back");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Returns true if this request undoes an update. Returns false if CloudFormation did not say.
pub(crate) fn is_rolling_back(job: &Job<'_>) -> bool {
    job.stack.is_rolling_back(job.request_type).unwrap_or(false)
}
