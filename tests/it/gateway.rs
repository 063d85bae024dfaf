//! `Custom::AgentCoreGateway`, in addition to the battery.

mod deletion;
mod guards;
mod late_gets;
mod preflight;
mod replacement;

use std::time::Duration;

use emulator::agentcore_control::{Gateway, Status};
use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::settings::Settings;
use serde_json::{Value, json};

use crate::world::{
    EXECUTION_ROLE, GATEWAY, REGION_ACCOUNT, STACK_ID, World, canary, merged, put_role, refused_before_any_call,
};

const COGNITO: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";
/// Begins every derived name in the tests' stack.
const PREFIX: &str = "mcp-11111111-";

/// Returns the properties of a gateway with a derived name that takes signatures.
fn properties() -> Value {
    json!({"ServiceToken": "arn", "AuthorizerType": "AWS_IAM", "RoleArn": EXECUTION_ROLE})
}

fn with(changes: Value) -> Value {
    merged(properties(), changes)
}

/// Returns the properties of a gateway that takes tokens of an IdP.
fn jwt(issuer: &str, changes: Value) -> Value {
    merged(json!({"RoleArn": EXECUTION_ROLE, "Issuer": issuer}), changes)
}

/// Returns an IdP with the client `app`.
fn provider(style: ClaimStyle, issuer: &str) -> Provider {
    let client = Client::new(&canary("client")).scopes(&["mcp/read"]).audiences(&["https://mcp.example.com"]);
    Provider::new(style, issuer).with_client("app", client)
}

fn add_provider(world: &World, provider: Provider) {
    world.aws.with(|world| world.identity_providers.add(provider));
}

/// Creates a world with Cognito in it.
fn world() -> World {
    let world = World::new();
    add_provider(&world, provider(ClaimStyle::Cognito, COGNITO));
    world
}

/// Returns the names of the gateways that exist.
fn names(world: &World) -> Vec<String> {
    let now = world.aws.clock().now();
    world.aws.with(|world| world.agentcore.gateways(now).map(|gateway| gateway.name.clone()).collect())
}

/// Returns the ids of the gateways that exist.
fn ids(world: &World) -> Vec<String> {
    let now = world.aws.clock().now();
    world.aws.with(|world| world.agentcore.gateways(now).map(|gateway| gateway.id.clone()).collect())
}

#[track_caller]
fn gateway<T>(world: &World, id: &str, look: impl FnOnce(&Gateway) -> T) -> T {
    let now = world.aws.clock().now();
    world.aws.with(|world| look(world.agentcore.gateway(id, now).unwrap_or_else(|| panic!("no gateway {id}"))))
}

fn status(world: &World, id: &str) -> Status {
    let now = world.aws.clock().now();
    gateway(world, id, |gateway| gateway.status(now))
}

fn somebodys_gateway(world: &World, name: &str) -> String {
    let input = json!({"name": name, "roleArn": EXECUTION_ROLE, "authorizerType": "AWS_IAM", "protocolType": "MCP"});
    let answer = world.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
    answer["gatewayId"].as_str().expect("an id").to_owned()
}

