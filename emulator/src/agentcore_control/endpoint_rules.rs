//! Refusals of a runtime's endpoint, and of what its endpoints prevent.

use super::endpoint::Endpoint;
use super::errors::{conflict, invalid, not_found};
use super::runtime::Runtime;
use super::state::AgentCoreControl;
use super::status::Status;
use crate::input::{required, text};
use crate::service::{ApiError, Call};

impl AgentCoreControl {
    /// Checks that no endpoint besides `DEFAULT` prevents a `DeleteAgentRuntime`. AWS does not document that it would
    /// go along, or serve a version that is gone.
    pub(super) fn check_endpoints_allow_deletion(&self, call: &Call) -> Result<(), ApiError> {
        let id = required(&call.input, "agentRuntimeId");
        let version = text(&call.input, "agentRuntimeVersion");
        let uses = |endpoint: &&Endpoint| {
            let versions = [Some(endpoint.target_version), endpoint.live_version(call.now)];
            let used = |number: &str| versions.into_iter().flatten().any(|version| version.to_string() == number);
            endpoint.runtime_id == id && version.is_none_or(used)
        };
        match (self.endpoints(call.now).find(uses), version) {
            (None, _) => Ok(()),
            (Some(endpoint), None) => {
                Err(conflict(format!("Agent '{id}' has the endpoint '{}'. Delete it first.", endpoint.name)))
            }
            (Some(endpoint), Some(version)) => Err(conflict(format!(
                "Version '{version}' of agent '{id}' is in use by the endpoint {}.",
                endpoint.name
            ))),
        }
    }
}

/// Returns the version that a create or an update asks for: the newest unless it says so. It must work already.
pub(super) fn wanted_version(runtime: &Runtime, call: &Call) -> Result<u32, ApiError> {
    let status = runtime.status(call.now);
    if !matches!(status, Status::Ready | Status::UpdateFailed) {
        return Err(conflict(format!(
            "Endpoints of agent '{}' cannot be changed while it is in the status {}.",
            runtime.id,
            status.as_str()
        )));
    }
    let newest = runtime.newest().number.to_string();
    let number = text(&call.input, "agentRuntimeVersion").unwrap_or(&newest);
    let version = runtime.versions.iter().find(|version| version.number.to_string() == number);
    let version =
        version.ok_or_else(|| not_found(format!("Version '{number}' of agent '{}' was not found.", runtime.id)))?;
    match version.transition.status(call.now) {
        Status::Ready => Ok(version.number),
        status => Err(invalid(format!("Version '{number}' is in the status {} and cannot serve.", status.as_str()))),
    }
}
