use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::secrets_manager::Secret;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, STACK_TAG, Subject, other_stack};
use crate::world::{LogicalResource, SECRET, World, canary, merged};

const SYNCHRONOUS: &str = "Secrets Manager answers a create or an update when it is done";
const NEVER_FAILS: &str = "a deletion that Secrets Manager has accepted does not fail";

/// `Custom::AgentCoreSecret`.
pub(in crate::battery) struct SecretSubject;

impl Subject for SecretSubject {
    const RESOURCE: LogicalResource = SECRET;
    const OPERATIONS: [&'static str; 3] = ["CreateSecret", "PutSecretValue", "DeleteSecret"];
    const FAILED: [&'static str; 3] = [""; 3];
    const NAME: &'static str = "mcp/credentials";
    const REQUIRED: &'static [&'static str] = &["Values"];
    const EXCEPTIONS: &'static [(&'static str, &'static str)] = &[
        ("a_slow_create_is_carried_on_by_the_next_delivery", SYNCHRONOUS),
        ("a_create_that_never_ends_is_answered_before_cloudformation_gives_up", SYNCHRONOUS),
        ("a_failed_create_carries_the_reason_and_the_id_and_is_cleaned_up", SYNCHRONOUS),
        ("a_failed_update_keeps_the_id_and_is_rolled_back", SYNCHRONOUS),
        ("a_failed_delete_carries_the_reason_and_may_be_repeated", NEVER_FAILS),
        ("a_failed_delete_is_told_although_gets_are_late", NEVER_FAILS),
        ("a_delete_leaves_a_strangers_resource_alone_whose_own_deletion_fails", NEVER_FAILS),
        (
            "a_late_duplicate_of_a_create_brings_nothing_back",
            "Secrets Manager forgets the token of a secret that is deleted without recovery; tests/it/regression.rs has \
             one with recovery",
        ),
    ];

    const OWN_ATTRIBUTES: &'static [&'static str] = &["VersionId"];

    async fn scene(settings: Settings) -> (World, Self) {
        (World::with_settings(settings), Self)
    }

    fn properties(&self) -> Value {
        json!({"SecretName": Self::NAME, "Values": {"A": canary("one")}, "GeneratedKeys": "KEY",
               "RecoveryWindowInDays": 0, "Tags": {"team": "one"}})
    }

    fn changed(&self) -> Vec<Value> {
        vec![merged(self.properties(), json!({"Values": {"A": canary("two"), "B": "x"}, "Tags": {"team": "two"}}))]
    }

    fn replaced(&self) -> Option<Value> {
        Some(merged(self.changed().remove(0), json!({"SecretName": "mcp/renamed"})))
    }

    fn slowed(settings: Settings, transition: Duration) -> Settings {
        Settings { secret_force_deletion: transition, ..settings }
    }

    fn ids(&self, world: &World) -> Vec<String> {
        world.aws.with(|world| {
            let kept = world.secrets.secrets().filter(|secret| secret.deletion.is_none());
            kept.map(|secret| secret.arn.clone()).collect()
        })
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        look(world, id, |secret| {
            let mut value: Value = serde_json::from_str(secret.current_text().expect("text")).expect("JSON");
            if let Some(generated) = value.get_mut("KEY") {
                *generated = json!(generated.as_str().map(str::len));
            }
            json!({"name": secret.name, "value": value, "description": secret.description, "tags": secret.tags})
        })
    }

    fn is_ready(&self, world: &World, id: &str) -> bool {
        look(world, id, |secret| secret.current().is_some() && secret.deletion.is_none())
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        let input = json!({"Name": name, "SecretString": r#"{"theirs": "1"}"#,
            "ClientRequestToken": "0123456789abcdef0123456789abcdef"});
        world.somebody(ServiceId::SecretsManager, "CreateSecret", input)["ARN"].as_str().expect("an ARN").to_owned()
    }

    fn disown(&self, world: &World, id: &str, how: Disowned) {
        let (operation, input) = match how {
            Disowned::Gone => ("UntagResource", json!({"SecretId": id, "TagKeys": [STACK_TAG]})),
            Disowned::Changed => {
                ("TagResource", json!({"SecretId": id, "Tags": [{"Key": STACK_TAG, "Value": other_stack()}]}))
            }
        };
        world.somebody(ServiceId::SecretsManager, operation, input);
    }

    fn remove(&self, world: &World, id: &str) {
        let input = json!({"SecretId": id, "ForceDeleteWithoutRecovery": true});
        world.somebody(ServiceId::SecretsManager, "DeleteSecret", input);
    }
}

#[track_caller]
fn look<T>(world: &World, arn: &str, look: impl FnOnce(&Secret) -> T) -> T {
    world.aws.with(|world| look(world.secrets.secrets().find(|secret| secret.arn == arn).expect("the secret")))
}
