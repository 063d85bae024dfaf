//! OAuth2 credential providers: calls, statuses. Their identifier is their name.
//!
//! Calls: CreateOauth2CredentialProvider, GetOauth2CredentialProvider, UpdateOauth2CredentialProvider,
//! DeleteOauth2CredentialProvider. None has an idempotency token: what exists decides what a repeated call means.

use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcorecontrol::operation::create_oauth2_credential_provider::builders::CreateOauth2CredentialProviderFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::update_oauth2_credential_provider::builders::UpdateOauth2CredentialProviderFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{Oauth2ProviderConfigOutput, Secret, SecretSourceType, Status};
use aws_smithy_types::DateTime;

use super::none_if_not_found;
use super::ownership::{self, Ownership};
use super::permissions::explained;
use super::provisioned::Provisioned;
use super::put::{Governed, put};
use super::waiters::{Live, NOT_FOUND_PATIENCE, Phase, joined};
use crate::error::{ApiErrorKind, Error};
use crate::event::RequestType;
use crate::job::Job;

/// A provider as AgentCore describes it in the answer to a Create, a Get or an Update.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) vendor: String,
    pub(crate) source: SecretSourceType,
    pub(crate) callback_url: Option<String>,
    pub(crate) secret_arn: Option<String>,
    pub(crate) configuration: Option<Oauth2ProviderConfigOutput>,
    /// `None` in the answer to a Create.
    pub(crate) last_updated: Option<DateTime>,
    created: Option<DateTime>,
    status: Status,
    failure_reason: Option<String>,
}

/// Reads the members that the answers to all three calls have. The SDK's types have no trait in common.
macro_rules! provider {
    ($answer:expr, $($more:tt)*) => {{
        let answer = &$answer;
        Provider {
            name: answer.name().to_owned(),
            arn: answer.credential_provider_arn().to_owned(),
            // The member is younger than the service, which at first knew only MANAGED.
            source: answer.client_secret_source().cloned().unwrap_or(SecretSourceType::Managed),
            callback_url: answer.callback_url().map(str::to_owned),
            secret_arn: answer.client_secret_arn().map(Secret::secret_arn).map(str::to_owned),
            configuration: answer.oauth2_provider_config_output().cloned(),
            // The member is optional: a service that finishes at once has nothing to report.
            status: answer.status().cloned().unwrap_or(Status::Ready),
            $($more)*
        }
    }};
}

/// Creates a provider of this vendor. If the call is repeated after it took effect, it is refused because the name is
/// taken.
pub(crate) async fn create(
    job: &Job<'_>,
    vendor: &str,
    request: CreateOauth2CredentialProviderFluentBuilder,
) -> Result<Provider, Error> {
    let request = request.credential_provider_vendor(vendor.into());
    let answer = job.call("bedrock-agentcore:CreateOauth2CredentialProvider", || request.clone().send()).await;
    let answer = answer.map_err(explained)?;
    Ok(provider!(answer, vendor: vendor.to_owned(), created: None, last_updated: None, failure_reason: None))
}

/// Replaces the `governed` members of the provider's configuration. Returns `None` if the provider does not exist.
pub(crate) async fn update(
    job: &Job<'_>,
    name: &str,
    request: UpdateOauth2CredentialProviderFluentBuilder,
    governed: &'static Governed,
) -> Result<Option<Provider>, Error> {
    let request = request.name(name);
    let get = job.context.agentcore.get_oauth2_credential_provider().name(name);
    let get =
        ("bedrock-agentcore:GetOauth2CredentialProvider", |watch| get.clone().customize().interceptor(watch).send());
    let operation = "bedrock-agentcore:UpdateOauth2CredentialProvider";
    let update = (operation, |kept| request.clone().customize().interceptor(kept).send());
    let answer = put(job, name, governed, get, update).await;
    Ok(none_if_not_found(answer.map_err(explained))?.map(|answer| {
        provider!(answer, vendor: answer.credential_provider_vendor().as_str().to_owned(),
            created: Some(*answer.created_time()), last_updated: Some(*answer.last_updated_time()),
            failure_reason: None)
    }))
}

