//! Lambda's asynchronous invocation: delivery, the deadline, the kill at the deadline, and two retries.

pub mod async_invoke;
pub mod in_process;
pub mod runtime_api;

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use futures_util::future::BoxFuture;

/// One delivery of an event to a function.
#[derive(Clone)]
pub struct Invocation {
    /// Lambda's own request id: the same for every retry of one event.
    pub request_id: String,
    /// The event, as CloudFormation wrote it.
    pub payload: Vec<u8>,
    /// The time at which Lambda will kill the function.
    pub deadline: SystemTime,
    /// The function's ARN.
    pub function_arn: String,
    /// ARN of the role the function runs as.
    pub role_arn: String,
    /// The function's configured environment variables.
    pub environment: BTreeMap<String, String>,
}

impl fmt::Debug for Invocation {
    // The payload may hold secrets and the response URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// Something that runs a function's code once per delivery: in this process, or as a process of its own.
///
/// An error is what Lambda would count as a failed invocation: a function error, a crash, a time-out.
pub trait Function: Send + Sync + 'static {
    /// Runs one delivery to its end.
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Result<(), String>>;
}
