use std::time::Duration;

use emulator::agentcore_control::{CredentialProvider, Status};
use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, Subject, UNLISTED, USUAL, disown_tagged};
use crate::oauth2_credential_provider::somebodys_provider;
use crate::world::{LogicalResource, PROVIDER, World, canary, merged};

const ISSUER: &str = "https://tenant.auth0.com/";

/// `Custom::AgentCoreOAuth2CredentialProvider`.
pub(in crate::battery) struct ProviderSubject;

impl Subject for ProviderSubject {
    const RESOURCE: LogicalResource = PROVIDER;
    const OPERATIONS: [&'static str; 3] =
        ["CreateOauth2CredentialProvider", "UpdateOauth2CredentialProvider", "DeleteOauth2CredentialProvider"];
    const FAILED: [&'static str; 3] = ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"];
    const NAME: &'static str = "mcp-client";
    const REQUIRED: &'static [&'static str] = &["ClientId"];
    const EXCEPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "an_update_to_equal_properties_changes_nothing",
            "AgentCore shows no client secret to compare with, so every update writes it",
        ),
        (
            "a_late_duplicate_of_a_create_brings_nothing_back",
            "AgentCore takes no idempotency token that would tell a late duplicate from a new create",
        ),
    ];
    const VARIANTS: &'static [&'static str] = &[USUAL, UNLISTED];

    async fn scene(settings: Settings) -> (World, Self) {
        let world = World::with_settings(settings);
        let idp = Provider::new(ClaimStyle::Auth0, ISSUER)
            .with_client("app", Client::new(&canary("client")))
            .with_client("other", Client::new(&canary("other")));
        world.aws.with(|world| world.identity_providers.add(idp));
        (world, Self)
    }

    fn properties(&self) -> Value {
        json!({"Issuer": ISSUER, "ClientId": "app", "ClientSecret": canary("client"), "Tags": {"team": "one"}})
    }

    fn changed(&self) -> Vec<Value> {
        let changes = json!({"ClientId": "other", "ClientSecret": canary("other"), "Tags": {"team": "two"}});
        vec![merged(self.properties(), changes)]
    }

    fn replaced(&self) -> Option<Value> {
        Some(merged(self.changed().remove(0), json!({"Vendor": "GoogleOauth2", "Issuer": ""})))
    }

    fn named(&self) -> Value {
        merged(self.properties(), json!({"Name": Self::NAME}))
    }

    fn slowed(settings: Settings, transition: Duration) -> Settings {
        Settings { provider_transition: transition, ..settings }
    }

    fn ids(&self, world: &World) -> Vec<String> {
        let now = world.aws.clock().now();
        world.aws.with(|world| world.agentcore.credential_providers(now).map(|it| it.name.clone()).collect())
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        let provider = look(world, id);
        let now = world.aws.clock().now();
        let secret = world.aws.with(|world| provider.secret.read(&world.secrets, now));
        json!({"vendor": provider.vendor, "client": provider.client_id, "secret": secret, "tags": provider.tags,
            "discovery": format!("{:?}", provider.discovery),
            "authentication": format!("{:?}", provider.client_authentication)})
    }

    fn is_ready(&self, world: &World, id: &str) -> bool {
        look(world, id).status(world.aws.clock().now()) == Status::Ready
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        somebodys_provider(world, name);
        name.to_owned()
    }

    fn disown(&self, world: &World, id: &str, how: Disowned) {
        disown_tagged(world, &look(world, id).arn, how);
    }

    fn remove(&self, world: &World, id: &str) {
        world.somebody(ServiceId::AgentCoreControl, "DeleteOauth2CredentialProvider", json!({"name": id}));
    }

    fn prepare(world: &World, variant: &str) {
        world.aws.with(|world| world.agentcore.refuse_identity_tags = variant == UNLISTED);
    }
}

#[track_caller]
fn look(world: &World, name: &str) -> CredentialProvider {
    let now = world.aws.clock().now();
    let found = world.aws.with(|world| world.agentcore.credential_providers(now).find(|it| it.name == name).cloned());
    found.expect("the provider")
}
