use std::time::Duration;

use emulator::agentcore_control::WorkloadIdentity;
use emulator::aws::ServiceId;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Disowned, SETTLED, Subject, UNLISTED, USUAL, disown_tagged};
use crate::world::{IDENTITY, LogicalResource, World, merged};

/// `Custom::AgentCoreWorkloadIdentity`.
pub(in crate::battery) struct IdentitySubject;

impl Subject for IdentitySubject {
    const RESOURCE: LogicalResource = IDENTITY;
    const OPERATIONS: [&'static str; 3] =
        ["CreateWorkloadIdentity", "UpdateWorkloadIdentity", "DeleteWorkloadIdentity"];
    const FAILED: [&'static str; 3] = [""; 3];
    const NAME: &'static str = "mcp-agent";
    const REQUIRED: &'static [&'static str] = &[];
    const EXCEPTIONS: &'static [(&'static str, &'static str)] = &SETTLED;
    const VARIANTS: &'static [&'static str] = &[USUAL, UNLISTED];

    async fn scene(settings: Settings) -> (World, Self) {
        (World::with_settings(settings), Self)
    }

    fn properties(&self) -> Value {
        json!({"AllowedResourceOauth2ReturnUrls": "https://one.example.com/back", "Tags": {"team": "one"}})
    }

    fn changed(&self) -> Vec<Value> {
        let urls = ["https://two.example.com/back", "app://done"];
        vec![merged(self.properties(), json!({"AllowedResourceOauth2ReturnUrls": urls, "Tags": {"team": "two"}}))]
    }

    fn replaced(&self) -> Option<Value> {
        Some(merged(self.changed().remove(0), json!({"Name": Self::NAME})))
    }

    fn named(&self) -> Value {
        merged(self.properties(), json!({"Name": Self::NAME}))
    }

    fn slowed(settings: Settings, _: Duration) -> Settings {
        settings
    }

    fn ids(&self, world: &World) -> Vec<String> {
        world.aws.with(|world| world.agentcore.workload_identities().iter().map(|it| it.name.clone()).collect())
    }

    fn shape(&self, world: &World, id: &str) -> Value {
        let identity = look(world, id);
        json!({"urls": identity.return_urls, "tags": identity.tags})
    }

    fn strangers(&self, world: &World, name: &str) -> String {
        world.somebody(ServiceId::AgentCoreControl, "CreateWorkloadIdentity", json!({"name": name}));
        name.to_owned()
    }

    fn disown(&self, world: &World, id: &str, how: Disowned) {
        disown_tagged(world, &look(world, id).arn, how);
    }

    fn remove(&self, world: &World, id: &str) {
        world.somebody(ServiceId::AgentCoreControl, "DeleteWorkloadIdentity", json!({"name": id}));
    }

    fn prepare(world: &World, variant: &str) {
        world.aws.with(|world| world.agentcore.refuse_identity_tags = variant == UNLISTED);
    }
}

#[track_caller]
fn look(world: &World, name: &str) -> WorkloadIdentity {
    let found =
        world.aws.with(|world| world.agentcore.workload_identities().iter().find(|it| it.name == name).cloned());
    found.expect("the identity")
}
