//! An API key credential provider as the engine provisions it.

use std::collections::BTreeMap;

use super::governed::GOVERNED;
use super::properties::{API_KEY, Properties};
use crate::agentcore::api_key_credential_provider::{self, ApiKeyCredentialProvider, Provider};
use crate::agentcore::unbuildable;
use crate::credential_provider::{ResolvedSecret, check_source};
use crate::error::Error;
use crate::job::Job;
use crate::resource::named_type::Named;

impl Named for Properties {
    type Noun = ApiKeyCredentialProvider;
    type Configuration = ResolvedSecret;

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    fn variant(&self) -> String {
        self.key.source().as_str().to_owned()
    }

    fn check_fixed(&self, live: &Provider) -> Result<(), Error> {
        check_source(&API_KEY, &live.common.name, &self.key.source(), &live.source)
    }

    async fn configuration(
        &self,
        job: &Job<'_>,
        _: Option<&Self>,
        _: Option<&Provider>,
    ) -> Result<ResolvedSecret, Error> {
        Ok(self.key.read(job, &API_KEY).await?.0)
    }

    async fn create(
        job: &Job<'_>,
        name: &str,
        key: &ResolvedSecret,
        tags: BTreeMap<String, String>,
    ) -> Result<Provider, Error> {
        let (source, value, reference) = key.to_api().map_err(unbuildable)?;
        let request = job.context.agentcore.create_api_key_credential_provider().name(name);
        let request = request
            .api_key_secret_source(source)
            .set_api_key(value)
            .set_api_key_secret_config(reference)
            .set_tags(Some(tags.into_iter().collect()));
        api_key_credential_provider::create(job, request).await
    }

    async fn update(job: &Job<'_>, name: &str, key: &ResolvedSecret) -> Result<Option<Provider>, Error> {
        let (source, value, reference) = key.to_api().map_err(unbuildable)?;
        let request = job.context.agentcore.update_api_key_credential_provider();
        let request = request.api_key_secret_source(source).set_api_key(value).set_api_key_secret_config(reference);
        api_key_credential_provider::update(job, name, request, &GOVERNED).await
    }

    /// Returns false, because the live key cannot be compared with the desired one.
    fn is_applied(_: &ResolvedSecret, _: &Provider) -> bool {
        false
    }
}
