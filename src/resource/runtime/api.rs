//! The AgentCore calls for runtimes, each safe to repeat, with answers as our own types.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::types::{AgentRuntimeStatus, RuntimeMetadataConfiguration};

use super::configuration::Configuration;
use super::governed::GOVERNED;
use crate::agentcore::put::put;
use crate::agentcore::{Live, Settled, none_if_not_found, unbuildable};
use crate::error::Error;
use crate::job::Job;

/// A version of a runtime. They count up from 1 (API reference, UpdateAgentRuntime); what is no number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(Option<u32>);

impl Version {
    fn parse(text: &str) -> Self {
        Self(text.parse().ok())
    }

    /// The version that a Get shows.
    pub(super) fn live(live: &GetAgentRuntimeOutput) -> Self {
        Self::parse(live.agent_runtime_version())
    }
}

/// Returns the new runtime's id.
pub(super) async fn create(
    job: &Job<'_>,
    name: &str,
    configuration: &Configuration,
    tags: &BTreeMap<String, String>,
    token: &str,
) -> Result<String, Error> {
    let members = configuration.to_api().map_err(unbuildable)?;
    let request = job
        .context
        .agentcore
        .create_agent_runtime()
        .agent_runtime_name(name)
        .agent_runtime_artifact(members.artifact)
        .role_arn(members.role_arn)
        .set_description(members.description)
        .protocol_configuration(members.protocol)
        .set_environment_variables(Some(members.environment))
        .network_configuration(members.network)
        .set_authorizer_configuration(members.authorizer)
        .set_request_header_configuration(members.request_headers)
        .set_platform_version(members.platform_version)
        .lifecycle_configuration(members.lifecycle)
        .set_tags(Some(tags.clone().into_iter().collect()))
        .client_token(token);
    let answer = job.call("bedrock-agentcore:CreateAgentRuntime", || request.clone().send()).await?;
    Ok(answer.agent_runtime_id)
}

/// Replaces the whole configuration, except the members that are not ours. Returns the version that this creates, or
/// the present one if it changes nothing.
pub(super) async fn update(
    job: &Job<'_>,
    id: &str,
    configuration: &Configuration,
    token: &str,
) -> Result<Version, Error> {
    let members = configuration.to_api().map_err(unbuildable)?;
    let metadata = RuntimeMetadataConfiguration::builder().require_mmdsv2(true).build().map_err(unbuildable)?;
    let request = job
        .context
        .agentcore
        .update_agent_runtime()
        .agent_runtime_id(id)
        .agent_runtime_artifact(members.artifact)
        .role_arn(members.role_arn)
        .set_description(members.description)
        .protocol_configuration(members.protocol)
        .set_environment_variables(Some(members.environment))
        .network_configuration(members.network)
        .set_authorizer_configuration(members.authorizer)
        .set_request_header_configuration(members.request_headers)
        .set_platform_version(members.platform_version)
        .lifecycle_configuration(members.lifecycle)
        .metadata_configuration(metadata)
        .client_token(token);
    let get = job.context.agentcore.get_agent_runtime().agent_runtime_id(id);
    let get = ("bedrock-agentcore:GetAgentRuntime", |watch| get.clone().customize().interceptor(watch).send());
    let update = ("bedrock-agentcore:UpdateAgentRuntime", |kept| request.clone().customize().interceptor(kept).send());
    let answer = put(job, id, &GOVERNED, get, update).await?;
    Ok(Version::parse(answer.agent_runtime_version()))
}

/// `None` if there is no such runtime.
pub(super) async fn get(job: &Job<'_>, id: &str) -> Result<Option<GetAgentRuntimeOutput>, Error> {
    let request = job.context.agentcore.get_agent_runtime().agent_runtime_id(id);
    let call = || request.clone().customize().interceptor(job.shown.watch(id)).send();
    none_if_not_found(job.call("bedrock-agentcore:GetAgentRuntime", call).await)
}

/// Returns the version before the newest, or `None` if it does not exist or was deleted.
pub(super) async fn get_before(
    job: &Job<'_>,
    live: &GetAgentRuntimeOutput,
) -> Result<Option<GetAgentRuntimeOutput>, Error> {
    let Some(number) = Version::live(live).0.and_then(|number| number.checked_sub(1)).filter(|number| *number > 0)
    else {
        return Ok(None);
    };
    let request = job.context.agentcore.get_agent_runtime().agent_runtime_id(live.agent_runtime_id());
    let request = request.agent_runtime_version(number.to_string());
    none_if_not_found(job.call("bedrock-agentcore:GetAgentRuntime", || request.clone().send()).await)
}

/// Starts the deletion. `None` if there is nothing to delete.
pub(super) async fn delete(job: &Job<'_>, id: &str) -> Result<Option<()>, Error> {
    let token = job.requester().client_token("runtime-delete");
    let request = job.context.agentcore.delete_agent_runtime().agent_runtime_id(id).client_token(token);
    let answer = job.call("bedrock-agentcore:DeleteAgentRuntime", || request.clone().send()).await;
    none_if_not_found(answer.map(|_| ()))
}

/// Looks through all runtimes of the account and Region for the one with this name: there is no lookup by name. A new
/// runtime may be missing for a moment. For the unhappy paths only.
pub(super) async fn find_by_name(job: &Job<'_>, name: &str) -> Result<Option<Listed>, Error> {
    let mut next_token = None;
    loop {
        let request = job.context.agentcore.list_agent_runtimes().max_results(100).set_next_token(next_token);
        let page = job.call("bedrock-agentcore:ListAgentRuntimes", || request.clone().send()).await?;
        if let Some(found) = page.agent_runtimes.into_iter().find(|runtime| runtime.agent_runtime_name == name) {
            return Ok(Some(Listed { id: found.agent_runtime_id, arn: found.agent_runtime_arn }));
        }
        match page.next_token {
            Some(token) => next_token = Some(token),
            None => return Ok(None),
        }
    }
}

/// A runtime found by its name.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) arn: String,
}

impl Live for GetAgentRuntimeOutput {
    fn settled(&self) -> Settled {
        match self.status() {
            AgentRuntimeStatus::Ready => Settled::Ready,
            AgentRuntimeStatus::CreateFailed | AgentRuntimeStatus::UpdateFailed | AgentRuntimeStatus::DeleteFailed => {
                Settled::Failed
            }
            // CREATING, UPDATING, DELETING, and whatever a newer service may add.
            _ => Settled::No,
        }
    }

    fn word(&self) -> String {
        self.status().as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        let moment = match self.status() {
            AgentRuntimeStatus::Creating => self.created_at(),
            _ => self.last_updated_at(),
        };
        (*moment).try_into().ok()
    }
}
