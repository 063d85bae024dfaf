//! Gateway targets, as whoever makes one and whoever probes one sees them: identifier, statuses, and the operations in
//! which the gateway asks the server behind it for its tools.
//!
//! Calls: GetGateway, GetGatewayTarget, ListGatewayTargets, SynchronizeGatewayTargets.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::{
    ListingMode, McpServerTargetConfiguration, McpTargetConfiguration, TargetConfiguration, TargetStatus, TargetSummary,
};
use tokio::time::Instant;

use super::{Conflict, Live, none_if_not_found, pending};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, until};

mod failure;

pub(crate) use super::Settled;
pub(crate) use failure::{failure, reasons};

/// A Get may show what was before a synchronisation for a moment.
const TAKES_EFFECT_PATIENCE: Duration = Duration::from_secs(30);
/// A gateway that cannot list the server's tools is asked again after these pauses: a cold start, a role and a policy
/// made a moment ago all look like a server that does not answer.
const REPEATS: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(45)];

/// A target's identifier: `<gatewayId>/<targetId>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetRef {
    pub(crate) gateway_id: String,
    pub(crate) target_id: String,
}

impl TargetRef {
    /// `None` for what AgentCore's patterns of the two ids do not fit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (gateway, target) = text.split_once('/')?;
        let gateway_id = gateway_id(gateway).filter(|id| id == gateway)?;
        let fits = target.len() == 10 && target.chars().all(|c| c.is_ascii_alphanumeric());
        fits.then(|| Self { gateway_id, target_id: target.to_owned() })
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.gateway_id, self.target_id)
    }
}

/// The id of a gateway given by its id, `([0-9a-z][-]?){1,100}-[0-9a-z]{10}`, or by its ARN.
pub(crate) fn gateway_id(text: &str) -> Option<String> {
    let id = match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "bedrock-agentcore", _, _, resource] => resource.strip_prefix("gateway/")?,
        _ => text,
    };
    let (name, suffix) = id.rsplit_once('-')?;
    let lower = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = suffix.len() == 10
        && lower(suffix)
        && name.len() <= 200
        && name.strip_suffix('-').unwrap_or(name).split('-').all(|part| !part.is_empty() && lower(part));
    fits.then(|| id.to_owned())
}

/// What a target's status means.
pub(crate) fn settled(status: &TargetStatus) -> Settled {
    match status {
        TargetStatus::Ready => Settled::Ready,
        TargetStatus::Failed | TargetStatus::UpdateUnsuccessful | TargetStatus::SynchronizeUnsuccessful => {
            Settled::Failed
        }
        TargetStatus::CreatePendingAuth | TargetStatus::UpdatePendingAuth | TargetStatus::SynchronizePendingAuth => {
            Settled::PendingAuth
        }
        // CREATING, UPDATING, SYNCHRONIZING, DELETING, and whatever a newer service may add.
        _ => Settled::No,
    }
}

impl Live for GetGatewayTargetOutput {
    fn settled(&self) -> Settled {
        settled(self.status())
    }

    fn word(&self) -> String {
        self.status().as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        let moment = match self.status() {
            TargetStatus::Creating => self.created_at(),
            _ => self.updated_at(),
        };
        (*moment).try_into().ok()
    }
}

/// `None` if there is no such gateway.
pub(crate) async fn get_gateway(job: &Job<'_>, gateway_id: &str) -> Result<Option<GetGatewayOutput>, Error> {
    let request = job.context.agentcore.get_gateway().gateway_identifier(gateway_id);
    let call = || request.clone().customize().interceptor(job.shown.watch(gateway_id)).send();
    none_if_not_found(job.call("bedrock-agentcore:GetGateway", call).await)
}

/// `None` if there is no such target, or no such gateway.
pub(crate) async fn get(job: &Job<'_>, target: &TargetRef) -> Result<Option<GetGatewayTargetOutput>, Error> {
    let TargetRef { gateway_id, target_id } = target;
    let request = job.context.agentcore.get_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    let call = || request.clone().customize().interceptor(job.shown.watch(target)).send();
    none_if_not_found(job.call("bedrock-agentcore:GetGatewayTarget", call).await)
}

/// Every target of the gateway; none of one that is gone. The list lags behind. For the unhappy paths, and
/// before a gateway goes.
pub(crate) async fn list(job: &Job<'_>, gateway_id: &str) -> Result<Vec<TargetSummary>, Error> {
    let mut targets = Vec::new();
    let mut next_token = None;
    loop {
        let request = job.context.agentcore.list_gateway_targets().gateway_identifier(gateway_id);
        let request = request.max_results(100).set_next_token(next_token);
        let page = job.call("bedrock-agentcore:ListGatewayTargets", || request.clone().send()).await;
        let Some(page) = none_if_not_found(page)? else { return Ok(Vec::new()) };
        targets.extend(page.items);
        match page.next_token {
            Some(token) => next_token = Some(token),
            None => return Ok(targets),
        }
    }
}

/// The MCP server behind a target; `None` for a target of another kind.
pub(crate) fn mcp_server(live: &GetGatewayTargetOutput) -> Option<&McpServerTargetConfiguration> {
    match live.target_configuration() {
        Some(TargetConfiguration::Mcp(McpTargetConfiguration::McpServer(server))) => Some(server),
        _ => None,
    }
}

