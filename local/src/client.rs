//! An MCP client of the deployed server: what a user of the stack would do next.

use emulator::aws::Aws;
use emulator::cloudformation::StackResource;
use emulator::service::Principal;
use provisioner::mcp::{self, Credential};
use rmcp::model::CallToolRequestParams;
use serde_json::Value;

use crate::handler;

/// Lists the server's tools as the account's administrator and calls the first one; says what came back, a line each.
///
/// # Errors
/// The server does not answer.
pub(crate) async fn call(aws: &Aws, runtime: &StackResource) -> Result<Vec<String>, String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    if text(runtime.properties.get("InboundAuth")) == "JWT" {
        return Ok(vec!["takes tokens only; see VerificationResult for the check without one".to_owned()]);
    }
    let url = text(runtime.attributes.get("McpUrl"));
    let context = handler::context(aws, &Principal::Administrator);
    let session = mcp::session(&context, &url, &Credential::SigV4).await.map_err(|refusal| refusal.problem)?;
    let used = use_first_tool(&session).await;
    let _ = session.cancel().await;
    used
}

async fn use_first_tool(session: &rmcp::service::RunningService<rmcp::RoleClient, ()>) -> Result<Vec<String>, String> {
    let tools = session.list_all_tools().await.map_err(|error| error.to_string())?;
    let mut lines = vec![format!("{} tools", tools.len())];
    if let Some(tool) = tools.first() {
        let called = session.call_tool(CallToolRequestParams::new(tool.name.clone())).await;
        let called = called.map_err(|error| format!("{}: {error}", tool.name))?;
        let answer = serde_json::to_value(&called.content).unwrap_or_default();
        let answer = answer[0]["text"].as_str().unwrap_or("(no text)").to_owned();
        lines.push(format!("{} → {answer}", tool.name));
    }
    Ok(lines)
}
