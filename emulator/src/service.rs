//! The shape of every service in the emulator: synchronous, ordered state that answers one validated call at a time.
//!
//! Values in inputs and outputs are JSON by member name, as in the service's messages. A timestamp has the format of the
//! service model: a number in Secrets Manager ([`timestamp`]), an ISO 8601 string in AgentCore. A blob is a base64
//! string, and an absent member is absent, never `null`.

use std::fmt;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value, json};

/// A service with an API of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceId {
    /// AWS Secrets Manager.
    SecretsManager,
    /// The control plane of Amazon Bedrock AgentCore.
    AgentCoreControl,
    /// The data plane of Amazon Bedrock AgentCore. Answers HTTP requests only.
    AgentCore,
    /// Amazon CloudWatch Logs.
    Logs,
    /// AWS CloudFormation, as far as a function asks about its stack.
    CloudFormation,
    /// AWS Security Token Service, as far as a caller asks who it is.
    Sts,
}

impl ServiceId {
    /// Every service, in a fixed order.
    pub const ALL: [Self; 6] =
        [Self::SecretsManager, Self::AgentCoreControl, Self::AgentCore, Self::Logs, Self::CloudFormation, Self::Sts];

    /// Returns the service's name in botocore and the AWS CLI.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::AgentCoreControl => "bedrock-agentcore-control",
            Self::AgentCore => "bedrock-agentcore",
            Self::Logs => "logs",
            Self::CloudFormation => "cloudformation",
            Self::Sts => "sts",
        }
    }
}

/// The caller of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// An IAM role, by ARN: every call is checked against its policies.
    Role(String),
    /// The account's administrator: allowed everything. Tests and CloudFormation itself act as this principal.
    Administrator,
    /// Whoever a bearer token stands for, by its `sub` claim: calls runtimes, and nothing else.
    Bearer(String),
}

/// The credentials that a principal signs with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`
    pub session_token: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The end of the asynchronous operation that a call starts. A call that starts none ignores it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeds after the usual time.
    #[default]
    Normal,
    /// After the usual time it ends in the operation's failed state (`CREATE_FAILED`, `UPDATE_FAILED`, `DELETE_FAILED`)
    /// with this failure reason.
    Failed(String),
    /// It never leaves its transitional state (`CREATING`, `UPDATING`, `DELETING`).
    Stuck,
}

/// One call, after authentication, routing and validation against the service model.
#[derive(Clone, Debug)]
pub struct Call {
    /// The caller.
    pub principal: Principal,
    /// The operation's name in the service model, `CreateAgentRuntime`.
    pub operation: &'static str,
    /// The modelled input, members from the URI, the query and the body together.
    pub input: Map<String, Value>,
    /// The emulated wall-clock time of the call.
    pub now: SystemTime,
    /// Set by a fault: how the asynchronous operation that this call starts will end.
    pub outcome: Outcome,
}

/// An error a service answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error's shape name, `ValidationException`.
    pub code: &'static str,
    /// The text AWS would send.
    pub message: String,
    /// `ValidationException` of AgentCore carries a reason; other errors leave it out.
    pub reason: Option<&'static str>,
}

impl ApiError {
    /// Creates an error without a reason member.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), reason: None }
    }
}

/// The result of a call: the modelled output as JSON.
pub type Answer = Result<Value, ApiError>;

/// Formats a timestamp as `unixTimestamp`: seconds since the epoch, with milliseconds.
#[must_use]
pub fn timestamp(time: SystemTime) -> Value {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Seconds and milliseconds apart, because a float computed from both at once would carry noise in its last digits.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit in 52 bits for 140,000 years")]
    let seconds = since_epoch.as_millis() as f64 / 1000.0;
    Value::from(seconds)
}

/// Formats a timestamp as AgentCore's control plane does: ISO 8601 text.
pub(crate) fn iso8601(time: SystemTime) -> Value {
    // A time outside the years 1 to 9999 has no such text; the clock never shows one.
    json!(DateTime::from(time).fmt(Format::DateTime).unwrap_or_default())
}
