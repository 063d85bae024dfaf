//! The reasons why work stopped, each as a sentence that a template author can act on.

use std::time::SystemTime;
use std::{error, fmt};

use crate::code::Code;
use crate::denial::Denial;

/// The kind of AWS's answer, which decides who deals with the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// AWS asks for fewer calls: the same call may succeed later.
    Throttled,
    /// The service failed: the same call may succeed later.
    Server,
    /// No usable answer arrived. The call may or may not have had its effect.
    Transport,
    /// The call is not allowed. The policy may not have propagated yet, unless `ApiError::is_final_denial` says
    /// otherwise.
    Denied,
    /// The resource that the call named does not exist.
    NotFound,
    /// The resource is in transition or, in AgentCore, its name is taken.
    Conflict,
    /// Secrets Manager or CloudWatch Logs has a resource of this name, or a version of this token, already.
    Exists,
    /// The idempotency token belongs to a request with other parameters.
    TokenReused,
    /// The state of the secret does not allow the call, because of its deletion for example.
    InvalidState,
    /// A quota is used up.
    QuotaExceeded,
    /// Anything else: the same call would fail again.
    Other,
}

/// An error that an AWS call ended with.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// `service:Operation`, as in an IAM action.
    pub operation: &'static str,
    /// The kind, which decides how the error is treated.
    pub kind: ApiErrorKind,
    /// The error's code, where AWS sent one.
    pub code: Option<String>,
    /// AWS's own message.
    pub message: String,
}

impl ApiError {
    /// Returns true if a policy refuses the call for good, so that waiting for propagation does not help.
    pub(crate) fn is_final_denial(&self) -> bool {
        Denial::read(&self.message).is_final()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, kind, code, message } = self;
        let code = code.as_deref().unwrap_or("no error code");
        match kind {
            ApiErrorKind::Denied => {
                let advice = Denial::read(message).advice();
                write!(f, "not allowed to call {operation}: {message} ({code}); {advice}")
            }
            ApiErrorKind::Throttled => {
                write!(f, "{operation} was throttled for three minutes ({code}: {message}); try again later")
            }
            ApiErrorKind::Server => {
                write!(f, "{operation} kept failing inside AWS ({code}: {message}); try again later")
            }
            ApiErrorKind::Transport => write!(
                f,
                "{operation} got no answer ({message}); check that the function's network reaches the endpoint"
            ),
            _ => {
                write!(f, "{operation} was refused: {message} ({code})")
            }
        }
    }
}

/// The reason why work stopped.
#[derive(Clone, Debug)]
pub enum Error {
    /// The request does not have the form of CloudFormation's requests.
    InvalidEvent {
        /// The problem and the remedy.
        problem: String,
    },
    /// The function's own environment cannot be used.
    Misconfigured {
        /// The problem and the remedy.
        problem: String,
    },
    /// A property's value cannot be used.
    InvalidProperty {
        /// The property's name in the template.
        name: String,
        /// The value that was found and the remedy.
        problem: String,
    },
    /// An AWS call ended with an error.
    Api(ApiError),
    /// A resource settled in a state that is not the desired one.
    TerminalStatus {
        /// `runtime my_server`.
        what: String,
        /// The status word.
        status: String,
        /// The service's reasons.
        reasons: String,
    },
    /// The invocation's time ran out while something was still going on.
    OutOfTime {
        /// The object of the wait.
        doing: String,
        /// The last status seen.
        last_status: String,
        /// The time since which the resource has been in progress, from its own timestamps.
        in_progress_since: Option<SystemTime>,
    },
    /// Somebody else changed a resource, so that what was found before says nothing about it.
    Superseded {
        /// `runtime my_server`.
        what: String,
    },
    /// A resource of that name exists and carries no proof that this stack created it.
    NotOurs {
        /// `runtime named my_server (my_server-abc…)`.
        what: String,
        /// The remedy.
        advice: String,
    },
    /// A resource cannot be deleted because others depend on it.
    InUse {
        /// `gateway mcp-abc…`.
        what: String,
        /// The dependents' names, as part of the sentence.
        dependents: String,
    },
    /// A created resource does not pass its verification.
    Unverified {
        /// The word for programs.
        code: Code,
        /// The sentence for people.
        sentence: String,
    },
    /// A defect of this function.
    Bug(String),
}

