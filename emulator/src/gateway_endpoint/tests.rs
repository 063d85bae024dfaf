//! Gateways called through the in-memory transport, in front of runtimes whose containers answer.

mod access;
mod mcp;
mod oauth;
mod synchronization;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::agentcore_control::GatewayTarget;
use crate::aws::{Aws, ServiceId};
use crate::container::Behaviour;
use crate::iam::Role;
use crate::identity_provider::{ClaimStyle, Client, Provider};
use crate::service::Principal;
use crate::settings::Settings;
use crate::sigv4::tests::signed;

const EXECUTION_ROLE: &str = "arn:aws:iam::111122223333:role/execution";
const GATEWAY_ROLE: &str = "arn:aws:iam::111122223333:role/gateway";
const CALLER: &str = "arn:aws:iam::111122223333:role/caller";
const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:1";
const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool";
const VERSIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// An account with a runtime and a gateway that are ready.
struct Scene {
    aws: Aws,
    runtime_id: String,
    runtime_arn: String,
    gateway_id: String,
    gateway_arn: String,
}

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

    fn error_code(&self) -> i64 {
        self.body["error"]["code"].as_i64().unwrap_or_default()
    }

    /// Returns the names in an answer to `tools/list`.
    fn names(&self) -> Vec<&str> {
        let tools = self.body["result"]["tools"].as_array().unwrap_or_else(|| panic!("{}", self.text));
        tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
    }

    /// Returns the text in an answer to `tools/call`, and true if it is an error.
    fn said(&self) -> (&str, bool) {
        let result = &self.body["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{}", self.text));
        (text, result["isError"] == true)
    }
}

impl Scene {
    /// Creates an account with an `AWS_IAM` gateway in front of a runtime that wants signatures.
    async fn new(behaviour: Behaviour) -> Self {
        Self::with(behaviour, json!({}), json!({"authorizerType": "AWS_IAM"})).await
    }

    /// Creates such an account with more members for the runtime and the gateway.
    async fn with(behaviour: Behaviour, runtime: Value, gateway: Value) -> Self {
        let aws = Aws::new(Settings::default());
        aws.with(|world| {
            let everything = json!({"Statement": [{"Effect": "Allow", "Resource": "*", "Action": "*"}]});
            for role in [EXECUTION_ROLE, GATEWAY_ROLE] {
                let role = Role::new(role, aws_start(), trust(), vec![everything.clone()]);
                world.iam.put_role(role);
            }
            world.containers.behave(behaviour);
            let client = |scope| Client::new("secret").scopes(&[scope]);
            let pool = Provider::new(ClaimStyle::Cognito, ISSUER);
            let pool = pool.with_client("caller", client("tools/invoke")).with_client("reader", client("tools/read"));
            world.identity_providers.add(pool.with_client("gateway", client("tools/invoke")));
        });
        tokio::time::sleep(Duration::from_mins(1)).await;
        let mut scene = Self {
            aws,
            runtime_id: String::new(),
            runtime_arn: String::new(),
            gateway_id: String::new(),
            gateway_arn: String::new(),
        };
        let runtime = scene.control("CreateAgentRuntime", merged(runtime_input("agentRuntimeName", "server"), runtime));
        scene.runtime_id = text(&runtime, "agentRuntimeId");
        scene.runtime_arn = text(&runtime, "agentRuntimeArn");
        let input = json!({"name": "Tools", "roleArn": GATEWAY_ROLE, "protocolType": "MCP",
            "protocolConfiguration": {"mcp": {"supportedVersions": VERSIONS}}});
        let gateway = scene.control("CreateGateway", merged(input, gateway));
        scene.gateway_id = text(&gateway, "gatewayId");
        scene.gateway_arn = text(&gateway, "gatewayArn");
        tokio::time::sleep(Duration::from_mins(1)).await;
        scene
    }

    fn control(&self, operation: &str, input: Value) -> Value {
        let answer = self.aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, operation, input);
        answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// Replaces the policy of the gateway's role.
    fn put_gateway_policy(&self, statements: &Value) {
        let policy = json!({"Statement": statements});
        let role = Role::new(GATEWAY_ROLE, aws_start(), trust(), vec![policy]);
        self.aws.with(|world| world.iam.put_role(role));
    }

