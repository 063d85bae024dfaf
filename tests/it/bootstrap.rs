//! The built binary as Lambda runs it: a process of its own that speaks the Runtime API, in real time on loopback.

/// Peak memory under the worst documents.
mod memory;

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
use emulator::stacks::{Stack, StackStatus};
use emulator::transport::{self, proxy::Proxy};
use serde_json::{Value, json};

use crate::world::{CANARY, EXECUTION_ROLE, FUNCTION_ROLE, IMAGE, PROBE, RUNTIME, SECRET, STACK_ID, canary, put_role};

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
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    let cloudformation = CloudFormation::new(aws.clone(), Arc::new(binary.clone()));
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
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
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
    let url = aws.with(|world| world.responses.presign("request", now));
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let event = json!({"RequestType": "Create", "ResponseURL": url, "StackId": STACK_ID, "RequestId": "request",
        "LogicalResourceId": "Thing", "ResourceType": SECRET.resource_type, "ResourceProperties": "DEEP"});
    deliver(event.to_string().replace("\"DEEP\"", &deep)).await.expect("answered");
    let answer = aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    assert_eq!(serde_json::from_slice::<Value>(&answer).expect("JSON")["Status"], "FAILED");
    assert_eq!(binary.starts().len(), 1, "one process served them all");
    binary.stop().await;
    check_log(&binary.logs());
}

/// Sends a Create to a process with these variables, and returns its answer.
async fn create(
    aws: &Aws,
    binary: &RuntimeApi,
    (resource_type, request_id): (&str, &str),
    properties: Value,
    environment: &[(&str, &str)],
) -> Result<Value, String> {
    let now = aws.clock().now();
    let url = aws.with(|world| {
        world.stacks.put(Stack::bare(STACK_ID, StackStatus::CreateInProgress, now));
        world.responses.presign(request_id, now)
    });
    let event = json!({"RequestType": "Create", "ResponseURL": url, "StackId": STACK_ID, "RequestId": request_id,
        "LogicalResourceId": "Thing", "ResourceType": resource_type, "ResourceProperties": properties});
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let invocation = Invocation {
        request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        payload: event.to_string().into_bytes(),
        deadline: now + Duration::from_mins(2),
        function_arn: "arn:aws:lambda:us-east-1:111122223333:function:provisioner".to_owned(),
        role_arn: FUNCTION_ROLE.to_owned(),
        environment: environment.collect(),
    };
    binary.invoke(invocation).await?;
    let answer = aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    Ok(serde_json::from_slice(&answer).expect("JSON"))
}

fn path(proxy: &Proxy) -> String {
    proxy.certificate_file().display().to_string()
}

/// AWS, an identity provider, a runtime and the response bucket at their real host names.
#[tokio::test]
async fn the_binary_trusts_the_certificates_it_is_given_and_gets_a_token() {
    const ISSUER: &str = "https://tenant.auth0.com/";
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    let client = Client::new(&canary("client")).audiences(&["https://mcp.example.com"]);
    aws.with(|world| {
        let start = Start::Normal(Duration::ZERO);
        world.containers.behave(Behaviour { start, ..Behaviour::default() });
        world.identity_providers.add(Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client));
    });
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let stranger = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    let (ours, theirs) = (path(&proxy), path(&stranger));
    let bundle = [("SSL_CERT_FILE", theirs.as_str()), ("AWS_CA_BUNDLE", &ours)];
    let fips = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
    for (name, environment) in [("platform", &[][..]), ("bundle", &bundle), ("fips", &fips)] {
        let properties = json!({"AgentRuntimeName": name, "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE,
            "InboundAuth": "JWT", "Issuer": ISSUER, "AllowedAudience": "https://mcp.example.com"});
        let kind = (RUNTIME.resource_type, name);
        let runtime = create(&aws, &binary, kind, properties, environment).await.expect("answered");
        assert_eq!(runtime["Status"], "SUCCESS", "{runtime}");
        let properties = json!({"Endpoint": runtime["Data"]["McpUrl"], "Auth": "BEARER", "Issuer": ISSUER,
            "ClientId": "app", "ClientSecret": canary("client"),
            "CustomParameters": {"audience": "https://mcp.example.com"}});
        let kind = (PROBE.resource_type, name);
        let probe = create(&aws, &binary, kind, properties, environment).await.expect("answered");
        assert_eq!((&probe["Status"], &probe["Data"]["ToolCount"]), (&json!("SUCCESS"), &json!("3")), "{probe}");
    }
    binary.stop().await;
    check_log(&binary.logs());
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let stranger = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    let kind = (SECRET.resource_type, "request");
    let environment = [("SSL_CERT_FILE", path(&stranger))];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let error = create(&aws, &binary, kind, json!({}), &environment).await.expect_err("nobody was told");
    assert!(error.contains("invalid peer certificate: "), "{error}");
    assert!(aws.calls().is_empty() && aws.with(|world| world.responses.puts().is_empty()));
    binary.stop().await;
    check_log(&binary.logs());
}

