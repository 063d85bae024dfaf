//! A target's configuration in one comparable form, both the desired one and the one that the service reports.

use std::collections::BTreeSet;

use aws_sdk_bedrockagentcorecontrol::Client;
use aws_sdk_bedrockagentcorecontrol::operation::create_gateway_target::builders::CreateGatewayTargetFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::operation::update_gateway_target::builders::UpdateGatewayTargetFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{
    McpServerTargetConfiguration, McpTargetConfiguration, MetadataConfiguration, TargetConfiguration,
};
use aws_smithy_types::error::operation::BuildError;

use super::network::Network;
use super::outbound::Outbound;
use super::properties::Properties;
use super::tool_source::ToolSource;
use crate::agentcore::gateway_target::mcp_server;
use crate::header_name::is_service_header;
use crate::job::Job;

/// Everything that our properties govern (see [`super::governed`]), and nothing else. A member in a form that we never
/// write is `None`, and never equals a form of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) name: String,
    pub(super) description: String,
    endpoint: Option<String>,
    outbound: Option<Outbound>,
    pub(super) network: Network,
    tool_source: Option<ToolSource>,
    request_headers: BTreeSet<String>,
    response_headers: BTreeSet<String>,
}

/// Returns the headers except for those that the service itself adds and keeps.
fn ours<'a>(headers: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    headers.into_iter().filter(|header| !is_service_header(header)).cloned().collect()
}

/// Sets the members that a create and an update share: every member is sent every time. The SDK's builders have no
/// trait in common.
macro_rules! with_members {
    ($request:expr, $it:expr) => {
        $request
            .name(&$it.name)
            .description(&$it.description)
            .target_configuration($it.target()?)
            .set_credential_provider_configurations(
                $it.outbound.as_ref().map(Outbound::to_api).transpose()?.flatten().map(|outbound| vec![outbound]),
            )
            .set_private_endpoint($it.network.to_api()?)
            .set_metadata_configuration($it.metadata())
    };
}

impl Configuration {
    /// Returns the desired configuration.
    pub(super) fn desired(job: &Job<'_>, properties: &Properties) -> Self {
        let marker = job.requester.marker();
        let outbound = match properties.outbound.clone() {
            Outbound::GatewayIamRole { service, region: None } => {
                Outbound::GatewayIamRole { service, region: Some(job.context.region.clone()) }
            }
            outbound => outbound,
        };
        Self {
            name: properties.name(job.requester),
            description: match &properties.description {
                Some(description) => format!("{description} {marker}"),
                None => marker,
            },
            endpoint: Some(properties.endpoint.url().as_str().to_owned()),
            outbound: Some(outbound),
            network: properties.network.clone(),
            tool_source: Some(properties.tool_source.clone()),
            request_headers: ours(&properties.request_headers),
            response_headers: ours(&properties.response_headers),
        }
    }

    /// Returns the same configuration with this way to the server.
    pub(super) fn through(&self, network: Network) -> Self {
        Self { network, ..self.clone() }
    }

    /// Returns the configuration that the service reports.
    pub(super) fn live(live: &GetGatewayTargetOutput) -> Self {
        let server = mcp_server(live);
        let metadata = live.metadata_configuration();
        let set = |list: fn(&MetadataConfiguration) -> &[String]| ours(metadata.map(list).unwrap_or_default());
        Self {
            name: live.name().to_owned(),
            description: live.description().unwrap_or_default().to_owned(),
            endpoint: server.map(|server| server.endpoint().to_owned()),
            outbound: Outbound::from_api(live.credential_provider_configurations()),
            network: Network::from_api(live.private_endpoint()),
            tool_source: server.and_then(ToolSource::from_api),
            request_headers: set(MetadataConfiguration::allowed_request_headers),
            response_headers: set(MetadataConfiguration::allowed_response_headers),
        }
    }

    /// Returns the members that an accepted call left unchanged. Only members whose old value calls the wrong server,
    /// or calls it with the wrong credentials, are checked: others may be returned in a normalized form.
    pub(super) fn unapplied_in(&self, live: &Self) -> Vec<&'static str> {
        let members = [
            ("name", self.name == live.name),
            ("endpoint", self.endpoint == live.endpoint),
            ("outbound authorization", self.outbound == live.outbound),
            ("private endpoint", self.network == live.network || self.network.is_met_by(&live.network, None)),
        ];
        members.into_iter().filter_map(|(name, taken)| (!taken).then_some(name)).collect()
    }

    /// Builds the request for a new target.
    pub(super) fn create_request(&self, client: &Client) -> Result<CreateGatewayTargetFluentBuilder, BuildError> {
        Ok(with_members!(client.create_gateway_target(), self))
    }

    /// Builds the request that replaces the configuration.
    pub(super) fn update_request(&self, client: &Client) -> Result<UpdateGatewayTargetFluentBuilder, BuildError> {
        Ok(with_members!(client.update_gateway_target(), self))
    }

    fn target(&self) -> Result<TargetConfiguration, BuildError> {
        let (listing_mode, schema) = self.tool_source.as_ref().map(ToolSource::to_api).unzip();
        let server = McpServerTargetConfiguration::builder()
            .set_endpoint(self.endpoint.clone())
            .set_listing_mode(listing_mode)
            .set_mcp_tool_schema(schema.flatten())
            .build()?;
        Ok(TargetConfiguration::Mcp(McpTargetConfiguration::McpServer(server)))
    }

    fn metadata(&self) -> Option<MetadataConfiguration> {
        // The API refuses empty lists.
        let list = |set: &BTreeSet<String>| (!set.is_empty()).then(|| set.iter().cloned().collect::<Vec<_>>());
        let passes_headers = !self.request_headers.is_empty() || !self.response_headers.is_empty();
        let metadata = MetadataConfiguration::builder()
            .set_allowed_request_headers(list(&self.request_headers))
            .set_allowed_response_headers(list(&self.response_headers))
            .build();
        passes_headers.then_some(metadata)
    }
}
