//! Gateway targets: calls, statuses, ids.
//!
//! Calls: CreateGatewayTarget, GetGatewayTarget, UpdateGatewayTarget, DeleteGatewayTarget; ListGatewayTargets only for a
//! search by name, and if another operation is in the way.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcorecontrol::operation::create_gateway_target::builders::CreateGatewayTargetFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::operation::update_gateway_target::builders::UpdateGatewayTargetFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{
    McpServerTargetConfiguration, McpTargetConfiguration, TargetConfiguration, TargetStatus, TargetSummary,
};
use aws_smithy_types::DateTime;

use super::conflict::is_name_taken;
use super::ownership::Ownership;
use super::provisioned::Provisioned;
use super::put::{Governed, put};
use super::waiters::{Live, Phase, joined};
use super::{gateway_id, none_if_not_found};
use crate::denial::Denial;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::mcp::ServerUrl;

/// Words in a status reason that mean that another attempt fails, too: the runtime takes the other kind of credential
/// ("Authorization method mismatch", in the runtime's words), or the list of tools itself is at fault.
const PERMANENT: [&str; 3] = ["method mismatch", "tool schema", "uplicate tool"];

/// A target's identifier: `<gatewayId>/<targetId>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetRef {
    pub(crate) gateway_id: String,
    pub(crate) target_id: String,
}

impl TargetRef {
    /// Creates the identifier from the two ids.
    pub(super) fn new(gateway_id: &str, target_id: &str) -> Self {
        Self { gateway_id: gateway_id.to_owned(), target_id: target_id.to_owned() }
    }

    /// Parses `<gatewayId>/<targetId>`. Returns `None` for text that AgentCore's patterns of the two ids do not fit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (gateway, target) = text.split_once('/')?;
        gateway_id::name(gateway)?;
        let fits = target.len() == 10 && target.chars().all(|c| c.is_ascii_alphanumeric());
        fits.then(|| Self::new(gateway, target))
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.gateway_id, self.target_id)
    }
}

/// A target's name, which is unique on its gateway.
#[derive(Clone, Debug)]
pub(crate) struct TargetName {
    pub(crate) gateway_id: String,
    pub(crate) name: String,
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Creates a target on a gateway and returns its identifier. The request carries an idempotency token.
pub(crate) async fn create(
    job: &Job<'_>,
    gateway_id: &str,
    request: CreateGatewayTargetFluentBuilder,
) -> Result<TargetRef, Error> {
    let request = request.gateway_identifier(gateway_id);
    let answer = job.call("bedrock-agentcore:CreateGatewayTarget", || request.clone().send()).await?;
    Ok(TargetRef::new(gateway_id, &answer.target_id))
}

/// Replaces the `governed` members of the target's configuration. Returns when it was updated, by its own timestamp, or
/// `None` if it does not exist.
pub(crate) async fn update(
    job: &Job<'_>,
    target: &TargetRef,
    request: UpdateGatewayTargetFluentBuilder,
    governed: &'static Governed,
) -> Result<Option<DateTime>, Error> {
    let TargetRef { gateway_id, target_id } = target;
    let request = request.gateway_identifier(gateway_id).target_id(target_id);
    let get = job.context.agentcore.get_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    let get = ("bedrock-agentcore:GetGatewayTarget", |watch| get.clone().customize().interceptor(watch).send());
    let update = ("bedrock-agentcore:UpdateGatewayTarget", |kept| request.clone().customize().interceptor(kept).send());
    none_if_not_found(put(job, &target.to_string(), governed, get, update).await.map(|answer| answer.updated_at))
}

/// Lists the targets of a gateway. Returns `None` if the gateway does not exist. The list lags.
pub(crate) async fn list(job: &Job<'_>, gateway_id: &str) -> Result<Option<Vec<TargetSummary>>, Error> {
    let mut targets = Vec::new();
    let mut next_token = None;
    loop {
        let request = job.context.agentcore.list_gateway_targets().gateway_identifier(gateway_id);
        let request = request.max_results(100).set_next_token(next_token);
        let page = job.call("bedrock-agentcore:ListGatewayTargets", || request.clone().send()).await;
        let Some(page) = none_if_not_found(page)? else { return Ok(None) };
        targets.extend(page.items);
        match page.next_token {
            Some(token) => next_token = Some(token),
            None => return Ok(Some(targets)),
        }
    }
}

/// Targets of AgentCore gateways.
pub(crate) struct GatewayTarget;

impl Provisioned for GatewayTarget {
    const NOUN: &'static str = "gateway target";
    const NAME_ADVICE: &'static str = "choose another `TargetName`";
    const PROOF_LOST: &'static str = "the mark at the end of its description, which proves ownership, is gone or changed: \
                                      restore it and retry";
    /// A gateway that cannot list the server's tools tries again: a cold start, and a role or a policy that was created
    /// a moment ago, look like a server that does not answer.
    const REPEATS: &'static [Duration] = &[Duration::from_secs(15), Duration::from_secs(45)];
    type Id = TargetRef;
    type Name = TargetName;
    type Live = GetGatewayTargetOutput;

    async fn get(job: &Job<'_>, target: &TargetRef) -> Result<Option<GetGatewayTargetOutput>, Error> {
        let TargetRef { gateway_id, target_id } = target;
        let request = job.context.agentcore.get_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
        let call = || request.clone().customize().interceptor(job.last_gets.record(target)).send();
        none_if_not_found(job.call("bedrock-agentcore:GetGatewayTarget", call).await)
    }

