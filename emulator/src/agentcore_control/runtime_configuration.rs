//! A runtime's configuration in the form in which `GetAgentRuntime` shows it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::input::{required, text, text_map};
use crate::settings::PlatformVersion;

/// The members of a create or an update that are not part of a version. Every other one is, also one that no service
/// model has.
const NOT_CONFIGURATION: [&str; 4] = ["agentRuntimeId", "agentRuntimeName", "clientToken", "tags"];

/// Seconds.
const IDLE_TIMEOUT: u64 = 900;
/// Seconds.
const MAX_LIFETIME: u64 = 28_800;

/// The configuration of one version of a runtime, with defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration(Map<String, Value>);

impl Configuration {
    /// Reads the configuration that a create or an update asks for, as a whole: absent members are reset, except the
    /// platform, which was chosen before.
    pub(super) fn of(input: &Map<String, Value>, create: bool, platform: PlatformVersion) -> Self {
        let mut members: Map<String, Value> = input
            .iter()
            .filter(|(member, _)| !NOT_CONFIGURATION.contains(&member.as_str()))
            .map(|(member, value)| (member.clone(), value.clone()))
            // An explicit empty map or list clears the member.
            .filter(|(_, value)| !value.as_object().is_some_and(Map::is_empty))
            .filter(|(_, value)| !value.as_array().is_some_and(Vec::is_empty))
            .collect();
        members.insert("platformVersion".to_owned(), json!(platform.as_str()));
        members.entry("networkConfiguration").or_insert_with(|| json!({"networkMode": "PUBLIC"}));
        let lifecycle = lifecycle(input.get("lifecycleConfiguration"));
        members.insert("lifecycleConfiguration".to_owned(), lifecycle);
        // New runtimes require MMDSv2 (O: hashicorp/terraform-provider-aws#48874); whether an update that leaves the
        // member out resets it is not known.
        members.entry("metadataConfiguration").or_insert_with(|| json!({"requireMMDSV2": create}));
        if let Some(protocol) = members.get_mut("protocolConfiguration").filter(|p| p["serverProtocol"] == "MCP") {
            for (member, default) in [("port", json!(8000)), ("path", json!("/mcp"))] {
                if protocol.get(member).is_none() {
                    protocol[member] = default;
                }
            }
        }
        Self(members)
    }

    /// Returns every member, by its name in the API.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns one member by its name in the API.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    /// Returns the execution role.
    #[must_use]
    pub fn role_arn(&self) -> &str {
        required(&self.0, "roleArn")
    }

    /// Returns the description; empty when there is none.
    #[must_use]
    pub fn description(&self) -> &str {
        text(&self.0, "description").unwrap_or_default()
    }

    /// Returns the environment variables.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        text_map(&self.0, "environmentVariables")
    }

    /// Returns the container image, unless the artifact is code.
    #[must_use]
    pub fn container_uri(&self) -> Option<&str> {
        self.0.get("agentRuntimeArtifact")?.get("containerConfiguration")?.get("containerUri")?.as_str()
    }

    /// Returns true if the runtime is in VPC mode.
    #[must_use]
    pub fn in_vpc(&self) -> bool {
        self.0.get("networkConfiguration").is_some_and(|network| network["networkMode"] == "VPC")
    }

    /// Returns the JWT authorizer, unless inbound authorization is IAM's.
    #[must_use]
    pub fn jwt_authorizer(&self) -> Option<&Value> {
        self.0.get("authorizerConfiguration")?.get("customJWTAuthorizer")
    }

    /// Returns the platform that its version runs on.
    #[must_use]
    pub fn platform(&self) -> PlatformVersion {
        let word = text(&self.0, "platformVersion");
        PlatformVersion::ALL.into_iter().find(|version| Some(version.as_str()) == word).unwrap_or_default()
    }

    /// Returns the path that is called once while a version is built.
    #[must_use]
    pub fn warmup_path(&self) -> Option<&str> {
        self.0.get("hooksConfiguration")?.pointer("/build/warmup/action/httpPost/path")?.as_str()
    }

    /// Names of the request headers that reach the container.
    #[must_use]
    pub fn request_headers(&self) -> Vec<&str> {
        let allowlist = self.0.get("requestHeaderConfiguration").and_then(|c| c.get("requestHeaderAllowlist"));
        allowlist.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Returns the idle timeout and the maximal lifetime of a session, in seconds.
    #[must_use]
    pub fn lifecycle(&self) -> (u64, u64) {
        let member =
            |name: &str| self.0.get("lifecycleConfiguration").and_then(|l| l[name].as_u64()).unwrap_or_default();
        (member("idleRuntimeSessionTimeout"), member("maxLifetime"))
    }
}

/// Defaults: 900 s idle, or the maximal lifetime where only that is given and is shorter; 28,800 s in all.
fn lifecycle(given: Option<&Value>) -> Value {
    let member = |name: &str| given.and_then(|given| given.get(name)).and_then(Value::as_u64);
    let longest = member("maxLifetime").unwrap_or(MAX_LIFETIME);
    let idle = member("idleRuntimeSessionTimeout").unwrap_or(IDLE_TIMEOUT.min(longest));
    json!({"idleRuntimeSessionTimeout": idle, "maxLifetime": longest})
}
