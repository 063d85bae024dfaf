use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::aws::ServiceId;
use emulator::settings::Settings;
use harness::Answer;
use serde_json::{Value, json};

use super::{Disowned, Subject, disown_tagged};
use crate::world::{EXECUTION_ROLE, FUNCTION_ROLE, IMAGE, LogicalResource, RUNTIME, World, merged};

/// `Custom::AgentCoreRuntime`.
pub(in crate::battery) struct RuntimeSubject;

impl Subject for RuntimeSubject {
    const RESOURCE: LogicalResource = RUNTIME;
    const OPERATIONS: [&'static str; 3] = ["CreateAgentRuntime", "UpdateAgentRuntime", "DeleteAgentRuntime"];
    const FAILED: [&'static str; 3] = ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"];
    const NAME: &'static str = "mcp_server";
    const REQUIRED: &'static [&'static str] = &["ContainerUri", "RoleArn"];

    async fn scene(settings: Settings) -> (World, Self) {
        (World::with_settings(settings), Self)
    }

    fn properties(&self) -> Value {
        json!({"AgentRuntimeName": Self::NAME, "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE,
               "SecretId": "mcp/credentials", "SecretVersionId": "v1", "Description": "one", "Tags": {"team": "one"},
               "AllowedCallers": [FUNCTION_ROLE]})
    }

    fn changed(&self) -> Vec<Value> {
        let changes = json!({"SecretVersionId": "v2", "Description": "two", "Tags": {"team": "two"},
                             "AllowedCallers": [FUNCTION_ROLE, EXECUTION_ROLE]});
        vec![merged(self.properties(), changes)]
    }

    fn replaced(&self) -> Option<Value> {
        Some(merged(self.changed().remove(0), json!({"AgentRuntimeName": "renamed"})))
    }

    fn slowed(settings: Settings, transition: Duration) -> Settings {
        Settings {
            runtime_transition: transition,
            snapshot_transition: transition,
            runtime_deletion: transition,
            ..settings
        }
    }

    fn ids(&self, world: &World) -> Vec<String> {
        let now = world.aws.clock().now();
        world.aws.with(|world| world.agentcore.runtimes(now).map(|runtime| runtime.id.clone()).collect())
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        let policies = world.resource_policies();
        world.runtime(id, |runtime| {
            let policy = |arn: &str| policies.get(arn).map(|policy| policy.to_string().replace(&runtime.arn, "<arn>"));
            let policies = [policy(&runtime.arn), policy(&format!("{}/runtime-endpoint/DEFAULT", runtime.arn))];
            json!({"name": runtime.name, "members": runtime.configuration().members(), "tags": runtime.tags,
                   "policies": policies})
        })
    }

    fn is_ready(&self, world: &World, id: &str) -> bool {
        let now = world.aws.clock().now();
        world.runtime(id, |runtime| runtime.status(now) == Status::Ready)
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        let input = json!({
            "agentRuntimeName": name,
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
            "roleArn": EXECUTION_ROLE,
            "networkConfiguration": {"networkMode": "PUBLIC"},
        });
        let answer = world.somebody(ServiceId::AgentCoreControl, "CreateAgentRuntime", input);
        answer["agentRuntimeId"].as_str().expect("an id").to_owned()
    }

    fn disown(&self, world: &World, id: &str, how: Disowned) {
        let arn = world.runtime(id, |runtime| runtime.arn.clone());
        disown_tagged(world, &arn, how);
    }

    fn remove(&self, world: &World, id: &str) {
        world.somebody(ServiceId::AgentCoreControl, "DeleteAgentRuntime", json!({"agentRuntimeId": id}));
    }

    fn check_update(answer: &Answer) {
        assert_eq!(answer.attribute("AgentRuntimeVersion"), "2", "recycled exactly once");
    }
}
