//! The world of one test: an account, the function, and a way to send it events, each answered once. Dropping it checks
//! what must hold after every test: nothing secret in any log line, answer, name, tag or description.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use emulator::aws::{Aws, CallRecord, ServiceId};
use emulator::faults::{Fault, FaultEffect};
use emulator::iam::Role;
use emulator::identity_provider::{ClaimStyle, Provider};
use emulator::lambda::{Function, Invocation};
use emulator::response_bucket::Put;
use emulator::service::Principal;
use emulator::settings::Settings;
use emulator::stacks::{Stack, StackStatus};
use serde_json::{Map, Value, json};
use tracing::subscriber::DefaultGuard;

use crate::handler;
use crate::log::Log;
use crate::matrix;

pub(crate) const REGION_ACCOUNT: &str = "us-east-1:111122223333";
pub(crate) const STACK_ID: &str =
    "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/11111111-2222-3333-4444-555555555555";
pub(crate) const EXECUTION_ROLE: &str = "arn:aws:iam::111122223333:role/execution";
pub(crate) const FUNCTION_ROLE: &str = "arn:aws:iam::111122223333:role/function";
pub(crate) const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/mcp:1";

/// Begins every secret value that a test uses, so that a leak is easy to see. Awkward on purpose.
pub(crate) const CANARY: &str = "cAnArY-";

/// A secret value that must never be seen again outside its secret.
pub(crate) fn canary(name: &str) -> String {
    format!("{CANARY}{name}-\"quoted\"-back\\slash-new\nline-ümlaut-😀")
}

/// The world of one test.
pub(crate) struct World {
    pub(crate) aws: Aws,
    function: Arc<dyn Function>,
    log: Log,
    requests: u32,
    /// Lambda's limit for one delivery.
    pub(crate) timeout: Duration,
    /// How often an answer arrives and the function does not get to know.
    pub(crate) lost_receipts: usize,
    /// Everything the function ever answered.
    answers: Vec<Answer>,
    _subscriber: DefaultGuard,
}

/// What CloudFormation was told.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    json: Value,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        self.json["Status"] == "SUCCESS"
    }

    pub(crate) fn reason(&self) -> &str {
        self.json["Reason"].as_str().unwrap_or_default()
    }

    pub(crate) fn physical_id(&self) -> String {
        self.json["PhysicalResourceId"].as_str().expect("an answer has a PhysicalResourceId").to_owned()
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.json["Data"][name].as_str().unwrap_or_else(|| panic!("no attribute {name} in {}", self.json))
    }

    /// This answer, which must be a success.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert!(self.is_success(), "FAILED: {}", self.reason());
        self
    }

    /// The Reason of this answer, which must be a failure.
    #[track_caller]
    pub(crate) fn failure(&self) -> &str {
        assert!(!self.is_success(), "unexpected SUCCESS: {}", self.json);
        self.reason()
    }
}

/// An event under construction.
#[derive(Clone)]
pub(crate) struct Event(pub(crate) Map<String, Value>);

impl Event {
    pub(crate) fn new(request_type: &str, resource_type: &str, logical_id: &str, properties: Value) -> Self {
        let event = json!({
            "RequestType": request_type,
            "ResourceType": resource_type,
            "LogicalResourceId": logical_id,
            "StackId": STACK_ID,
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:provisioner",
            "ResourceProperties": properties,
        });
        let Value::Object(event) = event else { unreachable!("an object literal") };
        Self(event)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_settings(Settings::default())
    }

    pub(crate) fn with_settings(settings: Settings) -> Self {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let aws = Aws::new(matrix::settings(settings));
        put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
        put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
        let function = Arc::new(handler::function(&aws));
        Self {
            aws,
            function,
            log,
            requests: 0,
            timeout: Duration::from_mins(15),
            lost_receipts: 0,
            answers: Vec::new(),
            _subscriber: guard,
        }
    }

    /// Delivers an event once, with a request id of its own, and returns the answer.
    #[track_caller]
    pub(crate) fn send(&mut self, event: Event) -> impl Future<Output = Answer> {
        let event = self.address(event);
        async move { self.deliver(&event).await.expect("the event should be answered") }
    }

    /// Gives an event its request id and the URL of its answer.
    pub(crate) fn address(&mut self, event: Event) -> Event {
        self.requests += 1;
        let request_id = format!("request-{}", self.requests);
        let now = self.aws.clock().now();
        let url = self.aws.with(|world| world.responses.presign(&request_id, now));
        event.with("RequestId", request_id).with("ResponseURL", url)
    }

