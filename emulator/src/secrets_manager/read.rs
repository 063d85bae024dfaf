//! `DescribeSecret`, `GetSecretValue`, `ListSecrets`.

use serde_json::{Map, Value, json};

use super::secret::{CURRENT, Secret, SecretValue};
use super::tags::listed;
use super::{SecretsManager, errors, identity};
use crate::input::{count, required, text, texts};
use crate::service::{Answer, ApiError, Call, timestamp};

/// Secrets on a page when the caller does not say.
const PAGE: usize = 100;

impl SecretsManager {
    /// Works on a secret that waits for its deletion too: its `DeletedDate` is how a caller learns of it.
    pub(super) fn describe_secret(&self, call: &Call) -> Answer {
        let secret = self.find(required(&call.input, "SecretId"), call.now).ok_or_else(errors::not_found)?;
        Ok(described(secret, "VersionIdsToStages"))
    }

    pub(super) fn get_secret_value(&mut self, call: &Call) -> Answer {
        let secret = self.find_live(required(&call.input, "SecretId"), call.now)?;
        let id = text(&call.input, "VersionId");
        let stage = text(&call.input, "VersionStage");
        let version = match (id, stage) {
            (Some(id), _) => secret.version(id),
            (None, stage) => secret.staged(stage.unwrap_or(CURRENT)),
        };
        let version = version.ok_or_else(|| {
            let wanted = id.map_or_else(
                || format!("staging label: {}", stage.unwrap_or(CURRENT)),
                |id| format!("VersionId: {id}"),
            );
            errors::resource_not_found(format!("Secrets Manager can't find the specified secret value for {wanted}"))
        })?;
        if stage.is_some_and(|stage| !version.stages.contains(stage)) {
            return Err(errors::invalid_request(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        let mut answer = identity(secret);
        answer["VersionId"] = json!(version.id);
        answer["CreatedDate"] = timestamp(version.created);
        if !version.stages.is_empty() {
            answer["VersionStages"] = json!(version.stages);
        }
        match &version.value {
            SecretValue::Text(text) => answer["SecretString"] = json!(text),
            SecretValue::Binary(base64) => answer["SecretBinary"] = json!(base64),
        }
        Ok(answer)
    }

    pub(super) fn list_secrets(&self, call: &Call) -> Answer {
        let planned = call.input.get("IncludePlannedDeletion").and_then(Value::as_bool).unwrap_or(false);
        let mut found: Vec<&Secret> = self
            .secrets
            .values()
            .filter(|s| planned || s.deletion.is_none())
            .filter(|s| passes(s, &call.input))
            .collect();
        match text(&call.input, "SortBy") {
            Some("name") => {}
            Some("last-changed-date") => found.sort_by_key(|secret| secret.changed),
            _ => found.sort_by_key(|secret| secret.created),
        }
        if text(&call.input, "SortOrder") == Some("desc") {
            found.reverse();
        }
        let start = match text(&call.input, "NextToken") {
            None => 0,
            Some(token) => 1 + found.iter().position(|secret| secret.name == token).ok_or_else(invalid_token)?,
        };
        let page = count(&call.input, "MaxResults").unwrap_or(PAGE);
        let end = found.len().min(start + page);
        let entries: Value = found[start..end].iter().map(|s| described(s, "SecretVersionsToStages")).collect();
        let mut answer = json!({"SecretList": entries});
        if end < found.len() {
            answer["NextToken"] = json!(found[end - 1].name);
        }
        Ok(answer)
    }
}

fn invalid_token() -> ApiError {
    ApiError::new(400, "InvalidNextTokenException", "Invalid NextToken parameter.")
}

fn described(secret: &Secret, versions: &str) -> Value {
    let mut answer = identity(secret);
    answer["CreatedDate"] = timestamp(secret.created);
    answer["LastChangedDate"] = timestamp(secret.changed);
    if let Some(description) = &secret.description {
        answer["Description"] = json!(description);
    }
    if let Some(key) = &secret.kms_key_id {
        answer["KmsKeyId"] = json!(key);
    }
    if !secret.tags.is_empty() {
        answer["Tags"] = listed(&secret.tags);
    }
    if let Some(deletion) = &secret.deletion {
        answer["DeletedDate"] = timestamp(deletion.date);
    }
    // Deprecated versions, those without a label, are not shown.
    let staged = secret.versions.iter().filter(|version| !version.stages.is_empty());
    let staged: Map<String, Value> = staged.map(|version| (version.id.clone(), json!(version.stages))).collect();
    if !staged.is_empty() {
        answer[versions] = Value::Object(staged);
    }
    answer
}

/// Returns true if the secret passes every filter; within one filter, one of its values must pass. Values are prefixes,
/// `!` negates.
fn passes(secret: &Secret, input: &Map<String, Value>) -> bool {
    let filters = input.get("Filters").and_then(Value::as_array).into_iter().flatten();
    filters.filter_map(Value::as_object).all(|filter| {
        let texts_of: Vec<&str> = match text(filter, "Key").unwrap_or_default() {
            "name" => vec![&secret.name],
            "description" => secret.description.as_deref().into_iter().collect(),
            "tag-key" => secret.tags.keys().map(String::as_str).collect(),
            "tag-value" => secret.tags.values().map(String::as_str).collect(),
            "all" => [secret.name.as_str()]
                .into_iter()
                .chain(secret.description.as_deref())
                .chain(secret.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]))
                .collect(),
            _ => Vec::new(),
        };
        texts(filter, "Values").iter().any(|value| match value.strip_prefix('!') {
            Some(unwanted) => !texts_of.iter().any(|text| text.starts_with(unwanted)),
            None => texts_of.iter().any(|text| text.starts_with(value.as_str())),
        })
    })
}
