//! The containers of runtimes: images whose behaviour a test chooses, and the microVMs in which they are started: one
//! for each session, or on platform version V2 one for each version of a runtime, of which every session gets a copy.

mod behaviour;
mod callers;
mod noise;
mod refusal;
mod server;
mod session;
mod start;
mod state;

pub(crate) use self::behaviour::START;
pub use self::behaviour::{AnswerForm, Behaviour, CallerCheck, Hints, REVISIONS, Start};
pub(crate) use self::callers::Callers;
pub use self::refusal::RefusalStyle;
pub(crate) use self::server::Server;
pub(crate) use self::session::Admission;
pub(crate) use self::start::{Boot, Origin, SessionKey, Snapshot, Starting};
pub use self::state::Containers;
