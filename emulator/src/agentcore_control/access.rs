//! The permissions that a caller needs, call by call [SAR, DG service-linked-roles, and the permissions that the
//! handlers of the native CloudFormation types declare].

use super::state::AgentCoreControl;
use crate::iam::Requirement;
use crate::input::{required, text_map, texts};
use crate::secrets_manager::SecretsManager;
use crate::service::Call;
use crate::settings::Settings;

/// A service-linked role that a runtime needs.
pub(super) struct ServiceLinkedRole {
    /// The service principal, and the value of `iam:AWSServiceName`.
    pub(super) service: &'static str,
    pub(super) name: &'static str,
}

/// The role of gateways with private endpoints.
pub(super) const GATEWAY_NETWORK: ServiceLinkedRole = ServiceLinkedRole {
    service: "bedrock-agentcore.amazonaws.com",
    name: "AWSServiceRoleForBedrockAgentCoreGatewayNetwork",
};

impl AgentCoreControl {
    /// Returns the actions that a call needs, and the resources that it needs them on.
    ///
    /// A resource that does not exist is evaluated as the ARN built from its id, without tags, so that a statement
    /// scoped by `aws:ResourceTag` denies it: the caller sees `AccessDeniedException`, not that it is gone.
    pub(crate) fn requirements(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        match call.operation {
            "CreateAgentRuntime" => self.to_create_runtime(call),
            "UpdateAgentRuntime" => self.to_update_runtime(call),
            "DeleteAgentRuntime" => self.to_delete_runtime(call),
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
                let need =
                    need(call.operation, arn).with_resource_tags(tags).with_tag_keys(texts(&call.input, "tagKeys"));
                match call.operation {
                    "TagResource" => vec![need.with_request_tags(&text_map(&call.input, "tags"))],
                    _ => vec![need],
                }
            }
            other => vec![need(other, "*")],
        }
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

/// Returns the permission to pass the role of a runtime or a gateway.
pub(super) fn to_pass_role(call: &Call) -> Requirement {
    Requirement::new("iam:PassRole", required(&call.input, "roleArn"))
        .with("iam:PassedToService", "bedrock-agentcore.amazonaws.com")
}
