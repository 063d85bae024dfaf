//! The MCP server in a container: the official SDK's, called in memory.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

use super::callers::Callers;
use super::{AnswerForm, Behaviour};

/// A started MCP server.
pub(crate) struct Server {
    behaviour: Arc<Behaviour>,
    callers: Callers,
    /// The version of the secret that was read at the start.
    secret_version: Option<String>,
    service: StreamableHttpService<Tools, LocalSessionManager>,
}

impl Server {
    /// Needs to be called inside a tokio runtime.
    pub(crate) fn new(behaviour: Behaviour, callers: Callers, secret_version: Option<String>) -> Self {
        let behaviour = Arc::new(behaviour);
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(behaviour.stateful)
            .with_json_response(behaviour.answers == AnswerForm::Json)
            .with_sse_keep_alive(None)
            // The platform, not the server, decides who may come in.
            .disable_allowed_hosts();
        let tools = Tools(Arc::clone(&behaviour));
        let service = StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config);
        Self { behaviour, callers, secret_version, service }
    }

    /// Returns a server in the same state, without its sessions. Needs to be called inside a tokio runtime.
    pub(super) fn copy(&self) -> Self {
        Self::new((*self.behaviour).clone(), self.callers.clone(), self.secret_version.clone())
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
        if let AnswerForm::Page(content_type) = self.behaviour.answers {
            return plain(StatusCode::OK, content_type, self.behaviour.page.clone());
        }
        if !self.has_key(&request) {
            return plain(StatusCode::UNAUTHORIZED, "application/json", r#"{"error":"invalid API key"}"#.to_owned());
        }
        if let Some(objection) = self.callers.objection(&request) {
            let body = json!({"error": "unauthorized", "error_description": objection});
            return plain(StatusCode::UNAUTHORIZED, "application/json", body.to_string());
        }
        if request.method() == Method::GET {
            // A standalone stream would have no end, and this server never has anything to say on it.
            return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "Method Not Allowed".to_owned());
        }
        if let Some(version) = self.unknown_revision(&request) {
            return self.refuse(&version);
        }
        let response = self.service.handle(request.map(|body| Full::new(Bytes::from(body)))).await;
        let (parts, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(impossible) => match impossible {},
        };
        Response::from_parts(parts, body)
    }

    fn has_key(&self, request: &Request<Vec<u8>>) -> bool {
        let wanted = self.behaviour.api_key.as_ref();
        wanted
            .is_none_or(|(name, value)| request.headers().get(name).is_some_and(|it| it.as_bytes() == value.as_bytes()))
    }

    /// The revision in the request's header, if this server does not know it. The SDK itself answers to those that come
    /// with the envelope of 2026-07-28, unless the server is too old to know that envelope.
    fn unknown_revision(&self, request: &Request<Vec<u8>>) -> Option<String> {
        let version = request.headers().get("mcp-protocol-version")?.to_str().ok()?;
        let modern = self.behaviour.revisions.iter().any(|known| known.as_str() >= "2026-07-28");
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let enveloped = body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].is_string();
        let negotiates = body["method"] == "initialize" || (modern && enveloped);
        (!negotiates && !self.behaviour.revisions.iter().any(|known| known == version)).then(|| version.to_owned())
    }

    /// As servers do that were written before 2026-07-28: a bare 400.
    fn refuse(&self, version: &str) -> Response<Vec<u8>> {
        let known = self.behaviour.revisions.join(", ");
        let message = format!("Bad Request: Unsupported protocol version: {version}. Supported versions: {known}");
        let body = json!({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": message}});
        plain(StatusCode::BAD_REQUEST, "application/json", body.to_string())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("behaviour", &self.behaviour).finish_non_exhaustive()
    }
}

fn plain(status: StatusCode, content_type: &'static str, body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(content_type));
    response
}

#[derive(Clone)]
struct Tools(Arc<Behaviour>);

impl Tools {
    fn tool(&self, number: usize) -> Tool {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        let description = format!("Tool {number} of {}.", self.0.tools);
        Tool::new(format!("tool_{number:03}"), description, Arc::new(schema))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        config.server_info = Implementation::new(&self.0.server_name, &self.0.server_version);
        // The default is the SDK's newest revision, which this server may not support.
        if let Some(newest) = self.supported_protocol_versions().iter().rfind(|it| it.as_str() < "2026") {
            config.protocol_version = newest.clone();
        }
        config
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let known = ProtocolVersion::KNOWN_VERSIONS.iter();
        known.filter(|version| self.0.revisions.iter().any(|it| it == version.as_str())).cloned().collect()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let start = match cursor {
            None => 0,
            Some(cursor) => cursor
                .strip_prefix("after-")
                .and_then(|number| number.parse().ok())
                .filter(|start| *start < self.0.tools)
                .ok_or_else(|| ErrorData::invalid_params("Invalid cursor", None))?,
        };
        let end = self.0.tools.min(start + self.0.page_size.max(1));
        let mut result = ListToolsResult::with_all_items((start + 1..=end).map(|number| self.tool(number)).collect());
        result.next_cursor = (end < self.0.tools).then(|| format!("after-{end}"));
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let known = (1..=self.0.tools).any(|number| self.tool(number).name == request.name);
        if !known {
            return Err(ErrorData::invalid_params(format!("Unknown tool: {}", request.name), None));
        }
        let text = format!("{} was called", request.name);
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}
