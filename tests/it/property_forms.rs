//! One property in every form in which a template or a parameter can give it: lists, and white space around texts.

use emulator::identity_provider::{ClaimStyle, Client, Provider};
use serde_json::{Map, Value, json};

use crate::gateway_target::{GATEWAY_ROLE, Scene};
use crate::world::{
    API_KEY, GATEWAY, IDENTITY, IMAGE, LogicalResource, PROBE, PROVIDER, RUNTIME, SECRET, TARGET, canary,
};

const ISSUER: &str = "https://tenant.auth0.com/";
const AUDIENCE: &str = "https://mcp.example.com";
/// The properties whose white space is part of the secret.
const SECRETS: [&str; 2] = ["ApiKey", "ClientSecret"];

/// Returns properties of every type, with as many lists and texts as can be combined.
fn types(scene: &Scene) -> Vec<(LogicalResource, Value)> {
    let endpoint = scene.runtime.attribute("McpUrl");
    vec![
        (
            SECRET,
            json!({"SecretName": "forms", "Description": "a secret", "Values": {"A": canary("a")},
                   "GeneratedKeys": ["KEY", "OTHER"], "RequiredKeys": ["A|B", "KEY"], "RecoveryWindowInDays": "7"}),
        ),
        (
            RUNTIME,
            json!({"AgentRuntimeName": "forms", "ContainerUri": IMAGE, "RoleArn": crate::world::EXECUTION_ROLE,
                   "NetworkMode": "VPC", "Subnets": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
                   "SecurityGroups": ["sg-0a1b2c3d"], "InboundAuth": "JWT", "Issuer": ISSUER,
                   "AllowedAudience": [AUDIENCE, "other"], "AllowedScopes": ["a", "b"], "AllowedClients": ["app"],
                   "RequestHeaders": ["X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-B"],
                   "MaxLifetime": "3600"}),
        ),
        (PROVIDER, json!({"Name": "forms", "Issuer": ISSUER, "ClientId": "app", "ClientSecret": canary("client")})),
        (API_KEY, json!({"Name": "forms", "ApiKey": canary("key")})),
        (
            IDENTITY,
            json!({"Name": "forms", "AllowedResourceOauth2ReturnUrls": ["https://example.com/back", "app://done"]}),
        ),
        (
            GATEWAY,
            json!({"GatewayName": "forms", "RoleArn": GATEWAY_ROLE, "Issuer": ISSUER,
                   "AllowedAudience": ["other", AUDIENCE], "SupportedVersions": ["2025-06-18", "2026-07-28"]}),
        ),
        (
            TARGET,
            json!({"GatewayIdentifier": scene.gateway_id, "TargetName": "forms", "Endpoint": endpoint,
                   "AllowedRequestHeaders": ["X-A", "X-B"], "AllowedResponseHeaders": ["X-C", "X-D"]}),
        ),
        (PROBE, json!({"Endpoint": endpoint, "Auth": "IAM", "ExpectedTools": ["tool_001", "tool_002"]})),
    ]
}

async fn scene() -> Scene {
    let scene = Scene::new().await;
    let client = Client::new(&canary("client")).audiences(&[AUDIENCE]);
    let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client);
    scene.world.aws.with(|world| world.identity_providers.add(provider));
    scene
}

