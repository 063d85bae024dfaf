//! One request or rotation at work, with everything that a resource module needs to know of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::SystemTime;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::Context;
use crate::error::{ApiError, ApiErrorKind, Error, Failure};
use crate::event::RequestType;
use crate::last_get::LastGets;
use crate::requester::Requester;
use crate::sensitive::Mask;
use crate::stack_status::StatusCell;
use crate::text::quote;
use crate::wait::{self, Deadline};

/// One request, with the clients and the time to fulfil it. The rotation of a secret is an update that nobody requested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    /// Clients and clock.
    pub context: &'a Context,
    /// The ids from which names, tokens and ownership follow.
    pub requester: &'a Requester,
    /// The operation.
    pub request_type: RequestType,
    /// When CloudFormation sent the request, if its response URL tells, or when the rotation began.
    pub requested_at: Option<SystemTime>,
    /// The time at which work has to stop.
    pub deadline: Deadline,
    /// The secret values met so far.
    pub mask: &'a Mask,
    /// The answer to the last Get of AgentCore.
    pub last_gets: &'a LastGets,
    /// The stack, as CloudFormation described it at the beginning.
    pub stack: &'a StatusCell,
}

/// The result of a lifecycle function.
pub(crate) type Outcome = Result<Success, Failure>;

/// The resource that exists now.
#[derive(Clone, Debug)]
pub(crate) struct Success {
    /// The answer's `PhysicalResourceId`.
    pub physical_id: String,
    /// The attributes for `Fn::GetAtt`. They hold nothing secret.
    pub attributes: BTreeMap<&'static str, String>,
}

impl Success {
    /// Returns success without attributes: a finished Delete.
    pub(crate) fn deleted(physical_id: impl Into<String>) -> Self {
        Self { physical_id: physical_id.into(), attributes: BTreeMap::new() }
    }
}

impl Job<'_> {
    /// Puts somebody else's words in quotes. They are masked before `quote` cuts them, because the rest of a secret
    /// value would no longer be recognised.
    #[must_use]
    pub(crate) fn quote(&self, words: &str) -> String {
        quote(&self.mask.apply_to_foreign(words))
    }

    /// Sends one AWS call: see [`wait::call`].
    pub(crate) async fn call<T, E, F, Fut>(&self, operation: &'static str, attempt: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let answer = wait::call(self.deadline, operation, attempt).await;
        answer.map_err(|error| match (error, self.context.endpoints.doubt(&self.context.region)) {
            (Error::Api(error), Some(doubt)) if error.kind == ApiErrorKind::Transport => {
                Error::Api(ApiError { message: format!("{}; {doubt}", error.message), ..error })
            }
            (error, _) => error,
        })
    }
}
