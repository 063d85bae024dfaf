//! Members of our resources that somebody else set survive every update: those that the service model has today, and
//! those that no service model has yet. A member that a property governs does not.

mod plant;
mod refreshed;
mod switched;

use emulator::container::Behaviour;
use emulator::settings::Settings;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

use plant::{Kind, Resource};

use crate::gateway_target::{GATEWAY_ROLE, Scene};
use crate::world::{self, EXECUTION_ROLE, Event, IMAGE, LogicalResource, World, canary, merged, put_role};

/// Alternatives of the union that has the most, `filesystemConfigurations`.
const VARIANTS: usize = 5;
const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";

const MAPPED_SCOPES: &str = "authorizerConfiguration.customJWTAuthorizer.advertisedScopeMapping";

/// Returns a mapping of the scope that the templates allow. AgentCore maps no other scope.
#[allow(clippy::unnecessary_wraps, reason = "one of the values of a kind")]
fn mapped_scopes() -> Option<Value> {
    Some(json!({"mcp/read": "read"}))
}

const RUNTIME: Kind = Kind {
    get: "GetAgentRuntime",
    update: "UpdateAgentRuntime",
    renamed: None,
    volatile: &["agentRuntimeVersion", "lastUpdatedAt"],
    // If `client_id` is the claim that names the client, we set none of the rules.
    unplanted: &["authorizerConfiguration.customJWTAuthorizer.customClaims", "clientToken"],
    values: |path| match path {
        MAPPED_SCOPES => mapped_scopes(),
        "authorizerConfiguration.customJWTAuthorizer.allowedWorkloadConfiguration" => {
            let gateway = "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/tools-abcdefghij";
            Some(json!({"hostingEnvironments": [{"arn": gateway}], "workloadIdentities": ["agent"]}))
        }
        "platformVersion" => Some(json!("V2")),
        _ => None,
    },
};

const GATEWAY: Kind = Kind {
    get: "GetGateway",
    update: "UpdateGateway",
    renamed: None,
    volatile: &["updatedAt"],
    unplanted: &[
        // Only runtimes have it.
        "authorizerConfiguration.customJWTAuthorizer.allowedWorkloadConfiguration",
        "authorizerConfiguration.customJWTAuthorizer.customClaims",
        // It is fixed at creation.
        "kmsKeyArn",
    ],
    values: |path| if path == MAPPED_SCOPES { mapped_scopes() } else { None },
};

const TARGET: Kind = Kind {
    get: "GetGatewayTarget",
    update: "UpdateGatewayTarget",
    renamed: None,
    volatile: &["lastSynchronizedAt", "updatedAt"],
    unplanted: &["targetConfiguration.mcp.mcpServer.mcpToolSchema"],
    values: |_| None,
};

const PROVIDER: Kind = Kind {
    get: "GetOauth2CredentialProvider",
    update: "UpdateOauth2CredentialProvider",
    renamed: Some(("oauth2ProviderConfigOutput", "oauth2ProviderConfigInput")),
    volatile: &["lastUpdatedTime"],
    unplanted: &[
        "oauth2ProviderConfigInput.customOauth2ProviderConfig.clientSecret",
        "oauth2ProviderConfigInput.customOauth2ProviderConfig.clientSecretConfig",
        "oauth2ProviderConfigInput.customOauth2ProviderConfig.clientSecretSource",
        "oauth2ProviderConfigInput.includedOauth2ProviderConfig.clientSecret",
        "oauth2ProviderConfigInput.includedOauth2ProviderConfig.clientSecretConfig",
        "oauth2ProviderConfigInput.includedOauth2ProviderConfig.clientSecretSource",
    ],
    values: |_| None,
};

const API_KEY: Kind = Kind {
    get: "GetApiKeyCredentialProvider",
    update: "UpdateApiKeyCredentialProvider",
    renamed: None,
    volatile: &["lastUpdatedTime"],
    unplanted: &[],
    values: |_| None,
};

