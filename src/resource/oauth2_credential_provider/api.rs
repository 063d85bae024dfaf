//! The AgentCore calls for credential providers. None has a client token: what a repeated call means is decided by
//! looking at what exists.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_bedrockagentcorecontrol::operation::get_oauth2_credential_provider::GetOauth2CredentialProviderOutput;
use aws_sdk_bedrockagentcorecontrol::types::{Secret, SecretSourceType, Status};
use aws_smithy_types::DateTime;

use super::configuration::Configuration;
use super::governed::GOVERNED;
use super::permissions::explained;
use crate::agentcore::put::put;
use crate::agentcore::{Live, Settled, none_if_not_found, unbuildable};
use crate::error::Error;
use crate::job::Job;

/// What a call says of the provider.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: Status,
    /// When an update was accepted, by the provider's own timestamp.
    pub(super) updated: Option<DateTime>,
    /// What `Fn::GetAtt` offers.
    pub(super) attributes: BTreeMap<&'static str, String>,
}

/// Makes the provider. Repeated after it had its effect, it is refused because the name is taken.
pub(super) async fn create(
    job: &Job<'_>,
    name: &str,
    configuration: &Configuration,
    tags: &BTreeMap<String, String>,
) -> Result<Answer, Error> {
    let request = job
        .context
        .agentcore
        .create_oauth2_credential_provider()
        .name(name)
        .credential_provider_vendor(configuration.vendor())
        .oauth2_provider_config_input(configuration.to_api().map_err(unbuildable)?)
        .set_tags(Some(tags.clone().into_iter().collect()));
    let answer = job.call("bedrock-agentcore:CreateOauth2CredentialProvider", || request.clone().send()).await;
    let answer = answer.map_err(explained)?;
    let arn = answer.credential_provider_arn();
    let attributes = attributes(arn, answer.callback_url(), answer.client_secret_arn());
    Ok(Answer { status: settled_if_absent(answer.status()), updated: None, attributes })
}

/// Replaces the whole configuration, except the members that are not ours. Returns `None` if the provider does not
/// exist.
pub(super) async fn update(job: &Job<'_>, name: &str, configuration: &Configuration) -> Result<Option<Answer>, Error> {
    let request = job
        .context
        .agentcore
        .update_oauth2_credential_provider()
        .name(name)
        .credential_provider_vendor(configuration.vendor())
        .oauth2_provider_config_input(configuration.to_api().map_err(unbuildable)?);
    let get = job.context.agentcore.get_oauth2_credential_provider().name(name);
    let get =
        ("bedrock-agentcore:GetOauth2CredentialProvider", |watch| get.clone().customize().interceptor(watch).send());
    let operation = "bedrock-agentcore:UpdateOauth2CredentialProvider";
    let update = (operation, |kept| request.clone().customize().interceptor(kept).send());
    let answer = put(job, name, &GOVERNED, get, update).await;
    Ok(none_if_not_found(answer.map_err(explained))?.map(|answer| {
        let arn = answer.credential_provider_arn();
        let attributes = attributes(arn, answer.callback_url(), answer.client_secret_arn());
        Answer { status: settled_if_absent(answer.status()), updated: Some(*answer.last_updated_time()), attributes }
    }))
}

/// `None` if there is no such provider.
pub(super) async fn get(job: &Job<'_>, name: &str) -> Result<Option<GetOauth2CredentialProviderOutput>, Error> {
    let request = job.context.agentcore.get_oauth2_credential_provider().name(name);
    let call = || request.clone().customize().interceptor(job.shown.watch(name)).send();
    none_if_not_found(job.call("bedrock-agentcore:GetOauth2CredentialProvider", call).await)
}

/// Starts the deletion. `None` if there is nothing to delete.
pub(super) async fn delete(job: &Job<'_>, name: &str) -> Result<Option<()>, Error> {
    let request = job.context.agentcore.delete_oauth2_credential_provider().name(name);
    let answer = job.call("bedrock-agentcore:DeleteOauth2CredentialProvider", || request.clone().send()).await;
    none_if_not_found(answer.map(|_| ()).map_err(explained))
}

/// What a provider that was looked at says of itself.
pub(super) fn answer(live: &GetOauth2CredentialProviderOutput) -> Answer {
    let arn = live.credential_provider_arn();
    let attributes = attributes(arn, live.callback_url(), live.client_secret_arn());
    Answer { status: status(live), updated: None, attributes }
}

/// The status of a provider that was looked at.
pub(super) fn status(live: &GetOauth2CredentialProviderOutput) -> Status {
    settled_if_absent(live.status())
}

/// Who keeps the client's secret. The member is younger than the service, whose only way was MANAGED.
pub(super) fn source(live: &GetOauth2CredentialProviderOutput) -> SecretSourceType {
    live.client_secret_source().cloned().unwrap_or(SecretSourceType::Managed)
}

/// When it was made.
pub(super) fn created_at(live: &GetOauth2CredentialProviderOutput) -> Option<SystemTime> {
    (*live.created_time()).try_into().ok()
}

impl Live for GetOauth2CredentialProviderOutput {
    fn settled(&self) -> Settled {
        match status(self) {
            Status::Ready => Settled::Ready,
            Status::CreateFailed | Status::UpdateFailed | Status::DeleteFailed => Settled::Failed,
            // CREATING, UPDATING, DELETING, and whatever a newer service may add.
            _ => Settled::No,
        }
    }

    fn word(&self) -> String {
        status(self).as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        match status(self) {
            Status::Creating => created_at(self),
            _ => (*self.last_updated_time()).try_into().ok(),
        }
    }
}

/// The member is optional: a service that works at once has nothing to report.
fn settled_if_absent(status: Option<&Status>) -> Status {
    status.cloned().unwrap_or(Status::Ready)
}

fn attributes(arn: &str, callback_url: Option<&str>, secret: Option<&Secret>) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("CredentialProviderArn", arn.to_owned()),
        ("CallbackUrl", callback_url.unwrap_or_default().to_owned()),
        ("ClientSecretArn", secret.map(Secret::secret_arn).unwrap_or_default().to_owned()),
    ])
}
