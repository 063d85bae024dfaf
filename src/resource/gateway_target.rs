//! `Custom::AgentCoreGatewayTarget`: an MCP server, such as a runtime, behind a gateway. The gateway itself is never
//! changed: it may be anybody's.
//!
//! Calls: GetGateway, GetAgentRuntime (before anything is made or changed), CreateGatewayTarget, GetGatewayTarget,
//! UpdateGatewayTarget, DeleteGatewayTarget, SynchronizeGatewayTargets; ListGatewayTargets only where a name has to be
//! looked up or somebody else's operation is in the way. Identifier: `<gatewayId>/<targetId>`. Replaces:
//! `GatewayIdentifier`; everything else updates in place, as a full replace.
//!
//! Targets cannot be tagged. An identifier that a create of ours returned is the proof of ownership, and so is the
//! marker at the end of the description (see [`Requester::marker`]).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::TargetStatus;

use crate::agentcore::target::{self, TargetRef};
use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::rollback::unless_rolling_back;

mod api;
mod configuration;
mod converge;
mod creation;
mod deletion;
mod governed;
mod listing;
mod lookup;
mod outbound;
mod preflight;
mod properties;

use configuration::Configuration;
use properties::Properties;

/// The time of a request has no fractions of a second.
const REQUEST_TIME_PRECISION: Duration = Duration::from_secs(1);

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct GatewayTarget;

impl Lifecycle for GatewayTarget {
    const TYPE: &'static str = "Custom::AgentCoreGatewayTarget";
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        let gateway = preflight::gateway(job, &properties).await?;
        create_target(job, &gateway, &properties).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let gateway = preflight::gateway(job, &properties).await?;
        let current = TargetRef::parse(physical_id).filter(|current| current.gateway_id == properties.gateway_id);
        let Some(current) = current else { return create_target(job, &gateway, &properties).await };
        // The rollback of a move to another gateway that was cancelled, or whose answer got lost.
        let former = old.as_ref().map(|old| &old.gateway_id).filter(|former| **former != properties.gateway_id);
        if let Some(former) = former {
            lookup::delete_abandoned(job, former).await?;
        }
        match target::wait_settled(job, &current).await? {
            // Deleted behind our back: made again, and the new id makes CloudFormation forget the old one.
            None => create_target(job, &gateway, &properties).await,
            // Never worked, and cannot be repaired: made again in its place.
            Some(live) if *live.status() == TargetStatus::Failed => {
                preflight::runtime(job, &gateway, &properties).await?;
                deletion::delete(job, &current).await?;
                create_target(job, &gateway, &properties).await
            }
            Some(live) => {
                let live = change_target(job, &gateway, &current, live, &properties, old.as_ref()).await?;
                Ok(success(&gateway, &current, &live))
            }
        }
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        match TargetRef::parse(physical_id) {
            Some(target) => deletion::delete(job, &target).await.map(|_| ())?,
            None => lookup::delete_unanswered(job, physical_id, raw).await?,
        }
        Ok(Success::deleted(physical_id))
    }
}

async fn create_target(job: &Job<'_>, gateway: &GetGatewayOutput, properties: &Properties) -> Result<Success, Failure> {
    preflight::runtime(job, gateway, properties).await?;
    let configuration = Configuration::wanted(job, properties);
    let (target, live) = creation::create(job, gateway.gateway_id(), &configuration).await?;
    Ok(success(gateway, &target, &live))
}

/// Brings a settled target of ours to the desired state: by an update, which lists the server's tools anew as well, or
/// where nothing but `SynchronizeOn` has changed, by that alone.
async fn change_target(
    job: &Job<'_>,
    gateway: &GetGatewayOutput,
    target: &TargetRef,
    live: GetGatewayTargetOutput,
    properties: &Properties,
    old: Option<&Properties>,
) -> Result<GetGatewayTargetOutput, Error> {
    let configuration = Configuration::wanted(job, properties);
    if !converge::is_in_place(&live, &configuration) {
        preflight::runtime(job, gateway, properties).await?;
        return converge::configuration(job, target, live, &configuration).await;
    }
    let asked = old.is_none_or(|old| old.synchronize_on != properties.synchronize_on);
    if asked && target::can_synchronize(&live) && !synchronized_since_request(job, &live) {
        let synchronized = target::synchronize(job, target).await;
        return Ok(unless_rolling_back(job, synchronized).await?.unwrap_or(live));
    }
    Ok(live)
}

/// Whether an earlier delivery of this request did it.
fn synchronized_since_request(job: &Job<'_>, live: &GetGatewayTargetOutput) -> bool {
    let synchronized_at = live.last_synchronized_at().and_then(|at| SystemTime::try_from(*at).ok());
    job.requested_at()
        .zip(synchronized_at)
        .is_some_and(|(requested, synchronized)| synchronized > requested + REQUEST_TIME_PRECISION)
}

fn success(gateway: &GetGatewayOutput, target: &TargetRef, live: &GetGatewayTargetOutput) -> Success {
    let attributes = BTreeMap::from([
        ("TargetId", target.target_id.clone()),
        ("TargetName", live.name().to_owned()),
        ("GatewayId", target.gateway_id.clone()),
        ("GatewayArn", gateway.gateway_arn().to_owned()),
        ("GatewayUrl", gateway.gateway_url().unwrap_or_default().to_owned()),
    ]);
    Success { physical_id: target.to_string(), attributes }
}
