//! Refusals of requests whose service is not known here: in the protocol of the request, so that any client can read
//! them.

use http::{HeaderValue, Request, Response};
use serde_json::json;

use super::query;
use super::response::{failure, finish};
use crate::model::Protocol;
use crate::service::{ApiError, ServiceId};
use crate::sigv4::Authorization;

/// Services whose answers are XML although their requests are not forms: the signing names of rest-xml in botocore.
const REST_XML: [&str; 5] = ["cloudfront", "route53", "s3", "s3-object-lambda", "s3express"];

/// Writes a refusal, in the protocol of its service where that is known, else in the one that was spoken.
pub(crate) fn refuse(
    service: Option<ServiceId>,
    request: &Request<Vec<u8>>,
    error: &ApiError,
    request_id: &str,
) -> Response<Vec<u8>> {
    if service.is_some() {
        return failure(service, error, request_id);
    }
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signing_name = Authorization::of(request).map_or("", |authorization| authorization.signing_name);
    let asks = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")));
    if header("smithy-protocol") == "rpc-v2-cbor" {
        return cbor(error, request_id);
    }
    if asks || header("content-type").starts_with("application/x-www-form-urlencoded") {
        return finish(error.status, Some(Protocol::Query), query::failure(error, request_id), request_id);
    }
    if header("x-amz-target").is_empty() && REST_XML.contains(&signing_name) {
        let (code, message) = (error.code, query::escape(&error.message));
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>\
             <RequestId>{request_id}</RequestId></Error>"
        );
        return finish(error.status, Some(Protocol::Query), xml, request_id);
    }
    if !header("x-amz-target").is_empty() {
        let body = json!({"__type": error.code, "message": error.message}).to_string();
        return finish(error.status, Some(Protocol::Json), body, request_id);
    }
    failure(None, error, request_id)
}

/// Formats a map of two texts in CBOR (RFC 8949).
fn cbor(error: &ApiError, request_id: &str) -> Response<Vec<u8>> {
    let mut body = vec![0xa2];
    for text in ["__type", error.code, "message", &error.message] {
        // A text of a length in four bytes.
        body.push(0x7a);
        body.extend(u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut response = finish(error.status, None, String::new(), request_id);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/cbor"));
    response.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    *response.body_mut() = body;
    response
}
