//! The resource types: one file each.

mod gateway;
mod probe;
mod provider;
mod runtime;
mod secret;
mod target;

use emulator::aws::ServiceId;
use serde_json::{Value, json};

use super::{Disowned, Subject, USUAL};
use crate::world::{STACK_ID, World};

pub(super) use gateway::GatewaySubject;
pub(super) use probe::ProbeSubject;
pub(super) use provider::ProviderSubject;
pub(super) use runtime::RuntimeSubject;
pub(super) use secret::SecretSubject;
pub(super) use target::TargetSubject;

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

/// Returns the properties with some of them set.
fn with(properties: &Value, changes: Value) -> Value {
    let mut properties = properties.clone();
    let Value::Object(changes) = changes else { panic!("changes should be a map: {changes}") };
    properties.as_object_mut().expect("a map").extend(changes);
    properties
}
