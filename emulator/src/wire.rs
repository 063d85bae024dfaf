//! Between HTTP and calls: the operation of a request, its input, and the format of an answer. Driven by the tables of
//! [`crate::model`] alone; knows no service by name.

mod query;
mod request;
mod response;
mod rest;
mod spoken;

use http::Request;

use self::request::{body, unknown_operation};
use crate::model::{Model, Protocol};
use crate::service::{ApiError, ServiceId};

pub(crate) use self::request::Routed;
pub(crate) use self::response::{failure, respond};
pub(crate) use self::rest::decode;
pub(crate) use self::spoken::refuse;

/// Returns the service whose endpoint a signature is meant for.
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

#[cfg(test)]
mod tests;
