//! `Custom::AgentCoreWorkloadIdentity`: the identity with which an agent outside of AgentCore Runtime asks AgentCore
//! Identity for tokens. Those of runtimes and gateways come and go with them, and are never changed.
//!
//! Calls: CreateWorkloadIdentity, GetWorkloadIdentity, UpdateWorkloadIdentity, DeleteWorkloadIdentity,
//! ListTagsForResource, TagResource, UntagResource. Identifier: the identity's name. Replaces: `Name`. Everything else
//! updates in place, as a full replace.

use std::collections::BTreeMap;

use crate::agentcore::workload_identity::Identity;
use crate::resource::named_type::NamedType;

mod desired;
mod governed;
mod properties;

use properties::Properties;

/// The type, whose lifecycle follows from its properties.
#[derive(Debug)]
pub(crate) struct WorkloadIdentity;

impl NamedType for WorkloadIdentity {
    const TYPE: &'static str = "Custom::AgentCoreWorkloadIdentity";
    const ATTRIBUTES: &'static [&'static str] = &["WorkloadIdentityArn"];
    type Properties = Properties;

    fn attributes(live: Identity) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("WorkloadIdentityArn", live.common.arn)])
    }
}
