//! A target as the engine provisions it.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_smithy_types::DateTime;

use super::configuration::Configuration;
use super::governed::{GOVERNED, KEEPING_NETWORK};
use super::network::Network;
use super::preflight;
use super::properties::Properties;
use crate::agentcore::gateway_target::{self, GatewayTarget, TargetName, TargetRef};
use crate::agentcore::ownership;
use crate::agentcore::provisioned::{self, Created, Desired, Provisioned, Updated};
use crate::agentcore::target_failure;
use crate::agentcore::unbuildable;
use crate::agentcore::waiters::{Live, Phase, is_at_least_as_recent};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;

/// The target that a template asks for, on a gateway that accepts it.
pub(super) struct DesiredTarget<'a> {
    pub(super) gateway: &'a GetGatewayOutput,
    pub(super) properties: &'a Properties,
    configuration: Configuration,
    /// The way to the server before an update.
    former_network: Option<Network>,
    name: TargetName,
}

impl<'a> DesiredTarget<'a> {
    /// `old` are the properties before an update.
    pub(super) fn new(
        job: &Job<'_>,
        gateway: &'a GetGatewayOutput,
        properties: &'a Properties,
        old: Option<&Properties>,
    ) -> Self {
        let name = properties.target_name(job.requester);
        let former_network = old.map(|old| old.network.clone());
        Self { gateway, properties, configuration: Configuration::desired(job, properties), former_network, name }
    }

    /// Returns the desired configuration of a target that exists, and if it governs the private endpoint. Refuses to
    /// replace one that somebody else set.
    fn of(&self, job: &Job<'_>, live: &GetGatewayTargetOutput) -> Result<(Configuration, bool), Error> {
        let shown = Network::from_api(live.private_endpoint());
        let (wanted, former) = (&self.configuration.network, self.former_network.as_ref());
        let is_met = wanted.is_met_by(&shown, former);
        let is_former = |former: &&Network| former.is_met_by(&shown, None);
        let found = if is_met { wanted } else { former.filter(is_former).unwrap_or(&shown) };
        let theirs = |_: &Network| Error::NotOurs {
            what: format!("private endpoint of target {}", live.name()),
            advice: "remove it from the target, or leave out `PrivateEndpoint`".to_owned(),
        };
        let former = former.and_then(Network::private);
        let governs = ownership::governs(job, wanted.private(), former, found.private(), theirs)?;
        let network = if governs && !is_met { wanted.clone() } else { shown };
        Ok((self.configuration.through(network), governs))
    }

    /// Returns true if nothing is left to update.
    pub(super) fn is_in_place(&self, job: &Job<'_>, live: &GetGatewayTargetOutput) -> Result<bool, Error> {
        let (configuration, _) = self.of(job, live)?;
        Ok(live.phase() == Phase::Ready && Self::is_applied(&configuration, live))
    }
}

impl Desired for DesiredTarget<'_> {
    type Noun = GatewayTarget;
    type Configuration = Configuration;
    type Receipt = DateTime;

    fn name(&self) -> TargetName {
        self.name.clone()
    }

    async fn configuration(
        &self,
        job: &Job<'_>,
        live: Option<&GetGatewayTargetOutput>,
    ) -> Result<Configuration, Error> {
        let Some(live) = live else {
            preflight::runtime(job, self.gateway, self.properties).await?;
            return Ok(self.configuration.clone());
        };
        let (configuration, _) = self.of(job, live)?;
        if !self.is_in_place(job, live)? {
            preflight::runtime(job, self.gateway, self.properties).await?;
        }
        Ok(configuration)
    }

    async fn create(
        &self,
        job: &Job<'_>,
        configuration: &Configuration,
        attempt: u32,
    ) -> Result<Created<GatewayTarget>, Error> {
        let request = configuration.create_request(&job.context.agentcore).map_err(unbuildable)?;
        let token = job.requester.client_token(&format!("target-create-{attempt}"));
        let gateway_id = &self.name.gateway_id;
        match gateway_target::create(job, gateway_id, request.client_token(token)).await {
            Ok(id) => Ok(Created { id, live: None }),
            Err(error) if error.is(ApiErrorKind::NotFound) => Err(preflight::gateway_gone(gateway_id)),
            Err(error) => Err(error),
        }
    }

    async fn update(
        &self,
        job: &Job<'_>,
        id: &TargetRef,
        live: &GetGatewayTargetOutput,
        configuration: &Configuration,
        _: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        let request = configuration.update_request(&job.context.agentcore).map_err(unbuildable)?;
        let (_, governs_network) = self.of(job, live)?;
        let (request, governed) =
            if governs_network { (request, &GOVERNED) } else { (request.set_private_endpoint(None), &KEEPING_NETWORK) };
        match gateway_target::update(job, id, request, governed).await {
            Ok(updated) => Ok(updated.map(|receipt| Updated { receipt, live: None })),
            // The conflict may be about the new name, which may be taken.
            Err(error) if GatewayTarget::is_conflict(&error) => {
                match provisioned::find::<GatewayTarget>(job, &self.name, Duration::ZERO).await? {
                    Some(other) if other.id != *id && other.live.phase() != Phase::Deleting && !other.is_ours(job) => {
                        Err(provisioned::name_taken(&self.name, &other))
                    }
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn is_applied(configuration: &Configuration, live: &GetGatewayTargetOutput) -> bool {
        Configuration::live(live) == *configuration
    }

    fn unapplied(configuration: &Configuration, live: &GetGatewayTargetOutput) -> Vec<&'static str> {
        configuration.unapplied_in(&Configuration::live(live))
    }

    fn shows(live: &GetGatewayTargetOutput, receipt: &DateTime) -> bool {
        is_at_least_as_recent(live.updated_at(), receipt)
    }

    async fn failure(&self, job: &Job<'_>, id: &TargetRef, live: &GetGatewayTargetOutput) -> Error {
        target_failure::failure(job, id, live).await
    }
}
