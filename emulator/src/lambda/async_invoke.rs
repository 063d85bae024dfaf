//! Asynchronous invocation: the event waits in Lambda's queue, is delivered, and delivered again after a failure.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep, timeout};

use super::{Function, Invocation};
use crate::clock::Clock;

/// Lambda's waits before the first and the second retry after a function error.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

/// A function as Lambda knows it. [`FunctionConfiguration::new`] has Lambda's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfiguration {
    /// The function's ARN.
    pub arn: String,
    /// ARN of the role it runs as.
    pub role_arn: String,
    /// The time that one delivery may run; then it is killed.
    pub timeout: Duration,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The number of retries of a failed delivery, 0 to 2.
    pub maximum_retry_attempts: u32,
    /// The time that an event may wait in all, 60 s to 6 h.
    pub maximum_event_age: Duration,
}

impl FunctionConfiguration {
    /// Creates a function with Lambda's defaults: 3 s, two retries, six hours.
    #[must_use]
    pub fn new(arn: String, role_arn: String) -> Self {
        Self {
            arn,
            role_arn,
            timeout: Duration::from_secs(3),
            environment: BTreeMap::new(),
            maximum_retry_attempts: 2,
            maximum_event_age: Duration::from_hours(6),
        }
    }
}

/// One delivery, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The time at which it began.
    pub started: SystemTime,
    /// The time at which it ended.
    pub ended: SystemTime,
    /// Its result: after an error Lambda retries.
    pub outcome: Result<(), String>,
}

/// Delivers one event until the function succeeds, the retries are used up or the event is too old.
///
/// `configuration` is asked before every delivery: an update of the function between two of them takes effect, and once
/// it gives nothing, because the function was deleted, the event is dropped. `record` hears of every delivery as it ends.
pub async fn invoke_async(
    function: Arc<dyn Function>,
    clock: Clock,
    request_id: String,
    payload: Vec<u8>,
    configuration: impl Fn() -> Option<FunctionConfiguration> + Send,
    record: impl Fn(Attempt) + Send,
) {
    let queued = Instant::now();
    for retry in 0.. {
        let Some(known) = configuration() else { return };
        let started = clock.now();
        let invocation = Invocation {
            request_id: request_id.clone(),
            payload: payload.clone(),
            deadline: started + known.timeout,
            function_arn: known.arn,
            role_arn: known.role_arn,
            environment: known.environment,
        };
        // Dropping the future is the kill; a panic that escapes is a crash of the function, not of the emulator.
        let run = async { function.invoke(invocation).await };
        let outcome = match timeout(known.timeout, AssertUnwindSafe(run).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(format!("the function panicked: {}", panic_text(panic.as_ref()))),
            Err(_) => Err(format!("Task timed out after {:.2} seconds", known.timeout.as_secs_f64())),
        };
        let failed = outcome.is_err();
        record(Attempt { started, ended: clock.now(), outcome });
        let Some(delay) = RETRY_DELAYS.get(retry).filter(|_| failed) else { return };
        let retries_max = usize::try_from(known.maximum_retry_attempts).unwrap_or(RETRY_DELAYS.len());
        if retry >= retries_max || queued.elapsed() + *delay > known.maximum_event_age {
            return;
        }
        sleep(*delay).await;
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;

    use super::*;

    /// Fails, panics or hangs on its first deliveries, then succeeds.
    struct Flaky(Mutex<Vec<&'static str>>);

    impl Function for Flaky {
        fn invoke(&self, _: Invocation) -> BoxFuture<'static, Result<(), String>> {
            let next = self.0.lock().expect("not poisoned").pop();
            Box::pin(async move {
                match next {
                    Some("panic") => panic!("by design"),
                    Some("hang") => std::future::pending().await,
                    Some(error) => Err(error.to_owned()),
                    None => Ok(()),
                }
            })
        }
    }

    /// Invokes a function; returns the start of each attempt in seconds, and its outcome.
    async fn attempts(
        behaviour: &[&'static str],
        change: impl Fn(&mut FunctionConfiguration),
    ) -> Vec<(u64, Result<(), String>)> {
        let clock = Clock::starting_at(SystemTime::UNIX_EPOCH);
        let mut configuration = FunctionConfiguration::new("arn".to_owned(), "role".to_owned());
        change(&mut configuration);
        let log = Mutex::new(Vec::new());
        let behaviour = behaviour.iter().rev().copied().collect();
        let function = Arc::new(Flaky(Mutex::new(behaviour)));
        let configured = || Some(configuration.clone());
        let record = |attempt: Attempt| {
            let started = attempt.started.duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch").as_secs();
            log.lock().expect("not poisoned").push((started, attempt.outcome));
        };
        invoke_async(function, clock, "id".to_owned(), Vec::new(), configured, record).await;
        log.into_inner().expect("not poisoned")
    }

    #[tokio::test(start_paused = true)]
    async fn success_ends_it() {
        assert_eq!(attempts(&[], |_| ()).await, [(0, Ok(()))]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_retried_after_one_and_two_minutes() {
        let found = attempts(&["crash", "hang", "crash"], |_| ()).await;
        let starts: Vec<u64> = found.iter().map(|(started, _)| *started).collect();
        assert_eq!(starts, [0, 60, 60 + 3 + 120]);
        assert_eq!(found[1].1, Err("Task timed out after 3.00 seconds".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_failure_of_the_function() {
        let found = attempts(&["panic"], |_| ()).await;
        assert_eq!(found, [(0, Err("the function panicked: by design".to_owned())), (60, Ok(()))]);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_and_age_are_limited() {
        assert_eq!(attempts(&["a", "b"], |function| function.maximum_retry_attempts = 0).await.len(), 1);
        let young = |function: &mut FunctionConfiguration| function.maximum_event_age = Duration::from_secs(100);
        assert_eq!(attempts(&["a", "b"], young).await.len(), 2);
    }
}
