//! CloudWatch Logs: what containers print, and reading it.
//!
//! A log group comes with the first line printed into it and outlives the container that printed it. If AWS's behaviour
//! is open, the less convenient one is chosen: events are missing from reads for
//! [`Settings::log_lag`](crate::settings::Settings::log_lag), and a search without a start time begins with an empty
//! page.

mod access;
mod read;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use self::access::{group_of, to_print};
pub use self::state::Logs;
use crate::service::{Answer, ApiError, Call};

impl Logs {
    /// Executes one validated and authorized call.
    pub(crate) fn call(&self, call: &Call) -> Answer {
        match call.operation {
            "DescribeLogStreams" => self.describe_log_streams(call),
            "FilterLogEvents" => self.filter_log_events(call),
            "GetLogEvents" => self.get_log_events(call),
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the emulator's CloudWatch Logs has no operation `{other}`"),
            )),
        }
    }
}
