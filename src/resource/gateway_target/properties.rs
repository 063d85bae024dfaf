//! The desired state of a target as the template gives it, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderName;

use super::network::Network;
use super::outbound::{Outbound, OutboundFields};
use super::tool_source::{ToolSource, ToolSourceFields};
use crate::agentcore::gateway_id;
use crate::agentcore::gateway_target::TargetName;
use crate::error::Error;
use crate::mcp::ServerUrl;
use crate::properties::PropertySet;
use crate::requester::Requester;
use crate::ssrf::callable_url;
use crate::tags;
use crate::text::quote;

const NAME_CHARS_MAX: usize = 100;
/// The maximum length: the API's 200 characters, less the marker of ownership and a space (see [`Requester::marker`]).
const DESCRIPTION_CHARS_MAX: usize = 159;
pub(super) const HEADERS_MAX: usize = 10;
const HEADER_CHARS_MAX: usize = 100;

/// The desired state.
#[derive(Debug, PropertySet)]
#[properties(check = check)]
pub(crate) struct Properties {
    /// Id or ARN of a gateway with the protocol MCP.
    #[property(name = "GatewayIdentifier", parse = gateway, replaces)]
    pub(super) gateway_id: String,
    /// https address of the server, such as a runtime's `McpUrl`.
    #[property(name = "Endpoint", parse = endpoint)]
    pub(super) endpoint: ServerUrl,
    /// The gateway's tools are called `<target>___<tool>`, for which model APIs have 64 characters: keep it short. Letters,
    /// digits and single hyphens, at most 100.
    #[property(name = "TargetName", default_text = "`mcp-<8 digits>`", check = check_name)]
    name: Option<String>,
    /// Free text. A mark of ownership is appended to it, because targets carry no tags.
    #[property(name = "Description", chars = DESCRIPTION_CHARS_MAX)]
    pub(super) description: Option<String>,
    #[property(flatten = OutboundFields, parse = |reader, fields| Outbound::new(reader, fields, &endpoint))]
    pub(super) outbound: Outbound,
    /// Way to a server in a VPC, [in the form below](#private-endpoints). Without it, an endpoint that somebody else
    /// set stays.
    #[property(name = "PrivateEndpoint", parse = Network::new)]
    pub(super) network: Network,
    #[property(flatten = ToolSourceFields, parse = ToolSource::new)]
    pub(super) tool_source: ToolSource,
    /// Up to 10 headers of callers that the gateway passes on.
    #[property(name = "AllowedRequestHeaders", parse = headers)]
    pub(super) request_headers: BTreeSet<String>,
    /// Up to 10 headers of the server that the gateway passes on.
    #[property(name = "AllowedResponseHeaders", parse = headers)]
    pub(super) response_headers: BTreeSet<String>,
    /// Opaque. A new value makes the gateway list the tools anew: give the runtime's `AgentRuntimeVersion`.
    #[property(name = "SynchronizeOn")]
    pub(super) synchronize_on: Option<String>,
    /// Accepted, and without effect.
    #[property(name = "Tags", check = tags::check)]
    _tags: BTreeMap<String, String>,
}

impl Properties {
    /// Returns the target's name.
    pub(super) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| derived_name(requester))
    }

    /// Returns the target's name on its gateway.
    pub(super) fn target_name(&self, requester: &Requester) -> TargetName {
        TargetName { gateway_id: self.gateway_id.clone(), name: self.name(requester) }
    }
}

/// Returns the name of a target whose template gives none.
pub(super) fn derived_name(requester: &Requester) -> String {
    format!("mcp-{}", requester.suffix())
}

/// Refuses combinations that cannot work.
fn check(properties: &Properties) -> Result<(), Error> {
    if properties.outbound.needs_person() && !properties.tool_source.has_schema() {
        let problem = "is AUTHORIZATION_CODE, for which a person would have to sign in before the tools can be listed; \
                       name the tools in `ToolSchema` or `ToolSchemaS3Uri`, or use CLIENT_CREDENTIALS";
        return Err(Error::property("GrantType", problem));
    }
    if let Outbound::ApiKey(key) = &properties.outbound
        && let Some(header) = key.header()
        && properties.request_headers.iter().any(|passed| passed.eq_ignore_ascii_case(header))
    {
        let problem = format!("lists {header}, in which the gateway sends the API key; remove it");
        return Err(Error::property("AllowedRequestHeaders", problem));
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "the signature of a conversion")]
fn gateway(property: &str, given: String) -> Result<String, Error> {
    gateway_id::of(&given)
        .ok_or_else(|| Error::property(property, format!("is {}; use a gateway's id or ARN", quote(&given))))
}

/// Checks a name against `([0-9a-zA-Z][-]?){1,100}` (API reference, CreateGatewayTarget).
fn check_name(property: &str, name: &str) -> Result<(), Error> {
    let fits = !name.is_empty()
        && name.chars().filter(|c| *c != '-').count() <= NAME_CHARS_MAX
        && name.strip_suffix('-').unwrap_or(name).split('-').all(|part| !part.is_empty())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        return Ok(());
    }
    let problem =
        format!("is {}; use at most {NAME_CHARS_MAX} letters and digits, with single hyphens in between", quote(name));
    Err(Error::property(property, problem))
}

/// Checks the server's URL and returns it. The URL of a runtime is percent-encoded as the gateway wants it (developer
/// guide, MCP server targets).
#[allow(clippy::needless_pass_by_value, reason = "the signature of a conversion")]
fn endpoint(property: &str, endpoint: String) -> Result<ServerUrl, Error> {
    callable_url(endpoint.as_str()).map(ServerUrl::from).map_err(|problem| {
        let problem = format!(
            "is {}, which {problem}; give the https URL of an MCP server, such as a runtime's `McpUrl`",
            quote(&endpoint)
        );
        Error::property(property, problem)
    })
}

fn headers(property: &str, headers: Vec<String>) -> Result<BTreeSet<String>, Error> {
    if headers.len() > HEADERS_MAX {
        let problem = format!("has {} entries; a target passes on at most {HEADERS_MAX}", headers.len());
        return Err(Error::property(property, problem));
    }
    let fits = |header: &String| header.len() <= HEADER_CHARS_MAX && HeaderName::from_bytes(header.as_bytes()).is_ok();
    if let Some(header) = headers.iter().find(|header| !fits(header)) {
        let problem = format!("contains {}; use header names of at most {HEADER_CHARS_MAX} characters", quote(header));
        return Err(Error::property(property, problem));
    }
    let mut seen = BTreeSet::new();
    if let Some(header) = headers.iter().find(|header| !seen.insert(header.to_ascii_lowercase())) {
        let problem = format!("lists {} twice; names differ by more than case", quote(header));
        return Err(Error::property(property, problem));
    }
    Ok(headers.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        for name in ["zscaler", "a-b", "a-", "0", &"a".repeat(100), &"a-".repeat(100)] {
            assert!(check_name("TargetName", name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a--b", "a_b", "é", &"a".repeat(101)] {
            assert!(check_name("TargetName", name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_description_leaves_room_for_the_marker() {
        let requester = Requester {
            stack_id: "s".to_owned(),
            logical_id: "l".to_owned(),
            request_id: "r".to_owned(),
            name_prefix: None,
        };
        assert_eq!(DESCRIPTION_CHARS_MAX + 1 + requester.marker().len(), 200);
    }
}
