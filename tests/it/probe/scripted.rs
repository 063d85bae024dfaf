//! A server whose every answer is given by the test. The probe runs as in a deployment, from an event to its answer.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use emulator::transport;
use harness::FUNCTION_ARN;
use http_body_util::{BodyExt, Full};
use provisioner::aws::{Context, ContextSettings};
use provisioner::endpoints::Endpoints;
use provisioner::http::Connectors;
use provisioner::identity_provider_hosts::IdentityProviderHosts;
use serde_json::{Value, json};

use crate::stack_in_progress;
use crate::world::{PROBE, World, merged};

const HOST: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com/";
pub(super) const ENDPOINT: &str =
    "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/mcp-AbCdEf1234/invocations?accountId=1";

/// The end of an answer's body.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Whole,
    /// The connection breaks.
    Broken,
}

/// One answer of the server.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
        end: End,
    },
    /// The connection cannot be opened.
    Unreachable,
    /// No answer for this time, and then this one.
    After(Duration, Box<Self>),
}

impl Reply {
    /// Returns an answer with a JSON body.
    pub(super) fn new(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Answer { status, headers, body: body.as_bytes().to_vec(), end: End::Whole }
    }

    /// Returns a JSON-RPC error.
    pub(super) fn error(status: u16, code: i64, message: &str) -> Self {
        let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}});
        Self::new(status, &error.to_string())
    }

    /// Gives the answer a header.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// Breaks the connection at the end of the body.
    pub(super) fn broken(mut self) -> Self {
        if let Self::Answer { end, .. } = &mut self {
            *end = End::Broken;
        }
        self
    }

    /// Writes the letters of one accent in Latin-1, which is not UTF-8.
    pub(super) fn in_latin_1(mut self) -> Self {
        if let Self::Answer { body, .. } = &mut self {
            *body = String::from_utf8_lossy(body).split('é').map(str::as_bytes).collect::<Vec<_>>().join(&0xe9);
        }
        self
    }

    pub(super) fn after(self, pause: Duration) -> Self {
        Self::After(pause, Box::new(self))
    }

    fn send(self) -> HttpConnectorFuture {
        match self {
            Self::Unreachable => {
                let error = Box::new(io::Error::other("connection refused"));
                HttpConnectorFuture::ready(Err(aws_smithy_runtime_api::client::result::ConnectorError::io(error)))
            }
            Self::After(pause, reply) => HttpConnectorFuture::new(async move {
                tokio::time::sleep(pause).await;
                reply.send().await
            }),
            Self::Answer { status, headers, body, end } => {
                let body = match end {
                    End::Whole => SdkBody::from(body),
                    End::Broken => {
                        let broken = std::future::ready(Some(Err(io::Error::other("connection reset"))));
                        let body = Full::from(body);
                        let body = body.map_err(|never: std::convert::Infallible| match never {});
                        SdkBody::from_body_1_x(body.with_trailers(broken))
                    }
                };
                let mut response = HttpResponse::new(status.try_into().expect("a status"), body);
                for (name, value) in headers {
                    response.headers_mut().insert(name, value);
                }
                HttpConnectorFuture::ready(Ok(response))
            }
        }
    }
}

/// Returns the result of `initialize` with these capabilities.
pub(super) fn initialized(capabilities: Value) -> Reply {
    result(json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": {"name": "x"}}))
}

/// Returns the result of `server/discover` with these capabilities.
pub(super) fn discovered(capabilities: Value) -> Reply {
    result(json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities}))
}

/// Returns a page of so many tools, with or without a cursor of the next page.
pub(super) fn page(tools: usize, cursor: Option<&str>) -> Reply {
    let tools: Vec<_> = (0..tools).map(|number| json!({"name": format!("tool_{number}")})).collect();
    result(json!({"tools": tools, "nextCursor": cursor}))
}

/// Returns a result under the id that every answer in these scripts has.
pub(super) fn result(result: Value) -> Reply {
    Reply::new(200, &json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string())
}

/// One request as the server sees it: its MCP method, or else its HTTP method, and the number of earlier requests of
/// that kind.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) before: usize,
    /// The parameters of the message.
    pub(super) params: &'a Value,
    /// The URL of the request.
    pub(super) url: &'a str,
}

type Script = Arc<dyn Fn(&Request<'_>) -> Reply + Send + Sync>;

#[derive(Clone)]
struct Server {
    bucket: SharedHttpConnector,
    script: Script,
    seen: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl HttpConnector for Server {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(answer) = stack_in_progress::answer(&request) {
            return answer;
        }
        if !request.uri().starts_with(HOST) {
            return self.bucket.call(request);
        }
        let message: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let method = message["method"].as_str().unwrap_or_else(|| request.method());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.iter().filter(|it| *it == method).count();
        seen.push(method.to_owned());
        (self.script)(&Request { method, before, params: &message["params"], url: request.uri() }).send()
    }
}

/// The outcome of a probe.
pub(super) struct Told {
    answer: Value,
    /// The methods of the requests.
    pub(super) requests: Vec<String>,
    pub(super) took: Duration,
}

impl Told {
    pub(super) fn code(&self) -> &str {
        self.answer["Data"]["Result"].as_str().unwrap_or_else(|| panic!("{}", self.answer))
    }

    pub(super) fn detail(&self) -> &str {
        self.answer["Data"]["Detail"].as_str().unwrap_or_default()
    }

    pub(super) fn tools(&self) -> &str {
        self.answer["Data"]["ToolCount"].as_str().unwrap_or_default()
    }

    /// Returns how many requests of a method there were.
    pub(super) fn count(&self, method: &str) -> usize {
        self.requests.iter().filter(|it| *it == method).count()
    }
}

/// Probes a server that answers by the script.
pub(super) async fn told(script: impl Fn(&Request<'_>) -> Reply + Send + Sync + 'static) -> Told {
    told_with(json!({}), script).await
}

/// Probes a server that answers by the script, with further properties of the probe.
pub(super) async fn told_with(changes: Value, script: impl Fn(&Request<'_>) -> Reply + Send + Sync + 'static) -> Told {
    let mut world = World::new();
    let properties = merged(json!({"Endpoint": ENDPOINT, "Mode": "Report", "MinimumTools": "0"}), changes);
    let event = world.address(PROBE.create(properties));
    let server =
        Server { bucket: transport::http_connector(&world.aws), script: Arc::new(script), seen: Arc::default() };
    let context = Context::new(ContextSettings {
        region: "us-east-1".to_owned(),
        credentials: SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")),
        connectors: Connectors::single(server.clone()),
        time_source: SharedTimeSource::new(world.aws.clock()),
        endpoints: Ok(Endpoints::default()),
        name_prefix: None,
        identity_provider_hosts: IdentityProviderHosts::default(),
        role_arn: None,
    });
    let started = world.aws.clock().now();
    let payload = event.payload();
    let deadline = started + Duration::from_mins(15);
    let invocation =
        provisioner::handler::Invocation { request_id: "r", payload: &payload, deadline, function_arn: FUNCTION_ARN };
    provisioner::handler::handle(invocation, &context).await.expect("answered");
    let took = world.aws.clock().now().duration_since(started).unwrap_or_default();
    let url = event.0["ResponseURL"].as_str().expect("a URL").to_owned();
    let answer = world.aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    let requests = server.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Told { answer: serde_json::from_slice(&answer).expect("JSON"), requests, took }
}
