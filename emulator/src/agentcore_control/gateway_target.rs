//! Gateway targets: their state.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::errors::not_found;
use super::shelf::{Facts, Resource};
use super::status::{Status, Transition};
use crate::input::text;
use crate::service::ApiError;

/// Names the session of a policy engine.
pub(super) const POLICY_SESSION_HEADER: &str = "x-amzn-bedrock-agentcore-policy-session-id";

/// A target of a gateway: an MCP server behind it.
#[derive(Clone, Debug)]
pub struct GatewayTarget {
    /// Ten capital letters and digits.
    pub id: String,
    /// Unique among the targets of the gateway that exist.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time at which the last create or update was accepted.
    pub updated: SystemTime,
    /// The catalogue: MCP tool objects, read from the server at the last synchronization or from the schema. Empty where
    /// the server is asked each time.
    pub tools: Vec<Value>,
    /// The time at which the catalogue was last read from the server.
    pub last_synchronized: Option<SystemTime>,
    /// The ticket of the synchronization under way, if there is one.
    pub synchronization: Option<u64>,
    /// The other members of the last create or update as `GetGatewayTarget` shows them.
    pub(super) members: Map<String, Value>,
    /// The last create, update, synchronization or delete.
    pub(super) transition: Transition,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

impl GatewayTarget {
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

    /// Returns `targetConfiguration.mcp.mcpServer`.
    #[must_use]
    pub fn configuration(&self) -> &Value {
        server(&self.members)
    }

    /// Returns the MCP server's URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.configuration()["endpoint"].as_str().unwrap_or_default()
    }

    /// Returns true if the server is asked for its catalogue each time (`listingMode`).
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        is_dynamic(self.configuration())
    }

    /// Returns the one entry of `credentialProviderConfigurations`; without one, calls to the server carry no
    /// credentials.
    #[must_use]
    pub fn credential(&self) -> Option<&Value> {
        credential(&self.members)
    }

    /// Returns `metadataConfiguration`: which headers and query parameters pass the gateway.
    #[must_use]
    pub fn metadata(&self) -> Option<&Value> {
        self.members.get("metadataConfiguration")
    }

    /// Returns true if the server is called through a private endpoint (`privateEndpoint`).
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.members.contains_key("privateEndpoint")
    }

    /// Lets the header pass that a policy engine needs: the service adds it by itself where a gateway with an engine
    /// gets a target, or with targets an engine (O: hashicorp/terraform-provider-aws#49374). An update that leaves it
    /// out removes it.
    pub(super) fn pass_policy_session(&mut self) {
        let metadata = self.members.entry("metadataConfiguration").or_insert_with(|| json!({}));
        let Some(metadata) = metadata.as_object_mut() else { return };
        let headers = metadata.entry("allowedRequestHeaders").or_insert_with(|| json!([]));
        let Some(headers) = headers.as_array_mut() else { return };
        if !headers.iter().any(|header| header == POLICY_SESSION_HEADER) {
            headers.push(json!(POLICY_SESSION_HEADER));
        }
    }

    /// Returns `oauthCredentialProvider` of a target with the type `OAUTH`.
    #[must_use]
    pub fn oauth(&self) -> Option<&Value> {
        self.credential().and_then(oauth)
    }

    /// Returns `apiKeyCredentialProvider` of a target with the type `API_KEY`.
    #[must_use]
    pub fn api_key(&self) -> Option<&Value> {
        self.credential().and_then(api_key)
    }
}

impl Resource for GatewayTarget {
    const NOUN: &'static str = "Target";

    fn facts(&self) -> Facts<'_> {
        let transition = Some(&self.transition);
        Facts { id: &self.id, created: self.created, sequence: self.sequence, transition }
    }

    fn not_found(id: &str) -> ApiError {
        not_found(format!("Target '{id}' was not found."))
    }
}

/// Returns the MCP server in the members of a create or an update; null if the target is of another kind.
pub(super) fn server(members: &Map<String, Value>) -> &Value {
    const NONE: &Value = &Value::Null;
    let configuration = members.get("targetConfiguration").and_then(|it| it.get("mcp"));
    configuration.and_then(|it| it.get("mcpServer")).unwrap_or(NONE)
}

/// The tag of the VPC Lattice resources that AgentCore manages [DG vpc-egress-private-endpoints].
pub(super) const RESERVED_TAG: &str = "BedrockAgentCoreGatewayManaged";

/// Returns `privateEndpoint.managedVpcResource` in the members of a create or an update.
pub(super) fn managed_vpc(members: &Map<String, Value>) -> Option<&Map<String, Value>> {
    members.get("privateEndpoint")?.get("managedVpcResource")?.as_object()
}

pub(super) fn is_dynamic(server: &Value) -> bool {
    server["listingMode"] == "DYNAMIC"
}

pub(super) fn credential(members: &Map<String, Value>) -> Option<&Value> {
    members.get("credentialProviderConfigurations")?.as_array()?.first()
}

pub(super) fn oauth(credential: &Value) -> Option<&Value> {
    credential.get("credentialProvider")?.get("oauthCredentialProvider")
}

/// Returns `apiKeyCredentialProvider` of a credential with the type `API_KEY`.
pub(super) fn api_key(credential: &Value) -> Option<&Value> {
    credential.get("credentialProvider")?.get("apiKeyCredentialProvider")
}

/// Returns the ARN of the API key credential provider in the members of a create or an update.
pub(super) fn api_key_provider_arn(members: &Map<String, Value>) -> Option<&str> {
    text(credential(members).and_then(api_key)?.as_object()?, "providerArn")
}

/// Returns the ARN of the OAuth2 credential provider in the members of a create or an update.
pub(super) fn provider_arn(members: &Map<String, Value>) -> Option<&str> {
    text(credential(members).and_then(oauth)?.as_object()?, "providerArn")
}
