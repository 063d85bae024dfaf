//! A client of an MCP server, in every revision of the protocol and tolerant of faulty answers.
//!
//! The official SDK is strict, whereas this client has to find out if a server works at all: it reads as little of an
//! answer as it needs, tries every revision before it gives up, and keeps what was seen on the wire for a sentence.
//!
//! Revisions: the newest first, through `server/discover`. Every answer other than a good one leads to the `initialize`
//! of the older revisions, without a version header, because it negotiates in its body. A server that refuses the
//! offered revision instead of naming its own is offered the next older one. A refusal by error -32022 names the revisions
//! that the server supports, and the newest common one is tried next, once. Only a request that AgentCore itself
//! certainly refuses is not sent in another revision. All requests of an attempt are in one session of the platform, so
//! that it starts one container.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::aws::Context;
use crate::sensitive::Sensitive;

mod answer;
mod client;
mod events;
mod origin;
mod tools;
pub mod url;
mod wire;

pub use answer::LastResponse;
use client::Client;
pub use origin::PlatformRefusal;

/// The maximum time of one attempt. The platform reports a cold start after up to 30 s, and one more exchange has to
/// fit behind it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);
/// The maximum time of one call of a tool, which waits for what is behind the server.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// The way in which requests are authorized.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Requests are signed as the function's role.
    SigV4,
    /// Requests carry a token.
    Bearer(Sensitive),
    /// Requests are not authorized.
    Nothing,
}

/// The credential, the headers and the caller with which a server is asked.
#[derive(Clone, Debug)]
pub struct Access {
    /// The credential that authorizes each request.
    pub credential: Credential,
    /// Further headers of each request, with lower-case names. Their values are secret.
    pub headers: Vec<(String, Sensitive)>,
    /// The caller, so that two callers at the same time do not share a session.
    pub caller: String,
}

impl From<&Credential> for Access {
    fn from(credential: &Credential) -> Self {
        Self { credential: credential.clone(), headers: Vec::new(), caller: String::new() }
    }
}

/// The server's name, its version and its tools.
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
    /// The names of those whose annotations say that they change something.
    pub changing: Vec<String>,
}

/// A call of one tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The tool's name.
    pub tool: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
}

/// The reason why a server is not proven to work.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The server does not list its tools.
    List(Refusal),
    /// The server lists the tool, and does not answer its call with a result.
    Call(Refusal),
    /// The tool failed, with these words of its own.
    Tool(String),
    /// The tool's result is not one, for this reason.
    Result(&'static str),
}

/// The reason why there is no catalogue.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The last answer seen on the wire, if there was one.
    pub seen: Option<Box<LastResponse>>,
    /// The problem of that answer, or of the connection.
    pub problem: String,
    /// The excess, if the server sends too much: "lists …; what to do". The next answer would be the same.
    pub excess: Option<&'static str>,
    /// True if the connection or the time was the problem, and not the server's answer.
    pub transient: bool,
    /// True if the server had accepted a revision before.
    pub accepted: bool,
    /// The revisions that were refused, with the refusals.
    pub tried: Vec<Tried>,
}

impl Failure {
    /// Returns the refusal, if the server refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::List(refusal) | Self::Call(refusal) => Some(refusal),
            Self::Tool(_) | Self::Result(_) => None,
        }
    }
}

/// A revision that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The revision.
    pub revision: &'static str,
    /// The refusal: "HTTP 400, error -32600".
    pub how: String,
}

/// Lists all tools of the server at `url`, in a session of its own that is ended afterwards. May run twice.
pub async fn catalogue(context: &Context, url: &str, access: impl Into<Access>) -> Result<Catalogue, Refusal> {
    let mut client = Client::new(context, url, access.into());
    let listed = list(&mut client).await;
    client.end().await;
    listed
}

/// Does the same, and calls a tool in the same session if the catalogue `admits` it. May run twice, and so may the tool.
pub async fn catalogue_and_call(
    context: &Context,
    url: &str,
    access: impl Into<Access>,
    call: &Call,
    admits: impl Fn(&Catalogue) -> bool,
) -> Result<Catalogue, Failure> {
    let mut client = Client::new(context, url, access.into());
    let proven = match list(&mut client).await {
        Ok(catalogue) if admits(&catalogue) => try_call(&mut client, call).await.map(|()| catalogue),
        listed => listed.map_err(Failure::List),
    };
    client.end().await;
    proven
}

async fn list(client: &mut Client) -> Result<Catalogue, Refusal> {
    let listed = timeout(ATTEMPT_TIMEOUT, client.catalogue()).await;
    listed.unwrap_or_else(|_| Err(client.out_of_time(ATTEMPT_TIMEOUT)))
}

async fn try_call(client: &mut Client, Call { tool, arguments }: &Call) -> Result<(), Failure> {
    let called = timeout(CALL_TIMEOUT, client.call(tool, arguments)).await;
    let called = called.unwrap_or_else(|_| Err(client.out_of_time(CALL_TIMEOUT)));
    tools::succeeded(&called.map_err(Failure::Call)?)
}

/// A session in which tools can be called.
pub struct Session(Client);

impl Session {
    /// Opens a session with the server at `url`. The caller has to end it.
    pub async fn open(context: &Context, url: &str, access: impl Into<Access>) -> Result<Self, Refusal> {
        let mut client = Client::new(context, url, access.into());
        client.open().await?;
        Ok(Self(client))
    }

    /// Lists the names of all tools.
    pub async fn tools(&mut self) -> Result<Vec<String>, Refusal> {
        self.0.tools().await
    }

    /// Calls a tool. Returns its result as the server sent it.
    pub async fn call(&mut self, name: &str, arguments: impl Serialize) -> Result<Value, Refusal> {
        let result = self.0.call(name, &arguments).await?;
        Ok(serde_json::from_str(result.get()).unwrap_or_default())
    }

    /// Ends the session.
    pub async fn end(mut self) {
        self.0.end().await;
    }
}
