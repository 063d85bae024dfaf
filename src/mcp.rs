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
use serde_json::Value;
use tokio::time::timeout;

use crate::aws::Context;

mod access;
mod answer;
mod client;
mod events;
mod origin;
mod outcome;
mod tools;
pub(crate) mod url;
mod wire;

pub use access::{Access, Credential};
pub(crate) use answer::LastResponse;
use client::Client;
pub(crate) use origin::PlatformRefusal;
pub use outcome::Refusal;
pub(crate) use outcome::{Call, Catalogue, Failure};
pub use url::ServerUrl;

/// The maximum time of one attempt. The platform reports a cold start after up to 30 s, and one more exchange has to
/// fit behind it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);
/// The maximum time of one call of a tool, which waits for what is behind the server.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// Lists all tools of the server, in a session of its own that is ended afterwards. May run twice.
pub async fn catalogue(context: &Context, server: &ServerUrl, access: impl Into<Access>) -> Result<Catalogue, Refusal> {
    let mut client = Client::new(context, server, access.into());
    let listed = list(&mut client).await;
    client.end().await;
    listed
}

/// Does the same, and calls a tool in the same session if the catalogue `admits` it. May run twice, and so may the tool.
pub(crate) async fn catalogue_and_call(
    context: &Context,
    server: &ServerUrl,
    access: impl Into<Access>,
    call: &Call,
    admits: impl Fn(&Catalogue) -> bool,
) -> Result<Catalogue, Failure> {
    let mut client = Client::new(context, server, access.into());
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
    /// Opens a session with the server. The caller has to end it.
    pub async fn open(context: &Context, server: &ServerUrl, access: impl Into<Access>) -> Result<Self, Refusal> {
        let mut client = Client::new(context, server, access.into());
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
