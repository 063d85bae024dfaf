//! `Custom::AgentCoreGatewayTarget` on a gateway that somebody else created, in addition to the battery.

mod faults;
mod late_gets;
mod lifecycle;
mod network;
mod outbound;
mod refusals;
mod sharing;

use std::time::Duration;

use emulator::agentcore_control::{GatewayTarget, Status};
use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::settings::Settings;
use serde_json::{Value, json};

use crate::world::{Answer, EXECUTION_ROLE, Event, IMAGE, RUNTIME, TARGET, World, canary, merged, put_role};

pub(crate) const NAME: &str = "server";
pub(crate) const GATEWAY_ROLE: &str = "arn:aws:iam::111122223333:role/gateway";
pub(crate) const COGNITO: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";
const MARKER: &str = "(agentcore-provisioner ";

/// A world with somebody's gateway and a runtime of ours to put behind it.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) gateway_id: String,
    pub(crate) runtime: Answer,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), json!({}), json!({})).await
    }

    /// Creates a scene with more members for the gateway, in the API's form, and more properties for the runtime.
    pub(crate) async fn with(settings: Settings, gateway: Value, runtime: Value) -> Self {
        let mut world = World::with_settings(settings);
        put_role(&world.aws, GATEWAY_ROLE, "bedrock-agentcore.amazonaws.com");
        let client = Client::new(&canary("client")).scopes(&["mcp/read"]);
        let provider = Provider::new(ClaimStyle::Cognito, COGNITO).with_client("app", client);
        world.aws.with(|world| world.identity_providers.add(provider));
        let gateway_id = create_gateway(&world, "shared", gateway);
        let properties = json!({"AgentRuntimeName": "mcp", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
        let create = RUNTIME.create(merged(properties, runtime));
        let runtime = world.send(create).await.success();
        // The runtime was quick. After this minute the gateway is READY, and the list contains it.
        tokio::time::sleep(Duration::from_mins(1)).await;
        Self { world, gateway_id, runtime }
    }

    /// Returns the properties of a target of ours.
    pub(crate) fn properties(&self, changes: Value) -> Value {
        let properties = json!({"ServiceToken": "arn", "GatewayIdentifier": self.gateway_id, "TargetName": NAME,
            "Endpoint": self.runtime.attribute("McpUrl")});
        merged(properties, changes)
    }

    pub(crate) fn create(&self, changes: Value) -> Event {
        TARGET.create(self.properties(changes))
    }

    pub(crate) fn update(&self, physical_id: &str, new: Value, old: Value) -> Event {
        TARGET.update(physical_id, self.properties(new), self.properties(old))
    }

    pub(crate) fn delete(&self, physical_id: &str) -> Event {
        TARGET.delete(physical_id, self.properties(json!({})))
    }

    /// Creates a target of ours, which is READY then.
    pub(crate) async fn target(&mut self, changes: Value) -> Answer {
        let create = self.create(changes);
        self.world.send(create).await.success()
    }

    /// Creates a target as somebody else. Returns its id.
    pub(crate) fn somebodys_target(&self, name: &str) -> String {
        let input = json!({"gatewayIdentifier": self.gateway_id, "name": name, "targetConfiguration":
            {"mcp": {"mcpServer": {"endpoint": self.runtime.attribute("McpUrl")}}},
            "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE",
                "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}}}]});
        let answer = self.world.somebody(ServiceId::AgentCoreControl, "CreateGatewayTarget", input);
        answer["targetId"].as_str().expect("an id").to_owned()
    }

    /// Looks at a target by its physical id.
    #[track_caller]
    pub(crate) fn look<T>(&self, physical_id: &str, look: impl FnOnce(&GatewayTarget) -> T) -> T {
        let (gateway_id, target_id) = physical_id.split_once('/').expect("an id of a target");
        let now = self.world.aws.clock().now();
        self.world.aws.with(|world| {
            let gateway = world.agentcore.gateway(gateway_id, now).expect("the gateway");
            look(gateway.target(target_id, now).unwrap_or_else(|| panic!("no target {physical_id}")))
        })
    }

    /// Returns the names of the targets on the gateway.
    pub(crate) fn names(&self) -> Vec<String> {
        names_on(&self.world, &self.gateway_id)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.world.aws.with(|world| world.containers.behave(behaviour));
    }

    /// Calls an operation as somebody else, with the gateway's and the target's ids filled in.
    pub(crate) fn somebody(&self, operation: &str, physical_id: &str, changes: Value) {
        let (gateway_id, target_id) = physical_id.split_once('/').expect("an id of a target");
        let input = merged(json!({"gatewayIdentifier": gateway_id, "targetId": target_id}), changes);
        self.world.somebody(ServiceId::AgentCoreControl, operation, input);
    }
}

/// Creates a gateway that takes signatures, unless `changes` say otherwise. Returns its id.
pub(crate) fn create_gateway(world: &World, name: &str, changes: Value) -> String {
    let input = json!({"name": name, "roleArn": GATEWAY_ROLE, "protocolType": "MCP", "authorizerType": "AWS_IAM",
        "protocolConfiguration": {"mcp": {"supportedVersions": emulator::container::REVISIONS}}});
    let answer = world.somebody(ServiceId::AgentCoreControl, "CreateGateway", merged(input, changes));
    answer["gatewayId"].as_str().expect("an id").to_owned()
}

/// Returns the members of a gateway that accepts tokens of Cognito's client `app`.
pub(crate) fn jwt_gateway() -> Value {
    let discovery = format!("{COGNITO}/.well-known/openid-configuration");
    json!({"authorizerType": "CUSTOM_JWT", "authorizerConfiguration":
        {"customJWTAuthorizer": {"discoveryUrl": discovery, "allowedClients": ["app"]}}})
}

/// Returns the properties of a runtime that accepts tokens of Cognito's client `app`.
pub(crate) fn jwt_runtime() -> Value {
    json!({"InboundAuth": "JWT", "Issuer": COGNITO, "AllowedClients": "app"})
}

/// Creates a credential provider with Cognito's client `app`. Returns its ARN.
pub(crate) fn create_provider(world: &World, name: &str) -> String {
    let config = json!({"oauthDiscovery": {"discoveryUrl": format!("{COGNITO}/.well-known/openid-configuration")},
        "clientId": "app", "clientSecret": canary("client")});
    let input = json!({"name": name, "credentialProviderVendor": "CustomOauth2",
        "oauth2ProviderConfigInput": {"customOauth2ProviderConfig": config}});
    let answer = world.somebody(ServiceId::AgentCoreControl, "CreateOauth2CredentialProvider", input);
    answer["credentialProviderArn"].as_str().expect("an ARN").to_owned()
}

fn status(scene: &Scene, physical_id: &str) -> Status {
    let now = scene.world.aws.clock().now();
    scene.look(physical_id, |target| target.status(now))
}

fn names_on(world: &World, gateway_id: &str) -> Vec<String> {
    let now = world.aws.clock().now();
    world.aws.with(|world| {
        let gateway = world.agentcore.gateway(gateway_id, now).expect("the gateway");
        gateway.targets(now).map(|target| target.name.clone()).collect()
    })
}

/// Limits the gateway's role to these statements from now on.
fn put_gateway_policy(world: &World, statements: Value) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    world.aws.with(|world| {
        let mut role = world.iam.role(GATEWAY_ROLE).expect("it").clone();
        role.policies = vec![policy];
        world.iam.put_role(role);
    });
}
