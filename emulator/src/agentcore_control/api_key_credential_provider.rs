//! API key credential providers. They have no status: each call is done when it is answered.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::oauth2_credential_provider::no_provider;
use super::provider_secret::ProviderSecret;
use super::shelf::{Facts, Resource};
use crate::service::ApiError;

/// An API key credential provider.
#[derive(Clone, Debug)]
pub struct ApiKeyProvider {
    /// Unique among the API key providers that exist.
    pub name: String,
    /// `arn:aws:bedrock-agentcore:<region>:<account>:token-vault/default/apikeycredentialprovider/<name>`.
    pub arn: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The secret that holds the API key.
    pub secret: ProviderSecret,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time of its creation or last update.
    pub updated: SystemTime,
    /// Members of the last create or update that no service model has.
    pub(super) others: Map<String, Value>,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

impl Resource for ApiKeyProvider {
    const NOUN: &'static str = "Credential provider";

    fn facts(&self) -> Facts<'_> {
        Facts { id: &self.name, created: self.created, sequence: self.sequence, transition: None }
    }

    fn not_found(id: &str) -> ApiError {
        no_provider(id)
    }
}

/// Returns the part of a provider's ARN after the account.
pub(super) fn api_key_provider_path(name: &str) -> String {
    format!("token-vault/default/apikeycredentialprovider/{name}")
}
