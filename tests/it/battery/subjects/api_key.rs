use std::time::Duration;

use emulator::agentcore_control::ApiKeyProvider;
use emulator::aws::ServiceId;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, SETTLED, Subject, UNLISTED, USUAL, disown_tagged};
use crate::world::{API_KEY, LogicalResource, World, canary, merged};

/// `Custom::AgentCoreApiKeyCredentialProvider`.
pub(in crate::battery) struct ApiKeySubject;

impl Subject for ApiKeySubject {
    const RESOURCE: LogicalResource = API_KEY;
    const OPERATIONS: [&'static str; 3] =
        ["CreateApiKeyCredentialProvider", "UpdateApiKeyCredentialProvider", "DeleteApiKeyCredentialProvider"];
    const FAILED: [&'static str; 3] = [""; 3];
    const NAME: &'static str = "mcp-key";
    const REQUIRED: &'static [&'static str] = &[];
    const EXCEPTIONS: &'static [(&'static str, &'static str)] = &[
        SETTLED[0],
        SETTLED[1],
        SETTLED[2],
        SETTLED[3],
        SETTLED[4],
        SETTLED[5],
        SETTLED[6],
        SETTLED[7],
        SETTLED[8],
        (
            "an_update_to_equal_properties_changes_nothing",
            "AgentCore shows no key to compare with, so every update writes it",
        ),
    ];
    const VARIANTS: &'static [&'static str] = &[USUAL, UNLISTED];

    async fn scene(settings: Settings) -> (World, Self) {
        let world = World::with_settings(settings);
        let text = json!({"key": canary("key")}).to_string();
        let input = json!({"Name": "mcp/key", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
        world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
        (world, Self)
    }

    fn properties(&self) -> Value {
        json!({"ApiKey": canary("key"), "Tags": {"team": "one"}})
    }

    fn changed(&self) -> Vec<Value> {
        vec![merged(self.properties(), json!({"ApiKey": canary("other"), "Tags": {"team": "two"}}))]
    }

    fn replaced(&self) -> Option<Value> {
        let external = json!({"ApiKey": "", "ApiKeySecretId": "mcp/key", "ApiKeySecretJsonKey": "key",
            "ApiKeySecretSource": "EXTERNAL"});
        Some(merged(self.changed().remove(0), external))
    }

    fn named(&self) -> Value {
        merged(self.properties(), json!({"Name": Self::NAME}))
    }

    fn slowed(settings: Settings, _: Duration) -> Settings {
        settings
    }

    fn ids(&self, world: &World) -> Vec<String> {
        world.aws.with(|world| world.agentcore.api_key_providers().iter().map(|it| it.name.clone()).collect())
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        let provider = look(world, id);
        let now = world.aws.clock().now();
        let key = world.aws.with(|world| provider.secret.read(&world.secrets, now));
        json!({"source": provider.secret.source(), "key": key, "tags": provider.tags})
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        let input = json!({"name": name, "apiKey": "theirs"});
        world.somebody(ServiceId::AgentCoreControl, "CreateApiKeyCredentialProvider", input);
        name.to_owned()
    }

    fn disown(&self, world: &World, id: &str, how: Disowned) {
        disown_tagged(world, &look(world, id).arn, how);
    }

    fn remove(&self, world: &World, id: &str) {
        world.somebody(ServiceId::AgentCoreControl, "DeleteApiKeyCredentialProvider", json!({"name": id}));
    }

    fn prepare(world: &World, variant: &str) {
        world.aws.with(|world| world.agentcore.refuse_identity_tags = variant == UNLISTED);
    }
}

#[track_caller]
fn look(world: &World, name: &str) -> ApiKeyProvider {
    let found = world.aws.with(|world| world.agentcore.api_key_providers().iter().find(|it| it.name == name).cloned());
    found.expect("the provider")
}
