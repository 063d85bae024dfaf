//! The state of the control plane, and how others read it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::Value;

use super::api_key_credential_provider::ApiKeyProvider;
use super::endpoint::{DEFAULT, Endpoint};
use super::errors::{RefusedAs, invalid};
use super::gateway::Gateway;
use super::lag::Lag;
use super::oauth2_credential_provider::CredentialProvider;
use super::runtime::{Runtime, Version};
use super::shelf::Shelf;
use super::token::{Mismatch, Tokens};
use super::work::Work;
use super::workload_identity::WorkloadIdentity;
use crate::iam::Iam;
use crate::identity_provider::IdentityProviders;
use crate::input::https_url;
use crate::objects::Objects;
use crate::secrets_manager::SecretsManager;
use crate::service::ApiError;
use crate::settings::Settings;

/// The state of the control plane in one account and Region.
#[derive(Clone, Debug)]
pub struct AgentCoreControl {
    pub(super) settings: Settings,
    pub(super) runtimes: Shelf<Runtime>,
    /// The number of runtimes ever created; decides the next id.
    pub(super) created: u64,
    pub(super) tokens: Tokens,
    pub(super) lag: Lag,
    pub(super) gateways: Shelf<Gateway>,
    /// Left by calls, and not taken yet.
    pub(super) work: Vec<Work>,
    pub(super) credential_providers: Shelf<CredentialProvider>,
    pub(super) api_key_providers: Shelf<ApiKeyProvider>,
    /// Includes those of runtimes and gateways.
    pub(super) workload_identities: Shelf<WorkloadIdentity>,
    /// The number of workload identities that there ever were.
    pub(super) identity_numbers: u64,
    /// By the ARN of their resource.
    pub(super) resource_policies: BTreeMap<String, Value>,
    /// True if the token vault exists: the first credential provider creates it.
    pub(super) token_vault: bool,
    /// The number of numbers given to gateways, targets, synchronizations and credential providers; decides the next
    /// id.
    pub(super) numbers: u64,
    /// Service principals whose service-linked role exists.
    pub(super) service_linked_roles: BTreeSet<String>,
    pub(super) name_taken: RefusedAs,
    pub(super) gateway_in_use: RefusedAs,
    /// True if tags of credential providers and workload identities are refused with `ValidationException` once they
    /// exist. Older service models have no ARN for some of them, and the service's reaction to that is not known.
    pub refuse_identity_tags: bool,
}

/// The parts of the account, outside of itself, that the control plane reads and writes.
pub(crate) struct Dependencies<'w> {
    pub(crate) iam: &'w Iam,
    pub(crate) secrets: &'w mut SecretsManager,
    pub(crate) identity_providers: &'w IdentityProviders,
    pub(crate) objects: &'w Objects,
}

impl AgentCoreControl {
    /// Creates an account that has never used AgentCore.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            runtimes: Shelf::default(),
            created: 0,
            tokens: Tokens::default(),
            lag: Lag::default(),
            gateways: Shelf::default(),
            work: Vec::new(),
            credential_providers: Shelf::default(),
            api_key_providers: Shelf::default(),
            workload_identities: Shelf::default(),
            identity_numbers: 0,
            resource_policies: BTreeMap::new(),
            token_vault: false,
            numbers: 0,
            service_linked_roles: BTreeSet::new(),
            name_taken: RefusedAs::Validation,
            gateway_in_use: RefusedAs::Conflict,
            refuse_identity_tags: false,
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

    /// Returns the runtimes that exist at `now`, in the order of their creation, those being deleted included.
    pub fn runtimes(&self, now: SystemTime) -> impl Iterator<Item = &Runtime> {
        self.runtimes.existing(now)
    }

    /// Returns the runtime of this id, if it exists at `now`.
    #[must_use]
    pub fn runtime(&self, id: &str, now: SystemTime) -> Option<&Runtime> {
        self.runtimes(now).find(|runtime| runtime.id == id)
    }

    /// Returns the runtime of this name, if it exists at `now`.
    #[must_use]
    pub fn runtime_named(&self, name: &str, now: SystemTime) -> Option<&Runtime> {
        self.runtimes(now).find(|runtime| runtime.name == name)
    }

