use std::time::Duration;

use emulator::agentcore_control::{GatewayTarget, Status};
use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, Subject, USUAL};
use crate::gateway_target::{self, Scene, create_gateway};
use crate::world::{LogicalResource, TARGET, World, merged};

/// The variant in which the gateway cannot list the server's tools the first time.
const FLAKY: &str = "the first creation fails";

/// `Custom::AgentCoreGatewayTarget`, on a gateway that somebody else created.
pub(in crate::battery) struct TargetSubject {
    gateway_id: String,
    other_gateway_id: String,
    endpoint: String,
}

impl Subject for TargetSubject {
    const RESOURCE: LogicalResource = TARGET;
    const OPERATIONS: [&'static str; 3] = ["CreateGatewayTarget", "UpdateGatewayTarget", "DeleteGatewayTarget"];
    const FAILED: [&'static str; 3] = ["FAILED", "UPDATE_UNSUCCESSFUL", "FAILED"];
    const NAME: &'static str = gateway_target::NAME;
    const REQUIRED: &'static [&'static str] = &["GatewayIdentifier", "Endpoint"];
    /// Killed between undoing a creation and repeating it. A target that is gone may have been deleted by the Delete of
    /// this very Create, cancelled, so that the next delivery must not create it again.
    const EXCUSE: Option<&'static str> = Some("it was deleted while this request worked on it");
    const OWN_ATTRIBUTES: &'static [&'static str] = &["TargetId"];
    const VARIANTS: &'static [&'static str] = &[USUAL, FLAKY];

    async fn scene(settings: Settings) -> (World, Self) {
        let scene = Scene::with(settings, json!({}), json!({})).await;
        let other_gateway_id = create_gateway(&scene.world, "other", json!({}));
        tokio::time::sleep(Duration::from_mins(1)).await;
        let endpoint = scene.runtime.attribute("McpUrl").to_owned();
        (scene.world, Self { gateway_id: scene.gateway_id, other_gateway_id, endpoint })
    }

    fn properties(&self) -> Value {
        json!({"GatewayIdentifier": self.gateway_id, "TargetName": Self::NAME, "Endpoint": self.endpoint,
               "AllowedRequestHeaders": "X-Api-Key", "SynchronizeOn": "1"})
    }

    fn changed(&self) -> Vec<Value> {
        let described = merged(self.properties(), json!({"Description": "new", "AllowedRequestHeaders": "X-Other"}));
        vec![described.clone(), merged(described, json!({"SynchronizeOn": "2"}))]
    }

    fn replaced(&self) -> Option<Value> {
        let mut changed = self.changed();
        Some(merged(changed.remove(changed.len() - 1), json!({"GatewayIdentifier": self.other_gateway_id})))
    }

    fn slowed(settings: Settings, transition: Duration) -> Settings {
        Settings { target_transition: transition, target_deletion: transition, ..settings }
    }

    fn ids(&self, world: &World) -> Vec<String> {
        let now = world.aws.clock().now();
        world.aws.with(|world| {
            let ids = |gateway_id: &String| {
                let gateway = world.agentcore.gateway(gateway_id, now).expect("the gateway");
                gateway.targets(now).map(|target| format!("{gateway_id}/{}", target.id)).collect::<Vec<_>>()
            };
            [&self.gateway_id, &self.other_gateway_id].into_iter().flat_map(ids).collect()
        })
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        look(world, id, |target| {
            json!({"name": target.name, "description": target.description, "server": target.configuration(),
                   "credential": target.credential(), "metadata": target.metadata(), "tools": target.tools})
        })
    }

    fn is_ready(&self, world: &World, id: &str) -> bool {
        let now = world.aws.clock().now();
        look(world, id, |target| target.status(now) == Status::Ready)
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        let input = json!({"gatewayIdentifier": self.gateway_id, "name": name, "targetConfiguration":
            {"mcp": {"mcpServer": {"endpoint": self.endpoint}}},
            "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE",
                "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}}}]});
        let answer = world.somebody(ServiceId::AgentCoreControl, "CreateGatewayTarget", input);
        format!("{}/{}", self.gateway_id, answer["targetId"].as_str().expect("an id"))
    }

    /// Targets have no tags: the mark is the end of the description.
    fn disown(&self, world: &World, id: &str, how: Disowned) {
        let (gateway_id, target_id) = id.split_once('/').expect("an id of a target");
        let (mut input, description) = look(world, id, |target| {
            let server = json!({"mcp": {"mcpServer": target.configuration()}});
            let input = json!({"gatewayIdentifier": gateway_id, "targetId": target_id, "name": target.name,
                "targetConfiguration": server, "credentialProviderConfigurations": [target.credential()],
                "metadataConfiguration": target.metadata()});
            (input, target.description.clone().expect("a mark"))
        });
        if let Disowned::Changed = how {
            let hash = description.rsplit(' ').next().expect("a hash").trim_end_matches(')');
            input["description"] = json!(description.replace(hash, &hash.chars().rev().collect::<String>()));
        }
        world.somebody(ServiceId::AgentCoreControl, "UpdateGatewayTarget", input);
    }

    fn remove(&self, world: &World, id: &str) {
        let (gateway_id, target_id) = id.split_once('/').expect("an id of a target");
        let input = json!({"gatewayIdentifier": gateway_id, "targetId": target_id});
        world.somebody(ServiceId::AgentCoreControl, "DeleteGatewayTarget", input);
    }

    fn prepare(world: &World, variant: &str) {
        if variant == FLAKY {
            let why = "Failed to connect and fetch tools from the provided MCP target server";
            world.fault("CreateGatewayTarget", 1, 1, FaultEffect::BecomesFailed(why.to_owned()));
        }
    }
}

#[track_caller]
fn look<T>(world: &World, id: &str, look: impl FnOnce(&GatewayTarget) -> T) -> T {
    let (gateway_id, target_id) = id.split_once('/').expect("an id of a target");
    let now = world.aws.clock().now();
    world.aws.with(|world| {
        let gateway = world.agentcore.gateway(gateway_id, now).expect("the gateway");
        look(gateway.target(target_id, now).expect("the target"))
    })
}
