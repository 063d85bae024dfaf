//! A gateway as the engine provisions it.

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::{GatewayInterceptorConfiguration, GatewayPolicyEngineConfiguration};
use aws_smithy_types::DateTime;

use super::configuration::{Configuration, guards, unchangeable};
use super::governed::{Guards, governed};
use super::preflight;
use super::properties::{Interceptors, PolicyEngine, Properties};
use crate::agentcore::gateway::{self, Gateway};
use crate::agentcore::provisioned::{Created, Desired, Updated};
use crate::agentcore::unbuildable;
use crate::agentcore::waiters::is_at_least_as_recent;
use crate::error::Error;
use crate::job::Job;
use crate::tags;

/// The gateway that a template asks for.
pub(super) struct DesiredGateway<'a> {
    pub(super) properties: &'a Properties,
    /// The properties before an update.
    pub(super) old: Option<&'a Properties>,
    /// The name of a gateway that is created.
    pub(super) name: String,
}

/// The members of a request for the guards, each of which is left out if it is not governed.
type GuardMembers = (Option<Vec<GatewayInterceptorConfiguration>>, Option<GatewayPolicyEngineConfiguration>);
/// A new gateway has no guards but ours.
const ALL_GUARDS: Guards = Guards { interceptors: true, policy_engine: true };

impl DesiredGateway<'_> {
    /// Returns the interceptors and the policy engine that the properties ask for.
    fn guard_members(&self, governed: Guards) -> Result<GuardMembers, Error> {
        let interceptors = self.properties.interceptors.as_ref().filter(|_| governed.interceptors);
        let interceptors = interceptors.map(Interceptors::to_api).transpose();
        let engine = self.properties.policy_engine.as_ref().filter(|_| governed.policy_engine);
        let engine = engine.map(PolicyEngine::to_api).transpose();
        Ok((interceptors.map_err(unbuildable)?, engine.map_err(unbuildable)?))
    }
}

impl Desired for DesiredGateway<'_> {
    type Noun = Gateway;
    type Configuration = Configuration;
    type Receipt = DateTime;

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn configuration(&self, job: &Job<'_>, live: Option<&GetGatewayOutput>) -> Result<Configuration, Error> {
        let guards = live.map_or(Ok(ALL_GUARDS), |live| guards(job, self.properties, self.old, live))?;
        let authorizer = preflight::authorizer(job, self.properties, live, self.old).await?;
        Ok(Configuration::desired(self.properties, guards, authorizer, live))
    }

    async fn create(
        &self,
        job: &Job<'_>,
        configuration: &Configuration,
        attempt: u32,
    ) -> Result<Created<Gateway>, Error> {
        let request = configuration.create_request(&job.context.agentcore).map_err(unbuildable)?;
        let (interceptors, engine) = self.guard_members(ALL_GUARDS)?;
        let request = request
            .name(&self.name)
            .set_interceptor_configurations(interceptors)
            .set_policy_engine_configuration(engine)
            .set_tags(Some(tags::wanted(&self.properties.tags, job.requester).into_iter().collect()))
            .client_token(job.requester.client_token(&format!("gateway-create-{attempt}")));
        Ok(Created { id: gateway::create(job, request).await?, live: None })
    }

    async fn update(
        &self,
        job: &Job<'_>,
        _: &String,
        live: &GetGatewayOutput,
        configuration: &Configuration,
        _: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        let request = configuration.update_request(&job.context.agentcore).map_err(unbuildable)?;
        let guards = guards(job, self.properties, self.old, live)?;
        let (interceptors, engine) = self.guard_members(guards)?;
        let request = request.set_interceptor_configurations(interceptors).set_policy_engine_configuration(engine);
        let receipt = gateway::update(job, live, request, governed(guards)).await?;
        Ok(Some(Updated { receipt, live: None }))
    }

    fn is_applied(configuration: &Configuration, live: &GetGatewayOutput) -> bool {
        Configuration::live(live) == *configuration
    }

    fn unapplied(configuration: &Configuration, live: &GetGatewayOutput) -> Vec<&'static str> {
        configuration.unapplied_in(&Configuration::live(live))
    }

    fn shows(live: &GetGatewayOutput, receipt: &DateTime) -> bool {
        is_at_least_as_recent(live.updated_at(), receipt)
    }

    fn check_fixed(&self, live: &GetGatewayOutput) -> Result<(), Error> {
        match unchangeable(self.properties, self.old, live) {
            Some(property) => Err(cannot_change(property, live.gateway_id())),
            None => Ok(()),
        }
    }
}

/// Refuses a change that AgentCore cannot apply to an existing gateway.
pub(super) fn cannot_change(property: &str, id: &str) -> Error {
    let problem = format!(
        "is not what it is in gateway {id}, where AgentCore cannot change it; give another `GatewayName`, or none, in \
         the same update, and a new gateway takes its place"
    );
    Error::property(property, problem)
}
