//! Sessions: each has a microVM of its own, and keeps it, with the version it was started from, until it has been idle
//! or alive for too long.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::server::Server;
use super::start::Starting;

#[derive(Debug)]
pub(super) struct Session {
    /// `None` while its container is starting.
    pub(super) server: Option<Arc<Server>>,
    pub(super) started: SystemTime,
    pub(super) used: SystemTime,
    pub(super) idle_timeout: Duration,
    pub(super) max_lifetime: Duration,
}

impl Session {
    /// Returns the time at which it is over unless it is used again. `None` while its container is starting.
    pub(super) fn end(&self) -> Option<SystemTime> {
        let end = (self.used + self.idle_timeout).min(self.started + self.max_lifetime);
        self.server.is_some().then_some(end)
    }

    pub(super) fn over(&self, now: SystemTime) -> bool {
        self.server.as_ref().is_some_and(|server| server.has_ended()) || self.end().is_some_and(|end| end <= now)
    }
}

/// The outcome of a request for a session.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Its container runs.
    Running(Arc<Server>),
    /// A container has to be started for it.
    Start(Box<Starting>),
    /// Its container is being started for another request.
    Busy,
}
