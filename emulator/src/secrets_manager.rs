//! Secrets Manager: secrets, their versions and staging labels, and deletion with its recovery window.
//!
//! A `SecretId` is a name, a complete ARN or a partial one (without the suffix of a hyphen and six characters). An ARN
//! that ends in a hyphen and six letters or digits always counts as complete. The partial ARN of a secret whose *name*
//! ends like this therefore finds no secret: AWS warns of this pitfall in `CreateSecret`.
//!
//! AgentCore keeps the client secrets of its credential providers here, under names that `CreateSecret` refuses.
//!
//! If AWS's behaviour is not documented, the stricter one is chosen: a value without `ClientRequestToken` is refused
//! (SDKs always send one), and a repeated token with the same value changes nothing, staging labels included.

mod access;
mod deletion;
mod errors;
mod labels;
mod managed;
mod read;
mod secret;
mod tags;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

pub use self::secret::{Deletion, Secret, SecretValue, Version};
use crate::event_bus::Event;
use crate::ids::alphanumeric;
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;

/// The state of Secrets Manager in one account and Region.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    settings: Settings,
    /// By name, including those that wait for their deletion.
    secrets: BTreeMap<String, Secret>,
    /// Secrets that are gone for good, oldest first.
    purged: Vec<Secret>,
    /// The number of secrets ever created; decides the next ARN suffix.
    created: u64,
    /// Events that were not published yet.
    events: Vec<Event>,
}

impl SecretsManager {
    /// Creates an account without secrets.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            secrets: BTreeMap::new(),
            purged: Vec::new(),
            created: 0,
            events: Vec::new(),
        }
    }

    /// Executes one validated and authorized call.
    pub(crate) fn call(&mut self, call: &Call) -> Answer {
        self.purge(call.now);
        let before = self.labels();
        let answer = self.execute(call);
        self.note_moves(&before);
        answer
    }

    fn execute(&mut self, call: &Call) -> Answer {
        match call.operation {
            "CreateSecret" => self.create_secret(call),
            "DescribeSecret" => self.describe_secret(call),
            "GetSecretValue" => self.get_secret_value(call),
            "PutSecretValue" => self.put_secret_value(call),
            "UpdateSecret" => self.update_secret(call),
            "UpdateSecretVersionStage" => self.update_secret_version_stage(call),
            "DeleteSecret" => self.delete_secret(call),
            "RestoreSecret" => self.restore_secret(call),
            "TagResource" => self.tag_resource(call),
            "UntagResource" => self.untag_resource(call),
            "ListSecrets" => self.list_secrets(call),
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the emulator's Secrets Manager has no operation `{other}`"),
            )),
        }
    }

    /// Returns the secret of this name, including one that waits for its deletion.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)
    }

    /// Returns every secret ordered by name, including those that wait for their deletion ([`Secret::deletion`] is set
    /// then).
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values()
    }

    /// Secrets that are gone for good, in the order in which calls found them gone.
    #[must_use]
    pub fn purged(&self) -> &[Secret] {
        &self.purged
    }

    /// Removes what has reached the end of its recovery window.
    fn purge(&mut self, now: SystemTime) {
        let gone: Vec<String> = self.secrets.values().filter(|s| s.gone(now)).map(|s| s.name.clone()).collect();
        self.purged.extend(gone.iter().filter_map(|name| self.secrets.remove(name)));
    }

    /// Finds the secret that a `SecretId` means; see the module's documentation for partial ARNs.
    pub(crate) fn find(&self, id: &str, now: SystemTime) -> Option<&Secret> {
        let name = match id.strip_prefix(&self.arn_prefix()) {
            None => id,
            Some(rest) if ends_like_a_suffix(rest) => &rest[..rest.len() - SUFFIX],
            Some(rest) => rest,
        };
        let secret = self.secrets.get(name).filter(|secret| !secret.gone(now))?;
        let complete = id.len() != name.len() && ends_like_a_suffix(id);
        (!complete || secret.arn == id).then_some(secret)
    }

    fn find_mut(&mut self, id: &str, now: SystemTime) -> Result<&mut Secret, ApiError> {
        let name = self.find(id, now).map(|secret| secret.name.clone());
        name.and_then(|name| self.secrets.get_mut(&name)).ok_or_else(errors::not_found)
    }

    /// Finds a secret as [`Self::find_mut`] does, for the operations that refuse a secret which waits for its deletion.
    fn find_live(&mut self, id: &str, now: SystemTime) -> Result<&mut Secret, ApiError> {
        let secret = self.find_mut(id, now)?;
        match &secret.deletion {
            None => Ok(secret),
            Some(deletion) => Err(errors::marked_for_deletion(deletion)),
        }
    }

    fn arn_prefix(&self) -> String {
        let Settings { partition, region, account_id, .. } = &self.settings;
        format!("arn:{partition}:secretsmanager:{region}:{account_id}:secret:")
    }

    /// Returns the ARN that the next secret gets if it has this name.
    fn next_arn(&self, name: &str) -> String {
        format!("{}{name}-{}", self.arn_prefix(), alphanumeric(&format!("secret {} {name}", self.created), 6))
    }
}

/// Bytes of a hyphen and six characters.
const SUFFIX: usize = 7;

fn ends_like_a_suffix(text: &str) -> bool {
    text.len() > SUFFIX
        && text.is_char_boundary(text.len() - SUFFIX)
        && text[text.len() - SUFFIX..]
            .strip_prefix('-')
            .is_some_and(|suffix| suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Returns the members that nearly every answer has.
fn identity(secret: &Secret) -> Value {
    json!({"ARN": secret.arn, "Name": secret.name})
}
