//! The permissions that the calls of gateway targets need [DG gateway-prerequisites-permissions].

use serde_json::{Map, Value};

use super::access::{GATEWAY_NETWORK, need, to_use_key};
use super::gateway_target::{api_key_provider_arn, managed_vpc, provider_arn, server};
use super::oauth2_credential_provider::TOKEN_VAULT;
use super::state::AgentCoreControl;
use super::tool_schema::s3_uri;
use super::workload_identity::{DIRECTORY, workload_identity_path};
use crate::iam::Requirement;
use crate::input::{required, texts};
use crate::runtime_url::runtime_id;
use crate::secrets_manager::SecretsManager;
use crate::service::Call;

impl AgentCoreControl {
    /// Returns the permissions to create or update a target, and those of the implicit synchronization.
    pub(super) fn to_change_target(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = vec![self.on_gateway(call, call.operation)];
        let server = server(&call.input);
        if server.get("mcpToolSchema").is_none() && server["listingMode"] != "DYNAMIC" {
            needed.push(self.on_gateway(call, "SynchronizeGatewayTargets"));
        }
        if let Some((bucket, key)) = s3_uri(server).and_then(|uri| uri.strip_prefix("s3://")?.split_once('/')) {
            let arn = format!("arn:{}:s3:::{bucket}/{key}", self.settings.partition);
            // As AWS's own policy BedrockAgentCoreFullAccess asks for it.
            let read = Requirement::new("s3:GetObject", arn);
            needed.push(
                read.with("aws:CalledViaLast", "bedrock-agentcore.amazonaws.com")
                    .with("s3:ResourceAccount", &self.settings.account_id),
            );
        }
        needed.extend(self.to_reach(&call.input));
        needed.extend(self.to_connect(call, &call.input, secrets));
        needed
    }

    /// Returns the permissions of a private endpoint [DG vpc-egress-private-endpoints].
    fn to_reach(&self, members: &Map<String, Value>) -> Vec<Requirement> {
        if let Some(vpc) = managed_vpc(members) {
            let mut needed = self.to_join_vpc(texts(vpc, "subnetIds"), texts(vpc, "securityGroupIds"));
            needed.extend(self.to_create_role(&GATEWAY_NETWORK));
            return needed;
        }
        let actions = [
            "GetResourceConfiguration",
            "CreateServiceNetworkResourceAssociation",
            "GetServiceNetworkResourceAssociation",
            "ListServiceNetworkResourceAssociations",
            "AssociateViaAWSService",
        ];
        let on_all = |action| Requirement::new(format!("vpc-lattice:{action}"), "*");
        if members.contains_key("privateEndpoint") { actions.map(on_all).to_vec() } else { Vec::new() }
    }

    pub(super) fn to_synchronize(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = vec![self.on_gateway(call, call.operation)];
        let gateway = self.gateway(required(&call.input, "gatewayIdentifier"), call.now);
        let ids = texts(&call.input, "targetIdList");
        for target in ids.iter().filter_map(|id| gateway?.target(id, call.now)) {
            needed.extend(self.to_connect(call, &target.members, secrets));
        }
        needed
    }

    /// Returns the permissions that are needed to reach the target's server. The gateway gets its tokens with the
    /// caller's permissions.
    fn to_connect(&self, call: &Call, members: &Map<String, Value>, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = Vec::new();
        if let Some(id) = runtime_id(server(members)["endpoint"].as_str().unwrap_or_default()) {
            let tags = self.runtime(&id, call.now).map(|runtime| &runtime.tags);
            let need = need("GetAgentRuntime", self.arn(&format!("runtime/{id}")));
            needed.push(need.with_resource_tags(tags));
        }
        let (action, arn) = match (provider_arn(members), api_key_provider_arn(members)) {
            (Some(arn), _) => ("GetResourceOauth2Token", arn),
            (None, Some(arn)) => ("GetResourceApiKey", arn),
            (None, None) => return needed,
        };
        let identity = self.arn(&workload_identity_path(required(&call.input, "gatewayIdentifier")));
        for action in ["GetWorkloadAccessToken", "GetWorkloadAccessTokenForUserId"] {
            needed.push(need(action, self.arn(DIRECTORY)));
            needed.push(need(action, &identity));
        }
        // All three (O: aws-ia/terraform-aws-agentcore#19).
        needed.push(need(action, &identity));
        needed.push(need(action, self.arn(TOKEN_VAULT)));
        needed.extend(to_use_key(&self.settings));
        let tags = self.tags_of(arn, call.now);
        needed.push(need(action, arn).with_resource_tags(tags));
        let oauth = self.credential_provider_by_arn(arn, call.now).map(|provider| &provider.secret);
        if let Some(secret) = oauth.or_else(|| self.api_key_provider_by_arn(arn).map(|provider| &provider.secret)) {
            needed.extend(secrets.to_read(secret.secret_arn(), &["GetSecretValue"], call));
        }
        needed
    }
}