impl Error {
    /// Creates the error of a property's value that cannot be used. `problem` says what was found and what to do.
    pub(crate) fn property(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidProperty { name: name.into(), problem: problem.into() }
    }

    /// Creates the error of a required property that is not given.
    pub(crate) fn missing_property(name: &str) -> Self {
        Self::property(name, "is missing; set it")
    }

    /// Creates the error of a verification that did not pass.
    pub(crate) fn unverified(code: Code, sentence: impl Into<String>) -> Self {
        Self::Unverified { code, sentence: sentence.into() }
    }

    /// Returns the API error inside, if there is one.
    pub(crate) fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the word for programs, if AWS or a verification has given one.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.code.as_deref(),
            Self::Unverified { code, .. } => Some(code.as_str()),
            _ => None,
        }
    }

    /// Returns true if the call that failed may still have had its effect.
    pub(crate) fn leaves_effect_unclear(&self) -> bool {
        matches!(self, Self::OutOfTime { .. }) || self.is(ApiErrorKind::Transport) || self.is(ApiErrorKind::Server)
    }

    /// Returns true if a call failed for a transient reason, which says nothing about its request: the same call may
    /// succeed later.
    pub(crate) fn passes(&self) -> bool {
        [ApiErrorKind::Throttled, ApiErrorKind::Server, ApiErrorKind::Transport].into_iter().any(|kind| self.is(kind))
    }

    /// Returns true if the same work may succeed later: a call failed for a transient reason, somebody was busy or did not
    /// answer, something else came first, or time ran out.
    pub(crate) fn may_succeed_later(&self) -> bool {
        match self {
            Self::OutOfTime { .. } | Self::Superseded { .. } => true,
            Self::Unverified { code, .. } => code.may_pass_later(),
            _ => self.passes(),
        }
    }

    /// Returns true if this is an API error of that kind.
    pub(crate) fn is(&self, kind: ApiErrorKind) -> bool {
        self.api().is_some_and(|error| error.kind == kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidEvent { problem } | Self::Misconfigured { problem } => f.write_str(problem),
            Self::InvalidProperty { name, problem } => write!(f, "`{name}` {problem}"),
            Self::Api(error) => write!(f, "{error}"),
            Self::TerminalStatus { what, status, reasons } => write!(f, "{what} ended in {status}: {reasons}"),
            Self::OutOfTime { doing, last_status, .. } => {
                write!(f, "ran out of time {doing}; the last status was {last_status}; repeat the operation")
            }
            Self::Superseded { what } => {
                write!(f, "{what} was changed by another operation in the meantime; repeat the operation")
            }
            Self::NotOurs { what, advice } => write!(f, "a {what} exists and belongs to someone else; {advice}"),
            Self::InUse { what, dependents } => {
                write!(f, "{what} still has {dependents}, which are not this resource's; delete them and repeat")
            }
            Self::Unverified { sentence, .. } => f.write_str(sentence),
            Self::Bug(what) => write!(f, "this is a defect of the provisioner: {what}; the function's log has details"),
        }
    }
}

/// Without a source: the sentence has what the SDK's error says, and that error holds the request and the answer, which
/// no log may show.
impl error::Error for Error {}

/// An [`Error`] together with the identifier known so far, which the Delete of a rollback needs.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The reason why work stopped.
    pub error: Error,
    /// The identifier of the resource that exists by now. `None` keeps the identifier that the request came with.
    pub physical_id: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, physical_id: None }
    }
}

impl Error {
    /// Adds an identifier that the answer has to carry.
    pub(crate) fn with_id(self, physical_id: impl Into<String>) -> Failure {
        Failure { error: self, physical_id: Some(physical_id.into()) }
    }
}

/// Returns the innermost cause of an error: "Connection refused (os error 111)". The layers above it name parts of the
/// HTTP client.
pub(crate) fn root_cause(error: &(dyn error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