const IDENTITY: Kind = Kind {
    get: "GetWorkloadIdentity",
    update: "UpdateWorkloadIdentity",
    renamed: None,
    volatile: &["lastUpdatedTime"],
    unplanted: &[],
    values: |_| None,
};

/// Returns the settings of an account whose runtimes may be older than May 2026, and whose service has members that no
/// model has.
fn settings() -> Settings {
    let april = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 20_550);
    Settings { start: april, future_members: true, ..Settings::default() }
}

fn world() -> World {
    let world = World::with_settings(settings());
    put_role(&world.aws, GATEWAY_ROLE, "bedrock-agentcore.amazonaws.com");
    world.aws.with(|world| {
        world.identity_providers.add(idp());
        // Then the server serves warm-up hooks.
        world.containers.behave(Behaviour { elsewhere: 200, ..Behaviour::default() });
    });
    world
}

fn idp() -> emulator::identity_provider::Provider {
    use emulator::identity_provider::{ClaimStyle, Client, Provider};
    let client = Client::new(&canary("client")).scopes(&["mcp/read"]);
    Provider::new(ClaimStyle::Cognito, ISSUER).with_client("app", client)
}

/// A type, and the properties of its events.
struct Subject {
    resource: LogicalResource,
    properties: Value,
}

impl Subject {
    fn create(&self) -> Event {
        self.resource.create(self.properties.clone())
    }

    /// Returns a change that does not concern the members that somebody else sets.
    fn other(&self, text: &str) -> Value {
        let described = self.properties.get("Description").is_some();
        if described { json!({"Description": text}) } else { json!({"Tags": {"text": text}}) }
    }

    /// Returns an update from the properties to changed ones.
    fn update(&self, physical_id: &str, changes: Value) -> Event {
        let new = changed(&self.properties, changes);
        self.resource.update(physical_id, new, self.properties.clone())
    }
}

/// Returns changed properties. Null removes one.
fn changed(properties: &Value, changes: Value) -> Value {
    let mut merged = merged(properties.clone(), changes);
    merged.as_object_mut().expect("a map").retain(|_, value| !value.is_null());
    merged
}

/// Returns a runtime whose template gives every property.
fn runtime() -> Subject {
    let properties = json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE, "Description": "one",
        "EnvironmentVariables": {"MODE": "one"}, "NetworkMode": "VPC", "Subnets": "subnet-0a1b2c3d",
        "SecurityGroups": "sg-0a1b2c3d", "InboundAuth": "JWT", "Issuer": ISSUER, "AllowedAudience": "mcp",
        "AllowedClients": "app", "AllowedScopes": "mcp/read", "RequestHeaders": "X-Api-Key",
        "IdleRuntimeSessionTimeout": "600", "MaxLifetime": "3600"});
    Subject { resource: world::RUNTIME, properties }
}

fn runtime_of(id: &str) -> Resource<'static> {
    Resource { kind: &RUNTIME, key: json!({"agentRuntimeId": id}) }
}

/// Returns a gateway whose template gives every property but a key.
fn gateway() -> Subject {
    let properties = json!({"RoleArn": EXECUTION_ROLE, "Description": "one", "Issuer": ISSUER, "AllowedAudience": "mcp",
        "AllowedClients": "app", "AllowedScopes": "mcp/read", "SupportedVersions": "2025-11-25,2026-07-28",
        "Instructions": "one", "ExceptionLevel": "DEBUG"});
    Subject { resource: world::GATEWAY, properties }
}

fn gateway_of(id: &str) -> Resource<'static> {
    Resource { kind: &GATEWAY, key: json!({"gatewayIdentifier": id}) }
}

fn target(scene: &Scene, changes: Value) -> Subject {
    let properties = json!({"Description": "one", "AllowedRequestHeaders": "X-One", "AllowedResponseHeaders": "X-Two"});
    Subject { resource: world::TARGET, properties: scene.properties(merged(properties, changes)) }
}

