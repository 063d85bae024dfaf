//! `CreateSecret`, `PutSecretValue`, `UpdateSecret`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::secret::{CURRENT, Secret, SecretValue};
use super::tags::tags_of;
use super::{SecretsManager, errors, identity};
use crate::input::{required, text, texts};
use crate::service::{Answer, ApiError, Call};

/// Bytes of a value, whatever it holds.
const MAX_VALUE: usize = 65_536;

impl SecretsManager {
    pub(super) fn create_secret(&mut self, call: &Call) -> Answer {
        let name = required(&call.input, "Name");
        check_name(name)?;
        let value = value_of(&call.input)?;
        let token = token_of(&call.input, value.is_some())?;
        let tags = tags_of(&call.input)?;
        if let Some(existing) = self.secrets.get(name) {
            return repeated_create(existing, token, value.as_ref());
        }
        let mut secret = Secret {
            arn: self.next_arn(name),
            name: name.to_owned(),
            description: text(&call.input, "Description").filter(|text| !text.is_empty()).map(str::to_owned),
            kms_key_id: text(&call.input, "KmsKeyId").filter(|key| !key.is_empty()).map(str::to_owned),
            tags,
            created: call.now,
            changed: call.now,
            versions: Vec::new(),
            deletion: None,
        };
        let mut answer = identity(&secret);
        if let Some(value) = value {
            answer["VersionId"] = json!(token);
            secret.add_version(token, value, BTreeSet::new(), call.now);
        }
        self.created += 1;
        self.secrets.insert(name.to_owned(), secret);
        Ok(answer)
    }

    pub(super) fn put_secret_value(&mut self, call: &Call) -> Answer {
        let value = value_of(&call.input)?;
        let secret = self.find_live(required(&call.input, "SecretId"), call.now)?;
        let value =
            value.ok_or_else(|| errors::invalid_request("You must provide either SecretString or SecretBinary."))?;
        let token = token_of(&call.input, true)?;
        match secret.version(token) {
            Some(version) if version.value == value => {}
            Some(_) => return Err(token_in_use(secret, token)),
            None => {
                if !secret.make_room(call.now) {
                    return Err(errors::too_many_versions());
                }
                let mut stages: BTreeSet<String> = texts(&call.input, "VersionStages").into_iter().collect();
                if stages.is_empty() {
                    stages.insert(CURRENT.to_owned());
                }
                secret.add_version(token, value, stages, call.now);
            }
        }
        let mut answer = identity(secret);
        answer["VersionId"] = json!(token);
        answer["VersionStages"] = json!(secret.version(token).map(|version| &version.stages));
        Ok(answer)
    }

    pub(super) fn update_secret(&mut self, call: &Call) -> Answer {
        let value = value_of(&call.input)?;
        let secret = self.find_live(required(&call.input, "SecretId"), call.now)?;
        let token = token_of(&call.input, value.is_some())?;
        // Even with the same value: this operation always creates a new version [SMAPI UpdateSecret].
        if secret.version(token).is_some() {
            return Err(token_in_use(secret, token));
        }
        if value.is_some() && !secret.make_room(call.now) {
            return Err(errors::too_many_versions());
        }
        if let Some(description) = text(&call.input, "Description") {
            secret.description = Some(description.to_owned()).filter(|text| !text.is_empty());
        }
        if let Some(key) = text(&call.input, "KmsKeyId") {
            secret.kms_key_id = Some(key.to_owned()).filter(|key| !key.is_empty());
        }
        secret.changed = call.now;
        let mut answer = identity(secret);
        if let Some(value) = value {
            secret.add_version(token, value, BTreeSet::from([CURRENT.to_owned()]), call.now);
            answer["VersionId"] = json!(token);
        }
        Ok(answer)
    }
}

/// Answers a create for a name that is taken: it succeeds only as the repetition of the call that created the secret.
fn repeated_create(existing: &Secret, token: &str, value: Option<&SecretValue>) -> Answer {
    if existing.deletion.is_some() {
        return Err(errors::invalid_request(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ));
    }
    match (existing.version(token), value) {
        (Some(version), Some(value)) if version.value == *value => {
            let mut answer = identity(existing);
            answer["VersionId"] = json!(token);
            Ok(answer)
        }
        (Some(_), Some(_)) => Err(token_in_use(existing, token)),
        _ => Err(errors::exists(format!("The operation failed because the secret {} already exists.", existing.name))),
    }
}

fn token_in_use(secret: &Secret, token: &str) -> ApiError {
    errors::exists(format!(
        "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
        secret.arn
    ))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte)) {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

fn value_of(input: &Map<String, Value>) -> Result<Option<SecretValue>, ApiError> {
    let value = match (text(input, "SecretString"), text(input, "SecretBinary")) {
        (Some(_), Some(_)) => {
            return Err(errors::invalid_parameter(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            ));
        }
        (Some(text), None) => SecretValue::Text(text.to_owned()),
        (None, Some(base64)) => SecretValue::Binary(base64.to_owned()),
        (None, None) => return Ok(None),
    };
    let bytes = match &value {
        SecretValue::Text(text) => text.len(),
        SecretValue::Binary(base64) => base64.trim_end_matches('=').len() * 3 / 4,
    };
    if bytes > MAX_VALUE {
        return Err(errors::invalid_parameter(format!("The secret value can't be longer than {MAX_VALUE} bytes.")));
    }
    Ok(Some(value))
}

fn token_of(input: &Map<String, Value>, needed: bool) -> Result<&str, ApiError> {
    match text(input, "ClientRequestToken") {
        Some(token) => Ok(token),
        None if needed => {
            Err(errors::invalid_request("You must provide a ClientRequestToken value. We recommend a UUID-type value."))
        }
        None => Ok(""),
    }
}
