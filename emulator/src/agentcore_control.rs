//! The control plane of Bedrock AgentCore: runtimes with their versions and endpoints, gateways with their targets,
//! credential providers, workload identities, policies of resources, and tags.
//!
//! States follow the clock: nothing happens in the background, a resource's status is a function of the time at which
//! it is asked for. There are two exceptions: a target whose catalogue has to be read from its server stays as it is
//! until somebody takes its [`Synchronization`] and finishes it, and so does a runtime's version on platform version
//! V2, whose container has to be started, with its [`Build`].
//!
//! Where AWS's behaviour is not documented the stricter one is chosen:
//!
//! - an update is a full replacement: an optional member that it leaves out is reset, `metadataConfiguration` included;
//! - update and delete of a runtime that is still being created, updated or deleted are refused with
//!   `ConflictException`, and so is an update of one that failed to be created or deleted;
//! - a name stays taken until the runtime that has it is gone;
//! - client tokens are remembered for ever: a call that repeats one gets the first answer again, even when the runtime
//!   it names has been deleted since;
//! - an update that changes nothing makes no version;
//! - an update that leaves out `platformVersion` keeps it, and only `GetAgentRuntime` shows it;
//! - the artifact's type (container or code) cannot change;
//! - a gateway shows the configuration that its last update asked for, also when the update failed;
//! - a gateway created without `supportedVersions` does not speak the newest two, and an update that leaves them out is
//!   a growth like any other where the gateway had fewer;
//! - targets are MCP servers and need a name; one that waits for a person's consent waits for ever, and so does the
//!   deletion of its gateway;
//! - an update of a managed secret's provider has to bring the secret again;
//! - a runtime that has endpoints of one's own cannot be deleted, nor a version that one of them serves.

mod access;
mod api_key_provider;
mod configuration;
mod credential_provider;
mod endpoint;
mod errors;
mod execution_role;
mod gateway;
mod gateway_target;
mod headers;
mod holdings;
mod lag;
mod page;
mod platform;
mod provider_secret;
mod resource_policy;
mod rules;
mod runtime;
mod status;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod workload_identity;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::Value;

pub use self::api_key_provider::ApiKeyProvider;
pub use self::configuration::Configuration;
pub use self::credential_provider::{ClientAuthentication, CredentialProvider, Discovery};
pub use self::endpoint::Endpoint;
pub use self::errors::RefusedAs;
pub use self::gateway::Gateway;
pub use self::gateway_target::{GatewayTarget, Synchronization};
pub use self::holdings::Holding;
use self::lag::Lag;
pub use self::platform::{Build, PlatformVersion};
pub use self::provider_secret::ProviderSecret;
pub use self::runtime::{Runtime, Version};
pub use self::status::{Status, Transition};
pub use self::token::Mismatch;
use self::token::Tokens;
pub use self::workload_identity::WorkloadIdentity;
use crate::iam::Iam;
use crate::identity_provider::IdentityProviders;
use crate::objects::Objects;
use crate::secrets_manager::SecretsManager;
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;

/// The state of the control plane in one account and Region.
#[derive(Clone, Debug)]
pub struct AgentCoreControl {
    settings: Settings,
    /// In the order of their creation.
    runtimes: Vec<Runtime>,
    /// Runtimes that are gone, in the order in which calls found them gone.
    deleted: Vec<Runtime>,
    /// How many runtimes were ever created; decides the next id.
    created: u64,
    tokens: Tokens,
    lag: Lag,
    /// In the order of their creation.
    gateways: Vec<Gateway>,
    /// Gateways that are gone, in the order in which calls found them gone.
    deleted_gateways: Vec<Gateway>,
    /// Started by calls, and not taken yet.
    synchronizations: Vec<Synchronization>,
    /// Started by calls, and not taken yet.
    builds: Vec<Build>,
    /// In the order of their creation.
    credential_providers: Vec<CredentialProvider>,
    /// In the order of their creation.
    api_key_providers: Vec<ApiKeyProvider>,
    /// In the order of their creation, those of runtimes and gateways included.
    workload_identities: Vec<WorkloadIdentity>,
    /// The number of workload identities that there ever were.
    identity_numbers: u64,
    /// Endpoints of one's own in the order of their creation, those that lists still show included.
    endpoints: Vec<Endpoint>,
    /// By the ARN of their resource.
    resource_policies: BTreeMap<String, Value>,
    /// Whether the token vault exists: the first credential provider makes it.
    token_vault: bool,
    /// How many numbers were given to gateways, targets, synchronizations and credential providers; decides the next id.
    numbers: u64,
    /// Service principals whose service-linked role exists.
    service_linked_roles: BTreeSet<String>,
    name_taken: RefusedAs,
    gateway_in_use: RefusedAs,
    /// The issuer of an identity provider on this machine, whose discovery document may be named by an http URL. AWS
    /// takes https only, and so does the emulator without one.
    pub loopback_issuer: Option<String>,
    /// Whether tags of credential providers are refused with `ValidationException` once they exist. The service model
    /// has no ARN for them, and what the service makes of that is not known.
    pub refuse_provider_tags: bool,
}

/// What the control plane looks at, and keeps things in, outside of itself.
pub(crate) struct Dependencies<'w> {
    pub(crate) iam: &'w Iam,
    pub(crate) secrets: &'w mut SecretsManager,
    pub(crate) identity_providers: &'w IdentityProviders,
    pub(crate) objects: &'w Objects,
}

