//! The AgentCore calls for gateways, each safe to repeat, with answers as our own types.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::GatewayProtocolType;
use aws_smithy_types::DateTime;

use super::configuration::Configuration;
use super::governed::GOVERNED;
use crate::agentcore::put::put;
pub(super) use crate::agentcore::target::get_gateway as get;
use crate::agentcore::{none_if_not_found, unbuildable};
use crate::error::Error;
use crate::job::Job;

/// Entries of a list that one answer may hold (API reference, ListGateways).
const PAGE: i32 = 1000;

/// Returns the new gateway's id.
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
        .create_gateway()
        .name(name)
        .role_arn(members.role_arn)
        .set_description(members.description)
        .protocol_type(GatewayProtocolType::Mcp)
        .protocol_configuration(members.protocol)
        .authorizer_type(members.authorizer_type)
        .set_authorizer_configuration(members.authorizer)
        .set_exception_level(members.exception_level)
        .set_kms_key_arn(members.kms_key_arn)
        .set_tags(Some(tags.clone().into_iter().collect()))
        .client_token(token);
    let answer = job.call("bedrock-agentcore:CreateGateway", || request.clone().send()).await?;
    Ok(answer.gateway_id)
}

/// Replaces the whole configuration, except the members that are not ours. Returns when the gateway was updated, by its
/// own timestamp.
pub(super) async fn update(
    job: &Job<'_>,
    live: &GetGatewayOutput,
    configuration: &Configuration,
) -> Result<DateTime, Error> {
    let members = configuration.to_api().map_err(unbuildable)?;
    let request = job
        .context
        .agentcore
        .update_gateway()
        .gateway_identifier(live.gateway_id())
        .name(live.name())
        .role_arn(members.role_arn)
        .set_description(members.description)
        .protocol_type(GatewayProtocolType::Mcp)
        .protocol_configuration(members.protocol)
        .authorizer_type(members.authorizer_type)
        .set_authorizer_configuration(members.authorizer)
        .set_exception_level(members.exception_level)
        .set_kms_key_arn(members.kms_key_arn);
    let get = job.context.agentcore.get_gateway().gateway_identifier(live.gateway_id());
    let get = ("bedrock-agentcore:GetGateway", |watch| get.clone().customize().interceptor(watch).send());
    let update = ("bedrock-agentcore:UpdateGateway", |kept| request.clone().customize().interceptor(kept).send());
    Ok(put(job, live.gateway_id(), &GOVERNED, get, update).await?.updated_at)
}

/// Starts the deletion. `None` if there is nothing to delete.
pub(super) async fn delete(job: &Job<'_>, id: &str) -> Result<Option<()>, Error> {
    let request = job.context.agentcore.delete_gateway().gateway_identifier(id);
    let answer = job.call("bedrock-agentcore:DeleteGateway", || request.clone().send()).await;
    none_if_not_found(answer.map(|_| ()))
}

/// The ids of the gateways of the account and Region whose names `wanted` accepts: there is no lookup by name. A new
/// gateway may be missing for a moment. For the unhappy paths only.
pub(super) async fn ids_by_name(job: &Job<'_>, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    let mut next_token = None;
    loop {
        let request = job.context.agentcore.list_gateways().max_results(PAGE).set_next_token(next_token);
        let page = job.call("bedrock-agentcore:ListGateways", || request.clone().send()).await?;
        ids.extend(page.items.into_iter().filter(|it| wanted(&it.name)).map(|it| it.gateway_id));
        match page.next_token {
            Some(token) => next_token = Some(token),
            None => return Ok(ids),
        }
    }
}
