//! Streamable HTTP for the MCP SDK, over the function's one connector.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use sse_stream::{Sse, SseStream};

use super::url::{effective_url, region};
use super::{Access, Refusal, authorize};
use crate::aws::Context;
use crate::http::connection_problem;

const SESSION_HEADER: &str = "mcp-session-id";
const ACCEPT: &str = "application/json, text/event-stream";
const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";
/// Bounds of one answer, because the function has 128 MB. A tool with its schemas takes some 700 bytes and 50 values: a
/// server of a thousand tools, all on one page, stays far below both. What the SDK makes of a value takes some 500 bytes,
/// also of one that took two on the wire.
const BODY_BYTES_MAX: usize = 2 << 20;
const BODY_VALUES_MAX: usize = 100_000;
const TOO_LONG: &str = "answers with more than 2 MiB at once; let it list fewer tools on a page";
const TOO_MANY_VALUES: &str = "answers with more than 100000 values at once; let it list fewer tools on a page";

/// The last answer seen on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The HTTP status.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
    /// The code of a JSON-RPC error, where the body is one.
    pub rpc_code: Option<i64>,
    /// The message of a JSON-RPC error, or a body that is not MCP: whole, because a text is masked before it is cut.
    pub text: String,
    /// The challenge of a 401 or 403.
    pub www_authenticate: Option<String>,
    /// Whether it answered `server/discover`.
    discovering: bool,
}

/// JSON-RPC codes that AgentCore itself answers with, mostly under HTTP status 200 (developer guide, MCP protocol
/// contract). They are the platform's word and not the server's.
const PLATFORM_CODES: std::ops::RangeInclusive<i64> = -32_011..=-32_001;

/// As much of a body as a sentence needs; the rest is read over.
#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The error of a JSON-RPC response.
#[derive(Deserialize)]
struct RpcError {
    code: i64,
    #[serde(default)]
    message: String,
}

impl Seen {
    /// Takes code and message from a body that is a JSON-RPC error; says whether it is one.
    fn read_error(&mut self, body: &[u8]) -> bool {
        let error = read::<Words<'_>>(body).and_then(|words| read::<RpcError>(words.error?.get().as_bytes()));
        let Some(RpcError { code, message }) = error else { return false };
        (self.rpc_code, self.text) = (Some(code), message);
        true
    }

    /// Takes the words of a body that is not MCP: its `message`, as AWS's own answers have one, or all of it.
    fn read_words(&mut self, body: &[u8]) {
        let message = read::<Words<'_>>(body).and_then(|words| read::<String>(words.message?.get().as_bytes()));
        self.text = message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    }

    /// Whether it is of a content type that MCP has.
    #[must_use]
    pub fn may_be_mcp(&self) -> bool {
        [JSON, EVENT_STREAM].contains(&self.content_type.as_str())
    }

    /// Whether this is how a server of an older revision refuses `server/discover`: with a JSON-RPC error of its own,
    /// or with a status that says it does not know the request.
    pub(super) fn speaks_older_revision(&self) -> bool {
        let own_error = self.rpc_code.is_some_and(|code| !PLATFORM_CODES.contains(&code));
        self.discovering && (own_error || (self.rpc_code.is_none() && matches!(self.status, 400 | 404 | 405)))
    }
}

/// What went wrong below the protocol.
#[derive(Debug)]
pub(super) struct TransportError(String);

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TransportError {}

/// One attempt's way to one server. Clones are the same way.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    context: Context,
    url: Arc<str>,
    /// Whose signatures the server takes.
    region: String,
    access: Access,
    seen: Mutex<Option<Seen>>,
    excess: Mutex<Option<&'static str>>,
    /// The session that the platform opened: it routes later requests to the same microVM, also those of the newest
    /// revision, which knows no sessions.
    session: Mutex<Option<String>>,
}

impl Transport {
    pub(super) fn new(context: &Context, url: &str, access: Access) -> Self {
        Self(Arc::new(Inner {
            context: context.clone(),
            url: effective_url(context, url),
            region: region(url).unwrap_or(&context.region).to_owned(),
            access,
            seen: Mutex::default(),
            excess: Mutex::default(),
            session: Mutex::default(),
        }))
    }

    pub(super) fn url(&self) -> Arc<str> {
        Arc::clone(&self.0.url)
    }

    /// The last answer, if there was one.
    pub(super) fn seen(&self) -> Option<Seen> {
        lock(&self.0.seen).clone()
    }

    /// An attempt that ended with this problem.
    pub(super) fn refusal(&self, problem: String) -> Refusal {
        Refusal { seen: self.seen(), problem, excess: *lock(&self.0.excess) }
    }

    /// Notes what the server sends too much of.
    pub(super) fn exceed(&self, what: &'static str) {
        *lock(&self.0.excess) = Some(what);
    }