    /// Delivers an addressed event once more. `Err` is what Lambda would see as a failed invocation.
    pub(crate) async fn deliver(&mut self, event: &Event) -> Result<Answer, String> {
        let url = event.0["ResponseURL"].as_str().expect("an addressed event").to_owned();
        self.aws.with(|world| world.responses.take_answer(&url));
        let accepted = || {
            let puts = |put: &&Put| put.url == url && put.status == 200;
            self.aws.with(|world| world.responses.puts().iter().filter(puts).count())
        };
        let before = accepted();
        self.invoke(serde_json::to_vec(&event.0).expect("JSON")).await?;
        assert_eq!(accepted() - before, 1 + self.lost_receipts, "one event, one answer");
        let body = self.aws.with(|world| world.responses.take_answer(&url)).expect("an Ok invocation has answered");
        assert!(body.len() <= 4096, "{} bytes", body.len());
        let answer = Answer { json: serde_json::from_slice(&body).expect("an answer is JSON") };
        for name in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(answer.json[name], event.0[name], "{name} must be repeated");
        }
        assert!(answer.is_success() || !answer.reason().is_empty(), "FAILED needs a Reason");
        self.answers.push(answer.clone());
        Ok(answer)
    }

    /// Runs the function on any payload.
    pub(crate) async fn invoke(&self, payload: Vec<u8>) -> Result<(), String> {
        self.function
            .invoke(Invocation {
                request_id: "lambda-request".to_owned(),
                payload,
                deadline: self.aws.clock().now() + self.timeout,
                function_arn: "arn:aws:lambda:us-east-1:111122223333:function:provisioner".to_owned(),
                role_arn: FUNCTION_ROLE.to_owned(),
                environment: BTreeMap::new(),
            })
            .await
    }

    /// Lets an identity provider exist, without clients.
    pub(crate) fn identity_provider(&self, style: ClaimStyle, issuer: &str) {
        self.aws.with(|world| world.identity_providers.add(Provider::new(style, issuer)));
    }

    /// What CloudFormation says of the tests' stack from now on.
    pub(crate) fn stack_status(&self, status: StackStatus) {
        let stack = Stack {
            name: "mcp".to_owned(),
            id: STACK_ID.to_owned(),
            status,
            status_reason: None,
            description: None,
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
            created: self.aws.settings().start,
        };
        self.aws.with(|world| world.stacks.put(stack));
    }

    /// Does something as somebody else in the account.
    #[track_caller]
    pub(crate) fn somebody(&self, service: ServiceId, operation: &str, input: Value) -> Value {
        self.aws
            .call(&Principal::Administrator, service, operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
    }

    /// From now on, `effect` happens to `count` calls of an operation, from the `nth` on.
    pub(crate) fn fault(&self, operation: &str, nth: u64, count: u64, effect: FaultEffect) {
        self.aws.faults().add(Fault { service: None, operation: Some(operation.to_owned()), nth, count, effect });
    }

    /// The operations the function has called since call number `from`.
    pub(crate) fn calls_since(&self, from: usize) -> Vec<&'static str> {
        let role = Principal::Role(FUNCTION_ROLE.to_owned());
        let ours = |call: &CallRecord| (call.principal == role).then_some(call.operation);
        self.aws.calls()[from..].iter().filter_map(ours).collect()
    }

    /// How many calls there have been.
    pub(crate) fn call_count(&self) -> usize {
        self.aws.calls().len()
    }

    /// The text a secret holds.
    pub(crate) fn secret_text(&self, name: &str) -> Option<String> {
        self.aws.with(|world| world.secrets.secret(name).and_then(|secret| secret.current_text().map(str::to_owned)))
    }

    /// One entry of the JSON object that a secret holds.
    #[track_caller]
    pub(crate) fn secret_entry(&self, name: &str, key: &str) -> Value {
        let text = self.secret_text(name).unwrap_or_else(|| panic!("no secret {name}"));
        serde_json::from_str::<Value>(&text).expect("JSON")[key].clone()
    }

    /// Whether a secret of this name is there and not on its way out.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.aws.with(|world| world.secrets.secret(name).is_some_and(|secret| secret.deletion.is_none()))
    }

    /// Whether Secrets Manager knows the name at all, be it only as one that can be restored.
    pub(crate) fn knows_secret(&self, name: &str) -> bool {
        let input = json!({"SecretId": name});
        self.aws.call(&Principal::Administrator, ServiceId::SecretsManager, "DescribeSecret", input).is_ok()
    }

    /// Names of the runtimes that exist.
    pub(crate) fn runtime_names(&self) -> Vec<String> {
        let now = self.aws.clock().now();
        self.aws.with(|world| world.agentcore.runtimes(now).map(|runtime| runtime.name.clone()).collect())
    }

    /// Looks at a runtime by its id.
    #[track_caller]
    pub(crate) fn runtime<T>(&self, id: &str, look: impl FnOnce(&emulator::agentcore_control::Runtime) -> T) -> T {
        let now = self.aws.clock().now();
        self.aws.with(|world| look(world.agentcore.runtime(id, now).unwrap_or_else(|| panic!("no runtime {id}"))))
    }

    /// Everything that left the function: log lines and answers.
    pub(crate) fn everything_said(&self) -> String {
        let mut text = self.log.lines().join("\n");
        for answer in &self.answers {
            let _ = writeln!(text, "{}", answer.json);
        }
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let said = self.everything_said();
        assert!(!said.contains(CANARY), "a secret was said aloud: {said}");
        assert!(!said.contains("X-Amz-Signature"), "a response URL was logged: {said}");
        let now = self.aws.clock().now();
        let shown = self.aws.with(|world| {
            let mut shown = String::new();
            for secret in world.secrets.secrets() {
                let _ = writeln!(shown, "{} {:?} {:?}", secret.arn, secret.description, secret.tags);
            }
            for runtime in world.agentcore.runtimes(now) {
                let _ =
                    writeln!(shown, "{} {:?} {:?}", runtime.arn, runtime.tags, runtime.configuration().description());
            }
            for gateway in world.agentcore.gateways(now) {
                let _ = writeln!(shown, "{gateway:?}");
            }
            for provider in world.agentcore.credential_providers(now) {
                let _ = writeln!(shown, "{} {:?}", provider.arn, provider.tags);
            }
            let _ = writeln!(shown, "{:?}", world.agentcore.holdings(now));
            shown
        });
        assert!(!shown.contains(CANARY), "a secret stands in a name, tag or description: {shown}");
    }
}

/// A role that may do everything and that `service` may assume.
pub(crate) fn put_role(aws: &Aws, arn: &str, service: &str) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    });
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    });
    let created = aws.settings().start - Duration::from_hours(1);
    aws.with(|world| world.iam.put_role(Role::new(arn, created, trust, vec![everything])));
}
