//! OAuth2 credential providers: their state.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::errors::not_found;
use super::oauth2_credential_provider_configuration::{ClientAuthentication, Discovery};
use super::provider_secret::ProviderSecret;
use super::shelf::{Facts, Resource};
use super::status::{Status, Transition};
use crate::service::ApiError;

/// An OAuth2 credential provider.
#[derive(Clone, Debug)]
pub struct CredentialProvider {
    /// Unique among the providers that exist.
    pub name: String,
    /// `arn:aws:bedrock-agentcore:<region>:<account>:token-vault/default/oauth2credentialprovider/<name>`.
    pub arn: String,
    /// `CustomOauth2`, `Auth0Oauth2`, …
    pub vendor: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The client id; empty if the provider has none.
    pub client_id: String,
    /// The addresses of the authorization server.
    pub discovery: Discovery,
    /// The way in which the client authenticates at the token endpoint.
    pub client_authentication: ClientAuthentication,
    /// The place of the client secret.
    pub secret: ProviderSecret,
    /// The URL to which the authorization server sends a person back.
    pub callback_url: String,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time at which the last create or update was accepted.
    pub updated: SystemTime,
    /// `oauth2ProviderConfigOutput`.
    pub(super) shown: Value,
    /// Members of the last create or update that no service model has.
    pub(super) others: Map<String, Value>,
    /// The last create, update or delete.
    pub(super) transition: Transition,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

/// The part after the account of the ARN of the vault that every provider is in.
pub(super) const TOKEN_VAULT: &str = "token-vault/default";

impl CredentialProvider {
    /// Returns the status at a time.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        self.transition.status(now)
    }
}

impl Resource for CredentialProvider {
    const NOUN: &'static str = "Credential provider";

    fn facts(&self) -> Facts<'_> {
        let transition = Some(&self.transition);
        Facts { id: &self.name, created: self.created, sequence: self.sequence, transition }
    }

    fn not_found(id: &str) -> ApiError {
        no_provider(id)
    }
}

/// Creates the error for a provider, of either kind, that does not exist.
pub(super) fn no_provider(name: &str) -> ApiError {
    not_found(format!("Credential provider with name: {name} was not found"))
}

/// Returns the part of a provider's ARN after the account.
pub(super) fn provider_path(name: &str) -> String {
    format!("token-vault/default/oauth2credentialprovider/{name}")
}
