//! The desired state of a target as the template gives it, and the checks that need no call.

use std::collections::BTreeSet;

use http::HeaderName;

use super::listing::Listing;
use super::outbound::Outbound;
use crate::agentcore::target::gateway_id;
use crate::error::Error;
use crate::https_url;
use crate::mcp::url::RuntimeUrl;
use crate::properties::{PropertyReader, at_most};
use crate::requester::Requester;
use crate::tags;
use crate::text::quote;

/// What a template may give.
pub(super) const NAMES: [&str; 16] = [
    "GatewayIdentifier",
    "TargetName",
    "Description",
    "Endpoint",
    "OutboundAuth",
    "CredentialProviderArn",
    "Scopes",
    "GrantType",
    "CustomParameters",
    "ListingMode",
    "ToolSchema",
    "ToolSchemaS3Uri",
    "AllowedRequestHeaders",
    "AllowedResponseHeaders",
    "SynchronizeOn",
    // Accepted like everywhere; a target cannot carry any.
    "Tags",
];
const NAME_CHARS_MAX: usize = 100;
/// The API's 200 characters, less the marker of ownership and a space (see [`Requester::marker`]).
const DESCRIPTION_CHARS_MAX: usize = 159;
pub(super) const HEADERS_MAX: usize = 10;
const HEADER_CHARS_MAX: usize = 100;

/// The desired state.
#[derive(Debug)]
pub(crate) struct Properties {
    /// The gateway's id.
    pub(super) gateway_id: String,
    /// Chosen name; otherwise one is derived.
    name: Option<String>,
    /// Free text.
    pub(super) description: Option<String>,
    /// Where the server is called.
    pub(super) endpoint: String,
    /// How the gateway authorizes itself there.
    pub(super) outbound: Outbound,
    /// Where the gateway knows the tools from.
    pub(super) listing: Listing,
    /// Headers of callers that reach the server.
    pub(super) request_headers: BTreeSet<String>,
    /// Headers of the server that reach callers.
    pub(super) response_headers: BTreeSet<String>,
    /// Opaque: a new value makes the gateway list the tools anew.
    pub(super) synchronize_on: Option<String>,
}

impl Properties {
    /// The target's name.
    pub(super) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| format!("mcp-{}", requester.suffix()))
    }
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let gateway = reader.required_string("GatewayIdentifier")?;
    let gateway_id = gateway_id(&gateway).ok_or_else(|| {
        Error::property("GatewayIdentifier", format!("is {}; use a gateway's id or ARN", quote(&gateway)))
    })?;
    let name = reader.string("TargetName")?;
    if let Some(name) = &name {
        check_name(name)?;
    }
    let description = reader.string("Description")?;
    if let Some(description) = &description {
        at_most("Description", description, DESCRIPTION_CHARS_MAX)?;
    }
    let endpoint = endpoint(reader)?;
    let region = RuntimeUrl::parse(&endpoint).map(|url| url.region);
    let outbound = Outbound::read(reader, region)?;
    let listing = Listing::read(reader)?;
    if outbound.needs_person() && !listing.has_schema() {
        let problem = "is AUTHORIZATION_CODE, for which a person would have to sign in before the tools can be listed; \
                       name the tools in `ToolSchema` or `ToolSchemaS3Uri`, or use CLIENT_CREDENTIALS";
        return Err(Error::property("GrantType", problem));
    }
    tags::read(reader)?;
    Ok(Properties {
        gateway_id,
        name,
        description,
        endpoint,
        outbound,
        listing,
        request_headers: headers(reader, "AllowedRequestHeaders")?,
        response_headers: headers(reader, "AllowedResponseHeaders")?,
        synchronize_on: reader.string("SynchronizeOn")?,
    })
}

/// `([0-9a-zA-Z][-]?){1,100}` (API reference, CreateGatewayTarget).
fn check_name(name: &str) -> Result<(), Error> {
    let fits = !name.is_empty()
        && name.chars().filter(|c| *c != '-').count() <= NAME_CHARS_MAX
        && name.strip_suffix('-').unwrap_or(name).split('-').all(|part| !part.is_empty())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        return Ok(());
    }
    let problem =
        format!("is {}; use at most {NAME_CHARS_MAX} letters and digits, with single hyphens in between", quote(name));
    Err(Error::property("TargetName", problem))
}

/// The server's URL. That of a runtime is percent-encoded as the gateway wants it (developer guide, MCP server targets).
fn endpoint(reader: &PropertyReader<'_>) -> Result<String, Error> {
    let endpoint = reader.required_string("Endpoint")?;
    if let Err(problem) = https_url::parse(&endpoint) {
        let problem = format!(
            "is {}, which {problem}; give the https URL of an MCP server, such as a runtime's `McpUrl`",
            quote(&endpoint)
        );
        return Err(Error::property("Endpoint", problem));
    }
    Ok(RuntimeUrl::parse(&endpoint).map_or(endpoint, |url| url.encoded()))
}

fn headers(reader: &PropertyReader<'_>, name: &str) -> Result<BTreeSet<String>, Error> {
    let headers = reader.list(name)?;
    if headers.len() > HEADERS_MAX {
        let problem = format!("has {} entries; a target passes on at most {HEADERS_MAX}", headers.len());
        return Err(Error::property(name, problem));
    }
    let fits = |header: &String| header.len() <= HEADER_CHARS_MAX && HeaderName::from_bytes(header.as_bytes()).is_ok();
    if let Some(header) = headers.iter().find(|header| !fits(header)) {
        let problem = format!("contains {}; use header names of at most {HEADER_CHARS_MAX} characters", quote(header));
        return Err(Error::property(name, problem));
    }
    let mut seen = BTreeSet::new();
    if let Some(header) = headers.iter().find(|header| !seen.insert(header.to_ascii_lowercase())) {
        let problem = format!("lists {} twice; names differ by more than case", quote(header));
        return Err(Error::property(name, problem));
    }
    Ok(headers.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        for name in ["zscaler", "a-b", "a-", "0", &"a".repeat(100), &"a-".repeat(100)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a--b", "a_b", "é", &"a".repeat(101)] {
            assert!(check_name(name).is_err(), "{name}");
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
