//! An update is a full replacement: a Get shows every member that it has, and an update that leaves them out resets
//! them.

use serde_json::{Value, json};

use super::gateway::gateway;
use super::gateway_target::{server, target};
use super::{Account, DISCOVERY, create, update, with};
use crate::model::{Location, Model};
use crate::service::ServiceId;

const POLICY_SESSION: &str = "x-amzn-bedrock-agentcore-policy-session-id";

/// Fills an update with a value for every member that it lacks, except some.
fn filled(operation: &str, mut input: Value, but: &[&str]) -> Value {
    let model = Model::of(ServiceId::AgentCoreControl);
    let (_, operation) = model.operation(operation).expect("an operation");
    for (name, member) in &model.structure(&operation.input).members {
        if member.location == Location::Body && input.get(name).is_none() && !but.contains(&name.as_str()) {
            input[name] = model.sample(&member.shape, 0);
        }
    }
    input
}

#[track_caller]
fn assert_shown(input: &Value, shown: &Value, but: &[&str]) {
    for (name, value) in input.as_object().expect("a map").iter().filter(|(name, _)| !but.contains(&name.as_str())) {
        assert_eq!(&shown[name], value, "{name}");
    }
}

#[test]
fn a_runtime_has_the_members_of_its_last_update() {
    let (mut account, id) = Account::with_runtime();
    let authorizer = json!({"customJWTAuthorizer": {"discoveryUrl": DISCOVERY, "allowedAudience": ["a"]}});
    let bare = update(&id);
    // Hooks take platform version V2, which has to start a container.
    let full = with(bare.clone(), "authorizerConfiguration", authorizer);
    let full = filled(
        "UpdateAgentRuntime",
        with(full, "platformVersion", json!("V1")),
        &["clientToken", "hooksConfiguration"],
    );
    account.ok("UpdateAgentRuntime", full.clone());
    account.pass(30);
    assert_shown(&full, &account.get(&id), &[]);
    account.ok("UpdateAgentRuntime", bare.clone());
    account.pass(30);
    let shown = account.get(&id);
    for (name, _) in full.as_object().expect("a map").iter().filter(|(name, _)| bare.get(name).is_none()) {
        let stays = ["lifecycleConfiguration", "platformVersion"].contains(&name.as_str());
        assert!(stays || shown.get(name).is_none(), "{name}");
    }
}

#[test]
fn a_gateway_has_the_members_of_its_last_update() {
    let (mut account, id) = Account::with_gateway();
    let mut bare = gateway("mcp");
    bare["gatewayIdentifier"] = json!(id);
    let name = account.ok("GetGateway", json!({"gatewayIdentifier": id}))["name"].clone();
    let bare = with(bare, "name", name);
    let but = ["authorizerConfiguration", "kmsKeyArn", "protocolConfiguration", "protocolType"];
    let full = filled("UpdateGateway", bare.clone(), &but);
    account.ok("UpdateGateway", full.clone());
    account.pass(30);
    let shown = account.ok("GetGateway", json!({"gatewayIdentifier": id}));
    assert_shown(&full, &shown, &["gatewayIdentifier"]);
    assert!(shown["webAclArn"].as_str().is_some_and(|arn| arn.starts_with("arn:aws:wafv2:")), "{shown}");
    account.ok("UpdateGateway", bare.clone());
    account.pass(30);
    let shown = account.ok("GetGateway", json!({"gatewayIdentifier": id}));
    for gone in ["customTransformConfiguration", "domainOverride", "interceptorConfigurations", "webAclArn"] {
        assert_eq!(shown.get(gone), None, "{gone}");
    }
}

