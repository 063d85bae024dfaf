//! The bounds of requests to an identity provider, and their repetition.

use std::time::Duration;

use crate::code::Code;
use crate::error::Error;
use crate::wait::{Deadline, while_refused};

/// The maximum time to wait for one answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The time for which requests are retried while an IdP does not answer.
pub(crate) const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// Repeats a request while the IdP does not answer: it may only be restarting.
pub(super) async fn with_retries<T>(
    deadline: Deadline,
    request: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    const DOING: &str = "waiting for the identity provider to answer";
    let silent = |error: &Error| matches!(error, Error::Unverified { code: Code::IdpUnreachable, .. });
    let asking = while_refused(deadline, RETRY_TIMEOUT, DOING, silent, request);
    deadline.limit(asking).await.unwrap_or_else(|| {
        let last_status = "no answer".to_owned();
        Err(Error::OutOfTime { doing: DOING.to_owned(), last_status, in_progress_since: None })
    })
}

/// Returns true if the same request may get another status later.
pub(crate) fn is_passing(status: u16) -> bool {
    status >= 500 || status == 429
}
