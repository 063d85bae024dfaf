//! The behaviour of an image, which a test chooses.

use std::time::Duration;

use super::refusal::RefusalStyle;

/// The behaviour of an image when it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, and tests combine them")]
pub struct Behaviour {
    /// `serverInfo.name`.
    pub server_name: String,
    /// `serverInfo.version`.
    pub server_version: String,
    /// The number of tools: `tool_001` and so on.
    pub tools: usize,
    /// The beginning of the tools' names, before `_001` and so on.
    pub tool_name: String,
    /// Tools on one page of `tools/list`.
    pub page_size: usize,
    /// True if the server keeps MCP sessions of its own, and refuses requests outside of one. Sessions end with
    /// revision 2025-11-25: requests of a later one are served without.
    pub stateful: bool,
    /// The form of its answers.
    pub answers: AnswerForm,
    /// The MCP revisions it supports, newest first.
    pub revisions: Vec<String>,
    /// The form in which it refuses a revision or a method that it does not know.
    pub refusal: RefusalStyle,
    /// True if it answers the offer of an unknown revision with one of its own, as it should. Otherwise it refuses.
    pub counters: bool,
    /// True if it answers `server/discover` of the newest revision, and refuses everything else of it.
    pub discovers_only: bool,
    /// True if it has tools to list at all; otherwise it does not know `tools/list`.
    pub offers_tools: bool,
    /// The hints of its tools' annotations. Without any of them, its tools have no annotations.
    pub hints: Hints,
    /// The key of a credential for the API behind it, in its secret or environment, and the value that the API accepts.
    /// With another value its tools fail.
    pub upstream: Option<(String, String)>,
    /// True if its lists have malformed tools among the others: five more, one of them with a name.
    pub malformed_tools: bool,
    /// True if its event streams have other events before the answer.
    pub noisy_events: bool,
    /// The course of its start.
    pub start: Start,
    /// True if it reads a secret when it starts, if the environment names one.
    pub reads_secret: bool,
    /// The environment variable that names the secret.
    pub secret_variable: String,
    /// Keys that, once it has read a secret, must have a value there or in the environment: else it exits. `A|B` is
    /// satisfied by either.
    pub required_keys: Vec<String>,
    /// True if it prints the values of the secret that it read, as a careless server does.
    pub prints_secret: bool,
    /// A header, with a lower-case name, and its value: requests without it are refused with 401.
    pub api_key: Option<(String, String)>,
    /// A query parameter and its value: requests without it are refused in the same way.
    pub query_key: Option<(String, String)>,
    /// The demands on its callers in addition to the platform's.
    pub caller_check: CallerCheck,
    /// The HTTP status with which it answers a POST to any other path than `/mcp`, such as that of a warm-up hook.
    pub elsewhere: u16,
    /// The body of all its answers as an [`AnswerForm::Page`].
    pub page: String,
}

/// The hints of a tool about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`.
    pub destructive: Option<bool>,
}

/// The form of an MCP server's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// `application/json`. A stateful server still answers with event streams.
    Json,
    /// `text/event-stream`.
    Sse,
    /// A page of this content type, as from a web server that is not an MCP server.
    Page(&'static str),
    /// The status of an error, and the page as JSON.
    Status(u16),
    /// A redirect to this address.
    Redirect(&'static str),
}

/// The demands of a server on its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerCheck {
    /// Nothing.
    Nothing,
    /// The headers of the mode that its environment names, in the variables of the Zscaler MCP server.
    AsEnvironmentSays,
}

/// The course of a container's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// It serves after so long.
    Normal(Duration),
    /// It prints this, its last words, and exits.
    Crash(String),
    /// The first start takes so long, later ones as long as a normal one.
    SlowOnce(Duration),
}

/// The time that a start takes by default.
pub(crate) const START: Duration = Duration::from_secs(2);

const PAGE: &str = "<!doctype html><html><head><title>Welcome</title></head><body>It works!</body></html>";

/// MCP revisions, newest first.
pub const REVISIONS: [&str; 4] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"];

impl Default for Behaviour {
    /// Returns a well-behaved server: stateless, JSON, every revision, three tools, no secret.
    fn default() -> Self {
        Self {
            server_name: "emulated-mcp-server".to_owned(),
            server_version: "1.0.0".to_owned(),
            tools: 3,
            tool_name: "tool".to_owned(),
            page_size: 100,
            stateful: false,
            answers: AnswerForm::Json,
            revisions: REVISIONS.map(str::to_owned).to_vec(),
            refusal: RefusalStyle::InvalidRequest,
            counters: true,
            discovers_only: false,
            offers_tools: true,
            hints: Hints::default(),
            upstream: None,
            malformed_tools: false,
            noisy_events: false,
            start: Start::Normal(START),
            reads_secret: false,
            secret_variable: "SECRET_NAME".to_owned(),
            required_keys: Vec::new(),
            prints_secret: false,
            api_key: None,
            query_key: None,
            caller_check: CallerCheck::Nothing,
            elsewhere: 404,
            page: PAGE.to_owned(),
        }
    }
}

impl Behaviour {
    /// Returns the Zscaler MCP server: without a secret to read it starts with its environment, whatever that holds.
    #[must_use]
    pub fn zscaler() -> Self {
        let required = ["ZSCALER_CLIENT_ID", "ZSCALER_CLIENT_SECRET|ZSCALER_PRIVATE_KEY"];
        Self {
            server_name: "Zscaler MCP Server".to_owned(),
            server_version: "0.15.4".to_owned(),
            reads_secret: true,
            secret_variable: "ZSCALER_SECRET_NAME".to_owned(),
            required_keys: required.map(str::to_owned).to_vec(),
            caller_check: CallerCheck::AsEnvironmentSays,
            ..Self::default()
        }
    }
}
