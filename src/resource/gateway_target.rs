//! `Custom::AgentCoreGatewayTarget`: an MCP server, such as a runtime, behind a gateway. The gateway itself is never
//! changed: it may be anybody's.
//!
//! Calls: GetGateway and GetAgentRuntime (before a create or an update), CreateGatewayTarget, GetGatewayTarget,
//! UpdateGatewayTarget, DeleteGatewayTarget, SynchronizeGatewayTargets. ListGatewayTargets only if a name has to be
//! looked up or somebody else's operation is in the way. Identifier: `<gatewayId>/<targetId>`. Replaces:
//! `GatewayIdentifier`. Everything else updates in place, as a full replace.
//!
//! Targets cannot be tagged: the mark at the end of the description is the proof of ownership (see
//! [`Requester::marker`]).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;

use crate::agentcore::deletion;
use crate::agentcore::engine;
use crate::agentcore::gateway_id;
use crate::agentcore::gateway_target::{GatewayTarget as Noun, TargetName, TargetRef};
use crate::agentcore::provisioned::{self, Found};
use crate::agentcore::synchronization::{can_synchronize, synchronize};
use crate::agentcore::waiters::Live;
use crate::error::Error;
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::{Requester, pending_name};
use crate::resource::lifecycle::Lifecycle;
use crate::stack::unless_rolling_back;
use crate::text::quote;

mod api_key;
mod configuration;
mod desired;
mod governed;
mod network;
mod outbound;
mod preflight;
mod properties;
mod tool_source;

use desired::DesiredTarget;
use properties::{Properties, derived_name};

/// The precision of a request's time, which has no fractions of a second.
const REQUEST_TIME_PRECISION: Duration = Duration::from_secs(1);

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct GatewayTarget;

impl Lifecycle for GatewayTarget {
    const TYPE: &'static str = "Custom::AgentCoreGatewayTarget";
    const ATTRIBUTES: &'static [&'static str] = &["TargetId", "TargetName", "GatewayId", "GatewayArn", "GatewayUrl"];
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        let gateway = preflight::gateway(job, &properties).await?;
        create(job, &DesiredTarget::new(job, &gateway, &properties, None)).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let gateway = preflight::gateway(job, &properties).await?;
        let desired = &DesiredTarget::new(job, &gateway, &properties, old.as_ref());
        let current = TargetRef::parse(physical_id).filter(|current| current.gateway_id == properties.gateway_id);
        let Some(current) = current else { return create(job, desired).await };
        // The rollback of a move to another gateway that was cancelled, or whose answer got lost.
        if let Some(old) = old.as_ref().filter(|old| old.gateway_id != properties.gateway_id) {
            deletion::delete_abandoned::<Noun>(job, &old.target_name(job.requester)).await?;
        }
        match provisioned::current::<Noun>(job, &current).await? {
            // The target was deleted outside of the stack: it is created again, and the new id makes CloudFormation
            // forget the old one.
            None => create(job, desired).await,
            // The target never worked and cannot be repaired: it is replaced.
            Some(found) if found.live.creation_failed() => {
                preflight::runtime(job, &gateway, &properties).await?;
                deletion::delete::<Noun>(job, &current).await?;
                create(job, desired).await
            }
            Some(found) => {
                let found = change(job, desired, found, old.as_ref()).await?;
                Ok(success(&gateway, &found))
            }
        }
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        let name = || {
            // Without the id of a gateway, the Create called nothing.
            let gateway_id = raw.text("GatewayIdentifier").as_deref().and_then(gateway_id::of)?;
            let name = pending_name(physical_id).map(str::to_owned).or_else(|| raw.text("TargetName"));
            Some(TargetName { gateway_id, name: name.unwrap_or_else(|| derived_name(job.requester)) })
        };
        deletion::delete_requested::<Noun>(job, physical_id, TargetRef::parse(physical_id), name).await?;
        Ok(Success::deleted(physical_id))
    }
}

/// Lets the gateway of a target read the server's tools again, unless `is_current`. Refuses a target that is not provably
/// this stack's, and does nothing for one whose gateway keeps no list. May run twice.
pub(crate) async fn refresh(
    job: &Job<'_>,
    physical_id: &str,
    is_current: impl AsyncFnOnce(&TargetRef) -> Result<bool, Error>,
) -> Result<(), Error> {
    let not_found = || {
        let problem = format!("is {}, and there is no such target in this account and Region", quote(physical_id));
        Error::property("PhysicalResourceId", problem)
    };
    let target = TargetRef::parse(physical_id).ok_or_else(not_found)?;
    let found = provisioned::current::<Noun>(job, &target).await?.ok_or_else(not_found)?;
    if can_synchronize(&found.live) && !is_current(&target).await? {
        synchronize(job, &target).await?;
    }
    Ok(())
}

async fn create(job: &Job<'_>, desired: &DesiredTarget<'_>) -> Outcome {
    let found = Box::pin(engine::create(job, desired)).await?;
    Ok(success(desired.gateway, &found))
}

/// Brings a settled target of ours to the desired state: by an update, which lists the server's tools again as well, or
/// by a synchronization alone if only `SynchronizeOn` has changed.
async fn change(
    job: &Job<'_>,
    desired: &DesiredTarget<'_>,
    found: Found<Noun>,
    old: Option<&Properties>,
) -> Result<Found<Noun>, Error> {
    if !desired.is_in_place(job, &found.live)? {
        return Box::pin(engine::converge(job, desired, found)).await;
    }
    let asked = old.is_none_or(|old| old.synchronize_on != desired.properties.synchronize_on);
    if !asked || !can_synchronize(&found.live) || synchronized_since_request(job, &found.live) {
        return Ok(found);
    }
    match unless_rolling_back(job, synchronize(job, &found.id).await)? {
        Some(live) => Ok(Found { live, ..found }),
        None => Ok(found),
    }
}

/// Returns true if an earlier delivery of this request synchronized the target.
fn synchronized_since_request(job: &Job<'_>, live: &GetGatewayTargetOutput) -> bool {
    let synchronized_at = live.last_synchronized_at().and_then(|at| SystemTime::try_from(*at).ok());
    job.requested_at
        .zip(synchronized_at)
        .is_some_and(|(requested, synchronized)| synchronized > requested + REQUEST_TIME_PRECISION)
}

fn success(gateway: &GetGatewayOutput, found: &Found<Noun>) -> Success {
    Success { physical_id: found.id.to_string(), attributes: attributes(gateway, found) }
}

/// Returns the attributes for `Fn::GetAtt`.
fn attributes(gateway: &GetGatewayOutput, found: &Found<Noun>) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("TargetId", found.id.target_id.clone()),
        ("TargetName", found.live.name().to_owned()),
        ("GatewayId", found.id.gateway_id.clone()),
        ("GatewayArn", gateway.gateway_arn().to_owned()),
        ("GatewayUrl", gateway.gateway_url().unwrap_or_default().to_owned()),
    ])
}
