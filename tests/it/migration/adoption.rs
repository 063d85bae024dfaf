//! A resource that was created by hand, and that its owner gives to a stack by the ownership tags.

use emulator::aws::ServiceId;
use serde_json::{Value, json};

use crate::world::{EXECUTION_ROLE, GATEWAY, IMAGE, LogicalResource, RUNTIME, STACK_ID, World};

/// Gives a resource to a logical resource of the tests' stack, as docs/migration.md says.
fn give(world: &World, arn: &Value, logical_id: &str) {
    let tags = json!({"agentcore-provisioner:stack-id": STACK_ID, "agentcore-provisioner:logical-id": logical_id});
    world.somebody(ServiceId::AgentCoreControl, "TagResource", json!({"resourceArn": arn, "tags": tags}));
}

/// Sends a Create before and after the resource was given to the stack: it is refused, then it adopts the resource.
async fn adopt(world: &mut World, resource: LogicalResource, properties: Value, arn: &Value) -> String {
    let create = resource.create(properties);
    let refusal = world.send(create.clone()).await;
    assert!(refusal.failure().contains("belongs to someone else"), "{}", refusal.reason());
    give(world, arn, resource.logical_id);
    world.send(create.clone()).await.success().physical_id()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_that_was_given_to_the_stack_is_adopted_and_brought_to_its_properties() {
    let mut world = World::new();
    let artifact =
        json!({"containerConfiguration": {"containerUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/old:1"}});
    let made = world.somebody(
        ServiceId::AgentCoreControl,
        "CreateAgentRuntime",
        json!({"agentRuntimeName": "by_hand", "agentRuntimeArtifact": artifact, "roleArn": EXECUTION_ROLE,
            "networkConfiguration": {"networkMode": "PUBLIC"}, "environmentVariables": {"OLD": "1"},
            "tags": {"team": "platform"}}),
    );
    let properties = json!({"AgentRuntimeName": "by_hand", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    let id = adopt(&mut world, RUNTIME, properties.clone(), &made["agentRuntimeArn"]).await;
    assert_eq!(made["agentRuntimeId"], id);
    world.runtime(&id, |runtime| {
        assert_eq!(runtime.configuration().environment().len(), 0, "the template has no variables");
        assert_eq!(runtime.tags["team"], "platform", "tags of others stay");
        assert_eq!(runtime.newest().number, 2);
    });
    world.send(RUNTIME.delete(&id, properties)).await.success();
    assert!(world.runtime_names().is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_that_was_given_to_the_stack_is_adopted() {
    let mut world = World::new();
    let made = world.somebody(
        ServiceId::AgentCoreControl,
        "CreateGateway",
        json!({"name": "by-hand", "roleArn": EXECUTION_ROLE, "authorizerType": "AWS_IAM", "protocolType": "MCP"}),
    );
    let properties = json!({"GatewayName": "by-hand", "RoleArn": EXECUTION_ROLE, "AuthorizerType": "AWS_IAM",
        "SearchType": "NONE", "Description": "adopted"});
    let id = adopt(&mut world, GATEWAY, properties, &made["gatewayArn"]).await;
    assert_eq!(made["gatewayId"], id);
    let live = world.somebody(ServiceId::AgentCoreControl, "GetGateway", json!({"gatewayIdentifier": id}));
    assert_eq!(live["description"], "adopted");
}
