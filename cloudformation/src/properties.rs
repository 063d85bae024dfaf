//! Property values on their way to a resource.

use serde_json::{Map, Value};

/// Converts every scalar to text, inside lists and maps too, as a custom resource receives them.
pub(crate) fn stringify(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(stringify_members(members)),
        Value::Array(items) => items.iter().map(stringify).collect(),
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::String(_) | Value::Null => value.clone(),
    }
}

/// Converts the members of an object as [`stringify`] does.
pub(crate) fn stringify_members(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().map(|(key, member)| (key.clone(), stringify(member))).collect()
}

/// Returns true if the value contains a dynamic reference to `service` anywhere.
pub(crate) fn has_dynamic_reference(value: &Value, service: &str) -> bool {
    match value {
        Value::String(text) => text.contains(&format!("{{{{resolve:{service}")),
        Value::Array(items) => items.iter().any(|item| has_dynamic_reference(item, service)),
        Value::Object(members) => members.values().any(|member| has_dynamic_reference(member, service)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_become_text_at_every_depth() {
        let value = json!({"a": true, "b": [8443, {"c": 1.5}], "d": "x"});
        assert_eq!(stringify(&value), json!({"a": "true", "b": ["8443", {"c": "1.5"}], "d": "x"}));
    }

    #[test]
    fn dynamic_references_are_found_at_every_depth() {
        let value = json!({"a": ["x{{resolve:secretsmanager:s:SecretString:k}}"]});
        assert!(has_dynamic_reference(&value, "secretsmanager"));
        assert!(has_dynamic_reference(&value, ""));
        assert!(!has_dynamic_reference(&value, "ssm"));
    }
}
