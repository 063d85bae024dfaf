//! The gateway as an MCP server: the official SDK's, called in memory, without sessions.

use std::borrow::Cow;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ResultType, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

use super::client::TARGET_TIMEOUT;
use crate::agentcore_control::{Gateway, GatewayTarget, Status};
use crate::aws::Aws;

/// The tool that searches a gateway created for semantic search.
const SEARCH: &str = "x_amz_bedrock_agentcore_search";
/// Between the target's name, which has no underscores, and the tool's.
const DELIMITER: &str = "___";
/// Tools on one page [gh awslabs/agentcore-samples#2087].
const PAGE: usize = 30;
/// The most that a search finds.
const FOUND_MAX: usize = 10;
/// The text of a failure behind a gateway that is not in `DEBUG`.
const OPAQUE: &str = "An internal error occurred. Please retry later.";

/// Answers one POST.
pub(super) async fn handle(aws: Aws, gateway: Gateway, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let server = GatewayServer { aws, gateway: Arc::new(gateway) };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        // The caller was authorized before.
        .disable_allowed_hosts();
    let sessions: Arc<LocalSessionManager> = Arc::default();
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    let response = service.handle(request.clone().map(|body| Full::new(Bytes::from(body)))).await;
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(parts, body.to_bytes().to_vec()),
        Err(impossible) => match impossible {},
    }
}

#[derive(Clone)]
struct GatewayServer {
    aws: Aws,
    gateway: Arc<Gateway>,
}

impl GatewayServer {
    /// Returns the targets that offer tools, in the order of their creation.
    fn targets(&self) -> impl Iterator<Item = &GatewayTarget> {
        let now = self.aws.clock().now();
        self.gateway.targets(now).filter(move |target| match target.status(now) {
            Status::Ready => true,
            Status::Updating | Status::Synchronizing => !target.tools.is_empty(),
            _ => false,
        })
    }

    /// Lists every tool.
    async fn catalogue(&self) -> Result<Vec<Tool>, ErrorData> {
        let mut tools = Vec::new();
        if self.gateway.is_semantic() {
            tools.push(search_tool());
        }
        for target in self.targets() {
            let live = if target.is_dynamic() { Some(self.aws.fetch_tools(&self.gateway, target).await) } else { None };
            let listed = live.unwrap_or_else(|| Ok(target.tools.clone()));
            let named = listed.and_then(|listed| named(target, listed));
            tools.extend(named.map_err(|problem| {
                let problem = format!("The tools of the target {} cannot be listed: {problem}", target.name);
                ErrorData::internal_error(self.told(problem), None)
            })?);
        }
        Ok(tools)
    }

    /// Finds the target behind a tool's name, and the tool's name there.
    fn find<'n>(&self, name: &'n str) -> Option<(&GatewayTarget, &'n str)> {
        let (target, tool) = name.split_once(DELIMITER)?;
        let target = self.targets().find(|it| it.name == target)?;
        let known = target.is_dynamic() || target.tools.iter().any(|it| it["name"] == tool);
        known.then_some((target, tool))
    }

    async fn forward(
        &self,
        target: &GatewayTarget,
        tool: &str,
        arguments: Option<Map<String, Value>>,
    ) -> Result<CallToolResult, String> {
        let connecting = tokio::time::timeout(TARGET_TIMEOUT, self.aws.connect(&self.gateway, target)).await;
        let gave_up = |_| Err(format!("no answer within {} s", TARGET_TIMEOUT.as_secs()));
        let answer = connecting.unwrap_or_else(gave_up)?.call(tool, arguments).await?;
        let result = serde_json::from_value(answer);
        let mut result: CallToolResult =
            result.map_err(|problem| format!("the answer is not a tool result: {problem}"))?;
        // The target speaks a revision without it; of the gateway's clients only those of an older revision go without.
        result.result_type = Some(ResultType::COMPLETE);
        Ok(result)
    }

    /// Finds the tools that have a word of the query in their name or description.
    async fn search(&self, query: &str) -> Result<CallToolResult, ErrorData> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let fits = |tool: &Tool| {
            let text = format!("{} {}", tool.name, tool.description.as_deref().unwrap_or_default()).to_lowercase();
            tool.name != SEARCH && words.iter().any(|word| text.contains(word))
        };
        let found: Vec<Tool> = self.catalogue().await?.into_iter().filter(fits).take(FOUND_MAX).collect();
        Ok(CallToolResult::structured(json!({"tools": found})))
    }

    /// Returns the text that callers get of a failure behind the gateway.
    fn told(&self, problem: String) -> String {
        if self.gateway.is_debug() { problem } else { OPAQUE.to_owned() }
    }

    fn versions(&self) -> Vec<ProtocolVersion> {
        let supported = self.gateway.supported_versions();
        let known = ProtocolVersion::KNOWN_VERSIONS.iter();
        known.filter(|version| supported.iter().any(|it| it == version.as_str())).cloned().collect()
    }
}

impl ServerHandler for GatewayServer {
    fn get_info(&self) -> ServerConfig {
        let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        config.server_info = Implementation::new(&self.gateway.name, "1.0.0");
        config.instructions = self.gateway.instructions().map(str::to_owned);
        // Whoever asks for another revision gets the newest that has a handshake.
        if let Some(newest) = self.versions().into_iter().rfind(|version| version.as_str() < "2026") {
            config.protocol_version = newest;
        }
        config
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.versions().into()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.catalogue().await?;
        let start = match request.and_then(|request| request.cursor) {
            None => 0,
            Some(cursor) => cursor
                .parse()
                .ok()
                .filter(|start| *start < tools.len())
                .ok_or_else(|| ErrorData::invalid_params("Invalid cursor", None))?,
        };
        let page = if self.gateway.lists_in_pages() { PAGE } else { tools.len() };
        let end = tools.len().min(start + page);
        let mut page = ListToolsResult::with_all_items(tools[start..end].to_vec());
        page.next_cursor = (end < tools.len()).then(|| end.to_string());
        Ok(page)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let CallToolRequestParams { name, arguments, .. } = request;
        if name == SEARCH && self.gateway.is_semantic() {
            let query = arguments.as_ref().and_then(|it| it.get("query")?.as_str());
            let query = query.ok_or_else(|| ErrorData::invalid_params("The argument query is missing", None))?;
            return Ok(self.search(query).await?.into());
        }
        let unknown = || ErrorData::invalid_params(format!("Unknown tool: {name}"), None);
        let (target, tool) = self.find(&name).ok_or_else(unknown)?;
        let result = self.forward(target, tool, arguments).await.unwrap_or_else(|problem| {
            let problem = format!("The tool {tool} of the target {} cannot be called: {problem}", target.name);
            CallToolResult::error(vec![ContentBlock::text(self.told(problem))])
        });
        Ok(result.into())
    }
}

/// Returns a target's tools with the names by which the gateway's clients know them.
fn named(target: &GatewayTarget, tools: Vec<Value>) -> Result<Vec<Tool>, String> {
    let named = tools.into_iter().map(|mut tool| {
        tool["name"] = json!(format!("{}{DELIMITER}{}", target.name, tool["name"].as_str().unwrap_or_default()));
        serde_json::from_value(tool)
    });
    named.collect::<Result<_, _>>().map_err(|problem| problem.to_string())
}

fn search_tool() -> Tool {
    let schema = json!({"type": "object", "required": ["query"], "properties": {"query": {"type": "string"}}});
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new(
        SEARCH,
        "Finds the tools that fit a query: for when there are too many to look through.",
        Arc::new(schema),
    )
}
