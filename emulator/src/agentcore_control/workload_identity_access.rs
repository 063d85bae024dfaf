//! The permissions that the calls of workload identities need.

use super::access::need;
use super::state::AgentCoreControl;
use super::workload_identity::{DIRECTORY, workload_identity_path};
use crate::iam::Requirement;
use crate::input::{required, text_map};
use crate::service::Call;

impl AgentCoreControl {
    /// Returns the permissions on the identity and on its directory: both are evaluated.
    pub(super) fn on_identity(&self, call: &Call) -> Vec<Requirement> {
        let arn = self.arn(&workload_identity_path(required(&call.input, "name")));
        let tags = self.workload_identities.iter().find(|identity| identity.arn == arn).map(|identity| &identity.tags);
        let requested = text_map(&call.input, "tags");
        let mut needed = vec![
            need(call.operation, self.arn(DIRECTORY)).with_request_tags(&requested),
            need(call.operation, &arn).with_resource_tags(tags).with_request_tags(&requested),
        ];
        if !requested.is_empty() {
            needed.push(need("TagResource", &arn).with_request_tags(&requested));
        }
        needed
    }
}
