//! Defaults, full replacement, and what the service refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Account, DISCOVERY, IMAGE, ROLE, create, execution_role, update, with};
use crate::iam::Role;

const ACCOUNT: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333";

fn jwt(members: &Value) -> Value {
    let mut authorizer = json!({"discoveryUrl": DISCOVERY});
    for (member, value) in members.as_object().into_iter().flatten() {
        authorizer[member] = value.clone();
    }
    json!({"customJWTAuthorizer": authorizer})
}

fn headers(names: &[&str]) -> Value {
    json!({"requestHeaderAllowlist": names})
}

/// Adds every member of a runtime that the emulator treats specially.
fn full(input: Value) -> Value {
    let input = with(input, "environmentVariables", json!({"A": "1"}));
    let input = with(input, "description", json!("d"));
    let input = with(input, "authorizerConfiguration", jwt(&json!({"allowedAudience": ["a"]})));
    let input = with(input, "requestHeaderConfiguration", headers(&["Authorization", "X-Api-Key"]));
    let input = with(input, "protocolConfiguration", json!({"serverProtocol": "MCP"}));
    with(input, "lifecycleConfiguration", json!({"idleRuntimeSessionTimeout": 100, "maxLifetime": 200}))
}

#[test]
fn get_shows_every_member_with_defaults() {
    let mut account = Account::new();
    let id = account.create(full(create("server")));
    let got = account.get(&id);
    assert_eq!(got["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"], IMAGE);
    assert_eq!(got["protocolConfiguration"], json!({"serverProtocol": "MCP", "port": 8000, "path": "/mcp"}));
    assert_eq!(got["metadataConfiguration"], json!({"requireMMDSV2": true}));
    assert_eq!(got["environmentVariables"], json!({"A": "1"}));
    assert_eq!(got["lifecycleConfiguration"], json!({"idleRuntimeSessionTimeout": 100, "maxLifetime": 200}));
    let plain = account.create(create("plain"));
    let got = account.get(&plain);
    assert_eq!(got["lifecycleConfiguration"], json!({"idleRuntimeSessionTimeout": 900, "maxLifetime": 28_800}));
    assert!(got.get("authorizerConfiguration").is_none() && got.get("environmentVariables").is_none());
}

#[test]
fn an_update_resets_what_it_leaves_out() {
    let mut account = Account::new();
    let id = account.create(full(create("server")));
    account.pass(30);
    let mut bare = update(&id);
    bare.as_object_mut().expect("an object").remove("metadataConfiguration");
    assert_eq!(account.ok("UpdateAgentRuntime", bare)["agentRuntimeVersion"], "2");
    account.pass(30);
    let got = account.get(&id);
    for member in [
        "environmentVariables",
        "description",
        "authorizerConfiguration",
        "requestHeaderConfiguration",
        "protocolConfiguration",
    ] {
        assert!(got.get(member).is_none(), "{member} should be reset");
    }
    assert_eq!(got["metadataConfiguration"], json!({"requireMMDSV2": false}));
    assert_eq!(got["lifecycleConfiguration"]["maxLifetime"], 28_800);
    // Explicit empty values are the same as none.
    let cleared = with(update(&id), "environmentVariables", json!({}));
    account.ok("UpdateAgentRuntime", cleared);
    account.pass(30);
    assert_eq!(account.ok("UpdateAgentRuntime", update(&id))["agentRuntimeVersion"], "3");
}

