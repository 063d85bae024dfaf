//! What the calls of OAuth2 credential providers need. The secrets behind them are kept and read with the caller's
//! permissions (O: Boise-State-Development/agentcore-public-stack#186).

use std::collections::BTreeMap;

use super::{AgentCoreControl, need};
use crate::agentcore_control::credential_provider::{
    GivenSecret, TOKEN_VAULT, given, managed_secret_name, provider_path,
};
use crate::iam::Requirement;
use crate::input::{required, text_map};
use crate::secrets_manager::SecretsManager;
use crate::service::Call;

impl AgentCoreControl {
    pub(super) fn to_create_provider(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let arn = self.arn(&provider_path(required(&call.input, "name")));
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
        needed
    }

    pub(super) fn to_update_provider(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = self.on_provider(call);
        needed.extend(to_keep_secret(call, secrets, &["DescribeSecret", "PutSecretValue", "UpdateSecret"]));
        needed
    }

    pub(super) fn to_delete_provider(&self, call: &Call, secrets: &SecretsManager) -> Vec<Requirement> {
        let mut needed = self.on_provider(call);
        let name = managed_secret_name(required(&call.input, "name"));
        if secrets.secret(&name).is_some() {
            needed.extend(secrets.to_manage(&name, &["DescribeSecret", "DeleteSecret"]));
        }
        needed
    }

    /// The provider and its vault are both evaluated.
    pub(super) fn on_provider(&self, call: &Call) -> Vec<Requirement> {
        let arn = self.arn(&provider_path(required(&call.input, "name")));
        let tags = self.credential_provider_by_arn(&arn, call.now).map(|provider| &provider.tags);
        let on_provider = need(call.operation, arn).with_tags("aws:ResourceTag", tags.unwrap_or(&BTreeMap::new()));
        vec![on_provider, need(call.operation, self.arn(TOKEN_VAULT))]
    }
}

/// A secret that breaks a rule is refused by the call itself.
fn to_keep_secret(call: &Call, secrets: &SecretsManager, manage: &[&str]) -> Vec<Requirement> {
    match given(&call.input).map(|(_, config)| GivenSecret::of(config)) {
        Some(Ok(GivenSecret::Value(_))) => {
            secrets.to_manage(&managed_secret_name(required(&call.input, "name")), manage)
        }
        Some(Ok(GivenSecret::Reference { secret_id, .. })) => {
            secrets.to_read(&secret_id, &["DescribeSecret", "GetSecretValue"], call)
        }
        _ => Vec::new(),
    }
}
