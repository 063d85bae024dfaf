//! Refusals before anything is created: bad properties, and incompatible settings.

use std::time::Duration;

use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::{Value, json};

use super::{NAME, Scene, create_provider, jwt_runtime};
use crate::world::{TARGET, merged, refused_before_any_call};

const ENDPOINT: &str = "https://mcp.example.com/mcp";
const PROVIDER_ARN: &str =
    "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/oauth2credentialprovider/idp";
const KEY_ARN: &str =
    "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/apikeycredentialprovider/key";
const RUNTIME_URL: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2Fmcp-a1B2c3D4e5/invocations";

/// Returns the properties of a target whose server is not a runtime.
fn properties() -> Value {
    json!({"GatewayIdentifier": "shared-abcdefghij", "TargetName": NAME, "Endpoint": ENDPOINT})
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let oauth =
        |changes: Value| merged(json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": PROVIDER_ARN}), changes);
    let many = |count: usize| (0..count).map(|number| format!("n{number}")).collect::<Vec<_>>();
    let map = |count: usize| many(count).into_iter().map(|key| (key, json!("v"))).collect::<serde_json::Map<_, _>>();
    let tools = |names: &[&str]| json!({"tools": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()});
    let large = json!({"tools": [{"name": "x".repeat(1_000_000)}]}).to_string();
    let cases = [
        (json!({"GatewayIdentifier": ""}), "`GatewayIdentifier` is missing"),
        (
            json!({"GatewayIdentifier": "my gateway"}),
            "`GatewayIdentifier` is \"my gateway\"; use a gateway's id or ARN",
        ),
        (json!({"TargetName": "has_underscore"}), "`TargetName` is \"has_underscore\""),
        (json!({"TargetName": "a--b"}), "`TargetName` is \"a--b\""),
        (json!({"Description": "x".repeat(160)}), "`Description` has 160 characters; use at most 159"),
        (json!({"Endpoint": ""}), "`Endpoint` is missing"),
        (json!({"Endpoint": "http://mcp.example.com"}), "`Endpoint` is \"http://mcp.example.com\""),
        (
            json!({"CredentialProviderArn": PROVIDER_ARN}),
            "`CredentialProviderArn` has no effect when `OutboundAuth` is",
        ),
        (json!({"Scopes": "a"}), "`Scopes` has no effect"),
        (json!({"GrantType": "CLIENT_CREDENTIALS"}), "`GrantType` has no effect"),
        (json!({"CustomParameters": {"a": "b"}}), "`CustomParameters` has no effect"),
        (oauth(json!({"CredentialProviderArn": "idp"})), "`CredentialProviderArn` is \"idp\""),
        (oauth(json!({"GrantType": "AUTHORIZATION_CODE"})), "name the tools in `ToolSchema`"),
        (oauth(json!({"GrantType": "PASSWORD"})), "use one of CLIENT_CREDENTIALS, AUTHORIZATION_CODE, TOKEN_EXCHANGE"),
        (oauth(json!({"Scopes": many(101)})), "`Scopes` has 101 entries"),
        (oauth(json!({"Scopes": ["x".repeat(65)]})), "a scope has at most 64 characters"),
        (oauth(json!({"CustomParameters": "audience=api"})), "`CustomParameters` is a string, but not a JSON object"),
        (oauth(json!({"CustomParameters": "[1]"})), "`CustomParameters` is a string, but not a JSON object"),
        (oauth(json!({"CustomParameters": r#"{"a": {"b": 1}}"#})), "`CustomParameters.a` is a map"),
        (oauth(json!({"CustomParameters": map(11)})), "`CustomParameters` has 11 entries"),
        (oauth(json!({"CustomParameters": {"": "v"}})), "`CustomParameters` has an entry without a key"),
        (oauth(json!({"CustomParameters": {"x".repeat(257): "v"}})), "`CustomParameters` has 257 characters"),
        (oauth(json!({"CustomParameters": {"a": "v".repeat(2049)}})), "`CustomParameters.a` has 2049 characters"),
        (json!({"ListingMode": "LIVE"}), "use one of DEFAULT, DYNAMIC"),
        (
            json!({"ListingMode": "DYNAMIC", "ToolSchema": tools(&["a"])}),
            "`ToolSchema` has no effect when `ListingMode`",
        ),
        (json!({"ListingMode": "DYNAMIC", "ToolSchemaS3Uri": "s3://bucket/key"}), "`ToolSchemaS3Uri` has no effect"),
        (
            json!({"ToolSchema": tools(&["a"]), "ToolSchemaS3Uri": "s3://bucket/key"}),
            "given together with `ToolSchema`",
        ),
        (json!({"ToolSchema": "not json"}), "`ToolSchema` is a string, but not a JSON object (at line 1 column 2)"),
        (json!({"ToolSchema": "{}"}), "`ToolSchema` has no list `tools`"),
        (json!({"ToolSchema": tools(&[])}), "`ToolSchema` names no tools"),
        (json!({"ToolSchema": tools(&["a", ""])}), "`ToolSchema` has no `name` in `tools[1]`"),
        (json!({"ToolSchema": tools(&["a", "a"])}), "`ToolSchema` names the tool \"a\" twice"),
        (json!({"ToolSchema": large}), "at most 1000000 fit, so use `ToolSchemaS3Uri`"),
        (json!({"ToolSchemaS3Uri": "https://bucket/key"}), "`ToolSchemaS3Uri` is \"https://bucket/key\""),
        (json!({"AllowedRequestHeaders": many(11)}), "`AllowedRequestHeaders` has 11 entries"),
        (json!({"AllowedResponseHeaders": ["x".repeat(101)]}), "`AllowedResponseHeaders` contains"),
        (json!({"AllowedRequestHeaders": "X-A,x-a"}), "`AllowedRequestHeaders` lists \"x-a\" twice"),
        (json!({"Tags": {"aws:x": "y"}}), "`Tags.aws:x` has the reserved prefix `aws:`"),
        (json!({"Endpont": "x"}), "did you mean `Endpoint`?"),
    ];
    refused_before_any_call(TARGET, properties(), &cases).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_credentials_are_refused_before_any_call() {
    let oauth =
        |changes: Value| merged(json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": PROVIDER_ARN}), changes);
    let cases = [
        (json!({"OutboundAuth": "JWT"}), "use one of GATEWAY_IAM_ROLE, OAUTH, API_KEY, NONE"),
        (json!({"OutboundAuth": "OAUTH"}), "`CredentialProviderArn` is missing; `OutboundAuth` OAUTH needs an OAuth2"),
        (
            json!({"OutboundAuth": "API_KEY"}),
            "`CredentialProviderArn` is missing; `OutboundAuth` API_KEY needs an API key",
        ),
        (
            json!({"OutboundAuth": "NONE", "Endpoint": RUNTIME_URL}),
            "`OutboundAuth` is NONE, and a runtime takes no calls without credentials",
        ),
        (json!({"OutboundAuth": "NONE", "CredentialProviderArn": PROVIDER_ARN}), "set it to OAUTH or API_KEY or leave"),
        (
            json!({"OutboundAuth": "NONE", "IamService": "lambda"}),
            "`IamService` has no effect when `OutboundAuth` is NONE",
        ),
        (
            json!({"OutboundAuth": "NONE", "ApiKeyPrefix": "x"}),
            "`ApiKeyPrefix` has no effect when `OutboundAuth` is NONE",
        ),
        (json!({"ApiKeyLocation": "HEADER"}), "`ApiKeyLocation` has no effect when `OutboundAuth` is GATEWAY_IAM_ROLE"),
        (oauth(json!({"IamService": "lambda"})), "`IamService` has no effect when `OutboundAuth` is OAUTH"),
        (oauth(json!({"IamRegion": "us-east-1"})), "`IamRegion` has no effect when `OutboundAuth` is OAUTH"),
        (
            oauth(json!({"ApiKeyParameterName": "k"})),
            "`ApiKeyParameterName` has no effect when `OutboundAuth` is OAUTH",
        ),
        (oauth(json!({"CredentialProviderArn": KEY_ARN})), "give the ARN of an OAuth2 credential provider"),
        (
            oauth(json!({"CredentialProviderArn": PROVIDER_ARN.replace("111122223333", "444455556666")})),
            "give a provider of account 111122223333 in us-east-1",
        ),
        (json!({"IamService": "execute api"}), "`IamService` is \"execute api\""),
        (json!({"IamRegion": "us_east_1"}), "`IamRegion` is \"us_east_1\""),
        (
            json!({"Endpoint": RUNTIME_URL, "IamService": "lambda"}),
            "`Endpoint` takes signatures for bedrock-agentcore only",
        ),
        (json!({"Endpoint": RUNTIME_URL, "IamRegion": "eu-west-1"}), "`Endpoint` takes signatures for us-east-1 only"),
    ];
    refused_before_any_call(TARGET, properties(), &cases).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_api_keys_are_refused_before_any_call() {
    let key = |changes: Value| merged(json!({"OutboundAuth": "API_KEY", "CredentialProviderArn": KEY_ARN}), changes);
    let cases = [
        (key(json!({"Scopes": "a"})), "`Scopes` has no effect when `OutboundAuth` is API_KEY; set it to OAUTH"),
        (key(json!({"CredentialProviderArn": PROVIDER_ARN})), "give the ARN of an API key credential provider"),
        (
            key(json!({"CredentialProviderArn": KEY_ARN.replace("us-east-1", "eu-west-1")})),
            "give a provider of account 111122223333 in us-east-1, as the gateway's",
        ),
        (key(json!({"ApiKeyLocation": "COOKIE"})), "use one of HEADER, QUERY_PARAMETER"),
        (key(json!({"ApiKeyLocation": "QUERY_PARAMETER"})), "`ApiKeyParameterName` is missing; `ApiKeyLocation`"),
        (
            key(json!({"ApiKeyLocation": "QUERY_PARAMETER", "ApiKeyParameterName": "k", "ApiKeyPrefix": "p"})),
            "`ApiKeyPrefix` has no effect when `ApiKeyLocation` is QUERY_PARAMETER",
        ),
        (
            key(
                json!({"ApiKeyLocation": "QUERY_PARAMETER", "ApiKeyParameterName": "k", "Endpoint": "https://x.example.com/mcp?k=1"}),
            ),
            "which `Endpoint` has in its query already",
        ),
        (
            key(json!({"ApiKeyParameterName": "X Key"})),
            "`ApiKeyParameterName` is \"X Key\", which is not a header name",
        ),
        (key(json!({"ApiKeyParameterName": "Mcp-Session-Id"})), "which the gateway sends with another meaning"),
        (key(json!({"ApiKeyParameterName": "content-type"})), "which the gateway sends with another meaning"),
        (key(json!({"ApiKeyParameterName": "x".repeat(65)})), "`ApiKeyParameterName` has 65 characters"),
        (key(json!({"ApiKeyPrefix": "é"})), "`ApiKeyPrefix` is \"é\", which a header cannot hold"),
        (
            key(json!({"ApiKeyParameterName": "X-Api-Key", "AllowedRequestHeaders": "x-api-key"})),
            "`AllowedRequestHeaders` lists X-Api-Key, in which the gateway sends the API key",
        ),
    ];
    refused_before_any_call(TARGET, properties(), &cases).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn incompatible_settings_are_refused_before_anything_is_created() {
    let semantic = json!({"protocolConfiguration": {"mcp": {"searchType": "SEMANTIC"}}});
    let sessions =
        json!({"protocolConfiguration": {"mcp": {"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}}});
    let none = json!({});
    let oauth = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": PROVIDER_ARN});
    let cases = [
        (&none, &none, json!({"GatewayIdentifier": "gone-abcdefghij"}), "`GatewayIdentifier` names gateway gone-"),
        (&none, &jwt_runtime(), json!({}), "`OutboundAuth` is GATEWAY_IAM_ROLE, and runtime mcp-"),
        (&none, &none, oauth, "`OutboundAuth` is OAUTH, and runtime mcp-"),
        (
            &semantic,
            &none,
            json!({"ListingMode": "DYNAMIC"}),
            "`ListingMode` is DYNAMIC, and the gateway's semantic search",
        ),
        (&sessions, &none, json!({"AllowedRequestHeaders": "Mcp-Session-Id"}), "lists Mcp-Session-Id"),
    ];
    for (gateway, runtime, changes, expected) in cases {
        let mut scene = Scene::with(Settings::default(), gateway.clone(), runtime.clone()).await;
        let create = scene.create(changes);
        let answer = scene.world.send(create).await;
        assert!(answer.failure().contains(expected), "{expected}: {}", answer.reason());
        assert!(scene.names().is_empty());
        assert_eq!(answer.physical_id(), format!("pending:{NAME}"));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_to_an_incompatible_configuration_leaves_the_target_as_it_was() {
    let mut scene = Scene::new().await;
    let created = scene.target(json!({})).await;
    let arn = create_provider(&scene.world, "idp");
    let new = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": arn});
    let update = scene.update(&created.physical_id(), new, json!({}));
    let before = scene.world.call_count();
    let answer = scene.world.send(update).await;
    assert!(answer.failure().contains("set it to GATEWAY_IAM_ROLE"), "{}", answer.reason());
    assert!(!scene.world.calls_since(before).contains(&"UpdateGatewayTarget"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_that_is_gone_is_named_and_one_that_cannot_be_read_is_not_compared() {
    let mut scene = Scene::new().await;
    let url = scene.runtime.attribute("McpUrl").replace("runtime%2Fmcp-", "runtime%2Fgone-");
    let create = scene.create(json!({"Endpoint": url}));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().starts_with("`Endpoint` calls runtime gone-"), "{}", answer.reason());
    scene.world.fault("GetAgentRuntime", 1, u64::MAX, FaultEffect::Denied);
    let started = scene.world.aws.clock().elapsed();
    scene.target(json!({})).await;
    assert!(scene.world.aws.clock().elapsed() < started + Duration::from_mins(1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_custom_parameter_that_the_service_quotes_is_masked() {
    let mut scene = Scene::with(Settings::default(), json!({}), jwt_runtime()).await;
    let arn = create_provider(&scene.world, "idp");
    let reason = "the IdP refused hunter2-hunter2 for https://api.example.com".to_owned();
    scene.world.fault("CreateGatewayTarget", 1, u64::MAX, FaultEffect::BecomesFailed(reason));
    let parameters = json!({"assertion": "hunter2-hunter2", "audience": "https://api.example.com"});
    let oauth = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": arn, "CustomParameters": parameters});
    let create = scene.create(oauth);
    let answer = scene.world.send(create).await;
    assert!(!answer.reason().contains("hunter2"), "{}", answer.reason());
    let expected = "the IdP refused **** for https://api.example.com";
    assert!(answer.failure().contains(expected), "{}", answer.reason());
}
