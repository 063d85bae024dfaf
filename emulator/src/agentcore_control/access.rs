//! The permissions that a caller needs, call by call [SAR, DG service-linked-roles, and the permissions that the
//! handlers of the native CloudFormation types declare].

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::configuration::Configuration;
use super::endpoint::DEFAULT;
use super::state::AgentCoreControl;
use crate::iam::Requirement;
use crate::input::{required, text_map, texts};
use crate::secrets_manager::SecretsManager;
use crate::service::Call;
use crate::settings::{PlatformVersion, Settings};

/// A service-linked role that a runtime needs.
pub(super) struct ServiceLinkedRole {
    /// The service principal, and the value of `iam:AWSServiceName`.
    pub(super) service: &'static str,
    name: &'static str,
}

const RUNTIME_IDENTITY: ServiceLinkedRole = ServiceLinkedRole {
    service: "runtime-identity.bedrock-agentcore.amazonaws.com",
    name: "AWSServiceRoleForBedrockAgentCoreRuntimeIdentity",
};
const NETWORK: ServiceLinkedRole = ServiceLinkedRole {
    service: "network.bedrock-agentcore.amazonaws.com",
    name: "AWSServiceRoleForBedrockAgentCoreNetwork",
};

/// The role of gateways with private endpoints.
pub(super) const GATEWAY_NETWORK: ServiceLinkedRole = ServiceLinkedRole {
    service: "bedrock-agentcore.amazonaws.com",
    name: "AWSServiceRoleForBedrockAgentCoreGatewayNetwork",
};

/// Returns the service-linked roles that exist once a runtime was accepted.
pub(super) fn service_linked(in_vpc: bool) -> impl Iterator<Item = ServiceLinkedRole> {
    [RUNTIME_IDENTITY].into_iter().chain(in_vpc.then_some(NETWORK))
}

/// Returns the part after the account of the ARN of the workload identity of a runtime or a gateway.
pub(super) fn workload_identity(id: &str) -> String {
    format!("workload-identity-directory/default/workload-identity/{id}")
}

