//! `Custom::AgentCoreRuntime`: an AgentCore Runtime that hosts a container.
//!
//! Calls: CreateAgentRuntime, GetAgentRuntime, UpdateAgentRuntime, DeleteAgentRuntime, ListTagsForResource,
//! TagResource, UntagResource. GetResourcePolicy, PutResourcePolicy and DeleteResourcePolicy only if a property asks or
//! asked for a policy; calls of CloudWatch Logs only if a property asks or asked for the log group. ListAgentRuntimes only
//! if a name has to be looked up. GetSecretValue only for `CredentialDelivery` EnvironmentVariables and before a container's
//! log is quoted. FilterLogEvents if the runtime's container did not start. Identifier: the runtime's id. Replaces:
//! `AgentRuntimeName`. Everything else updates in place, as a full replace.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::types::WorkloadIdentityDetails;

use crate::agentcore::deletion;
use crate::agentcore::engine;
use crate::agentcore::ownership::converge_tags;
use crate::agentcore::provisioned::{self, Found};
use crate::agentcore::runtime::{Runtime as Noun, V1, log_group_name, mcp_url, name_in_id};
use crate::error::Error;
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::{Requester, pending_name};
use crate::resource::lifecycle::Lifecycle;
use crate::stack::unless_rolling_back;

mod configuration;
mod desired;
mod environment;
mod failure;
mod governed;
mod headers;
mod log_group;
mod platform;
mod preflight;
mod properties;
mod resource_policy;
mod rotation;

use desired::DesiredRuntime;
use log_group::LogGroup;
use properties::{Properties, default_name};

pub(crate) use properties::CredentialDelivery;
pub(crate) use rotation::{Rotation, RotationOutcome, put_back, rotate, unchanged};

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct Runtime;

impl Lifecycle for Runtime {
    const TYPE: &'static str = "Custom::AgentCoreRuntime";
    const ATTRIBUTES: &'static [&'static str] = &[
        "AgentRuntimeId",
        "AgentRuntimeArn",
        "AgentRuntimeVersion",
        "McpUrl",
        "WorkloadIdentityArn",
        "LogGroupName",
        "PlatformVersion",
    ];
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        create(job, &DesiredRuntime::new(job, &properties, None).await?).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let desired = &DesiredRuntime::new(job, &properties, old.as_ref()).await?;
        let name = properties.name(job.requester);
        if name_in_id(physical_id).is_none_or(|current| current != name) {
            return create(job, desired).await;
        }
        // The rollback of a rename that was cancelled, or whose answer got lost.
        let former = old.as_ref().map(|old| old.name(job.requester)).filter(|former| *former != name);
        if let Some(former) = former {
            let abandoned = deletion::delete_abandoned::<Noun>(job, &former).await?;
            let deletes_log = old.as_ref().and_then(|old| old.log_group.as_ref()).is_some_and(LogGroup::is_deleted);
            if let Some(id) = abandoned.filter(|_| deletes_log) {
                log_group::delete(job, &id).await?;
            }
        }
        // The runtime was deleted outside of the stack: it is created again, and the new id makes CloudFormation forget
        // the old one.
        let Some(found) = provisioned::current::<Noun>(job, &physical_id.to_owned()).await? else {
            return create(job, desired).await;
        };
        let found = Box::pin(engine::converge(job, desired, found)).await?;
        Ok(finish(job, &found, &properties, old.as_ref()).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        let id = name_in_id(physical_id).map(|_| physical_id.to_owned());
        let name = || {
            let pending = pending_name(physical_id).map(str::to_owned);
            Some(pending.or_else(|| raw.text("AgentRuntimeName")).unwrap_or_else(|| default_name(job.requester)))
        };
        let deleted = deletion::delete_requested::<Noun>(job, physical_id, id, name).await?;
        if let Some(id) = deleted.filter(|_| log_group::asks_for_deletion(raw)) {
            log_group::delete(job, &id).await?;
        }
        Ok(Success::deleted(physical_id))
    }
}

async fn create(job: &Job<'_>, desired: &DesiredRuntime<'_>) -> Outcome {
    let found = Box::pin(engine::create(job, desired)).await?;
    finish(job, &found, desired.properties, None).await.map_err(|error| error.with_id(&found.id))
}

/// Brings the policy, the log group and the tags of a runtime that is READY to the desired state, and answers.
async fn finish(
    job: &Job<'_>,
    found: &Found<Noun>,
    properties: &Properties,
    old: Option<&Properties>,
) -> Result<Success, Error> {
    let arn = found.live.agent_runtime_arn();
    let (policy, old_policy) = (&properties.resource_policy, old.and_then(|old| old.resource_policy.as_ref()));
    resource_policy::converge(job, arn, policy.as_ref(), old_policy).await?;
    let (group, old_group) = (properties.log_group.as_ref(), old.and_then(|old| old.log_group.as_ref()));
    let old_tags = old.map(|old| &old.tags);
    let kept = log_group::converge(job, &found.id, group, old_group, &properties.tags, old_tags).await;
    match group {
        Some(_) => kept?,
        None => drop(unless_rolling_back(job, kept)?),
    }
    converge_tags(job, arn, &found.ownership, &properties.tags, old_tags).await?;
    Ok(Success { physical_id: found.id.clone(), attributes: attributes(&found.live) })
}

/// Returns the attributes for `Fn::GetAtt`.
fn attributes(live: &GetAgentRuntimeOutput) -> BTreeMap<&'static str, String> {
    let arn = live.agent_runtime_arn();
    let id = live.agent_runtime_id();
    let identity = live.workload_identity_details().map(WorkloadIdentityDetails::workload_identity_arn);
    BTreeMap::from([
        ("AgentRuntimeId", id.to_owned()),
        ("AgentRuntimeArn", arn.to_owned()),
        ("AgentRuntimeVersion", live.agent_runtime_version().to_owned()),
        ("McpUrl", mcp_url(arn)),
        ("WorkloadIdentityArn", identity.unwrap_or_default().to_owned()),
        ("LogGroupName", log_group_name(id)),
        ("PlatformVersion", live.platform_version().unwrap_or(V1).to_owned()),
    ])
}
