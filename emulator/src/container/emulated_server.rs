//! An emulated MCP server: the official SDK's, called in memory.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode, Implementation, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

use super::behaviour::{AnswerForm, Behaviour, Hints, REVISIONS};
use super::callers::Callers;
use super::noise;
use super::refusal::{RefusalStyle, plain};

/// A started MCP server.
pub(crate) struct EmulatedServer {
    behaviour: Arc<Behaviour>,
    callers: Callers,
    /// The version of the secret that was read at the start.
    secret_version: Option<String>,
    /// True if the API behind it refuses the credential that it started with.
    is_refused_upstream: bool,
    /// The sessions that it has given out and that were not ended.
    sessions: Mutex<BTreeSet<String>>,
    service: StreamableHttpService<Tools, LocalSessionManager>,
}

impl EmulatedServer {
    /// Needs to be called inside a tokio runtime.
    pub(crate) fn new(
        behaviour: Behaviour,
        callers: Callers,
        secret_version: Option<String>,
        is_refused_upstream: bool,
    ) -> Self {
        let behaviour = Arc::new(behaviour);
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(behaviour.stateful)
            .with_json_response(behaviour.answers == AnswerForm::Json)
            .with_sse_keep_alive(None)
            // Without an older revision, a request without a header does not count as one of 2025-03-26.
            .with_stateless_protocol_metadata_required(behaviour.revisions.iter().all(|it| is_without_handshake(it)))
            // The platform, not the server, decides who may come in.
            .disable_allowed_hosts();
        let tools =
            Tools { behaviour: Arc::clone(&behaviour), is_refused_upstream, secret_version: secret_version.clone() };
        let service = StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config);
        Self { behaviour, callers, secret_version, is_refused_upstream, sessions: Mutex::default(), service }
    }

    /// Returns a server in the same state, without its sessions. Needs to be called inside a tokio runtime.
    pub(crate) fn copy(&self) -> Self {
        let (behaviour, secret_version) = ((*self.behaviour).clone(), self.secret_version.clone());
        Self::new(behaviour, self.callers.clone(), secret_version, self.is_refused_upstream)
    }

    pub(crate) fn secret_version(&self) -> Option<&str> {
        self.secret_version.as_deref()
    }

    /// Answers one HTTP request; the answer is complete, whatever its form.
    pub(crate) async fn handle(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        if request.uri().path() != "/mcp" {
            let status = StatusCode::from_u16(self.behaviour.elsewhere).unwrap_or(StatusCode::NOT_FOUND);
            return plain(status, "text/plain", status.to_string());
        }
        if let Some(response) = self.always() {
            return response;
        }
        if !self.has_key(&request) {
            return plain(StatusCode::UNAUTHORIZED, "application/json", r#"{"error":"invalid API key"}"#.to_owned());
        }
        if let Some(reason) = self.callers.refusal(&request) {
            let body = json!({"error": "unauthorized", "error_description": reason});
            return plain(StatusCode::UNAUTHORIZED, "application/json", body.to_string());
        }
        if request.method() == Method::GET {
            // A standalone stream would have no end, and this server never sends on it.
            return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "Method Not Allowed".to_owned());
        }
        if let Some(refusal) = self.refuse(&request) {
            return refusal;
        }
        let (method, session) = (request.method().clone(), session_of(request.headers()));
        let response = self.service.handle(request.map(|body| Full::new(Bytes::from(body)))).await;
        let (parts, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(impossible) => match impossible {},
        };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        match session_of(&parts.headers) {
            Some(given) => drop(sessions.insert(given)),
            None if method == Method::DELETE => drop(session.map(|ended| sessions.remove(&ended))),
            None => {}
        }
        let body = self.add_noise(&parts.headers, body);
        Response::from_parts(parts, body)
    }

    /// Returns the one answer of a server that is not an MCP server, or that refuses everybody.
    fn always(&self) -> Option<Response<Vec<u8>>> {
        let page = self.behaviour.page.clone();
        match self.behaviour.answers {
            AnswerForm::Page(content_type) => Some(plain(StatusCode::OK, content_type, page)),
            AnswerForm::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Some(plain(status, "application/json", page))
            }
            AnswerForm::Redirect(target) => {
                let mut response = plain(StatusCode::TEMPORARY_REDIRECT, "text/plain", String::new());
                response.headers_mut().insert("location", http::HeaderValue::from_static(target));
                Some(response)
            }
            AnswerForm::Json | AnswerForm::Sse => None,
        }
    }

    fn add_noise(&self, headers: &http::HeaderMap, body: Vec<u8>) -> Vec<u8> {
        let body = if self.behaviour.malformed_tools { noise::among_tools(&body) } else { body };
        let streams = headers.get("content-type").is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
        if self.behaviour.noisy_events && streams { noise::before_events(&body) } else { body }
    }

    fn has_key(&self, request: &Request<Vec<u8>>) -> bool {
        let Behaviour { api_key, query_key, .. } = &*self.behaviour;
        let in_header = |(name, value): &(String, String)| {
            request.headers().get(name).is_some_and(|it| it.as_bytes() == value.as_bytes())
        };
        let in_query = |(name, value): &(String, String)| {
            let query = request.uri().query().unwrap_or_default();
            form_urlencoded::parse(query.as_bytes()).any(|(given, key)| given == name.as_str() && key == value.as_str())
        };
        api_key.as_ref().is_none_or(in_header) && query_key.as_ref().is_none_or(in_query)
    }

    /// Refuses a session that does not exist, and what this server does not know. The SDK itself answers to what belongs
    /// to the revision without a handshake, and refuses it without the envelope, unless the server is too old to know it.
    fn refuse(&self, request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let behaviour = &self.behaviour;
        let knows = |version: &str| behaviour.revisions.iter().any(|known| known == version);
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let respond = |style: RefusalStyle, what: &str| style.respond(&body["id"], what, &behaviour.revisions);
        let method = body["method"].as_str().unwrap_or_default();
        let version = request.headers().get("mcp-protocol-version").and_then(|it| it.to_str().ok());
        let is_discovery = method == "server/discover";
        if behaviour.revisions.iter().any(|known| is_without_handshake(known)) {
            let in_envelope = body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
            let in_header = version.filter(|version| knows(version) && is_without_handshake(version));
            if in_envelope.is_some() || (method != "initialize" && (is_discovery || in_header.is_some())) {
                let what = in_envelope.or(in_header).unwrap_or_default();
                return (behaviour.discovers_only && !is_discovery).then(|| respond(behaviour.refusal, what));
            }
        }
        if method == "initialize" {
            let offered = body["params"]["protocolVersion"].as_str().unwrap_or_default();
            return (!behaviour.counters && !knows(offered)).then(|| respond(behaviour.refusal, offered));
        }
        let session = session_of(request.headers()).filter(|_| behaviour.stateful);
        if session.is_some_and(|it| !self.sessions.lock().unwrap_or_else(PoisonError::into_inner).contains(&it)) {
            return Some(respond(RefusalStyle::SessionNotFound, ""));
        }
        let unknown = version.filter(|version| !knows(version)).or(is_discovery.then_some(method));
        unknown.map(|what| respond(behaviour.refusal, what))
    }
}

