//! Refusals of the gateway itself: the exception's HTTP status and a JSON-RPC error.

use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::service::ApiError;

/// The reason why a gateway does not serve a request.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ApiError,
    challenge: Option<String>,
}

impl Failure {
    /// Refuses a request without a token, or with a bad one.
    pub(super) fn unauthorized(status: u16, text: impl Into<String>, challenge: String) -> Self {
        let code = if status == 401 { "UnauthorizedException" } else { "AccessDeniedException" };
        Self { error: ApiError::new(status, code, text), challenge: Some(challenge) }
    }

    pub(super) fn no_gateway(id: &str) -> Self {
        ApiError::new(404, "ResourceNotFoundException", format!("Gateway {id} was not found.")).into()
    }

    /// Answers the request with this id.
    pub(super) fn respond(&self, id: &Value) -> Response<Vec<u8>> {
        let code = match self.error.code {
            "AccessDeniedException" => -32002,
            "ThrottlingException" => -32003,
            "ResourceNotFoundException" => -32004,
            "ConflictException" => -32005,
            "InternalServerException" => -32603,
            // An unknown caller: without a token or a signature, or with a wrong one.
            _ => -32001,
        };
        let error = json!({"code": code, "message": self.error.message});
        let mut response = json_response(self.error.status, &json!({"jsonrpc": "2.0", "id": id, "error": error}));
        if let Some(challenge) = self.challenge.as_deref().and_then(|it| HeaderValue::from_str(it).ok()) {
            response.headers_mut().insert("www-authenticate", challenge);
        }
        response
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, challenge: None }
    }
}

/// Creates a response of the gateway's own, in JSON.
pub(super) fn json_response(status: u16, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
