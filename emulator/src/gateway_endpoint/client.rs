//! The gateway as an MCP client of its targets. It speaks the revisions that begin with a handshake, and takes answers
//! as JSON and as event streams.

use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri};
use rmcp::model::Tool;
use serde_json::{Map, Value, json};

use super::outbound::Outbound;
use crate::agentcore_control::GatewayTarget;
use crate::aws::Aws;
use crate::data_plane::is_data_plane;
use crate::reply::collected;

/// The time that a gateway gives a target to introduce itself, or to send its whole catalogue [gh
/// awslabs/agentcore-samples#1030].
pub(super) const TARGET_TIMEOUT: Duration = Duration::from_secs(20);

/// The revisions with a handshake, in the order in which the gateway offers them. It takes each of them instead.
const REVISIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// The number of characters that are shown of an answer that is not MCP.
const SHOWN: usize = 500;

/// A session with a target. Errors say what happened, for callers who may know.
#[derive(Debug)]
pub(super) struct Connection<'a> {
    aws: &'a Aws,
    endpoint: Uri,
    outbound: Outbound,
    /// True if requests go through a private endpoint.
    through_vpc: bool,
    /// Once the target gave one out.
    session: Option<HeaderValue>,
    /// Once it was agreed on.
    revision: Option<HeaderValue>,
    requests: u64,
}

impl<'a> Connection<'a> {
    /// Shakes hands with the MCP server of a target.
    pub(super) async fn open(aws: &'a Aws, target: &GatewayTarget, outbound: Outbound) -> Result<Self, String> {
        let endpoint = target.endpoint();
        let endpoint = endpoint.parse().map_err(|_| format!("the endpoint {endpoint} is not a URL"))?;
        let through_vpc = target.is_private();
        let mut connection = Self { aws, endpoint, outbound, through_vpc, session: None, revision: None, requests: 0 };
        let mut refusals = Vec::new();
        for offered in REVISIONS {
            match connection.initialize(offered).await {
                Ok(revision) => {
                    connection.revision = HeaderValue::from_str(&revision).ok();
                    break;
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        if connection.revision.is_none() {
            refusals.dedup();
            return Err(refusals.join("; "));
        }
        connection.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await?;
        Ok(connection)
    }

    /// Offers a revision. Returns the one that the target takes.
    async fn initialize(&mut self, offered: &str) -> Result<String, String> {
        self.session = None;
        let params = json!({"protocolVersion": offered, "capabilities": {},
            "clientInfo": {"name": "bedrock-agentcore-gateway", "version": "1.0.0"}});
        let answer = self.ask("initialize", params).await?;
        let revision = answer["protocolVersion"].as_str().unwrap_or_default();
        if REVISIONS.contains(&revision) {
            return Ok(revision.to_owned());
        }
        Err(format!("the server speaks the MCP revision '{revision}', which the gateway does not"))
    }

    /// Lists every tool of the target, in its order.
    pub(super) async fn tools(&mut self) -> Result<Vec<Value>, String> {
        let mut tools = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
            let mut page = self.ask("tools/list", params).await?;
            let Value::Array(listed) = page["tools"].take() else {
                return Err("the answer to tools/list has no tools".to_owned());
            };
            if let Some(problem) = listed.iter().find_map(|tool| serde_json::from_value::<Tool>(tool.clone()).err()) {
                return Err(format!("the answer to tools/list has an entry that is not a tool: {problem}"));
            }
            tools.extend(listed);
            let next = page["nextCursor"].take();
            if next.is_null() {
                return Ok(tools);
            }
            if next == cursor {
                return Err("the server repeats a page of its tools forever".to_owned());
            }
            cursor = next;
        }
    }

    /// Calls a tool by the name the target knows it by.
    pub(super) async fn call(&mut self, name: &str, arguments: Option<Map<String, Value>>) -> Result<Value, String> {
        let mut params = json!({"name": name});
        if let Some(arguments) = arguments {
            params["arguments"] = Value::Object(arguments);
        }
        self.ask("tools/call", params).await
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.requests += 1;
        let id = json!(self.requests);
        let response = self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await?;
        let messages = messages(&response);
        // The platform in front of the server does not always repeat the id in its errors.
        let mine = |message: &&Value| message["id"] == id || message["error"].is_object();
        let mut message = messages.iter().find(mine).cloned().ok_or_else(|| {
            let text: String = String::from_utf8_lossy(response.body()).chars().take(SHOWN).collect();
            format!("the answer to {method} is not MCP: {text}")
        })?;
        if let Some(error) = message.get("error") {
            return Err(format!(
                "{method} failed: {} ({})",
                error["message"].as_str().unwrap_or_default(),
                error["code"]
            ));
        }
        Ok(message["result"].take())
    }

    async fn send(&mut self, message: &Value) -> Result<Response<Vec<u8>>, String> {
        let host = self.endpoint.authority().map_or("", http::uri::Authority::as_str);
        let mut request = Request::post(self.endpoint.clone())
            .header("host", host)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(message.to_string().into_bytes())
            .map_err(|problem| problem.to_string())?;
        let known = [("mcp-session-id", &self.session), ("mcp-protocol-version", &self.revision)];
        for (name, value) in known {
            if let Some(value) = value {
                request.headers_mut().insert(name, value.clone());
            }
        }
        self.outbound.authorize(self.aws, &mut request)?;
        let settings = self.aws.settings();
        let data_plane = format!("bedrock-agentcore.{}.{}", settings.region, settings.dns_suffix);
        let response = if host == data_plane && is_data_plane(self.endpoint.path()) {
            let reply = self.aws.serve_data_plane(&request).await;
            let response = match reply.into_response() {
                Ok(response) => collected(response).await,
                Err(lost) => Err(lost),
            };
            response.map_err(|problem| format!("{host}: {problem}"))?
        } else {
            let server = self.aws.with(|world| world.mcp_servers.reached_at(host, self.through_vpc));
            server.ok_or_else(|| format!("no connection to {host}"))?.handle(request).await
        };
        if !response.status().is_success() {
            return Err(refusal(&response));
        }
        if let Some(session) = response.headers().get("mcp-session-id") {
            self.session = Some(session.clone());
        }
        Ok(response)
    }
}

/// Describes an answer that is not a success.
fn refusal(response: &Response<Vec<u8>>) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let said = [&body["message"], &body["error"]["message"]].into_iter().find_map(Value::as_str);
    let text = String::from_utf8_lossy(response.body());
    let text: String = said.unwrap_or(&text).chars().take(SHOWN).collect();
    format!("HTTP {}: {text}", response.status().as_u16())
}

/// Returns the JSON-RPC messages in an answer.
fn messages(response: &Response<Vec<u8>>) -> Vec<Value> {
    let content_type = response.headers().get("content-type").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(response.body());
    if !content_type.starts_with("text/event-stream") {
        return serde_json::from_str(&text).into_iter().collect();
    }
    let data = |event: &str| -> String { event.lines().filter_map(|line| line.strip_prefix("data:")).collect() };
    text.split("\n\n").filter_map(|event| serde_json::from_str(&data(event)).ok()).collect()
}
