//! A runtime's configuration in one comparable form, both the desired one and the one that the service reports.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::Client;
use aws_sdk_bedrockagentcorecontrol::operation::create_agent_runtime::builders::CreateAgentRuntimeFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::operation::update_agent_runtime::builders::UpdateAgentRuntimeFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{
    AgentRuntimeArtifact, ContainerConfiguration, LifecycleConfiguration, NetworkConfiguration, NetworkMode,
    ProtocolConfiguration, RequestHeaderConfiguration, RuntimeMetadataConfiguration, ServerProtocol, VpcConfig,
};
use aws_smithy_types::error::operation::BuildError;

use super::environment;
use super::properties::{IDLE_SECONDS_DEFAULT, LIFETIME_SECONDS_DEFAULT, Network, Properties};
use crate::authorizer::Authorizer;
use crate::header_name::is_service_header;
use crate::oauth::Discovery;
use crate::sensitive::Sensitive;

/// Everything that our properties govern (see [`super::governed`]), and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    container_uri: String,
    role_arn: String,
    description: Option<String>,
    protocol: ServerProtocol,
    environment: BTreeMap<String, Sensitive>,
    network: Network,
    authorizer: Option<Authorizer>,
    request_headers: Headers,
    /// `None` leaves the platform to the service, or as it is.
    platform_version: Option<String>,
    idle_seconds: i32,
    lifetime_seconds: i32,
    /// Invocations of runtimes without it are refused since 30 June 2026 (developer guide, runtime troubleshooting).
    requires_mmds_v2: bool,
}

/// Sets the members that a create and an update share: every member is sent every time. The SDK's builders have no
/// trait in common.
macro_rules! with_members {
    ($request:expr, $it:expr) => {
        $request
            .agent_runtime_artifact($it.artifact()?)
            .role_arn(&$it.role_arn)
            .set_description($it.description.clone())
            .protocol_configuration(ProtocolConfiguration::builder().server_protocol($it.protocol.clone()).build()?)
            .set_environment_variables(Some(
                $it.environment.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect(),
            ))
            .network_configuration(network_to_api(&$it.network)?)
            .set_authorizer_configuration($it.authorizer.as_ref().map(Authorizer::to_api).transpose()?)
            .set_request_header_configuration($it.request_headers())
            .set_platform_version($it.platform_version.clone())
            .lifecycle_configuration(
                LifecycleConfiguration::builder()
                    .idle_runtime_session_timeout($it.idle_seconds)
                    .max_lifetime($it.lifetime_seconds)
                    .build(),
            )
    };
}

impl Configuration {
    /// Returns the desired configuration.
    pub(super) fn desired(properties: &Properties, environment: BTreeMap<String, Sensitive>) -> Self {
        Self {
            container_uri: properties.container_uri.clone(),
            role_arn: properties.role_arn.clone(),
            description: properties.description.clone(),
            protocol: properties.protocol.clone(),
            environment,
            network: properties.network.clone(),
            authorizer: properties.authorizer.clone(),
            request_headers: by_lower_case(&properties.request_headers),
            platform_version: properties.platform_version.map(str::to_owned),
            idle_seconds: properties.idle_seconds,
            lifetime_seconds: properties.lifetime_seconds,
            requires_mmds_v2: true,
        }
    }

