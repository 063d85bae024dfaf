//! Runs a built bootstrap as Lambda does: an environment of its own, the Runtime API on loopback, a warm process
//! between invocations, a kill at the deadline, a fresh process after a crash.
//!
//! This is a real process, so it needs real time: the emulated clock must read the present and must not be paused.

mod process;
mod record;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use self::process::{Delivery, Process};
use self::record::{Record, lock};
use super::{Function, Invocation};
use crate::aws::Aws;
use crate::service::Principal;

/// Lambda's default, which the template does not change in a way that a process could feel: memory is not limited here.
const MEMORY_MEGABYTES: &str = "128";
/// The search path of a Lambda execution environment.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/bin";

/// A function whose code is an executable file.
///
/// One process serves one invocation at a time and stays warm afterwards; invocations that overlap start further
/// processes. A process whose configuration (role or environment) has changed since is not used again. Dropping the
/// last clone kills every process.
#[derive(Clone, Debug)]
pub struct RuntimeApi(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    aws: Aws,
    network: BTreeMap<String, String>,
    program: PathBuf,
    idle: Mutex<Vec<Process>>,
    record: Arc<Record>,
}

impl RuntimeApi {
    /// Creates a function that runs `program`. The program finds the account by the variables in `network`: those that the
    /// proxy to the account's host names gives.
    pub fn new(
        aws: &Aws,
        network: impl IntoIterator<Item = (&'static str, String)>,
        program: impl AsRef<Path>,
    ) -> Self {
        let network = network.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // The process runs in the program's folder, where a relative path would point elsewhere.
        let program = std::path::absolute(program.as_ref()).unwrap_or_else(|_| program.as_ref().to_owned());
        let record = Arc::default();
        Self(Arc::new(Inner { aws: aws.clone(), network, program, idle: Mutex::default(), record }))
    }

    /// Returns every line written to standard output or standard error so far, in order of arrival. Complete after
    /// [`Self::stop`].
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        lock(&self.0.record.logs).clone()
    }

    /// Returns, for each process, the time from its start to its first request for an event.
    #[must_use]
    pub fn starts(&self) -> Vec<Duration> {
        lock(&self.0.record.starts).clone()
    }

    /// Returns the largest resident set size of any process after any of its invocations, in bytes (`VmHWM` of
    /// `/proc/<pid>/status`). `None` before the first invocation, and on systems without `/proc`.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        *lock(&self.0.record.peak_memory)
    }

    /// Kills the idle processes and waits until all they wrote has been read. The next invocation starts a new one.
    pub async fn stop(&self) {
        let idle = std::mem::take(&mut *lock(&self.0.idle));
        for process in idle {
            process.kill().await;
        }
    }

    async fn run(self, invocation: Invocation) -> Result<(), String> {
        let inner = &*self.0;
        let environment = self.environment(&invocation);
        let time_limit = invocation.deadline.duration_since(inner.aws.clock().now()).unwrap_or_default();
        let mut process = match self.warm(&environment) {
            Some(process) => process,
            None => Process::start(&inner.program, environment, Arc::clone(&inner.record))
                .await
                .map_err(|error| format!("{} cannot be started: {error}", inner.program.display()))?,
        };
        let delivery = Delivery {
            request_id: invocation.request_id,
            payload: invocation.payload.into(),
            deadline: invocation.deadline,
            function_arn: invocation.function_arn,
        };
        let outcome = tokio::time::timeout(time_limit, process.deliver(delivery)).await;
        process.note_memory();
        if outcome.is_ok() && process.is_alive() {
            lock(&inner.idle).push(process);
        } else {
            process.kill().await;
        }
        outcome.unwrap_or_else(|_| Err(format!("Task timed out after {:.2} seconds", time_limit.as_secs_f64())))
    }

    /// Takes an idle process with exactly this environment. Idle ones with another configuration are ended.
    fn warm(&self, environment: &BTreeMap<String, String>) -> Option<Process> {
        let mut idle = lock(&self.0.idle);
        idle.retain_mut(|process| process.is_alive() && process.environment() == environment);
        idle.pop()
    }

    /// Returns the environment that Lambda documents for a function on an OS-only runtime. `AWS_EXECUTION_ENV` is not
    /// part of it: that one exists on managed runtimes alone.
    fn environment(&self, invocation: &Invocation) -> BTreeMap<String, String> {
        let inner = &*self.0;
        let name = invocation.function_arn.rsplit(':').next().unwrap_or_default();
        let region = &inner.aws.settings().region;
        let role = Principal::Role(invocation.role_arn.clone());
        let credentials = inner.aws.credentials(&role);
        let folder = inner.program.parent().unwrap_or(Path::new("/"));
        let mut environment: BTreeMap<String, String> = [
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
            ("AWS_SESSION_TOKEN", credentials.session_token),
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MEGABYTES.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]00000000000000000000000000000000".to_owned()),
            ("LAMBDA_TASK_ROOT", folder.display().to_string()),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("PATH", SEARCH_PATH.to_owned()),
            ("TZ", ":UTC".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(inner.network.clone());
        environment.extend(invocation.environment.clone());
        environment
    }
}

impl Function for RuntimeApi {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Result<(), String>> {
        self.clone().run(invocation).boxed()
    }
}

#[cfg(test)]
mod tests;
