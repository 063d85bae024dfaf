//! Deadline, retries and polling: the only place in this crate that sleeps, except for the delivery of the answer,
//! which has a time of its own.

use std::future::Future;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::aws::classify;
use crate::error::{ApiError, ApiErrorKind, Error};

/// First and last pause between two attempts of one call.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// The time for which throttling, server errors and lost replies of one call are retried.
const TRANSIENT_TIMEOUT: Duration = Duration::from_mins(3);
/// The time for which a refusal is treated as a policy that has not propagated yet. A role that the same stack created
/// seconds earlier is refused at first. A policy that really lacks the action should still be reported while somebody
/// is looking.
const DENIED_TIMEOUT: Duration = Duration::from_secs(30);

/// The time for which a resource may still appear after CloudFormation cancelled its Create. It is the longest that a
/// Create can run before its call takes effect: two minutes of role propagation, three of transient errors, and some
/// for lists that lag.
pub(crate) const CANCELLED_CREATE_GRACE: Duration = Duration::from_secs(330);

/// The pauses between two polls of a resource. They grow with the time waited: the end of a short operation (up to twelve
/// seconds) is noticed within a second, and a long operation is not polled too often. Get allows 50 calls a second for
/// the account.
const POLL_MIN: Duration = Duration::from_millis(250);
const POLL_MAX: Duration = Duration::from_secs(2);
const POLL_GROWTH: u32 = 12;
/// The time after which polls are [`POLL_SLOW`] apart.
const POLL_SLOW_AFTER: Duration = Duration::from_mins(1);
const POLL_SLOW: Duration = Duration::from_secs(5);

/// The time at which the invocation has to stop working, so that there is still time to answer.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The deadline has come.
#[derive(Debug)]
pub(crate) struct Expired;

impl Deadline {
    /// Returns a deadline `duration` from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Returns this deadline, or `duration` from now if that is earlier.
    pub(crate) fn at_most(self, duration: Duration) -> Self {
        Self(self.0.min(Instant::now() + duration))
    }

    /// Returns true if at most `duration` is left.
    pub(crate) fn is_within(self, duration: Duration) -> bool {
        Instant::now() + duration >= self.0
    }

    /// Returns the output of `future`, or `None` if the deadline comes first.
    pub(crate) async fn limit<T>(self, future: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.0, Box::pin(future)).await.ok()
    }

    /// Sleeps. Returns an error at once, without sleeping, if the deadline comes first.
    pub(crate) async fn sleep(self, duration: Duration) -> Result<(), Expired> {
        if Instant::now() + duration >= self.0 {
            return Err(Expired);
        }
        sleep(duration).await;
        Ok(())
    }
}

/// The result of one poll of a resource.
#[derive(Debug)]
pub(crate) enum Progress<T> {
    /// The resource has settled.
    Done(T),
    /// The operation is still going on.
    Pending {
        /// The status word, for the sentence when time runs out.
        status: String,
        /// The start of the operation, by the resource's own timestamps.
        since: Option<SystemTime>,
    },
}

impl<T> Progress<T> {
    /// Returns that the operation is still going on, without a timestamp of its own.
    pub(crate) fn pending(status: impl Into<String>) -> Self {
        Self::Pending { status: status.into(), since: None }
    }
}

/// The time for which polls of a resource that was seen in progress may fail one after the other for transient reasons:
/// the resource goes on meanwhile, and half an hour of work must not be given up because of minutes of throttling.
const TROUBLE_TIMEOUT: Duration = Duration::from_mins(10);

/// Sends one AWS call, and repeats it after throttling, server errors, lost replies and refusals that propagation
/// explains.
///
/// `attempt` may run many times: it has to be safe to repeat, as calls with client tokens and full-replace calls are.
pub(crate) async fn call<T, E, F, Fut>(deadline: Deadline, operation: &'static str, attempt: F) -> Result<T, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    repeat(deadline, operation, async || once(operation, attempt()).await).await
}

/// Sends one attempt of an AWS call. Logs its success; a refusal is logged by [`repeat`].
pub(crate) async fn once<T, E>(
    operation: &'static str,
    attempt: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, ApiError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let called = Instant::now();
    // On the heap: the SDK's futures are large, and this one is part of many others.
    let answer = Box::pin(attempt).await.map_err(|error| classify(operation, &error))?;
    info!(operation, milliseconds = millis(called), "called");
    Ok(answer)
}

/// Repeats an attempt that calls AWS, in the way of [`call`]. `operation` is the call that the attempt serves: its name
/// is in the sentence when time runs out.
pub(crate) async fn repeat<T>(
    deadline: Deadline,
    operation: &'static str,
    attempt: impl AsyncFn() -> Result<T, ApiError>,
) -> Result<T, Error> {
    let started = Instant::now();
    let mut pause = BACKOFF_MIN;
    loop {
        let called = Instant::now();
        let error = match timeout_at(deadline.0, Box::pin(attempt())).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => return Err(out_of_time(operation, "no answer")),
        };
        let repeat = started.elapsed() < timeout(&error);
        // An attempt may consist of several calls: the log names the one that failed.
        let operation = error.operation;
        // The message stays out of the log: only texts that the handler masks may quote AWS.
        info!(operation, milliseconds = millis(called), kind = ?error.kind, code = error.code.as_deref(), repeat, "refused");
        if !repeat {
            return Err(Error::Api(error));
        }
        if deadline.sleep(pause).await.is_err() {
            let status = error.code.as_deref().unwrap_or("a connection that fails");
            return Err(out_of_time(operation, status));
        }
        pause = (pause * 2).min(BACKOFF_MAX);
    }
}

