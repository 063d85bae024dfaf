//! AWS in-process, for the tests and the local run.
//!
//! State is synchronous and ordered. Transport is separate, in two kinds: the SDK's HTTP connector in memory, and
//! loopback. Faults are a separate layer. If AWS's behaviour is unknown, the emulator is the stricter of the two.

pub mod agentcore_control;
pub mod aws;
pub mod clock;
pub mod container;
mod data_plane;
pub mod event_bus;
pub mod faults;
mod gateway_endpoint;
pub mod iam;
pub mod identity_provider;
mod identity_provider_endpoint;
pub mod ids;
mod input;
mod jwt;
pub mod lambda;
pub mod logs;
pub mod mcp_servers;
mod microvm;
pub mod model;
pub mod objects;
mod output;
mod reply;
pub mod response_bucket;
pub mod runtime_url;
pub mod secrets_manager;
pub mod service;
pub mod settings;
mod sigv4;
pub mod stacks;
mod tags;
mod token_vault;
pub mod transport;
mod wire;
mod work;
