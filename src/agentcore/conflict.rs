//! The control plane's refusals that may pass, and the time for which each is tolerated.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::refusal::Refusal;
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
    let is_about_role = |error: &Error| Refusal::RoleNotReady.explains(error);
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

/// Returns true if the name is taken or the token is known. The owner of the name then decides.
pub(super) fn is_name_taken(error: &Error) -> bool {
    error.is(ApiErrorKind::Conflict) || error.is(ApiErrorKind::TokenReused) || Refusal::NameTaken.explains(error)
}
