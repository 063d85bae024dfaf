//! Proves that a change of each property replaces the resource, or does not, as docs/reference.md says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use emulator::aws::ServiceId;
use emulator::settings::Settings;
use serde_json::{Value, json};

use crate::gateway_target::{COGNITO, GATEWAY_ROLE, Scene, create_gateway, create_provider};
use crate::world::{
    API_KEY, EXECUTION_ROLE, FUNCTION_ROLE, GATEWAY, IDENTITY, IMAGE, LogicalResource, PROBE, PROVIDER, RUNTIME,
    SECRET, TARGET, canary, merged,
};

/// A property, and the properties before and after an update that changes it.
type Change = (&'static str, Value, Value);

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";

/// Reads from the reference which properties of a type replace the resource.
fn declared(resource: LogicalResource) -> BTreeMap<String, bool> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let page = fs::read_to_string(page).expect("a readable file");
    let (_, table) = page.split_once(&format!("<!-- properties of {resource} -->\n")).expect("a table");
    let (table, _) = table.split_once("<!-- end of properties -->").expect("its end");
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, rest)| (name.to_owned(), rest.contains("**Replaces.**"))).collect()
}

/// Creates a world with everything that the properties below name.
async fn scene() -> Scene {
    let runtime = json!({"RequestHeaders": "X-Api-Key"});
    let scene = Scene::with(Settings::default(), json!({}), runtime).await;
    let text = json!({"client_secret": canary("client"), "API_KEY": "key-of-a-caller"}).to_string();
    for name in ["mcp/client", "mcp/other"] {
        let input = json!({"Name": name, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
        scene.world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    }
    scene
}

/// Proves that a change of every property of a type has the effect that the reference states.
async fn check(resource: LogicalResource, base: impl Fn(&Scene) -> Value, changes: impl Fn(&Scene) -> Vec<Change>) {
    let declared = declared(resource);
    let mut scene = scene().await;
    let mut changes = changes(&scene);
    changes.sort_by_key(|(name, ..)| *name);
    let tried: Vec<_> = changes.iter().map(|(name, ..)| *name).collect();
    let declared_names: Vec<_> = declared.keys().map(String::as_str).collect();
    assert_eq!(declared_names, tried, "{resource}: every property has one change here");
    let mut problems = Vec::new();
    for (name, before, after) in changes {
        let old = merged(base(&scene), before);
        let new = merged(old.clone(), after);
        // Each case has its own logical id, and so its own resource.
        let created = scene.world.send(resource.named(name).create(old.clone())).await;
        if !created.is_success() {
            problems.push(format!("{name} before: {}", created.reason()));
            continue;
        }
        let update = resource.named(name).update(&created.physical_id(), new, old);
        let updated = scene.world.send(update).await;
        if !updated.is_success() {
            problems.push(format!("{name} after: {}", updated.reason()));
        } else if (updated.physical_id() != created.physical_id()) != declared[name] {
            problems.push(format!("{name}: is declared to replace: {}", declared[name]));
        }
    }
    assert!(problems.is_empty(), "{resource}: {problems:#?}");
}

/// Returns the changes of an authorizer for Cognito's tokens, each with the property that selects it.
fn authorizer(selector: &Value) -> Vec<Change> {
    let with = |changes| merged(selector.clone(), changes);
    let discovery = format!("{COGNITO}/.well-known/openid-configuration");
    let clients = json!({"Issuer": COGNITO, "AllowedClients": "app"});
    vec![
        ("DiscoveryUrl", with(clients.clone()), json!({"DiscoveryUrl": discovery})),
        ("Issuer", with(merged(clients.clone(), json!({"DiscoveryUrl": discovery, "Issuer": ""}))), clients.clone()),
        ("AllowedAudience", with(clients.clone()), json!({"AllowedAudience": "one"})),
        ("AllowedClients", with(clients.clone()), json!({"AllowedClients": "app,other"})),
        ("AllowedScopes", with(clients.clone()), json!({"AllowedScopes": "mcp/read"})),
        ("ClientClaimName", with(clients), json!({"ClientClaimName": "azp"})),
    ]
}

/// Returns the changes of Cognito's client, each with the properties that select it.
fn client(selector: &Value) -> Vec<Change> {
    let with = |changes| merged(selector.clone(), changes);
    let given = json!({"ClientId": "app", "ClientSecret": canary("client")});
    let stored = |id: &str| json!({"ClientId": "app", "ClientSecretId": id, "ClientSecretJsonKey": "client_secret"});
    vec![
        ("ClientSecretId", with(stored("mcp/client")), stored("mcp/other")),
        ("ClientSecretJsonKey", with(given.clone()), merged(stored("mcp/client"), json!({"ClientSecret": ""}))),
        ("ClientSecret", with(stored("mcp/client")), merged(given.clone(), json!({"ClientSecretId": ""}))),
        ("Scopes", with(given.clone()), json!({"Scopes": "mcp/read"})),
        ("CustomParameters", with(given), json!({"CustomParameters": {"audience": "one"}})),
    ]
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_secret_replaces_as_declared() {
    let changes = |_: &Scene| -> Vec<Change> {
        vec![
            ("Values", json!({}), json!({"Values": {"A": "2"}})),
            ("GeneratedKeys", json!({}), json!({"GeneratedKeys": "B"})),
            ("RequiredKeys", json!({}), json!({"RequiredKeys": "A"})),
            ("SecretName", json!({"SecretName": "one"}), json!({"SecretName": "two"})),
            ("Description", json!({}), json!({"Description": "two"})),
            ("KmsKeyId", json!({}), json!({"KmsKeyId": KEY})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
            ("RecoveryWindowInDays", json!({}), json!({"RecoveryWindowInDays": "7"})),
            ("ExistingSecretId", json!({}), json!({"Values": "", "ExistingSecretId": "mcp/client"})),
        ]
    };
    check(SECRET, |_| json!({"Values": {"A": "1"}}), changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_runtime_replaces_as_declared() {
    let changes = |_: &Scene| -> Vec<Change> {
        let jwt = json!({"InboundAuth": "JWT"});
        let network = json!({"NetworkMode": "VPC", "Subnets": "subnet-0a1b2c3d", "SecurityGroups": "sg-0a1b2c3d"});
        let secret = json!({"SecretId": "mcp/client"});
        let mut changes = authorizer(&jwt);
        changes.extend([
            ("ContainerUri", json!({}), json!({"ContainerUri": IMAGE.replace(":1", ":2")})),
            ("RoleArn", json!({}), json!({"RoleArn": GATEWAY_ROLE})),
            ("AgentRuntimeName", json!({"AgentRuntimeName": "one"}), json!({"AgentRuntimeName": "two"})),
            ("Description", json!({}), json!({"Description": "two"})),
            ("ServerProtocol", json!({}), json!({"ServerProtocol": "HTTP"})),
            ("EnvironmentVariables", json!({}), json!({"EnvironmentVariables": {"A": "two"}})),
            ("ExtraEnvironmentVariables", json!({}), json!({"ExtraEnvironmentVariables": {"B": "two"}})),
            ("SecretId", secret.clone(), json!({"SecretId": "mcp/other"})),
            ("SecretEnvironmentVariable", secret.clone(), json!({"SecretEnvironmentVariable": "TWO"})),
            ("CredentialDelivery", secret, json!({"CredentialDelivery": "EnvironmentVariables"})),
            ("SecretVersionId", json!({}), json!({"SecretVersionId": "two"})),
            ("NetworkMode", json!({}), network.clone()),
            ("Subnets", network.clone(), json!({"Subnets": "subnet-1a2b3c4d"})),
            ("SecurityGroups", network, json!({"SecurityGroups": "sg-1a2b3c4d"})),
            ("InboundAuth", json!({}), merged(jwt, json!({"Issuer": COGNITO, "AllowedClients": "app"}))),
            ("RequestHeaders", json!({}), json!({"RequestHeaders": "X-Two"})),
            ("PlatformVersion", json!({}), json!({"PlatformVersion": "V2"})),
            ("MaxLifetime", json!({}), json!({"MaxLifetime": "1000"})),
            (
                "ResourcePolicy",
                json!({}),
                json!({"ResourcePolicy": {"Version": "2012-10-17", "Statement": {"Effect": "Allow",
                    "Principal": {"AWS": GATEWAY_ROLE}, "Action": "bedrock-agentcore:InvokeAgentRuntime"}}}),
            ),
            ("AllowedCallers", json!({}), json!({"AllowedCallers": [GATEWAY_ROLE, FUNCTION_ROLE]})),
            ("LogRetentionInDays", json!({}), json!({"LogRetentionInDays": "30"})),
            ("LogKmsKeyArn", json!({}), json!({"LogKmsKeyArn": KEY})),
            ("LogGroupDeletion", json!({}), json!({"LogGroupDeletion": "Delete"})),
            ("IdleRuntimeSessionTimeout", json!({}), json!({"IdleRuntimeSessionTimeout": "600"})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]);
        changes
    };
    let base = |_: &Scene| json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    check(RUNTIME, base, changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_credential_provider_replaces_as_declared() {
    let changes = |_: &Scene| -> Vec<Change> {
        let discovery = format!("{COGNITO}/.well-known/openid-configuration");
        let stored =
            json!({"ClientSecret": "", "ClientSecretId": "mcp/client", "ClientSecretJsonKey": "client_secret"});
        let (one, two) = ("https://idp.example.com/one", "https://idp.example.com/two");
        let included = json!({"Vendor": "OktaOauth2", "AuthorizationEndpoint": one, "TokenEndpoint": one});
        vec![
            ("Name", json!({"Name": "one"}), json!({"Name": "two"})),
            ("Vendor", json!({}), included.clone()),
            ("ClientId", included.clone(), json!({"ClientId": "other"})),
            (
                "ClientSecret",
                stored.clone(),
                json!({"ClientSecret": canary("client"), "ClientSecretId": "",
                "ClientSecretJsonKey": ""}),
            ),
            ("ClientSecretId", stored.clone(), json!({"ClientSecretId": "mcp/other"})),
            (
                "ClientSecretJsonKey",
                merged(included.clone(), stored.clone()),
                json!({"ClientSecretJsonKey": "API_KEY"}),
            ),
            ("ClientSecretSource", stored, json!({"ClientSecretSource": "EXTERNAL"})),
            ("DiscoveryUrl", json!({}), json!({"DiscoveryUrl": discovery})),
            ("Issuer", json!({"DiscoveryUrl": discovery, "Issuer": ""}), json!({"Issuer": COGNITO})),
            ("TokenEndpointQuery", json!({}), json!({"TokenEndpointQuery": "a=b"})),
            ("ClientAuthenticationMethod", json!({}), json!({"ClientAuthenticationMethod": "CLIENT_SECRET_BASIC"})),
            ("AuthorizationEndpoint", included.clone(), json!({"AuthorizationEndpoint": two})),
            ("TokenEndpoint", included, json!({"TokenEndpoint": two})),
            ("TenantId", json!({"Vendor": "MicrosoftOauth2", "Issuer": ""}), json!({"TenantId": "two"})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]
    };
    let base = |_: &Scene| json!({"Issuer": COGNITO, "ClientId": "app", "ClientSecret": canary("client")});
    check(PROVIDER, base, changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_an_api_key_provider_replaces_as_declared() {
    let changes = |_: &Scene| -> Vec<Change> {
        let stored = json!({"ApiKey": "", "ApiKeySecretId": "mcp/client", "ApiKeySecretJsonKey": "API_KEY"});
        vec![
            ("Name", json!({"Name": "one"}), json!({"Name": "two"})),
            ("ApiKey", json!({}), json!({"ApiKey": canary("other")})),
            ("ApiKeySecretId", stored.clone(), json!({"ApiKeySecretId": "mcp/other"})),
            ("ApiKeySecretJsonKey", stored.clone(), json!({"ApiKeySecretJsonKey": ""})),
            ("ApiKeySecretSource", stored, json!({"ApiKeySecretSource": "EXTERNAL"})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]
    };
    check(API_KEY, |_| json!({"ApiKey": canary("key")}), changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_workload_identity_replaces_as_declared() {
    let changes = |_: &Scene| -> Vec<Change> {
        vec![
            ("Name", json!({"Name": "one"}), json!({"Name": "two"})),
            ("AllowedResourceOauth2ReturnUrls", json!({}), json!({"AllowedResourceOauth2ReturnUrls": "app://done"})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]
    };
    check(IDENTITY, |_| json!({}), changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_gateway_replaces_as_declared() {
    let changes = |_: &Scene| -> Vec<Change> {
        let jwt = json!({"AuthorizerType": "CUSTOM_JWT"});
        let engine = "arn:aws:bedrock-agentcore:us-east-1:111122223333:policy-engine/tools-a1b2c3d4e5";
        let engine = json!({"PolicyEngineArn": engine});
        let allowed = merged(jwt.clone(), json!({"Issuer": COGNITO, "AllowedClients": "app"}));
        let mut changes = authorizer(&jwt);
        changes.extend(client(&allowed));
        changes.extend([
            ("ClientId", allowed.clone(), json!({"ClientId": "app", "ClientSecret": canary("client")})),
            ("RoleArn", json!({}), json!({"RoleArn": EXECUTION_ROLE})),
            ("GatewayName", json!({"GatewayName": "one"}), json!({"GatewayName": "two"})),
            ("Description", json!({}), json!({"Description": "two"})),
            ("AuthorizerType", json!({}), allowed),
            ("SupportedVersions", json!({}), json!({"SupportedVersions": "2025-11-25"})),
            ("SearchType", json!({}), json!({"SearchType": "NONE"})),
            ("DisableToolsPagination", json!({}), json!({"DisableToolsPagination": "true"})),
            ("Instructions", json!({}), json!({"Instructions": "two"})),
            ("ExceptionLevel", json!({}), json!({"ExceptionLevel": "DEBUG"})),
            (
                "InterceptorArns",
                json!({}),
                json!({"InterceptorArns": "arn:aws:lambda:us-east-1:111122223333:function:both"}),
            ),
            ("PolicyEngineArn", json!({}), engine.clone()),
            ("PolicyEngineMode", engine, json!({"PolicyEngineMode": "LOG_ONLY"})),
            ("KmsKeyArn", json!({}), json!({"KmsKeyArn": KEY})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]);
        changes
    };
    let base = |_: &Scene| json!({"RoleArn": GATEWAY_ROLE, "AuthorizerType": "AWS_IAM"});
    check(GATEWAY, base, changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_target_replaces_as_declared() {
    let changes = |scene: &Scene| -> Vec<Change> {
        let other = create_gateway(&scene.world, "other", json!({}));
        let elsewhere = json!({"Endpoint": "https://mcp.example.com/mcp"});
        let tools = json!({"ToolSchema": {"tools": [{"name": "one", "inputSchema": {"type": "object"}}]}});
        let oauth = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": create_provider(&scene.world, "one")});
        let oauth = merged(merged(elsewhere.clone(), tools.clone()), oauth);
        let schema_in_s3 = json!({"ToolSchema": "", "ToolSchemaS3Uri": "s3://schemas/two.json"});
        let another_provider = json!({"CredentialProviderArn": create_provider(&scene.world, "other")});
        let input = json!({"name": "key", "apiKey": "key"});
        let key = scene.world.somebody(ServiceId::AgentCoreControl, "CreateApiKeyCredentialProvider", input);
        let key = json!({"OutboundAuth": "API_KEY", "CredentialProviderArn": key["credentialProviderArn"]});
        let key = merged(merged(elsewhere.clone(), tools.clone()), key);
        let in_query = json!({"ApiKeyLocation": "QUERY_PARAMETER", "ApiKeyParameterName": "key"});
        let signed = merged(elsewhere.clone(), tools.clone());
        let lattice =
            json!({"SelfManagedLatticeResource": {"ResourceConfigurationIdentifier": "rcfg-0123456789abcdefg"}});
        let schema = json!({"tools": [{"name": "two", "inputSchema": {"type": "object"}}]}).to_string();
        scene.world.aws.with(|world| world.objects.put("s3://schemas/two.json", schema.into_bytes()));
        vec![
            ("GatewayIdentifier", json!({}), json!({"GatewayIdentifier": other})),
            ("Endpoint", tools.clone(), elsewhere.clone()),
            ("TargetName", json!({"TargetName": "one"}), json!({"TargetName": "two"})),
            ("Description", json!({}), json!({"Description": "two"})),
            ("OutboundAuth", merged(elsewhere, tools.clone()), oauth.clone()),
            ("IamService", signed.clone(), json!({"IamService": "execute-api"})),
            ("IamRegion", signed.clone(), json!({"IamRegion": "eu-central-1"})),
            ("ApiKeyLocation", key.clone(), in_query),
            ("ApiKeyParameterName", key.clone(), json!({"ApiKeyParameterName": "X-Api-Key"})),
            ("ApiKeyPrefix", key, json!({"ApiKeyPrefix": "Token"})),
            ("PrivateEndpoint", signed, json!({"PrivateEndpoint": lattice})),
            ("CredentialProviderArn", oauth.clone(), another_provider),
            ("Scopes", oauth.clone(), json!({"Scopes": "mcp/read"})),
            ("GrantType", oauth.clone(), json!({"GrantType": "TOKEN_EXCHANGE"})),
            ("CustomParameters", oauth, json!({"CustomParameters": {"audience": "two"}})),
            ("ListingMode", json!({}), json!({"ListingMode": "DYNAMIC"})),
            ("ToolSchema", json!({}), tools.clone()),
            ("ToolSchemaS3Uri", tools, schema_in_s3),
            ("AllowedRequestHeaders", json!({}), json!({"AllowedRequestHeaders": "X-Two"})),
            ("AllowedResponseHeaders", json!({}), json!({"AllowedResponseHeaders": "X-Two"})),
            ("SynchronizeOn", json!({}), json!({"SynchronizeOn": "two"})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]
    };
    let base = |scene: &Scene| scene.properties(json!({"TargetName": ""}));
    check(TARGET, base, changes).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_property_of_a_probe_replaces_as_declared() {
    let changes = |scene: &Scene| -> Vec<Change> {
        let selector = json!({"Auth": "BEARER", "Issuer": COGNITO});
        let bearer = merged(selector.clone(), json!({"ClientId": "app", "ClientSecret": canary("client")}));
        let discovery = format!("{COGNITO}/.well-known/openid-configuration");
        let endpoint = scene.runtime.attribute("McpUrl").replace("DEFAULT", "other");
        let target = scene.somebodys_target("one");
        let target = json!({"GatewayTargetId": format!("{}/{target}", scene.gateway_id)});
        let mut changes = client(&selector);
        changes.extend([
            ("Endpoint", json!({}), json!({"Endpoint": endpoint})),
            ("ClientId", merged(bearer.clone(), json!({"ClientId": "other"})), json!({"ClientId": "app"})),
            ("GatewayTargetId", json!({}), target),
            ("Auth", json!({}), json!({"Auth": "ANONYMOUS"})),
            ("DiscoveryUrl", bearer.clone(), json!({"DiscoveryUrl": discovery})),
            ("Issuer", merged(bearer, json!({"DiscoveryUrl": discovery, "Issuer": ""})), json!({"Issuer": COGNITO})),
            ("MinimumTools", json!({}), json!({"MinimumTools": "2"})),
            ("ExpectedTools", json!({}), json!({"ExpectedTools": "two"})),
            ("ExpectedToolCount", json!({}), json!({"ExpectedToolCount": "2"})),
            ("CallTool", json!({}), json!({"CallTool": "tool_001"})),
            ("CallArguments", json!({"CallTool": "tool_001"}), json!({"CallArguments": {"a": "b"}})),
            ("Mode", json!({}), json!({"Mode": "Strict"})),
            ("LogGroupName", json!({}), json!({"LogGroupName": scene.runtime.attribute("LogGroupName")})),
            ("SecretId", json!({}), json!({"SecretId": "mcp/client"})),
            ("SecretHeaders", json!({"SecretId": "mcp/client"}), json!({"SecretHeaders": {"X-Api-Key": "API_KEY"}})),
            ("RunOn", json!({}), json!({"RunOn": "two"})),
            ("Tags", json!({}), json!({"Tags": {"team": "two"}})),
        ]);
        changes
    };
    let base = |scene: &Scene| json!({"Endpoint": scene.runtime.attribute("McpUrl"), "Mode": "Report"});
    check(PROBE, base, changes).await;
}
