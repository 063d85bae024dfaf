//! One value that is not a list or a map.

use serde_json::Value;

use crate::error::Error;

/// Returns a single value as the text that CloudFormation would have sent.
pub(super) fn scalar(name: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(_) => Err(Error::property(name, "is a list where one value is expected; give a single string")),
        Value::Object(_) => Err(Error::property(name, "is a map where one value is expected; give a single string")),
        Value::Null => Err(Error::property(name, "contains null; give a string or omit it")),
    }
}
