//! Checks that do not stop a rollback. No request says that it undoes an update, but the stack's status does.

use tracing::warn;

use crate::error::Error;
use crate::job::Job;

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
    job.stack.is_rolling_back(job.request.request_type).unwrap_or(false)
}