#[test]
fn what_the_model_cannot_express_is_refused() {
    let mut account = Account::new();
    let vpc = |members: Value| {
        let mut config = json!({"subnets": ["subnet-12345678"], "securityGroups": ["sg-12345678"]});
        for (member, value) in members.as_object().into_iter().flatten() {
            config[member] = value.clone();
        }
        config
    };
    let claim = |kind: &str, operator: &str, value: Value| {
        jwt(&json!({"customClaims": [{"inboundTokenClaimName": "azp", "inboundTokenClaimValueType": kind,
            "authorizingClaimMatchValue": {"claimMatchOperator": operator, "claimMatchValue": value}}]}))
    };
    let workloads = |allowed: Value| jwt(&json!({"allowedClients": ["c"], "allowedWorkloadConfiguration": allowed}));
    let hosted = |arn: &str| json!({"hostingEnvironments": [{"arn": arn}]});
    let with_audience = || jwt(&json!({"allowedAudience": ["a"]}));
    for (member, value) in [
        ("networkConfiguration", json!({"networkMode": "VPC"})),
        ("networkConfiguration", json!({"networkMode": "PUBLIC", "networkModeConfig": vpc(json!({}))})),
        (
            "networkConfiguration",
            json!({"networkMode": "VPC", "networkModeConfig": vpc(json!({"requireServiceS3Endpoint": false}))}),
        ),
        ("authorizerConfiguration", jwt(&json!({}))),
        ("authorizerConfiguration", jwt(&json!({"allowedClients": []}))),
        ("authorizerConfiguration", jwt(&json!({"allowedScopes": ["c"], "advertisedScopeMapping": {"b": "c"}}))),
        (
            "authorizerConfiguration",
            jwt(&json!({"allowedClients": ["c"], "discoveryUrl": DISCOVERY.replace("https", "http")})),
        ),
        (
            "authorizerConfiguration",
            jwt(&json!({"allowedClients": ["c"], "discoveryUrl": "https://@/.well-known/openid-configuration"})),
        ),
        ("authorizerConfiguration", workloads(json!({}))),
        ("authorizerConfiguration", workloads(hosted(&format!("{ACCOUNT}:runtime/server-abcdefghij")))),
        ("authorizerConfiguration", claim("STRING", "CONTAINS", json!({"matchValueString": "x"}))),
        ("authorizerConfiguration", claim("STRING", "EQUALS", json!({"matchValueStringList": ["x"]}))),
        ("lifecycleConfiguration", json!({"idleRuntimeSessionTimeout": 1000, "maxLifetime": 999})),
        ("lifecycleConfiguration", json!({"idleRuntimeSessionTimeout": 30_000})),
        ("protocolConfiguration", json!({"serverProtocol": "MCP", "port": 8443})),
        ("allowedPorts", json!([{"portRange": {"from": 8400, "to": 8500}}])),
        ("allowedPorts", json!([{"port": 9000}, {"portRange": {"from": 9000, "to": 9001}}])),
        ("requestHeaderConfiguration", headers(&["Authorization"])),
        ("requestHeaderConfiguration", headers(&["Cookie"])),
        ("requestHeaderConfiguration", headers(&["X-Forwarded-Port"])),
        ("requestHeaderConfiguration", headers(&["X-Amz-Date"])),
        ("requestHeaderConfiguration", headers(&["X-Amzn-Other"])),
        ("requestHeaderConfiguration", headers(&["X-Api-Key", "x-api-key"])),
        ("tags", json!({"aws:cloudformation:stack-id": "x"})),
    ] {
        let error = account.refused("CreateAgentRuntime", with(create("server"), member, value.clone()));
        assert_eq!((error.status, error.code), (400, "ValidationException"), "{member} {value}");
        assert_eq!(error.reason, Some("FieldValidationFailed"), "{member} {value}");
    }
    assert_eq!(account.service.runtimes(account.now).count(), 0);

    for (name, member, value) in [
        ("a", "networkConfiguration", json!({"networkMode": "VPC", "networkModeConfig": vpc(json!({}))})),
        ("b", "authorizerConfiguration", claim("STRING", "EQUALS", json!({"matchValueString": "x"}))),
        ("c", "authorizerConfiguration", claim("STRING_ARRAY", "CONTAINS_ANY", json!({"matchValueStringList": ["x"]}))),
        ("d", "lifecycleConfiguration", json!({"maxLifetime": 60})),
        ("e", "requestHeaderConfiguration", headers(&["X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "Mcp-Session-Id"])),
        ("f", "allowedPorts", json!([{"port": 9000}, {"portRange": {"from": 9001, "to": 9002}}])),
        ("g", "authorizerConfiguration", with_audience()),
        ("h", "authorizerConfiguration", workloads(hosted(&format!("{ACCOUNT}:gateway/tools-abcdefghij")))),
        ("i", "authorizerConfiguration", workloads(json!({"workloadIdentities": ["agent"]}))),
    ] {
        account.create(with(create(name), member, value));
    }
    let d = account.service.runtime_named("d", account.now).expect("made");
    assert_eq!(d.configuration().lifecycle(), (60, 60), "the idle timeout follows a shorter lifetime");
}

#[test]
fn mmdsv2_cannot_be_switched_off_nor_the_artifact_exchanged() {
    let (mut account, id) = Account::with_runtime();
    let off = with(update(&id), "metadataConfiguration", json!({"requireMMDSV2": false}));
    assert_eq!(account.code("UpdateAgentRuntime", off), "ValidationException");
    let code = json!({"codeConfiguration": {"code": {"s3": {"bucket": "b", "prefix": "p"}}, "runtime": "PYTHON_3_13",
                                            "entryPoint": ["main.py"]}});
    let exchanged = with(update(&id), "agentRuntimeArtifact", code);
    assert_eq!(account.code("UpdateAgentRuntime", exchanged), "ValidationException");
}

#[test]
fn the_execution_role_must_be_usable() {
    let mut account = Account::new();
    let failed = "Role validation failed for 'arn:aws:iam::111122223333:role/other'. Please verify that the role exists \
                  and its trust policy allows assumption by this service";
    let other = with(create("server"), "roleArn", json!("arn:aws:iam::111122223333:role/other"));
    assert_eq!(account.refused("CreateAgentRuntime", other.clone()).message, failed, "it does not exist");

    let Role { trust, policies, .. } = execution_role(account.now);
    let mut role = Role::new("arn:aws:iam::111122223333:role/other", account.now, trust, policies);
    account.iam.put_role(role.clone());
    assert_eq!(account.refused("CreateAgentRuntime", other.clone()).message, failed, "it is too new");
    account.now += Duration::from_secs(10);
    let trust = std::mem::replace(&mut role.trust, json!({"Statement": []}));
    account.iam.put_role(role.clone());
    assert_eq!(account.refused("CreateAgentRuntime", other.clone()).message, failed, "it does not trust the service");
    role.trust = trust;
    let policies = std::mem::take(&mut role.policies);
    account.iam.put_role(role.clone());
    let error = account.refused("CreateAgentRuntime", other.clone());
    assert!(error.message.starts_with("Access denied while validating ECR URI"), "{}", error.message);
    let public = json!({"containerConfiguration": {"containerUri": "public.ecr.aws/team/server:1"}});
    account.create(with(with(other.clone(), "agentRuntimeName", json!("public")), "agentRuntimeArtifact", public));
    role.policies = policies;
    account.iam.put_role(role);
    let id = account.create(other);
    account.pass(30);
    account.iam.delete_role("other");
    let moved = with(update(&id), "roleArn", json!("arn:aws:iam::111122223333:role/other"));
    assert_eq!(account.refused("UpdateAgentRuntime", moved).message, failed);
    assert_eq!(ROLE, account.iam.roles().next().map_or("", |role| &role.arn));
}
