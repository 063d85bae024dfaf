//! `Custom::AgentCoreApiKeyCredentialProvider`, in addition to the battery.

use emulator::agentcore_control::{ApiKeyProvider, ProviderSecret};
use emulator::aws::ServiceId;
use serde_json::{Value, json};

use crate::world::{API_KEY, World, canary, refused_before_any_call};

const SECRET_NAME: &str = "mcp/keys";

fn providers(world: &World) -> Vec<ApiKeyProvider> {
    world.aws.with(|world| world.agentcore.api_key_providers().to_vec())
}

/// Returns the key of the one provider.
#[track_caller]
fn key(world: &World) -> String {
    let [provider] = &providers(world)[..] else { panic!("one provider") };
    let now = world.aws.clock().now();
    world.aws.with(|world| provider.secret.read(&world.secrets, now)).expect("a key")
}

fn store(world: &World, text: &str) -> String {
    let input = json!({"Name": SECRET_NAME, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input)["ARN"].as_str().expect("an ARN").to_owned()
}

fn rotate(world: &World, text: &str) {
    let input = json!({"SecretId": SECRET_NAME, "SecretString": text, "ClientRequestToken": "e".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
}

fn stored(key: &str, source: &str) -> Value {
    json!({"ApiKeySecretId": SECRET_NAME, "ApiKeySecretJsonKey": key, "ApiKeySecretSource": source})
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_returns_ref_and_attributes() {
    let mut world = World::new();
    let created = world.send(API_KEY.create(json!({"ApiKey": canary("key")}))).await.success();
    let [provider] = &providers(&world)[..] else { panic!("one provider") };
    assert!(created.physical_id().starts_with("mcp-11111111-"), "{}", created.physical_id());
    assert_eq!(created.physical_id(), provider.name);
    assert_eq!(created.attribute("CredentialProviderArn"), provider.arn);
    assert_eq!(created.attribute("ApiKeySecretArn"), provider.secret.secret_arn());
    assert_eq!(provider.tags["agentcore-provisioner:logical-id"], "ApiKey");
    assert_eq!(key(&world), canary("key"));
    assert_eq!(world.calls_since(0), ["CreateApiKeyCredentialProvider"]);
}

/// An update without another key still writes the configuration.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stored_key_is_read_again_with_every_update() {
    for (json_key, before, after) in [
        ("key", json!({"key": canary("one")}).to_string(), json!({"key": canary("two")}).to_string()),
        ("", canary("one"), canary("two")),
    ] {
        let mut world = World::new();
        store(&world, &before);
        let properties = stored(json_key, "MANAGED");
        let id = world.send(API_KEY.create(properties.clone())).await.success().physical_id();
        assert_eq!(key(&world), canary("one"));
        rotate(&world, &after);
        let calls = world.call_count();
        world.send(API_KEY.update(&id, properties.clone(), properties)).await.success();
        assert_eq!(key(&world), canary("two"));
        let expected =
            ["GetApiKeyCredentialProvider", "ListTagsForResource", "GetSecretValue", "UpdateApiKeyCredentialProvider"];
        assert_eq!(world.calls_since(calls), expected);
    }
}

/// The function hears of a rotation outside of the stack from a rule.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotated_key_is_copied_again() {
    let object = |name: &str| json!({"key": canary(name), "other": 1}).to_string();
    for (json_key, before, after, expected) in [
        ("key", object("one"), object("two"), canary("two")),
        ("", canary("one"), canary("two"), canary("two")),
        ("", object("one"), object("two"), object("two")),
        // What cannot be used is reported, and the provider keeps its key.
        ("key", object("one"), canary("two"), canary("one")),
        ("", canary("one"), " ".to_owned(), canary("one")),
    ] {
        let mut world = World::new();
        let arn = store(&world, &before);
        let properties = stored(json_key, "MANAGED");
        let id = world.send(API_KEY.create(properties.clone())).await.success().physical_id();
        rotate(&world, &after);
        let entry = json!([{"Kind": "ApiKey", "LogicalResourceId": "ApiKey", "PhysicalResourceId": id,
            "SecretArn": arn, "JsonKey": json_key}]);
        world.rotated(&arn, entry).await;
        assert_eq!(key(&world), expected);
        let result = if expected.contains("two") { "ROTATED" } else { "ROTATION FAILED" };
        assert!(world.everything_said().contains(result), "{}", world.everything_said());
        world.send(API_KEY.delete(&id, properties)).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotation_leaves_a_providers_reference_and_somebody_elses_provider_alone() {
    let mut world = World::new();
    let arn = store(&world, &json!({"key": canary("one")}).to_string());
    let id = world.send(API_KEY.create(stored("key", "EXTERNAL"))).await.success().physical_id();
    let entry = |logical_id: &str, kind: &str| {
        json!([{"Kind": kind, "LogicalResourceId": logical_id, "PhysicalResourceId": id, "SecretArn": arn,
            "JsonKey": "key"}])
    };
    let before = providers(&world)[0].secret.clone();
    rotate(&world, &json!({"key": canary("two")}).to_string());
    let calls = world.call_count();
    for (entry, said) in [
        (entry("ApiKey", "ApiKey"), "UNCHANGED: nothing to rotate"),
        (entry("Other", "ApiKey"), "belongs to someone else"),
        (entry("ApiKey", "Password"), "cannot be read at line 1"),
    ] {
        world.rotated(&arn, entry).await;
        assert!(world.everything_said().contains(said), "{}", world.everything_said());
    }
    assert!(!world.calls_since(calls).contains(&"UpdateApiKeyCredentialProvider"));
    assert_eq!(providers(&world)[0].secret, before);
}

/// A gateway sends it as one text, and an agent takes it apart.
#[tokio::test(flavor = "local", start_paused = true)]
async fn an_object_of_several_secrets_is_the_key_as_it_is() {
    let text = format!(r#"{{ "user": "admin", "nested": {{"token": {}}}, "n": 1.50 }}"#, json!(canary("token")));
    for inline in [true, false] {
        let mut world = World::new();
        store(&world, &text);
        let properties = if inline { json!({"ApiKey": text}) } else { json!({"ApiKeySecretId": SECRET_NAME}) };
        let event = world.address(API_KEY.create(properties.clone()));
        let id = world.deliver(&event).await.expect("answered").success().physical_id();
        assert_eq!(key(&world), text, "byte for byte");
        // Each value in it is masked by itself.
        world.fault("UpdateApiKeyCredentialProvider", 1, 1, emulator::faults::FaultEffect::QuotesInput);
        let refused = world.send(API_KEY.update(&id, properties.clone(), properties)).await;
        assert!(refused.failure().contains("Invalid input"), "{}", refused.reason());
        assert!(!refused.reason().contains(&canary("token")[..20]), "{}", refused.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_external_key_is_referred_to_by_the_arn_of_its_secret() {
    let mut world = World::new();
    let arn = store(&world, &json!({"key": canary("one")}).to_string());
    let properties = stored("key", "EXTERNAL");
    let created = world.send(API_KEY.create(properties.clone())).await.success();
    assert_eq!(created.attribute("ApiKeySecretArn"), arn);
    let expected = ProviderSecret::External { secret_id: arn, json_key: "key".to_owned() };
    assert_eq!(providers(&world)[0].secret, expected);
    rotate(&world, &json!({"key": canary("two")}).to_string());
    assert_eq!(key(&world), canary("two"), "without an update");
    world.send(API_KEY.delete(&created.physical_id(), properties)).await.success();
    assert!(world.has_secret(SECRET_NAME) && providers(&world).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn another_source_replaces_a_derived_name_and_is_refused_under_a_fixed_one() {
    let mut world = World::new();
    store(&world, &json!({"key": canary("key")}).to_string());
    let old = json!({"ApiKey": canary("key"), "Name": "mcp-key"});
    let id = world.send(API_KEY.create(old.clone())).await.success().physical_id();
    let mut new = stored("key", "EXTERNAL");
    new["Name"] = json!("mcp-key");
    let refused = world.send(API_KEY.update(&id, new.clone(), old.clone())).await;
    let expected =
        "`ApiKeySecretSource` is EXTERNAL, and the credential provider named mcp-key was created with MANAGED";
    assert!(refused.failure().starts_with(expected), "{}", refused.reason());
    world.send(API_KEY.update(&id, old.clone(), new)).await.success();
    let replaced = world.send(API_KEY.update(&id, stored("key", "EXTERNAL"), old)).await.success();
    assert_ne!(replaced.physical_id(), id);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_key_that_cannot_be_used_is_refused_before_anything_is_created() {
    for (text, properties, expected) in [
        ("{}", json!({"ApiKeySecretId": "missing"}), "`ApiKeySecretId` is \"missing\", and there is no such secret"),
        ("{}", stored("key", "MANAGED"), "`ApiKeySecretJsonKey` is \"key\", which secret mcp/keys does not hold"),
        ("{}", stored("key", "EXTERNAL"), "`ApiKeySecretJsonKey` is \"key\", which secret mcp/keys does not hold"),
        ("plain", stored("key", "MANAGED"), "`ApiKeySecretId` is \"mcp/keys\", whose value"),
        (" ", json!({"ApiKeySecretId": SECRET_NAME}), "`ApiKeySecretId` is \"mcp/keys\", whose value is empty"),
    ] {
        let mut world = World::new();
        store(&world, text);
        let answer = world.send(API_KEY.create(properties)).await;
        assert!(answer.failure().starts_with(expected), "{}", answer.reason());
        assert!(world.calls_since(0).iter().all(|call| *call == "GetSecretValue"));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_missing_permission_is_named_as_aws_names_it() {
    for action in ["secretsmanager:CreateSecret", "bedrock-agentcore:CreateTokenVault"] {
        let mut world = World::new();
        world.deny(action);
        let answer = world.send(API_KEY.create(json!({"ApiKey": canary("key")}))).await;
        assert!(answer.failure().starts_with(&format!("not allowed to call {action}: ")), "{}", answer.reason());
        assert!(providers(&world).is_empty());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let cases = [
        (json!({}), "`ApiKeySecretId` is missing; give it and `ApiKeySecretJsonKey`, or the secret itself in `ApiKey`"),
        (json!({"ApiKey": "k", "Name": "has space"}), "`Name` is \"has space\""),
        (json!({"ApiKey": "x".repeat(65_537)}), "`ApiKey` has 65537 characters; use at most 65536"),
        (json!({"ApiKey": {"a": "b"}}), "`ApiKey` is a map"),
        (json!({"ApiKey": "k", "ApiKeySecretId": SECRET_NAME}), "`ApiKeySecretId` is given together with `ApiKey`"),
        (json!({"ApiKey": "k", "ApiKeySecretJsonKey": "key"}), "`ApiKeySecretJsonKey` has no effect without"),
        (
            json!({"ApiKey": "k", "ApiKeySecretSource": "EXTERNAL"}),
            "`ApiKey` cannot be used when `ApiKeySecretSource` is EXTERNAL; store it in a secret",
        ),
        (json!({"ApiKeySecretSource": "EXTERNAL"}), "`ApiKeySecretId` is missing; `ApiKeySecretSource` EXTERNAL"),
        (stored("", "EXTERNAL"), "`ApiKeySecretJsonKey` is missing"),
        (json!({"ApiKey": "k", "ApiKeySecretSource": "VAULT"}), "use one of MANAGED, EXTERNAL"),
        (json!({"ApiKey": "{{resolve:secretsmanager:x}}"}), "does not resolve"),
        (json!({"ApiKey": "k", "Tags": {"aws:x": "y"}}), "`Tags.aws:x` has the reserved prefix `aws:`"),
    ];
    let world = refused_before_any_call(API_KEY, json!({}), &cases).await;
    assert_eq!(world.calls_since(0), [""; 0], "the Deletes have nothing to look for");
}
