//! Workload identities. Their identifier is their name. They have no status: each call is done when it is answered.
//!
//! Calls: CreateWorkloadIdentity, GetWorkloadIdentity, UpdateWorkloadIdentity, DeleteWorkloadIdentity.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use aws_sdk_bedrockagentcorecontrol::operation::create_workload_identity::builders::CreateWorkloadIdentityFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::update_workload_identity::builders::UpdateWorkloadIdentityFluentBuilder;

use super::named_noun::{Common, NamedLive, NamedNoun, WithoutStatus};
use super::none_if_not_found;
use super::put::{Governed, put};
use crate::error::Error;
use crate::job::Job;

/// A workload identity as AgentCore describes it in the answer to a Create, a Get or an Update.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) return_urls: BTreeSet<String>,
    pub(crate) common: Common,
}

/// Reads the members that the answers to all three calls have. The SDK's types have no trait in common.
macro_rules! identity {
    ($answer:expr, $created:expr, $last_updated:expr) => {{
        let answer = &$answer;
        Identity {
            return_urls: answer.allowed_resource_oauth2_return_urls().iter().cloned().collect(),
            common: Common {
                name: answer.name().to_owned(),
                arn: answer.workload_identity_arn().to_owned(),
                created: $created,
                last_updated: $last_updated,
            },
        }
    }};
}

/// Creates an identity. If the call is repeated after it took effect, it is refused because the name is taken.
pub(crate) async fn create(job: &Job<'_>, request: CreateWorkloadIdentityFluentBuilder) -> Result<Identity, Error> {
    let answer = job.call("bedrock-agentcore:CreateWorkloadIdentity", || request.clone().send()).await?;
    Ok(identity!(answer, None, None))
}

/// Replaces the `governed` members of the identity. Returns `None` if it does not exist.
pub(crate) async fn update(
    job: &Job<'_>,
    name: &str,
    request: UpdateWorkloadIdentityFluentBuilder,
    governed: &'static Governed,
) -> Result<Option<Identity>, Error> {
    let request = request.name(name);
    let get = job.context.agentcore.get_workload_identity().name(name);
    let get = ("bedrock-agentcore:GetWorkloadIdentity", |watch| get.clone().customize().interceptor(watch).send());
    let update =
        ("bedrock-agentcore:UpdateWorkloadIdentity", |kept| request.clone().customize().interceptor(kept).send());
    let answer = none_if_not_found(put(job, name, governed, get, update).await)?;
    Ok(answer.map(|answer| identity!(answer, Some(*answer.created_time()), Some(*answer.last_updated_time()))))
}

/// The bounds of a name (API reference, CreateWorkloadIdentity), in characters.
pub(crate) const NAME_CHARS: RangeInclusive<usize> = 3..=255;

/// Returns true for a name that matches `[A-Za-z0-9_.-]{3,255}` (API reference, CreateWorkloadIdentity).
pub(crate) fn is_name(name: &str) -> bool {
    NAME_CHARS.contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// Workload identities that calls create. Those of runtimes and gateways have no tags of ours, and so are never ours.
pub(crate) struct WorkloadIdentity;

impl NamedNoun for WorkloadIdentity {
    const NOUN: &'static str = "workload identity";
    const NAME_ADVICE: &'static str =
        "choose another `Name`, leave it out so that one is derived, or delete that identity";
    type Live = Identity;

    fn is_name(name: &str) -> bool {
        is_name(name)
    }

    async fn get(job: &Job<'_>, name: &str) -> Result<Option<Identity>, Error> {
        let request = job.context.agentcore.get_workload_identity().name(name);
        let call = || request.clone().customize().interceptor(job.last_gets.record(name)).send();
        let answer = none_if_not_found(job.call("bedrock-agentcore:GetWorkloadIdentity", call).await)?;
        Ok(answer.map(|answer| identity!(answer, Some(*answer.created_time()), Some(*answer.last_updated_time()))))
    }

    async fn delete(job: &Job<'_>, name: &str) -> Result<Option<()>, Error> {
        let request = job.context.agentcore.delete_workload_identity().name(name);
        let answer = job.call("bedrock-agentcore:DeleteWorkloadIdentity", || request.clone().send()).await;
        none_if_not_found(answer.map(|_| ()))
    }
}

impl NamedLive for Identity {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl WithoutStatus for Identity {}
