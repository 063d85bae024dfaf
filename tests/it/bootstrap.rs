//! The built binary as Lambda runs it: a process of its own that speaks the Runtime API, in real time on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cloudformation::{Capability, CloudFormation, StackInput};
use emulator::aws::Aws;
use emulator::container::{Behaviour, Start};
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::lambda::runtime_api::RuntimeApi;
use emulator::lambda::{Function, Invocation};
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use emulator::transport;
use serde_json::{Value, json};

use crate::world::{CANARY, EXECUTION_ROLE, FUNCTION_ROLE, IMAGE, STACK_ID, canary, put_role};

#[allow(clippy::disallowed_methods, reason = "the process under test signs with the machine's own clock")]
fn account() -> Aws {
    let fast = Duration::from_millis(100);
    Aws::new(Settings {
        start: SystemTime::now(),
        runtime_transition: fast,
        runtime_deletion: fast,
        call_latency: Duration::ZERO,
        list_lag: Duration::ZERO,
        role_propagation: Duration::ZERO,
        secret_force_deletion: Duration::ZERO,
        ..Settings::default()
    })
}

fn check_log(lines: &[String]) {
    for line in lines {
        assert!(!line.contains(CANARY), "a secret was logged: {line}");
        assert!(!line.contains("X-Amz-Signature"), "a response URL was logged: {line}");
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
}

#[tokio::test]
async fn the_binary_deploys_the_template() {
    let aws = account();
    let listener = transport::listen(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, listener.address(), env!("CARGO_BIN_EXE_provisioner"));
    let cloudformation =
        CloudFormation::new(aws.clone(), Arc::new(binary.clone())).with_loopback_responses(listener.address());
    let input = StackInput::uploaded("mcp", include_str!("../../template.yaml"))
        .capability(Capability::Iam)
        .parameter("ECRImageUri", IMAGE)
        .parameter("CredentialSource", "CreateNew")
        .parameter("ZscalerClientId", "id")
        .parameter("ZscalerClientSecret", canary("client"))
        .parameter("ZscalerVanityDomain", "acme")
        .parameter("ZscalerCustomerId", "1");
    let stack = cloudformation.create_stack(input).await.expect("a valid template");
    assert_eq!(stack.status, StackStatus::CreateComplete, "{:?}\n{:#?}", stack.status_reason, binary.logs());
    let stack = cloudformation.delete_stack("mcp").await.expect("a stack");
    assert_eq!(stack.status, StackStatus::DeleteComplete, "{:?}", stack.status_reason);
    binary.stop().await;
    let log = binary.logs();
    check_log(&log);
    let request = log.iter().find(|line| line.contains("CreateSecret")).expect("a line about the call");
    let request: Value = serde_json::from_str(request).expect("JSON");
    assert_eq!(request["span"]["LogicalResourceId"], "Secret");
    assert_eq!(request["span"]["StackId"], Value::from(stack.id));
}

#[tokio::test]
async fn an_event_without_a_response_url_fails_the_invocation_and_the_process_lives_on() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    let listener = transport::listen(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, listener.address(), env!("CARGO_BIN_EXE_provisioner"));
    let deliver = |payload: String| {
        binary.invoke(Invocation {
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            payload: payload.into_bytes(),
            deadline: aws.clock().now() + Duration::from_mins(1),
            function_arn: "arn:aws:lambda:us-east-1:111122223333:function:provisioner".to_owned(),
            role_arn: FUNCTION_ROLE.to_owned(),
            environment: BTreeMap::new(),
        })
    };
    for payload in ["{}", "[]", "7", r#"{"ResponseURL": "ftp://example.com"}"#] {
        deliver(payload.to_owned()).await.expect_err("a failed invocation");
    }
    let now = aws.clock().now();
    let url = aws.with(|world| world.responses.presign_loopback(listener.address(), "request", now));
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let event = json!({"RequestType": "Create", "ResponseURL": url, "StackId": STACK_ID, "RequestId": "request",
        "LogicalResourceId": "Thing", "ResourceType": "Custom::AgentCoreSecret", "ResourceProperties": "DEEP"});
    deliver(event.to_string().replace("\"DEEP\"", &deep)).await.expect("answered");
    let answer = aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    assert_eq!(serde_json::from_slice::<Value>(&answer).expect("JSON")["Status"], "FAILED");
    assert_eq!(binary.starts().len(), 1, "one process served them all");
    binary.stop().await;
    check_log(&binary.logs());
}

