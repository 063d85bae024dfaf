//! The permissions that the calls of gateways need [DG gateway-prerequisites-permissions].

use super::access::{need, to_pass_role};
use super::state::AgentCoreControl;
use super::workload_identity::workload_identity_path;
use crate::iam::Requirement;
use crate::input::{required, text, text_map};
use crate::service::Call;

impl AgentCoreControl {
    pub(super) fn to_create_gateway(&self, call: &Call) -> Vec<Requirement> {
        let id = self.next_gateway_id(required(&call.input, "name"));
        let tags = text_map(&call.input, "tags");
        let mut needed = vec![
            need("CreateGateway", "*").with_request_tags(&tags),
            need("CreateWorkloadIdentity", self.arn(&workload_identity_path(&id))),
            to_pass_role(call),
        ];
        if !tags.is_empty() {
            needed.push(need("TagResource", self.arn(&format!("gateway/{id}"))).with_request_tags(&tags));
        }
        if let Some(key) = text(&call.input, "kmsKeyArn") {
            let via = format!("bedrock-agentcore.{}.{}", self.settings.region, self.settings.dns_suffix);
            let use_key = |action: &str| Requirement::new(action, key).with("kms:ViaService", &via);
            // [DG gateway-encryption], AllowServiceRoleCreateGrant.
            let mut grant = use_key("kms:CreateGrant")
                .with("kms:GrantConstraintType", "EncryptionContextSubset")
                .with("kms:EncryptionContext:aws:bedrock-agentcore-gateway:arn", self.arn(&format!("gateway/{id}")));
            let operations = ["Decrypt", "GenerateDataKey"].map(str::to_owned).to_vec();
            grant.context.insert("kms:GrantOperations".to_owned(), operations);
            needed.push(grant);
            needed.extend(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"].map(use_key));
        }
        needed
    }

    pub(super) fn to_delete_gateway(&self, call: &Call) -> Vec<Requirement> {
        let identity = self.arn(&workload_identity_path(required(&call.input, "gatewayIdentifier")));
        vec![self.on_gateway(call, "DeleteGateway"), need("DeleteWorkloadIdentity", identity)]
    }

    /// Targets have no ARNs and no tags: what is done to them is done to the gateway.
    pub(super) fn on_gateway(&self, call: &Call, action: &str) -> Requirement {
        let id = required(&call.input, "gatewayIdentifier");
        let tags = self.gateway(id, call.now).map(|gateway| &gateway.tags);
        need(action, self.arn(&format!("gateway/{id}"))).with_resource_tags(tags)
    }
}
