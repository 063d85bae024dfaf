//! The permissions that the calls of runtimes need.

use serde_json::{Map, Value};

use super::access::{ServiceLinkedRole, need, to_pass_role};
use super::endpoint::DEFAULT;
use super::runtime_configuration::Configuration;
use super::state::AgentCoreControl;
use super::workload_identity::workload_identity_path;
use crate::iam::Requirement;
use crate::input::{required, text_map, texts};
use crate::service::Call;
use crate::settings::PlatformVersion;

const RUNTIME_IDENTITY: ServiceLinkedRole = ServiceLinkedRole {
    service: "runtime-identity.bedrock-agentcore.amazonaws.com",
    name: "AWSServiceRoleForBedrockAgentCoreRuntimeIdentity",
};
const NETWORK: ServiceLinkedRole = ServiceLinkedRole {
    service: "network.bedrock-agentcore.amazonaws.com",
    name: "AWSServiceRoleForBedrockAgentCoreNetwork",
};

/// Returns the service-linked roles that exist once a runtime was accepted.
pub(super) fn service_linked(in_vpc: bool) -> impl Iterator<Item = ServiceLinkedRole> {
    [RUNTIME_IDENTITY].into_iter().chain(in_vpc.then_some(NETWORK))
}

impl AgentCoreControl {
    pub(super) fn to_create_runtime(&self, call: &Call) -> Vec<Requirement> {
        let id = self.next_runtime_id(required(&call.input, "agentRuntimeName"));
        let arn = self.arn(&format!("runtime/{id}"));
        let tags = text_map(&call.input, "tags");
        let mut needed = vec![
            with_vpc(need("CreateAgentRuntime", "*").with_request_tags(&tags), &call.input),
            need("CreateAgentRuntimeEndpoint", &arn),
            need("CreateWorkloadIdentity", self.arn(&workload_identity_path(&id))),
        ];
        if !tags.is_empty() {
            needed.push(need("TagResource", &arn).with_request_tags(&tags));
        }
        needed.extend(self.to_configure(call));
        needed
    }

    pub(super) fn to_update_runtime(&self, call: &Call) -> Vec<Requirement> {
        let mut needed = vec![
            with_vpc(self.on_runtime(call, "UpdateAgentRuntime"), &call.input),
            self.on_default_endpoint(call, "UpdateAgentRuntimeEndpoint"),
        ];
        needed.extend(self.to_configure(call));
        needed
    }

    pub(super) fn to_delete_runtime(&self, call: &Call) -> Vec<Requirement> {
        let mut needed = vec![self.on_runtime(call, "DeleteAgentRuntime")];
        if !call.input.contains_key("agentRuntimeVersion") {
            let identity = self.arn(&workload_identity_path(required(&call.input, "agentRuntimeId")));
            needed.push(self.on_default_endpoint(call, "DeleteAgentRuntimeEndpoint"));
            needed.push(need("DeleteWorkloadIdentity", identity));
        }
        needed
    }

    /// Returns the permissions that a configuration needs, in a create as in an update.
    fn to_configure(&self, call: &Call) -> Vec<Requirement> {
        let mut needed = vec![to_pass_role(call)];
        let configuration = Configuration::of(&call.input, true, PlatformVersion::V1);
        for linked in service_linked(configuration.in_vpc()) {
            needed.extend(self.to_create_role(&linked));
        }
        if configuration.in_vpc() {
            let vpc = vpc_of(configuration.get("networkConfiguration"));
            needed.extend(self.to_join_vpc(texts(&vpc, "subnets"), texts(&vpc, "securityGroups")));
        }
        needed
    }

    /// Returns the permission on the `DEFAULT` endpoint, which has none of the runtime's tags.
    fn on_default_endpoint(&self, call: &Call, action: &str) -> Requirement {
        let id = required(&call.input, "agentRuntimeId");
        need(action, self.arn(&format!("runtime/{id}/runtime-endpoint/{DEFAULT}")))
    }

    pub(super) fn on_runtime(&self, call: &Call, action: &str) -> Requirement {
        let id = required(&call.input, "agentRuntimeId");
        let tags = self.runtime(id, call.now).map(|runtime| &runtime.tags);
        need(action, self.arn(&format!("runtime/{id}"))).with_resource_tags(tags)
    }
}

/// Returns the subnets and security groups of a network configuration.
fn vpc_of(network: Option<&Value>) -> Map<String, Value> {
    network.and_then(|network| network.get("networkModeConfig")?.as_object()).cloned().unwrap_or_default()
}

/// Sets the condition keys for VPC settings (developer guide, "Use IAM condition keys with AgentCore Runtime and built-in
/// tools VPC settings"), unless there are none.
fn with_vpc(mut requirement: Requirement, input: &Map<String, Value>) -> Requirement {
    let vpc = vpc_of(input.get("networkConfiguration"));
    for name in ["subnets", "securityGroups"] {
        let ids = texts(&vpc, name);
        if !ids.is_empty() {
            requirement.context.insert(format!("bedrock-agentcore:{name}"), ids);
        }
    }
    requirement
}
