//! OAuth2 credential providers: calls, statuses. Their identifier is their name.
//!
//! Calls: CreateOauth2CredentialProvider, GetOauth2CredentialProvider, UpdateOauth2CredentialProvider,
//! DeleteOauth2CredentialProvider. None has an idempotency token: what exists decides what a repeated call means.

use std::time::SystemTime;

use aws_sdk_bedrockagentcorecontrol::operation::create_oauth2_credential_provider::builders::CreateOauth2CredentialProviderFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::update_oauth2_credential_provider::builders::UpdateOauth2CredentialProviderFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{Oauth2ProviderConfigOutput, Secret, SecretSourceType, Status};

use super::named_noun::{Common, NamedLive, NamedNoun, is_provider_name, time};
use super::none_if_not_found;
use super::provider_permissions::explained;
use super::put::{Governed, put};
use super::waiters::{Live, Phase, joined};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::refusal::Refusal;

/// A provider as AgentCore describes it in the answer to a Create, a Get or an Update.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) common: Common,
    pub(crate) vendor: String,
    pub(crate) source: SecretSourceType,
    pub(crate) callback_url: Option<String>,
    pub(crate) secret_arn: Option<String>,
    pub(crate) configuration: Option<Oauth2ProviderConfigOutput>,
    status: Status,
    failure_reason: Option<String>,
}

/// Reads the members that the answers to all three calls have. The SDK's types have no trait in common.
macro_rules! provider {
    ($answer:expr, $created:expr, $last_updated:expr, $($more:tt)*) => {{
        let answer = &$answer;
        Provider {
            common: Common {
                name: answer.name().to_owned(),
                arn: answer.credential_provider_arn().to_owned(),
                created: $created,
                last_updated: $last_updated,
            },
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
    Ok(provider!(answer, None, None, vendor: vendor.to_owned(), failure_reason: None))
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
        provider!(answer, Some(*answer.created_time()), Some(*answer.last_updated_time()),
            vendor: answer.credential_provider_vendor().as_str().to_owned(), failure_reason: None)
    }))
}

/// OAuth2 credential providers in AgentCore's token vault.
pub(crate) struct OAuth2CredentialProvider;

impl NamedNoun for OAuth2CredentialProvider {
    const NOUN: &'static str = "credential provider";
    const NAME_ADVICE: &'static str =
        "choose another `Name`, leave it out so that one is derived, or delete that provider";
    type Live = Provider;

    fn is_name(name: &str) -> bool {
        is_provider_name(name)
    }

    async fn get(job: &Job<'_>, name: &str) -> Result<Option<Provider>, Error> {
        let request = job.context.agentcore.get_oauth2_credential_provider().name(name);
        let call = || request.clone().customize().interceptor(job.last_gets.record(name)).send();
        let answer = job.call("bedrock-agentcore:GetOauth2CredentialProvider", call).await;
        Ok(none_if_not_found(answer)?.map(|answer| {
            provider!(answer, Some(*answer.created_time()), Some(*answer.last_updated_time()),
                vendor: answer.credential_provider_vendor().as_str().to_owned(),
                failure_reason: answer.failure_reason().map(str::to_owned))
        }))
    }

    async fn delete(job: &Job<'_>, name: &str) -> Result<Option<()>, Error> {
        let request = job.context.agentcore.delete_oauth2_credential_provider().name(name);
        let answer = job.call("bedrock-agentcore:DeleteOauth2CredentialProvider", || request.clone().send()).await;
        none_if_not_found(answer.map(|_| ()).map_err(explained))
    }

    fn is_conflict(error: &Error) -> bool {
        error.is(ApiErrorKind::Conflict) || Refusal::SecretInDeletion.explains(error)
    }
}

impl NamedLive for Provider {
    fn common(&self) -> &Common {
        &self.common
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
        time(match self.status {
            Status::Creating => self.common.created,
            _ => self.common.last_updated,
        })
    }

    fn reasons(&self) -> String {
        joined(self.failure_reason.as_slice())
    }

    fn creation_failed(&self) -> bool {
        self.status == Status::CreateFailed
    }
}
