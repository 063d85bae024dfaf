//! The permissions that the calls of runtime endpoints need.

use super::access::need;
use super::endpoint::DEFAULT;
use super::state::AgentCoreControl;
use crate::iam::Requirement;
use crate::input::{required, text, text_map};
use crate::service::Call;

impl AgentCoreControl {
    pub(super) fn to_create_endpoint(&self, call: &Call) -> Vec<Requirement> {
        let tags = text_map(&call.input, "tags");
        let mut needed = vec![self.on_runtime(call, call.operation).with_request_tags(&tags)];
        if !tags.is_empty() {
            let id = required(&call.input, "agentRuntimeId");
            let arn = self.arn(&format!("runtime/{id}/runtime-endpoint/{}", required(&call.input, "name")));
            needed.push(need("TagResource", arn).with_request_tags(&tags));
        }
        needed
    }

    /// Returns the permissions on the runtime and on its endpoint: both are evaluated where the endpoint is changed.
    pub(super) fn to_change_endpoint(&self, call: &Call) -> Vec<Requirement> {
        vec![self.on_runtime(call, call.operation), self.on_endpoint(call)]
    }

    pub(super) fn on_endpoint(&self, call: &Call) -> Requirement {
        let (id, name) =
            (required(&call.input, "agentRuntimeId"), text(&call.input, "endpointName").unwrap_or(DEFAULT));
        let tags = self.endpoint(id, name, call.now).map(|endpoint| &endpoint.tags);
        need(call.operation, self.arn(&format!("runtime/{id}/runtime-endpoint/{name}"))).with_resource_tags(tags)
    }
}