/// Returns true for a revision whose requests carry its name in an envelope, `_meta`, and which has no `initialize`.
fn is_without_handshake(revision: &str) -> bool {
    revision >= REVISIONS[0]
}

fn session_of(headers: &http::HeaderMap) -> Option<String> {
    headers.get("mcp-session-id").and_then(|it| it.to_str().ok()).map(str::to_owned)
}

impl fmt::Debug for EmulatedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatedServer").field("behaviour", &self.behaviour).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Tools {
    behaviour: Arc<Behaviour>,
    is_refused_upstream: bool,
    secret_version: Option<String>,
}

impl Tools {
    fn tool(&self, number: usize) -> Tool {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        let description = format!("Tool {number} of {}.", self.behaviour.tools);
        let tool = Tool::new(format!("{}_{number:03}", self.behaviour.tool_name), description, Arc::new(schema));
        let Hints { read_only, destructive } = self.behaviour.hints;
        if self.behaviour.hints == Hints::default() {
            return tool;
        }
        tool.with_annotations(ToolAnnotations::from_raw(None, read_only, destructive, None, None))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder();
        let capabilities =
            if self.behaviour.offers_tools { capabilities.enable_tools().build() } else { capabilities.build() };
        let mut config = ServerConfig::new(capabilities);
        config.server_info = Implementation::new(&self.behaviour.server_name, &self.behaviour.server_version);
        // The default is the SDK's newest revision, which this server may not support.
        if let Some(newest) = self.supported_protocol_versions().iter().rfind(|it| it.as_str() < "2026") {
            config.protocol_version = newest.clone();
        }
        config
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let known = ProtocolVersion::KNOWN_VERSIONS.iter();
        known.filter(|version| self.behaviour.revisions.iter().any(|it| it == version.as_str())).cloned().collect()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if !self.behaviour.offers_tools {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None));
        }
        let cursor = request.and_then(|request| request.cursor);
        let start = match cursor {
            None => 0,
            Some(cursor) => cursor
                .strip_prefix("after-")
                .and_then(|number| number.parse().ok())
                .filter(|start| *start < self.behaviour.tools)
                .ok_or_else(|| ErrorData::invalid_params("Invalid cursor", None))?,
        };
        let end = self.behaviour.tools.min(start + self.behaviour.page_size.max(1));
        let mut result = ListToolsResult::with_all_items((start + 1..=end).map(|number| self.tool(number)).collect());
        result.next_cursor = (end < self.behaviour.tools).then(|| format!("after-{end}"));
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let known = (1..=self.behaviour.tools).any(|number| self.tool(number).name == request.name);
        if !known {
            return Err(ErrorData::invalid_params(format!("Unknown tool: {}", request.name), None));
        }
        // Servers that check a call by the tool's schema find no object: the TypeScript SDK's, for example.
        if request.arguments.is_none() {
            let text = format!("Invalid arguments for tool {}: expected object, received undefined", request.name);
            return Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into());
        }
        if self.is_refused_upstream {
            let text = "the API answered HTTP 401: invalid client credentials";
            return Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into());
        }
        // The version stands for the values: these are secret.
        let version = self.secret_version.as_ref().map(|version| format!(" with version {version} of the secret"));
        let text = format!("{} was called{}", request.name, version.unwrap_or_default());
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}
