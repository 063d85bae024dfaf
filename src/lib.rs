//! A Lambda behind CloudFormation custom resources that provisions Amazon Bedrock AgentCore deployments.
//!
//! One event travels through the code like this:
//!
//! ```text
//! main ─▶ handler ─▶ event (decode) ─▶ resource (dispatch on ResourceType) ─▶ resource/<one module per type>
//!            │                                                                     │
//!            └◀── response (exactly one) ◀───────────── Success | Failure ◀────────┘
//! ```
//!
//! `resource` lists the types. Each has a module, none of which imports another. The modules next to `resource` hold what
//! they share:
//!
//! - `properties`: the template's words. `requester`: names, tokens, ownership.
//! - `job`, `wait` and `aws`: calls, retries, polling. `stack`: what CloudFormation says about the stack.
//! - `agentcore`: the calls of the control plane, and the engine over them.
//! - `credential_provider`: what both kinds of credential providers share.
//! - `authorizer`: JWT authorizers and their comparison.
//! - `stored_secret`, `oauth` and `mcp`: questions to secrets, identity providers and servers.
//! - `http`: the one client, with `https_url`, `ssrf` and `identity_provider_hosts`, which decide which hosts are not
//!   called.
//! - `json`: members of documents from outside, within bounds. `arn`: ARNs.
//! - `container_log`: the last lines of a container. `sensitive`: secret values, and masking them.
//!
//! Nothing here knows a particular MCP server: the template of a server has everything that is specific to it.

mod agentcore;
mod arn;
mod authorizer;
pub mod aws;
mod code;
mod container_log;
mod credential_provider;
mod denial;
pub mod endpoints;
pub mod error;
mod event;
pub mod handler;
mod header_name;
pub mod http;
mod https_url;
pub mod identity_provider_hosts;
mod job;
mod json;
mod last_get;
pub mod logging;
pub mod mcp;
pub mod oauth;
mod properties;
mod refusal;
pub mod requester;
pub mod resource;
mod response;
mod rotation;
pub mod sensitive;
mod ssrf;
mod stack;
mod stack_status;
mod stored_secret;
mod tags;
pub mod text;
pub mod wait;
