//! Credentials of the gateway other than a runtime's: an API key, signatures for another service, and none.

use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{Scene, create_provider, jwt_runtime};
use crate::world::merged;

const HOST: &str = "mcp.example.com";
const ENDPOINT: &str = "https://mcp.example.com/mcp";
const KEY: &str = "cAnArY-key-of-the-search-server";

/// Creates a scene with a server outside of AgentCore.
async fn scene(behaviour: Behaviour) -> Scene {
    let scene = Scene::new().await;
    scene.world.aws.with(|world| world.mcp_servers.start(HOST, behaviour));
    scene
}

/// Creates an API key credential provider. Returns its ARN.
fn key_provider(scene: &Scene, name: &str, key: &str) -> String {
    let input = json!({"name": name, "apiKey": key});
    let answer = scene.world.somebody(ServiceId::AgentCoreControl, "CreateApiKeyCredentialProvider", input);
    answer["credentialProviderArn"].as_str().expect("an ARN").to_owned()
}

fn with_header(name: &str, value: &str) -> Behaviour {
    Behaviour { api_key: Some((name.to_owned(), value.to_owned())), ..Behaviour::default() }
}

fn credential(scene: &Scene, id: &str) -> Option<Value> {
    scene.look(id, |target| target.credential().cloned())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_api_key_is_sent_where_the_server_expects_it() {
    let in_query = Behaviour { query_key: Some(("api key".to_owned(), KEY.to_owned())), ..Behaviour::default() };
    let query = json!({"ApiKeyLocation": "QUERY_PARAMETER", "ApiKeyParameterName": "api key"});
    for (behaviour, place) in [
        (with_header("authorization", &format!("Bearer {KEY}")), json!({})),
        (with_header("authorization", &format!("Token {KEY}")), json!({"ApiKeyPrefix": "Token"})),
        (with_header("authorization", KEY), json!({"ApiKeyParameterName": "Authorization"})),
        (with_header("x-api-key", KEY), json!({"ApiKeyParameterName": "X-Api-Key"})),
        (
            with_header("x-api-key", &format!("key={KEY}").replace('=', " ")),
            json!({"ApiKeyParameterName": "X-Api-Key", "ApiKeyPrefix": "key"}),
        ),
        (in_query, query),
    ] {
        let mut scene = scene(behaviour).await;
        let provider = key_provider(&scene, "search", KEY);
        let key = json!({"Endpoint": ENDPOINT, "OutboundAuth": "API_KEY", "CredentialProviderArn": provider});
        let created = scene.target(merged(key.clone(), place.clone())).await;
        assert_eq!(scene.look(&created.physical_id(), |target| target.tools.len()), 3, "{place}");
        // Nothing differs.
        let before = scene.world.call_count();
        let same = merged(key, place);
        let update = scene.update(&created.physical_id(), same.clone(), same);
        scene.world.send(update).await.success();
        assert_eq!(scene.world.calls_since(before), ["GetGateway", "GetGatewayTarget"]);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_key_that_the_server_refuses_fails_the_target_with_the_properties_to_check() {
    let mut scene = scene(with_header("x-api-key", "another")).await;
    let provider = key_provider(&scene, "search", KEY);
    let key = json!({"Endpoint": ENDPOINT, "OutboundAuth": "API_KEY", "CredentialProviderArn": provider});
    let create = scene.create(merged(key, json!({"ApiKeyParameterName": "X-Api-Key"})));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().contains("HTTP 401"), "{}", answer.reason());
    assert!(answer.reason().contains("check the credential provider, `ApiKeyLocation`"), "{}", answer.reason());
    let create = scene.create(json!({"Endpoint": ENDPOINT, "OutboundAuth": "NONE", "TargetName": "other"}));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().contains("takes calls without credentials"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_kind_of_credentials_replaces_every_other_in_place() {
    let mut scene = scene(Behaviour::default()).await;
    let key = key_provider(&scene, "search", KEY);
    let token = create_provider(&scene.world, "idp");
    let kinds = [
        json!({"OutboundAuth": "NONE"}),
        json!({"OutboundAuth": "API_KEY", "CredentialProviderArn": key, "ApiKeyParameterName": "X-Api-Key"}),
        json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": token, "Scopes": "mcp/read"}),
        json!({"OutboundAuth": "GATEWAY_IAM_ROLE", "IamService": "execute-api", "IamRegion": "eu-central-1"}),
    ];
    for old in &kinds {
        for new in &kinds {
            let [old, new] = [old, new].map(|kind| merged(kind.clone(), json!({"Endpoint": ENDPOINT})));
            let id = scene.target(old.clone()).await.physical_id();
            let update = scene.update(&id, new.clone(), old);
            assert_eq!(scene.world.send(update).await.success().physical_id(), id);
            let changed = credential(&scene, &id);
            let delete = scene.delete(&id);
            scene.world.send(delete).await.success();
            let created = scene.target(new.clone()).await.physical_id();
            assert_eq!(changed, credential(&scene, &created), "{new}");
            let delete = scene.delete(&created);
            scene.world.send(delete).await.success();
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn signatures_are_for_the_service_and_the_region_that_the_template_names() {
    let mut scene = scene(Behaviour::default()).await;
    let signed = |service: &str, region: &str| {
        Some(json!({"credentialProviderType": "GATEWAY_IAM_ROLE",
            "credentialProvider": {"iamCredentialProvider": {"service": service, "region": region}}}))
    };
    for (properties, expected) in [
        (json!({"Endpoint": ENDPOINT}), signed("bedrock-agentcore", "us-east-1")),
        (json!({"Endpoint": ENDPOINT, "IamService": "execute-api"}), signed("execute-api", "us-east-1")),
        (
            json!({"Endpoint": ENDPOINT, "IamService": "lambda", "IamRegion": "eu-west-1"}),
            signed("lambda", "eu-west-1"),
        ),
        (
            json!({"IamService": "bedrock-agentcore", "IamRegion": "us-east-1"}),
            signed("bedrock-agentcore", "us-east-1"),
        ),
    ] {
        let id = scene.target(properties.clone()).await.physical_id();
        assert_eq!(credential(&scene, &id), expected, "{properties}");
        let delete = scene.delete(&id);
        scene.world.send(delete).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn credentials_that_the_runtime_does_not_take_are_refused_before_anything_is_created() {
    for (runtime, properties, expected) in [
        (json!({}), json!({}), "is API_KEY, and runtime mcp-"),
        (jwt_runtime(), json!({"ApiKeyParameterName": "X-Api-Key"}), "takes tokens in the header Authorization"),
        (jwt_runtime(), json!({"ApiKeyLocation": "QUERY_PARAMETER", "ApiKeyParameterName": "k"}), "takes tokens in"),
    ] {
        let mut scene = Scene::with(Settings::default(), json!({}), runtime).await;
        let key = json!({"OutboundAuth": "API_KEY", "CredentialProviderArn": key_provider(&scene, "search", KEY)});
        let create = scene.create(merged(key, properties));
        let answer = scene.world.send(create).await;
        assert!(answer.failure().contains(expected), "{expected}: {}", answer.reason());
        assert!(scene.names().is_empty());
    }
}
