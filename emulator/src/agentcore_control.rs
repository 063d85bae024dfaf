//! The control plane of Bedrock AgentCore: runtimes with their versions and endpoints, gateways with their targets,
//! credential providers, workload identities, policies of resources, and tags.
//!
//! States follow the clock: nothing happens in the background, and a resource's status is a function of the time of the
//! request. There are two exceptions. A target whose catalogue has to be read from its server stays unchanged until its
//! [`Synchronization`] is taken and finished. A runtime's version on platform version V2, whose container has to be
//! started, stays unchanged until its [`Build`] is finished. Both are [`Work`] that calls leave.
//!
//! If AWS's behaviour is not documented, the stricter one is chosen:
//!
//! - An update is a full replacement: an optional member that it leaves out is reset, `metadataConfiguration` included.
//! - Update and delete of a runtime that is still being created, updated or deleted are refused with
//!   `ConflictException`. So is an update of a runtime whose create or delete failed.
//! - A name stays taken until the runtime that has it is gone.
//! - Client tokens are remembered forever: a call that repeats one gets the first answer again, even when the runtime
//!   it names has been deleted since.
//! - An update that changes nothing publishes no version.
//! - An update that leaves out `platformVersion` keeps it, and only `GetAgentRuntime` shows it.
//! - The artifact's type (container or code) cannot change.
//! - A gateway shows the configuration that its last update asked for, also when the update failed.
//! - A gateway created without `supportedVersions` does not speak the newest two, and an update that leaves them out is
//!   a growth like any other if the gateway had fewer.
//! - Targets are MCP servers and need a name; one that waits for a person's consent waits forever, and so does the
//!   deletion of its gateway.
//! - An update of a managed secret's provider has to bring the secret again.
//! - A runtime that has endpoints other than `DEFAULT` cannot be deleted, nor a version that one of them serves.

mod access;
mod api_key_credential_provider;
mod api_key_credential_provider_calls;
mod background;
mod endpoint;
mod endpoint_access;
mod endpoint_calls;
mod endpoint_rules;
mod errors;
mod execution_role;
mod gateway;
mod gateway_access;
mod gateway_calls;
mod gateway_configuration;
mod gateway_rules;
mod gateway_target;
mod gateway_target_access;
mod gateway_target_calls;
mod gateway_target_rules;
mod headers;
mod holdings;
mod lag;
mod oauth2_credential_provider;
mod oauth2_credential_provider_calls;
mod oauth2_credential_provider_configuration;
mod page;
mod platform;
mod provider_access;
mod provider_secret;
mod resource_policy;
mod rules;
mod runtime;
mod runtime_access;
mod runtime_calls;
mod runtime_configuration;
mod runtime_rules;
mod shelf;
mod state;
mod status;
mod synchronization;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod tool_schema;
mod work;
mod workload_identity;
mod workload_identity_access;
mod workload_identity_calls;

use std::time::SystemTime;

pub(crate) use self::access::to_use_key;
pub use self::api_key_credential_provider::ApiKeyProvider;
pub use self::endpoint::Endpoint;
pub use self::errors::RefusedAs;
pub use self::gateway::Gateway;
pub use self::gateway_target::GatewayTarget;
pub use self::holdings::Holding;
pub use self::oauth2_credential_provider::CredentialProvider;
pub use self::oauth2_credential_provider_configuration::{ClientAuthentication, Discovery};
pub use self::platform::Build;
pub use self::provider_secret::ProviderSecret;
pub use self::runtime::{Runtime, Version};
pub use self::runtime_configuration::Configuration;
pub use self::state::AgentCoreControl;
pub(crate) use self::state::Dependencies;
pub use self::status::{Status, Transition};
pub use self::synchronization::Synchronization;
pub use self::token::Mismatch;
pub use self::work::Work;
pub use self::workload_identity::WorkloadIdentity;
use crate::service::{Answer, ApiError, Call};
pub use crate::settings::PlatformVersion;

impl AgentCoreControl {
    /// Executes one validated and authorized call.
    pub(crate) fn call(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        self.settle(call.now);
        if let Some(answer) = self.tokens.replay(call).or_else(|| self.lag.replay(call)) {
            return answer;
        }
        let lags = !self.settings.get_lag.is_zero() && !call.operation.starts_with("Get");
        let before = lags.then(|| self.clone());
        Self::check_discovery_url(call)?;
        let answer = self.execute(call, dependencies)?;
        self.settle(call.now);
        self.tokens.record(call, &answer);
        if let Some((mut before, get)) = before.zip(lag::get_of(call, &answer)) {
            let former = before.call(&get, dependencies);
            self.lag.record(&get, former, call.now + self.settings.get_lag);
        }
        Ok(answer)
    }

