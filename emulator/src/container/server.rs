//! The MCP server in a container.

use std::sync::Arc;

use http::{Request, Response};

use super::emulated_server::EmulatedServer;
use super::process::{Gone, Process};
use crate::reply::{Stream, whole};

/// A started MCP server.
#[derive(Debug)]
pub(crate) enum Server {
    /// A server with the behaviour that a test chose.
    Emulated(EmulatedServer),
    /// A real one, as a process of this machine.
    Process(Process),
}

impl Server {
    /// Returns the server of a session that begins with a copy of this one: in the same state and without its sessions.
    /// A process cannot be copied, and is shared. Needs to be called inside a tokio runtime.
    pub(crate) fn copy(self: &Arc<Self>) -> Arc<Self> {
        match &**self {
            Self::Emulated(server) => Arc::new(Self::Emulated(server.copy())),
            Self::Process(_) => Arc::clone(self),
        }
    }

    /// Returns true if it serves no more.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Self::Process(process) if process.has_ended())
    }

    /// Returns the version of the secret that was read at the start, as far as that is known.
    pub(crate) fn secret_version(&self) -> Option<&str> {
        match self {
            Self::Emulated(server) => server.secret_version(),
            Self::Process(_) => None,
        }
    }

    /// Answers one HTTP request. The server lives at least until its answer has ended.
    pub(crate) async fn handle(self: Arc<Self>, request: Request<Vec<u8>>) -> Result<Response<Stream>, Gone> {
        match &*self {
            Self::Emulated(server) => Ok(server.handle(request).await.map(whole)),
            Self::Process(process) => process.handle(request, Arc::clone(&self)).await,
        }
    }
}
