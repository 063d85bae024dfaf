//! A request that was let in.

use http::Request;

use crate::agentcore_control::Version;
use crate::container::SessionKey;

pub(super) const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
pub(super) const MCP_SESSION: &str = "mcp-session-id";

/// A request that was let in.
pub(super) struct Invocation<'r> {
    pub(super) version: Version,
    pub(super) session: SessionKey,
    pub(super) request: &'r Request<Vec<u8>>,
}
