//! Endpoints of runtimes: the `DEFAULT` one that comes with every runtime and follows its newest working version, and
//! the others, which stay at the version that they were given.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::errors::not_found;
use super::shelf::{Facts, Resource};
use super::status::{Status, Transition};
use crate::service::ApiError;

pub(super) const DEFAULT: &str = "DEFAULT";

/// An endpoint other than `DEFAULT`.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name: the qualifier of an invocation.
    pub name: String,
    /// `<runtime's ARN>/runtime-endpoint/<name>`.
    pub arn: String,
    /// The id of its runtime.
    pub runtime_id: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The description.
    pub description: Option<String>,
    /// The version that it serves, or will serve once the operation under way succeeds.
    pub target_version: u32,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time at which the last create or update was accepted.
    pub updated: SystemTime,
    /// The version that it served before the last update; none before it was created.
    pub(super) former_version: Option<u32>,
    /// The last create, update or delete.
    pub(super) transition: Transition,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

impl Endpoint {
    /// Returns the status at a time.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        self.transition.status(now)
    }

    /// Returns the version that it serves at a time: an update takes effect when it is done, and not at all if it
    /// fails.
    #[must_use]
    pub fn live_version(&self, now: SystemTime) -> Option<u32> {
        match self.status(now) {
            Status::Creating | Status::CreateFailed | Status::Updating | Status::UpdateFailed => self.former_version,
            Status::Deleting | Status::Gone => None,
            _ => Some(self.target_version),
        }
    }
}

impl Resource for Endpoint {
    const NOUN: &'static str = "Endpoint";

    fn facts(&self) -> Facts<'_> {
        let transition = Some(&self.transition);
        Facts { id: &self.name, created: self.created, sequence: self.sequence, transition }
    }

    fn not_found(id: &str) -> ApiError {
        not_found(format!("Endpoint '{id}' was not found."))
    }
}
