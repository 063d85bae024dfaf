//! An MCP server as its client sees it: the official SDK over our own HTTP, signed or with a bearer token.
//!
//! Protocol revisions: newest first through `server/discover`; a server that does not know it is asked again with the
//! `initialize` of the older revisions, whose answer may name an older one still.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use rmcp::ServiceExt;
use rmcp::model::{PaginatedRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, Peer, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use tokio::time::timeout;

use crate::aws::Context;
use crate::sensitive::Sensitive;

mod transport;
pub(crate) mod url;

pub use transport::Seen;
use transport::Transport;

/// The service name that AgentCore's data plane is signed for.
const SIGNING_NAME: &str = "bedrock-agentcore";
/// A cold start may take 30 s, which the platform then reports; one more exchange has to fit behind it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);
/// Bounds of a catalogue: a thousand tools come on some thirty pages, and their names take some 30 KB.
const PAGES_MAX: usize = 200;
const TOO_MANY_PAGES: &str = "lists its tools on more than 200 pages; let it list more on a page, or enable fewer";
const TOOLS_MAX: usize = 10_000;
const TOO_MANY_TOOLS: &str = "lists more than 10000 tools; let it enable fewer";
const NAMES_BYTES_MAX: usize = 1 << 20;
const NAMES_TOO_LONG: &str = "lists tools whose names take more than 1 MiB; let it enable fewer";
const REPEATING: &str = "repeats a page of its tools for ever; correct the `nextCursor` of its tools/list";

/// How requests are authorized.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Signed as the function's role.
    SigV4,
    /// With a token.
    Bearer(Sensitive),
    /// Not at all.
    Nothing,
}

/// How a server is asked.
#[derive(Clone, Debug)]
pub struct Access {
    /// What authorizes each request.
    pub credential: Credential,
    /// Further headers of each request, with lower-case names. Their values are secret.
    pub headers: Vec<(String, Sensitive)>,
}

impl From<&Credential> for Access {
    fn from(credential: &Credential) -> Self {
        Self { credential: credential.clone(), headers: Vec::new() }
    }
}

/// What a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// The server's name for itself.
    pub server_name: String,
    /// The server's version.
    pub server_version: String,
    /// The protocol revision agreed on.
    pub protocol_version: String,
    /// The names of its tools, in the server's order.
    pub tools: Vec<String>,
}

/// Why there is no catalogue.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The last thing seen on the wire, if anything was.
    pub seen: Option<Seen>,
    /// The SDK's words.
    pub problem: String,
    /// What the server sends too much of, if that is why: "lists …; what to do". It would do so again.
    pub excess: Option<&'static str>,
}

/// Asks the server at `url` for all its tools, in a session of its own that is ended afterwards.
pub async fn catalogue(context: &Context, url: &str, access: impl Into<Access>) -> Result<Catalogue, Refusal> {
    let transport = Transport::new(context, url, access.into());
    let asking = async {
        let service = open(&transport).await?;
        let tools = list(&transport, service.peer()).await;
        let info = service.peer_info();
        // Ends the session, and with it the microVM that served it.
        let _ = service.cancel().await;
        let (tools, info) = (tools?, info.ok_or("the server did not introduce itself")?);
        // The newest revision does not oblige a server to name itself.
        let (server_name, server_version) =
            info.server_info.as_ref().map(|server| (server.name.clone(), server.version.clone())).unwrap_or_default();
        Ok(Catalogue { server_name, server_version, protocol_version: info.protocol_version.to_string(), tools })
    };
    let outcome = timeout(ATTEMPT_TIMEOUT, asking)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs())));
    outcome.map_err(|problem| transport.refusal(problem))
}

/// A session with the server at `url`, through which its tools can be called. Whoever opens it cancels it.
pub async fn session(
    context: &Context,
    url: &str,
    access: impl Into<Access>,
) -> Result<RunningService<RoleClient, ()>, Refusal> {
    let transport = Transport::new(context, url, access.into());
    open(&transport).await.map_err(|problem| transport.refusal(problem))
}

async fn open(transport: &Transport) -> Result<RunningService<RoleClient, ()>, String> {
    let modern = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    match ().serve_with_lifecycle(connect(transport), modern).await {
        Ok(service) => Ok(service),
        Err(error) if transport.seen().is_none_or(|seen| !seen.speaks_older_revision()) => Err(error.to_string()),
        Err(_) => ().serve(connect(transport)).await.map_err(|error| error.to_string()),
    }
}

fn connect(transport: &Transport) -> StreamableHttpClientTransport<Transport> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(transport.url());
    // A session that is gone is the next attempt's matter.
    config.reinit_on_expired_session = false;
    StreamableHttpClientTransport::with_client(transport.clone(), config)
}

async fn list(transport: &Transport, peer: &Peer<RoleClient>) -> Result<Vec<String>, String> {
    let excess = |what: &'static str| {
        transport.exceed(what);
        Err(format!("the server {what}"))
    };
    let mut tools = Vec::new();
    let mut bytes = 0;
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let page = peer
            .list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor.clone())))
            .await
            .map_err(|error| error.to_string())?;
        bytes += page.tools.iter().map(|tool| tool.name.len()).sum::<usize>();
        if tools.len() + page.tools.len() > TOOLS_MAX {
            return excess(TOO_MANY_TOOLS);
        }
        if bytes > NAMES_BYTES_MAX {
            return excess(NAMES_TOO_LONG);
        }
        tools.extend(page.tools.into_iter().map(|tool| tool.name.into_owned()));
        if page.next_cursor.is_none() {
            return Ok(tools);
        }
        if page.next_cursor == cursor {
            return excess(REPEATING);
        }
        cursor = page.next_cursor;
    }
    excess(TOO_MANY_PAGES)
}

/// The headers that authorize one request; a signature is one for `region`.
async fn authorize(
    context: &Context,
    region: &str,
    credential: &Credential,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<(String, String)>, String> {
    match credential {
        Credential::Nothing => Ok(Vec::new()),
        Credential::Bearer(token) => Ok(vec![("authorization".to_owned(), format!("Bearer {}", token.expose()))]),
        Credential::SigV4 => {
            signature(context, region, method, url, headers, body).await.map_err(|error| error.to_string())
        }
    }
}

async fn signature(
    context: &Context,
    region: &str,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity: Identity = context.credentials.provide_credentials().await?.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SIGNING_NAME)
        .time(context.now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let request = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    let (signed, _) = instructions.into_parts();
    Ok(signed.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
}
