//! The world of one test: an account, the function, and a way to send it events, each answered once. Its drop checks
//! what must hold after every test: nothing secret in any log line, answer, name, tag or description.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};

use emulator::aws::{Aws, CallRecord, ServiceId};
use emulator::faults::{Fault, FaultEffect};
use emulator::identity_provider::{ClaimStyle, Provider};
use emulator::service::Principal;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use harness::{Front, Log};
use provisioner::aws::ROLE_ARN_VARIABLE;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

use crate::platform;

pub(crate) use harness::{
    API_KEY, Answer, Event, GATEWAY, IDENTITY, LogicalResource, PROBE, PROVIDER, RUNTIME, SECRET, STACK_ID, TARGET,
    merged, put_role,
};

pub(crate) const REGION_ACCOUNT: &str = "us-east-1:111122223333";
pub(crate) const EXECUTION_ROLE: &str = "arn:aws:iam::111122223333:role/execution";
pub(crate) const FUNCTION_ROLE: &str = "arn:aws:iam::111122223333:role/function";
pub(crate) const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/mcp:1";

/// Begins every secret value that a test uses, so that a leak is easy to see. Awkward on purpose.
pub(crate) const CANARY: &str = "cAnArY-";

/// Returns a secret value, which must never appear outside its secret.
pub(crate) fn canary(name: &str) -> String {
    format!("{CANARY}{name}-\"quoted\"-back\\slash-new\nline-ümlaut-😀")
}

/// Sends Creates that must be refused before any call, with these changes and for these reasons, and the Delete that
/// follows each. Returns the world, in which only the Deletes may have called anything.
pub(crate) async fn refused_before_any_call(resource: LogicalResource, base: Value, cases: &[(Value, &str)]) -> World {
    let mut world = World::new();
    for (changes, sentence) in cases {
        let properties = merged(base.clone(), changes.clone());
        let before = world.call_count();
        let answer = world.send(resource.create(properties.clone())).await;
        assert!(answer.failure().contains(sentence), "{changes}: {}", answer.reason());
        assert_eq!(world.calls_since(before), [""; 0], "{changes}");
        world.send(resource.delete(&answer.physical_id(), properties)).await.success();
    }
    world
}

/// The world of one test.
pub(crate) struct World {
    front: Front,
    log: Log,
    _subscriber: DefaultGuard,
}

impl Deref for World {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.front
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Front {
        &mut self.front
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
        let aws = Aws::new(platform::settings(settings));
        put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
        put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
        let mut front = Front::new(aws, FUNCTION_ROLE);
        front.environment.insert(ROLE_ARN_VARIABLE.to_owned(), FUNCTION_ROLE.to_owned());
        Self { front, log, _subscriber: guard }
    }

