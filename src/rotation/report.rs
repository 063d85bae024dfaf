//! Reports a rotation: one line in the log, and a metric in CloudWatch's embedded format.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};
use tracing::{error, info, warn};

use super::notice::Notice;
use super::outcome::Rotated;
use crate::logging;

/// The metrics' namespace.
const NAMESPACE: &str = "AgentCoreProvisioner";

/// The event that is reported.
#[derive(Debug)]
pub(crate) struct Report {
    started: SystemTime,
    /// The stack, if the event names one.
    stack_id: Option<String>,
    /// The secret, if the event could be decoded.
    secret: Option<String>,
}

impl Report {
    pub(super) fn new(started: SystemTime, notice: &Notice) -> Self {
        Self { started, stack_id: Some(notice.stack_id.clone()), secret: Some(notice.secret_arn.clone()) }
    }

    pub(super) fn undecoded(started: SystemTime, stack_id: Option<String>) -> Self {
        Self { started, stack_id, secret: None }
    }

    /// Reports a success. An event that changed nothing has no metric.
    pub(crate) fn succeeded(&self, rotated: &Rotated, now: SystemTime) {
        let Self { stack_id, secret, .. } = self;
        let milliseconds = self.milliseconds(now);
        if let Some(reason) = rotated.idle {
            info!(StackId = stack_id, secret, reason, milliseconds, "UNCHANGED: nothing to rotate");
            return;
        }
        let (runtimes, providers) = (rotated.runtimes.join(", "), rotated.providers.join(", "));
        info!(StackId = stack_id, secret, runtimes, providers, milliseconds, "ROTATED");
        self.measure(false, now);
    }

    /// Reports a failure. `reason` is masked.
    pub(crate) fn failed(&self, done: &Rotated, reason: &str, now: SystemTime) {
        let Self { stack_id, secret, .. } = self;
        let (runtimes, providers) = (done.runtimes.join(", "), done.providers.join(", "));
        let milliseconds = self.milliseconds(now);
        error!(StackId = stack_id, secret, reason, runtimes, providers, milliseconds, "ROTATION FAILED");
        self.measure(true, now);
    }

    /// Reports what a delivery has found before it leaves the rest to the next one. The event is measured when it ends.
    pub(crate) fn interrupted(&self, done: &Rotated, reason: &str, now: SystemTime) {
        let Self { stack_id, secret, .. } = self;
        let (runtimes, providers) = (done.runtimes.join(", "), done.providers.join(", "));
        let milliseconds = self.milliseconds(now);
        warn!(StackId = stack_id, secret, reason, runtimes, providers, milliseconds, "ROTATION INTERRUPTED");
    }

    fn milliseconds(&self, now: SystemTime) -> u64 {
        let passed = now.duration_since(self.started).unwrap_or_default();
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes the metrics. Their dimension is the stack's name, so that an event without a stack has none.
    fn measure(&self, failed: bool, now: SystemTime) {
        let Some(stack_id) = &self.stack_id else { return };
        let name = stack_id.split('/').nth(1).unwrap_or_default();
        logging::metric(&metric(name, failed, self.milliseconds(now), now));
    }
}

/// Returns a line in the embedded metric format (CloudWatch user guide, embedded metric format specification). It has the
/// members by which Lambda filters lines in JSON (Lambda developer guide, log level filtering).
fn metric(stack_name: &str, failed: bool, milliseconds: u64, now: SystemTime) -> Value {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let count = |name: &str| json!({"Name": name, "Unit": "Count"});
    let duration = json!({"Name": "RotationDuration", "Unit": "Milliseconds"});
    json!({
        "timestamp": DateTime::from(now).fmt(Format::DateTime).unwrap_or_default(),
        "level": if failed { "ERROR" } else { "INFO" },
        "_aws": {
            "Timestamp": u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["StackName"]],
                "Metrics": [count("Rotations"), count("RotationFailures"), duration],
            }],
        },
        "StackName": stack_name,
        "Rotations": u8::from(!failed),
        "RotationFailures": u8::from(failed),
        "RotationDuration": milliseconds,
    })
}
