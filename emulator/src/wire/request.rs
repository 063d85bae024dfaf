//! A request whose operation is known, and refusals of one whose operation is not.

use serde_json::{Map, Value};

use crate::service::ApiError;

/// A request whose operation is known.
#[derive(Debug)]
pub(crate) struct Routed {
    /// The operation's name in the service model.
    pub(crate) operation: &'static str,
    /// Its members by name, not validated yet.
    pub(crate) input: Map<String, Value>,
}

/// Returns the members in a JSON body; an empty body has none.
pub(super) fn body(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        Ok(_) => Err(serialization("the body must be a JSON object")),
        // Not the parser's own message: it may quote the input.
        Err(problem) => {
            Err(serialization(format!("the body is not JSON: line {}, column {}", problem.line(), problem.column())))
        }
    }
}

pub(super) fn unknown_operation() -> ApiError {
    ApiError::new(404, "UnknownOperationException", "the request's method, path or target name no operation")
}

pub(super) fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "SerializationException", message)
}