    fn execute(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        match call.operation {
            "CreateAgentRuntime" => self.create_agent_runtime(call, dependencies.iam),
            "GetAgentRuntime" => self.get_agent_runtime(call),
            "UpdateAgentRuntime" => self.update_agent_runtime(call, dependencies.iam),
            "DeleteAgentRuntime" => {
                self.check_endpoints_allow_deletion(call)?;
                self.delete_agent_runtime(call)
            }
            "ListAgentRuntimes" => self.list_agent_runtimes(call),
            "ListAgentRuntimeVersions" => self.list_agent_runtime_versions(call),
            "CreateAgentRuntimeEndpoint" => self.create_agent_runtime_endpoint(call),
            "UpdateAgentRuntimeEndpoint" => self.update_agent_runtime_endpoint(call),
            "DeleteAgentRuntimeEndpoint" => self.delete_agent_runtime_endpoint(call),
            "GetAgentRuntimeEndpoint" => self.get_agent_runtime_endpoint(call),
            "ListAgentRuntimeEndpoints" => self.list_agent_runtime_endpoints(call),
            "CreateGateway" => self.create_gateway(call, dependencies),
            "GetGateway" => self.get_gateway(call),
            "UpdateGateway" => self.update_gateway(call, dependencies),
            "DeleteGateway" => self.delete_gateway(call),
            "ListGateways" => self.list_gateways(call),
            "CreateGatewayTarget" => self.create_gateway_target(call, dependencies),
            "GetGatewayTarget" => self.get_gateway_target(call),
            "UpdateGatewayTarget" => self.update_gateway_target(call, dependencies),
            "DeleteGatewayTarget" => self.delete_gateway_target(call),
            "ListGatewayTargets" => self.list_gateway_targets(call),
            "SynchronizeGatewayTargets" => self.synchronize_gateway_targets(call),
            "CreateOauth2CredentialProvider" => self.create_credential_provider(call, dependencies),
            "GetOauth2CredentialProvider" => self.get_credential_provider(call),
            "UpdateOauth2CredentialProvider" => self.update_credential_provider(call, dependencies),
            "DeleteOauth2CredentialProvider" => self.delete_credential_provider(call, dependencies),
            "ListOauth2CredentialProviders" => self.list_credential_providers(call),
            "CreateApiKeyCredentialProvider" => self.create_api_key_provider(call, dependencies),
            "GetApiKeyCredentialProvider" => self.get_api_key_provider(call),
            "UpdateApiKeyCredentialProvider" => self.update_api_key_provider(call, dependencies),
            "DeleteApiKeyCredentialProvider" => self.delete_api_key_provider(call, dependencies),
            "ListApiKeyCredentialProviders" => self.list_api_key_providers(call),
            "CreateWorkloadIdentity" => self.create_workload_identity(call),
            "GetWorkloadIdentity" => self.get_workload_identity(call),
            "UpdateWorkloadIdentity" => self.update_workload_identity(call),
            "DeleteWorkloadIdentity" => self.delete_workload_identity(call),
            "ListWorkloadIdentities" => self.list_workload_identities(call),
            "PutResourcePolicy" => self.put_resource_policy(call),
            "GetResourcePolicy" => self.get_resource_policy(call),
            "DeleteResourcePolicy" => self.delete_resource_policy(call),
            "TagResource" => self.tag_resource(call),
            "UntagResource" => self.untag_resource(call),
            "ListTagsForResource" => self.list_tags_for_resource(call),
            other => Err(ApiError::new(
                404,
                "UnknownOperationException",
                format!("the emulator's AgentCore has no operation `{other}`"),
            )),
        }
    }

    /// Moves what is gone out of the way.
    fn settle(&mut self, now: SystemTime) {
        self.runtimes.settle(now);
        self.runtimes.iter_mut().for_each(|runtime| runtime.endpoints.settle(now));
        self.gateways.settle(now);
        self.gateways.iter_mut().for_each(|gateway| gateway.targets.settle(now));
        self.credential_providers.settle(now);
        self.settle_resource_policies(now);
        self.link_workload_identities();
    }

    /// Checks where the JWT authorizer of a runtime or a gateway finds its identity provider.
    fn check_discovery_url(call: &Call) -> Result<(), ApiError> {
        let authorizer = call.input.get("authorizerConfiguration").and_then(|it| it.get("customJWTAuthorizer"));
        let url = authorizer.and_then(|authorizer| authorizer["discoveryUrl"].as_str());
        url.map_or(Ok(()), |url| Self::check_provider_url("discoveryUrl", url))
    }
}
