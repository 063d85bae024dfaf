//! A runtime as the engine provisions it.

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use super::configuration::Configuration;
use super::environment::Environment;
use super::governed::GOVERNED;
use super::properties::{Properties, Variables};
use super::{environment, failure, platform, preflight};
use crate::agentcore::provisioned::{Created, Desired, Updated};
use crate::agentcore::runtime::{self, Runtime, Version};
use crate::agentcore::unbuildable;
use crate::error::Error;
use crate::job::Job;
use crate::stack::unless_rolling_back;
use crate::tags;

/// The runtime that a template asks for, with the environment that follows from it.
pub(super) struct DesiredRuntime<'a> {
    pub(super) properties: &'a Properties,
    old: Option<&'a Properties>,
    /// `None` in a rollback that the secret, as it is now, does not allow.
    environment: Option<Environment>,
    name: String,
}

impl<'a> DesiredRuntime<'a> {
    /// Builds the environment, and reads the secret if its keys become variables. `old` are the properties before an
    /// update.
    pub(super) async fn new(
        job: &Job<'_>,
        properties: &'a Properties,
        old: Option<&'a Properties>,
    ) -> Result<Self, Error> {
        let environment = unless_rolling_back(job, environment::build(job, properties).await)?;
        Ok(Self { properties, old, environment, name: properties.name(job.requester()) })
    }

    /// Returns the environment that the update of a runtime with the `live` one asks for. Returns `None` if the secret's
    /// values cannot be used: in a rollback that the secret does not allow, or after a rotation that refused them.
    async fn updated(&self, job: &Job<'_>, live: &Variables) -> Result<Option<Variables>, Error> {
        let Some(environment) = &self.environment else { return Ok(None) };
        if !self.keeps_secret_version() {
            return Ok(Some(environment::with_mark(environment.variables.clone(), live)));
        }
        let updated = environment::after_rotation(job, self.properties, environment, live).await;
        Ok(unless_rolling_back(job, updated)?.flatten())
    }

    /// Returns true if the template asks for the same version of the secret as before, or for none: a rotation since then
    /// stays.
    fn keeps_secret_version(&self) -> bool {
        self.old.is_some_and(|old| old.secret_version_id == self.properties.secret_version_id)
    }
}

impl Desired for DesiredRuntime<'_> {
    type Noun = Runtime;
    type Configuration = Configuration;
    type Receipt = Version;
    const RECEIPT_MEMBER: Option<&'static str> = Some("version");

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn configuration(&self, job: &Job<'_>, live: Option<&GetAgentRuntimeOutput>) -> Result<Configuration, Error> {
        if let Some(policy) = &self.properties.resource_policy {
            policy.check_own_access(job.context.role_arn.as_deref(), self.properties.authorizer.is_some())?;
        }
        let Some(live) = live else {
            let environment = match &self.environment {
                Some(environment) => environment.variables.clone(),
                None => environment::build(job, self.properties).await?.variables,
            };
            let desired = Configuration::desired(self.properties, environment);
            platform::check_environment(&desired)?;
            preflight::check_idp(job, self.properties, None, None).await?;
            return Ok(desired);
        };
        let former = Configuration::live(live);
        let kept = || environment::kept(self.properties, self.old, former.environment());
        let environment = self.updated(job, former.environment()).await?.unwrap_or_else(kept);
        let platform = platform::of_update(job, live, self.properties, self.old).await?;
        let mut desired = Configuration::desired(self.properties, environment).on(platform.clone());
        // The service has accepted the environment that the runtime has, whatever its size is here.
        if !former.has_environment_of(&desired)
            && unless_rolling_back(job, platform::check_environment(&desired))?.is_none()
        {
            desired = Configuration::desired(self.properties, kept()).on(platform);
        }
        preflight::check_idp(job, self.properties, Some(&former), self.old).await?;
        Ok(desired)
    }

    async fn create(
        &self,
        job: &Job<'_>,
        configuration: &Configuration,
        attempt: u32,
    ) -> Result<Created<Runtime>, Error> {
        let request = configuration.create_request(&job.context.agentcore).map_err(unbuildable)?;
        let request = request
            .agent_runtime_name(&self.name)
            .set_tags(Some(tags::wanted(&self.properties.tags, job.requester()).into_iter().collect()))
            .client_token(job.requester().client_token(&format!("runtime-create-{attempt}")));
        let id = runtime::create(job, request).await.map_err(|error| platform::explain(error, configuration))?;
        Ok(Created { id, live: None })
    }

    async fn update(
        &self,
        job: &Job<'_>,
        id: &String,
        _: &GetAgentRuntimeOutput,
        configuration: &Configuration,
        attempt: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        let request = configuration.update_request(&job.context.agentcore).map_err(unbuildable)?;
        let request = request.client_token(job.requester().client_token(&format!("runtime-update-{attempt}")));
        let updated = runtime::update(job, id, request, &GOVERNED).await;
        let receipt = updated.map_err(|error| platform::explain(error, configuration))?;
        Ok(Some(Updated { receipt, live: None }))
    }

    fn is_applied(configuration: &Configuration, live: &GetAgentRuntimeOutput) -> bool {
        Configuration::live(live) == *configuration
    }

    fn unapplied(configuration: &Configuration, live: &GetAgentRuntimeOutput) -> Vec<&'static str> {
        configuration.unapplied_in(&Configuration::live(live))
    }

    fn shows(live: &GetAgentRuntimeOutput, receipt: &Version) -> bool {
        Version::live(live) >= *receipt
    }

    async fn failure(&self, job: &Job<'_>, _: &String, live: &GetAgentRuntimeOutput) -> Error {
        // Sessions of the version in service print into the same group, and their containers know the former secret.
        let secrets = [Some(self.properties), self.old].into_iter().flatten().filter_map(|it| it.secret.as_ref());
        failure::explain(job, live, &secrets.map(|secret| secret.id.as_str()).collect::<Vec<_>>()).await
    }
}
