//! A runtime as the engine provisions it: the one that a template asks for, and the one with other values in its
//! environment after a rotation.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use super::configuration::Configuration;
use super::environment::{Environment, Marker, SECRET_VERSION_VARIABLE};
use super::governed::{self, GOVERNED};
use super::properties::{Properties, Variables};
use super::{environment, failure, platform, preflight};
use crate::agentcore::provisioned::{self, Created, Desired, Updated, gone};
use crate::agentcore::runtime::{self, Runtime, Version};
use crate::agentcore::unbuildable;
use crate::agentcore::waiters::{Live, Phase};
use crate::error::Error;
use crate::job::Job;
use crate::sensitive::Sensitive;
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
        Ok(Self { properties, old, environment, name: properties.name(job.requester) })
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
            .set_tags(Some(tags::wanted(&self.properties.tags, job.requester).into_iter().collect()))
            .client_token(job.requester.client_token(&format!("runtime-create-{attempt}")));
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
        let request = request.client_token(job.requester.client_token(&format!("runtime-update-{attempt}")));
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

/// Changes of a runtime's environment. Other variables stay.
#[derive(Clone)]
pub(super) struct Changes {
    pub(super) set: BTreeMap<String, Sensitive>,
    pub(super) remove: Vec<String>,
}

/// The environment that a runtime should have after some changes.
pub(super) struct DesiredEnvironment<'a> {
    pub(super) id: &'a String,
    pub(super) name: String,
    pub(super) secret_arn: &'a str,
    /// The version of the runtime from which the changes follow. They may be wrong for another one.
    pub(super) replaced: Version,
    pub(super) changes: Changes,
    pub(super) purpose: String,
}

impl Desired for DesiredEnvironment<'_> {
    type Noun = Runtime;
    type Configuration = Changes;
    type Receipt = Version;
    const RECEIPT_MEMBER: Option<&'static str> = Some("version");

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn configuration(&self, _: &Job<'_>, _: Option<&GetAgentRuntimeOutput>) -> Result<Changes, Error> {
        Ok(self.changes.clone())
    }

    /// Creates nothing: only a stack creates a runtime.
    async fn create(&self, _: &Job<'_>, _: &Changes, _: u32) -> Result<Created<Runtime>, Error> {
        Err(gone::<Runtime>(self.id))
    }

    async fn update(
        &self,
        job: &Job<'_>,
        id: &String,
        live: &GetAgentRuntimeOutput,
        changes: &Changes,
        attempt: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        // The change that an earlier attempt had to wait for may have done the same, or something newer.
        let live = if live.phase() == Phase::Ready {
            Some(live.clone())
        } else {
            provisioned::wait_settled::<Runtime>(job, id).await?
        };
        let Some(live) = &live else { return Ok(None) };
        if live.phase() == Phase::Ready && Self::is_applied(changes, live) {
            return Ok(Some(Updated { receipt: Version::live(live), live: None }));
        }
        if Version::live(live) != self.replaced {
            return Err(superseded(id));
        }
        let (mut values, governed) = if changes.remove.is_empty() {
            (BTreeMap::new(), &governed::VARIABLES)
        } else {
            (environment::live(live), &governed::ENVIRONMENT)
        };
        values.extend(changes.set.clone());
        values.retain(|key, _| !changes.remove.contains(key));
        let values = values.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect();
        let request = job.context.agentcore.update_agent_runtime().set_environment_variables(Some(values));
        let request = request.client_token(job.requester.client_token(&format!("runtime-{}-{attempt}", self.purpose)));
        let receipt = runtime::update(job, id, request, governed).await?;
        Ok(Some(Updated { receipt, live: None }))
    }

    fn is_applied(changes: &Changes, live: &GetAgentRuntimeOutput) -> bool {
        let environment = environment::live(live);
        // Two events may bring the same version of the secret at the same time.
        let has = |(key, value)| {
            environment.get(key) == Some(value)
                || (key == SECRET_VERSION_VARIABLE && Marker::of(&environment).agrees(&Marker::of(&changes.set)))
        };
        changes.set.iter().all(has) && !changes.remove.iter().any(|key| environment.contains_key(key))
    }

    fn unapplied(changes: &Changes, live: &GetAgentRuntimeOutput) -> Vec<&'static str> {
        if Self::is_applied(changes, live) { Vec::new() } else { vec!["environment"] }
    }

    fn shows(live: &GetAgentRuntimeOutput, receipt: &Version) -> bool {
        Version::live(live) >= *receipt
    }

    async fn failure(&self, job: &Job<'_>, _: &String, live: &GetAgentRuntimeOutput) -> Error {
        failure::explain(job, live, &[self.secret_arn]).await
    }
}

/// Reports that something else changed the runtime after the rotation looked at it.
pub(super) fn superseded(id: &str) -> Error {
    Error::Superseded { what: format!("runtime {id}, its stack or its secret") }
}