    /// Creates a role that may do everything, and that no service knows yet. Returns its ARN.
    pub(crate) fn put_fresh_role(&self) -> &'static str {
        let arn = "arn:aws:iam::111122223333:role/fresh";
        put_role(&self.aws, arn, "bedrock-agentcore.amazonaws.com");
        let now = self.aws.clock().now();
        self.aws.with(|world| {
            let mut role = world.iam.role(arn).expect("the role").clone();
            role.created = now;
            world.iam.put_role(role);
        });
        arn
    }

    /// Denies the function's role an action from now on.
    pub(crate) fn deny(&self, action: &str) {
        self.deny_role(FUNCTION_ROLE, action);
    }

    /// Denies a role an action from now on.
    pub(crate) fn deny_role(&self, arn: &str, action: &str) {
        let denied =
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]});
        self.aws.with(|world| {
            let mut role = world.iam.role(arn).expect("the role").clone();
            role.policies.push(denied);
            world.iam.put_role(role);
        });
    }

    /// Adds an identity provider without clients.
    pub(crate) fn identity_provider(&self, style: ClaimStyle, issuer: &str) {
        self.aws.with(|world| world.identity_providers.add(Provider::new(style, issuer)));
    }

    /// Sets the status of the tests' stack in CloudFormation.
    pub(crate) fn stack_status(&self, status: StackStatus) {
        self.put_stack(STACK_ID, status);
    }

    /// Tells the function of a secret's rotation, which concerns these credential providers of the tests' stack.
    pub(crate) async fn rotated(&self, secret_arn: &str, providers: Value) {
        self.stack_status(StackStatus::UpdateComplete);
        let event = json!({"id": "e", "source": "aws.secretsmanager", "detail-type": "Secret Label Updated",
            "account": "111122223333", "region": "us-east-1", "resources": [secret_arn],
            "detail": {"labelUpdated": "AWSCURRENT"}});
        let input = json!({"Event": event, "StackId": STACK_ID, "CredentialProviders": providers});
        self.invoke(input.to_string().into_bytes()).await.expect("it need not be delivered again");
    }

    /// Calls an operation as somebody else in the account.
    #[track_caller]
    pub(crate) fn somebody(&self, service: ServiceId, operation: &str, input: Value) -> Value {
        self.aws
            .call(&Principal::Administrator, service, operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
    }

    /// Adds a fault: `effect` happens to `count` calls of an operation, from the `nth` call on.
    pub(crate) fn fault(&self, operation: &str, nth: u64, count: u64, effect: FaultEffect) {
        self.aws.faults().add(Fault { service: None, operation: Some(operation.to_owned()), nth, count, effect });
    }

    /// Returns the operations the function has called since call number `from`, without its questions about the stack.
    pub(crate) fn calls_since(&self, from: usize) -> Vec<&'static str> {
        self.all_calls_since(from).into_iter().filter(|operation| *operation != "DescribeStacks").collect()
    }

    /// Returns the operations the function has called since call number `from`.
    pub(crate) fn all_calls_since(&self, from: usize) -> Vec<&'static str> {
        let role = Principal::Role(FUNCTION_ROLE.to_owned());
        let ours = |call: &CallRecord| (call.principal == role).then_some(call.operation);
        self.aws.calls()[from..].iter().filter_map(ours).collect()
    }

    /// Returns the number of calls so far.
    pub(crate) fn call_count(&self) -> usize {
        self.aws.calls().len()
    }

    /// Returns the text a secret holds.
    pub(crate) fn secret_text(&self, name: &str) -> Option<String> {
        self.aws.with(|world| world.secrets.secret(name).and_then(|secret| secret.current_text().map(str::to_owned)))
    }

    /// Returns one entry of the JSON object that a secret holds.
    #[track_caller]
    pub(crate) fn secret_entry(&self, name: &str, key: &str) -> Value {
        let text = self.secret_text(name).unwrap_or_else(|| panic!("no secret {name}"));
        serde_json::from_str::<Value>(&text).expect("JSON")[key].clone()
    }

    /// Returns true if a secret of this name exists and is not scheduled for deletion.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.aws.with(|world| world.secrets.secret(name).is_some_and(|secret| secret.deletion.is_none()))
    }

    /// Returns true if Secrets Manager knows the name at all, if only as one that can be restored.
    pub(crate) fn knows_secret(&self, name: &str) -> bool {
        let input = json!({"SecretId": name});
        self.aws.call(&Principal::Administrator, ServiceId::SecretsManager, "DescribeSecret", input).is_ok()
    }

    /// Returns the names of the runtimes that exist.
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

    /// Returns the resource policies in force, by the ARN of their resource.
    pub(crate) fn resource_policies(&self) -> BTreeMap<String, Value> {
        self.aws.with(|world| world.agentcore.resource_policies().clone())
    }

    /// Returns everything that exists in the account with its condition, by kind and name: what AgentCore holds, secrets
    /// that are not scheduled for deletion, and log groups that somebody configured. AgentCore creates the group of a
    /// container, and leaves it when the runtime is deleted.
    pub(crate) fn things(&self) -> BTreeMap<String, String> {
        let now = self.aws.clock().now();
        self.aws.with(|world| {
            let held = world.agentcore.holdings(now).into_iter().map(|(thing, held)| (thing, held.condition));
            let secrets = world.secrets.secrets().filter(|secret| secret.deletion.is_none());
            let secrets =
                secrets.map(|secret| (secret.arn.clone(), format!("{:?} {:?}", secret.current(), secret.tags)));
            let groups = world.logs.groups().filter_map(|name| {
                let group = world.logs.group(name).expect("a group that is listed");
                let configured = group.retention_days.is_some() || group.kms_key.is_some() || !group.tags.is_empty();
                configured
                    .then(|| (format!("log group {name}"), format!("{:?} {:?}", group.retention_days, group.tags)))
            });
            held.chain(secrets).chain(groups).collect()
        })
    }

    /// Returns everything that left the function: log lines and answers.
    pub(crate) fn everything_said(&self) -> String {
        let mut text = self.log.lines().join("\n");
        for answer in &self.answers {
            let _ = writeln!(text, "{}", answer.0);
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
            for provider in world.agentcore.api_key_providers() {
                let _ = writeln!(shown, "{provider:?}");
            }
            for identity in world.agentcore.workload_identities() {
                let _ = writeln!(shown, "{identity:?}");
            }
            let _ = writeln!(shown, "{:?}", world.agentcore.holdings(now));
            shown
        });
        assert!(!shown.contains(CANARY), "a secret stands in a name, tag or description: {shown}");
    }
}
