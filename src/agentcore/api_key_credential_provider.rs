//! API key credential providers. Their identifier is their name. They have no status: each call is done when it is
//! answered.
//!
//! Calls: CreateApiKeyCredentialProvider, GetApiKeyCredentialProvider, UpdateApiKeyCredentialProvider,
//! DeleteApiKeyCredentialProvider.

use aws_sdk_bedrockagentcorecontrol::operation::create_api_key_credential_provider::builders::CreateApiKeyCredentialProviderFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::update_api_key_credential_provider::builders::UpdateApiKeyCredentialProviderFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{Secret, SecretSourceType};

use super::named_noun::{Common, NamedLive, NamedNoun, WithoutStatus, is_provider_name};
use super::none_if_not_found;
use super::provider_permissions::explained;
use super::put::{Governed, put};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::refusal::Refusal;

/// A provider as AgentCore describes it in the answer to a Create, a Get or an Update.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) source: SecretSourceType,
    pub(crate) secret_arn: Option<String>,
    pub(crate) common: Common,
}

/// Reads the members that the answers to all three calls have. The SDK's types have no trait in common.
macro_rules! provider {
    ($answer:expr, $created:expr, $last_updated:expr) => {{
        let answer = &$answer;
        Provider {
            // The member is younger than the service, which at first knew only MANAGED.
            source: answer.api_key_secret_source().cloned().unwrap_or(SecretSourceType::Managed),
            secret_arn: answer.api_key_secret_arn().map(Secret::secret_arn).map(str::to_owned),
            common: Common {
                name: answer.name().to_owned(),
                arn: answer.credential_provider_arn().to_owned(),
                created: $created,
                last_updated: $last_updated,
            },
        }
    }};
}

/// Creates a provider. If the call is repeated after it took effect, it is refused because the name is taken.
pub(crate) async fn create(
    job: &Job<'_>,
    request: CreateApiKeyCredentialProviderFluentBuilder,
) -> Result<Provider, Error> {
    let answer = job.call("bedrock-agentcore:CreateApiKeyCredentialProvider", || request.clone().send()).await;
    let answer = answer.map_err(explained)?;
    Ok(provider!(answer, None, None))
}

/// Replaces the `governed` members of the provider. Returns `None` if it does not exist.
pub(crate) async fn update(
    job: &Job<'_>,
    name: &str,
    request: UpdateApiKeyCredentialProviderFluentBuilder,
    governed: &'static Governed,
) -> Result<Option<Provider>, Error> {
    let request = request.name(name);
    let get = job.context.agentcore.get_api_key_credential_provider().name(name);
    let get =
        ("bedrock-agentcore:GetApiKeyCredentialProvider", |watch| get.clone().customize().interceptor(watch).send());
    let operation = "bedrock-agentcore:UpdateApiKeyCredentialProvider";
    let update = (operation, |kept| request.clone().customize().interceptor(kept).send());
    let answer = put(job, name, governed, get, update).await;
    let answer = none_if_not_found(answer.map_err(explained))?;
    Ok(answer.map(|answer| provider!(answer, Some(*answer.created_time()), Some(*answer.last_updated_time()))))
}

/// API key credential providers in AgentCore's token vault.
pub(crate) struct ApiKeyCredentialProvider;

impl NamedNoun for ApiKeyCredentialProvider {
    const NOUN: &'static str = "credential provider";
    const NAME_ADVICE: &'static str =
        "choose another `Name`, leave it out so that one is derived, or delete that provider";
    type Live = Provider;

    fn is_name(name: &str) -> bool {
        is_provider_name(name)
    }

    async fn get(job: &Job<'_>, name: &str) -> Result<Option<Provider>, Error> {
        let request = job.context.agentcore.get_api_key_credential_provider().name(name);
        let call = || request.clone().customize().interceptor(job.last_gets.record(name)).send();
        let answer = none_if_not_found(job.call("bedrock-agentcore:GetApiKeyCredentialProvider", call).await)?;
        Ok(answer.map(|answer| provider!(answer, Some(*answer.created_time()), Some(*answer.last_updated_time()))))
    }

    async fn delete(job: &Job<'_>, name: &str) -> Result<Option<()>, Error> {
        let request = job.context.agentcore.delete_api_key_credential_provider().name(name);
        let answer = job.call("bedrock-agentcore:DeleteApiKeyCredentialProvider", || request.clone().send()).await;
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

impl WithoutStatus for Provider {}
