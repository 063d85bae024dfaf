//! A target's configuration in one comparable form: what is wanted, and what the service reports.

use std::collections::BTreeSet;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::{
    CredentialProviderConfiguration, McpServerTargetConfiguration, McpTargetConfiguration, MetadataConfiguration,
    TargetConfiguration,
};
use aws_smithy_types::error::operation::BuildError;

use super::listing::Listing;
use super::outbound::Outbound;
use super::properties::Properties;
use crate::agentcore::target::mcp_server;
use crate::header_name::is_service_header;
use crate::job::Job;

/// Everything that our properties govern (see [`super::governed`]), and nothing else. A member that we never write is
/// `None`, and equals nothing of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) name: String,
    pub(super) description: String,
    endpoint: Option<String>,
    outbound: Option<Outbound>,
    listing: Option<Listing>,
    request_headers: BTreeSet<String>,
    response_headers: BTreeSet<String>,
}

/// Returns the headers but for the service's own, which are the service's to add and to keep.
fn ours<'a>(headers: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    headers.into_iter().filter(|header| !is_service_header(header)).cloned().collect()
}

impl Configuration {
    /// The wanted configuration.
    pub(super) fn wanted(job: &Job<'_>, properties: &Properties) -> Self {
        let marker = job.requester().marker();
        let outbound = match properties.outbound.clone() {
            Outbound::GatewayIamRole { region: None } => {
                Outbound::GatewayIamRole { region: Some(job.context.region.clone()) }
            }
            outbound => outbound,
        };
        Self {
            name: properties.name(job.requester()),
            description: match &properties.description {
                Some(description) => format!("{description} {marker}"),
                None => marker,
            },
            endpoint: Some(properties.endpoint.clone()),
            outbound: Some(outbound),
            listing: Some(properties.listing.clone()),
            request_headers: ours(&properties.request_headers),
            response_headers: ours(&properties.response_headers),
        }
    }

    /// The configuration that the service reports.
    pub(super) fn live(live: &GetGatewayTargetOutput) -> Self {
        let server = mcp_server(live);
        let metadata = live.metadata_configuration();
        let set = |list: fn(&MetadataConfiguration) -> &[String]| ours(metadata.map(list).unwrap_or_default());
        Self {
            name: live.name().to_owned(),
            description: live.description().unwrap_or_default().to_owned(),
            endpoint: server.map(|server| server.endpoint().to_owned()),
            outbound: Outbound::from_api(live.credential_provider_configurations()),
            listing: server.and_then(Listing::from_api),
            request_headers: set(MetadataConfiguration::allowed_request_headers),
            response_headers: set(MetadataConfiguration::allowed_response_headers),
        }
    }

    /// What of this an update did not bring about although it was accepted: the members whose former value calls the
    /// wrong server, or calls it as the wrong one. Others may come back in another form than they were sent.
    pub(super) fn kept_by(&self, live: &Self) -> Vec<&'static str> {
        let members = [
            ("name", self.name == live.name),
            ("endpoint", self.endpoint == live.endpoint),
            ("outbound authorization", self.outbound == live.outbound),
        ];
        members.into_iter().filter_map(|(name, taken)| (!taken).then_some(name)).collect()
    }

    /// The members of a request. Every one is sent every time.
    pub(super) fn to_api(&self) -> Result<Members, BuildError> {
        let (listing_mode, schema) = self.listing.as_ref().map(Listing::to_api).unzip();
        let server = McpServerTargetConfiguration::builder()
            .set_endpoint(self.endpoint.clone())
            .set_listing_mode(listing_mode)
            .set_mcp_tool_schema(schema.flatten())
            .build()?;
        // The API refuses empty lists.
        let list = |set: &BTreeSet<String>| (!set.is_empty()).then(|| set.iter().cloned().collect::<Vec<_>>());
        let passes_headers = !self.request_headers.is_empty() || !self.response_headers.is_empty();
        let metadata = MetadataConfiguration::builder()
            .set_allowed_request_headers(list(&self.request_headers))
            .set_allowed_response_headers(list(&self.response_headers))
            .build();
        Ok(Members {
            target: TargetConfiguration::Mcp(McpTargetConfiguration::McpServer(server)),
            outbound: self.outbound.as_ref().map(Outbound::to_api).transpose()?,
            metadata: passes_headers.then_some(metadata),
        })
    }
}

/// The members that creating and updating share.
pub(super) struct Members {
    pub(super) target: TargetConfiguration,
    pub(super) outbound: Option<CredentialProviderConfiguration>,
    pub(super) metadata: Option<MetadataConfiguration>,
}
