//! The conversation with one server: the choice of the revision, the list of its tools, and the end of the session.

use std::collections::VecDeque;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::access::Access;
use super::answer::{LastResponse, Unread, read};
use super::origin::PlatformRefusal;
use super::outcome::{Catalogue, Refusal, Tried};
use super::tools::{Pages, Tools};
use super::url::ServerUrl;
use super::wire::Wire;
use crate::aws::Context;
use crate::http::NoReply;
use crate::json::Lenient;

/// The revision without a handshake.
const NEWEST: &str = "2026-07-28";
/// Revisions in the order in which they are tried.
const REVISIONS: [&str; 4] = [NEWEST, "2025-11-25", "2025-06-18", "2025-03-26"];
/// The revision that is spoken with servers that name it, and not offered to others.
const OLDEST: &str = "2024-11-05";
const SESSION: &str = "mcp-session-id";
/// The code of an error that names the revisions that the server supports (MCP 2026-07-28).
const UNSUPPORTED_REVISION: i64 = -32_022;
/// JSON-RPC's code for a method that the server does not have.
const METHOD_NOT_FOUND: i64 = -32_601;
/// Codes of errors that say nothing about what a server has: JSON-RPC's for a failure inside, and the one that SDKs
/// have for a time-out or a lost session.
const FAILED: [i64; 2] = [-32_603, -32_001];
/// A server that has begun to answer server/discover ends its answer within this time. One that does not know the
/// method may open a stream and leave it open.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);
const DISCOVERY: &str = "server/discover";
/// The maximum time to wait for the end of a session, on which nothing depends.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The failure of a request.
#[derive(Clone)]
enum Failure {
    /// No answer came: the connection's own words.
    NoAnswer(String),
    /// Nothing was sent, and a repeat would not change that: the reason.
    NotSent(String),
    /// The answer holds no result.
    Unread(Unread),
}

/// The members that are read of a server's introduction of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Introduction {
    #[serde(default)]
    supported_versions: Vec<String>,
    protocol_version: Option<String>,
    #[serde(default)]
    capabilities: Lenient<Capabilities>,
    #[serde(default)]
    server_info: Lenient<ServerInfo>,
    #[serde(default, rename = "_meta")]
    meta: Lenient<Meta>,
}

#[derive(Deserialize)]
struct Capabilities {
    tools: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ServerInfo {
    #[serde(default)]
    name: Lenient<String>,
    #[serde(default)]
    version: Lenient<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, rename = "io.modelcontextprotocol/serverInfo")]
    server_info: Lenient<ServerInfo>,
}

pub(super) struct Client {
    wire: Wire,
    /// The revisions that were refused.
    tried: Vec<Tried>,
    /// The revisions that are left to try, in their order.
    left: VecDeque<&'static str>,
    /// True if a revision was tried because a refusal named it. This happens once.
    has_followed: bool,
    /// The finding that counts if the server takes none of the revisions that are left.
    kept: Option<Result<Catalogue, Refusal>>,
    /// The revision agreed on.
    revision: Option<String>,
    /// The session that the server, or the platform for it, has given out.
    session: Option<String>,
    /// A session named by an answer of an older revision, also by one that was refused.
    named: Option<String>,
    /// The server's introduction in the revision agreed on.
    introduction: Option<Introduction>,
    /// The pages of tools that were listed in this revision.
    pages: usize,
    requests: u64,
    /// The answer to the last request, if there is one.
    seen: Option<LastResponse>,
}

impl Client {
    pub(super) fn new(context: &Context, server: &ServerUrl, access: Access) -> Self {
        Self {
            wire: Wire::new(context, server, access),
            tried: Vec::new(),
            left: REVISIONS.into(),
            has_followed: false,
            kept: None,
            revision: None,
            session: None,
            named: None,
            introduction: None,
            pages: 0,
            requests: 0,
            seen: None,
        }
    }

    /// Lists the server's tools, in the newest revision that it answers in.
    pub(super) async fn catalogue(&mut self) -> Result<Catalogue, Refusal> {
        loop {
            if let Err(failure) = self.negotiate().await {
                return self.conclude(failure);
            }
            match self.list().await {
                Ok(tools) => return Ok(self.introduced(tools)),
                // A server may know the newest revision's discovery and nothing else of it.
                Err(failure) if self.is_newest() && self.may_continue(&failure) => {
                    let without_tools = self.has_no_tools(&failure).then(|| self.introduced(Tools::default()));
                    self.note(NEWEST, &failure);
                    self.kept = Some(without_tools.ok_or_else(|| self.refusal(failure)));
                }
                Err(failure) if self.has_no_tools(&failure) => return Ok(self.introduced(Tools::default())),
                Err(failure) => return Err(self.refusal(failure)),
            }
        }
    }

