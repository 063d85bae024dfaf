//! Validation of a value against its shape, worded as AWS words it.
//!
//! Stricter than AWS in two ways, on purpose: an unknown member is refused (AWS ignores it; here it is a typo), and a
//! pattern has to match the whole value.

use std::fmt::Write as _;

use aws_smithy_types::date_time::Format;
use aws_smithy_types::{DateTime, base64};
use serde_json::{Map as Object, Value};

use super::shapes::{Model, Range, Shape, Structure, Text, TimestampFormat};

/// One reason why a value does not fit its shape. Never holds the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the member: `networkConfiguration.networkModeConfig.subnets.1`, counted from one as AWS does.
    pub path: String,
    /// The constraint that it breaks: `Member must not be null`.
    pub constraint: String,
}

impl Violation {
    /// Returns the message of the exception AWS answers with.
    #[must_use]
    pub fn message(violations: &[Self]) -> String {
        let count = violations.len();
        let mut text = format!("{count} validation error{} detected:", if count == 1 { "" } else { "s" });
        for (index, Self { path, constraint }) in violations.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            let _ = write!(text, "{separator} Value at '{path}' failed to satisfy constraint: {constraint}");
        }
        text
    }
}

impl Model {
    /// Returns every violation of `shape` by `value`. `null` members count as absent.
    #[must_use]
    pub fn validate(&self, shape: &str, value: &Value) -> Vec<Violation> {
        let mut check = Check { model: self, violations: Vec::new() };
        check.value(shape, value, "");
        check.violations
    }

    /// Validates the members of a structure.
    #[must_use]
    pub(crate) fn validate_members(&self, shape: &str, members: &Object<String, Value>) -> Vec<Violation> {
        let mut check = Check { model: self, violations: Vec::new() };
        check.structure(self.structure(shape), members, "");
        check.violations
    }
}

/// At least and at most, both inclusive.
type Bounds = (Option<i64>, Option<i64>);

