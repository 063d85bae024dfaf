//! Every file in `events/`: good ones succeed, and `bad-…` ones fail with a sentence and create nothing.

use std::fs;
use std::path::Path;

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::world::{EXECUTION_ROLE, Event, IMAGE, TARGET, World};

/// Prepares the world that the events expect: an existing secret, an identity provider with its client, the role of the
/// container or gateway, and the gateway and runtime that a target connects.
async fn prepare(world: &World, event: &mut Value) {
    if event["ResourceType"] == TARGET.resource_type {
        connect(world, &mut event["ResourceProperties"]).await;
    }
    let properties = &event["ResourceProperties"];
    if let Some(issuer) = properties["Issuer"].as_str() {
        let mut provider = Provider::new(ClaimStyle::Auth0, issuer);
        if let (Some(id), Some(secret)) = (properties["ClientId"].as_str(), properties["ClientSecret"].as_str()) {
            provider = provider.with_client(id, Client::new(secret));
        }
        world.aws.with(|world| world.identity_providers.add(provider));
    }
    if let Some(role) = properties["RoleArn"].as_str() {
        crate::world::put_role(&world.aws, role, "bedrock-agentcore.amazonaws.com");
    }
    if let Some(name) = properties["ExistingSecretId"].as_str().filter(|name| !name.starts_with("arn:")) {
        let keys = ["ZSCALER_CLIENT_ID", "ZSCALER_CLIENT_SECRET", "ZSCALER_VANITY_DOMAIN", "ZSCALER_CUSTOMER_ID"];
        let text = json!(keys.map(|key| (key, "x")).into_iter().collect::<std::collections::BTreeMap<_, _>>());
        let input = json!({"Name": name, "SecretString": text.to_string(), "ClientRequestToken": "f".repeat(32)});
        world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    }
}

/// Creates the gateway and the runtime behind a target. Their ids end in random characters, so that the event needs the
/// true ones.
async fn connect(world: &World, properties: &mut Value) {
    let input = json!({"name": "mcp-5f3c1a90-3d9c1e", "roleArn": EXECUTION_ROLE, "protocolType": "MCP",
        "authorizerType": "AWS_IAM"});
    let gateway = world.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
    let input = json!({"agentRuntimeName": "mcp_5f3c1a90", "roleArn": EXECUTION_ROLE,
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
        "networkConfiguration": {"networkMode": "PUBLIC"}, "protocolConfiguration": {"serverProtocol": "MCP"}});
    let runtime = world.somebody(ServiceId::AgentCoreControl, "CreateAgentRuntime", input);
    sleep(Duration::from_mins(1)).await;
    properties["GatewayIdentifier"] = gateway["gatewayId"].clone();
    let endpoint = properties["Endpoint"].as_str().unwrap_or_default();
    let id = runtime["agentRuntimeId"].as_str().expect("an id");
    properties["Endpoint"] = endpoint.replace("mcp_5f3c1a90-a1B2c3D4e5", id).into();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_example_event_does_what_its_name_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("the folder of events")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "json"))
        .collect();
    names.sort();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).expect("an event");
        let mut world = World::new();
        // One file exists to exceed serde_json's limit of levels: it is sent unparsed.
        let Ok(mut event) = serde_json::from_str::<Value>(&text) else {
            send_as_it_is(&mut world, &name, &text).await;
            continue;
        };
        if name == "bad-response-url-not-https.json" {
            world.invoke(text.into_bytes()).await.expect_err("nobody to answer");
            assert_eq!(world.calls_since(0), [""; 0], "{name}");
            continue;
        }
        if event.get("Event").is_some() {
            // Nobody waits for an answer, and the stack does not exist.
            world.invoke(text.into_bytes()).await.expect("it need not be delivered again");
            let result = if name.starts_with("bad-") { "ROTATION FAILED" } else { "UNCHANGED: nothing to rotate" };
            assert!(world.everything_said().contains(result), "{name}");
            assert_eq!(world.calls_since(0), [""; 0], "{name}");
            continue;
        }
        prepare(&world, &mut event).await;
        let event = event.as_object_mut().expect("an event is a map");
        let answer = world.send(Event(std::mem::take(event))).await;
        assert_eq!(answer.is_success(), !name.starts_with("bad-"), "{name}: {}", answer.reason());
        if name.starts_with("bad-") {
            assert!(answer.reason().contains('`'), "{name} names no property: {}", answer.reason());
            let calls = world.calls_since(0);
            assert!(calls.iter().all(|call| !call.starts_with("Create")), "{name}: {calls:?}");
        }
    }
}

async fn send_as_it_is(world: &mut World, name: &str, text: &str) {
    let now = world.aws.clock().now();
    let url = world.aws.with(|world| world.responses.presign("request", now));
    let start = text.find("https://cloudformation").unwrap_or_else(|| panic!("{name} has no ResponseURL"));
    let end = start + text[start..].find('"').expect("the URL's end");
    let payload = format!("{}{url}{}", &text[..start], &text[end..]);
    world.invoke(payload.into_bytes()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let answer = world.aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer["Status"], "FAILED", "{name}");
}
