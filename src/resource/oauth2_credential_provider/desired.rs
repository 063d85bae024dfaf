//! A credential provider as the engine provisions it.

use std::collections::BTreeMap;

use super::configuration::Configuration;
use super::governed::GOVERNED;
use super::preflight;
use super::properties::{CLIENT_SECRET, Properties};
use crate::agentcore::oauth2_credential_provider::{self, OAuth2CredentialProvider, Provider};
use crate::agentcore::unbuildable;
use crate::credential_provider::{check_source, fixed};
use crate::error::Error;
use crate::job::Job;
use crate::resource::named_type::Named;

impl Named for Properties {
    type Noun = OAuth2CredentialProvider;
    type Configuration = Configuration;

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    fn variant(&self) -> String {
        format!("{} {}", self.vendor.word, self.secret.source().as_str())
    }

    fn check_fixed(&self, live: &Provider) -> Result<(), Error> {
        let name = &live.common.name;
        if live.vendor != self.vendor.word {
            return Err(fixed("Vendor", name, self.vendor.word, &live.vendor));
        }
        check_source(&CLIENT_SECRET, name, &self.secret.source(), &live.source)
    }

    async fn configuration(
        &self,
        job: &Job<'_>,
        old: Option<&Self>,
        live: Option<&Provider>,
    ) -> Result<Configuration, Error> {
        match live {
            None => preflight::for_create(job, self).await,
            Some(live) => preflight::for_update(job, self, old, live).await,
        }
    }

    async fn create(
        job: &Job<'_>,
        name: &str,
        configuration: &Configuration,
        tags: BTreeMap<String, String>,
    ) -> Result<Provider, Error> {
        let request = job.context.agentcore.create_oauth2_credential_provider().name(name);
        let request = request
            .oauth2_provider_config_input(configuration.to_api().map_err(unbuildable)?)
            .set_tags(Some(tags.into_iter().collect()));
        oauth2_credential_provider::create(job, configuration.vendor, request).await
    }

    async fn update(job: &Job<'_>, name: &str, configuration: &Configuration) -> Result<Option<Provider>, Error> {
        let request = job
            .context
            .agentcore
            .update_oauth2_credential_provider()
            .credential_provider_vendor(configuration.vendor.into())
            .oauth2_provider_config_input(configuration.to_api().map_err(unbuildable)?);
        oauth2_credential_provider::update(job, name, request, &GOVERNED).await
    }

    /// Returns false, because the live secret cannot be compared with the desired one.
    fn is_applied(_: &Configuration, _: &Provider) -> bool {
        false
    }
}
