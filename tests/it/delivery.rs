//! The delivery of the answer to CloudFormation.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use emulator::faults::{ResponseFault, ResponseFaultEffect};
use emulator::transport;
use harness::FUNCTION_ARN;
use provisioner::aws::{Context, ContextSettings};
use provisioner::endpoints::Endpoints;
use provisioner::http::Connectors;
use provisioner::identity_provider_hosts::IdentityProviderHosts;
use serde_json::{Value, json};

use crate::stack_in_progress;
use crate::world::{CANARY, Event, SECRET, World};

fn event() -> Event {
    SECRET.create(json!({"Values": {"A": "1"}, "SecretName": "it"}))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refused_or_lost_delivery_is_repeated() {
    for (effect, lost_receipts) in [
        (ResponseFaultEffect::Unavailable, 0),
        (ResponseFaultEffect::ReplyLostBefore, 0),
        (ResponseFaultEffect::ReplyLostAfter, 3),
    ] {
        let mut world = World::new();
        world.lost_receipts = lost_receipts;
        world.aws.faults().add_response(ResponseFault { nth: 1, count: 3, effect });
        world.send(event()).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_answer_that_cannot_be_delivered_fails_the_invocation_and_the_next_one_answers() {
    let mut world = World::new();
    let unavailable = ResponseFaultEffect::Unavailable;
    world.aws.faults().add_response(ResponseFault { nth: 1, count: u64::MAX, effect: unavailable });
    let event = world.address(event());
    let error = world.deliver(&event).await.expect_err("undelivered");
    assert!(error.contains("could not be delivered"), "{error}");
    assert!(!error.contains("X-Amz-"), "the URL is a secret: {error}");
    world.aws.faults().clear();
    world.deliver(&event).await.expect("answered").success();
    assert!(world.has_secret("it"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn one_event_is_one_put_with_an_empty_content_type() {
    let mut world = World::new();
    world.send(event()).await.success();
    let puts = world.aws.with(|world| world.responses.puts().iter().map(|put| put.status).collect::<Vec<_>>());
    assert_eq!(puts, [200], "the bucket refuses a content type, a chunked body and another method");
}

/// A connector that reaches the response bucket, knows the stack, and panics at any other host, with a secret in the message.
#[derive(Debug)]
struct Panicking(SharedHttpConnector);

impl HttpConnector for Panicking {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(answer) = stack_in_progress::answer(&request) {
            return answer;
        }
        assert!(request.uri().contains("cloudformation-custom-resource-response"), "{CANARY}");
        self.0.call(request)
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_panic_is_answered_without_its_message() {
    let mut world = World::new();
    let event = world.address(event());
    let context = Context::new(ContextSettings {
        region: "us-east-1".to_owned(),
        credentials: SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")),
        connectors: Connectors::single(Panicking(transport::http_connector(&world.aws))),
        time_source: SharedTimeSource::new(world.aws.clock()),
        endpoints: Ok(Endpoints::default()),
        name_prefix: None,
        identity_provider_hosts: IdentityProviderHosts::default(),
        role_arn: None,
    });
    let deadline = world.aws.clock().now() + Duration::from_mins(15);
    let payload = event.payload();
    let invocation =
        provisioner::handler::Invocation { request_id: "r", payload: &payload, deadline, function_arn: FUNCTION_ARN };
    provisioner::handler::handle(invocation, &context).await.expect("answered");
    let url = event.0["ResponseURL"].as_str().expect("a URL").to_owned();
    let answer = world.aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("pending:Secret")));
    assert!(answer["Reason"].as_str().is_some_and(|reason| reason.contains("a defect of the provisioner")), "{answer}");
    assert!(!answer.to_string().contains(CANARY));
}
