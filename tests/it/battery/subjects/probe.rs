use std::time::Duration;

use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, Subject};
use crate::probe::runtime;
use crate::world::{LogicalResource, PROBE, World, merged};

const NOTHING: &str = "a probe creates nothing in the account";
const NO_OPERATION: &str = "a probe starts no operation that could go on after a call";
const NO_REPLACEMENT: &str = "no property of a probe replaces it";

/// `Custom::AgentCoreMcpProbe`, of a runtime.
pub(in crate::battery) struct ProbeSubject {
    endpoint: String,
}

impl Subject for ProbeSubject {
    const RESOURCE: LogicalResource = PROBE;
    const OPERATIONS: [&'static str; 3] = ["InvokeAgentRuntime"; 3];
    const FAILED: [&'static str; 3] = [""; 3];
    const NAME: &'static str = "";
    const REQUIRED: &'static [&'static str] = &["Endpoint"];
    const OBJECTS: &'static [&'static str] = &["CallArguments"];
    const EXCEPTIONS: &'static [(&'static str, &'static str)] = &[
        ("a_replacement_stands_until_the_cleanup_deletes_the_old_resource", NO_REPLACEMENT),
        ("the_rollback_of_a_replacement_finds_the_old_resource_by_either_id", NO_REPLACEMENT),
        ("a_rollback_restores_the_old_properties", NOTHING),
        ("a_delete_waits_until_the_resource_is_gone", NOTHING),
        ("a_resource_deleted_behind_our_back_is_created_again_and_its_delete_succeeds", NOTHING),
        ("a_resource_of_ours_from_a_forgotten_request_is_adopted_and_converged", NOTHING),
        ("a_late_duplicate_of_a_create_brings_nothing_back", NOTHING),
        ("a_slow_create_is_carried_on_by_the_next_delivery", NO_OPERATION),
        ("a_create_that_never_ends_is_answered_before_cloudformation_gives_up", NO_OPERATION),
        ("a_failed_create_carries_the_reason_and_the_id_and_is_cleaned_up", NO_OPERATION),
        ("a_failed_update_keeps_the_id_and_is_rolled_back", NO_OPERATION),
        ("a_failed_delete_carries_the_reason_and_may_be_repeated", NO_OPERATION),
        ("a_failed_delete_is_told_although_gets_are_late", NO_OPERATION),
        ("a_delete_leaves_a_strangers_resource_alone_whose_own_deletion_fails", NO_OPERATION),
        ("a_create_leaves_a_strangers_resource_with_our_name_alone", NOTHING),
        ("an_update_leaves_a_strangers_resource_alone", NOTHING),
        ("a_delete_leaves_a_strangers_resource_alone", NOTHING),
        ("a_create_does_not_adopt_what_has_lost_its_mark", NOTHING),
        ("an_update_refuses_what_has_lost_its_mark", NOTHING),
        ("a_delete_refuses_what_has_lost_its_mark", NOTHING),
    ];
    const CREATES: bool = false;
    /// A server that fails in one revision of MCP is asked in another one.
    const OWN_ATTRIBUTES: &'static [&'static str] = &["ProtocolVersion"];
    const LOST: &'static str = "the connection was closed before the reply";

    async fn scene(settings: Settings) -> (World, Self) {
        let mut world = World::with_settings(settings);
        let runtime = runtime(&mut world, json!({})).await;
        let endpoint = runtime.attribute("McpUrl").to_owned();
        (world, Self { endpoint })
    }

    fn properties(&self) -> Value {
        json!({"Endpoint": self.endpoint, "ExpectedTools": "tool_001", "CallTool": "tool_001"})
    }

    fn changed(&self) -> Vec<Value> {
        vec![merged(self.properties(), json!({"ExpectedTools": "tool_001,tool_002"}))]
    }

    fn replaced(&self) -> Option<Value> {
        None
    }

    fn slowed(settings: Settings, _: Duration) -> Settings {
        settings
    }

    fn ids(&self, _: &World) -> Vec<String> {
        Vec::new()
    }

    fn shape(&self, _: &World, id: &str) -> Value {
        json!(id)
    }

    fn strangers(&self, _: &World, _: &str) -> String {
        unreachable!("{NOTHING}")
    }

    fn disown(&self, _: &World, _: &str, _: Disowned) {
        unreachable!("{NOTHING}")
    }

    fn remove(&self, _: &World, _: &str) {
        unreachable!("{NOTHING}")
    }
}
