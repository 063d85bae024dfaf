//! A server that opens a stream for a method it does not know, and leaves it open.

use std::convert::Infallible;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Full};
use provisioner::aws::{Context, ContextSettings};
use provisioner::endpoints::Endpoints;
use provisioner::http::Connectors;
use provisioner::identity_provider_hosts::IdentityProviderHosts;
use provisioner::mcp::{self, Credential, ServerUrl};
use serde_json::{Value, json};

use crate::world::World;

#[derive(Debug)]
struct Server;

impl HttpConnector for Server {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let message: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let result = match message["method"].as_str().unwrap_or_default() {
            "server/discover" => None,
            "initialize" => Some(json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "old", "version": "1"}})),
            _ => Some(json!({"tools": [{"name": "one", "inputSchema": {"type": "object"}}]})),
        };
        let (kind, body) = match result {
            None => ("text/event-stream", open_stream()),
            Some(result) => {
                let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
                ("application/json", SdkBody::from(answer.to_string()))
            }
        };
        let mut response = HttpResponse::new(200.try_into().expect("a status"), body);
        response.headers_mut().insert("content-type", kind);
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// Returns a stream that sends a comment and then stays open without data.
fn open_stream() -> SdkBody {
    let never = std::future::pending::<Option<Result<http::HeaderMap, Infallible>>>();
    SdkBody::from_body_1_x(Full::from(": open\n\n").with_trailers(never))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stream_that_stays_open_does_not_use_up_the_attempt() {
    let world = World::new();
    let context = Context::new(ContextSettings {
        region: "us-east-1".to_owned(),
        credentials: SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")),
        connectors: Connectors::single(Server),
        time_source: SharedTimeSource::new(world.aws.clock()),
        endpoints: Ok(Endpoints::default()),
        name_prefix: None,
        identity_provider_hosts: IdentityProviderHosts::default(),
        role_arn: None,
    });
    let url = "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/mcp-AbCdEf1234/invocations?accountId=1";
    let server = ServerUrl::parse(url).expect("a URL");
    let catalogue = mcp::catalogue(&context, &server, &Credential::SigV4).await.expect("a catalogue");
    assert_eq!((catalogue.protocol_version.as_str(), catalogue.tools), ("2025-06-18", vec!["one".to_owned()]));
}