    /// Returns the members that an accepted call left unchanged. Only members whose old value lets in the wrong callers
    /// or runs the wrong container are checked: others may be returned in a normalized form.
    pub(super) fn unapplied_in(&self, live: &Self) -> Vec<&'static str> {
        let members = [
            ("authorizer", self.authorizer == live.authorizer),
            ("environment", self.environment == live.environment),
            ("image", self.container_uri == live.container_uri),
            ("platform version", self.platform_version.is_none() || self.platform_version == live.platform_version),
        ];
        members.into_iter().filter_map(|(name, taken)| (!taken).then_some(name)).collect()
    }

    /// Returns the configuration that the service reports.
    pub(super) fn live(live: &GetAgentRuntimeOutput) -> Self {
        let container = live.agent_runtime_artifact().and_then(|a| a.as_container_configuration().ok());
        let headers = live.request_header_configuration().and_then(|h| h.as_request_header_allowlist().ok());
        let lifecycle = live.lifecycle_configuration();
        Self {
            container_uri: container.map(|c| c.container_uri().to_owned()).unwrap_or_default(),
            role_arn: live.role_arn().to_owned(),
            description: live.description().filter(|text| !text.is_empty()).map(str::to_owned),
            protocol: live.protocol_configuration().map_or(ServerProtocol::Http, |p| p.server_protocol().clone()),
            environment: environment::live(live),
            network: live_network(live.network_configuration()),
            authorizer: live.authorizer_configuration().map(Authorizer::from_api),
            request_headers: headers.map(|headers| live_headers(headers)).unwrap_or_default(),
            platform_version: live.platform_version().map(str::to_owned),
            idle_seconds: lifecycle
                .and_then(LifecycleConfiguration::idle_runtime_session_timeout)
                .unwrap_or(IDLE_SECONDS_DEFAULT),
            lifetime_seconds: lifecycle
                .and_then(LifecycleConfiguration::max_lifetime)
                .unwrap_or(LIFETIME_SECONDS_DEFAULT),
            requires_mmds_v2: live.metadata_configuration().is_some_and(RuntimeMetadataConfiguration::require_mmdsv2),
        }
    }

    /// Returns the same configuration on this platform.
    pub(super) fn on(&self, platform_version: Option<String>) -> Self {
        Self { platform_version, ..self.clone() }
    }

    /// Returns the environment.
    pub(super) fn environment(&self) -> &BTreeMap<String, Sensitive> {
        &self.environment
    }

    /// Returns the platform, unless it is left to the service.
    pub(super) fn platform_version(&self) -> Option<&str> {
        self.platform_version.as_deref()
    }

    /// Returns true if another configuration has the same environment on the same platform.
    pub(super) fn has_environment_of(&self, other: &Self) -> bool {
        self.environment == other.environment && self.platform_version == other.platform_version
    }

    /// Returns the size of the environment, names and values together.
    pub(super) fn environment_bytes(&self) -> usize {
        self.environment.iter().map(|(name, value)| name.len() + value.expose().len()).sum()
    }

    /// Returns true if the runtime accepts tokens of the IdP with this discovery document.
    pub(super) fn trusts(&self, discovery: &Discovery) -> bool {
        self.authorizer.as_ref().is_some_and(|authorizer| authorizer.discovery_url == discovery.url.as_str())
    }

    /// Builds the request for a new runtime.
    pub(super) fn create_request(&self, client: &Client) -> Result<CreateAgentRuntimeFluentBuilder, BuildError> {
        Ok(with_members!(client.create_agent_runtime(), self))
    }

    /// Builds the request that replaces the configuration.
    pub(super) fn update_request(&self, client: &Client) -> Result<UpdateAgentRuntimeFluentBuilder, BuildError> {
        let metadata = RuntimeMetadataConfiguration::builder().require_mmdsv2(self.requires_mmds_v2).build()?;
        Ok(with_members!(client.update_agent_runtime(), self).metadata_configuration(metadata))
    }

    fn artifact(&self) -> Result<AgentRuntimeArtifact, BuildError> {
        let container = ContainerConfiguration::builder().container_uri(&self.container_uri).build()?;
        Ok(AgentRuntimeArtifact::ContainerConfiguration(container))
    }

    /// Returns the member for the headers, or `None` without any, because the API refuses an empty list.
    fn request_headers(&self) -> Option<RequestHeaderConfiguration> {
        let headers = self.request_headers.0.values().cloned().collect::<Vec<_>>();
        (!headers.is_empty()).then_some(RequestHeaderConfiguration::RequestHeaderAllowlist(headers))
    }
}

/// Header names as they were written, by their lower case, in which they are compared.
#[derive(Clone, Debug, Default)]
struct Headers(BTreeMap<String, String>);

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.0.keys().eq(other.0.keys())
    }
}

impl Eq for Headers {}

fn by_lower_case(headers: &[String]) -> Headers {
    Headers(headers.iter().map(|header| (header.to_ascii_lowercase(), header.clone())).collect())
}

/// Returns the headers in a list that are not the service's own.
fn live_headers(headers: &[String]) -> Headers {
    by_lower_case(&headers.iter().filter(|header| !is_service_header(header)).cloned().collect::<Vec<_>>())
}

fn network_to_api(network: &Network) -> Result<NetworkConfiguration, BuildError> {
    match network {
        Network::Public => NetworkConfiguration::builder().network_mode(NetworkMode::Public).build(),
        Network::Vpc { subnets, security_groups } => NetworkConfiguration::builder()
            .network_mode(NetworkMode::Vpc)
            .network_mode_config(
                VpcConfig::builder()
                    .set_subnets(Some(subnets.iter().cloned().collect()))
                    .set_security_groups(Some(security_groups.iter().cloned().collect()))
                    .build()?,
            )
            .build(),
    }
}

fn live_network(live: Option<&NetworkConfiguration>) -> Network {
    match live.and_then(NetworkConfiguration::network_mode_config) {
        None => Network::Public,
        Some(vpc) => Network::Vpc {
            subnets: vpc.subnets().iter().cloned().collect(),
            security_groups: vpc.security_groups().iter().cloned().collect(),
        },
    }
}
