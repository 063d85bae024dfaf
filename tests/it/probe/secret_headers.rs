//! Headers whose values the probe takes from a secret, for servers that ask for a key of their own.

use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use serde_json::{Value, json};

use super::{behave, probe, runtime};
use crate::world::{PROBE, World, refused_before_any_call};

const NAME: &str = "mcp/credentials";
const KEY: &str = "cAnArY-api-key";

/// Creates a server that demands its key in `X-Api-Key`, behind a runtime that passes the header on.
async fn scene(secret: Value) -> (World, crate::world::Answer) {
    let mut world = World::new();
    let input = json!({"Name": NAME, "SecretString": secret.to_string(), "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    let api_key = Some(("x-api-key".to_owned(), KEY.to_owned()));
    behave(&world, Behaviour { api_key, ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({"RequestHeaders": "X-Api-Key"})).await;
    (world, runtime)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_wants_a_key_gets_it_from_the_secret() {
    for headers in [json!({"X-Api-Key": "API_KEY"}), json!(r#"{"x-api-key": "API_KEY"}"#)] {
        let (mut world, runtime) = scene(json!({"API_KEY": KEY, "other": "x"})).await;
        let answer = probe(&mut world, &runtime, json!({"SecretId": NAME, "SecretHeaders": headers})).await;
        assert_eq!(answer.success().attribute("ToolCount"), "3");
    }
    let (mut world, runtime) = scene(json!({"API_KEY": KEY})).await;
    assert!(!probe(&mut world, &runtime, json!({"SecretId": NAME})).await.is_success());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_key_that_is_missing_or_not_a_header_is_named() {
    for (secret, expected) in [
        (
            json!({"OTHER": KEY}),
            "`SecretHeaders` is \"API_KEY\", which secret mcp/credentials does not hold as a string",
        ),
        (json!({"API_KEY": ""}), "which secret mcp/credentials does not hold as a string"),
        (json!({"API_KEY": "cAnArY-two\nlines"}), "whose value cannot be sent as a header"),
        (json!({"API_KEY": "cAnArY-ümlaut"}), "whose value cannot be sent as a header"),
        (json!({"API_KEY": " cAnArY-space"}), "whose value cannot be sent as a header"),
    ] {
        let (mut world, runtime) = scene(secret).await;
        let properties = json!({"SecretId": NAME, "SecretHeaders": {"X-Api-Key": "API_KEY"}});
        let before = world.call_count();
        let answer = probe(&mut world, &runtime, properties).await;
        assert!(answer.failure().contains(expected), "{}", answer.reason());
        assert!(!world.calls_since(before).contains(&"InvokeAgentRuntime"));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn header_names_that_a_template_may_not_give_are_refused() {
    let cases = [
        (json!({"SecretHeaders": {"X-Api-Key": "K"}}), "`SecretId` is missing"),
        (json!({"SecretId": NAME, "SecretHeaders": {"Authorization": "K"}}), "which the probe sets itself"),
        (json!({"SecretId": NAME, "SecretHeaders": {"Mcp-Session-Id": "K"}}), "which the probe sets itself"),
        (json!({"SecretId": NAME, "SecretHeaders": {"Host": "K"}}), "which AgentCore does not pass on"),
        (json!({"SecretId": NAME, "SecretHeaders": {"X-Amz-Date": "K"}}), "which AgentCore does not pass on"),
        (json!({"SecretId": NAME, "SecretHeaders": {"bad name": "K"}}), "which is not a header name"),
        (json!({"SecretId": NAME, "SecretHeaders": {"X-Key": "K", "x-key": "L"}}), "twice"),
        (json!({"SecretId": NAME, "SecretHeaders": {"X-Key": "K"}, "Auth": "ANONYMOUS"}), "has no effect"),
        (json!({"SecretId": NAME, "SecretHeaders": "X-Key=K"}), "`SecretHeaders` is a string, but not a JSON object"),
    ];
    refused_before_any_call(PROBE, json!({"Endpoint": "https://example.com/mcp"}), &cases).await;
}