/// OAuth2 credential providers in AgentCore's token vault.
pub(crate) struct OAuth2CredentialProvider;

impl Provisioned for OAuth2CredentialProvider {
    const NOUN: &'static str = "credential provider";
    const NAME_ADVICE: &'static str =
        "choose another `Name`, leave it out so that one is derived, or delete that provider";
    /// A search is a Get, which lags less than a list.
    const SEARCH_PATIENCE: Duration = NOT_FOUND_PATIENCE;
    type Id = String;
    type Name = String;
    type Live = Provider;

    async fn get(job: &Job<'_>, name: &String) -> Result<Option<Provider>, Error> {
        let request = job.context.agentcore.get_oauth2_credential_provider().name(name);
        let call = || request.clone().customize().interceptor(job.last_gets.record(name)).send();
        let answer = job.call("bedrock-agentcore:GetOauth2CredentialProvider", call).await;
        Ok(none_if_not_found(answer)?.map(|answer| {
            provider!(answer, vendor: answer.credential_provider_vendor().as_str().to_owned(),
                created: Some(*answer.created_time()), last_updated: Some(*answer.last_updated_time()),
                failure_reason: answer.failure_reason().map(str::to_owned))
        }))
    }

    async fn named(_: &Job<'_>, name: &String) -> Result<Option<Vec<String>>, Error> {
        Ok(Some(vec![name.clone()]))
    }

    /// AgentCore may refuse to list the tags of providers, whose ARNs do not match the model's pattern of taggable ones.
    async fn ownership(job: &Job<'_>, live: &Provider) -> Result<Option<Ownership>, Error> {
        ownership::by_tags_if_listed(job, &live.arn).await
    }

    async fn delete(job: &Job<'_>, name: &String) -> Result<Option<()>, Error> {
        let request = job.context.agentcore.delete_oauth2_credential_provider().name(name);
        let answer = job.call("bedrock-agentcore:DeleteOauth2CredentialProvider", || request.clone().send()).await;
        none_if_not_found(answer.map(|_| ()).map_err(explained))
    }

    fn name(name: &String, _: &Provider) -> String {
        name.clone()
    }

    fn title(name: &String, _: &Provider) -> String {
        format!("credential provider {name}")
    }

    fn holder(name: &String, _: &String) -> String {
        format!("credential provider named {name}")
    }

    /// Nobody else derives a name from this stack's id. Moreover, a Create adopts only a provider that was created
    /// after its request.
    fn is_ours_unproven(job: &Job<'_>, live: &Provider) -> bool {
        let requested =
            || job.requested_at().zip(live.created()).is_some_and(|(requested, created)| created >= requested);
        job.requester().is_derived_name(&live.name) && (job.request_type != RequestType::Create || requested())
    }

    /// The secret of a provider that was deleted a moment ago is still being deleted, and it has the name of the new
    /// provider's secret.
    fn is_conflict(error: &Error) -> bool {
        let vanishing = || error.api().is_some_and(|api| api.kind == ApiErrorKind::Other && api.mentions("deletion"));
        error.is(ApiErrorKind::Conflict) || vanishing()
    }
}

impl Provider {
    fn created(&self) -> Option<SystemTime> {
        self.created.and_then(|at| at.try_into().ok())
    }
}

impl Live for Provider {
    fn phase(&self) -> Phase {
        match self.status {
            Status::Ready => Phase::Ready,
            Status::CreateFailed | Status::UpdateFailed | Status::DeleteFailed => Phase::Failed,
            Status::Deleting => Phase::Deleting,
            // CREATING, UPDATING, and every status that a newer service may add.
            _ => Phase::Changing,
        }
    }

    fn status_name(&self) -> String {
        self.status.as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        match self.status {
            Status::Creating => self.created(),
            _ => self.last_updated.and_then(|at| at.try_into().ok()),
        }
    }

    fn reasons(&self) -> String {
        joined(self.failure_reason.as_slice())
    }

    fn creation_failed(&self) -> bool {
        self.status == Status::CreateFailed
    }
}