impl AgentCoreControl {
    /// An account that has never used AgentCore.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            runtimes: Vec::new(),
            deleted: Vec::new(),
            created: 0,
            tokens: Tokens::default(),
            lag: Lag::default(),
            gateways: Vec::new(),
            deleted_gateways: Vec::new(),
            synchronizations: Vec::new(),
            builds: Vec::new(),
            credential_providers: Vec::new(),
            api_key_providers: Vec::new(),
            workload_identities: Vec::new(),
            identity_numbers: 0,
            endpoints: Vec::new(),
            resource_policies: BTreeMap::new(),
            token_vault: false,
            numbers: 0,
            service_linked_roles: BTreeSet::new(),
            name_taken: RefusedAs::Validation,
            gateway_in_use: RefusedAs::Conflict,
            loopback_issuer: None,
            refuse_provider_tags: false,
        }
    }

    /// Executes one validated and authorized call.
    pub(crate) fn call(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        self.settle(call.now);
        if let Some(answer) = self.tokens.replay(call).or_else(|| self.lag.replay(call)) {
            return answer;
        }
        let lags = !self.settings.get_lag.is_zero() && !call.operation.starts_with("Get");
        let before = lags.then(|| self.clone());
        self.check_discovery_url(call)?;
        let answer = self.execute(call, dependencies)?;
        self.link_workload_identities(call.now);
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

    /// Chooses the answer to a client token that comes again with other parameters.
    pub fn answer_mismatched_tokens_with(&mut self, mismatch: Mismatch) {
        self.tokens.mismatch = mismatch;
    }

    /// Chooses the answer to the creation of a credential provider whose name is taken: `Validation` unless chosen, as
    /// seen; `Conflict` as documented.
    pub fn answer_taken_provider_names_with(&mut self, refusal: RefusedAs) {
        self.name_taken = refusal;
    }

    /// Chooses the answer to the deletion of a gateway that has targets: `Conflict` unless chosen, as documented;
    /// `Validation` as seen (O: awslabs/agentcore-samples#1954).
    pub fn answer_gateways_in_use_with(&mut self, refusal: RefusedAs) {
        self.gateway_in_use = refusal;
    }

    /// The runtimes that exist at `now`, in the order of their creation, those being deleted included.
    pub fn runtimes(&self, now: SystemTime) -> impl Iterator<Item = &Runtime> {
        self.runtimes.iter().filter(move |runtime| runtime.status(now) != Status::Gone)
    }

    /// The runtime of this id, if it exists at `now`.
    #[must_use]
    pub fn runtime(&self, id: &str, now: SystemTime) -> Option<&Runtime> {
        self.runtimes(now).find(|runtime| runtime.id == id)
    }

    /// The runtime of this name, if it exists at `now`.
    #[must_use]
    pub fn runtime_named(&self, name: &str, now: SystemTime) -> Option<&Runtime> {
        self.runtimes(now).find(|runtime| runtime.name == name)
    }

    /// The runtimes that are gone at `now`, in the order of their creation within those found gone together.
    pub fn deleted_runtimes(&self, now: SystemTime) -> impl Iterator<Item = &Runtime> {
        self.deleted.iter().chain(self.runtimes.iter().filter(move |runtime| runtime.status(now) == Status::Gone))
    }

    /// Service principals whose service-linked role exists; AgentCore creates each on its first use.
    #[must_use]
    pub fn service_linked_roles(&self) -> &BTreeSet<String> {
        &self.service_linked_roles
    }

    /// Lets a service-linked role exist, as in an account that used the feature before.
    pub fn put_service_linked_role(&mut self, service: impl Into<String>) {
        self.service_linked_roles.insert(service.into());
    }

    /// Moves what is gone out of the way.
    fn settle(&mut self, now: SystemTime) {
        let (gone, here) = std::mem::take(&mut self.runtimes).into_iter().partition(|r| r.status(now) == Status::Gone);
        self.runtimes = here;
        let mut gone: Vec<Runtime> = gone;
        self.deleted.append(&mut gone);
        let (gone, here): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.gateways).into_iter().partition(|gateway| gateway.status(now) == Status::Gone);
        self.gateways = here;
        self.deleted_gateways.extend(gone);
        self.gateways.iter_mut().for_each(|gateway| gateway.settle(now));
        self.credential_providers.retain(|provider| provider.status(now) != Status::Gone);
        self.settle_endpoints(now);
        self.settle_resource_policies(now);
        self.link_workload_identities(now);
    }

    /// Checks where the JWT authorizer of a runtime or a gateway finds its identity provider.
    fn check_discovery_url(&self, call: &Call) -> Result<(), ApiError> {
        let authorizer = call.input.get("authorizerConfiguration").and_then(|it| it.get("customJWTAuthorizer"));
        let url = authorizer.and_then(|authorizer| authorizer["discoveryUrl"].as_str());
        url.map_or(Ok(()), |url| self.check_provider_url("discoveryUrl", url))
    }

    /// Checks an address of an identity provider: https, or on this machine.
    fn check_provider_url(&self, name: &str, url: &str) -> Result<(), ApiError> {
        let loopback = || self.loopback_issuer.as_deref().is_some_and(|issuer| url.starts_with(issuer));
        if url.starts_with("https://") || loopback() {
            return Ok(());
        }
        Err(errors::invalid(format!("{name} must be an https URL.")))
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn arn(&self, resource: &str) -> String {
        let Settings { partition, region, account_id, .. } = &self.settings;
        format!("arn:{partition}:bedrock-agentcore:{region}:{account_id}:{resource}")
    }
}
