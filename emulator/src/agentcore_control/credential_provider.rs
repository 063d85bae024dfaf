//! OAuth2 credential providers: their state. The calls are in [`calls`], their configuration in [`configuration`].

mod calls;
mod configuration;

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Value;

pub(super) use self::calls::{managed_secret_name, provider_path};
pub use self::configuration::{ClientAuthentication, Discovery};
pub(super) use self::configuration::{GivenSecret, given};
use super::AgentCoreControl;
use super::status::{Status, Transition};
use crate::secrets_manager::SecretsManager;

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
    /// Where the authorization server is.
    pub discovery: Discovery,
    /// How the client authenticates at the token endpoint.
    pub client_authentication: ClientAuthentication,
    /// Where the client secret is.
    pub secret: ClientSecret,
    /// Where the authorization server sends a person back to.
    pub callback_url: String,
    /// When it was created.
    pub created: SystemTime,
    /// When the last create or update was accepted.
    pub updated: SystemTime,
    /// `oauth2ProviderConfigOutput`.
    pub(super) shown: Value,
    /// The last create, update or delete.
    pub(super) transition: Transition,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

/// Where the client secret of a credential provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecret {
    /// In a secret that comes and goes with the provider.
    Managed {
        /// Its ARN.
        secret_arn: String,
    },
    /// In a secret of the account's own.
    External {
        /// Its ARN.
        secret_id: String,
        /// The key in the secret's JSON object.
        json_key: String,
    },
}

/// The part after the account of the ARN of the vault that every provider is in.
pub(super) const TOKEN_VAULT: &str = "token-vault/default";

/// The one key of the JSON object in a managed secret.
const MANAGED_KEY: &str = "client_secret";

impl ClientSecret {
    /// The ARN of the secret that holds it.
    #[must_use]
    pub fn secret_arn(&self) -> &str {
        match self {
            Self::Managed { secret_arn } => secret_arn,
            Self::External { secret_id, .. } => secret_id,
        }
    }

    /// Its key in the secret's JSON object.
    #[must_use]
    pub fn json_key(&self) -> &str {
        match self {
            Self::Managed { .. } => MANAGED_KEY,
            Self::External { json_key, .. } => json_key,
        }
    }

    /// `MANAGED` or `EXTERNAL`.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self {
            Self::Managed { .. } => "MANAGED",
            Self::External { .. } => "EXTERNAL",
        }
    }

    /// The client secret as it is now, if it can be read: an external one is read each time.
    #[must_use]
    pub fn read(&self, secrets: &SecretsManager, now: SystemTime) -> Option<String> {
        let secret = secrets.find(self.secret_arn(), now).filter(|secret| secret.deletion.is_none())?;
        let value: Value = serde_json::from_str(secret.current_text()?).ok()?;
        value.get(self.json_key())?.as_str().map(str::to_owned)
    }
}

impl CredentialProvider {
    /// The status at a time.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        self.transition.status(now)
    }
}

impl AgentCoreControl {
    /// The OAuth2 credential providers that exist at `now`, in the order of their creation, those being deleted included.
    pub fn credential_providers(&self, now: SystemTime) -> impl Iterator<Item = &CredentialProvider> {
        self.credential_providers.iter().filter(move |provider| provider.status(now) != Status::Gone)
    }

    /// The OAuth2 credential provider of this ARN, if it exists at `now`.
    #[must_use]
    pub fn credential_provider_by_arn(&self, arn: &str, now: SystemTime) -> Option<&CredentialProvider> {
        self.credential_providers(now).find(|provider| provider.arn == arn)
    }
}
