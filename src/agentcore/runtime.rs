//! Runtimes: calls, statuses, ids, URLs.
//!
//! Calls: CreateAgentRuntime, GetAgentRuntime, UpdateAgentRuntime, DeleteAgentRuntime; ListAgentRuntimes only for a
//! search by name, for which there is no call.

use std::time::SystemTime;

use aws_sdk_bedrockagentcorecontrol::operation::create_agent_runtime::builders::CreateAgentRuntimeFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::operation::update_agent_runtime::builders::UpdateAgentRuntimeFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::AgentRuntimeStatus;

use super::none_if_not_found;
use super::ownership::{self, Ownership};
use super::provisioned::Provisioned;
use super::put::{Governed, put};
use super::waiters::{Live, Phase, joined};
use crate::arn::Arn;
use crate::endpoints::dns_suffix;
use crate::error::Error;
use crate::job::Job;

/// The platform of a runtime whose Get does not name one: it is the older one.
pub(crate) const V1: &str = "V1";
/// The platform that starts a container once for each version of a runtime.
pub(crate) const V2: &str = "V2";

/// The endpoint that follows the newest version by itself.
const ENDPOINT: &str = "DEFAULT";

/// A version of a runtime. Versions count up from 1 (API reference, UpdateAgentRuntime); text that is not a number comes
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(Option<u32>);

impl Version {
    fn parse(text: &str) -> Self {
        Self(text.parse().ok())
    }

    /// Returns the version that a Get shows.
    pub(crate) fn live(live: &GetAgentRuntimeOutput) -> Self {
        Self::parse(live.agent_runtime_version())
    }
}

/// Creates a runtime and returns its id. The request carries an idempotency token.
pub(crate) async fn create(job: &Job<'_>, request: CreateAgentRuntimeFluentBuilder) -> Result<String, Error> {
    let answer = job.call("bedrock-agentcore:CreateAgentRuntime", || request.clone().send()).await?;
    Ok(answer.agent_runtime_id)
}

/// Replaces the `governed` members of the runtime's configuration. Returns the version that this creates, or the present
/// one if it changes nothing.
pub(crate) async fn update(
    job: &Job<'_>,
    id: &str,
    request: UpdateAgentRuntimeFluentBuilder,
    governed: &'static Governed,
) -> Result<Version, Error> {
    let request = request.agent_runtime_id(id);
    let get = job.context.agentcore.get_agent_runtime().agent_runtime_id(id);
    let get = ("bedrock-agentcore:GetAgentRuntime", |watch| get.clone().customize().interceptor(watch).send());
    let update = ("bedrock-agentcore:UpdateAgentRuntime", |kept| request.clone().customize().interceptor(kept).send());
    let answer = put(job, id, governed, get, update).await?;
    Ok(Version::parse(answer.agent_runtime_version()))
}

