//! A gateway's configuration in the form in which `GetGateway` shows it.

use serde_json::{Map, Value, json};

use crate::input::text;

/// The members of a create or an update that are not part of it. Every other one is, also one that no service model
/// has, and an update that leaves it out resets it [API UpdateGateway].
const NOT_CONFIGURATION: [&str; 4] = ["clientToken", "gatewayIdentifier", "name", "tags"];

/// Every revision of MCP that gateways speak, oldest first [DG gateway-using-mcp-list].
pub(super) const VERSIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// The revisions of a gateway that was created without any. AWS does not document which ones it takes; these are not
/// the newest two, so that whoever needs those has to say so.
const DEFAULT_VERSIONS: [&str; 2] = ["2025-03-26", "2025-06-18"];

/// The configuration of a gateway, with defaults.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Configuration(Map<String, Value>);

impl Configuration {
    /// Reads the configuration that a create or an update asks for, as a whole: absent members are reset.
    pub(super) fn of(input: &Map<String, Value>) -> Self {
        let mut members: Map<String, Value> = input
            .iter()
            .filter(|(member, _)| !NOT_CONFIGURATION.contains(&member.as_str()))
            .map(|(member, value)| (member.clone(), value.clone()))
            .collect();
        let protocol = members.entry("protocolConfiguration").or_insert_with(|| json!({"mcp": {}}));
        if protocol["mcp"].get("supportedVersions").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            protocol["mcp"]["supportedVersions"] = json!(DEFAULT_VERSIONS);
        }
        Self(members)
    }

    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(super) fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    pub(super) fn text(&self, member: &str) -> Option<&str> {
        text(&self.0, member)
    }

    pub(super) fn jwt_authorizer(&self) -> Option<&Value> {
        self.0.get("authorizerConfiguration")?.get("customJWTAuthorizer")
    }

    /// Returns one member of `protocolConfiguration.mcp`.
    pub(super) fn mcp(&self, member: &str) -> Option<&Value> {
        self.0.get("protocolConfiguration")?.get("mcp")?.get(member)
    }

    pub(super) fn is_semantic(&self) -> bool {
        self.mcp("searchType").is_some_and(|kind| kind == "SEMANTIC")
    }

    pub(super) fn has_sessions(&self) -> bool {
        self.mcp("sessionConfiguration").is_some()
    }

    pub(super) fn lists_in_pages(&self) -> bool {
        self.mcp("disableMcpListToolsPagination").is_none_or(|disabled| *disabled != true)
    }

    pub(super) fn supported_versions(&self) -> Vec<String> {
        let given = self.mcp("supportedVersions").and_then(Value::as_array).into_iter().flatten();
        let mut versions: Vec<String> = given.filter_map(Value::as_str).map(str::to_owned).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }
}
