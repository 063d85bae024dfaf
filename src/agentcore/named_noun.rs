//! Resources of AgentCore Identity, whose identifier is their name: credential providers and workload identities. Their
//! calls have no idempotency token, so that what exists decides what a repeated call means.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;

use super::ownership::{self, Ownership};
use super::provisioned::Provisioned;
use super::waiters::{Live, NOT_FOUND_TIMEOUT, Phase, joined};
use crate::error::{ApiErrorKind, Error};
use crate::event::RequestType;
use crate::job::Job;

/// The members that all of them have in the answers to a Create, a Get and an Update.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) name: String,
    pub(crate) arn: String,
    /// `None` in the answer to a Create, like the next.
    pub(crate) created: Option<DateTime>,
    pub(crate) last_updated: Option<DateTime>,
}

/// A resource whose identifier is its name, as AgentCore describes it.
pub(crate) trait NamedLive {
    /// Returns the members that all of them have.
    fn common(&self) -> &Common;
}

/// A noun whose identifier is the resource's name: its calls, each safe to repeat.
pub(crate) trait NamedNoun {
    /// The noun in a sentence: `workload identity`.
    const NOUN: &'static str;
    /// The remedy if somebody else holds the name.
    const NAME_ADVICE: &'static str;
    /// The answer to a Get.
    type Live: NamedLive + Live;

    /// Returns true for a name that AgentCore accepts.
    fn is_name(name: &str) -> bool;
    /// Gets the resource. Returns `None` if it does not exist.
    async fn get(job: &Job<'_>, name: &str) -> Result<Option<Self::Live>, Error>;
    /// Starts the deletion. Returns `None` if there is nothing to delete.
    async fn delete(job: &Job<'_>, name: &str) -> Result<Option<()>, Error>;
    /// Returns true if a refusal may pass: another change is under way.
    fn is_conflict(error: &Error) -> bool {
        error.is(ApiErrorKind::Conflict)
    }
}

impl<N: NamedNoun> Provisioned for N {
    const NOUN: &'static str = N::NOUN;
    const NAME_ADVICE: &'static str = N::NAME_ADVICE;
    /// A search is a Get, which lags less than a list.
    const SEARCH_TIMEOUT: Duration = NOT_FOUND_TIMEOUT;
    type Id = String;
    type Name = String;
    type Live = N::Live;

    async fn get(job: &Job<'_>, name: &String) -> Result<Option<N::Live>, Error> {
        N::get(job, name).await
    }

    async fn named(_: &Job<'_>, name: &String) -> Result<Option<Vec<String>>, Error> {
        Ok(Some(vec![name.clone()]))
    }

    /// AgentCore may refuse to list the tags of these, whose ARNs do not match the model's pattern of taggable ones.
    async fn ownership(job: &Job<'_>, live: &N::Live) -> Result<Option<Ownership>, Error> {
        ownership::by_tags_if_listed(job, &live.common().arn).await
    }

    async fn delete(job: &Job<'_>, name: &String) -> Result<Option<()>, Error> {
        N::delete(job, name).await
    }

    fn name(name: &String, _: &N::Live) -> String {
        name.clone()
    }

    fn holder(name: &String, _: &String) -> String {
        format!("{} named {name}", N::NOUN)
    }

    fn is_ours_unproven(job: &Job<'_>, live: &N::Live) -> bool {
        is_ours_by_name(job, live)
    }

    fn is_from_request(job: &Job<'_>, live: &N::Live) -> bool {
        was_created_since_request(job, live)
    }

    fn is_conflict(error: &Error) -> bool {
        N::is_conflict(error)
    }
}

/// A resource without a status: each call about it is done when it is answered.
pub(crate) trait WithoutStatus: NamedLive {}

impl<T: WithoutStatus> Live for T {
    fn phase(&self) -> Phase {
        Phase::Ready
    }

    fn status_name(&self) -> String {
        "READY".to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        time(self.common().last_updated)
    }

    fn reasons(&self) -> String {
        joined::<&str>(&[])
    }

    fn creation_failed(&self) -> bool {
        false
    }
}

/// The maximum length of a credential provider's name (API reference, CreateOauth2CredentialProvider), in characters.
pub(crate) const PROVIDER_NAME_CHARS_MAX: usize = 128;

/// Returns true for a name that matches `[a-zA-Z0-9\-_]{1,128}` (API reference, CreateOauth2CredentialProvider and
/// CreateApiKeyCredentialProvider).
pub(crate) fn is_provider_name(name: &str) -> bool {
    (1..=PROVIDER_NAME_CHARS_MAX).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// Decides if a resource without listed tags is ours. Nobody else derives a name from this stack's id. Moreover, a Create
/// adopts only a resource that was created after its request.
fn is_ours_by_name(job: &Job<'_>, live: &impl NamedLive) -> bool {
    job.requester.is_derived_name(&live.common().name)
        && (job.request_type != RequestType::Create || was_created_since_request(job, live))
}

fn was_created_since_request(job: &Job<'_>, live: &impl NamedLive) -> bool {
    job.requested_at.zip(time(live.common().created)).is_some_and(|(requested, created)| created >= requested)
}

/// Returns a time of AgentCore's as the clock's.
pub(super) fn time(at: Option<DateTime>) -> Option<SystemTime> {
    at.and_then(|at| at.try_into().ok())
}
