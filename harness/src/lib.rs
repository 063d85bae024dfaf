//! The provisioner's handler on an emulated account, in one process: what the local run and the integration tests share.

/// A client of the deployed server.
pub mod client;
/// Events for the function, and its answers.
mod event;
/// The way to the function: events delivered as Lambda delivers them, and their answers read as CloudFormation reads
/// them.
mod front;
/// The function itself.
pub mod handler;
/// The log of the function.
mod log;
/// Roles of an account.
mod role;
/// The credentials of a user of template.yaml's server.
pub mod zscaler;

pub use event::{
    API_KEY, Answer, Event, FUNCTION_ARN, GATEWAY, IDENTITY, LogicalResource, PROBE, PROVIDER, RUNTIME, SECRET,
    STACK_ID, TARGET, merged,
};
pub use front::Front;
pub use log::Log;
pub use role::put_role;
