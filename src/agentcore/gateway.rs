//! Gateways: calls, statuses, ids.
//!
//! Calls: CreateGateway, GetGateway, UpdateGateway, DeleteGateway. A delete calls ListGatewayTargets and
//! GetGatewayTarget first. A search by name calls ListGateways, because no call finds a gateway by its name.

use std::time::SystemTime;

use aws_sdk_bedrockagentcorecontrol::operation::create_gateway::builders::CreateGatewayFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::update_gateway::builders::UpdateGatewayFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::GatewayStatus;
use aws_smithy_types::DateTime;

use super::gateway_target::{self, GatewayTarget, TargetRef};
use super::none_if_not_found;
use super::ownership::{self, Ownership};
use super::provisioned::{Dependents, Provisioned};
use super::put::{Governed, put};
use super::waiters::{Live, Phase, joined};
use crate::error::Error;
use crate::job::Job;
use crate::refusal::Refusal;

/// The maximum number of entries that one answer of a list may hold (API reference, ListGateways).
const PAGE: i32 = 1000;

/// Creates a gateway and returns its id. The request carries an idempotency token.
pub(crate) async fn create(job: &Job<'_>, request: CreateGatewayFluentBuilder) -> Result<String, Error> {
    let answer = job.call("bedrock-agentcore:CreateGateway", || request.clone().send()).await?;
    Ok(answer.gateway_id)
}

/// Replaces the `governed` members of the gateway's configuration. Returns when it was updated, by its own timestamp.
pub(crate) async fn update(
    job: &Job<'_>,
    live: &GetGatewayOutput,
    request: UpdateGatewayFluentBuilder,
    governed: &'static Governed,
) -> Result<DateTime, Error> {
    let request = request.gateway_identifier(live.gateway_id()).name(live.name());
    let get = job.context.agentcore.get_gateway().gateway_identifier(live.gateway_id());
    let get = ("bedrock-agentcore:GetGateway", |watch| get.clone().customize().interceptor(watch).send());
    let update = ("bedrock-agentcore:UpdateGateway", |kept| request.clone().customize().interceptor(kept).send());
    Ok(put(job, live.gateway_id(), governed, get, update).await?.updated_at)
}

/// Lists the ids of the gateways of the account and Region whose names `wanted` accepts. The list lags.
pub(crate) async fn ids_by_name(job: &Job<'_>, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
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

/// AgentCore gateways.
pub(crate) struct Gateway;

impl Provisioned for Gateway {
    const NOUN: &'static str = "gateway";
    const NAME_ADVICE: &'static str = "choose another `GatewayName` or delete that gateway";
    /// Gateways have no status for a deletion that failed.
    const REPEATS_DELETION: bool = true;
    const REPLACES_FAILED: bool = true;
    const DEPENDENTS: &'static str = "targets";
    type Id = String;
    type Name = String;
    type Live = GetGatewayOutput;

    async fn get(job: &Job<'_>, id: &String) -> Result<Option<GetGatewayOutput>, Error> {
        let request = job.context.agentcore.get_gateway().gateway_identifier(id);
        let call = || request.clone().customize().interceptor(job.last_gets.record(id)).send();
        none_if_not_found(job.call("bedrock-agentcore:GetGateway", call).await)
    }

    async fn named(job: &Job<'_>, name: &String) -> Result<Option<Vec<String>>, Error> {
        ids_by_name(job, |listed| listed == name).await.map(Some)
    }

    async fn ownership(job: &Job<'_>, live: &GetGatewayOutput) -> Result<Option<Ownership>, Error> {
        ownership::by_tags(job, live.gateway_arn()).await
    }

    async fn delete(job: &Job<'_>, id: &String) -> Result<Option<()>, Error> {
        let request = job.context.agentcore.delete_gateway().gateway_identifier(id);
        let answer = job.call("bedrock-agentcore:DeleteGateway", || request.clone().send()).await;
        none_if_not_found(answer.map(|_| ()))
    }

    fn name(_: &String, live: &GetGatewayOutput) -> String {
        live.name().to_owned()
    }

    fn is_deletion_conflict(error: &Error) -> bool {
        Self::is_conflict(error) || Refusal::TargetsLeft.explains(error)
    }

    /// Our targets are resources of their own, which CloudFormation deletes first. Targets of others stop the deletion.
    async fn dependents(job: &Job<'_>, id: &String) -> Result<Dependents, Error> {
        let targets = gateway_target::list(job, id).await?.unwrap_or_default();
        let mut standing = Vec::new();
        for target in &targets {
            let id = TargetRef::new(id, target.target_id());
            let live = GatewayTarget::get(job, &id).await?;
            if live.is_some_and(|live| live.phase() != Phase::Deleting) {
                standing.push(target.name().to_owned());
            }
        }
        Ok(Dependents { standing, listed: !targets.is_empty() })
    }
}

impl Live for GetGatewayOutput {
    fn phase(&self) -> Phase {
        match self.status() {
            GatewayStatus::Ready => Phase::Ready,
            GatewayStatus::Failed | GatewayStatus::UpdateUnsuccessful => Phase::Failed,
            GatewayStatus::Deleting => Phase::Deleting,
            // CREATING, UPDATING, and every status that a newer service may add.
            _ => Phase::Changing,
        }
    }

    fn status_name(&self) -> String {
        self.status().as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        let moment = match self.status() {
            GatewayStatus::Creating => self.created_at(),
            _ => self.updated_at(),
        };
        (*moment).try_into().ok()
    }

    fn reasons(&self) -> String {
        joined(self.status_reasons())
    }

    fn creation_failed(&self) -> bool {
        *self.status() == GatewayStatus::Failed
    }
}
