//! `Custom::AgentCoreSecret`, in addition to the battery.

/// Secrets that are created under the name of a former one of ours.
mod recovery;

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::{Value, json};

use crate::world::{SECRET, STACK_ID, World, canary, refused_before_any_call};

const NAME: &str = "mcp/credentials";

fn properties(values: Value) -> Value {
    json!({"ServiceToken": "arn", "SecretName": NAME, "Values": values})
}

fn somebodys_secret(world: &World, name: &str, text: &str) -> String {
    let input = json!({"Name": name, "SecretString": text, "ClientRequestToken": "0123456789abcdef0123456789abcdef"});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input)["ARN"].as_str().expect("an ARN").to_owned()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_stores_the_values_byte_for_byte_in_one_call() {
    let mut world = World::new();
    let values = json!({"ID": "plain", "KEY": canary("key"), "EMPTY": ""});
    let answer = world.send(SECRET.create(properties(values))).await.success();
    assert_eq!(world.secret_entry(NAME, "KEY"), canary("key"));
    assert_eq!(world.secret_entry(NAME, "EMPTY"), Value::Null, "an empty parameter is absent");
    assert_eq!(answer.physical_id(), answer.attribute("Arn"));
    assert_eq!((answer.attribute("Name"), answer.attribute("Ownership")), (NAME, "Managed"));
    assert_eq!(world.calls_since(0), ["CreateSecret"]);
    let tags = world.aws.with(|world| world.secrets.secret(NAME).expect("it").tags.clone());
    assert_eq!(tags["agentcore-provisioner:stack-id"], STACK_ID);
    assert_eq!(tags["agentcore-provisioner:logical-id"], "Secret");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_is_derived_if_none_is_given() {
    let mut world = World::new();
    let answer = world.send(SECRET.create(json!({"Values": {"A": "b"}}))).await.success();
    assert!(answer.attribute("Name").starts_with("mcp/Secret/"), "{}", answer.attribute("Name"));
    world.send(SECRET.delete(&answer.physical_id(), json!({"Values": {"A": "b"}}))).await.success();
    assert!(!world.has_secret(answer.attribute("Name")));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn update_merges_and_keeps_entries_of_others() {
    let mut world = World::new();
    let old = properties(json!({"STAYS": "1", "CHANGES": canary("old"), "GOES": "x"}));
    let created = world.send(SECRET.create(old.clone())).await.success();
    let text = world.secret_text(NAME).expect("a value").replacen('{', r#"{"THEIRS":{"n":1.50e1},"#, 1);
    let input = json!({"SecretId": NAME, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);

    let new = properties(json!({"STAYS": "1", "CHANGES": canary("new"), "COMES": "y"}));
    let updated = world.send(SECRET.update(&created.physical_id(), new.clone(), old)).await.success();
    assert_eq!(updated.physical_id(), created.physical_id());
    assert_ne!(updated.attribute("VersionId"), created.attribute("VersionId"));
    let text = world.secret_text(NAME).expect("a value");
    assert!(text.contains(r#""THEIRS":{"n":1.50e1}"#), "kept to the letter");
    assert_eq!(world.secret_entry(NAME, "CHANGES"), canary("new"));
    assert_eq!(world.secret_entry(NAME, "COMES"), "y");
    assert_eq!(world.secret_entry(NAME, "GOES"), Value::Null);

    let again = world.send(SECRET.update(&created.physical_id(), new.clone(), new)).await.success();
    assert_eq!(again.attribute("VersionId"), updated.attribute("VersionId"), "nothing changed, nothing written");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn generated_keys_are_filled_once_and_kept() {
    let mut world = World::new();
    let mut old = properties(json!({"ID": "1"}));
    old["GeneratedKeys"] = json!("API_KEY,STATE_KEY");
    let created = world.send(SECRET.create(old.clone())).await.success();
    let generated = world.secret_entry(NAME, "API_KEY");
    assert_eq!(generated.as_str().map(str::len), Some(43), "32 bytes as base64url");
    assert_ne!(generated, world.secret_entry(NAME, "STATE_KEY"));
    let mut new = old.clone();
    new["Values"]["ID"] = json!("2");
    world.send(SECRET.update(&created.physical_id(), new, old)).await.success();
    assert_eq!(world.secret_entry(NAME, "API_KEY"), generated);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn description_key_and_tags_update_in_place() {
    let mut world = World::new();
    let mut old = properties(json!({"A": "1"}));
    old["Tags"] = json!({"team": "one", "gone": "x"});
    let created = world.send(SECRET.create(old.clone())).await.success();
    let key = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012";
    let mut new = properties(json!({"A": "1"}));
    new["Tags"] = json!({"team": "two"});
    new["Description"] = json!("what it is for");
    new["KmsKeyId"] = json!(key);
    let updated = world.send(SECRET.update(&created.physical_id(), new, old.clone())).await.success();
    assert_eq!(updated.attribute("VersionId"), created.attribute("VersionId"));
    let look = |world: &World| {
        world.aws.with(|world| {
            let secret = world.secrets.secret(NAME).expect("it");
            (secret.description.clone(), secret.kms_key_id.clone(), secret.tags.get("team").cloned(), secret.tags.len())
        })
    };
    assert_eq!(look(&world), (Some("what it is for".into()), Some(key.into()), Some("two".into()), 3));
    world.send(SECRET.update(&created.physical_id(), old.clone(), old)).await.success();
    let (description, kms_key, ..) = look(&world);
    assert_eq!(description.unwrap_or_default(), "");
    assert_eq!(kms_key.as_deref(), Some("alias/aws/secretsmanager"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn delete_schedules_the_deletion_and_may_be_repeated() {
    let mut world = World::new();
    let mut properties = properties(json!({"A": "1"}));
    properties["RecoveryWindowInDays"] = json!("7");
    let created = world.send(SECRET.create(properties.clone())).await.success();
    world.send(SECRET.delete(&created.physical_id(), properties.clone())).await.success();
    let deletion = world.aws.with(|world| world.secrets.secret(NAME).expect("recoverable").deletion.clone());
    let deletion = deletion.expect("scheduled");
    assert_eq!(deletion.date.duration_since(deletion.requested).ok(), Some(Duration::from_hours(7 * 24)));
    world.send(SECRET.delete(&created.physical_id(), properties)).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn delete_without_recovery_fails_while_the_secret_is_found() {
    let mut world =
        World::with_settings(Settings { secret_force_deletion: Duration::from_mins(3), ..Settings::default() });
    let mut properties = properties(json!({"A": "1"}));
    properties["RecoveryWindowInDays"] = json!("0");
    let created = world.send(SECRET.create(properties.clone())).await.success();
    let early = world.send(SECRET.delete(&created.physical_id(), properties.clone())).await;
    let sentence = format!("secret {NAME} ended in still found: Secrets Manager accepted its deletion two minutes ago");
    assert!(early.failure().contains(&sentence), "{}", early.reason());
    world.send(SECRET.delete(&created.physical_id(), properties)).await.success();
    assert!(!world.knows_secret(NAME));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn delete_without_recovery_ends_a_scheduled_deletion() {
    let mut world = World::new();
    let mut properties = properties(json!({"A": "1"}));
    properties["RecoveryWindowInDays"] = json!("0");
    let created = world.send(SECRET.create(properties.clone())).await.success();
    let input = json!({"SecretId": NAME, "RecoveryWindowInDays": 7});
    world.somebody(ServiceId::SecretsManager, "DeleteSecret", input);
    world.send(SECRET.delete(&created.physical_id(), properties)).await.success();
    assert!(!world.knows_secret(NAME));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_that_was_just_deleted_without_recovery_is_waited_for() {
    let mut world =
        World::with_settings(Settings { secret_force_deletion: Duration::from_secs(20), ..Settings::default() });
    world.send(SECRET.create(properties(json!({"A": "1"})))).await.success();
    let input = json!({"SecretId": NAME, "ForceDeleteWithoutRecovery": true});
    world.somebody(ServiceId::SecretsManager, "DeleteSecret", input);
    world.send(SECRET.create(properties(json!({"A": "2"})))).await.success();
    assert_eq!(world.secret_entry(NAME, "A"), "2");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn our_own_deleted_secret_is_restored_also_for_the_next_stack_of_the_same_name() {
    let mut world = World::new();
    let properties = properties(json!({"A": "1"}));
    let created = world.send(SECRET.create(properties.clone())).await.success();
    world.send(SECRET.delete(&created.physical_id(), properties.clone())).await.success();
    let next_stack = STACK_ID.replace("11111111", "99999999");
    let restored = world.send(SECRET.create(properties).with("StackId", next_stack.clone())).await.success();
    assert_eq!(restored.physical_id(), created.physical_id());
    assert!(world.has_secret(NAME));
    let tags = world.aws.with(|world| world.secrets.secret(NAME).expect("it").tags.clone());
    assert_eq!(tags["agentcore-provisioner:stack-id"], next_stack);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_strangers_secret_that_is_scheduled_for_deletion_is_left_alone() {
    let mut world = World::new();
    somebodys_secret(&world, NAME, r#"{"theirs": "1"}"#);
    world.somebody(ServiceId::SecretsManager, "DeleteSecret", json!({"SecretId": NAME}));
    let properties = properties(json!({"A": "1"}));
    let answer = world.send(SECRET.create(properties.clone())).await;
    assert!(answer.failure().contains("belongs to someone else"), "{}", answer.reason());
    assert_eq!(answer.physical_id(), format!("pending:{NAME}"));
    world.send(SECRET.delete(&answer.physical_id(), properties.clone())).await.success();
    world.send(SECRET.delete(&SECRET.invented_id(), properties)).await.success();
    assert!(!world.has_secret(NAME), "still scheduled");
    assert_eq!(world.secret_text(NAME).as_deref(), Some(r#"{"theirs": "1"}"#));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_existing_secret_is_verified_and_never_changed_or_deleted() {
    let mut world = World::new();
    let text = format!(r#"{{"ID": "1", "SECRET": {}}}"#, Value::from(canary("theirs")));
    let arn = somebodys_secret(&world, "theirs", &text);
    let properties = json!({"ExistingSecretId": "theirs", "RequiredKeys": ["ID", "SECRET|KEY"]});
    let answer = world.send(SECRET.create(properties.clone())).await.success();
    assert_eq!((answer.physical_id(), answer.attribute("Ownership")), (arn.clone(), "Existing"));
    assert_eq!(answer.attribute("Name"), "theirs");
    world.send(SECRET.update(&arn, properties.clone(), properties.clone())).await.success();
    world.send(SECRET.delete(&arn, properties)).await.success();
    assert_eq!(world.secret_text("theirs"), Some(text));
    let calls = world.calls_since(0);
    assert!(calls.iter().all(|call| *call == "GetSecretValue"), "{calls:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn switching_to_an_existing_secret_replaces_and_switching_back_does_too() {
    let mut world = World::new();
    let arn = somebodys_secret(&world, "theirs", r#"{"A": "1"}"#);
    let ours = properties(json!({"A": "1"}));
    let theirs = json!({"ExistingSecretId": arn});
    let created = world.send(SECRET.create(ours.clone())).await.success();
    let switched = world.send(SECRET.update(&created.physical_id(), theirs.clone(), ours.clone())).await.success();
    assert_eq!(switched.physical_id(), arn);
    world.send(SECRET.delete(&created.physical_id(), ours.clone())).await.success();
    assert!(!world.has_secret(NAME) && world.has_secret("theirs"));
    let back = world.send(SECRET.update(&arn, ours.clone(), theirs.clone())).await.success();
    assert_eq!(back.physical_id(), created.physical_id(), "restored");
    world.send(SECRET.delete(&arn, theirs)).await.success();
    assert!(world.has_secret(NAME) && world.has_secret("theirs"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_existing_secret_that_cannot_be_used_is_refused_with_the_reason() {
    let cases: [(&str, Value, &str); 14] = [
        (
            "bom",
            json!({"SecretString": "\u{feff}{\"A\": \"cAnArY-\"}"}),
            "value begins with a byte order mark (store it",
        ),
        ("utf16", json!({"SecretString": "{\0\"\0A\0"}), "value is UTF-16 (store it as UTF-8); store a JSON object"),
        ("nul", json!({"SecretString": "{\"A\": \"cAnArY-\"}\0"}), "value ends in a NUL character"),
        ("python", json!({"SecretString": "{'A': 'cAnArY-'}"}), "value is not JSON: it has single quotes, as Python"),
        ("twice", json!({"SecretString": r#"{"A": "cAnArY-", "A": "cAnArY-"}"#}), "value has the same key twice"),
        ("encoded", json!({"SecretString": r#""{\"A\": \"cAnArY-\"}""#}), "that was encoded as a JSON string"),
        ("missing", Value::Null, "no such secret"),
        ("text", json!({"SecretString": "user:cAnArY-password"}), "is not JSON"),
        ("list", json!({"SecretString": "[\"cAnArY-\"]"}), "not a JSON object"),
        ("binary", json!({"SecretBinary": "Y0FuQXJZLQ=="}), "is binary"),
        ("absent", json!({"SecretString": r#"{"B": "cAnArY-"}"#}), "lacks non-empty values: `A`"),
        ("empty", json!({"SecretString": r#"{"A": ""}"#}), "lacks non-empty values: `A`"),
        ("valueless", json!({}), "has no current value"),
        ("deleted", json!({"SecretString": r#"{"A": "1"}"#}), "scheduled for deletion"),
    ];
    for (name, value, expected) in cases {
        let mut world = World::new();
        if let Value::Object(mut input) = value {
            input.insert("Name".to_owned(), json!(name));
            if input.len() > 1 {
                input.insert("ClientRequestToken".to_owned(), json!("f".repeat(32)));
            }
            world.somebody(ServiceId::SecretsManager, "CreateSecret", Value::Object(input));
        }
        if name == "deleted" {
            world.somebody(ServiceId::SecretsManager, "DeleteSecret", json!({"SecretId": name}));
        }
        let properties = json!({"ExistingSecretId": name, "RequiredKeys": "A"});
        let answer = world.send(SECRET.create(properties.clone())).await;
        assert!(answer.failure().starts_with("`ExistingSecretId` "), "{name}: {}", answer.reason());
        assert!(answer.reason().contains(expected), "{name}: {}", answer.reason());
        world.send(SECRET.delete(&answer.physical_id(), properties)).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_denied_read_names_the_action_and_the_property() {
    let mut world = World::new();
    somebodys_secret(&world, "theirs", "{}");
    world.fault("GetSecretValue", 1, u64::MAX, FaultEffect::Denied);
    let answer = world.send(SECRET.create(json!({"ExistingSecretId": "theirs"}))).await;
    assert!(answer.failure().starts_with("`ExistingSecretId` is \"theirs\""), "{}", answer.reason());
    assert!(answer.reason().contains("secretsmanager:GetSecretValue"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn generated_and_foreign_values_are_masked_in_the_words_of_aws() {
    for generated in [json!({"GeneratedKeys": "KEY"}), json!({"GeneratedKeys": "KEY,OTHER"})] {
        let mut world = World::new();
        let mut old = properties(json!({"A": "alpha-value"}));
        old["GeneratedKeys"] = json!("KEY");
        let created = world.send(SECRET.create(old.clone())).await.success();
        let key = world.secret_entry(NAME, "KEY");
        let text = json!({"A": "alpha-value", "KEY": key, "THEIRS": "their-own-value"}).to_string();
        let input = json!({"SecretId": NAME, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
        world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
        world.fault("PutSecretValue", 1, 1, FaultEffect::QuotesInput);
        let mut new = properties(json!({"A": "another-value"}));
        new["GeneratedKeys"] = generated["GeneratedKeys"].clone();
        let answer = world.send(SECRET.update(&created.physical_id(), new, old)).await;
        let said = world.everything_said();
        assert!(answer.failure().contains("\"KEY\\\":\\\"****"), "{}", answer.reason());
        for value in [key.as_str().expect("a text"), "their-own-value", "another-value"] {
            assert!(!said.contains(value), "{value}: {said}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_that_is_no_longer_a_json_object_is_not_overwritten() {
    let mut world = World::new();
    let old = properties(json!({"A": "1"}));
    let created = world.send(SECRET.create(old.clone())).await.success();
    let input = json!({"SecretId": NAME, "SecretString": "cAnArY-", "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
    let answer = world.send(SECRET.update(&created.physical_id(), properties(json!({"A": "2"})), old)).await;
    assert!(answer.failure().contains("whose current value is not JSON"), "{}", answer.reason());
    assert_eq!(answer.physical_id(), created.physical_id());
    assert_eq!(world.secret_text(NAME).as_deref(), Some("cAnArY-"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let cases = [
        (json!({}), "`Values` is missing"),
        (json!({"Values": {"A": "1"}, "ExistingSecretId": "x"}), "`ExistingSecretId` is given together"),
        (json!({"Values": {"A": {"nested": "cAnArY-"}}}), "`Values.A` is a map"),
        (json!({"Values": "cAnArY-"}), "`Values` is a string, but not a JSON object"),
        (json!({"Values": {"A": "1"}, "RequiredKeys": ["B|C"]}), "lacks non-empty values: `B` or `C`"),
        (json!({"Values": {"A": ""}, "RequiredKeys": ["A"]}), "lacks non-empty values: `A`"),
        (json!({"Values": {"A": "1"}, "RecoveryWindowInDays": "3"}), "`RecoveryWindowInDays` is \"3\""),
        (json!({"Values": {"A": "1"}, "SecretName": "has space"}), "`SecretName` is"),
        (json!({"Values": {"A": "1"}, "Secretname": "x"}), "did you mean `SecretName`?"),
        (json!({"Values": {"A": "1"}, "GeneratedKeys": ["A"]}), "`GeneratedKeys` names `A`"),
        (json!({"Values": {"A": "{{resolve:secretsmanager:x}}"}}), "does not resolve"),
        (json!({"Values": {"A": "x".repeat(70_000)}}), "stores at most 65536"),
        (json!({"ExistingSecretId": "x", "Description": "y"}), "`Description` has no effect"),
        (json!({"Values": {"A": "1"}, "Tags": {"aws:x": "y"}}), "reserved prefix"),
    ];
    refused_before_any_call(SECRET, json!({}), &cases).await;
}
