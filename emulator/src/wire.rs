//! Between HTTP and calls: which operation a request means, what its input is, how an answer is written. Driven by the
//! tables of [`crate::model`] alone; knows no service by name.

mod query;
mod rest;
mod spoken;

pub(crate) use rest::decode;
pub(crate) use spoken::refuse;

use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::model::{Model, Operation, Protocol};
use crate::service::{Answer, ApiError, ServiceId};

/// A request whose operation is known.
#[derive(Debug)]
pub(crate) struct Routed {
    /// The operation's name in the service model.
    pub(crate) operation: &'static str,
    /// Its members by name, not validated yet.
    pub(crate) input: Map<String, Value>,
}

/// The service whose endpoint a signature is meant for.
pub(crate) fn service(signing_name: &str) -> Option<ServiceId> {
    ServiceId::ALL.into_iter().find(|service| Model::of(*service).signing_name == signing_name)
}

/// Finds the operation and gathers its input.
pub(crate) fn route(service: ServiceId, request: &Request<Vec<u8>>) -> Result<Routed, ApiError> {
    let model = Model::of(service);
    match model.protocol {
        Protocol::RestJson => rest::route(model, request),
        Protocol::Json => route_json(model, request),
        Protocol::Query => query::route(model, request),
    }
}

fn route_json(model: &'static Model, request: &Request<Vec<u8>>) -> Result<Routed, ApiError> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let typed = header("content-type") == "application/x-amz-json-1.1";
    let (operation, _) = header("x-amz-target")
        .strip_prefix(&model.target_prefix)
        .and_then(|target| model.operation(target.strip_prefix('.')?))
        .filter(|_| typed && request.method() == http::Method::POST && request.uri().path() == "/")
        .ok_or_else(unknown_operation)?;
    Ok(Routed { operation, input: body(request.body())? })
}

/// The members in a JSON body; an empty body has none.
fn body(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
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

fn unknown_operation() -> ApiError {
    ApiError::new(404, "UnknownOperationException", "the request's method, path or target name no operation")
}

fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "SerializationException", message)
}

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

fn finish(status: u16, protocol: Option<Protocol>, body: String, request_id: &str) -> Response<Vec<u8>> {
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

#[cfg(test)]
mod tests;
