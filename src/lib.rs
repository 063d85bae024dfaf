//! A Lambda behind CloudFormation custom resources that provisions Amazon Bedrock AgentCore deployments.
//!
//! The way of one event through the code:
//!
//! ```text
//! main ─▶ handler ─▶ event (decode) ─▶ resource (dispatch on ResourceType) ─▶ resource/secret, runtime, mcp_probe
//!            │                                                                     │ properties, wait, aws, mcp, oauth
//!            └◀── response (exactly one) ◀───────────── Success | Failure ◀────────┘
//! ```
//!
//! Nothing here knows a particular MCP server: what is specific to one stands in its template.

mod agentcore;
pub mod authorizer;
pub mod aws;
pub mod error;
pub mod event;
pub mod handler;
pub mod http;
pub mod identity;
pub mod job;
pub mod logging;
pub mod mcp;
pub mod oauth;
pub mod properties;
pub mod resource;
pub mod response;
mod rollback;
pub mod sensitive;
pub mod stored_secret;
pub mod wait;
