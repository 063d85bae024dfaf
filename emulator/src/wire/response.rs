//! The answer to a request, in the protocol of its service.

use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::query;
use super::request::unknown_operation;
use crate::model::{Model, Operation, Protocol};
use crate::service::{Answer, ApiError, ServiceId};

/// Writes the answer to a call whose operation is known.
pub(crate) fn respond(service: ServiceId, operation: &str, answer: &Answer, request_id: &str) -> Response<Vec<u8>> {
    let model = Model::of(service);
    match (answer, model.operation(operation)) {
        (Ok(output), Some((name, _))) if model.protocol == Protocol::Query => {
            finish(200, Some(model.protocol), query::success(name, output, request_id), request_id)
        }
        (Ok(output), Some((_, operation))) => success(model, operation, output, request_id),
        (Ok(_), None) => failure(Some(service), &unknown_operation(), request_id),
        (Err(error), _) => failure(Some(service), error, request_id),
    }
}

fn success(model: &Model, operation: &Operation, output: &Value, request_id: &str) -> Response<Vec<u8>> {
    let body = match &operation.output {
        Some(_) if operation.status != 204 => output.to_string(),
        _ => String::new(),
    };
    finish(operation.status, Some(model.protocol), body, request_id)
}

/// Writes an error in the protocol of the service that it comes from. Without a service, the request was refused before
/// it reached one.
pub(crate) fn failure(service: Option<ServiceId>, error: &ApiError, request_id: &str) -> Response<Vec<u8>> {
    let model = service.map(Model::of);
    if model.is_some_and(|model| model.protocol == Protocol::Query) {
        let status = if error.status < 500 { error.status } else { 503 };
        return finish(status, Some(Protocol::Query), query::failure(error, request_id), request_id);
    }
    let shape = model.and_then(|model| model.error(error.code));
    let mut body = Map::new();
    // Secrets Manager's own errors say `Message`; AgentCore's, and refusals before a service, say `message`.
    let capital = shape.is_some_and(|shape| shape.members.contains_key("Message"));
    body.insert(if capital { "Message" } else { "message" }.to_owned(), json!(error.message));
    if let Some(reason) = error.reason {
        body.insert("reason".to_owned(), json!(reason));
    }
    let protocol = model.map(|model| model.protocol);
    // JSON-RPC services know two statuses only; the `__type` says what happened.
    let status = if protocol == Some(Protocol::Json) && error.status < 500 { 400 } else { error.status };
    if protocol == Some(Protocol::Json) {
        body.insert("__type".to_owned(), json!(error.code));
    }
    let mut response = finish(status, protocol, Value::Object(body).to_string(), request_id);
    if protocol != Some(Protocol::Json) {
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error.code));
    }
    response
}

pub(super) fn finish(status: u16, protocol: Option<Protocol>, body: String, request_id: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if status != 204 {
        let content_type = match protocol {
            Some(Protocol::Json) => "application/x-amz-json-1.1",
            Some(Protocol::Query) => "text/xml",
            Some(Protocol::RestJson) | None => "application/json",
        };
        headers.insert("content-type", HeaderValue::from_static(content_type));
    }
    response
}