    /// Tries the revisions until the server takes one.
    pub(super) async fn open(&mut self) -> Result<(), Refusal> {
        let Err(failure) = self.negotiate().await else { return Ok(()) };
        self.conclude(failure).map(drop)
    }

    /// Tries the revisions that were not tried yet until the server takes one. The failure is the last one.
    async fn negotiate(&mut self) -> Result<(), Failure> {
        let mut last = Failure::NoAnswer("no revision is left".to_owned());
        while let Some(revision) = self.next_revision() {
            // Nothing that an answer in another revision said holds for this one.
            (self.revision, self.session, self.introduction, self.pages) = (None, None, None, 0);
            let opened = if revision == NEWEST { self.discover().await } else { self.initialize(revision).await };
            let Err(failure) = opened else { return Ok(()) };
            if !self.may_continue(&failure) {
                return Err(failure);
            }
            self.note(revision, &failure);
            // A refusal that may pass says more than the refusals of older revisions: see `conclude`.
            if self.kept.is_none() && self.may_pass(&failure) {
                self.kept = Some(Err(self.refusal(failure.clone())));
            }
            last = failure;
        }
        Err(last)
    }

    /// Returns the revision to try now: the newest one that the last refusal names and that is spoken here, else the next
    /// one that is left. A server that goes on refusing what it names is not followed again, nor into the newest revision
    /// if that has led to a finding.
    fn next_revision(&mut self) -> Option<&'static str> {
        let refusal =
            self.seen.as_ref().filter(|seen| seen.rpc_code == Some(UNSUPPORTED_REVISION) && !self.has_followed);
        let mut followed = spoken().filter(|revision| *revision != NEWEST || self.kept.is_none());
        let named = refusal.and_then(|seen| followed.find(|revision| seen.supported.iter().any(|it| it == revision)));
        let Some(named) = named else { return self.left.pop_front() };
        self.has_followed = true;
        self.left.retain(|revision| *revision != named);
        Some(named)
    }

    /// Decides which finding counts after the last failure. A refusal of an older revision says less than the server's
    /// earlier answer. A refusal by the platform, or a lost connection, means that the server was not asked to the end.
    fn conclude(&mut self, failure: Failure) -> Result<Catalogue, Refusal> {
        let kept = self.kept.take().filter(|_| self.may_continue(&failure));
        kept.unwrap_or_else(|| Err(self.refusal(failure)))
    }

    async fn discover(&mut self) -> Result<(), Failure> {
        self.revision = Some(NEWEST.to_owned());
        let result = self.ask(DISCOVERY, json!({})).await?;
        let introduction: Option<Introduction> = read(result.get().as_bytes());
        let takes = |it: &Introduction| it.supported_versions.iter().any(|version| version == NEWEST);
        let introduction = introduction.filter(takes).ok_or_else(|| {
            let words = format!("the result of server/discover does not name the revision {NEWEST}");
            Failure::Unread(Unread::NoResult(words))
        });
        self.introduction = Some(introduction?);
        Ok(())
    }

    async fn initialize(&mut self, offered: &str) -> Result<(), Failure> {
        let params = json!({"protocolVersion": offered, "capabilities": {}, "clientInfo": client_info()});
        let result = self.ask("initialize", params).await?;
        let introduction: Option<Introduction> = read(result.get().as_bytes());
        let revision = introduction.as_ref().and_then(|it| it.protocol_version.clone()).unwrap_or_default();
        if !spoken().any(|it| it == revision && it != NEWEST) {
            self.session = None;
            let words = "the result of initialize does not name a revision that the probe speaks".to_owned();
            return Err(Failure::Unread(Unread::NoResult(words)));
        }
        (self.revision, self.introduction) = (Some(revision), introduction);
        // A server that has answered initialize and refuses this notification may still list its tools.
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.post(&initialized, &[]).await?;
        Ok(())
    }

    /// Lists the names of all tools.
    pub(super) async fn tools(&mut self) -> Result<Vec<String>, Refusal> {
        match self.list().await {
            Ok(tools) => Ok(tools.names),
            Err(failure) if self.has_no_tools(&failure) => Ok(Vec::new()),
            Err(failure) => Err(self.refusal(failure)),
        }
    }

    async fn list(&mut self) -> Result<Tools, Failure> {
        let mut pages = Pages::default();
        loop {
            let params = pages.cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
            let result = self.ask("tools/list", params).await?;
            if pages.add(&result).map_err(Failure::Unread)? {
                return Ok(pages.tools);
            }
            self.pages += 1;
        }
    }

    /// Calls a tool. Returns its result as the server sent it.
    pub(super) async fn call(&mut self, name: &str, arguments: &impl Serialize) -> Result<Box<RawValue>, Refusal> {
        let called = self.ask("tools/call", json!({"name": name, "arguments": arguments})).await;
        called.map_err(|failure| self.refusal(failure))
    }

    /// Ends the session of a server that has sessions. The newest revision has none.
    pub(super) async fn end(&mut self) {
        let session = self.session.take().or(self.named.take());
        if session.is_some() && !self.is_newest() {
            let revision = self.revision.clone();
            let headers = headers_of(session.as_deref(), revision.as_deref());
            // The server's answer changes nothing.
            let _ = timeout(END_TIMEOUT, self.wire.send("DELETE", &headers, Vec::new())).await;
        }
    }

    /// Sends a request and returns its result.
    async fn ask(&mut self, method: &str, mut params: Value) -> Result<Box<RawValue>, Failure> {
        self.requests += 1;
        let id = self.requests;
        let mut headers = Vec::new();
        if self.is_newest() {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": NEWEST,
                "io.modelcontextprotocol/clientInfo": client_info(),
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            headers.push(("mcp-method", method.to_owned()));
            headers.extend(params["name"].as_str().map(|name| ("mcp-name", name.to_owned())));
        }
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // The earlier answer says nothing about this request, which may stay without an answer.
        self.seen = None;
        let response = self.post(&message, &headers).await?;
        let session = response.headers().get(SESSION).filter(|it| !it.is_empty()).map(str::to_owned);
        // It is noted before the body is read, because that may take too long.
        let mut seen = LastResponse::of(&response);
        self.seen = Some(seen.clone());
        if !self.is_newest() {
            self.named = session.clone().or(self.named.take());
        }
        let reading = seen.read(id, response.into_body());
        let result = if method == DISCOVERY {
            let unended = || Err(Unread::BrokenOff("the answer to server/discover does not end"));
            timeout(DISCOVERY_TIMEOUT, reading).await.unwrap_or_else(|_| unended())
        } else {
            reading.await
        };
        self.seen = Some(seen);
        let result = result.map_err(Failure::Unread)?;
        // The answer that begins a session names it. Later ones may carry the platform's own id instead, and a refusal
        // may carry an id that belongs to no session.
        self.session = self.session.take().or(session);
        Ok(result)
    }

    async fn post(&self, message: &Value, more: &[(&str, &str)]) -> Result<HttpResponse, Failure> {
        let mut headers = headers_of(self.session.as_deref(), self.revision.as_deref());
        headers.extend(more);
        let sent = self.wire.send("POST", &headers, message.to_string().into_bytes()).await;
        sent.map_err(|problem| match problem {
            NoReply::Refused(refusal) => Failure::NotSent(refusal.to_string()),
            NoReply::Silence(words) => Failure::NoAnswer(words),
        })
    }

    fn is_newest(&self) -> bool {
        self.revision.as_deref() == Some(NEWEST)
    }

    /// Returns true if the server may answer another revision although it did not answer this one.
    fn may_continue(&self, failure: &Failure) -> bool {
        let refused = matches!(failure, Failure::Unread(Unread::NoResult(_) | Unread::BrokenOff(_)));
        let refusal = self.seen.as_ref().map(|seen| seen.platform_refusal(self.wire.place));
        // AgentCore may find a request invalid, too, because of its revision.
        refused && matches!(refusal, Some(None | Some(PlatformRefusal::Other)))
    }

    /// Returns true if the server may accept later the request that it has refused now.
    fn may_pass(&self, failure: &Failure) -> bool {
        let failing = self.seen.as_ref().is_some_and(|seen| matches!(seen.server_status(), 429 | 500..));
        failing || matches!(failure, Failure::Unread(Unread::BrokenOff(_)))
    }

    /// Returns true if a refusal of tools/list means that the server does not have tools: it does not know the method,
    /// or it has not listed tools among its capabilities and refuses the request.
    fn has_no_tools(&self, failure: &Failure) -> bool {
        let Some(seen) = &self.seen else { return false };
        let is_refusal = matches!(failure, Failure::Unread(Unread::NoResult(_))) && self.may_continue(failure);
        if !is_refusal || self.pages > 0 {
            return false;
        }
        let capabilities = self.introduction.as_ref().and_then(|it| it.capabilities.0.as_ref());
        let without = capabilities.is_some_and(|it| it.tools.is_none());
        match (seen.server_status(), seen.rpc_code) {
            (401 | 403 | 429 | 500.., _) => false,
            (_, Some(METHOD_NOT_FOUND)) => true,
            // A session that the server has lost.
            (404, _) if self.session.is_some() => false,
            (400 | 404 | 405, None) => without,
            (200..300 | 400 | 404 | 405, Some(code)) => without && !FAILED.contains(&code),
            _ => false,
        }
    }

    fn introduced(&self, tools: Tools) -> Catalogue {
        let introduction = self.introduction.as_ref();
        // The newest revision does not oblige a server to name itself, and has another place for it.
        let of_meta = || introduction?.meta.0.as_ref()?.server_info.0.as_ref();
        let server = introduction.and_then(|it| it.server_info.0.as_ref()).or_else(of_meta);
        let text = |member: fn(&ServerInfo) -> &Lenient<String>| {
            server.and_then(|server| member(server).0.clone()).unwrap_or_default()
        };
        let (server_name, server_version) = (text(|it| &it.name), text(|it| &it.version));
        let protocol_version = self.revision.clone().unwrap_or_default();
        let Tools { names, changing } = tools;
        Catalogue { server_name, server_version, protocol_version, tools: names, changing }
    }

    fn note(&mut self, revision: &'static str, failure: &Failure) {
        let Some(seen) = &self.seen else { return };
        let code = seen.rpc_code.map(|code| format!(", error {code}")).unwrap_or_default();
        let how = match (seen.container_status(), failure) {
            (Some(status), _) => format!("HTTP {status}"),
            (None, Failure::Unread(Unread::NoResult(problem))) if seen.status < 300 && seen.rpc_code.is_none() => {
                format!("HTTP {}, {problem}", seen.status)
            }
            (None, Failure::Unread(Unread::BrokenOff(problem))) => format!("HTTP {}, {problem}", seen.status),
            _ => format!("HTTP {}{code}", seen.status),
        };
        self.tried.push(Tried { revision, how });
    }

    fn refusal(&self, failure: Failure) -> Refusal {
        let accepted = self.introduction.is_some();
        let refusal = |problem: String| Refusal {
            seen: self.seen.clone().map(Box::new),
            problem,
            excess: None,
            transient: false,
            accepted,
            tried: self.tried.clone(),
        };
        match failure {
            Failure::NoAnswer(problem) => Refusal { seen: None, transient: true, ..refusal(problem) },
            Failure::NotSent(problem) => Refusal { seen: None, ..refusal(problem) },
            Failure::Unread(Unread::NoResult(problem)) => refusal(problem),
            Failure::Unread(Unread::BrokenOff(problem)) => Refusal { transient: true, ..refusal(problem.to_owned()) },
            Failure::Unread(Unread::Excess(what)) => {
                Refusal { excess: Some(what), ..refusal(format!("the server {what}")) }
            }
        }
    }

    /// Returns the refusal of a server that has not answered within a time.
    pub(super) fn out_of_time(&self, limit: Duration) -> Refusal {
        let problem = format!("no answer within {} s", limit.as_secs());
        Refusal { seen: self.seen.clone().map(Box::new), ..self.refusal(Failure::NoAnswer(problem)) }
    }
}

fn headers_of<'a>(session: Option<&'a str>, revision: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let session = session.map(|session| (SESSION, session));
    session.into_iter().chain(revision.map(|revision| ("mcp-protocol-version", revision))).collect()
}

/// Returns every revision that is spoken, the newest first.
fn spoken() -> impl Iterator<Item = &'static str> {
    REVISIONS.into_iter().chain([OLDEST])
}

fn client_info() -> Value {
    json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")})
}