struct Check<'m> {
    model: &'m Model,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn refuse(&mut self, path: &str, constraint: impl Into<String>) {
        self.violations.push(Violation { path: path.to_owned(), constraint: constraint.into() });
    }

    fn value(&mut self, shape: &str, value: &Value, path: &str) {
        let model = self.model;
        match (model.shape(shape), value) {
            (Shape::Structure(structure), Value::Object(members)) => self.structure(structure, members, path),
            (Shape::List(list), Value::Array(elements)) => {
                self.length((list.min, list.max), elements.len(), path);
                for (index, element) in elements.iter().enumerate() {
                    self.value(&list.member, element, &join(path, &(index + 1).to_string()));
                }
            }
            (Shape::Map(map), Value::Object(entries)) => {
                self.length((map.min, map.max), entries.len(), path);
                for (key, value) in entries {
                    self.value(&map.key, &Value::from(key.as_str()), &join(path, "key"));
                    // The keys of a sensitive map are as sensitive as its values.
                    self.value(&map.value, value, &join(path, if map.sensitive { "value" } else { key }));
                }
            }
            (Shape::String(text), Value::String(value)) => self.text(text, value, path),
            (Shape::Blob(text), Value::String(value)) => match base64::decode(value) {
                Ok(bytes) => self.length((text.min, text.max), bytes.len(), path),
                Err(_) => self.refuse(path, "Member must be base64"),
            },
            (Shape::Integer(range), Value::Number(number)) => {
                self.number(range, number.as_i64().filter(|number| i32::try_from(*number).is_ok()), path);
            }
            (Shape::Long(range), Value::Number(number)) => self.number(range, number.as_i64(), path),
            (Shape::Boolean {}, Value::Bool(_)) | (Shape::Document {}, _) => {}
            (Shape::Timestamp(timestamp), value) => {
                let fits = match timestamp.timestamp_format {
                    TimestampFormat::UnixTimestamp => value.is_number(),
                    TimestampFormat::Iso8601 => {
                        value.as_str().is_some_and(|text| DateTime::from_str(text, Format::DateTime).is_ok())
                    }
                };
                if !fits {
                    self.refuse(
                        path,
                        format!("Member must be a timestamp in the format {:?}", timestamp.timestamp_format),
                    );
                }
            }
            (Shape::Structure(_) | Shape::Map(_), _) => self.refuse(path, "Member must be an object"),
            (Shape::List(_), _) => self.refuse(path, "Member must be a list"),
            (Shape::String(_) | Shape::Blob(_), _) => self.refuse(path, "Member must be a string"),
            (Shape::Integer(_) | Shape::Long(_), _) => self.refuse(path, "Member must be a whole number"),
            (Shape::Boolean {}, _) => self.refuse(path, "Member must be a boolean"),
        }
    }

    fn structure(&mut self, structure: &Structure, members: &Object<String, Value>, path: &str) {
        let present = |name: &String| members.get(name).is_some_and(|value| !value.is_null());
        for name in structure.required.iter().filter(|name| !present(name)) {
            self.refuse(&join(path, name), "Member must not be null");
        }
        if structure.union && members.values().filter(|value| !value.is_null()).count() != 1 {
            self.refuse(path, "Member must have exactly one of its alternatives set");
        }
        for (name, value) in members {
            match structure.members.get(name) {
                Some(_) if value.is_null() => {}
                Some(member) => self.value(&member.shape, value, &join(path, name)),
                None => self.refuse(&join(path, name), "Member must be one that the service model has"),
            }
        }
    }

    fn text(&mut self, text: &Text, value: &str, path: &str) {
        // Characters, not bytes: Smithy counts Unicode scalar values.
        self.length((text.min, text.max), value.chars().count(), path);
        if let Some(pattern) = text.pattern.as_ref().filter(|pattern| !pattern.matches(value)) {
            self.refuse(path, format!("Member must satisfy regular expression pattern: {}", pattern.text));
        }
        if !text.values.is_empty() && !text.values.iter().any(|known| known == value) {
            self.refuse(path, format!("Member must satisfy enum value set: [{}]", text.values.join(", ")));
        }
    }

    fn number(&mut self, range: &Range, number: Option<i64>, path: &str) {
        match number {
            Some(number) => self.bounds((range.min, range.max), number, path, "value"),
            None => self.refuse(path, "Member must be a whole number"),
        }
    }

    fn length(&mut self, bounds: Bounds, length: usize, path: &str) {
        self.bounds(bounds, i64::try_from(length).unwrap_or(i64::MAX), path, "length");
    }

    fn bounds(&mut self, (min, max): Bounds, number: i64, path: &str, what: &str) {
        if let Some(min) = min.filter(|min| number < *min) {
            self.refuse(path, format!("Member must have {what} greater than or equal to {min}"));
        }
        if let Some(max) = max.filter(|max| number > *max) {
            self.refuse(path, format!("Member must have {what} less than or equal to {max}"));
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::ServiceId;

    fn runtime(change: impl FnOnce(&mut Value)) -> Vec<Violation> {
        let mut input = json!({
            "agentRuntimeName": "weather",
            "agentRuntimeArtifact": {"containerConfiguration": {
                "containerUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/weather:1"}},
            "roleArn": "arn:aws:iam::111122223333:role/weather",
            "networkConfiguration": {"networkMode": "PUBLIC"},
        });
        change(&mut input);
        Model::of(ServiceId::AgentCoreControl).validate("CreateAgentRuntimeRequest", &input)
    }

    fn refused(change: impl FnOnce(&mut Value), path: &str, constraint: &str) {
        let violations = runtime(change);
        assert!(
            violations.iter().any(|violation| violation.path == path && violation.constraint.contains(constraint)),
            "{path} should be refused with `{constraint}`: {violations:?}"
        );
    }

    #[test]
    fn a_valid_input_passes() {
        assert_eq!(runtime(|_| ()), []);
        assert_eq!(runtime(|input| input["description"] = Value::Null), [], "null is absent");
    }

    #[test]
    fn each_kind_of_constraint_refuses() {
        refused(|input| drop(input.as_object_mut().map(|it| it.remove("roleArn"))), "roleArn", "must not be null");
        refused(|input| input["roleArn"] = Value::Null, "roleArn", "must not be null");
        refused(|input| input["roleArn"] = json!(7), "roleArn", "must be a string");
        refused(|input| input["roleArn"] = json!("x"), "roleArn", "regular expression pattern: arn:aws");
        refused(|input| input["agentRuntimeName"] = json!("a-b"), "agentRuntimeName", "regular expression pattern");
        refused(|input| input["agentRuntimeName"] = json!("ok\n"), "agentRuntimeName", "regular expression pattern");
        refused(|input| input["description"] = json!(""), "description", "length greater than or equal to 1");
        refused(|input| input["description"] = json!("x".repeat(4097)), "description", "less than or equal to 4096");
        refused(
            |input| input["networkConfiguration"]["networkMode"] = json!("PRIVATE"),
            "networkConfiguration.networkMode",
            "enum value set: [PUBLIC, VPC]",
        );
        refused(
            |input| input["lifecycleConfiguration"] = json!({"maxLifetime": 59}),
            "lifecycleConfiguration.maxLifetime",
            "value greater than or equal to 60",
        );
        refused(
            |input| input["lifecycleConfiguration"] = json!({"maxLifetime": 60.5}),
            "lifecycleConfiguration.maxLifetime",
            "whole number",
        );
        refused(|input| input["agentRuntimeArtifact"] = json!({}), "agentRuntimeArtifact", "exactly one");
        refused(|input| input["agentRuntimename"] = json!("x"), "agentRuntimename", "the service model has");
        refused(
            |input| input["requestHeaderConfiguration"] = json!({"requestHeaderAllowlist": ["ok", "not ok"]}),
            "requestHeaderConfiguration.requestHeaderAllowlist.2",
            "pattern",
        );
        refused(|input| input["tags"] = json!({"é": "v"}), "tags.key", "pattern");
        refused(|input| input["tags"] = json!({"a\u{a0}b": "v"}), "tags.key", "pattern");
    }

    #[test]
    fn lists_maps_and_blobs_are_measured() {
        let many: Object<String, Value> = (0..51).map(|index| (format!("k{index}"), json!("v"))).collect();
        refused(|input| input["tags"] = Value::Object(many), "tags", "length less than or equal to 50");
        refused(|input| input["allowedPorts"] = json!([]), "allowedPorts", "length greater than or equal to 1");
        let model = Model::of(ServiceId::SecretsManager);
        let wrong = model.validate("CreateSecretRequest", &json!({"Name": "n", "SecretBinary": ""}));
        assert_eq!(wrong[0].constraint, "Member must have length greater than or equal to 1");
        let wrong = model.validate("CreateSecretRequest", &json!({"Name": "n", "SecretBinary": "*"}));
        assert_eq!(wrong[0].constraint, "Member must be base64");
    }

    #[test]
    fn a_document_is_any_json() {
        let model = Model::of(ServiceId::AgentCoreControl);
        for value in [json!({"a": [1, null]}), json!("text"), json!(7)] {
            assert_eq!(model.validate("Document", &value), []);
        }
    }

    #[test]
    fn timestamps_have_the_format_of_their_service() {
        let secret = |date: Value| {
            let answer = json!({"CreatedDate": date});
            Model::of(ServiceId::SecretsManager).validate("DescribeSecretResponse", &answer).len()
        };
        assert_eq!((secret(json!(1.5)), secret(json!("2026-09-01T00:00:00Z"))), (0, 1));
        let runtime = |date: Value| {
            let id = "a-abcdefghij";
            let arn = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/{id}");
            let answer = json!({"agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeVersion": "1",
                "status": "CREATING", "createdAt": date});
            Model::of(ServiceId::AgentCoreControl).validate("CreateAgentRuntimeResponse", &answer).len()
        };
        assert_eq!((runtime(json!(1.5)), runtime(json!("2026-09-01T00:00:00Z"))), (1, 0));
    }

    #[test]
    fn the_message_is_worded_as_aws_words_it_and_shows_no_value() {
        let violations = runtime(|input| {
            input["agentRuntimeName"] = json!("my-secret");
            input["environmentVariables"] = json!({"TOKEN": 5, "x".repeat(101): "hunter2"});
        });
        let message = Violation::message(&violations);
        assert!(message.starts_with(
            "3 validation errors detected: Value at 'agentRuntimeName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9_]{0,47}; Value at"
        ));
        for secret in ["my-secret", "TOKEN", "hunter2", "xxxx"] {
            assert!(!message.contains(secret), "{message}");
        }
    }

    #[test]
    fn the_tables_are_closed() {
        for service in ServiceId::ALL {
            let model = Model::of(service);
            for operation in model.operations.values() {
                for name in [&operation.input].into_iter().chain(&operation.output).chain(&operation.errors) {
                    let _ = model.structure(name);
                }
            }
            let closed = |name: &String| assert!(model.shapes.contains_key(name), "{name} is missing");
            for shape in model.shapes.values() {
                match shape {
                    Shape::Structure(it) => it.members.values().for_each(|member| closed(&member.shape)),
                    Shape::List(it) => closed(&it.member),
                    Shape::Map(it) => [&it.key, &it.value].into_iter().for_each(closed),
                    _ => {}
                }
            }
        }
    }
}