/// Gets the version before the newest. Returns `None` if it does not exist, or was deleted.
pub(crate) async fn get_before(
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

/// AgentCore runtimes.
pub(crate) struct Runtime;

impl Provisioned for Runtime {
    const NOUN: &'static str = "runtime";
    const NAME_ADVICE: &'static str = "choose another `AgentRuntimeName` or delete that runtime";
    type Id = String;
    type Name = String;
    type Live = GetAgentRuntimeOutput;

    async fn get(job: &Job<'_>, id: &String) -> Result<Option<GetAgentRuntimeOutput>, Error> {
        let request = job.context.agentcore.get_agent_runtime().agent_runtime_id(id);
        let call = || request.clone().customize().interceptor(job.last_gets.record(id)).send();
        none_if_not_found(job.call("bedrock-agentcore:GetAgentRuntime", call).await)
    }

    async fn named(job: &Job<'_>, name: &String) -> Result<Option<Vec<String>>, Error> {
        let mut next_token = None;
        loop {
            let request = job.context.agentcore.list_agent_runtimes().max_results(100).set_next_token(next_token);
            let page = job.call("bedrock-agentcore:ListAgentRuntimes", || request.clone().send()).await?;
            // Names are unique.
            if let Some(found) = page.agent_runtimes.into_iter().find(|runtime| runtime.agent_runtime_name == *name) {
                return Ok(Some(vec![found.agent_runtime_id]));
            }
            match page.next_token {
                Some(token) => next_token = Some(token),
                None => return Ok(Some(Vec::new())),
            }
        }
    }

    async fn ownership(job: &Job<'_>, live: &GetAgentRuntimeOutput) -> Result<Option<Ownership>, Error> {
        ownership::by_tags(job, live.agent_runtime_arn()).await
    }

    async fn delete(job: &Job<'_>, id: &String) -> Result<Option<()>, Error> {
        let token = job.requester.client_token("runtime-delete");
        let request = job.context.agentcore.delete_agent_runtime().agent_runtime_id(id).client_token(token);
        let answer = job.call("bedrock-agentcore:DeleteAgentRuntime", || request.clone().send()).await;
        none_if_not_found(answer.map(|_| ()))
    }

    fn name(_: &String, live: &GetAgentRuntimeOutput) -> String {
        live.agent_runtime_name().to_owned()
    }
}

impl Live for GetAgentRuntimeOutput {
    fn phase(&self) -> Phase {
        match self.status() {
            AgentRuntimeStatus::Ready => Phase::Ready,
            AgentRuntimeStatus::CreateFailed | AgentRuntimeStatus::UpdateFailed | AgentRuntimeStatus::DeleteFailed => {
                Phase::Failed
            }
            AgentRuntimeStatus::Deleting => Phase::Deleting,
            // CREATING, UPDATING, and every status that a newer service may add.
            _ => Phase::Changing,
        }
    }

    fn status_name(&self) -> String {
        self.status().as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        let moment = match self.status() {
            AgentRuntimeStatus::Creating => self.created_at(),
            _ => self.last_updated_at(),
        };
        (*moment).try_into().ok()
    }

    fn reasons(&self) -> String {
        joined(self.failure_reason().as_slice())
    }

    fn creation_failed(&self) -> bool {
        *self.status() == AgentRuntimeStatus::CreateFailed
    }
}

/// Returns the name in a runtime's id `<name>-<ten alphanumerics>`, or `None` for any other text. Names have no hyphens
/// (API reference, GetAgentRuntime).
pub(crate) fn name_in_id(physical_id: &str) -> Option<&str> {
    let (name, suffix) = physical_id.split_once('-')?;
    let fits = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && suffix.len() == 10
        && suffix.chars().all(|c| c.is_ascii_alphanumeric());
    fits.then_some(name)
}

/// The beginning of the names of runtimes' log groups.
const LOG_GROUPS: &str = "/aws/bedrock-agentcore/runtimes/";

/// Returns the log group to which the endpoint's containers print (developer guide, observability).
pub(crate) fn log_group_name(id: &str) -> String {
    format!("{LOG_GROUPS}{id}-{ENDPOINT}")
}

/// Returns true for the log group of any endpoint of a runtime. An endpoint's name begins with a letter and has no hyphen
/// (API reference, CreateAgentRuntimeEndpoint).
pub(crate) fn is_log_group_of(id: &str, log_group: &str) -> bool {
    let endpoint = log_group.strip_prefix(LOG_GROUPS).and_then(|rest| rest.strip_prefix(id)?.strip_prefix('-'));
    endpoint
        .is_some_and(|endpoint| !endpoint.is_empty() && endpoint.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// Returns the ARN of the endpoint that follows the newest version (service authorization reference).
pub(crate) fn endpoint_arn(arn: &str) -> String {
    format!("{arn}/runtime-endpoint/{ENDPOINT}")
}

/// Returns the invocation URL, with the ARN percent-encoded (data plane API reference, InvokeAgentRuntime).
pub(crate) fn mcp_url(arn: &str) -> String {
    let region = Arn::parse(arn).map(|arn| arn.region).unwrap_or_default();
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    let suffix = dns_suffix(region);
    format!("https://bedrock-agentcore.{region}.{suffix}/runtimes/{encoded}/invocations?qualifier={ENDPOINT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_id_is_not_a_runtime_id() {
        assert_eq!(name_in_id("mcp_server-AbCdEf1234"), Some("mcp_server"));
        for invented in ["stack-Runtime-1ABCDEFGHIJK", "stack-1ABCDEFGHIJKL", "pending:mcp_server", ""] {
            assert_eq!(name_in_id(invented), None, "{invented}");
        }
    }

    #[test]
    fn the_url_carries_the_encoded_arn() {
        let arn = "arn:aws-cn:bedrock-agentcore:cn-north-1:111122223333:runtime/mcp-AbCdEf1234";
        assert_eq!(
            mcp_url(arn),
            "https://bedrock-agentcore.cn-north-1.amazonaws.com.cn/runtimes/arn%3Aaws-cn%3Abedrock-agentcore%3A\
             cn-north-1%3A111122223333%3Aruntime%2Fmcp-AbCdEf1234/invocations?qualifier=DEFAULT"
        );
    }
}
