//! What a probe quotes of a container and its server: never a value of the container's secret, in whatever form it
//! was printed.

use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use emulator::identity_provider::ClaimStyle;
use serde_json::{Value, json};

use super::{COGNITO, bearer, behave, jwt, probe, provider, runtime};
use crate::world::{CANARY, World, canary};

const NAME: &str = "mcp/credentials";

/// Stores a secret as somebody else.
fn store(world: &World, value: &Value) {
    let input = json!({"Name": NAME, "SecretString": value.to_string(), "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
}

/// What the probe says of a container that exits, after it has printed what it found in its secret.
async fn quoted(world: &mut World, secret: Value) -> String {
    store(world, &secret);
    let behaviour = Behaviour {
        reads_secret: true,
        prints_secret: true,
        required_keys: vec!["MISSING".to_owned()],
        ..Behaviour::default()
    };
    behave(world, behaviour);
    told(world).await
}

/// What the probe says of a container that has this secret and does not answer.
async fn told(world: &mut World) -> String {
    let runtime = runtime(world, json!({"SecretId": NAME})).await;
    probe(world, &runtime, json!({"SecretId": NAME})).await.failure().to_owned()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_nested_key_unmasks_no_other() {
    let service_account = json!({"private_key": canary("embedded")}).to_string();
    for secret in [
        json!({"A": {"nested": "x"}, "KEY": canary("key")}),
        json!({"KEY": "x", "other": {"nested": canary("nested"), "list": ["x", {"deep": canary("deep")}]}}),
        json!({"KEY": {"number": 48_151_623}}),
        json!({"A": [], "KEY": service_account}),
    ] {
        let mut world = World::new();
        let said = quoted(&mut world, secret.clone()).await;
        assert!(said.contains("****") && !said.contains(CANARY) && !said.contains("48151623"), "{secret}: {said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_clients_secret_is_read_from_beside_a_nested_key() {
    for (key, expected) in
        [("CLIENT_SECRET", None), ("other", Some("does not hold as a text")), ("absent", Some("absent"))]
    {
        let mut world = World::new();
        store(&world, &json!({"CLIENT_SECRET": canary("client"), "other": {"nested": "x"}}));
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
        let stored = json!({"ClientSecret": "", "ClientSecretId": NAME, "ClientSecretJsonKey": key});
        let answer = probe(&mut world, &runtime, bearer(COGNITO, stored)).await;
        match expected {
            None => assert!(answer.is_success(), "{}", answer.reason()),
            Some(expected) => assert!(answer.failure().contains(expected), "{}", answer.reason()),
        }
    }
}
