//! Resources of AgentCore Identity, whose identifier is their name: credential providers and workload identities. Their
//! calls have no idempotency token, so that what exists decides what a repeated call means.

use std::time::SystemTime;

use aws_smithy_types::DateTime;

use super::waiters::{Live, Phase, joined};
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

/// Decides if a resource without listed tags is ours. Nobody else derives a name from this stack's id. Moreover, a Create
/// adopts only a resource that was created after its request.
pub(super) fn is_ours_by_name(job: &Job<'_>, live: &impl NamedLive) -> bool {
    let Common { name, created, .. } = live.common();
    let requested = || job.requested_at().zip(time(*created)).is_some_and(|(requested, created)| created >= requested);
    job.requester().is_derived_name(name) && (job.request_type != RequestType::Create || requested())
}

/// Returns a time of AgentCore's as the clock's.
pub(super) fn time(at: Option<DateTime>) -> Option<SystemTime> {
    at.and_then(|at| at.try_into().ok())
}
