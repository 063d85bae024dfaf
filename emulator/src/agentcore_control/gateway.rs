//! Gateways: their state.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Value;

use super::errors::not_found;
use super::gateway_configuration::Configuration;
use super::gateway_target::GatewayTarget;
use super::shelf::{Facts, Resource, Shelf};
use super::status::{Status, Transition};
use crate::service::ApiError;

/// A gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The name in lower case, a hyphen and ten characters.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The URL for MCP clients: `https://<id>.gateway.bedrock-agentcore.<region>.<dns suffix>/mcp`.
    pub url: String,
    /// Unique among the gateways that exist, without regard to case.
    pub name: String,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time at which the last create or update was accepted.
    pub updated: SystemTime,
    /// The workload identity that comes and goes with the gateway.
    pub workload_identity_arn: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    pub(super) targets: Shelf<GatewayTarget>,
    /// The configuration of the last create or update, even if that failed.
    pub(super) configuration: Configuration,
    /// The last create, update or delete.
    pub(super) transition: Transition,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

impl Gateway {
    /// Returns the status at a time.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        self.transition.status(now)
    }

    /// Returns the reason why the last operation failed, if it has failed by now.
    #[must_use]
    pub fn failure(&self, now: SystemTime) -> Option<&str> {
        self.transition.failure(now)
    }

    /// Returns one member of the configuration by its name in the API.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.configuration.get(member)
    }

    /// Returns the customer managed key, if the gateway has one.
    #[must_use]
    pub fn kms_key_arn(&self) -> Option<&str> {
        self.configuration.text("kmsKeyArn")
    }

    /// Returns the service role.
    #[must_use]
    pub fn role_arn(&self) -> &str {
        self.configuration.text("roleArn").unwrap_or_default()
    }

    /// Returns `CUSTOM_JWT`, `AWS_IAM` or `NONE`.
    #[must_use]
    pub fn authorizer_type(&self) -> &str {
        self.configuration.text("authorizerType").unwrap_or_default()
    }

    /// Returns the JWT authorizer of a `CUSTOM_JWT` gateway.
    #[must_use]
    pub fn jwt_authorizer(&self) -> Option<&Value> {
        self.configuration.jwt_authorizer()
    }

    /// Returns true if it was created for semantic search.
    #[must_use]
    pub fn is_semantic(&self) -> bool {
        self.configuration.is_semantic()
    }

    /// Returns true if `tools/list` is answered in pages [API McpGatewayConfiguration, disableMcpListToolsPagination].
    #[must_use]
    pub fn lists_in_pages(&self) -> bool {
        self.configuration.lists_in_pages()
    }

    /// Returns the protocol revisions that clients may speak, oldest first.
    #[must_use]
    pub fn supported_versions(&self) -> Vec<String> {
        self.configuration.supported_versions()
    }

    /// Returns the instructions that `initialize` gives to clients.
    #[must_use]
    pub fn instructions(&self) -> Option<&str> {
        self.configuration.mcp("instructions")?.as_str()
    }

    /// Returns true if clients are given a session (`sessionConfiguration`).
    #[must_use]
    pub fn has_sessions(&self) -> bool {
        self.configuration.has_sessions()
    }

    /// Returns true if a policy engine decides over calls (`policyEngineConfiguration`).
    #[must_use]
    pub fn has_policy_engine(&self) -> bool {
        self.configuration.get("policyEngineConfiguration").is_some()
    }

    /// Returns true if errors say what went wrong (`exceptionLevel`).
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.configuration.text("exceptionLevel") == Some("DEBUG")
    }

    /// Returns the targets that exist at `now`, in the order of their creation, those being deleted included.
    pub fn targets(&self, now: SystemTime) -> impl Iterator<Item = &GatewayTarget> {
        self.targets.existing(now)
    }

    /// Returns the target of this id, if it exists at `now`.
    #[must_use]
    pub fn target(&self, id: &str, now: SystemTime) -> Option<&GatewayTarget> {
        self.targets(now).find(|target| target.id == id)
    }

    /// Returns the target of this name, if it exists at `now`.
    #[must_use]
    pub fn target_named(&self, name: &str, now: SystemTime) -> Option<&GatewayTarget> {
        self.targets(now).find(|target| target.name == name)
    }

    /// Returns the targets that are deleted at `now`, in the order of their creation within those found gone together.
    pub fn deleted_targets(&self, now: SystemTime) -> impl Iterator<Item = &GatewayTarget> {
        self.targets.deleted(now)
    }
}

impl Resource for Gateway {
    const NOUN: &'static str = "Gateway";

    fn facts(&self) -> Facts<'_> {
        let transition = Some(&self.transition);
        Facts { id: &self.id, created: self.created, sequence: self.sequence, transition }
    }

    fn not_found(id: &str) -> ApiError {
        not_found(format!("Gateway '{id}' was not found."))
    }
}