    async fn named(job: &Job<'_>, name: &TargetName) -> Result<Option<Vec<TargetRef>>, Error> {
        let targets = list(job, &name.gateway_id).await?;
        let named = |targets: Vec<TargetSummary>| {
            let named = targets.iter().filter(|target| target.name() == name.name);
            named.map(|target| TargetRef::new(&name.gateway_id, target.target_id())).collect()
        };
        Ok(targets.map(named))
    }

    /// Decides by the mark at the end of the description, because targets cannot be tagged.
    async fn ownership(job: &Job<'_>, live: &GetGatewayTargetOutput) -> Result<Option<Ownership>, Error> {
        let mark = job.requester.marker();
        Ok(Some(Ownership::untagged(live.description().is_some_and(|description| description.ends_with(&mark)))))
    }

    async fn delete(job: &Job<'_>, target: &TargetRef) -> Result<Option<()>, Error> {
        let TargetRef { gateway_id, target_id } = target;
        let request = job.context.agentcore.delete_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
        let answer = job.call("bedrock-agentcore:DeleteGatewayTarget", || request.clone().send()).await;
        none_if_not_found(answer.map(|_| ()))
    }

    fn name(target: &TargetRef, live: &GetGatewayTargetOutput) -> TargetName {
        TargetName { gateway_id: target.gateway_id.clone(), name: live.name().to_owned() }
    }

    fn title(target: &TargetRef, live: &GetGatewayTargetOutput) -> String {
        format!("gateway target {} ({target})", live.name())
    }

    fn holder(name: &TargetName, target: &TargetRef) -> String {
        format!("target named {name} ({}) on gateway {}", target.target_id, target.gateway_id)
    }

    fn may_pass(live: &GetGatewayTargetOutput) -> bool {
        live.phase() == Phase::Failed && !is_permanent(live)
    }

    /// A gateway works on five targets at a time, and on each of them at one operation (service quotas of AgentCore). A
    /// request that it refuses meanwhile may succeed later.
    fn is_conflict(error: &Error) -> bool {
        is_name_taken(error) || error.is(ApiErrorKind::QuotaExceeded)
    }

    /// A conflict may be about another target of the gateway.
    async fn is_busy(job: &Job<'_>, name: &TargetName) -> Result<bool, Error> {
        let targets = list(job, &name.gateway_id).await?.unwrap_or_default();
        Ok(targets.iter().any(|target| matches!(phase(target.status()), Phase::Changing | Phase::Deleting)))
    }
}

fn phase(status: &TargetStatus) -> Phase {
    match status {
        TargetStatus::Ready => Phase::Ready,
        TargetStatus::Failed | TargetStatus::UpdateUnsuccessful | TargetStatus::SynchronizeUnsuccessful => {
            Phase::Failed
        }
        TargetStatus::CreatePendingAuth | TargetStatus::UpdatePendingAuth | TargetStatus::SynchronizePendingAuth => {
            Phase::AwaitingConsent
        }
        TargetStatus::Deleting => Phase::Deleting,
        // CREATING, UPDATING, SYNCHRONIZING, and every status that a newer service may add.
        _ => Phase::Changing,
    }
}

impl Live for GetGatewayTargetOutput {
    fn phase(&self) -> Phase {
        phase(self.status())
    }

    fn status_name(&self) -> String {
        self.status().as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        let moment = match self.status() {
            TargetStatus::Creating => self.created_at(),
            _ => self.updated_at(),
        };
        (*moment).try_into().ok()
    }

    fn reasons(&self) -> String {
        joined(self.status_reasons())
    }

    fn creation_failed(&self) -> bool {
        *self.status() == TargetStatus::Failed
    }
}

/// Returns true if the gateway serves the target's tools: those that it listed before, if its last synchronization failed.
pub(crate) fn has_tools(live: &GetGatewayTargetOutput) -> bool {
    live.phase() == Phase::Ready || *live.status() == TargetStatus::SynchronizeUnsuccessful
}

/// Returns true if another attempt would end in the same way.
fn is_permanent(live: &GetGatewayTargetOutput) -> bool {
    let reasons = live.reasons();
    PERMANENT.iter().any(|words| reasons.contains(words)) || Denial::read(&reasons).is_final()
}

/// Returns the MCP server behind a target, or `None` for a target of another kind.
pub(crate) fn mcp_server(live: &GetGatewayTargetOutput) -> Option<&McpServerTargetConfiguration> {
    match live.target_configuration() {
        Some(TargetConfiguration::Mcp(McpTargetConfiguration::McpServer(server))) => Some(server),
        _ => None,
    }
}

/// Returns the URL of the MCP server behind a target.
pub(crate) fn server_url(live: &GetGatewayTargetOutput) -> Option<ServerUrl> {
    mcp_server(live).and_then(|server| ServerUrl::parse(server.endpoint()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_by_both_ids_and_nothing_else() {
        let target = TargetRef::parse("mcp-abcdefghij/AbCdEf1234").unwrap();
        assert_eq!(target.to_string(), "mcp-abcdefghij/AbCdEf1234");
        for other in [
            "stack-Target-1ABCDEFGHIJK",
            "pending:mcp",
            "mcp-abcdefghij",
            "mcp-abcdefghij/short",
            "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/mcp-abcdefghij/AbCdEf1234",
            "",
        ] {
            assert_eq!(TargetRef::parse(other), None, "{other}");
        }
    }
}