#[tokio::test]
async fn all_faults_of_the_configuration_fail_every_event_in_a_sentence() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    let kind = (SECRET.resource_type, "request");
    let environment = [
        ("AWS_CA_BUNDLE", "/does/not/exist.pem"),
        ("IDENTITY_PROVIDER_HOSTS", "https://sso.example.com"),
        ("AWS_ENDPOINT_URL", "own.example.com"),
    ];
    let properties = json!({"Values": {"A": canary("value")}});
    let answer = create(&aws, &binary, kind, properties, &environment).await.expect("answered");
    let reason = answer["Reason"].as_str().unwrap_or_default();
    assert!(reason.contains("`AWS_CA_BUNDLE` is \"/does/not/exist.pem\", which cannot be read: "), "{answer}");
    assert!(reason.contains("`IDENTITY_PROVIDER_HOSTS` has the entry \"https://sso.example.com\""), "{answer}");
    assert!(
        reason.contains("`AWS_ENDPOINT_URL` is \"own.example.com\", which is not an http or https URL"),
        "{answer}"
    );
    assert!(aws.calls().is_empty());
    binary.stop().await;
    check_log(&binary.logs());
}

#[test]
fn a_variable_that_lambda_sets_is_named_if_it_is_missing() {
    const SET: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    for missing in SET {
        let mut binary = std::process::Command::new(env!("CARGO_BIN_EXE_provisioner"));
        binary.env_clear().envs(SET.into_iter().filter(|name| *name != missing).map(|name| (name, "x")));
        let output = binary.output().expect("a process");
        let words = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success() && words.contains(&format!("`{missing}` is missing")), "{words}");
    }
}

/// The proxy decides about hosts, not a name server. An address in the URL is refused before the proxy is asked.
#[tokio::test]
async fn a_host_that_the_proxy_refuses_is_not_called_past_the_proxy() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    for (issuer, sentence) in [
        ("https://idp.example.com", "which cannot be reached: the connection failed: tunnel error: unsuccessful"),
        ("https://0x7f000001", "which is a local address"),
        ("https://[64:ff9b::a9fe:a9fe]", "which is a local address"),
    ] {
        let properties = json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE, "InboundAuth": "JWT",
            "Issuer": issuer, "AllowedAudience": "https://mcp.example.com"});
        let kind = (RUNTIME.resource_type, issuer);
        let answer = create(&aws, &binary, kind, properties, &[]).await.expect("answered");
        assert!(answer["Reason"].as_str().is_some_and(|reason| reason.contains(sentence)), "{answer}");
    }
    binary.stop().await;
    check_log(&binary.logs());
}

#[tokio::test]
async fn the_binary_derives_names_with_the_prefix_it_is_given() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    for (prefix, expected) in [("team", "team_mcp_Thing_"), ("", "mcp_Thing_")] {
        let properties = json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
        let kind = (RUNTIME.resource_type, expected);
        let answer = create(&aws, &binary, kind, properties, &[("NAME_PREFIX", prefix)]).await.expect("answered");
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
        let proxy = transport::listen_proxy(&aws, 0).await.expect("a port");
        let binary = RuntimeApi::new(&aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
        let kind = (SECRET.resource_type, "request");
        create(&aws, &binary, kind, json!({}), &[("AWS_LAMBDA_LOG_LEVEL", word)]).await.expect("answered");
        binary.stop().await;
        let lines: Vec<Value> =
            binary.logs().iter().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        let levels: BTreeSet<_> = lines.iter().map(|line| line["level"].as_str().expect("a level")).collect();
        assert_eq!(levels, expected.iter().copied().collect(), "{word}: {lines:#?}");
    }
}
