//! Runtimes called through the in-memory transport, with their containers.

mod access;
mod container;
mod endpoint;
mod mcp;
mod platform;
mod process;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::aws::{Aws, ServiceId};
use crate::container::Behaviour;
use crate::iam::Role;
use crate::runtime_url;
use crate::service::Principal;
use crate::settings::Settings;
use crate::sigv4::tests::signed;

const EXECUTION_ROLE: &str = "arn:aws:iam::111122223333:role/execution";
const CALLER: &str = "arn:aws:iam::111122223333:role/caller";
const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:1";
const HOST: &str = "bedrock-agentcore.us-east-1.amazonaws.com";
const SECRET: &str = "team/server";

struct Scene {
    aws: Aws,
    id: String,
    arn: String,
}

/// An answer, its body read as the one JSON message it holds, in whichever form.
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    text: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    fn session(&self) -> String {
        self.header("mcp-session-id").to_owned()
    }

    fn error_code(&self) -> i64 {
        self.body["error"]["code"].as_i64().unwrap_or_default()
    }
}

impl Scene {
    /// Creates an account with a runtime that is ready, whose image behaves so.
    async fn new(behaviour: Behaviour) -> Self {
        Self::with(behaviour, json!({})).await
    }

    /// Creates such an account with more members in the runtime's configuration.
    async fn with(behaviour: Behaviour, more: Value) -> Self {
        let scene = Self::in_account(Aws::new(Settings::default()), behaviour, more, None).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        scene
    }

    /// Prepares this account in the same way, with a runtime that was asked for a moment ago and, if there is a
    /// `secret`, with that.
    async fn in_account(aws: Aws, behaviour: Behaviour, more: Value, secret: Option<&str>) -> Self {
        let now = aws.clock().now();
        aws.with(|world| {
            world.iam.put_role(Role::new(EXECUTION_ROLE, now, trust(), vec![execution_policy(true), read_secret()]));
            world.containers.behave(behaviour);
        });
        tokio::time::sleep(Duration::from_mins(1)).await;
        let mut input = json!({
            "agentRuntimeName": "server",
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
            "roleArn": EXECUTION_ROLE,
            "networkConfiguration": {"networkMode": "PUBLIC"},
            "protocolConfiguration": {"serverProtocol": "MCP"},
            "clientToken": "0123456789abcdef0123456789abcdef0",
        });
        for (member, value) in more.as_object().expect("members") {
            input[member] = value.clone();
        }
        if let Some(value) = secret {
            put_secret(&aws, value);
        }
        let answer = aws
            .call(&Principal::Administrator, ServiceId::AgentCoreControl, "CreateAgentRuntime", input)
            .expect("a runtime");
        let text = |member: &str| answer[member].as_str().expect("a text").to_owned();
        Self { aws, id: text("agentRuntimeId"), arn: text("agentRuntimeArn") }
    }

    fn group(&self) -> String {
        format!("/aws/bedrock-agentcore/runtimes/{}-DEFAULT", self.id)
    }

    fn lines(&self) -> Vec<String> {
        self.aws.with(|world| world.logs.lines(&self.group()).into_iter().map(str::to_owned).collect())
    }

    fn put_secret(&self, value: &str) {
        put_secret(&self.aws, value);
    }

    fn put_execution_policies(&self, policies: Vec<Value>) {
        let now = self.aws.clock().now();
        self.aws.with(|world| world.iam.put_role(Role::new(EXECUTION_ROLE, now, trust(), policies)));
    }

    fn path(&self) -> String {
        format!("/runtimes/{}/invocations?qualifier=DEFAULT", runtime_url::encoded(&self.arn))
    }

    /// Returns a JSON-RPC message to the runtime, not signed.
    fn request(&self, message: &Value) -> Request<Vec<u8>> {
        Request::post(format!("https://{HOST}{}", self.path()))
            .header("host", HOST)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(message.to_string().into_bytes())
            .expect("a request")
    }

    /// Sends through the in-memory transport, as its clients do.
    async fn send(&self, request: Request<Vec<u8>>) -> Option<Answer> {
        let request = HttpRequest::try_from(request.map(SdkBody::from)).expect("a request");
        let response = crate::transport::http_connector(&self.aws).call(request).await.ok()?;
        let response = response.try_into_http1x().expect("a response");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("a text");
        let data = text.lines().filter_map(|line| line.strip_prefix("data:")).find(|data| !data.trim().is_empty());
        let body = serde_json::from_str(data.unwrap_or(&text)).unwrap_or_default();
        Some(Answer { status: parts.status.as_u16(), headers: parts.headers, text, body })
    }

    async fn send_as(&self, principal: &Principal, request: Request<Vec<u8>>) -> Answer {
        let credentials = self.aws.credentials(principal);
        let request = signed(request, &credentials, "bedrock-agentcore", self.aws.clock().now());
        self.send(request).await.expect("no fault is in force")
    }

    /// Sends a message with these headers as the administrator.
    async fn post(&self, message: Value, headers: &[(&'static str, &str)]) -> Answer {
        let mut request = self.request(&message);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        self.send_as(&Principal::Administrator, request).await
    }

    async fn list(&self, headers: &[(&'static str, &str)]) -> Answer {
        self.post(list_tools(), headers).await
    }
}

fn put_secret(aws: &Aws, value: &str) {
    let token = "0123456789abcdef0123456789abcdef";
    let input = json!({"Name": SECRET, "SecretString": value, "ClientRequestToken": token});
    aws.call(&Principal::Administrator, ServiceId::SecretsManager, "CreateSecret", input).expect("a secret");
}

fn trust() -> Value {
    json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}}]})
}

fn execution_policy(logs: bool) -> Value {
    let actions: &[&str] =
        if logs { &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"] } else { &["logs:None"] };
    json!({"Statement": [
        {"Effect": "Allow", "Action": actions,
            "Resource": "arn:aws:logs:us-east-1:111122223333:log-group:/aws/bedrock-agentcore/runtimes/*"},
        {"Effect": "Allow", "Action": ["ecr:*"], "Resource": "*"}]})
}

fn read_secret() -> Value {
    let resource = format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{SECRET}-*");
    // A secret that does not exist is evaluated as the caller named it.
    json!({"Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
        "Resource": [resource, SECRET]}]})
}

fn initialize(revision: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": revision,
        "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
}

fn list_tools() -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
}