    fn endpoint(&self) -> String {
        let escaped = crate::runtime_url::encoded(&self.runtime_arn);
        format!("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{escaped}/invocations?qualifier=DEFAULT")
    }

    /// Returns the input of a target in front of the runtime.
    fn target_input(&self, name: &str, credential: Option<Value>) -> Value {
        let server = json!({"endpoint": self.endpoint()});
        let mut input = json!({"gatewayIdentifier": self.gateway_id, "name": name,
            "targetConfiguration": {"mcp": {"mcpServer": server}}});
        if let Some(credential) = credential {
            input["credentialProviderConfigurations"] = json!([credential]);
        }
        input
    }

    /// Creates a target and waits for what becomes of it.
    async fn create_target(&self, input: Value) -> GatewayTarget {
        let answer = self.control("CreateGatewayTarget", input);
        self.settled(&text(&answer, "targetId")).await
    }

    /// Creates a target that signs, and waits until it is ready.
    async fn ready_target(&self, name: &str) -> GatewayTarget {
        let target = self.create_target(self.target_input(name, Some(iam("bedrock-agentcore")))).await;
        assert_eq!(self.outcome(&target), ("READY", None));
        target
    }

    fn target(&self, id: &str) -> GatewayTarget {
        let now = self.aws.clock().now();
        self.aws.with(|world| {
            let gateway = world.agentcore.gateway(&self.gateway_id, now).expect("the gateway");
            gateway.target(id, now).expect("the target").clone()
        })
    }

    async fn settled(&self, id: &str) -> GatewayTarget {
        for _ in 0..100 {
            let target = self.target(id);
            if !target.status(self.aws.clock().now()).is_transitional() {
                return target;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("nothing becomes of the target {id}");
    }

    /// Returns a target's status, and why it failed.
    fn outcome<'t>(&self, target: &'t GatewayTarget) -> (&'static str, Option<&'t str>) {
        let now = self.aws.clock().now();
        (target.status(now).as_str(), target.failure(now))
    }

    fn host(&self) -> String {
        format!("{}.gateway.bedrock-agentcore.us-east-1.amazonaws.com", self.gateway_id)
    }

    /// Returns a JSON-RPC message to the gateway, not signed.
    fn request(&self, message: &Value) -> Request<Vec<u8>> {
        Request::post(format!("https://{}/mcp", self.host()))
            .header("host", self.host())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(message.to_string().into_bytes())
            .expect("a request")
    }

    /// Sends through the in-memory transport, as its clients do.
    async fn send(&self, request: Request<Vec<u8>>) -> Option<Answer> {
        let request = HttpRequest::try_from(request.map(SdkBody::from)).expect("a request");
        let response = crate::transport::http_connector(&self.aws).call(request).await.ok()?;
        let (parts, body) = response.try_into_http1x().expect("a response").into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("a text");
        let body = serde_json::from_str(&text).unwrap_or_default();
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

    async fn list(&self) -> Answer {
        self.post(list_tools(), &[]).await
    }

    async fn call(&self, tool: &str) -> Answer {
        let params = json!({"name": tool, "arguments": {}});
        self.post(json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params}), &[]).await
    }
}

fn aws_start() -> std::time::SystemTime {
    Settings::default().start
}

fn trust() -> Value {
    json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}}]})
}

/// Returns the input of a create (by name) or an update (by id) of the runtime.
fn runtime_input(member: &str, value: &str) -> Value {
    let mut input = json!({
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
        "roleArn": EXECUTION_ROLE,
        "networkConfiguration": {"networkMode": "PUBLIC"},
        "protocolConfiguration": {"serverProtocol": "MCP"},
    });
    input[member] = json!(value);
    input
}

fn iam(service: &str) -> Value {
    json!({"credentialProviderType": "GATEWAY_IAM_ROLE",
        "credentialProvider": {"iamCredentialProvider": {"service": service}}})
}

/// Returns a JWT authorizer for tokens of the pool.
fn authorizer(members: Value) -> Value {
    let discovery = json!({"discoveryUrl": format!("{ISSUER}/.well-known/openid-configuration")});
    json!({"authorizerConfiguration": {"customJWTAuthorizer": merged(discovery, members)}})
}

fn merged(mut into: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    into.as_object_mut().expect("an object").extend(members);
    into
}

fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap_or_else(|| panic!("{member} in {answer}")).to_owned()
}

fn list_tools() -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
}
