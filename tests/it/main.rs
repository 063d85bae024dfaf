//! The integration tests: the real handler with real SDK clients against the emulated AWS, on paused time.

#![allow(clippy::needless_pass_by_value, reason = "tests hand over JSON literals")]

/// The function in this process, shared with the local run.
#[path = "../../local/src/handler.rs"]
mod handler;
/// The log of one test, shared with the local run.
#[path = "../../local/src/log.rs"]
#[allow(dead_code, reason = "the local run starts it for a whole process")]
mod log;
/// The world of one test, and the checks every test ends with.
mod world;

/// The built binary as Lambda runs it.
mod bootstrap;
/// The answer's way to CloudFormation.
mod delivery;
/// Any event, good or bad, gets one answer or is refused for a reason.
mod envelope;
/// Every file in `events/`.
mod events;
/// Any properties at all.
mod fuzz;
/// The probe, against a real MCP server.
mod probe;
/// Defects met once.
mod regression;
/// The runtime's battery.
mod runtime;
/// The secret's battery.
mod secret;
/// Every fault at every call of every operation.
mod simulation;
/// template.yaml as a whole.
mod template;