    /// Returns the runtimes that are deleted at `now`, in the order of their creation within those found gone together.
    pub fn deleted_runtimes(&self, now: SystemTime) -> impl Iterator<Item = &Runtime> {
        self.runtimes.deleted(now)
    }

    /// Returns the service principals whose service-linked role exists; AgentCore creates each on its first use.
    #[must_use]
    pub fn service_linked_roles(&self) -> &BTreeSet<String> {
        &self.service_linked_roles
    }

    /// Lets a service-linked role exist, as in an account that used the feature before.
    pub fn put_service_linked_role(&mut self, service: impl Into<String>) {
        self.service_linked_roles.insert(service.into());
    }

    /// Returns the endpoints, except `DEFAULT`, that exist at `now`, runtime by runtime in the order of their creation,
    /// those being deleted included.
    pub fn endpoints(&self, now: SystemTime) -> impl Iterator<Item = &Endpoint> {
        self.runtimes(now).flat_map(move |runtime| runtime.endpoints.existing(now))
    }

    /// Returns the endpoint, other than `DEFAULT`, of this name on the runtime of this id, if it exists at `now`.
    #[must_use]
    pub fn endpoint(&self, runtime_id: &str, name: &str, now: SystemTime) -> Option<&Endpoint> {
        self.runtime(runtime_id, now)?.endpoints.existing(now).find(|endpoint| endpoint.name == name)
    }

    /// Returns the version that an endpoint of a runtime serves at `now`; `None` if the endpoint does not exist, or
    /// serves none yet.
    pub(crate) fn served<'r>(&self, runtime: &'r Runtime, endpoint: &str, now: SystemTime) -> Option<&'r Version> {
        if endpoint == DEFAULT {
            return Some(runtime.live(now).unwrap_or_else(|| runtime.newest()));
        }
        let number = self.endpoint(&runtime.id, endpoint, now)?.live_version(now)?;
        runtime.versions.iter().find(|version| version.number == number)
    }

    /// Returns the gateways that exist at `now`, in the order of their creation, those being deleted included.
    pub fn gateways(&self, now: SystemTime) -> impl Iterator<Item = &Gateway> {
        self.gateways.existing(now)
    }

    /// Returns the gateway of this id, if it exists at `now`.
    #[must_use]
    pub fn gateway(&self, id: &str, now: SystemTime) -> Option<&Gateway> {
        self.gateways(now).find(|gateway| gateway.id == id)
    }

    /// Returns the gateways that are deleted at `now`, in the order of their creation within those found gone together.
    pub fn deleted_gateways(&self, now: SystemTime) -> impl Iterator<Item = &Gateway> {
        self.gateways.deleted(now)
    }

    /// Returns the OAuth2 credential providers that exist at `now`, in the order of their creation, those being deleted
    /// included.
    pub fn credential_providers(&self, now: SystemTime) -> impl Iterator<Item = &CredentialProvider> {
        self.credential_providers.existing(now)
    }

    /// Returns the OAuth2 credential provider of this ARN, if it exists at `now`.
    #[must_use]
    pub fn credential_provider_by_arn(&self, arn: &str, now: SystemTime) -> Option<&CredentialProvider> {
        self.credential_providers(now).find(|provider| provider.arn == arn)
    }

    /// Returns the workload identities that exist, in the order of their creation, those of runtimes and gateways
    /// included.
    #[must_use]
    pub fn workload_identities(&self) -> &[WorkloadIdentity] {
        &self.workload_identities
    }

    /// Returns the API key credential providers that exist, in the order of their creation.
    #[must_use]
    pub fn api_key_providers(&self) -> &[ApiKeyProvider] {
        &self.api_key_providers
    }

    /// Returns the API key credential provider of this ARN, if it exists.
    #[must_use]
    pub fn api_key_provider_by_arn(&self, arn: &str) -> Option<&ApiKeyProvider> {
        self.api_key_providers.iter().find(|provider| provider.arn == arn)
    }

    /// Checks an address of an identity provider.
    pub(super) fn check_provider_url(name: &str, url: &str) -> Result<(), ApiError> {
        https_url(url).map(drop).ok_or_else(|| invalid(format!("{name} must be an https URL.")))
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn arn(&self, resource: &str) -> String {
        let Settings { partition, region, account_id, .. } = &self.settings;
        format!("arn:{partition}:bedrock-agentcore:{region}:{account_id}:{resource}")
    }
}