/// Converts every text and every list of the properties to another form.
fn reshaped(properties: &Value, text: impl Fn(&str) -> Value, list: impl Fn(&[Value]) -> Value) -> Value {
    let given = properties.as_object().expect("a map").iter();
    let reshaped: Map<_, _> = given
        .map(|(name, value)| {
            let value = match value {
                Value::String(it) if !SECRETS.contains(&name.as_str()) => text(it),
                Value::Array(items) => list(items),
                other => other.clone(),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(reshaped)
}

/// Creates every type in one form and updates it to another. Nothing may change.
#[tokio::test(flavor = "local", start_paused = true)]
async fn every_form_of_a_list_and_white_space_around_a_text_mean_the_same() {
    let joined = |items: &[Value], joint: &str| {
        items.iter().map(|item| item.as_str().expect("a text")).collect::<Vec<_>>().join(joint)
    };
    let json_text = |items: &[Value]| Value::from(items.to_vec()).to_string();
    let same = |text: &str| json!(text);
    let mut scene = scene().await;
    for (kind, properties) in types(&scene) {
        let created = scene.world.send(kind.create(properties.clone())).await.success();
        let forms = [
            ("padded", reshaped(&properties, |text| json!(format!(" {text}\r\n")), |items| json!(items))),
            ("comma-separated", reshaped(&properties, same, |items| json!(format!("{},", joined(items, " , "))))),
            ("JSON text", reshaped(&properties, same, |items| json!(format!("\n{}", json_text(items))))),
            ("JSON text in a list", reshaped(&properties, same, |items| json!([json_text(items)]))),
            (
                "JSON text cut at its commas",
                reshaped(&properties, same, |items| json!(json_text(items).split(',').collect::<Vec<_>>())),
            ),
        ];
        for (form, new) in forms {
            let before = scene.world.call_count();
            let updated = scene.world.send(kind.update(&created.physical_id(), new, properties.clone())).await;
            assert!(updated.is_success(), "{kind} {form}: {}", updated.reason());
            assert_eq!(updated.physical_id(), created.physical_id(), "{kind} {form}");
            let calls = scene.world.calls_since(before);
            let changes = |call: &&&str| {
                ["Create", "Put", "Tag", "Delete"].iter().any(|verb| call.starts_with(verb))
                    || (call.starts_with("Update") && !call.ends_with("CredentialProvider"))
            };
            assert_eq!(calls.iter().find(changes), None, "{kind} {form}: {calls:?}");
        }
        let last = reshaped(&properties, |text| json!(format!("{text}\n")), |items| json!(items));
        scene.world.send(kind.delete(&created.physical_id(), last)).await.success();
    }
    assert!(!scene.world.has_secret("forms"));
    assert_eq!(scene.world.runtime_names(), ["mcp"]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_list_that_is_malformed_is_refused_by_name_before_any_call() {
    let mut scene = scene().await;
    for (kind, properties) in types(&scene) {
        let lists = properties.as_object().expect("a map").iter().filter(|(_, value)| value.is_array());
        for (name, _) in lists {
            for malformed in [json!("[a, b]"), json!("[\"a\",[\"b\"]]"), json!("\"a\",\"b\""), json!({"a": "b"})] {
                let mut properties = properties.clone();
                properties[name] = malformed.clone();
                let before = scene.world.call_count();
                let event = kind.create(properties);
                let answer = scene.world.send(event).await;
                let reason = answer.failure();
                assert!(reason.starts_with(&format!("`{name}` ")), "{kind} {malformed}: {reason}");
                assert!(reason.contains("JSON list such as"), "{kind} {malformed}: {reason}");
                assert_eq!(scene.world.calls_since(before), [""; 0], "{kind} {name} {malformed}");
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn white_space_inside_an_address_or_a_name_is_refused_before_any_call() {
    let mut scene = scene().await;
    for (kind, properties) in types(&scene) {
        for (name, says) in [
            ("ContainerUri", "which has white space in it"),
            ("RoleArn", ""),
            ("Issuer", "white space"),
            ("Endpoint", ""),
            ("SecretName", ""),
            ("AgentRuntimeName", ""),
            ("GatewayName", ""),
            ("TargetName", ""),
            ("Name", ""),
        ] {
            let Some(text) = properties[name].as_str() else { continue };
            let mut properties = properties.clone();
            properties[name] = json!(text.replacen(['/', 'r'], " ", 1));
            let before = scene.world.call_count();
            let event = kind.create(properties);
            let answer = scene.world.send(event).await;
            let reason = answer.failure();
            assert!(reason.starts_with(&format!("`{name}` ")) && reason.contains(says), "{kind} {name}: {reason}");
            assert_eq!(scene.world.calls_since(before), [""; 0], "{kind} {name}");
        }
    }
}
