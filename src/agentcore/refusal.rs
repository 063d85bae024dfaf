//! The meaning of the control plane's refusals, whatever they are about, and the time for which each is tolerated.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ApiError, ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, while_refused};

/// The time for which a new role is refused: "Role validation failed" (terraform-provider-aws waits as long).
const ROLE_TIMEOUT: Duration = Duration::from_mins(2);
/// The time for which a conflict is tolerated while no change is under way.
const CONFLICT_TIMEOUT: Duration = Duration::from_mins(2);

/// Sends a call and repeats it while a new role propagates.
pub(super) async fn waiting_for_role<T>(
    job: &Job<'_>,
    call: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    while_refused(job.deadline, ROLE_TIMEOUT, "waiting for the role to propagate", is_about_role, call).await
}

/// The conflicts that one operation has met. A conflict is another change under way, which ends; a conflict without a
/// change is a refusal.
#[derive(Debug, Default)]
pub(super) struct Conflict {
    since: Option<Instant>,
}

impl Conflict {
    /// Tolerates a conflict while something is `changing`, and for two minutes without that. After that, `error` is
    /// final.
    pub(super) fn tolerate<T>(
        &mut self,
        error: Error,
        changing: bool,
        pending: Progress<T>,
    ) -> Result<Progress<T>, Error> {
        if changing {
            self.since = None;
            return Ok(pending);
        }
        match *self.since.get_or_insert_with(Instant::now) {
            since if since.elapsed() < CONFLICT_TIMEOUT => Ok(pending),
            _ => Err(error),
        }
    }
}

/// Returns true if the name is taken (ConflictException, or ValidationException with reason ResourceConflict) or the
/// token is known. The owner of the name then decides.
pub(super) fn is_name_taken(error: &Error) -> bool {
    let taken = |error: &ApiError| error.mentions("ResourceConflict") || error.mentions("already exists");
    error.is(ApiErrorKind::Conflict) || is_token_known(error) || error.api().is_some_and(taken)
}

/// Returns true if the token belongs to a request with other parameters (reason IdempotentParameterMismatchException).
pub(super) fn is_token_known(error: &Error) -> bool {
    error.api().is_some_and(|error| error.mentions("IdempotentParameterMismatch"))
}

/// Returns true if the secret of a credential provider that was deleted a moment ago is still being deleted. It has the
/// name of the new provider's secret.
pub(super) fn is_secret_vanishing(error: &Error) -> bool {
    error.api().is_some_and(|error| error.kind == ApiErrorKind::Other && error.mentions("deletion"))
}

/// Returns true if a role cannot be assumed or used yet: "Role validation failed for '…'. Please verify that the role
/// exists and its trust policy allows assumption by this service", and "Access denied while validating ECR URI '…'", as
/// terraform-provider-aws observed them for runtimes. For gateways the words are not known: any refusal that mentions
/// assuming counts.
fn is_about_role(error: &Error) -> bool {
    let words = ["Role validation failed", "while validating ECR URI", "assume"];
    let speaks_of_it = |error: &ApiError| words.into_iter().any(|word| error.mentions(word));
    error
        .api()
        .is_some_and(|error| error.kind == ApiErrorKind::Other && speaks_of_it(error) && !error.is_final_denial())
}
