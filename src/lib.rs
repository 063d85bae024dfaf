//! A Lambda behind CloudFormation custom resources that provisions Amazon Bedrock AgentCore deployments.
//!
//! The way of one event through the code:
//!
//! ```text
//! main ─▶ handler ─▶ event (decode) ─▶ resource (dispatch on ResourceType) ─▶ resource/<one module per type>
//!            │                                                                     │
//!            └◀── response (exactly one) ◀───────────── Success | Failure ◀────────┘
//! ```
//!
//! One module per type, none of which imports another: `secret`, `runtime`, `oauth2_credential_provider`, `gateway`,
//! `gateway_target`, `mcp_probe`. What they share stands beside `resource`: `properties` (the template's words),
//! `requester` (names, tokens, ownership), `job`, `wait` and `aws` (calls, retries, polling), `agentcore` (what all calls of
//! the control plane have in common), `authorizer` (JWT authorizers and their comparison), `stored_secret`, `oauth` and
//! `mcp` (what is asked of secrets, identity providers and servers), `http` (the one client, with `https_url` and `ssrf`,
//! which decide what is not called), `container_log` (what a container said last), `sensitive` (what is never said aloud).
//!
//! Nothing here knows a particular MCP server: what is specific to one stands in its template.

mod agentcore;
pub mod authorizer;
pub mod aws;
mod code;
mod container_log;
pub mod denial;
pub mod endpoints;
pub mod error;
pub mod event;
pub mod handler;
mod header_name;
pub mod http;
mod https_url;
pub mod job;
mod last_get;
pub mod logging;
pub mod mcp;
pub mod oauth;
mod properties;
pub mod requester;
pub mod resource;
pub mod response;
mod rollback;
pub mod sensitive;
mod ssrf;
pub mod stored_secret;
mod tags;
mod text;
pub mod wait;
