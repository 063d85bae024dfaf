//! A credential provider as the engine provisions it.

use aws_smithy_types::DateTime;

use super::configuration::Configuration;
use super::governed::GOVERNED;
use super::preflight;
use super::properties::Properties;
use crate::agentcore::oauth2_credential_provider::{self, OAuth2CredentialProvider, Provider};
use crate::agentcore::provisioned::{Created, Desired, Updated};
use crate::agentcore::unbuildable;
use crate::agentcore::waiters::is_at_least_as_recent;
use crate::error::Error;
use crate::job::Job;
use crate::tags;

/// The credential provider that a template asks for.
pub(super) struct DesiredProvider<'a> {
    pub(super) properties: &'a Properties,
    /// The properties before an update.
    pub(super) old: Option<&'a Properties>,
    /// The name of a provider that is created.
    pub(super) name: String,
}

impl Desired for DesiredProvider<'_> {
    type Noun = OAuth2CredentialProvider;
    type Configuration = Configuration;
    type Receipt = DateTime;

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn configuration(&self, job: &Job<'_>, live: Option<&Provider>) -> Result<Configuration, Error> {
        match live {
            None => preflight::for_create(job, self.properties).await,
            Some(live) => preflight::for_update(job, self.properties, self.old, live).await,
        }
    }

    async fn create(
        &self,
        job: &Job<'_>,
        configuration: &Configuration,
        _: u32,
    ) -> Result<Created<OAuth2CredentialProvider>, Error> {
        let request = job.context.agentcore.create_oauth2_credential_provider().name(&self.name);
        let request = request
            .oauth2_provider_config_input(configuration.to_api().map_err(unbuildable)?)
            .set_tags(Some(tags::wanted(&self.properties.tags, job.requester()).into_iter().collect()));
        let provider = oauth2_credential_provider::create(job, configuration.vendor, request).await?;
        Ok(Created { id: self.name.clone(), live: Some(provider) })
    }

    async fn update(
        &self,
        job: &Job<'_>,
        name: &String,
        _: &Provider,
        configuration: &Configuration,
        _: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        let request = job
            .context
            .agentcore
            .update_oauth2_credential_provider()
            .credential_provider_vendor(configuration.vendor.into())
            .oauth2_provider_config_input(configuration.to_api().map_err(unbuildable)?);
        let updated = oauth2_credential_provider::update(job, name, request, &GOVERNED).await?;
        Ok(updated.and_then(|live| Some(Updated { receipt: live.last_updated?, live: Some(live) })))
    }

    /// Returns false, because the live secret cannot be compared with the desired one.
    fn is_applied(_: &Configuration, _: &Provider) -> bool {
        false
    }

    fn unapplied(_: &Configuration, _: &Provider) -> Vec<&'static str> {
        Vec::new()
    }

    fn shows(live: &Provider, receipt: &DateTime) -> bool {
        live.last_updated.is_none_or(|updated| is_at_least_as_recent(&updated, receipt))
    }

    fn check_fixed(&self, live: &Provider) -> Result<(), Error> {
        check_fixed(live, self.properties)
    }
}

/// Refuses a change that AgentCore cannot apply to an existing provider.
pub(super) fn check_fixed(live: &Provider, properties: &Properties) -> Result<(), Error> {
    let (vendor, source) = (live.vendor.as_str(), &live.source);
    let wanted_source = properties.secret.source();
    let (property, wanted, created_with) = if vendor != properties.vendor.word {
        ("Vendor", properties.vendor.word, vendor)
    } else if *source != wanted_source {
        ("ClientSecretSource", wanted_source.as_str(), source.as_str())
    } else {
        return Ok(());
    };
    let problem = format!(
        "is {wanted}, and the credential provider named {} was created with {created_with}, which AgentCore does not change; \
         give another `Name`, or none so that one is generated, and it will be replaced",
        live.name
    );
    Err(Error::property(property, problem))
}
