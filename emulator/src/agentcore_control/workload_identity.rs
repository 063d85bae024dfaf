//! Workload identities: those that come and go with runtimes and gateways, and those created by calls.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::errors::not_found;
use super::shelf::{Facts, Resource};
use crate::service::ApiError;

/// A workload identity.
#[derive(Clone, Debug)]
pub struct WorkloadIdentity {
    /// Unique among the identities that exist; that of a runtime or a gateway is its id.
    pub name: String,
    /// `arn:aws:bedrock-agentcore:<region>:<account>:workload-identity-directory/default/workload-identity/<name>`.
    pub arn: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// `allowedResourceOauth2ReturnUrls`, as it was given.
    pub return_urls: Option<Value>,
    /// The ARN of the runtime or the gateway that it comes and goes with; `None` for one created by a call.
    pub owner: Option<String>,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time of its creation or last update.
    pub updated: SystemTime,
    /// Members of the last create or update that no service model has.
    pub(super) others: Map<String, Value>,
    /// Its place in the order of creation.
    pub(super) sequence: u64,
}

impl Resource for WorkloadIdentity {
    const NOUN: &'static str = "WorkloadIdentity";

    fn facts(&self) -> Facts<'_> {
        Facts { id: &self.name, created: self.created, sequence: self.sequence, transition: None }
    }

    fn not_found(id: &str) -> ApiError {
        not_found(format!("WorkloadIdentity with name: {id} was not found"))
    }
}

/// The part after the account of the ARN of the directory that every workload identity is in.
pub(super) const DIRECTORY: &str = "workload-identity-directory/default";

/// Returns the part after the account of the ARN of the workload identity of a runtime or a gateway.
pub(super) fn workload_identity_path(id: &str) -> String {
    format!("workload-identity-directory/default/workload-identity/{id}")
}
