//! The synchronization of a target: its catalogue has to be read from its server.

use std::time::SystemTime;

/// A catalogue that has to be read from a target's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synchronization {
    /// The gateway that reads.
    pub gateway_id: String,
    /// The target whose server is read.
    pub target_id: String,
    /// The number of the create, update or synchronize that it belongs to.
    pub ticket: u64,
    /// It may not be finished earlier.
    pub not_before: SystemTime,
}
