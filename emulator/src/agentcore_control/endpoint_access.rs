//! The permissions that the calls of runtime endpoints, workload identities and resource policies need.

use std::collections::BTreeMap;

use super::access::{need, workload_identity};
use super::endpoint::DEFAULT;
use super::state::AgentCoreControl;
use crate::iam::Requirement;
use crate::input::{required, text, text_map};
use crate::service::Call;

/// The part after the account of the ARN of the directory that every workload identity is in.
pub(super) const DIRECTORY: &str = "workload-identity-directory/default";

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
        need(call.operation, self.arn(&format!("runtime/{id}/runtime-endpoint/{name}")))
            .with_tags("aws:ResourceTag", tags.unwrap_or(&BTreeMap::new()))
    }

    /// Returns the permissions on the identity and on its directory: both are evaluated.
    pub(super) fn on_identity(&self, call: &Call) -> Vec<Requirement> {
        let arn = self.arn(&workload_identity(required(&call.input, "name")));
        let tags = self.workload_identities.iter().find(|identity| identity.arn == arn).map(|identity| &identity.tags);
        let requested = text_map(&call.input, "tags");
        let mut needed = vec![
            need(call.operation, self.arn(DIRECTORY)).with_request_tags(&requested),
            need(call.operation, &arn)
                .with_tags("aws:ResourceTag", tags.unwrap_or(&BTreeMap::new()))
                .with_request_tags(&requested),
        ];
        if !requested.is_empty() {
            needed.push(need("TagResource", &arn).with_request_tags(&requested));
        }
        needed
    }

    /// Returns the permission on the resource that has the policy.
    pub(super) fn on_policy(&self, call: &Call) -> Vec<Requirement> {
        let arn = required(&call.input, "resourceArn");
        let tags = self.tags_for_policy(arn, call.now);
        vec![need(call.operation, arn).with_tags("aws:ResourceTag", tags.unwrap_or(&BTreeMap::new()))]
    }
}