#[tokio::test]
async fn the_binary_trusts_the_certificates_it_is_given_and_gets_a_token() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    aws.with(|world| {
        let start = Start::Normal(Duration::ZERO);
        world.containers.behave(Behaviour { start, ..Behaviour::default() });
    });
    let listener = transport::listen(&aws, 0).await.expect("a port");
    let idp = transport::listen_identity_provider(&aws, 0).await.expect("a port");
    let issuer = format!("{}/", idp.origin());
    let client = Client::new(&canary("client")).audiences(&["https://mcp.example.com"]);
    aws.with(|world| {
        world.identity_providers.add(Provider::new(ClaimStyle::Auth0, &issuer).with_client("app", client));
    });
    let authority = std::env::temp_dir().join(format!("provisioner-test-ca-{}.pem", std::process::id()));
    std::fs::write(&authority, idp.certificate_authority()).expect("a temporary file");
    let binary = RuntimeApi::new(&aws, listener.address(), env!("CARGO_BIN_EXE_provisioner"));
    let environment =
        BTreeMap::from([("SSL_CERT_FILE".to_owned(), authority.to_str().expect("a plain path").to_owned())]);
    let mut answers = Vec::new();
    for (kind, logical_id, properties) in [
        (
            "Custom::AgentCoreRuntime",
            "Runtime",
            json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE, "InboundAuth": "JWT", "Issuer": issuer,
                   "AllowedAudience": "https://mcp.example.com"}),
        ),
        (
            "Custom::AgentCoreMcpProbe",
            "Probe",
            json!({"Endpoint": "", "Auth": "BEARER", "Issuer": issuer, "ClientId": "app",
                   "ClientSecret": canary("client"), "CustomParameters": {"audience": "https://mcp.example.com"}}),
        ),
    ] {
        let mut properties = properties;
        if let Some(runtime) = answers.first() {
            let runtime: &Value = runtime;
            properties["Endpoint"] = runtime["Data"]["McpUrl"].clone();
        }
        let now = aws.clock().now();
        let url = aws.with(|world| world.responses.presign_loopback(listener.address(), logical_id, now));
        let event = json!({"RequestType": "Create", "ResponseURL": url, "StackId": STACK_ID, "RequestId": logical_id,
            "LogicalResourceId": logical_id, "ResourceType": kind, "ResourceProperties": properties});
        let invocation = Invocation {
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            payload: event.to_string().into_bytes(),
            deadline: now + Duration::from_mins(2),
            function_arn: "arn:aws:lambda:us-east-1:111122223333:function:provisioner".to_owned(),
            role_arn: FUNCTION_ROLE.to_owned(),
            environment: environment.clone(),
        };
        binary.invoke(invocation).await.expect("answered");
        let answer = aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answers.push(answer);
    }
    assert_eq!(answers[1]["Data"]["ToolCount"], "3");
    binary.stop().await;
    check_log(&binary.logs());
    let _ = std::fs::remove_file(authority);
}

#[tokio::test]
async fn the_binary_derives_names_with_the_prefix_it_is_given() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    let listener = transport::listen(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, listener.address(), env!("CARGO_BIN_EXE_provisioner"));
    for (prefix, expected) in [("team", "team_mcp_Runtime_"), ("", "mcp_Runtime_")] {
        let now = aws.clock().now();
        let url = aws.with(|world| world.responses.presign_loopback(listener.address(), prefix, now));
        let event = json!({"RequestType": "Create", "ResponseURL": url, "StackId": STACK_ID,
            "RequestId": expected, "LogicalResourceId": "Runtime", "ResourceType": "Custom::AgentCoreRuntime",
            "ResourceProperties": {"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE}});
        let invocation = Invocation {
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            payload: event.to_string().into_bytes(),
            deadline: now + Duration::from_mins(2),
            function_arn: "arn:aws:lambda:us-east-1:111122223333:function:provisioner".to_owned(),
            role_arn: FUNCTION_ROLE.to_owned(),
            environment: BTreeMap::from([("NAME_PREFIX".to_owned(), prefix.to_owned())]),
        };
        binary.invoke(invocation).await.expect("answered");
        let answer = aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let id = answer["PhysicalResourceId"].as_str().expect("text");
        assert!(answer["Status"] == "SUCCESS" && id.starts_with(expected), "{answer}");
    }
    binary.stop().await;
}

#[tokio::test]
async fn the_binary_logs_at_its_level_and_above() {
    for (word, expected) in [("FATAL", &[][..]), ("error", &["ERROR"]), ("Loud", &["ERROR", "INFO", "WARN"])] {
        let aws = account();
        put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
        let listener = transport::listen(&aws, 0).await.expect("a port");
        let binary = RuntimeApi::new(&aws, listener.address(), env!("CARGO_BIN_EXE_provisioner"));
        let now = aws.clock().now();
        let url = aws.with(|world| world.responses.presign_loopback(listener.address(), "request", now));
        let event = json!({"RequestType": "Create", "ResponseURL": url, "StackId": STACK_ID, "RequestId": "request",
            "LogicalResourceId": "Thing", "ResourceType": "Custom::AgentCoreSecret", "ResourceProperties": {}});
        let invocation = Invocation {
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            payload: event.to_string().into_bytes(),
            deadline: now + Duration::from_mins(1),
            function_arn: "arn:aws:lambda:us-east-1:111122223333:function:provisioner".to_owned(),
            role_arn: FUNCTION_ROLE.to_owned(),
            environment: BTreeMap::from([("AWS_LAMBDA_LOG_LEVEL".to_owned(), word.to_owned())]),
        };
        binary.invoke(invocation).await.expect("answered");
        binary.stop().await;
        let lines: Vec<Value> =
            binary.logs().iter().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        let levels: BTreeSet<_> = lines.iter().map(|line| line["level"].as_str().expect("a level")).collect();
        assert_eq!(levels, expected.iter().copied().collect(), "{word}: {lines:#?}");
    }
}
