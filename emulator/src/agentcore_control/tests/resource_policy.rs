//! Policies of resources: which are taken, and how long they last.

use serde_json::{Value, json};

use super::gateway::gateway;
use super::{Account, DISCOVERY, ROLE, with};

fn policy(arn: &str, principal: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal,
        "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": arn}]})
}

fn put(arn: &str, policy: &Value) -> Value {
    json!({"resourceArn": arn, "policy": policy.to_string()})
}

fn runtime_arn(id: &str) -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/{id}")
}

#[test]
fn a_policy_lasts_until_it_or_its_resource_is_deleted() {
    let (mut account, id) = Account::with_runtime();
    account.ok("CreateAgentRuntimeEndpoint", json!({"agentRuntimeId": id, "name": "prod"}));
    let gateway = account.create_gateway(gateway("tools"));
    account.pass(30);
    let runtime = runtime_arn(&id);
    let gateway_arn = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/{gateway}");
    let endpoints = ["DEFAULT", "prod"].map(|name| format!("{runtime}/runtime-endpoint/{name}"));
    for arn in [&runtime, &endpoints[0], &endpoints[1], &gateway_arn] {
        let resource = json!({"resourceArn": arn});
        for operation in ["GetResourcePolicy", "DeleteResourcePolicy"] {
            assert_eq!(account.code(operation, resource.clone()), "ResourceNotFoundException", "{arn}");
        }
        let policy = policy(arn, &json!({"AWS": ROLE}));
        account.ok("PutResourcePolicy", put(arn, &policy));
        let got = account.ok("GetResourcePolicy", resource);
        let got: Value = serde_json::from_str(got["policy"].as_str().expect("a text")).expect("JSON");
        assert_eq!(account.service.resource_policies()[arn], policy);
        let mut same = policy["Statement"][0].clone();
        same["Sid"] = json!("Statement");
        assert_eq!(got, json!({"Version": "2012-10-17", "Statement": same}), "another form");
    }
    assert_eq!(account.service.holdings(account.now).keys().filter(|it| it.starts_with("resource policy")).count(), 4);
    account.ok("PutResourcePolicy", put(&runtime, &policy(&runtime, &json!("*"))));
    assert_eq!(account.service.resource_policies()[&runtime]["Statement"][0]["Principal"], "*", "replaced");
    account.ok("DeleteResourcePolicy", json!({"resourceArn": runtime}));
    assert_eq!(account.code("GetResourcePolicy", json!({"resourceArn": runtime})), "ResourceNotFoundException");
    account.ok("DeleteAgentRuntimeEndpoint", json!({"agentRuntimeId": id, "endpointName": "prod"}));
    account.ok("DeleteGateway", json!({"gatewayIdentifier": gateway}));
    account.pass(20);
    account.ok("DeleteAgentRuntime", json!({"agentRuntimeId": id}));
    account.pass(20);
    account.ok("ListAgentRuntimes", json!({}));
    assert!(account.service.resource_policies().is_empty(), "a policy goes with its resource");
    assert_eq!(account.code("GetResourcePolicy", json!({"resourceArn": runtime})), "ResourceNotFoundException");
}

#[test]
fn a_policy_is_about_its_own_resource_and_no_other() {
    let (mut account, id) = Account::with_runtime();
    let runtime = runtime_arn(&id);
    let good = policy(&runtime, &json!({"AWS": ROLE}));
    let statement = |member: &str, value: Value| {
        let mut policy = good.clone();
        policy["Statement"][0][member] = value;
        policy
    };
    for bad in [
        statement("Resource", json!("*")),
        statement("Resource", json!(runtime_arn("other-abcdefghij"))),
        statement("Resource", json!(format!("{runtime}/*"))),
        statement("Resource", json!([runtime, "*"])),
        statement("Principal", Value::Null),
        statement("Principal", json!({})),
        statement("Principal", json!({"AWS": 7})),
        statement("Principal", json!({"AWS": []})),
        statement("Principal", json!({"Aws": ROLE})),
        statement("NotPrincipal", json!("*")),
        statement("Condition", json!("x")),
        statement("Condition", json!({"StringEquals": "x"})),
        statement("Action", json!("bedrock-agentcore:InvokeAgentRuntimes")),
        statement("Action", json!(["bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:Nothing*"])),
        with(good.clone(), "Statements", json!([])),
        statement("Effect", json!("Maybe")),
        statement("Action", json!("s3:GetObject")),
        statement("Action", json!([])),
        with(good.clone(), "Version", json!("2008-10-17")),
        with(good.clone(), "Statement", json!([])),
        json!({"Version": "2012-10-17"}),
        json!("text"),
    ] {
        assert_eq!(account.code("PutResourcePolicy", put(&runtime, &bad)), "ValidationException", "{bad}");
    }
    let text = json!({"resourceArn": runtime, "policy": "{"});
    assert_eq!(account.code("PutResourcePolicy", text), "ValidationException");
    account.ok("PutResourcePolicy", put(&runtime, &statement("Resource", json!([runtime]))));
    account.ok("PutResourcePolicy", put(&runtime, &statement("Action", json!("bedrock-agentcore:Invoke*"))));
    let other = runtime_arn("other-abcdefghij");
    assert_eq!(
        account.code("PutResourcePolicy", put(&other, &policy(&other, &json!("*")))),
        "ResourceNotFoundException"
    );
    let vault = "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default";
    assert_eq!(account.code("PutResourcePolicy", put(vault, &policy(vault, &json!("*")))), "ValidationException");
    let needed = account.needs("PutResourcePolicy", put(&runtime, &good));
    assert_eq!((needed.len(), needed[0].resource.as_str()), (1, runtime.as_str()));
}

#[test]
fn a_caller_with_a_token_has_no_name_in_iam() {
    let mut account = Account::new();
    let authorizer = json!({"customJWTAuthorizer": {"discoveryUrl": DISCOVERY, "allowedAudience": ["a"]}});
    let runtime = account.create(with(super::create("server"), "authorizerConfiguration", authorizer.clone()));
    let jwt =
        with(with(gateway("tools"), "authorizerType", json!("CUSTOM_JWT")), "authorizerConfiguration", authorizer);
    let gateway = account.create_gateway(jwt);
    account.pass(30);
    let gateway = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/{gateway}");
    for arn in [runtime_arn(&runtime), gateway] {
        let code = account.code("PutResourcePolicy", put(&arn, &policy(&arn, &json!({"AWS": ROLE}))));
        assert_eq!(code, "ValidationException", "{arn}");
        account.ok("PutResourcePolicy", put(&arn, &policy(&arn, &json!("*"))));
    }
}
