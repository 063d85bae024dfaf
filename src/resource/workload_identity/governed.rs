//! The parts of a workload identity that our properties govern. The rest survives an update.

use crate::agentcore::put::{Governed, Rule};

/// By the members of UpdateWorkloadIdentity.
pub(super) const GOVERNED: Governed = Governed {
    read_only: &["createdTime", "lastUpdatedTime", "workloadIdentityArn"],
    renamed: None,
    members: &[("allowedResourceOauth2ReturnUrls", Rule::Ours), ("name", Rule::Ours)],
};
