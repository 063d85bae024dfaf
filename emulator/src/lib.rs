//! AWS in-process, for the tests and the local run.
//!
//! State is synchronous and ordered; transport is separate, with two doors (the SDK's HTTP connector in memory, and
//! loopback); faults are a separate layer; when AWS's behaviour is unknown the emulator is the stricter of the two.

pub mod agentcore_control;
pub mod aws;
pub mod clock;
pub mod cloudformation;
pub mod doors;
pub mod faults;
pub mod iam;
mod ids;
mod input;
pub mod lambda;
pub mod model;
pub mod response_bucket;
pub mod secrets_manager;
pub mod service;
pub mod settings;
mod sigv4;
mod wire;
