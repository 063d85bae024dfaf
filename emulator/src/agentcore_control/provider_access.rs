//! The permissions that the calls of credential providers need. The secrets behind them are kept and read with the
//! caller's permissions (O: Boise-State-Development/agentcore-public-stack#186).

use super::access::{need, to_use_key};
use super::api_key_credential_provider::api_key_provider_path;
use super::oauth2_credential_provider::{TOKEN_VAULT, provider_path};
use super::oauth2_credential_provider_configuration::given;
use super::provider_secret::{API_KEY, CLIENT_SECRET, GivenSecret, SecretKind, managed_secret_name};
use super::state::AgentCoreControl;
use crate::iam::Requirement;
use crate::input::{required, text_map};
use crate::secrets_manager::SecretsManager;
use crate::service::Call;

impl AgentCoreControl {
    pub(super) fn to_create_provider(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let (_, arn) = self.provider_of(call);
        let vault = self.arn(TOKEN_VAULT);
        let tags = text_map(&call.input, "tags");
        let mut needed = vec![
            need(call.operation, &arn).with_request_tags(&tags),
            need(call.operation, &vault).with_request_tags(&tags),
        ];
        if !self.token_vault {
            // O: Boise-State-Development/agentcore-public-stack#628
            needed.extend(["CreateTokenVault", "GetTokenVault"].map(|action| need(action, &vault)));
        }
        if !tags.is_empty() {
            needed.push(need("TagResource", &arn).with_request_tags(&tags));
        }
        let manage =
            ["CreateSecret", "PutSecretValue", "UpdateSecret", "DescribeSecret", "TagResource", "DeleteSecret"];
        needed.extend(to_keep_secret(call, secrets, &manage));
        needed.extend(to_use_key(&self.settings));
        needed
    }

    pub(super) fn to_update_provider(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = self.on_provider(call);
        needed.extend(to_keep_secret(call, secrets, &["DescribeSecret", "PutSecretValue", "UpdateSecret"]));
        needed.extend(to_use_key(&self.settings));
        needed
    }

    pub(super) fn to_delete_provider(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = self.on_provider(call);
        let (kind, _) = self.provider_of(call);
        let name = managed_secret_name(kind, required(&call.input, "name"));
        if secrets.secret(&name).is_some() {
            needed.extend(secrets.to_manage(&name, &["DescribeSecret", "DeleteSecret"]));
        }
        needed
    }

    /// Returns the permissions on the provider and on its vault: both are evaluated.
    pub(super) fn on_provider(&self, call: &Call) -> Vec<Requirement> {
        let (_, arn) = self.provider_of(call);
        let tags = self.tags_of(&arn, call.now);
        let on_provider = need(call.operation, arn).with_resource_tags(tags);
        vec![on_provider, need(call.operation, self.arn(TOKEN_VAULT))]
    }

    /// Returns the kind of provider that a call is about, and the provider's ARN.
    fn provider_of(&self, call: &Call) -> (&'static SecretKind, String) {
        let name = required(&call.input, "name");
        if call.operation.contains("ApiKey") {
            (&API_KEY, self.arn(&api_key_provider_path(name)))
        } else {
            (&CLIENT_SECRET, self.arn(&provider_path(name)))
        }
    }
}

/// Returns the permissions to keep a provider's secret. A secret that breaks a rule is refused by the call itself.
fn to_keep_secret(call: &Call, secrets: &SecretsManager, manage: &[&str]) -> Vec<Requirement> {
    let (kind, config) = match given(&call.input) {
        Some((_, config)) => (&CLIENT_SECRET, config),
        None if call.operation.contains("ApiKey") => (&API_KEY, &call.input),
        None => return Vec::new(),
    };
    match GivenSecret::of(config, kind) {
        Ok(GivenSecret::Value(_)) => {
            secrets.to_manage(&managed_secret_name(kind, required(&call.input, "name")), manage)
        }
        Ok(GivenSecret::Reference { secret_id, .. }) => {
            secrets.to_read(&secret_id, &["DescribeSecret", "GetSecretValue"], call)
        }
        Err(_) => Vec::new(),
    }
}