fn target_of(physical_id: &str) -> Resource<'static> {
    let (gateway_id, target_id) = physical_id.split_once('/').expect("both ids");
    Resource { kind: &TARGET, key: json!({"gatewayIdentifier": gateway_id, "targetId": target_id}) }
}

fn provider() -> Subject {
    let properties = json!({"Issuer": ISSUER, "ClientId": "app", "ClientSecret": canary("client"),
        "ClientAuthenticationMethod": "CLIENT_SECRET_BASIC"});
    Subject { resource: world::PROVIDER, properties }
}

fn provider_of(name: &str) -> Resource<'static> {
    Resource { kind: &PROVIDER, key: json!({"name": name}) }
}

fn api_key() -> Subject {
    let properties = json!({"ApiKey": canary("key")});
    Subject { resource: world::API_KEY, properties }
}

fn api_key_of(name: &str) -> Resource<'static> {
    Resource { kind: &API_KEY, key: json!({"name": name}) }
}

fn identity() -> Subject {
    let properties = json!({"AllowedResourceOauth2ReturnUrls": "https://example.com/back"});
    Subject { resource: world::IDENTITY, properties }
}

fn identity_of(name: &str) -> Resource<'static> {
    Resource { kind: &IDENTITY, key: json!({"name": name}) }
}

/// Adds the secret of a client, which every update has to contain and no Get shows.
fn with_secret(input: &mut Value) {
    let config = input["oauth2ProviderConfigInput"].as_object_mut().expect("a union").values_mut().next();
    config.expect("an alternative")["clientSecret"] = json!(canary("client"));
}

/// Creates a scene whose gateway has a policy engine, for targets.
async fn scene() -> Scene {
    let engine = "arn:aws:bedrock-agentcore:us-east-1:111122223333:policy-engine/engine-abcdefghij";
    let gateway = json!({"policyEngineConfiguration": {"arn": engine, "mode": "ENFORCE"}});
    Scene::with(settings(), gateway, json!({})).await
}

/// Compares the states before and after, member by member, so that a failure names the lost member.
#[track_caller]
fn assert_same(before: &Value, after: &Value, path: &str) {
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        for name in before.keys().chain(after.keys()) {
            let none = &Value::Null;
            let (before, after) = (before.get(name).unwrap_or(none), after.get(name).unwrap_or(none));
            assert_same(before, after, &format!("{path}.{name}"));
        }
        return;
    }
    assert_eq!(before, after, "{path}");
}

