//! `Custom::AgentCoreGateway`: an AgentCore Gateway, the one MCP URL in front of its targets.
//!
//! Calls: CreateGateway, GetGateway, UpdateGateway, DeleteGateway, ListGatewayTargets and GetGatewayTarget (before a
//! delete), ListTagsForResource, TagResource, UntagResource. ListGateways only if a name has to be looked up.
//! GetSecretValue only for `ClientSecretId`. The IdP itself before an authorizer trusts it. Identifier: the gateway's
//! id. Replaces: `GatewayName`, `AuthorizerType`, `SearchType`, `KmsKeyArn`, `SupportedVersions`. Everything else
//! updates in place, as a full replace.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::WorkloadIdentityDetails;

use crate::agentcore::deletion;
use crate::agentcore::engine;
use crate::agentcore::gateway::Gateway as Noun;
use crate::agentcore::gateway_id;
use crate::agentcore::ownership::converge_tags;
use crate::agentcore::provisioned::{self, Found};
use crate::authorizer::Authorizer;
use crate::error::Error;
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::{Requester, pending_name};
use crate::resource::lifecycle::Lifecycle;

mod configuration;
mod desired;
mod governed;
mod preflight;
mod properties;
mod replacement;

use configuration::unchangeable;
use desired::{DesiredGateway, cannot_change};
use properties::Properties;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct Gateway;

impl Lifecycle for Gateway {
    const TYPE: &'static str = "Custom::AgentCoreGateway";
    const ATTRIBUTES: &'static [&'static str] =
        &["GatewayId", "GatewayArn", "GatewayUrl", "WorkloadIdentityArn", "RoleArn", "ClientClaimName"];
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        let name = properties.name(job.requester);
        create(job, DesiredGateway { properties: &properties, old: None, name }).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let Some(found) = replacement::current(job, physical_id, &properties).await? else {
            return replace(job, physical_id, &properties).await;
        };
        if let Some(property) = unchangeable(&properties, old.as_ref(), &found.live) {
            return match properties.name {
                Some(_) => Err(cannot_change(property, physical_id).into()),
                None => replace(job, physical_id, &properties).await,
            };
        }
        if let Some(old) = &old {
            replacement::delete_abandoned(job, physical_id, &properties, old).await?;
        }
        let name = found.live.name().to_owned();
        let desired = DesiredGateway { properties: &properties, old: old.as_ref(), name };
        let found = Box::pin(engine::converge(job, &desired, found)).await?;
        Ok(finish(job, &found, &properties, old.as_ref()).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        let id = gateway_id::name(physical_id).map(|_| physical_id.to_owned());
        let name = || {
            let pending = pending_name(physical_id).map(str::to_owned);
            Some(pending.or_else(|| raw.text("GatewayName")).unwrap_or_else(|| job.requester.derived_name()))
        };
        deletion::delete_requested::<Noun>(job, physical_id, id, name).await?;
        Ok(Success::deleted(physical_id))
    }
}

/// Creates a replacement, or adopts a matching gateway of ours. Returning its id makes CloudFormation delete the current
/// one, or forget it if it is gone.
async fn replace(job: &Job<'_>, physical_id: &str, properties: &Properties) -> Outcome {
    let name = properties.replacement_name(job.requester);
    let desired = DesiredGateway { properties, old: None, name };
    // The rollback of a replacement: the gateway that was replaced still exists. A gateway with a chosen name is found
    // by its name.
    if properties.name.is_none()
        && let Some(predecessor) = replacement::find_predecessor(job, physical_id, properties).await?
        && let Some(found) = provisioned::current::<Noun>(job, &predecessor).await?
    {
        let with_id = |error: Error| error.with_id(&predecessor);
        let found = Box::pin(engine::converge(job, &desired, found)).await.map_err(with_id)?;
        return finish(job, &found, properties, None).await.map_err(with_id);
    }
    create(job, desired).await
}

async fn create(job: &Job<'_>, desired: DesiredGateway<'_>) -> Outcome {
    let found = Box::pin(engine::create(job, &desired)).await?;
    finish(job, &found, desired.properties, None).await.map_err(|error| error.with_id(&found.id))
}

/// Brings the tags of a gateway that is READY to the desired state, and answers.
async fn finish(
    job: &Job<'_>,
    found: &Found<Noun>,
    properties: &Properties,
    old: Option<&Properties>,
) -> Result<Success, Error> {
    let arn = found.live.gateway_arn();
    converge_tags(job, arn, &found.ownership, &properties.tags, old.map(|old| &old.tags)).await?;
    Ok(Success { physical_id: found.id.clone(), attributes: attributes(&found.live) })
}

/// Returns the attributes for `Fn::GetAtt`.
fn attributes(live: &GetGatewayOutput) -> BTreeMap<&'static str, String> {
    let identity = live.workload_identity_details().map(WorkloadIdentityDetails::workload_identity_arn);
    let authorizer = live.authorizer_configuration().map(Authorizer::from_api);
    let claim = authorizer.as_ref().and_then(Authorizer::client_claim);
    BTreeMap::from([
        ("GatewayId", live.gateway_id().to_owned()),
        ("GatewayArn", live.gateway_arn().to_owned()),
        ("GatewayUrl", live.gateway_url().unwrap_or_default().to_owned()),
        ("WorkloadIdentityArn", identity.unwrap_or_default().to_owned()),
        ("RoleArn", live.role_arn().unwrap_or_default().to_owned()),
        ("ClientClaimName", claim.unwrap_or_default().to_owned()),
    ])
}
