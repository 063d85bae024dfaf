//! `CreateOauth2CredentialProvider`, `GetOauth2CredentialProvider`, `UpdateOauth2CredentialProvider`,
//! `DeleteOauth2CredentialProvider`, `ListOauth2CredentialProviders`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::errors::{invalid, quota};
use super::oauth2_credential_provider::{CredentialProvider, provider_path};
use super::oauth2_credential_provider_configuration::Configuration;
use super::provider_secret::CLIENT_SECRET;
use super::rules;
use super::shelf::Resource as _;
use super::state::{AgentCoreControl, Dependencies};
use super::status::Transition;
use crate::ids::uuid;
use crate::input::{required, text_map};
use crate::service::{Answer, ApiError, Call, Outcome, timestamp};

/// OAuth2 credential providers of one account [DG bedrock-agentcore-limits].
const MAX_PROVIDERS: usize = 50;
/// The largest page of a list, and the usual one.
const PAGE: usize = 20;

impl AgentCoreControl {
    /// Knows no client token: a call repeated finds the name taken.
    pub(super) fn create_credential_provider(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        let name = required(&call.input, "name");
        if self.credential_providers.find(name).is_ok() {
            return Err(self.name_taken.error(format!("Credential provider with name: {name} already exists")));
        }
        let given = Configuration::of(&call.input, Self::check_provider_url)?;
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        if self.credential_providers.len() >= MAX_PROVIDERS {
            return Err(quota(format!("The account has {MAX_PROVIDERS} OAuth2 credential providers already.")));
        }
        let secret = given.secret.store(&CLIENT_SECRET, name, dependencies.secrets, call.now)?;
        let number = self.next_number();
        let arn = self.arn(&provider_path(name));
        let provider = CredentialProvider {
            name: name.to_owned(),
            vendor: required(&call.input, "credentialProviderVendor").to_owned(),
            tags,
            client_id: given.client_id,
            discovery: given.discovery,
            client_authentication: given.client_authentication,
            secret,
            callback_url: format!(
                "https://bedrock-agentcore.{}.{}/identities/oauth2/callback/{}",
                self.settings.region,
                self.settings.dns_suffix,
                uuid(&format!("{arn} {number}"))
            ),
            arn,
            created: call.now,
            updated: call.now,
            shown: given.shown,
            others: given.others,
            transition: Transition::create(&call.outcome, call.now, self.settings.provider_transition),
            sequence: number,
        };
        self.token_vault = true;
        let answer = outlined(&provider, call.now);
        self.credential_providers.add(provider);
        Ok(answer)
    }

    pub(super) fn get_credential_provider(&self, call: &Call) -> Answer {
        let provider = self.credential_providers.find(required(&call.input, "name"))?;
        let mut answer = described(provider, call.now);
        if let Some(reason) = provider.transition.failure(call.now) {
            answer["failureReason"] = json!(reason);
        }
        Ok(answer)
    }

    /// Replaces the whole configuration, with the secret: a managed one has to come with every update. It is not known
    /// if AWS would keep it.
    pub(super) fn update_credential_provider(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        let given = Configuration::of(&call.input, Self::check_provider_url)?;
        let name = required(&call.input, "name");
        let provider = self.credential_providers.find(name)?;
        check_idle(provider, "updated", call.now)?;
        if provider.vendor != required(&call.input, "credentialProviderVendor") {
            return Err(invalid("The vendor of an existing credential provider cannot be changed."));
        }
        given.secret.may_replace(&provider.secret)?;
        let secret = given.secret.store(&CLIENT_SECRET, name, dependencies.secrets, call.now)?;
        let transition = Transition::update(&call.outcome, call.now, self.settings.provider_transition);
        let provider = self.credential_providers.find_mut(name)?;
        provider.client_id = given.client_id;
        provider.discovery = given.discovery;
        provider.client_authentication = given.client_authentication;
        provider.secret = secret;
        provider.shown = given.shown;
        provider.others = given.others;
        provider.updated = call.now;
        provider.transition = transition;
        Ok(described(provider, call.now))
    }

    pub(super) fn delete_credential_provider(&mut self, call: &Call, dependencies: &mut Dependencies<'_>) -> Answer {
        let transition = Transition::delete(&call.outcome, call.now, self.settings.provider_transition);
        let provider = self.credential_providers.find_mut(required(&call.input, "name"))?;
        check_idle(provider, "deleted", call.now)?;
        if !matches!(call.outcome, Outcome::Failed(_)) {
            provider.secret.remove(dependencies.secrets, call.now);
        }
        provider.transition = transition;
        Ok(json!({}))
    }

    pub(super) fn list_credential_providers(&self, call: &Call) -> Answer {
        let entry = |provider: &CredentialProvider| {
            json!({
                "name": provider.name,
                "credentialProviderVendor": provider.vendor,
                "credentialProviderArn": provider.arn,
                "createdTime": timestamp(provider.created),
                "lastUpdatedTime": timestamp(provider.updated),
            })
        };
        let entries = self.credential_providers.listed(self.settings.list_lag, call.now, entry);
        self.page_of(PAGE, entries, "credentialProviders", &call.input)
    }
}

fn check_idle(provider: &CredentialProvider, what: &str, now: SystemTime) -> Result<(), ApiError> {
    let status = provider.status(now);
    if status.is_transitional() { Err(provider.busy(what, status)) } else { Ok(()) }
}

/// Returns the answer to a create.
fn outlined(provider: &CredentialProvider, now: SystemTime) -> Value {
    json!({
        "name": provider.name,
        "credentialProviderArn": provider.arn,
        "clientSecretArn": {"secretArn": provider.secret.secret_arn()},
        "clientSecretJsonKey": provider.secret.json_key(),
        "clientSecretSource": provider.secret.source(),
        "callbackUrl": provider.callback_url,
        "oauth2ProviderConfigOutput": provider.shown,
        "status": provider.status(now).as_str(),
    })
}

/// Returns the answer to a get or an update.
fn described(provider: &CredentialProvider, now: SystemTime) -> Value {
    let mut answer = outlined(provider, now);
    answer["credentialProviderVendor"] = json!(provider.vendor);
    answer["createdTime"] = timestamp(provider.created);
    answer["lastUpdatedTime"] = timestamp(provider.updated);
    for (name, value) in &provider.others {
        answer[name] = value.clone();
    }
    answer
}
