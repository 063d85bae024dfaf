//! A server in a VPC, behind a private endpoint.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};

use super::{NAME, Scene};
use crate::world::{TARGET, merged, refused_before_any_call};

const HOST: &str = "mcp.internal.example.com";
const RESERVED: &str = "BedrockAgentCoreGatewayManaged";
const CONFIGURATION: &str = "rcfg-0123456789abcdefg";

/// Creates a scene with a server in a VPC.
async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.world.aws.with(|world| world.mcp_servers.start_private(HOST, Behaviour::default()));
    scene
}

fn private(endpoint: Value) -> Value {
    json!({"Endpoint": format!("https://{HOST}/mcp"), "OutboundAuth": "NONE", "PrivateEndpoint": endpoint})
}

fn managed(changes: Value) -> Value {
    let vpc = json!({"VpcIdentifier": "vpc-0a1b2c3d", "SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d",
        "EndpointIpAddressType": "IPV4"});
    json!({"ManagedVpcResource": merged(vpc, changes)})
}

fn lattice(id: &str) -> Value {
    json!({"SelfManagedLatticeResource": {"ResourceConfigurationIdentifier": id}})
}

/// Returns the member of the target as AgentCore has it.
fn shown(scene: &Scene, id: &str) -> Value {
    let (gateway_id, target_id) = id.split_once('/').expect("both ids");
    let input = json!({"gatewayIdentifier": gateway_id, "targetId": target_id});
    scene.world.somebody(ServiceId::AgentCoreControl, "GetGatewayTarget", input)["privateEndpoint"].clone()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_in_a_vpc_is_reached_through_either_kind_of_endpoint() {
    let vpc = json!({"vpcIdentifier": "vpc-0a1b2c3d", "subnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        "endpointIpAddressType": "IPV4"});
    let more =
        json!({"SecurityGroupIds": ["sg-0a1b2c3d"], "RoutingDomain": "internal-alb.example.com", "Tags": {"a": "b"}});
    let with_more = merged(
        vpc.clone(),
        json!({"securityGroupIds": ["sg-0a1b2c3d"], "routingDomain": "internal-alb.example.com", "tags": {"a": "b"}}),
    );
    let configuration = |id: &str| json!({"selfManagedLatticeResource": {"resourceConfigurationIdentifier": id}});
    let arn = format!("arn:aws:vpc-lattice:us-east-1:444455556666:resourceconfiguration/{CONFIGURATION}");
    // The default security group and AgentCore's own tag.
    let added = |vpc: &Value, more: Value| json!({"managedVpcResource": merged(vpc.clone(), more)});
    let default = added(&vpc, json!({"securityGroupIds": ["sg-0defa017"], "tags": {RESERVED: "true"}}));
    let with_more = added(&with_more, json!({"tags": {"a": "b", RESERVED: "true"}}));
    for (given, expected) in [
        (managed(json!({})), default),
        (managed(more.clone()), with_more.clone()),
        (json!(managed(more).to_string()), with_more),
        (lattice(CONFIGURATION), configuration(CONFIGURATION)),
        (lattice(&arn), configuration(&arn)),
    ] {
        let mut scene = scene().await;
        let id = scene.target(private(given.clone())).await.physical_id();
        assert_eq!(shown(&scene, &id), expected);
        assert_eq!(scene.look(&id, |target| target.tools.len()), 3);
        let before = scene.world.call_count();
        let update = scene.update(&id, private(given.clone()), private(given.clone()));
        scene.world.send(update).await.success();
        assert_eq!(scene.world.calls_since(before), ["GetGateway", "GetGatewayTarget"], "nothing differs");
        let described = merged(private(given.clone()), json!({"Description": "another"}));
        let update = scene.update(&id, described, private(given));
        scene.world.send(update).await.success();
        assert_eq!(shown(&scene, &id), expected, "it stays");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn security_groups_that_are_no_longer_given_are_the_default_ones_again() {
    let mut scene = scene().await;
    let (with_group, without) =
        (private(managed(json!({"SecurityGroupIds": "sg-0a1b2c3d"}))), private(managed(json!({}))));
    let id = scene.target(with_group.clone()).await.physical_id();
    let update = scene.update(&id, without, with_group);
    scene.world.send(update).await.success();
    assert_eq!(shown(&scene, &id)["managedVpcResource"]["securityGroupIds"], json!(["sg-0defa017"]));
}

/// Sets the private endpoint of a target as somebody else.
async fn set_endpoint(scene: &Scene, id: &str, endpoint: &Value) {
    let (gateway_id, target_id) = id.split_once('/').expect("both ids");
    let key = json!({"gatewayIdentifier": gateway_id, "targetId": target_id});
    let mut target = scene.world.somebody(ServiceId::AgentCoreControl, "GetGatewayTarget", key.clone());
    let settable = ["name", "description", "targetConfiguration", "credentialProviderConfigurations"];
    let members = target.as_object_mut().expect("an object");
    members.retain(|member, value| settable.contains(&member.as_str()) && *value != json!([]));
    let update = merged(merged(target, key), json!({"privateEndpoint": endpoint}));
    scene.world.somebody(ServiceId::AgentCoreControl, "UpdateGatewayTarget", update);
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_endpoint_of_somebody_else_is_neither_replaced_nor_removed() {
    let theirs = json!({"managedVpcResource": {"vpcIdentifier": "vpc-1a1b2c3d", "subnetIds": ["subnet-2a1b2c3d"],
        "endpointIpAddressType": "IPV4"}});
    let mut scene = scene().await;
    // Then the gateway does not ask the server, which it would not reach on every way.
    let tool = json!({"name": "one", "description": "one", "inputSchema": {"type": "object"}});
    let with_schema = |endpoint: Value| merged(private(endpoint), json!({"ToolSchema": {"tools": [tool]}}));
    let public = with_schema(json!(""));
    let id = scene.target(public.clone()).await.physical_id();
    set_endpoint(&scene, &id, &theirs).await;
    let before = shown(&scene, &id);
    let described = merged(public.clone(), json!({"Description": "another"}));
    let update = scene.update(&id, described, public.clone());
    scene.world.send(update).await.success();
    assert_eq!(shown(&scene, &id), before, "nobody asked for one");

    let ours = with_schema(lattice(CONFIGURATION));
    scene.world.stack_status(StackStatus::UpdateInProgress);
    let update = scene.update(&id, ours.clone(), public.clone());
    let refused = scene.world.send(update).await;
    let sentence = "a private endpoint of target server exists and belongs to someone else; remove it from the target, or \
                    leave out `PrivateEndpoint`";
    assert!(refused.failure().contains(sentence), "{}", refused.reason());
    scene.world.stack_status(StackStatus::UpdateRollbackInProgress);
    for (new, old) in [(&public, &ours), (&ours, &public)] {
        let update = scene.update(&id, new.clone(), old.clone());
        scene.world.send(update).await.success();
        assert_eq!(shown(&scene, &id), before, "a rollback leaves it");
    }

    // Somebody replaces ours.
    scene.world.stack_status(StackStatus::UpdateInProgress);
    let other = merged(ours.clone(), json!({"TargetName": "other"}));
    let id = scene.target(other.clone()).await.physical_id();
    set_endpoint(&scene, &id, &theirs).await;
    let update = scene.update(&id, merged(public, json!({"TargetName": "other"})), other);
    scene.world.send(update).await.success();
    assert_eq!(shown(&scene, &id), before);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_endpoint_is_changed_in_place_and_removed_with_its_property() {
    let mut scene = scene().await;
    let behaviour = Behaviour { tools: 5, ..Behaviour::default() };
    scene.world.aws.with(|world| world.mcp_servers.start("mcp.example.com", behaviour));
    let public = json!({"Endpoint": "https://mcp.example.com/mcp", "OutboundAuth": "NONE"});
    let states =
        [private(managed(json!({}))), private(lattice(CONFIGURATION)), public.clone(), private(managed(json!({})))];
    let id = scene.target(public.clone()).await.physical_id();
    let mut old = public;
    for new in states {
        let update = scene.update(&id, new.clone(), old);
        assert_eq!(scene.world.send(update).await.success().physical_id(), id);
        assert_eq!(shown(&scene, &id).is_null(), new.get("PrivateEndpoint").is_none(), "{new}");
        old = new;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_in_a_vpc_is_not_found_without_an_endpoint() {
    let mut scene = scene().await;
    let mut properties = private(json!({}));
    let create = scene.create(properties.clone());
    let answer = scene.world.send(create).await;
    assert!(answer.failure().contains("no connection to mcp.internal.example.com"), "{}", answer.reason());
    properties["PrivateEndpoint"] = json!("");
    properties["TargetName"] = json!("other");
    let create = scene.create(properties);
    assert!(!scene.world.send(create).await.is_success());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_endpoints_are_refused_before_any_call() {
    let both = merged(managed(json!({})), lattice(CONFIGURATION));
    let cases = [
        (json!("vpc-0a1b2c3d"), "`PrivateEndpoint` is a string, but not a JSON object"),
        (
            json!({"managedVpcResource": {}}),
            "`PrivateEndpoint.managedVpcResource` is not a property of this type; did you",
        ),
        (json!({"ManagedVpcResource": {}}), "`PrivateEndpoint` needs one of `ManagedVpcResource` and"),
        (both, "`PrivateEndpoint` needs one of"),
        (json!({"ManagedVpcResource": ["a"]}), "`PrivateEndpoint.ManagedVpcResource` is not a map"),
        (managed(json!({"VpcIdentifier": ""})), "`PrivateEndpoint.ManagedVpcResource.VpcIdentifier` is missing"),
        (managed(json!({"VpcIdentifier": "vpc-0A1B2C3D"})), "VpcIdentifier` is \"vpc-0A1B2C3D\"; give the id of a VPC"),
        (managed(json!({"SubnetIds": []})), "`PrivateEndpoint.ManagedVpcResource.SubnetIds` is missing"),
        (managed(json!({"SubnetIds": ["sub"]})), "SubnetIds` contains \"sub\""),
        (managed(json!({"EndpointIpAddressType": ""})), "EndpointIpAddressType` is missing"),
        (managed(json!({"EndpointIpAddressType": "DUAL"})), "use one of IPV4, IPV6"),
        (
            managed(json!({"SecurityGroupIds": (0..6).map(|n| format!("sg-0a1b2c3{n}")).collect::<Vec<_>>()})),
            "SecurityGroupIds` has 6 entries; AgentCore takes at most 5",
        ),
        (managed(json!({"RoutingDomain": "https://a.example.com"})), "give the name of a host that is not local"),
        (managed(json!({"RoutingDomain": "127.0.0.1"})), "`PrivateEndpoint.ManagedVpcResource.RoutingDomain` is \"127"),
        (managed(json!({"RoutingDomain": "0x7f.1"})), "is \"0x7f.1\"; give the name of a host"),
        (managed(json!({"RoutingDomain": "localhost"})), "is \"localhost\"; give the name of a host"),
        (managed(json!({"RoutingDomain": "-a.example.com"})), "is \"-a.example.com\"; give the name of a host"),
        (
            managed(json!({"RoutingDomain": format!("{}.example.com", "a".repeat(64))})),
            "aaa.example.com\"; give the name of a host",
        ),
        (managed(json!({"Tags": {RESERVED: "x"}})), "is AgentCore's own tag; remove it"),
        (lattice("rcfg-1"), "ResourceConfigurationIdentifier` is \"rcfg-1\"; give the id or the ARN"),
        (
            lattice(&format!("arn:aws:vpc-lattice:us-east-1:444455556666:resourcegateway/{CONFIGURATION}")),
            "give the id or the ARN of a resource configuration",
        ),
    ];
    let base = json!({"GatewayIdentifier": "shared-abcdefghij", "TargetName": NAME});
    refused_before_any_call(TARGET, base, &cases.map(|(endpoint, sentence)| (private(endpoint), sentence))).await;
}
