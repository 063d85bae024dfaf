//! An MCP client that uses the deployed stack as its user would.

use std::time::Duration;

use cloudformation::StackResource;
use emulator::aws::Aws;
use emulator::service::Principal;
use provisioner::aws::Context;
use provisioner::mcp::{Access, Credential, Refusal, ServerUrl, Session};
use provisioner::oauth::{self, ClientCredentials, Discovery};
use provisioner::sensitive::{Mask, Sensitive};
use provisioner::wait::Deadline;
use serde_json::{Value, json};

use crate::handler;

/// The longest that the identity provider may take for a token.
const TOKEN_TIMEOUT: Duration = Duration::from_mins(1);
/// The tool that a gateway with semantic search adds to those of its targets.
const SEARCH_TOOL: &str = "x_amz_bedrock_agentcore_search";
/// The number of tools that are named in a list.
const SHOWN: usize = 5;
/// The words in which a runtime's own policy refuses a caller.
const POLICY_DENIAL: &str = "explicit deny in a resource-based policy";

/// The use that a client makes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It lists the tools.
    ListTools,
    /// It lists the tools and calls the first one.
    CallTool,
}

/// Authenticates a user of a stack who is not the account's administrator.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The headers that the server demands.
    pub headers: Vec<(String, Sensitive)>,
    /// The client at the identity provider.
    pub client: Option<ClientCredentials>,
}

/// Uses the server at a runtime's or a gateway's address. Returns the outcome in lines. Signs
/// as the account's administrator, or gets a token for the client.
///
/// # Errors
/// The server does not answer.
pub async fn call(
    aws: &Aws,
    resource: &StackResource,
    credentials: Credentials,
    usage: Usage,
) -> Result<Vec<String>, String> {
    let attribute = |name: &str| resource.attributes.get(name).and_then(Value::as_str).map(str::to_owned);
    let url = attribute("McpUrl").or_else(|| attribute("GatewayUrl")).unwrap_or_default();
    let context = handler::context(aws, &Principal::Administrator);
    let credential = match (discovery_url(aws, resource), &credentials.client) {
        (None, _) => Credential::SigV4,
        (Some(discovery_url), Some(client)) => Credential::Bearer(token(&context, &discovery_url, client).await?),
        (Some(_), None) => {
            return Ok(vec!["takes tokens only; see VerificationResult for the check without one".to_owned()]);
        }
    };
    let access = Access { credential, headers: credentials.headers, caller: "local".to_owned() };
    let server = ServerUrl::parse(&url).map_err(|problem| format!("{url} {problem}"))?;
    let opened = Session::open(&context, &server, access).await.map_err(|refusal| said(&refusal));
    if is_locked(resource) {
        return match opened {
            Err(words) if words.contains(POLICY_DENIAL) => {
                Ok(vec!["refuses this caller, whom `AllowedCallers` does not name".to_owned()])
            }
            Err(words) => Err(words),
            Ok(_) => Err("answers a caller whom `AllowedCallers` does not name".to_owned()),
        };
    }
    let mut session = opened?;
    let used = use_tools(&mut session, usage).await;
    session.end().await;
    used
}

/// Returns true if the template lets only callers in that it names. The administrator is not one of them.
fn is_locked(resource: &StackResource) -> bool {
    resource.properties.get("AllowedCallers").and_then(Value::as_array).is_some_and(|callers| !callers.is_empty())
}

/// Returns the URL of the discovery document if the resource takes tokens, and `None` if it takes signatures.
fn discovery_url(aws: &Aws, resource: &StackResource) -> Option<String> {
    let now = aws.clock().now();
    aws.with(|world| {
        let id = resource.physical_id.as_deref().unwrap_or_default();
        let authorizer = match id.split_once('/') {
            Some((gateway, _)) => world.agentcore.gateway(gateway, now)?.jwt_authorizer(),
            None => world.agentcore.runtime(id, now)?.configuration().jwt_authorizer(),
        };
        authorizer?["discoveryUrl"].as_str().map(str::to_owned)
    })
}

/// Gets a token for the client.
async fn token(context: &Context, discovery_url: &str, client: &ClientCredentials) -> Result<Sensitive, String> {
    let deadline = Deadline::after(TOKEN_TIMEOUT);
    let discovery = Discovery::of_live("stack", discovery_url).map_err(|error| error.to_string())?;
    let metadata = oauth::discover(context, deadline, &discovery).await.map_err(|error| error.to_string())?;
    let token =
        oauth::mint(context, deadline, &Mask::default(), &metadata, client).await.map_err(|error| error.to_string())?;
    Ok(token.value)
}

/// Quotes the server's own message. Returns an empty string if it sent none.
fn said(refusal: &Refusal) -> String {
    match &refusal.seen {
        Some(seen) if !seen.text.is_empty() => format!("HTTP {}: {}", seen.status, seen.text),
        Some(seen) => format!("HTTP {}", seen.status),
        None => refusal.problem.clone(),
    }
}

async fn use_tools(session: &mut Session, usage: Usage) -> Result<Vec<String>, String> {
    let tools = session.tools().await.map_err(|refusal| said(&refusal))?;
    if usage == Usage::ListTools {
        let shown = tools.iter().take(SHOWN).map(|tool| format!("  {tool}"));
        let rest = (tools.len() > SHOWN).then(|| "  …".to_owned());
        return Ok([format!("{} tools", tools.len())].into_iter().chain(shown).chain(rest).collect());
    }
    let mut lines = vec![format!("{} tools", tools.len())];
    if let Some(tool) = tools.iter().find(|tool| *tool != SEARCH_TOOL) {
        let called = session.call(tool, json!({})).await;
        let called = called.map_err(|refusal| format!("{tool}: {}", said(&refusal)))?;
        let answer = called["content"][0]["text"].as_str().unwrap_or("(no text)").to_owned();
        lines.push(format!("{tool} → {answer}"));
    }
    Ok(lines)
}