/// Whether the gateway keeps a list of the server's tools: not where a schema names them, nor where every caller's
/// request lists them anew.
pub(crate) fn can_synchronize(live: &GetGatewayTargetOutput) -> bool {
    mcp_server(live).is_some_and(|server| {
        server.mcp_tool_schema().is_none() && server.listing_mode().is_none_or(|mode| *mode == ListingMode::Default)
    })
}

/// Waits until the target is in no transition any more. `None` if there is none (any more).
pub(crate) async fn wait_settled(job: &Job<'_>, target: &TargetRef) -> Result<Option<GetGatewayTargetOutput>, Error> {
    super::wait_settled(job, &format!("gateway target {target}"), async || get(job, target).await).await
}

/// Makes the gateway list the server's tools anew, and waits until it has. What fails in passing is repeated.
pub(crate) async fn synchronize(job: &Job<'_>, target: &TargetRef) -> Result<GetGatewayTargetOutput, Error> {
    let mut repeats = Repeats::default();
    loop {
        let live = synchronize_once(job, target).await?;
        if settled(live.status()) == Settled::Ready {
            return Ok(live);
        }
        if !repeats.again(job, &live).await {
            return Err(failure(job, target, &live).await);
        }
    }
}

async fn synchronize_once(job: &Job<'_>, target: &TargetRef) -> Result<GetGatewayTargetOutput, Error> {
    let before = wait_settled(job, target).await?.ok_or_else(|| gone(target))?;
    if settled(before.status()) == Settled::PendingAuth {
        return Ok(before);
    }
    let TargetRef { gateway_id, target_id } = target;
    let request = job.context.agentcore.synchronize_gateway_targets();
    let request = request.gateway_identifier(gateway_id).target_id_list(target_id);
    let mut contention = Contention::default();
    until(job.deadline, "waiting for other operations on the gateway's targets to end", async || {
        match job.call("bedrock-agentcore:SynchronizeGatewayTargets", || request.clone().send()).await {
            Ok(_) => Ok(Progress::Done(())),
            Err(error) if is_contention(&error) => contention.wait(error, &list(job, gateway_id).await?),
            Err(error) if error.is(ApiErrorKind::NotFound) => Err(gone(target)),
            Err(error) => Err(error),
        }
    })
    .await?;
    let started = Instant::now();
    until(job.deadline, &format!("waiting for the synchronisation of gateway target {target}"), async || {
        let live = wait_settled(job, target).await?.ok_or_else(|| gone(target))?;
        let seen = |live: &GetGatewayTargetOutput| {
            (live.status().clone(), live.last_synchronized_at().copied(), *live.updated_at())
        };
        if seen(&live) == seen(&before) && started.elapsed() < TAKES_EFFECT_PATIENCE {
            return Ok(pending(&live));
        }
        Ok(Progress::Done(live))
    })
    .await
}

/// The target was deleted by somebody while it was being worked on.
pub(crate) fn gone(target: &TargetRef) -> Error {
    Error::TerminalStatus {
        what: format!("gateway target {target}"),
        status: "not found".to_owned(),
        reasons: "it was deleted meanwhile; repeat the operation".to_owned(),
    }
}

/// The repeats that one operation has left when the gateway could not list the server's tools.
#[derive(Debug)]
pub(crate) struct Repeats(std::array::IntoIter<Duration, 2>);

impl Default for Repeats {
    fn default() -> Self {
        Self(REPEATS.into_iter())
    }
}

impl Repeats {
    /// Whether the operation that `live` failed at may succeed another time; waits until that time.
    pub(crate) async fn again(&mut self, job: &Job<'_>, live: &GetGatewayTargetOutput) -> bool {
        if settled(live.status()) == Settled::PendingAuth || failure::is_permanent(live) {
            return false;
        }
        match self.0.next() {
            Some(pause) => job.deadline.sleep(pause).await.is_ok(),
            None => false,
        }
    }
}

/// A gateway works on five targets at a time, and on each of them at one thing (service quotas of AgentCore). What it
/// refuses meanwhile it accepts later.
pub(crate) fn is_contention(error: &Error) -> bool {
    error.is(ApiErrorKind::Conflict) || error.api().is_some_and(|error| error.mentions("ServiceQuotaExceeded"))
}

/// A conflict is another operation on a target of the gateway, which ends; one without an operation is a refusal.
#[derive(Debug, Default)]
pub(crate) struct Contention(Conflict);

impl Contention {
    /// Whether to wait on, given all targets of the gateway.
    pub(crate) fn wait<T>(&mut self, error: Error, targets: &[TargetSummary]) -> Result<Progress<T>, Error> {
        let changing = targets.iter().any(|target| settled(target.status()) == Settled::No);
        let pending = Progress::pending(if changing { "another operation on the gateway" } else { "conflict" });
        self.0.wait(error, changing, pending)
    }
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

    #[test]
    fn a_gateway_is_given_by_id_or_arn() {
        let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/my-gw--abcdefghij";
        for (text, id) in [
            ("mcp-abcdefghij", Some("mcp-abcdefghij")),
            ("a-b-0123456789", Some("a-b-0123456789")),
            (arn, Some("my-gw--abcdefghij")),
            ("Mcp-abcdefghij", None),
            ("mcp", None),
            ("-abcdefghij", None),
            ("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/mcp-abcdefghij", None),
        ] {
            assert_eq!(gateway_id(text).as_deref(), id, "{text}");
        }
    }
}
