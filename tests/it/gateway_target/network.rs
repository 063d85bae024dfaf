//! A server in a VPC, behind a private endpoint.

use emulator::container::Behaviour;
use serde_json::{Value, json};

use super::{NAME, Scene, TYPE, merged};
use crate::world::{Event, World};

const HOST: &str = "mcp.internal.example.com";
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
    scene.world.somebody(emulator::aws::ServiceId::AgentCoreControl, "GetGatewayTarget", input)["privateEndpoint"]
        .clone()
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
    for (given, expected) in [
        (managed(json!({})), json!({"managedVpcResource": vpc})),
        (managed(more.clone()), json!({"managedVpcResource": with_more})),
        (json!(managed(more).to_string()), json!({"managedVpcResource": with_more})),
        (lattice(CONFIGURATION), configuration(CONFIGURATION)),
        (lattice(&arn), configuration(&arn)),
    ] {
        let mut scene = scene().await;
        let id = scene.target(private(given.clone())).await.physical_id();
        assert_eq!(shown(&scene, &id), expected);
        assert_eq!(scene.look(&id, |target| target.tools.len()), 3);
        let before = scene.world.call_count();
        let update = scene.update(&id, private(given.clone()), private(given));
        scene.world.send(update).await.success();
        assert_eq!(scene.world.calls_since(before), ["GetGateway", "GetGatewayTarget"], "nothing differs");
    }
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
        (json!("vpc-0a1b2c3d"), "`PrivateEndpoint` is text, but not a JSON object"),
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
        (managed(json!({"RoutingDomain": "https://a.example.com"})), "give a domain, without scheme"),
        (managed(json!({"Tags": {"BedrockAgentCoreGatewayManaged": "x"}})), "is AgentCore's own tag; remove it"),
        (lattice("rcfg-1"), "ResourceConfigurationIdentifier` is \"rcfg-1\"; give the id or the ARN"),
        (
            lattice(&format!("arn:aws:vpc-lattice:us-east-1:444455556666:resourcegateway/{CONFIGURATION}")),
            "give the id or the ARN of a resource configuration",
        ),
    ];
    for (endpoint, expected) in cases {
        let mut world = World::new();
        let properties =
            merged(json!({"GatewayIdentifier": "shared-abcdefghij", "TargetName": NAME}), private(endpoint));
        let answer = world.send(Event::new("Create", TYPE, "Target", properties)).await;
        assert!(answer.failure().contains(expected), "{expected}: {}", answer.reason());
        assert_eq!(world.calls_since(0), [""; 0], "{expected}");
    }
}
