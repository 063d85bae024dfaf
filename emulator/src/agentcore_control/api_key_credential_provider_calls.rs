//! The calls of API key credential providers: `CreateApiKeyCredentialProvider`, `GetApiKeyCredentialProvider`,
//! `UpdateApiKeyCredentialProvider`, `DeleteApiKeyCredentialProvider`, `ListApiKeyCredentialProviders`.

use serde_json::{Value, json};

use super::api_key_credential_provider::{ApiKeyProvider, api_key_provider_path};
use super::errors::quota;
use super::provider_secret::{API_KEY, GivenSecret};
use super::rules;
use super::state::{AgentCoreControl, Dependencies};
use crate::input::{others, required, text_map};
use crate::service::{Answer, Call, timestamp};

/// API key credential providers of one account [DG bedrock-agentcore-limits].
const MAX_PROVIDERS: usize = 50;
/// The largest page of a list, and the usual one. Taken from the OAuth2 providers' list.
const PAGE: usize = 20;
/// The members of a create or an update that are kept apart.
const KNOWN: [&str; 5] = ["apiKey", "apiKeySecretConfig", "apiKeySecretSource", "name", "tags"];

impl AgentCoreControl {
    /// Knows no client token: a call repeated finds the name taken.
    pub(super) fn create_api_key_provider(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        let name = required(&call.input, "name");
        if self.api_key_providers.find(name).is_ok() {
            return Err(self.name_taken.error(format!("Credential provider with name: {name} already exists")));
        }
        let given = GivenSecret::of(&call.input, &API_KEY)?;
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        if self.api_key_providers.len() >= MAX_PROVIDERS {
            return Err(quota(format!("The account has {MAX_PROVIDERS} API key credential providers already.")));
        }
        let secret = given.store(&API_KEY, name, dependencies.secrets, call.now)?;
        let provider = ApiKeyProvider {
            name: name.to_owned(),
            arn: self.arn(&api_key_provider_path(name)),
            tags,
            secret,
            created: call.now,
            updated: call.now,
            others: others(&call.input, &KNOWN),
            sequence: self.next_number(),
        };
        self.token_vault = true;
        let answer = outlined(&provider);
        self.api_key_providers.add(provider);
        Ok(answer)
    }

    pub(super) fn get_api_key_provider(&self, call: &Call) -> Answer {
        self.api_key_providers.find(required(&call.input, "name")).map(described)
    }

    /// Replaces the whole configuration: a managed key has to come with every update, as an OAuth2 provider's client
    /// secret has to.
    pub(super) fn update_api_key_provider(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        let given = GivenSecret::of(&call.input, &API_KEY)?;
        let provider = self.api_key_providers.find_mut(required(&call.input, "name"))?;
        given.may_replace(&provider.secret)?;
        provider.secret = given.store(&API_KEY, &provider.name, dependencies.secrets, call.now)?;
        provider.others = others(&call.input, &KNOWN);
        provider.updated = call.now;
        Ok(described(provider))
    }

    pub(super) fn delete_api_key_provider(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        let provider = self.api_key_providers.find_mut(required(&call.input, "name"))?;
        provider.secret.remove(dependencies.secrets, call.now);
        let sequence = provider.sequence;
        self.api_key_providers.remove(|provider| (provider.sequence == sequence).then_some(call.now));
        Ok(json!({}))
    }

    pub(super) fn list_api_key_providers(&self, call: &Call) -> Answer {
        let entry = |provider: &ApiKeyProvider| {
            json!({
                "name": provider.name,
                "credentialProviderArn": provider.arn,
                "createdTime": timestamp(provider.created),
                "lastUpdatedTime": timestamp(provider.updated),
            })
        };
        let entries = self.api_key_providers.listed(self.settings.list_lag, call.now, entry);
        self.page_of(PAGE, entries, "credentialProviders", &call.input)
    }
}

/// Returns the answer to a create.
fn outlined(provider: &ApiKeyProvider) -> Value {
    json!({
        "name": provider.name,
        "credentialProviderArn": provider.arn,
        "apiKeySecretArn": {"secretArn": provider.secret.secret_arn()},
        "apiKeySecretJsonKey": provider.secret.json_key(),
        "apiKeySecretSource": provider.secret.source(),
    })
}

/// Returns the answer to a get or an update.
fn described(provider: &ApiKeyProvider) -> Value {
    let mut answer = outlined(provider);
    answer["createdTime"] = timestamp(provider.created);
    answer["lastUpdatedTime"] = timestamp(provider.updated);
    for (name, value) in &provider.others {
        answer[name] = value.clone();
    }
    answer
}
