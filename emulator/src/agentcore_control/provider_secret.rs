//! The secret of a credential provider: a client secret or an API key, in a secret that the service manages or in one
//! of the account's own.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::errors::invalid;
use crate::input::{required, text};
use crate::secrets_manager::SecretsManager;
use crate::service::ApiError;

/// The names that one kind of provider's secret has.
pub(super) struct SecretKind {
    /// The member that brings the value.
    value: &'static str,
    /// The member that names a secret of the account's own.
    config: &'static str,
    /// The member that says which of the two it is.
    source: &'static str,
    /// The part of a managed secret's name before the provider's.
    folder: &'static str,
    /// The one key of the JSON object in a managed secret.
    json_key: &'static str,
}

/// The client secret of an OAuth2 credential provider.
pub(super) const CLIENT_SECRET: SecretKind = SecretKind {
    value: "clientSecret",
    config: "clientSecretConfig",
    source: "clientSecretSource",
    folder: "oauth2",
    json_key: "client_secret",
};

/// The API key of an API key credential provider.
pub(super) const API_KEY: SecretKind = SecretKind {
    value: "apiKey",
    config: "apiKeySecretConfig",
    source: "apiKeySecretSource",
    folder: "apikey",
    json_key: "api_key_value",
};

/// The place of a credential provider's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderSecret {
    /// In a secret that comes and goes with the provider.
    Managed {
        /// Its ARN.
        secret_arn: String,
        /// The one key in the secret's JSON object.
        json_key: &'static str,
    },
    /// In a secret of the account's own.
    External {
        /// Its ARN.
        secret_id: String,
        /// The key in the secret's JSON object.
        json_key: String,
    },
}

impl ProviderSecret {
    /// Returns the ARN of the secret that holds it.
    #[must_use]
    pub fn secret_arn(&self) -> &str {
        match self {
            Self::Managed { secret_arn, .. } => secret_arn,
            Self::External { secret_id, .. } => secret_id,
        }
    }

    /// Its key in the secret's JSON object.
    #[must_use]
    pub fn json_key(&self) -> &str {
        match self {
            Self::Managed { json_key, .. } => json_key,
            Self::External { json_key, .. } => json_key,
        }
    }

    /// Returns `MANAGED` or `EXTERNAL`.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self {
            Self::Managed { .. } => "MANAGED",
            Self::External { .. } => "EXTERNAL",
        }
    }

    /// Returns the value as it is now, if it can be read: an external one is read each time.
    #[must_use]
    pub fn read(&self, secrets: &SecretsManager, now: SystemTime) -> Option<String> {
        let secret = secrets.find(self.secret_arn(), now).filter(|secret| secret.deletion.is_none())?;
        let value: Value = serde_json::from_str(secret.current_text()?).ok()?;
        value.get(self.json_key())?.as_str().map(str::to_owned)
    }

    /// Removes a managed secret at once. When AWS removes it is not known.
    pub(super) fn remove(&self, secrets: &mut SecretsManager, now: SystemTime) {
        if let Self::Managed { secret_arn, .. } = self {
            secrets.remove_managed(secret_arn, now);
        }
    }
}

/// The place of the secret that a create or an update gives.
pub(super) enum GivenSecret {
    /// In the call: `MANAGED`.
    Value(String),
    /// In a secret of the account's own: `EXTERNAL`.
    Reference { secret_id: String, json_key: String },
}

impl GivenSecret {
    /// Reads the members of a call that concern the secret [DG resource-providers].
    pub(super) fn of(config: &Map<String, Value>, kind: &SecretKind) -> Result<Self, ApiError> {
        let SecretKind { value: value_name, config: config_name, source: source_name, .. } = kind;
        let reference = config.get(*config_name).and_then(Value::as_object);
        let value = text(config, value_name).filter(|value| !value.is_empty());
        match (text(config, source_name).unwrap_or("MANAGED"), value, reference) {
            ("MANAGED", Some(value), None) => Ok(Self::Value(value.to_owned())),
            ("MANAGED", _, Some(_)) => {
                Err(invalid(format!("{config_name} is only allowed when {source_name} is EXTERNAL.")))
            }
            ("MANAGED", None, None) => Err(invalid(format!("{value_name} is required when {source_name} is MANAGED."))),
            (_, None, Some(reference)) => Ok(Self::Reference {
                secret_id: required(reference, "secretId").to_owned(),
                json_key: required(reference, "jsonKey").to_owned(),
            }),
            (_, Some(_), _) => Err(invalid(format!("{value_name} is not allowed when {source_name} is EXTERNAL."))),
            (_, None, None) => Err(invalid(format!("{config_name} is required when {source_name} is EXTERNAL."))),
        }
    }

    /// Checks that an update leaves the source as it is [DG identity-update-oauth-client].
    pub(super) fn may_replace(&self, stored: &ProviderSecret) -> Result<(), ApiError> {
        if matches!(stored, ProviderSecret::Managed { .. }) == matches!(self, Self::Value(_)) {
            return Ok(());
        }
        Err(invalid("The secret source of an existing credential provider cannot be changed."))
    }

    /// Stores the value, or checks that it is at the place that the call names.
    pub(super) fn store(
        self,
        kind: &SecretKind,
        provider: &str,
        secrets: &mut SecretsManager,
        now: SystemTime,
    ) -> Result<ProviderSecret, ApiError> {
        match self {
            Self::Value(value) => {
                let value = json!({kind.json_key: value}).to_string();
                let secret_arn = secrets.put_managed(&managed_secret_name(kind, provider), value, now);
                Ok(ProviderSecret::Managed { secret_arn, json_key: kind.json_key })
            }
            Self::Reference { secret_id, json_key } => {
                if !secret_id.starts_with("arn:") {
                    return Err(invalid("secretId must be the ARN of a secret."));
                }
                let secret = ProviderSecret::External { secret_id, json_key };
                match secret.read(secrets, now) {
                    Some(_) => Ok(secret),
                    None => Err(invalid(format!(
                        "The secret '{}' does not exist or has no text under the key '{}'.",
                        secret.secret_arn(),
                        secret.json_key()
                    ))),
                }
            }
        }
    }
}

/// Returns the name of a provider's managed secret. Nobody else can create one of this name.
pub(super) fn managed_secret_name(kind: &SecretKind, provider: &str) -> String {
    format!("bedrock-agentcore-identity!default/{}/{provider}", kind.folder)
}
