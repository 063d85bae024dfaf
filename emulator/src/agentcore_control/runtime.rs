//! Runtimes and their versions.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::errors::not_found;
use super::runtime_configuration::Configuration;
use super::shelf::{Facts, Resource, Shelf};
use super::status::{Status, Transition};
use crate::service::ApiError;

/// A runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// The name, a hyphen and ten characters.
    pub id: String,
    /// The ARN, without a version.
    pub arn: String,
    /// Unique among the runtimes that exist.
    pub name: String,
    /// The time of its creation.
    pub created: SystemTime,
    /// The workload identity that comes and goes with the runtime.
    pub workload_identity_arn: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Every version that was not deleted, oldest first; never empty.
    pub versions: Vec<Version>,
    /// Set once the runtime is being deleted.
    pub deletion: Option<Transition>,
    /// Endpoints besides `DEFAULT`.
    pub(super) endpoints: Shelf<Endpoint>,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

/// One immutable version of a runtime.
#[derive(Clone, Debug)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// Its configuration.
    pub configuration: Configuration,
    /// The time at which the create or update that published it was accepted.
    pub created: SystemTime,
    /// That create or update.
    pub transition: Transition,
}

impl Runtime {
    /// Returns the status at a time: that of the deletion, else that of the newest version.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        self.transition().status(now)
    }

    /// Returns the reason why the last operation failed, if it has failed by now.
    #[must_use]
    pub fn failure(&self, now: SystemTime) -> Option<&str> {
        self.transition().failure(now)
    }

    fn transition(&self) -> &Transition {
        self.deletion.as_ref().unwrap_or(&self.newest().transition)
    }

    /// Returns the newest version, working or not.
    ///
    /// # Panics
    /// Never: a runtime has a version from its creation on, and its newest cannot be deleted alone.
    #[must_use]
    pub fn newest(&self) -> &Version {
        self.versions.last().expect("a runtime has at least one version")
    }

    /// Returns the version that the `DEFAULT` endpoint serves: the newest that became ready.
    #[must_use]
    pub fn live(&self, now: SystemTime) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.transition.status(now) == Status::Ready)
    }

    /// Returns the newest version's configuration.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.newest().configuration
    }

    pub(super) fn version(&self, number: &str) -> Result<&Version, ApiError> {
        let found = self.versions.iter().find(|version| version.number.to_string() == number);
        found.ok_or_else(|| not_found(format!("Version '{number}' of agent '{}' was not found.", self.id)))
    }

    pub(super) fn identity(&self) -> Value {
        json!({"workloadIdentityArn": self.workload_identity_arn})
    }
}

impl Resource for Runtime {
    const NOUN: &'static str = "Agent";

    fn facts(&self) -> Facts<'_> {
        let transition = Some(self.transition());
        Facts { id: &self.id, created: self.created, sequence: self.sequence, transition }
    }

    /// (O: awslabs/agentcore-samples#1317)
    fn not_found(id: &str) -> ApiError {
        not_found(format!("Agent '{id}' was not found. Please check the agent ID and try again."))
    }
}