    async fn send(
        &self,
        method: &'static str,
        session: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
        body: Vec<u8>,
    ) -> Result<HttpResponse, TransportError> {
        let inner = &*self.0;
        let session = session.or_else(|| lock(&inner.session).clone());
        let mut headers = vec![("accept", ACCEPT), ("content-type", JSON)];
        headers.extend(session.as_deref().map(|session| (SESSION_HEADER, session)));
        headers.extend(inner.access.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        let authorization =
            authorize(&inner.context, &inner.region, &inner.access.credential, method, &inner.url, &headers, &body)
                .await
                .map_err(TransportError)?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).map_err(|error| TransportError(error.to_string()))?;
        request.set_uri(inner.url.as_ref()).map_err(|error| TransportError(error.to_string()))?;
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let custom =
            custom.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        for (name, value) in headers.chain(custom).chain(authorization) {
            let unusable = |_| TransportError(format!("the header {name} is not usable"));
            request.headers_mut().try_insert(name.clone(), value).map_err(unusable)?;
        }
        let response = inner.context.connector.call(request).await;
        response.map_err(|error| TransportError(connection_problem(&error)))
    }

    /// The events of an answer that is a stream, noted like any other answer.
    fn events(&self, seen: Seen, body: SdkBody) -> BoxStream<'static, Result<Sse, SseError>> {
        let (reading, noting) = (self.clone(), self.clone());
        let bytes = Limited::new(body, BODY_BYTES_MAX).map_err(move |error| reading.broken_off(error));
        let check = move |event: Result<Sse, SseError>| {
            let data = event.as_ref().ok().and_then(|event| event.data.as_deref()).unwrap_or_default();
            noting.check_values(data.as_bytes()).map_err(|error| SseError::Body(error.into()))?;
            let mut seen = seen.clone();
            if seen.read_error(data.as_bytes()) {
                noting.note(seen);
            }
            event
        };
        SseStream::from_bytes_stream(bytes.into_data_stream()).map(check).boxed()
    }

    /// Why a body could not be read to its end.
    fn broken_off(&self, error: Box<dyn std::error::Error + Send + Sync>) -> std::io::Error {
        if error.is::<LengthLimitError>() {
            self.exceed(TOO_LONG);
        }
        std::io::Error::other(error)
    }

    /// Refuses a message that would take too much memory when read.
    fn check_values(&self, json: &[u8]) -> Result<(), TransportError> {
        // A value stands behind one of these, or behind a key that does; those in texts do not weigh much.
        if json.iter().filter(|byte| b",[{".contains(byte)).count() <= BODY_VALUES_MAX {
            return Ok(());
        }
        self.exceed(TOO_MANY_VALUES);
        Err(TransportError(format!("the server {TOO_MANY_VALUES}")))
    }

    fn note(&self, seen: Seen) {
        *lock(&self.0.seen) = Some(seen);
    }
}

type Error = StreamableHttpError<TransportError>;

impl StreamableHttpClient for Transport {
    type Error = TransportError;

    async fn post_message(
        &self,
        _url: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let is_request = |kind: fn(&ClientRequest) -> bool| matches!(&message, ClientJsonRpcMessage::Request(request) if kind(&request.request));
        let discovering = is_request(|request| matches!(request, ClientRequest::DiscoverRequest(_)));
        if is_request(|request| matches!(request, ClientRequest::InitializeRequest(_))) {
            // A handshake begins a session; a server that keeps sessions knows no other one.
            lock(&self.0.session).take();
        }
        let wants_answer = matches!(message, ClientJsonRpcMessage::Request(_));
        let body = serde_json::to_vec(&message)?;
        let session = session_id.map(|session| session.to_string());
        let response = self.send("POST", session, headers, body).await.map_err(StreamableHttpError::Client)?;
        let header = |name| response.headers().get(name).unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        let content_type = header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let session = Some(header(SESSION_HEADER)).filter(|session| !session.is_empty());
        if let Some(session) = &session {
            *lock(&self.0.session) = Some(session.clone());
        }
        let www_authenticate = Some(header("www-authenticate")).filter(|challenge| !challenge.is_empty());
        let mut seen = Seen { status, content_type, www_authenticate, discovering, ..Seen::default() };
        if (200..300).contains(&status) {
            if !wants_answer {
                return Ok(StreamableHttpPostResponse::Accepted);
            }
            if seen.content_type == EVENT_STREAM {
                self.note(seen.clone());
                return Ok(StreamableHttpPostResponse::Sse(self.events(seen, response.into_body()), session));
            }
        }
        self.note(seen.clone());
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| StreamableHttpError::Io(self.broken_off(error)))?.to_bytes();
        self.check_values(&body).map_err(StreamableHttpError::Client)?;
        let message = read::<ServerJsonRpcMessage>(&body);
        if !seen.read_error(&body) && message.is_none() {
            seen.read_words(&body);
        }
        self.note(seen);
        match message {
            // A request the server refuses is answered to the SDK, whatever its HTTP status.
            Some(message) => Ok(StreamableHttpPostResponse::Json(message, session)),
            None => Err(StreamableHttpError::UnexpectedServerResponse(format!("HTTP {status}").into())),
        }
    }

    async fn delete_session(
        &self,
        _url: Arc<str>,
        session_id: Arc<str>,
        _token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Error> {
        let ended = self.send("DELETE", Some(session_id.to_string()), headers, Vec::new()).await;
        ended.map(|_| ()).map_err(StreamableHttpError::Client)
    }

    async fn get_stream(
        &self,
        _url: Arc<str>,
        _session_id: Option<Arc<str>>,
        _last_event_id: Option<String>,
        _token: Option<String>,
        _headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Error> {
        // Nothing the server might say unasked matters to a list of its tools.
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
