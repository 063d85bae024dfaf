//! One request at work: what every resource module needs to know of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::SystemTime;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::Context;
use crate::error::{ApiError, ApiErrorKind, Error, Failure};
use crate::event::Request;
use crate::last_get::LastGets;
use crate::requester::Requester;
use crate::sensitive::Mask;
use crate::text::quote;
use crate::wait::{self, Deadline};

/// One request, with the clients to fulfil it and the time there is.
#[derive(Debug)]
pub struct Job<'a> {
    /// Clients and clock.
    pub context: &'a Context,
    /// The decoded request.
    pub request: &'a Request,
    /// When to stop working.
    pub deadline: Deadline,
    /// The secret values met so far.
    pub mask: &'a Mask,
    /// The answer to the last Get of AgentCore.
    pub(crate) last_gets: &'a LastGets,
}

/// How a lifecycle function ends.
pub type Outcome = Result<Success, Failure>;

/// What exists now.
#[derive(Clone, Debug)]
pub struct Success {
    /// The answer's `PhysicalResourceId`.
    pub physical_id: String,
    /// What `Fn::GetAtt` offers. Nothing secret.
    pub attributes: BTreeMap<&'static str, String>,
}

impl Success {
    /// Success without attributes: a finished Delete.
    #[must_use]
    pub fn deleted(physical_id: impl Into<String>) -> Self {
        Self { physical_id: physical_id.into(), attributes: BTreeMap::new() }
    }
}

impl Job<'_> {
    /// Who asks.
    #[must_use]
    pub fn requester(&self) -> &Requester {
        &self.request.recipient.requester
    }

    /// When CloudFormation made the request, where its response URL tells.
    #[must_use]
    pub fn requested_at(&self) -> Option<SystemTime> {
        self.request.recipient.url.signed_at()
    }

    /// Somebody else's words in quotes: masked before [`quote`] cuts them, because the rest of a secret value would not be
    /// recognised any more.
    #[must_use]
    pub fn quote(&self, words: &str) -> String {
        quote(&self.mask.apply(words))
    }

    /// Makes one AWS call: see [`wait::call`].
    pub async fn call<T, E, F, Fut>(&self, operation: &'static str, attempt: F) -> Result<T, Error>
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
