//! The ways in which servers refuse a revision or a method that they do not know. No two SDKs do it alike.

use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// The form in which a server refuses a request that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalStyle {
    /// 400 with -32600: Python.
    InvalidRequest,
    /// 400 with -32000: TypeScript.
    ServerError,
    /// 400 with -32602.
    InvalidParams,
    /// 400 with -32022 and the revisions that the server supports: servers that know the newest revision's code.
    UnsupportedRevision,
    /// 400 and a sentence: Go, Rust.
    PlainText,
    /// 400 and nothing.
    Empty,
    /// 404 with -32601.
    MethodNotFound,
    /// 404 with -32001, as for a session.
    SessionNotFound,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 421.
    Misdirected,
    /// 500 and a page.
    Broken,
    /// 200 with -32601.
    Answered,
    /// 200 and an empty result.
    EmptyResult,
    /// 200 and an event stream with -32601.
    EventStream,
    /// 200 and nothing.
    EmptyAnswer,
}

impl RefusalStyle {
    /// Every style, with the name that it has in the documentation.
    pub const ALL: [(Self, &'static str); 16] = [
        (Self::InvalidRequest, "HTTP 400, JSON-RPC -32600"),
        (Self::ServerError, "HTTP 400, JSON-RPC -32000"),
        (Self::InvalidParams, "HTTP 400, JSON-RPC -32602"),
        (Self::UnsupportedRevision, "HTTP 400, JSON-RPC -32022"),
        (Self::PlainText, "HTTP 400, plain text"),
        (Self::Empty, "HTTP 400, empty"),
        (Self::MethodNotFound, "HTTP 404, JSON-RPC -32601"),
        (Self::SessionNotFound, "HTTP 404, JSON-RPC -32001"),
        (Self::MethodNotAllowed, "HTTP 405"),
        (Self::NotAcceptable, "HTTP 406"),
        (Self::Misdirected, "HTTP 421"),
        (Self::Broken, "HTTP 500"),
        (Self::Answered, "HTTP 200, JSON-RPC -32601"),
        (Self::EmptyResult, "HTTP 200, empty result"),
        (Self::EventStream, "HTTP 200, event stream with -32601"),
        (Self::EmptyAnswer, "HTTP 200, empty"),
    ];

    /// Returns the refusal of the request `id`, in which `what` was asked for, by a server that supports `revisions`.
    pub(super) fn respond(self, id: &Value, what: &str, revisions: &[String]) -> Response<Vec<u8>> {
        let refusal = |id: &Value, error: Value| json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string();
        let error = |id: &Value, code: i64, message: &str| refusal(id, json!({"code": code, "message": message}));
        let unsupported = format!("Bad Request: Unsupported protocol version: {what}");
        let unknown = "Method not found";
        let none = Value::Null;
        let bad = StatusCode::BAD_REQUEST;
        match self {
            // Python gives such errors an id of their own.
            Self::InvalidRequest => plain(bad, JSON, error(&json!("server-error"), -32_600, &unsupported)),
            Self::ServerError => plain(bad, JSON, error(&none, -32_000, &unsupported)),
            Self::InvalidParams => plain(bad, JSON, error(id, -32_602, &unsupported)),
            Self::UnsupportedRevision => {
                let data = json!({"requested": what, "supported": revisions});
                plain(bad, JSON, refusal(id, json!({"code": -32_022, "message": unsupported, "data": data})))
            }
            Self::PlainText => plain(bad, TEXT, unsupported),
            Self::Empty => plain(bad, TEXT, String::new()),
            Self::MethodNotFound => plain(StatusCode::NOT_FOUND, JSON, error(id, -32_601, unknown)),
            Self::SessionNotFound => plain(StatusCode::NOT_FOUND, JSON, error(&none, -32_001, "Session not found")),
            Self::MethodNotAllowed => plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Method Not Allowed".to_owned()),
            Self::NotAcceptable => plain(StatusCode::NOT_ACCEPTABLE, TEXT, "Not Acceptable".to_owned()),
            Self::Misdirected => plain(StatusCode::MISDIRECTED_REQUEST, TEXT, "Invalid Host header".to_owned()),
            Self::Broken => plain(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "Internal Server Error".to_owned()),
            Self::Answered => plain(StatusCode::OK, JSON, error(id, -32_601, unknown)),
            Self::EmptyResult => {
                plain(StatusCode::OK, JSON, json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string())
            }
            Self::EventStream => {
                let event = format!("event: message\ndata: {}\n\n", error(id, -32_601, unknown));
                plain(StatusCode::OK, "text/event-stream", event)
            }
            Self::EmptyAnswer => plain(StatusCode::OK, JSON, String::new()),
        }
    }
}

/// Creates a response with a body of this content type.
pub(super) fn plain(status: StatusCode, content_type: &'static str, body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response
}