impl AgentCoreControl {
    /// Returns the actions that a call needs, and the resources that it needs them on.
    ///
    /// A resource that does not exist is evaluated as the ARN built from its id, without tags, so that a statement
    /// scoped by `aws:ResourceTag` denies it: the caller sees `AccessDeniedException`, not that it is gone.
    pub(crate) fn requirements(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        match call.operation {
            "CreateAgentRuntime" => self.to_create(call),
            "UpdateAgentRuntime" => {
                let mut needed = vec![
                    with_vpc(self.on_runtime(call, "UpdateAgentRuntime"), &call.input),
                    self.on_default_endpoint(call, "UpdateAgentRuntimeEndpoint"),
                ];
                needed.extend(self.to_configure(call));
                needed
            }
            "DeleteAgentRuntime" => self.to_delete(call),
            "GetAgentRuntime" | "ListAgentRuntimeVersions" | "ListAgentRuntimeEndpoints" => {
                vec![self.on_runtime(call, call.operation)]
            }
            "GetAgentRuntimeEndpoint" => vec![self.on_endpoint(call)],
            "CreateAgentRuntimeEndpoint" => self.to_create_endpoint(call),
            "UpdateAgentRuntimeEndpoint" | "DeleteAgentRuntimeEndpoint" => self.to_change_endpoint(call),
            "CreateWorkloadIdentity" | "GetWorkloadIdentity" | "UpdateWorkloadIdentity" | "DeleteWorkloadIdentity" => {
                self.on_identity(call)
            }
            "PutResourcePolicy" | "GetResourcePolicy" | "DeleteResourcePolicy" => self.on_policy(call),
            "CreateGateway" => self.to_create_gateway(call),
            "UpdateGateway" => vec![self.on_gateway(call, call.operation), to_pass_role(call)],
            "DeleteGateway" => self.to_delete_gateway(call),
            "CreateGatewayTarget" | "UpdateGatewayTarget" => self.to_change_target(call, secrets),
            "SynchronizeGatewayTargets" => self.to_synchronize(call, secrets),
            "GetGateway" | "GetGatewayTarget" | "ListGatewayTargets" | "DeleteGatewayTarget" => {
                vec![self.on_gateway(call, call.operation)]
            }
            "CreateOauth2CredentialProvider" | "CreateApiKeyCredentialProvider" => {
                self.to_create_provider(call, secrets)
            }
            "UpdateOauth2CredentialProvider" | "UpdateApiKeyCredentialProvider" => {
                self.to_update_provider(call, secrets)
            }
            "DeleteOauth2CredentialProvider" | "DeleteApiKeyCredentialProvider" => {
                self.to_delete_provider(call, secrets)
            }
            "GetOauth2CredentialProvider" | "GetApiKeyCredentialProvider" => self.on_provider(call),
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                let arn = required(&call.input, "resourceArn");
                let tags = self.tags_of(arn, call.now);
                let need = need(call.operation, arn)
                    .with_tags("aws:ResourceTag", tags.unwrap_or(&BTreeMap::new()))
                    .with_tag_keys(texts(&call.input, "tagKeys"));
                match call.operation {
                    "TagResource" => vec![need.with_request_tags(&text_map(&call.input, "tags"))],
                    _ => vec![need],
                }
            }
            other => vec![need(other, "*")],
        }
    }

    fn to_create(&self, call: &Call) -> Vec<Requirement> {
        let id = self.next_runtime_id(required(&call.input, "agentRuntimeName"));
        let arn = self.arn(&format!("runtime/{id}"));
        let tags = text_map(&call.input, "tags");
        let mut needed = vec![
            with_vpc(need("CreateAgentRuntime", "*").with_request_tags(&tags), &call.input),
            need("CreateAgentRuntimeEndpoint", &arn),
            need("CreateWorkloadIdentity", self.arn(&workload_identity(&id))),
        ];
        if !tags.is_empty() {
            needed.push(need("TagResource", &arn).with_request_tags(&tags));
        }
        needed.extend(self.to_configure(call));
        needed
    }

    fn to_delete(&self, call: &Call) -> Vec<Requirement> {
        let mut needed = vec![self.on_runtime(call, "DeleteAgentRuntime")];
        if !call.input.contains_key("agentRuntimeVersion") {
            let identity = self.arn(&workload_identity(required(&call.input, "agentRuntimeId")));
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

    /// Returns the permission to create a service-linked role that does not exist yet.
    pub(super) fn to_create_role(&self, linked: &ServiceLinkedRole) -> Option<Requirement> {
        let (partition, account) = (&self.settings.partition, &self.settings.account_id);
        let ServiceLinkedRole { service, name } = linked;
        let arn = format!("arn:{partition}:iam::{account}:role/aws-service-role/{service}/{name}");
        let need = Requirement::new("iam:CreateServiceLinkedRole", arn).with("iam:AWSServiceName", *service);
        (!self.service_linked_roles.contains(*service)).then_some(need)
    }

    /// Returns the permissions to put network interfaces into subnets.
    pub(super) fn to_join_vpc(&self, subnets: Vec<String>, groups: Vec<String>) -> Vec<Requirement> {
        let reads = ["ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"];
        let mut needed: Vec<Requirement> = reads.into_iter().map(|action| Requirement::new(action, "*")).collect();
        let subnets = subnets.into_iter().map(|id| format!("subnet/{id}"));
        let groups = groups.into_iter().map(|id| format!("security-group/{id}"));
        let (partition, region, account) = (&self.settings.partition, &self.settings.region, &self.settings.account_id);
        // The interface has no id yet.
        for resource in subnets.chain(groups).chain(["network-interface/*".to_owned()]) {
            let arn = format!("arn:{partition}:ec2:{region}:{account}:{resource}");
            needed.push(Requirement::new("ec2:CreateNetworkInterface", arn));
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
        need(action, self.arn(&format!("runtime/{id}"))).with_tags("aws:ResourceTag", tags.unwrap_or(&BTreeMap::new()))
    }
}

pub(super) fn need(action: &str, resource: impl Into<String>) -> Requirement {
    Requirement::new(format!("bedrock-agentcore:{action}"), resource)
}

/// Returns the permissions to use the key of the token vault, if it has one. Whoever calls needs them, for a provider as
/// for a token [DG kms-key-policy-configuration].
pub(crate) fn to_use_key(settings: &Settings) -> Vec<Requirement> {
    let Some(key) = &settings.token_vault_key else { return Vec::new() };
    let via = format!("bedrock-agentcore-identity.{}.{}", settings.region, settings.dns_suffix);
    ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext"]
        .map(|action| Requirement::new(action, key).with("kms:ViaService", &via))
        .to_vec()
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

/// Returns the permission to pass the role of a runtime or a gateway.
pub(super) fn to_pass_role(call: &Call) -> Requirement {
    Requirement::new("iam:PassRole", required(&call.input, "roleArn"))
        .with("iam:PassedToService", "bedrock-agentcore.amazonaws.com")
}
