//! `TagResource`, `UntagResource`, and the rules that tags follow.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{SecretsManager, errors};
use crate::input::{required, text, texts};
use crate::service::{Answer, ApiError, Call};
use crate::tags::{self, MAX_TAGS};

impl SecretsManager {
    pub(super) fn tag_resource(&mut self, call: &Call) -> Answer {
        let added = tags_of(&call.input)?;
        let secret = self.find_live(required(&call.input, "SecretId"), call.now)?;
        let mut tags = secret.tags.clone();
        tags.extend(added);
        check_count(&tags)?;
        secret.tags = tags;
        secret.changed = call.now;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, call: &Call) -> Answer {
        let secret = self.find_live(required(&call.input, "SecretId"), call.now)?;
        for key in texts(&call.input, "TagKeys") {
            secret.tags.remove(&key);
        }
        secret.changed = call.now;
        Ok(json!({}))
    }
}

/// Reads and checks the `Tags` member.
pub(super) fn tags_of(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in input.get("Tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        let key = text(tag, "Key").unwrap_or_default();
        if tags.insert(key.to_owned(), text(tag, "Value").unwrap_or_default().to_owned()).is_some() {
            return Err(errors::invalid_parameter(format!("The tag key {key} appears more than once.")));
        }
    }
    if let Some(key) = tags::reserved(&tags) {
        return Err(errors::invalid_parameter(format!("The tag key {key} is reserved: it starts with aws:.")));
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(errors::invalid_parameter(format!("A secret can have at most {MAX_TAGS} tags.")));
    }
    Ok(())
}

/// Tags as the service writes them: a list of keys and values.
pub(super) fn listed(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
