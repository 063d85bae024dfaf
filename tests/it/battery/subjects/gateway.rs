use std::time::Duration;

use emulator::agentcore_control::{Gateway, Status};
use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, Subject, disown_tagged};
use crate::world::{EXECUTION_ROLE, GATEWAY, LogicalResource, World, canary, merged};

const COGNITO: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";

/// `Custom::AgentCoreGateway`.
pub(in crate::battery) struct GatewaySubject;

impl Subject for GatewaySubject {
    const RESOURCE: LogicalResource = GATEWAY;
    const OPERATIONS: [&'static str; 3] = ["CreateGateway", "UpdateGateway", "DeleteGateway"];
    const FAILED: [&'static str; 3] = ["FAILED", "UPDATE_UNSUCCESSFUL", "FAILED"];
    const NAME: &'static str = "shared";
    const REQUIRED: &'static [&'static str] = &["RoleArn"];

    async fn scene(settings: Settings) -> (World, Self) {
        let world = World::with_settings(settings);
        let client = Client::new(&canary("client")).scopes(&["mcp/read"]);
        let provider = Provider::new(ClaimStyle::Cognito, COGNITO).with_client("app", client);
        world.aws.with(|world| world.identity_providers.add(provider));
        (world, Self)
    }

    fn properties(&self) -> Value {
        json!({"RoleArn": EXECUTION_ROLE, "Issuer": COGNITO, "AllowedClients": "app", "ClientId": "app",
               "ClientSecret": canary("client"), "Tags": {"team": "one"}})
    }

    fn changed(&self) -> Vec<Value> {
        vec![merged(self.properties(), json!({"AllowedScopes": "mcp/read", "Tags": {"team": "two"}}))]
    }

    fn replaced(&self) -> Option<Value> {
        Some(merged(self.changed().remove(0), json!({"SearchType": "NONE"})))
    }

    fn named(&self) -> Value {
        merged(self.properties(), json!({"GatewayName": Self::NAME}))
    }

    fn slowed(settings: Settings, transition: Duration) -> Settings {
        Settings { gateway_transition: transition, gateway_deletion: transition, ..settings }
    }

    fn ids(&self, world: &World) -> Vec<String> {
        let now = world.aws.clock().now();
        world.aws.with(|world| world.agentcore.gateways(now).map(|gateway| gateway.id.clone()).collect())
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        let governed = [
            "description",
            "roleArn",
            "authorizerType",
            "authorizerConfiguration",
            "protocolType",
            "protocolConfiguration",
            "exceptionLevel",
            "interceptorConfigurations",
            "kmsKeyArn",
            "policyEngineConfiguration",
        ];
        look(world, id, |gateway| {
            let members: serde_json::Map<_, _> =
                governed.iter().filter_map(|name| Some(((*name).to_owned(), gateway.get(name)?.clone()))).collect();
            json!({"members": members, "tags": gateway.tags})
        })
    }

    fn is_ready(&self, world: &World, id: &str) -> bool {
        let now = world.aws.clock().now();
        look(world, id, |gateway| gateway.status(now) == Status::Ready)
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        let input =
            json!({"name": name, "roleArn": EXECUTION_ROLE, "authorizerType": "AWS_IAM", "protocolType": "MCP"});
        let answer = world.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
        answer["gatewayId"].as_str().expect("an id").to_owned()
    }

    fn disown(&self, world: &World, id: &str, how: Disowned) {
        let arn = look(world, id, |gateway| gateway.arn.clone());
        disown_tagged(world, &arn, how);
    }

    fn remove(&self, world: &World, id: &str) {
        world.somebody(ServiceId::AgentCoreControl, "DeleteGateway", json!({"gatewayIdentifier": id}));
    }
}

#[track_caller]
fn look<T>(world: &World, id: &str, look: impl FnOnce(&Gateway) -> T) -> T {
    let now = world.aws.clock().now();
    world.aws.with(|world| look(world.agentcore.gateway(id, now).expect("the gateway")))
}