/// Counts the calls of any of these operations.
fn count(calls: &[&'static str], wanted: &[&str]) -> usize {
    calls.iter().filter(|call| wanted.contains(call)).count()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_answers_when_ready_and_with_true_attributes() {
    let mut world = World::new();
    let answer = world.send(GATEWAY.create(properties())).await.success();
    let id = answer.physical_id();
    assert_eq!(status(&world, &id), Status::Ready);
    let name = gateway(&world, &id, |gateway| gateway.name.clone());
    assert!(name.starts_with(PREFIX) && name.len() == PREFIX.len() + 6, "{name}");
    assert_eq!(answer.attribute("GatewayId"), id);
    assert_eq!(answer.attribute("GatewayArn"), format!("arn:aws:bedrock-agentcore:{REGION_ACCOUNT}:gateway/{id}"));
    let url = format!("https://{id}.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp");
    assert_eq!(answer.attribute("GatewayUrl"), url);
    assert_eq!(answer.attribute("RoleArn"), EXECUTION_ROLE);
    assert_eq!(answer.attribute("ClientClaimName"), "");
    assert!(
        answer.attribute("WorkloadIdentityArn").contains(":workload-identity-directory/default/workload-identity/")
    );
    let tags = gateway(&world, &id, |gateway| gateway.tags.clone());
    assert_eq!(tags["agentcore-provisioner:stack-id"], STACK_ID);
    let calls = world.calls_since(0);
    assert_eq!(calls[0], "CreateGateway");
    assert!(calls[1..].iter().all(|call| *call == "GetGateway"), "{calls:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_property_reaches_the_gateway() {
    let mut world = world();
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let properties = jwt(
        COGNITO,
        json!({
            "GatewayName": "My-Gateway",
            "Description": "what it is for",
            "AuthorizerType": "CUSTOM_JWT",
            "AllowedClients": "one, two",
            "AllowedScopes": ["mcp/read"],
            "SupportedVersions": ["2025-11-25", "2026-07-28"],
            "SearchType": "NONE",
            "DisableToolsPagination": true,
            "Instructions": "ask nicely",
            "ExceptionLevel": "DEBUG",
            "KmsKeyArn": key,
            "Tags": {"team": "one"},
        }),
    );
    let answer = world.send(GATEWAY.create(properties)).await.success();
    assert!(answer.physical_id().starts_with("my-gateway-"));
    assert_eq!(answer.attribute("ClientClaimName"), "client_id");
    gateway(&world, &answer.physical_id(), |gateway| {
        assert_eq!(gateway.name, "My-Gateway");
        assert_eq!(gateway.get("description"), Some(&json!("what it is for")));
        assert_eq!(gateway.authorizer_type(), "CUSTOM_JWT");
        let authorizer = json!({"discoveryUrl": format!("{COGNITO}/.well-known/openid-configuration"),
            "allowedClients": ["one", "two"], "allowedScopes": ["mcp/read"]});
        assert_eq!(gateway.jwt_authorizer(), Some(&authorizer));
        assert_eq!(gateway.supported_versions(), ["2025-11-25", "2026-07-28"]);
        assert!(!gateway.is_semantic() && !gateway.lists_in_pages());
        assert_eq!(gateway.instructions(), Some("ask nicely"));
        assert!(gateway.is_debug());
        assert_eq!(gateway.get("kmsKeyArn"), Some(&json!(key)));
        assert_eq!(gateway.get("protocolType"), Some(&json!("MCP")));
        assert_eq!(gateway.tags["team"], "one");
    });
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn unset_properties_default_to_the_widest_settings() {
    let mut world = World::new();
    let answer = world.send(GATEWAY.create(properties())).await.success();
    gateway(&world, &answer.physical_id(), |gateway| {
        assert_eq!(gateway.supported_versions(), ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]);
        assert!(gateway.is_semantic());
        assert!(!gateway.is_debug());
    });
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn update_replaces_everything_in_place_except_members_of_others() {
    let mut world = World::new();
    let old = with(json!({"Description": "old", "Instructions": "old", "ExceptionLevel": "DEBUG"}));
    let created = world.send(GATEWAY.create(old.clone())).await.success();
    let id = created.physical_id();
    let mut protocol = gateway(&world, &id, |gateway| gateway.get("protocolConfiguration").cloned().expect("it"));
    protocol["mcp"]["sessionConfiguration"] = json!({"sessionTimeoutInSeconds": 1800});
    let name = gateway(&world, &id, |gateway| gateway.name.clone());
    let changed = json!({"gatewayIdentifier": id, "name": name, "roleArn": EXECUTION_ROLE, "authorizerType": "AWS_IAM",
        "protocolType": "MCP", "protocolConfiguration": protocol});
    world.somebody(ServiceId::AgentCoreControl, "UpdateGateway", changed);
    put_role(&world.aws, "arn:aws:iam::111122223333:role/other", "bedrock-agentcore.amazonaws.com");
    let new = with(json!({"RoleArn": "arn:aws:iam::111122223333:role/other", "Instructions": "new"}));
    let updated = world.send(GATEWAY.update(&id, new, old)).await.success();
    assert_eq!(updated.physical_id(), id);
    assert_eq!(updated.attribute("RoleArn"), "arn:aws:iam::111122223333:role/other");
    gateway(&world, &id, |gateway| {
        assert_eq!(gateway.role_arn(), "arn:aws:iam::111122223333:role/other");
        assert_eq!(gateway.get("description"), None);
        assert_eq!(gateway.instructions(), Some("new"));
        assert!(gateway.is_semantic() && !gateway.is_debug());
        assert!(gateway.has_sessions(), "what somebody else set stays");
    });
}

/// Returns the member of the protocol configuration that limits pages.
fn pagination_member(world: &World, id: &str) -> Value {
    let protocol = gateway(world, id, |gateway| gateway.get("protocolConfiguration").cloned());
    protocol.map(|protocol| protocol["mcp"]["disableMcpListToolsPagination"].clone()).unwrap_or_default()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn pages_end_and_come_back_in_place_and_stay_as_others_set_them() {
    let mut world = World::new();
    let plain = properties();
    let id = world.send(GATEWAY.create(plain.clone())).await.success().physical_id();
    assert_eq!(pagination_member(&world, &id), Value::Null);
    let once = with(json!({"DisableToolsPagination": "true"}));
    let pages = with(json!({"DisableToolsPagination": "false"}));
    // An update to equal properties changes nothing.
    let from = world.call_count();
    world.send(GATEWAY.update(&id, pages.clone(), plain.clone())).await.success();
    assert_eq!(count(&world.calls_since(from), &["UpdateGateway"]), 0);
    let steps = [(&once, &pages, json!(true)), (&plain, &once, json!(true)), (&pages, &plain, json!(false))];
    for (new, old, expected) in steps {
        let updated = world.send(GATEWAY.update(&id, new.clone(), old.clone())).await.success();
        assert_eq!(updated.physical_id(), id, "in place");
        assert_eq!(pagination_member(&world, &id), expected);
    }
    let from = world.call_count();
    world.send(GATEWAY.update(&id, plain.clone(), pages)).await.success();
    assert_eq!(count(&world.calls_since(from), &["UpdateGateway"]), 0);
    let refused = world.send(GATEWAY.create(with(json!({"DisableToolsPagination": "yes"})))).await;
    assert!(refused.failure().contains("`DisableToolsPagination` is \"yes\""), "{}", refused.failure());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_to_equal_properties_changes_tags_only() {
    let mut world = World::new();
    let old = with(json!({"Tags": {"team": "one", "gone": "x"}}));
    let created = world.send(GATEWAY.create(old.clone())).await.success();
    let before = world.call_count();
    let new = with(json!({"Tags": {"team": "two"}}));
    world.send(GATEWAY.update(&created.physical_id(), new, old)).await.success();
    let calls = world.calls_since(before);
    assert_eq!(calls, ["GetGateway", "ListTagsForResource", "TagResource", "UntagResource"]);
    let tags = gateway(&world, &created.physical_id(), |gateway| gateway.tags.clone());
    assert_eq!((tags["team"].as_str(), tags.len()), ("two", 3));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_authorizer_update_takes_effect() {
    let mut world = world();
    let old = jwt(COGNITO, json!({"AllowedClients": "one"}));
    let created = world.send(GATEWAY.create(old.clone())).await.success();
    let new = jwt(COGNITO, json!({"AllowedClients": "one,two", "AllowedScopes": "mcp/read"}));
    let updated = world.send(GATEWAY.update(&created.physical_id(), new.clone(), old)).await.success();
    assert_eq!(updated.physical_id(), created.physical_id());
    let authorizer = gateway(&world, &created.physical_id(), |gateway| gateway.jwt_authorizer().cloned());
    let authorizer = authorizer.expect("one");
    assert_eq!(authorizer["allowedClients"], json!(["one", "two"]));
    assert_eq!(authorizer["allowedScopes"], json!(["mcp/read"]));
    let fewer = jwt(COGNITO, json!({"AllowedClients": "two"}));
    world.send(GATEWAY.update(&created.physical_id(), fewer, new)).await.success();
    let authorizer = gateway(&world, &created.physical_id(), |gateway| gateway.jwt_authorizer().cloned());
    assert_eq!(authorizer.expect("one").get("allowedScopes"), None);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_of_ours_that_cannot_be_converged_is_named() {
    let mut world = World::new();
    world.send(GATEWAY.create(properties())).await.success();
    let other = world.send(GATEWAY.create(with(json!({"SearchType": "NONE"})))).await;
    assert!(other.failure().starts_with("`SearchType` is not what it is in gateway mcp-"), "{}", other.reason());
}

/// A gateway whose targets block its deletion may say so in a ValidationException. A refused property says nothing about
/// them.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refused_role_is_told_as_soon_whatever_its_name_is() {
    for role in ["no", "target"] {
        let mut world = World::new();
        let role = format!("arn:aws:iam::111122223333:role/{role}");
        let created = world.send(GATEWAY.create(properties())).await.success().physical_id();
        let started = world.aws.clock().elapsed();
        let refused = world.send(GATEWAY.create(with(json!({"GatewayName": "b", "RoleArn": role})))).await;
        assert!(refused.failure().contains("Role validation failed"), "{}", refused.reason());
        let refused = world.send(GATEWAY.update(&created, with(json!({"RoleArn": role})), properties())).await;
        assert!(refused.failure().contains("Role validation failed"), "{}", refused.reason());
        assert!(world.aws.clock().elapsed() < started + Duration::from_mins(5), "{role}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_role_is_waited_for_and_one_that_never_works_is_named() {
    let mut world = World::with_settings(Settings { role_propagation: Duration::from_secs(45), ..Settings::default() });
    let fresh = world.put_fresh_role();
    world.send(GATEWAY.create(with(json!({"RoleArn": fresh})))).await.success();
    let answer = world
        .send(GATEWAY.create(with(json!({"GatewayName": "b", "RoleArn": "arn:aws:iam::111122223333:role/no"}))))
        .await;
    assert!(answer.failure().contains("role/no"), "{}", answer.reason());
    assert_eq!(names(&world).len(), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let secret = json!({"ClientId": "app", "ClientSecret": "s3cr3t", "AllowedClients": "app"});
    let cases = [
        (with(json!({"GatewayName": "under_score"})), "`GatewayName` is \"under_score\""),
        (with(json!({"RoleArn": ""})), "`RoleArn` is missing"),
        (with(json!({"RoleArn": "role"})), "`RoleArn` is \"role\""),
        (with(json!({"Description": "x".repeat(201)})), "`Description` has 201 characters"),
        (with(json!({"Instructions": "x".repeat(2049)})), "`Instructions` has 2049 characters"),
        (with(json!({"SupportedVersions": "2024-11-05"})), "`SupportedVersions` contains \"2024-11-05\"; use some of"),
        (with(json!({"SearchType": "FUZZY"})), "use one of SEMANTIC, NONE"),
        (with(json!({"ExceptionLevel": "ALL"})), "use one of DEBUG, NONE"),
        (with(json!({"AuthorizerType": "NONE"})), "use one of CUSTOM_JWT, AWS_IAM"),
        (with(json!({"KmsKeyArn": "alias/mcp"})), "`KmsKeyArn` is \"alias/mcp\""),
        (with(json!({"AllowedAudience": "x"})), "`AllowedAudience` has no effect when `AuthorizerType` is AWS_IAM"),
        (with(json!({"Scopes": "x"})), "`Scopes` has no effect when `AuthorizerType` is AWS_IAM"),
        (with(json!({"AuthorizerType": ""})), "`DiscoveryUrl` is missing; `AuthorizerType` CUSTOM_JWT needs it"),
        (jwt(COGNITO, json!({})), "`AllowedAudience` is missing, and so are"),
        (jwt("http://a", json!({"AllowedAudience": "x"})), "`Issuer` gives the discovery URL"),
        (jwt(COGNITO, json!({"AllowedAudience": "x", "ClientClaimName": "azp"})), "`ClientClaimName` has no effect"),
        (jwt("https://a.okta.com", json!({"AllowedClients": "a,b"})), "`AllowedClients` names 2 clients"),
        (
            jwt(COGNITO, json!({"AllowedClients": "a", "ClientId": "a"})),
            "`ClientSecretId` is missing; `ClientId` needs it",
        ),
        (jwt(COGNITO, merged(secret, json!({"ClientSecretId": "x"}))), "given together with `ClientSecret`"),
        (with(json!({"ServerProtocol": "MCP"})), "`ServerProtocol` is not a property"),
    ];
    refused_before_any_call(GATEWAY, json!({}), &cases).await;
}
