//! `Custom::AgentCoreWorkloadIdentity`: the identity with which an agent outside of AgentCore Runtime asks AgentCore
//! Identity for tokens. Those of runtimes and gateways come and go with them, and are never changed.
//!
//! Calls: CreateWorkloadIdentity, GetWorkloadIdentity, UpdateWorkloadIdentity, DeleteWorkloadIdentity,
//! ListTagsForResource, TagResource, UntagResource. Identifier: the identity's name. Replaces: `Name`. Everything else
//! updates in place, as a full replace.

use crate::event::RawProperties;
use crate::job::{Job, Outcome};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::resource::named;

mod desired;
mod governed;
mod properties;

use properties::Properties;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct WorkloadIdentity;

impl Lifecycle for WorkloadIdentity {
    const TYPE: &'static str = "Custom::AgentCoreWorkloadIdentity";
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        named::name(properties, requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        named::create(job, properties).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        named::update(job, physical_id, properties, old).await
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        named::delete::<Properties>(job, physical_id, raw).await
    }
}