#[test]
fn a_target_of_a_gateway_with_a_policy_engine_passes_its_header_until_an_update_leaves_it_out() {
    let (mut account, gateway_id) = Account::with_gateway();
    let schema = json!({"mcpToolSchema": {"inlinePayload": "{\"tools\": []}"}});
    let first = target(&gateway_id, "first", &server(&schema));
    let header = json!({"allowedRequestHeaders": [POLICY_SESSION]});
    let refused = account.code("CreateGatewayTarget", with(first.clone(), "metadataConfiguration", header.clone()));
    assert_eq!(refused, "ValidationException", "reserved");
    let id = account.ok("CreateGatewayTarget", first)["targetId"].clone();
    account.pass(10);
    let mut attach = gateway("mcp");
    let shown = account.ok("GetGateway", json!({"gatewayIdentifier": gateway_id}));
    attach["gatewayIdentifier"] = json!(gateway_id);
    attach["name"] = shown["name"].clone();
    attach["policyEngineConfiguration"] =
        Model::of(ServiceId::AgentCoreControl).sample("GatewayPolicyEngineConfiguration", 0);
    account.ok("UpdateGateway", attach);
    account.pass(30);
    let second = account.ok("CreateGatewayTarget", target(&gateway_id, "second", &server(&schema)))["targetId"].clone();
    account.pass(10);
    for id in [id, second] {
        let key = json!({"gatewayIdentifier": gateway_id, "targetId": id});
        assert_eq!(account.ok("GetGatewayTarget", key.clone())["metadataConfiguration"], header);
        let bare = with(key.clone(), "targetConfiguration", server(&schema));
        account.ok("UpdateGatewayTarget", with(bare.clone(), "metadataConfiguration", header.clone()));
        account.pass(10);
        account.ok("UpdateGatewayTarget", with(bare, "privateEndpoint", private_endpoint()));
        account.pass(10);
        let shown = account.ok("GetGatewayTarget", key);
        assert_eq!(shown.get("metadataConfiguration"), None);
        let mut expected = private_endpoint();
        expected["managedVpcResource"]["tags"]["BedrockAgentCoreGatewayManaged"] = json!("true");
        assert_eq!(shown["privateEndpoint"], expected);
        assert!(shown["privateEndpointManagedResources"].is_array());
    }
}

fn private_endpoint() -> Value {
    Model::of(ServiceId::AgentCoreControl).sample("PrivateEndpoint", 0)
}

#[test]
fn a_vendors_provider_shows_where_its_endpoints_are_and_not_what_they_were_given_as() {
    let mut account = Account::new();
    let config = json!({"clientId": "app", "clientSecret": "x", "tenantId": "acme"});
    let input = json!({"name": "idp", "credentialProviderVendor": "MicrosoftOauth2",
        "oauth2ProviderConfigInput": {"microsoftOauth2ProviderConfig": config}});
    account.ok("CreateOauth2CredentialProvider", input);
    let shown = account.ok("GetOauth2CredentialProvider", json!({"name": "idp"}));
    let config = &shown["oauth2ProviderConfigOutput"]["microsoftOauth2ProviderConfig"];
    assert_eq!(config.as_object().expect("a map").keys().collect::<Vec<_>>(), ["clientId", "oauthDiscovery"]);
}

#[test]
fn only_old_runtimes_have_the_s3_endpoint_and_only_from_an_update() {
    let vpc = json!({"networkMode": "VPC", "networkModeConfig": {"subnets": ["subnet-0a1b2c3d"],
        "securityGroups": ["sg-0a1b2c3d"], "requireServiceS3Endpoint": true}});
    let mut account = Account::new();
    let refused = account.code("CreateAgentRuntime", with(create("server"), "networkConfiguration", vpc.clone()));
    assert_eq!(refused, "ValidationException");
    let id = account.create(create("server"));
    account.pass(30);
    let changed = with(update(&id), "networkConfiguration", vpc.clone());
    assert_eq!(account.code("UpdateAgentRuntime", changed), "ValidationException", "too young");
    let mut account = Account::new();
    account.now -= std::time::Duration::from_hours(24 * 150);
    account.iam.put_role(super::execution_role(account.now - std::time::Duration::from_hours(1)));
    let id = account.create(create("server"));
    account.pass(30);
    let changed = with(update(&id), "networkConfiguration", vpc.clone());
    account.ok("UpdateAgentRuntime", changed);
    assert_eq!(account.get(&id)["networkConfiguration"], vpc);
}
