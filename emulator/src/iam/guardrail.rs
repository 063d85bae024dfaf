//! Policies that limit what a role's own policies allow: their author is rarely the author of the role.

use std::collections::BTreeMap;

use serde_json::Value;

use super::policy::{Decision, decide};
use super::requirement::{Context, Requirement};

/// Kinds of policies that limit every role of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guardrail {
    /// Of the VPC endpoint that calls go through.
    VpcEndpoint,
    /// Of the AWS organization, on its resources.
    ResourceControl,
    /// Of the AWS organization, on its accounts.
    ServiceControl,
    /// Of the resource that a call names.
    Resource,
    /// Of the role, as the upper bound of its own policies.
    PermissionsBoundary,
    /// Of the session of the role.
    Session,
}

impl Guardrail {
    /// Every kind, in the order in which IAM evaluates them [IAM
    /// reference_policies_evaluation-logic_policy-eval-denyallow].
    pub const ALL: [Self; 6] = [
        Self::VpcEndpoint,
        Self::ResourceControl,
        Self::ServiceControl,
        Self::Resource,
        Self::PermissionsBoundary,
        Self::Session,
    ];

    /// Returns the kind's name in a denial [IAM troubleshoot_access-denied].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VpcEndpoint => "VPC endpoint policy",
            Self::ResourceControl => "resource control policy",
            Self::ServiceControl => "service control policy",
            Self::Resource => "resource-based policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }

    /// Returns true if a policy of this kind has to allow a call. Within an account a resource's policy need not, and
    /// an organization's resource control policies always include one that allows everything.
    fn has_to_allow(self) -> bool {
        !matches!(self, Self::Resource | Self::ResourceControl)
    }
}

/// The account's guardrails.
pub(super) type Guardrails = BTreeMap<Guardrail, Vec<Value>>;

/// Returns the kind that denies a call, and how. `denied` selects the decisions that count.
pub(super) fn denies(
    guardrails: &Guardrails,
    requirement: &Requirement,
    context: &Context,
    denied: impl Fn(&Decision) -> bool,
) -> Option<(Guardrail, Decision)> {
    guardrails.iter().find_map(|(kind, documents)| {
        let decision = decide(documents, &requirement.action, &requirement.resource, context);
        let counts = decision == Decision::ExplicitDeny || kind.has_to_allow();
        (counts && denied(&decision)).then_some((*kind, decision))
    })
}