fn out_of_time(operation: &str, last_status: &str) -> Error {
    Error::OutOfTime {
        doing: format!("calling {operation}"),
        last_status: last_status.to_owned(),
        in_progress_since: None,
    }
}

fn timeout(error: &ApiError) -> Duration {
    match error.kind {
        ApiErrorKind::Throttled | ApiErrorKind::Server | ApiErrorKind::Transport => TRANSIENT_TIMEOUT,
        ApiErrorKind::Denied if error.is_final_denial() => Duration::ZERO,
        ApiErrorKind::Denied => DENIED_TIMEOUT,
        _ => Duration::ZERO,
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Polls until the resource has settled. `doing` completes "ran out of time …". Errors end the wait, except transient
/// ones while the resource is known to be in progress, by its own timestamps.
pub(crate) async fn until<T>(
    deadline: Deadline,
    doing: &str,
    mut look: impl AsyncFnMut() -> Result<Progress<T>, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    let mut seen: Option<(Instant, String, SystemTime)> = None;
    loop {
        let (status, since) = match look().await {
            Ok(Progress::Done(value)) => return Ok(value),
            Ok(Progress::Pending { status, since }) => {
                seen = since.map(|since| (Instant::now(), status.clone(), since));
                (status, since)
            }
            Err(Error::OutOfTime { doing, last_status, in_progress_since }) => {
                let in_progress_since = in_progress_since.or(seen.map(|(_, _, since)| since));
                return Err(Error::OutOfTime { doing, last_status, in_progress_since });
            }
            Err(error) => match &seen {
                Some((at, status, since)) if error.passes() && at.elapsed() < TROUBLE_TIMEOUT => {
                    warn!(doing, status, code = error.code(), "looking again");
                    (status.clone(), Some(*since))
                }
                _ => return Err(error),
            },
        };
        if deadline.sleep(poll_pause(started.elapsed())).await.is_err() {
            warn!(doing, status, "out of time");
            return Err(Error::OutOfTime { doing: doing.to_owned(), last_status: status, in_progress_since: since });
        }
    }
}

/// Polls like [`until`], but gives up with `None` after `timeout`: for something that may never come.
pub(crate) async fn until_within<T>(
    deadline: Deadline,
    timeout: Duration,
    doing: &str,
    mut look: impl AsyncFnMut() -> Result<Progress<T>, Error>,
) -> Result<Option<T>, Error> {
    let started = Instant::now();
    until(deadline, doing, async || {
        let spent = started.elapsed() >= timeout;
        Ok(match look().await? {
            Progress::Done(value) => Progress::Done(Some(value)),
            Progress::Pending { .. } if spent => Progress::Done(None),
            Progress::Pending { status, since } => Progress::Pending { status, since },
        })
    })
    .await
}

/// Sends a call, and repeats it while it is refused with an error that `passes`. The answer to a call that begins after
/// `timeout` is final. `doing` completes "ran out of time …".
pub(crate) async fn while_refused<T>(
    deadline: Deadline,
    timeout: Duration,
    doing: &str,
    passes: impl Fn(&Error) -> bool,
    mut call: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    until(deadline, doing, async || {
        let spent = started.elapsed() >= timeout;
        match call().await {
            Ok(value) => Ok(Progress::Done(value)),
            Err(error) if passes(&error) && !spent => Ok(Progress::pending(error.code().unwrap_or("refused"))),
            Err(error) => Err(error),
        }
    })
    .await
}

fn poll_pause(waited: Duration) -> Duration {
    if waited >= POLL_SLOW_AFTER { POLL_SLOW } else { (waited / POLL_GROWTH).clamp(POLL_MIN, POLL_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_end_is_noticed_within_a_second_up_to_twelve() {
        for ready_after in [300, 3_000, 12_000] {
            let ready_after = Duration::from_millis(ready_after);
            let started = Instant::now();
            until(Deadline::after(Duration::from_mins(15)), "waiting", async || {
                Ok(if started.elapsed() >= ready_after { Progress::Done(()) } else { Progress::pending("CREATING") })
            })
            .await
            .unwrap();
            assert!(started.elapsed() <= ready_after + Duration::from_secs(1), "{:?}", started.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_the_deadline_with_the_last_status() {
        let error = until::<()>(Deadline::after(Duration::from_secs(10)), "waiting for it", async || {
            Ok(Progress::pending("CREATING"))
        })
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "ran out of time waiting for it; the last status was CREATING; repeat the operation"
        );
    }
}
