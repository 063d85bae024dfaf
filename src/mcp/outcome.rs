//! The outcomes of questions to a server: its catalogue, or the reason why there is none.

use serde_json::{Map, Value};

use super::answer::LastResponse;

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
pub(crate) struct Call {
    /// The tool's name.
    pub tool: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
}

/// The reason why a server is not proven to work.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
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
    pub(crate) tried: Vec<Tried>,
}

impl Failure {
    /// Returns the refusal, if the server refused.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::List(refusal) | Self::Call(refusal) => Some(refusal),
            Self::Tool(_) | Self::Result(_) => None,
        }
    }
}

/// A revision that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// The revision.
    pub revision: &'static str,
    /// The refusal: "HTTP 400, error -32600".
    pub how: String,
}
