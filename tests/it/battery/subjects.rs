//! The resource types: one file each.

mod api_key;
mod gateway;
mod identity;
mod probe;
mod provider;
mod runtime;
mod secret;
mod target;

use emulator::aws::ServiceId;
use serde_json::json;

use super::{Disowned, Subject, USUAL};
use crate::world::{STACK_ID, World};

pub(super) use api_key::ApiKeySubject;
pub(super) use gateway::GatewaySubject;
pub(super) use identity::IdentitySubject;
pub(super) use probe::ProbeSubject;
pub(super) use provider::ProviderSubject;
pub(super) use runtime::RuntimeSubject;
pub(super) use secret::SecretSubject;
pub(super) use target::TargetSubject;

/// The variant in which AgentCore says that the ARN of a resource cannot have tags.
const UNLISTED: &str = "tags are not listed";

/// The exceptions of a resource without a status.
const SETTLED: [(&str, &str); 9] = {
    const NO_STATUS: &str = "it has no status: AgentCore answers a call about it when it is done";
    [
        ("a_delete_waits_until_the_resource_is_gone", NO_STATUS),
        ("a_slow_create_is_carried_on_by_the_next_delivery", NO_STATUS),
        ("a_create_that_never_ends_is_answered_before_cloudformation_gives_up", NO_STATUS),
        ("a_failed_create_carries_the_reason_and_the_id_and_is_cleaned_up", NO_STATUS),
        ("a_failed_update_keeps_the_id_and_is_rolled_back", NO_STATUS),
        ("a_failed_delete_carries_the_reason_and_may_be_repeated", NO_STATUS),
        ("a_failed_delete_is_told_although_gets_are_late", NO_STATUS),
        ("a_delete_leaves_a_strangers_resource_alone_whose_own_deletion_fails", NO_STATUS),
        (
            "a_late_duplicate_of_a_create_brings_nothing_back",
            "AgentCore takes no idempotency token that would tell a late duplicate from a new create",
        ),
    ]
};

/// The tag that names the stack of a resource.
const STACK_TAG: &str = "agentcore-provisioner:stack-id";

/// Returns the id of another stack.
fn other_stack() -> String {
    STACK_ID.replace("11111111", "99999999")
}

/// Takes the tag away, or changes it, that proves whose an AgentCore resource is.
fn disown_tagged(world: &World, arn: &str, how: Disowned) {
    let (operation, input) = match how {
        Disowned::Gone => ("UntagResource", json!({"resourceArn": arn, "tagKeys": [STACK_TAG]})),
        Disowned::Changed => ("TagResource", json!({"resourceArn": arn, "tags": {STACK_TAG: other_stack()}})),
    };
    world.somebody(ServiceId::AgentCoreControl, operation, input);
}
