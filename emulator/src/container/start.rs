//! Containers and microVMs that are about to be started.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::behaviour::Behaviour;
use super::program::Program;
use super::server::Server;
use crate::agentcore_control::Configuration;

/// The ARN of a runtime, or of an endpoint other than `DEFAULT`, and a session id.
pub(crate) type SessionKey = (String, String);

/// A session's microVM about to be there.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) key: SessionKey,
    pub(crate) origin: Origin,
}

/// The beginning of a session.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A container of its own, which is started.
    Boot(Box<Boot>),
    /// A copy of the container that was started when its version was built.
    Snapshot(Snapshot),
}

/// A container about to be started.
#[derive(Debug)]
pub(crate) struct Boot {
    /// The runtime's ARN, and what the stream of its log is named after.
    pub(crate) key: SessionKey,
    pub(crate) contents: Contents,
    pub(crate) role: String,
    pub(crate) environment: BTreeMap<String, String>,
    /// The version of the secret that it has read.
    pub(crate) secret_version: Option<String>,
}

/// The contents of an image.
#[derive(Clone, Debug)]
pub(crate) enum Contents {
    /// A server that behaves so.
    Emulated(Box<Behaviour>),
    /// A real one.
    Program(Program),
}

impl Starting {
    pub(super) fn new(key: SessionKey, origin: Origin) -> Self {
        Self { key, origin }
    }
}

impl Boot {
    pub(super) fn new(key: SessionKey, contents: Contents, configuration: &Configuration) -> Self {
        let role = configuration.role_arn().to_owned();
        Self { key, contents, role, environment: configuration.environment(), secret_version: None }
    }
}

/// A container as it was when its version was built.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot(pub(crate) Arc<Server>);

impl Snapshot {
    /// Starts a copy of it. Needs to be called inside a tokio runtime.
    pub(crate) fn server(&self) -> Arc<Server> {
        self.0.copy()
    }
}
