//! The host that each client calls, by the variables that every AWS SDK honours.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use emulator::transport;
use harness::FUNCTION_ARN;
use provisioner::aws::{Context, ContextSettings};
use provisioner::endpoints::Endpoints;
use provisioner::http::Connectors;
use provisioner::identity_provider_hosts::IdentityProviderHosts;
use serde_json::{Value, json};

use crate::stack_in_progress;
use crate::world::{EXECUTION_ROLE, Event, IMAGE, PROBE, RUNTIME, SECRET, World};

/// A connector that records every host, reaches the response bucket, knows the stack, and resolves no other name.
#[derive(Clone, Debug)]
struct Hosts {
    bucket: SharedHttpConnector,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Hosts {
    /// Returns the origins that were called.
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl HttpConnector for Hosts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let origin: String = request.uri().split('/').take(3).collect::<Vec<_>>().join("/");
        if origin.contains("cloudformation-custom-resource-response") {
            return self.bucket.call(request);
        }
        if let Some(answer) = stack_in_progress::answer(&request) {
            return answer;
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(origin);
        HttpConnectorFuture::ready(Err(ConnectorError::io(Box::new(io::Error::other("no such host")))))
    }
}

/// Handles an event under these variables. Returns the answer, and the origins that were called.
async fn handle(event: Event, variables: &[(&str, &str)]) -> (Value, Vec<String>) {
    let mut world = World::new();
    let event = world.address(event);
    let (context, hosts) = context(&world, variables);
    let deadline = world.aws.clock().now() + Duration::from_mins(15);
    let payload = event.payload();
    let invocation =
        provisioner::handler::Invocation { request_id: "r", payload: &payload, deadline, function_arn: FUNCTION_ARN };
    provisioner::handler::handle(invocation, &context).await.expect("answered");
    let url = event.0["ResponseURL"].as_str().expect("a URL").to_owned();
    let answer = world.aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    (serde_json::from_slice(&answer).expect("JSON"), hosts.seen())
}

/// Creates a function's context under these variables.
fn context(world: &World, variables: &[(&str, &str)]) -> (Context, Hosts) {
    let hosts = Hosts { bucket: transport::http_connector(&world.aws), seen: Arc::default() };
    let read = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let context = Context::new(ContextSettings {
        region: "us-east-1".to_owned(),
        credentials: SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")),
        connectors: Connectors::single(hosts.clone()),
        time_source: SharedTimeSource::new(world.aws.clock()),
        endpoints: Endpoints::from_environment(read),
        name_prefix: None,
        identity_provider_hosts: IdentityProviderHosts::default(),
        role_arn: None,
    });
    (context, hosts)
}

/// Returns the event that calls each service first, with the service's name in hosts and in variables.
fn events() -> [(&'static str, &'static str, Event); 3] {
    let runtime = json!({"AgentRuntimeName": "mcp", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    let endpoint = "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/mcp-AbCdEf1234/invocations?accountId=1";
    [
        ("secretsmanager", "SECRETS_MANAGER", SECRET.create(json!({"Values": {"A": "1"}}))),
        ("bedrock-agentcore-control", "BEDROCK_AGENTCORE_CONTROL", RUNTIME.create(runtime)),
        ("bedrock-agentcore", "BEDROCK_AGENTCORE", PROBE.create(json!({"Endpoint": endpoint}))),
    ]
}

/// Returns the origin that each SDK client calls under these variables, in the order of the clients here.
async fn origins(variables: &[(&str, &str)]) -> Vec<String> {
    let world = World::new();
    let mut origins = Vec::new();
    for client in ["secretsmanager", "bedrock-agentcore-control", "logs", "cloudformation"] {
        let (context, hosts) = context(&world, variables);
        let failed = match client {
            "secretsmanager" => context.secretsmanager.describe_secret().secret_id("x").send().await.is_err(),
            "logs" => context.cloudwatchlogs.filter_log_events().log_group_name("x").send().await.is_err(),
            "cloudformation" => context.cloudformation().describe_stacks().send().await.is_err(),
            _ => context.agentcore.get_agent_runtime().agent_runtime_id("mcp-AbCdEf1234").send().await.is_err(),
        };
        assert!(failed, "{client}");
        let seen = hosts.seen();
        assert_eq!(seen.len(), 1, "{client}: {seen:?}");
        origins.extend(seen);
    }
    origins
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_client_calls_the_endpoint_of_the_kind_that_is_asked_for() {
    for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
        let variables = [
            ("AWS_USE_FIPS_ENDPOINT", if fips { "true" } else { "false" }),
            ("AWS_USE_DUALSTACK_ENDPOINT", if dual_stack { "true" } else { "false" }),
        ];
        let kind = if fips { "-fips" } else { "" };
        let suffix = if dual_stack { "api.aws" } else { "amazonaws.com" };
        let expected = [
            // One host for both versions of IP.
            format!("https://secretsmanager{kind}.us-east-1.amazonaws.com"),
            format!("https://bedrock-agentcore-control{kind}.us-east-1.{suffix}"),
            format!("https://logs{kind}.us-east-1.{suffix}"),
            format!("https://cloudformation{kind}.us-east-1.{suffix}"),
        ];
        assert_eq!(origins(&variables).await, expected);
        let [_, _, (name, _, event)] = events();
        let (_, seen) = handle(event, &variables).await;
        let expected = format!("https://{name}{kind}.us-east-1.{suffix}");
        assert_eq!(seen, [expected], "no other endpoint, whatever fails");
    }
    let own = ["SECRETS_MANAGER", "BEDROCK_AGENTCORE_CONTROL", "CLOUDWATCH_LOGS", "CLOUDFORMATION"];
    for (index, service) in own.into_iter().enumerate() {
        let variable = format!("AWS_ENDPOINT_URL_{service}");
        let variables =
            [(variable.as_str(), "https://own.example.com"), ("AWS_ENDPOINT_URL", "https://all.example.com")];
        let called = origins(&variables).await;
        let mut expected = ["https://all.example.com"; 4];
        expected[index] = "https://own.example.com";
        assert_eq!(called, expected, "{variable}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_address_for_one_service_or_for_all_is_called() {
    let (own, all) = ("https://own.example.com", "https://all.example.com");
    for (_, suffix, event) in events() {
        let variable = format!("AWS_ENDPOINT_URL_{suffix}");
        let (_, seen) = handle(event.clone(), &[(&variable, own)]).await;
        assert_eq!(seen, [own], "{variable}");
        let (_, seen) = handle(event.clone(), &[(&variable, own), ("AWS_ENDPOINT_URL", all)]).await;
        assert_eq!(seen, [own], "{variable}");
        let (_, seen) = handle(event, &[("AWS_ENDPOINT_URL", all)]).await;
        assert_eq!(seen, [all], "{variable}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_region_without_the_endpoint_is_named_with_its_variable() {
    for (variable, kind) in [("AWS_USE_FIPS_ENDPOINT", "FIPS"), ("AWS_USE_DUALSTACK_ENDPOINT", "dual-stack")] {
        for (name, _, event) in events() {
            let (answer, _) = handle(event, &[(variable, "true")]).await;
            let reason = answer["Reason"].as_str().expect("FAILED");
            let expected = format!("`{variable}` is true, and the service may have no {kind} endpoint in us-east-1");
            assert!(reason.contains(&expected) && reason.contains("no such host"), "{name}: {reason}");
        }
    }
    let (answer, _) = handle(events()[0].2.clone(), &[]).await;
    assert!(!answer.to_string().contains("AWS_USE_"), "{answer}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn variables_that_cannot_be_used_fail_every_event_in_a_sentence_and_call_nothing() {
    for (variables, sentence) in [
        (&[("AWS_USE_FIPS_ENDPOINT", "yes")][..], "`AWS_USE_FIPS_ENDPOINT` is \"yes\"; use true or false"),
        (&[("AWS_ENDPOINT_URL", "localhost:4566")], "`AWS_ENDPOINT_URL` is \"localhost:4566\", which is not an http"),
        (
            &[("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://x.example.com")],
            "`AWS_USE_FIPS_ENDPOINT` and `AWS_ENDPOINT_URL_SECRETS_MANAGER` exclude each other",
        ),
    ] {
        for (_, _, event) in events() {
            let (answer, seen) = handle(event.clone(), variables).await;
            assert_eq!(answer["Status"], "FAILED");
            assert!(answer["Reason"].as_str().is_some_and(|reason| reason.contains(sentence)), "{answer}");
            assert!(seen.is_empty(), "{seen:?}");
            // The rollback of the stack does not have to delete anything.
            let id = answer["PhysicalResourceId"].clone();
            let delete = event.with("RequestType", "Delete").with("PhysicalResourceId", id);
            let (answer, seen) = handle(delete, variables).await;
            assert_eq!(answer["Status"], "SUCCESS", "{answer}");
            assert!(seen.is_empty(), "{seen:?}");
        }
    }
}
