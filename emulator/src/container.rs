//! The containers of runtimes: images whose behaviour a test chooses, and the microVMs in which they are started: one
//! for each session, or on platform version V2 one for each version of a runtime, of which every session gets a copy.

mod behaviour;
mod callers;
mod emulated_server;
mod noise;
mod process;
mod program;
mod refusal;
mod server;
mod session;
mod start;
mod state;

pub(crate) use self::behaviour::START;
pub use self::behaviour::{AnswerForm, Behaviour, CallerCheck, Hints, REVISIONS, Start};
pub(crate) use self::callers::Callers;
pub(crate) use self::emulated_server::EmulatedServer;
#[cfg(test)]
pub(crate) use self::process::tests as process_tests;
pub(crate) use self::process::{Gone, Log};
pub use self::program::{Port, Program, on_search_path};
pub use self::refusal::RefusalStyle;
pub(crate) use self::server::Server;
pub(crate) use self::session::Admission;
pub(crate) use self::start::{Boot, Contents, Origin, SessionKey, Snapshot, Starting};
pub use self::state::Containers;
