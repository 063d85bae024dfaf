//! The work that calls leave to be done outside of the control plane.

use super::platform::Build;
use super::synchronization::Synchronization;

/// A thing that a call leaves to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Read a target's catalogue. Whoever takes it ends it with
    /// [`finish_synchronization`](super::AgentCoreControl::finish_synchronization); until then the target stays as it is.
    Synchronize(Synchronization),
    /// Start the container of a version. Whoever takes it ends it with
    /// [`finish_build`](super::AgentCoreControl::finish_build); until then the version stays as it is.
    Build(Build),
    /// End the sessions of the runtime with this ARN, which is being deleted.
    EndRuntime(String),
}
