//! A function whose code runs in this process.

use std::fmt;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use super::{Function, Invocation};

/// Runs code that need not be able to move between threads: it stays on the thread that created it, as a deployed
/// function on a current-thread runtime does.
#[derive(Clone)]
pub struct InProcess(mpsc::UnboundedSender<Delivery>);

struct Delivery {
    invocation: Invocation,
    reply: oneshot::Sender<Result<(), String>>,
}

impl InProcess {
    /// Runs `code` once for each delivery; deliveries may overlap.
    ///
    /// # Panics
    /// Outside a [`tokio::task::LocalSet`].
    pub fn new<Code, Run>(code: Code) -> Self
    where
        Code: Fn(Invocation) -> Run + 'static,
        Run: Future<Output = Result<(), String>> + 'static,
    {
        let (sender, mut deliveries) = mpsc::unbounded_channel();
        spawn_local(async move {
            while let Some(Delivery { invocation, mut reply }) = deliveries.recv().await {
                let run = code(invocation);
                spawn_local(async move {
                    tokio::select! {
                        biased;
                        outcome = run => drop(reply.send(outcome)),
                        // The deadline has passed: nobody waits, and Lambda kills the function.
                        () = reply.closed() => {}
                    }
                });
            }
        });
        Self(sender)
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl Function for InProcess {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Result<(), String>> {
        let (reply, outcome) = oneshot::channel();
        let sent = self.0.send(Delivery { invocation, reply });
        async move {
            // The function's task ends with its thread's LocalSet; its code ends without a reply when it panics.
            sent.map_err(|_| "the function's thread has ended".to_owned())?;
            outcome.await.unwrap_or_else(|_| Err("the function panicked".to_owned()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::rc::Rc;
    use std::time::{Duration, SystemTime};

    use tokio::task::LocalSet;
    use tokio::time::{sleep, timeout};

    use super::*;

    fn event(payload: &str) -> Invocation {
        Invocation {
            request_id: String::new(),
            payload: payload.into(),
            deadline: SystemTime::UNIX_EPOCH,
            function_arn: String::new(),
            role_arn: String::new(),
            environment: BTreeMap::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn code_that_stays_on_its_thread_can_be_invoked_from_any_task() {
        let count = Rc::new(Cell::new(0));
        let counter = Rc::clone(&count);
        let run = async {
            let function = InProcess::new(move |invocation| {
                counter.set(counter.get() + invocation.payload.len());
                async { Ok(()) }
            });
            let invoked = tokio::spawn(function.invoke(event("four")));
            assert_eq!(invoked.await.expect("it does not panic"), Ok(()));
        };
        LocalSet::new().run_until(run).await;
        assert_eq!(count.get(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn code_is_dropped_when_nobody_waits_for_it_any_more() {
        let finished = Rc::new(Cell::new(false));
        let flag = Rc::clone(&finished);
        let run = async {
            let function = InProcess::new(move |_| {
                let flag = Rc::clone(&flag);
                async move {
                    sleep(Duration::from_secs(10)).await;
                    flag.set(true);
                    Ok(())
                }
            });
            timeout(Duration::from_secs(1), function.invoke(event(""))).await.expect_err("it takes longer");
            sleep(Duration::from_mins(1)).await;
        };
        LocalSet::new().run_until(run).await;
        assert!(!finished.get());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_failed_invocation_and_the_next_one_runs() {
        let run = async {
            let function = InProcess::new(|invocation| async move {
                assert!(invocation.payload != b"bad", "a bad event");
                Ok(())
            });
            assert_eq!(function.invoke(event("bad")).await, Err("the function panicked".to_owned()));
            assert_eq!(function.invoke(event("good")).await, Ok(()));
        };
        LocalSet::new().run_until(run).await;
    }
}
