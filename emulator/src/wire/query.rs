//! awsQuery: a form names the operation and its members; answers and errors are XML.

use std::fmt::Write as _;

use http::Request;
use serde_json::{Map, Value};

use super::request::{Routed, serialization, unknown_operation};
use crate::model::{Model, Shape};
use crate::service::ApiError;

pub(super) fn route(model: &'static Model, request: &Request<Vec<u8>>) -> Result<Routed, ApiError> {
    let mut fields: Map<String, Value> = form_urlencoded::parse(request.body())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    let mut take = |name| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let (action, version) = (take("Action"), take("Version"));
    let (operation, declared) = model
        .operation(&action)
        .filter(|_| {
            version == model.api_version && request.method() == http::Method::POST && request.uri().path() == "/"
        })
        .ok_or_else(unknown_operation)?;
    let members = &model.structure(&declared.input).members;
    for name in fields.keys() {
        let shape = members.get(name).map(|member| model.shape(&member.shape));
        // Lists and structures spread over several fields: no operation here takes one.
        if !matches!(shape, Some(Shape::String(_))) {
            return Err(serialization(format!("the form has no text member '{name}'")));
        }
    }
    Ok(Routed { operation, input: fields })
}

/// Formats a success as XML.
pub(super) fn success(operation: &str, output: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response><{operation}Result>");
    write_value(&mut xml, output);
    let _ = write!(
        xml,
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    xml
}

/// Formats an error as XML.
pub(super) fn failure(error: &ApiError, request_id: &str) -> String {
    let side = if error.status < 500 { "Sender" } else { "Receiver" };
    // Errors common to all services have other names in this protocol.
    let code = match error.code {
        "AccessDeniedException" => "AccessDenied",
        "UnknownOperationException" => "InvalidAction",
        "ThrottlingException" => "Throttling",
        "ValidationException" => "ValidationError",
        code => code,
    };
    let message = escape(&error.message);
    format!(
        "<ErrorResponse><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

fn write_value(xml: &mut String, value: &Value) {
    let mut element = |name: &str, value: &Value| {
        let _ = write!(xml, "<{name}>");
        write_value(xml, value);
        let _ = write!(xml, "</{name}>");
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| element(name, value)),
        Value::Array(items) => items.iter().for_each(|item| element("member", item)),
        Value::String(text) => xml.push_str(&escape(text)),
        other => xml.push_str(&other.to_string()),
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
