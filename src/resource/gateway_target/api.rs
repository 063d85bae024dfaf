//! The AgentCore calls for targets that change something, each safe to repeat.

use aws_smithy_types::DateTime;

use super::configuration::Configuration;
use super::governed::GOVERNED;
use crate::agentcore::put::put;
use crate::agentcore::target::TargetRef;
use crate::agentcore::{none_if_not_found, unbuildable};
use crate::error::Error;
use crate::job::Job;

/// Returns the new target's identifier.
pub(super) async fn create(
    job: &Job<'_>,
    gateway_id: &str,
    configuration: &Configuration,
    token: &str,
) -> Result<TargetRef, Error> {
    let members = configuration.to_api().map_err(unbuildable)?;
    let request = job
        .context
        .agentcore
        .create_gateway_target()
        .gateway_identifier(gateway_id)
        .name(&configuration.name)
        .description(&configuration.description)
        .target_configuration(members.target)
        .set_credential_provider_configurations(members.outbound.map(|outbound| vec![outbound]))
        .set_metadata_configuration(members.metadata)
        .client_token(token);
    let answer = job.call("bedrock-agentcore:CreateGatewayTarget", || request.clone().send()).await?;
    Ok(TargetRef { gateway_id: gateway_id.to_owned(), target_id: answer.target_id })
}

/// Replaces the whole configuration, except the members that are not ours. Returns when the target was updated, by its
/// own timestamp, or `None` if the target does not exist.
pub(super) async fn update(
    job: &Job<'_>,
    target: &TargetRef,
    configuration: &Configuration,
) -> Result<Option<DateTime>, Error> {
    let TargetRef { gateway_id, target_id } = target;
    let members = configuration.to_api().map_err(unbuildable)?;
    let request = job
        .context
        .agentcore
        .update_gateway_target()
        .gateway_identifier(gateway_id)
        .target_id(target_id)
        .name(&configuration.name)
        .description(&configuration.description)
        .target_configuration(members.target)
        .set_credential_provider_configurations(members.outbound.map(|outbound| vec![outbound]))
        .set_metadata_configuration(members.metadata);
    let get = job.context.agentcore.get_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    let get = ("bedrock-agentcore:GetGatewayTarget", |watch| get.clone().customize().interceptor(watch).send());
    let update = ("bedrock-agentcore:UpdateGatewayTarget", |kept| request.clone().customize().interceptor(kept).send());
    none_if_not_found(put(job, &target.to_string(), &GOVERNED, get, update).await.map(|answer| answer.updated_at))
}

/// Starts the deletion. `None` if there is nothing to delete.
pub(super) async fn delete(job: &Job<'_>, target: &TargetRef) -> Result<Option<()>, Error> {
    let TargetRef { gateway_id, target_id } = target;
    let request = job.context.agentcore.delete_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    let answer = job.call("bedrock-agentcore:DeleteGatewayTarget", || request.clone().send()).await;
    none_if_not_found(answer.map(|_| ()))
}