/// Creates, plants, updates something else, and looks.
async fn survives(world: &mut World, subject: &Subject, find: fn(&str) -> Resource<'static>, variant: usize) {
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = find(&id);
    let change = if resource.kind.renamed.is_some() { with_secret } else { |_: &mut Value| () };
    let unplanted = resource.shown(world);
    resource.plant(world, variant, change).await;
    let before = resource.shown(world);
    assert_ne!(before, unplanted);
    let called = world.call_count();
    let answer = world.send(subject.update(&id, subject.other("two"))).await.success();
    assert_eq!(answer.physical_id(), id);
    let updates = world.calls_since(called).into_iter().filter(|call| *call == resource.kind.update).count();
    assert_eq!(updates, 1);
    let mut after = resource.shown(world);
    if let Some(description) = after["description"].as_str() {
        assert!(description.starts_with("two"), "{description}");
        after["description"] = before["description"].clone();
    }
    assert_same(&before, &after, resource.kind.get);
    // The planted members do not cause another update.
    let called = world.call_count();
    let former = Subject { properties: changed(&subject.properties, subject.other("two")), ..*subject };
    let again = former.update(&id, json!({"Tags": {"a": "b"}}));
    world.send(again).await.success();
    let updates = world.calls_since(called).into_iter().filter(|call| call.starts_with("Update")).count();
    // No Get shows if a client secret is up to date.
    assert_eq!(updates, usize::from(resource.kind.renamed.is_some()));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtimes_members_survive() {
    for variant in 0..VARIANTS {
        survives(&mut world(), &runtime(), runtime_of, variant).await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateways_members_survive() {
    for variant in 0..VARIANTS {
        survives(&mut world(), &gateway(), gateway_of, variant).await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_targets_members_survive() {
    for variant in 0..VARIANTS {
        let mut scene = scene().await;
        let subject = target(&scene, json!({}));
        survives(&mut scene.world, &subject, target_of, variant).await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_with_tokens_and_a_schema_keeps_its_members() {
    for variant in 0..VARIANTS {
        let mut scene = scene().await;
        scene.world.aws.with(|world| world.objects.put("s3://tools/list.json", br#"{"tools":[]}"#.to_vec()));
        let changes = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": crate::gateway_target::create_provider(&scene.world, "idp"),
            "Scopes": "mcp/read", "CustomParameters": {"audience": "mcp"}, "ToolSchemaS3Uri": "s3://tools/list.json",
            "Endpoint": "https://mcp.example.com/mcp"});
        let subject = target(&scene, changes);
        survives(&mut scene.world, &subject, target_of, variant).await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_providers_members_survive() {
    for variant in 0..VARIANTS {
        survives(&mut world(), &provider(), provider_of, variant).await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_members_of_an_api_key_provider_and_a_workload_identity_survive() {
    let mut world = world();
    let with_key = |input: &mut Value| {
        input["apiKey"] = json!(canary("key"));
        input["futureMember"] = json!({"deep": ["a"]});
    };
    let with_member = |input: &mut Value| input["futureMember"] = json!({"deep": ["a"]});
    for (subject, find, change, other) in [
        (api_key(), api_key_of as fn(&str) -> _, with_key as fn(&mut Value), json!({"ApiKey": canary("other")})),
        (identity(), identity_of, with_member, json!({"AllowedResourceOauth2ReturnUrls": "app://done"})),
    ] {
        let id = world.send(subject.create()).await.success().physical_id();
        let resource: Resource<'static> = find(&id);
        resource.change(&world, change).await;
        let before = world.call_count();
        world.send(subject.update(&id, other)).await.success();
        assert!(world.calls_since(before).contains(&resource.kind.update));
        assert_eq!(resource.shown(&world)["futureMember"], json!({"deep": ["a"]}), "{}", resource.kind.get);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_vendors_members_survive() {
    let endpoints = json!({"Vendor": "OktaOauth2", "Issuer": "https://acme.okta.com", "ClientAuthenticationMethod": null,
        "AuthorizationEndpoint": "https://acme.okta.com/authorize", "TokenEndpoint": "https://acme.okta.com/token"});
    let microsoft =
        json!({"Vendor": "MicrosoftOauth2", "Issuer": null, "ClientAuthenticationMethod": null, "TenantId": "acme"});
    for changes in [endpoints, microsoft] {
        let properties = changed(&provider().properties, changes);
        let subject = Subject { properties, ..provider() };
        let mut world = world();
        let id = world.send(subject.create()).await.success().physical_id();
        let resource = provider_of(&id);
        let add = |input: &mut Value| {
            input["futureMember"] = json!("a");
            let config =
                input["oauth2ProviderConfigInput"].as_object_mut().expect("a union").values_mut().next().expect("one");
            config.as_object_mut().expect("a map").remove("oauthDiscovery");
            config["futureMember"] = json!({"b": [1]});
            for (name, property) in [
                ("issuer", "Issuer"),
                ("authorizationEndpoint", "AuthorizationEndpoint"),
                ("tokenEndpoint", "TokenEndpoint"),
                ("tenantId", "TenantId"),
            ] {
                if let Some(value) = subject.properties.get(property) {
                    config[name] = value.clone();
                }
            }
            with_secret(input);
        };
        resource.change(&world, add).await;
        let before = resource.shown(&world);
        world.send(subject.update(&id, json!({"Tags": {"a": "b"}}))).await.success();
        assert_same(&before, &resource.shown(&world), "provider");
        let text = before.to_string();
        assert!(text.matches("futureMember").count() == 2, "{text}");
    }
}
