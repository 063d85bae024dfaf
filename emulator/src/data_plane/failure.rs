//! Failures of an invocation, and the answers to them.

use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::service::{ApiError, ServiceId};
use crate::settings::ContainerRefusals;
use crate::wire;

/// The reason why an invocation fails.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ApiError,
    form: Form,
    challenge: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// The exception's HTTP status and a `message`.
    Http,
    /// The exception's HTTP status and a JSON-RPC error.
    HttpWithJsonRpc,
    /// Status 200 and a JSON-RPC error, where the request is a JSON-RPC request.
    JsonRpc,
}

impl Failure {
    /// Refuses a call before the runtime is looked at.
    pub(super) fn front(error: ApiError) -> Self {
        Self { error, form: Form::Http, challenge: None }
    }

    /// Refuses a request without a token, or with a bad one. Observed with a JSON-RPC error as its body.
    pub(super) fn unauthorized(status: u16, text: impl Into<String>, challenge: String) -> Self {
        let error = ApiError::new(status, "UnauthorizedException", text);
        Self { error, form: Form::HttpWithJsonRpc, challenge: Some(challenge) }
    }

    pub(super) fn not_acceptable() -> Self {
        let text = "Accept must contain both application/json and text/event-stream.";
        let error = ApiError::new(406, "NotAcceptableException", text);
        Self { error, form: Form::HttpWithJsonRpc, challenge: None }
    }

    /// Answers a container that did not start in time, or exited [gh aws/bedrock-agentcore-sdk-python#599].
    pub(super) fn not_started() -> Self {
        let text = "Runtime initialization time exceeded. Please make sure that initialization completes in 30s.";
        Self::front(ApiError::new(424, "RuntimeClientError", text))
    }

    /// Answers a refusal by the container with this status.
    pub(super) fn of_container(status: u16) -> Self {
        let text =
            format!("Received error ({status}) from runtime. Please check your CloudWatch logs for more information.");
        ApiError::new(424, "RuntimeClientError", text).into()
    }

    pub(super) fn respond(
        &self,
        request: &Request<Vec<u8>>,
        request_id: &str,
        refusals: ContainerRefusals,
    ) -> Response<Vec<u8>> {
        let http_errors = refusals == ContainerRefusals::RuntimeClientError;
        let id = message(request)["id"].clone();
        let mut response = match self.form {
            Form::JsonRpc if !id.is_null() && !http_errors => json_rpc(200, &self.body(Some(id)), request_id),
            Form::HttpWithJsonRpc => json_rpc(self.error.status, &self.body(None), request_id),
            Form::Http | Form::JsonRpc => wire::failure(Some(ServiceId::AgentCore), &self.error, request_id),
        };
        if let Some(challenge) = self.challenge.as_deref().and_then(|it| HeaderValue::from_str(it).ok()) {
            response.headers_mut().insert("www-authenticate", challenge);
        }
        response
    }

    fn body(&self, id: Option<Value>) -> Value {
        let code = match self.error.code {
            "UnauthorizedException" => -32001,
            "AccessDeniedException" => -32002,
            "ThrottlingException" | "ServiceQuotaExceededException" => -32003,
            "ResourceNotFoundException" => -32004,
            "RetryableConflictException" => -32005,
            "ValidationException" => -32006,
            "RuntimeClientError" => -32010,
            "NotAcceptableException" => -32011,
            _ => -32603,
        };
        let mut body = json!({"jsonrpc": "2.0", "error": {"code": code, "message": self.error.message}});
        if let Some(id) = id {
            body["id"] = id;
        }
        body
    }
}

/// Answers with a failure that occurred after the call was admitted.
impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, form: Form::JsonRpc, challenge: None }
    }
}

/// Creates a response of the platform's own, in JSON.
pub(super) fn json_rpc(status: u16, body: &Value, request_id: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

pub(super) fn invalid(message: String) -> ApiError {
    ApiError { reason: Some("FieldValidationFailed"), ..ApiError::new(400, "ValidationException", message) }
}

/// Returns the JSON-RPC message in a body; `null` if it has none.
pub(super) fn message(request: &Request<Vec<u8>>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}
