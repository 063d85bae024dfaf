//! An account with the stack of provisioner.yaml in it, and stacks of others that take the function from there.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloudformation::{Capability, CloudFormation, StackInput};
use emulator::aws::{Aws, ServiceId};
use emulator::container::Behaviour;
use emulator::service::Principal;
use emulator::settings::Settings;
use emulator::stacks::{Stack, StackStatus};
use harness::handler;
use serde_json::{Value, json};

use crate::platform;
use crate::world::{CANARY, canary};

pub(crate) const PROVISIONER: &str = "agentcore-provisioner";
pub(crate) const EXISTING: &str = "upstream/credentials";
pub(crate) const TEMPLATE_URL: &str = "https://published.s3.us-east-1.amazonaws.com/template.yaml";
/// The parameters that runtime.yaml, existing-secret.yaml, vpc.yaml and attach.yaml share.
pub(crate) const SERVER: [(&str, &str); 3] =
    [("Name", "mcp_server"), ("Repository", "tools/server"), ("ImageTag", "1")];

pub(crate) type Parameters<'a> = &'a [(&'a str, &'a str)];

/// An account with the provisioner's stack in it.
pub(crate) struct ProvisionerAccount {
    pub(crate) aws: Aws,
    pub(crate) cloudformation: CloudFormation,
}

impl ProvisionerAccount {
    /// Creates an account without any stack.
    pub(crate) fn empty() -> Self {
        Self::with_settings(Settings::default())
    }

    pub(crate) fn with_settings(settings: Settings) -> Self {
        let aws = Aws::new(platform::settings(Settings { role_propagation: Duration::from_secs(8), ..settings }));
        let cloudformation = CloudFormation::new(aws.clone(), Arc::new(handler::function(&aws)));
        Self { aws, cloudformation }
    }

    pub(crate) async fn new(parameters: Parameters<'_>) -> Self {
        let account = Self::empty();
        let stack = account.create(PROVISIONER, "provisioner.yaml", parameters).await;
        account.expect(&stack, StackStatus::CreateComplete);
        account
    }

    pub(crate) async fn create(&self, name: &str, template: &str, parameters: Parameters<'_>) -> Stack {
        self.cloudformation.create_stack(input(name, template, parameters)).await.expect("a valid request")
    }

    pub(crate) async fn update(&self, name: &str, template: &str, parameters: Parameters<'_>) -> Stack {
        self.cloudformation.update_stack(input(name, template, parameters)).await.expect("a valid request")
    }

    pub(crate) async fn delete(&self, name: &str) -> Stack {
        let stack = self.cloudformation.delete_stack(name).await.expect("the stack exists");
        self.cloudformation.settled().await;
        stack
    }

    /// Creates, updates and deletes an example, and checks that no resource of it is left. Returns the stack after the
    /// create and after the update.
    pub(crate) async fn live(
        &self,
        example: &str,
        parameters: Parameters<'_>,
        change: Parameters<'_>,
    ) -> (Stack, Stack) {
        let created = self.create("tools", example, parameters).await;
        self.expect(&created, StackStatus::CreateComplete);
        let updated = self.update("tools", example, &[parameters, change].concat()).await;
        self.expect(&updated, StackStatus::UpdateComplete);
        let deleted = self.delete("tools").await;
        self.expect(&deleted, StackStatus::DeleteComplete);
        self.check_nothing_is_left();
        (created, updated)
    }

    /// Creates a stack that has to fail for this reason, and checks that nothing is left.
    pub(crate) async fn refuse(&self, name: &str, example: &str, parameters: Parameters<'_>, reason: &str) {
        let stack = self.create(name, example, parameters).await;
        self.expect(&stack, StackStatus::RollbackComplete);
        let failures: Vec<_> = self.reasons().into_iter().filter(|it| it.contains("CREATE_FAILED")).collect();
        assert!(failures.iter().any(|it| it.contains(reason)), "{reason}: {failures:#?}");
        self.delete(name).await;
        self.check_nothing_is_left();
    }

    /// Checks that only the provisioner's stack is left, and that it can be deleted as well.
    pub(crate) fn check_nothing_is_left(&self) {
        let now = self.aws.clock().now();
        let names: Vec<_> = self.cloudformation.stacks().into_iter().map(|stack| stack.name).collect();
        let own_roles = usize::from(names.iter().any(|name| name == PROVISIONER));
        assert_eq!(names.len(), own_roles, "{names:?}");
        self.aws.with(|world| {
            let left: Vec<String> = world.agentcore.holdings(now).into_keys().collect();
            let shared = |thing: &String| thing.starts_with("gateway ");
            assert!(left.iter().all(shared), "only a gateway of somebody else's stays: {left:?}");
            assert_eq!(world.iam.roles().count(), own_roles);
            for secret in world.secrets.secrets().filter(|secret| secret.name != EXISTING) {
                assert!(secret.deletion.is_some(), "{} is left", secret.name);
            }
        });
        for event in self.cloudformation.events() {
            assert!(!format!("{event:?}").contains(CANARY), "{event:?}");
        }
        for request in self.cloudformation.requests() {
            let answer = request.answer.expect("every event is answered");
            assert!(!String::from_utf8_lossy(&answer.body).contains(CANARY));
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, stack: &Stack, status: StackStatus) {
        assert_eq!(stack.status, status, "{}: {:#?}", stack.name, self.reasons());
    }

    pub(crate) fn reasons(&self) -> Vec<String> {
        let events = self.cloudformation.events().into_iter();
        events.filter_map(|it| Some(format!("{} {}: {}", it.logical_id, it.status, it.reason?))).collect()
    }

    #[track_caller]
    pub(crate) fn somebody(&self, service: ServiceId, operation: &str, input: Value) -> Value {
        self.call(&Principal::Administrator, service, operation, input).expect("the call")
    }

    fn call(&self, who: &Principal, service: ServiceId, operation: &str, input: Value) -> Result<Value, String> {
        self.aws
            .call(who, service, operation, input)
            .map_err(|error| format!("{} {operation}: {}", error.code, error.message))
    }

    /// Checks that the provisioner's role is refused an operation.
    #[track_caller]
    pub(crate) fn denied(&self, operation: &str, input: Value) {
        self.denied_to(PROVISIONER, ServiceId::AgentCoreControl, operation, input);
    }

    /// Checks that the role of that provisioner is refused an operation.
    #[track_caller]
    pub(crate) fn denied_to(&self, provisioner: &str, service: ServiceId, operation: &str, input: Value) {
        let stack = self.cloudformation.stack(provisioner).expect("it exists");
        let role = Principal::Role(stack.output("FunctionRoleArn").expect("an output").to_owned());
        let refusal = self.call(&role, service, operation, input).expect_err("denied");
        assert!(refusal.contains("AccessDenied") && refusal.contains(operation), "{refusal}");
    }

    /// Stores a secret as somebody else and returns its ARN.
    pub(crate) fn keep_secret(&self) -> String {
        self.keep_secret_under(None)
    }

    /// Stores a secret as somebody else, encrypted with a key of theirs, and returns its ARN.
    pub(crate) fn keep_secret_under(&self, key: Option<&str>) -> String {
        let text = json!({"UPSTREAM_TOKEN": canary("kept"), "ZSCALER_CLIENT_ID": "id", "ZSCALER_PRIVATE_KEY": canary("key"),
            "ZSCALER_VANITY_DOMAIN": "acme", "ZSCALER_CUSTOMER_ID": "1"});
        let mut input =
            json!({"Name": EXISTING, "SecretString": text.to_string(), "ClientRequestToken": "f".repeat(32)});
        if let Some(key) = key {
            input["KmsKeyId"] = key.into();
        }
        let secret = self.somebody(ServiceId::SecretsManager, "CreateSecret", input);
        secret["ARN"].as_str().expect("text").to_owned()
    }

    /// Makes every container read its secret, and exit if it cannot.
    pub(crate) fn serve_with_secret(&self) {
        let required_keys = vec!["UPSTREAM_TOKEN".to_owned()];
        let behaviour = Behaviour { reads_secret: true, required_keys, ..Behaviour::default() };
        self.aws.with(|world| world.containers.behave(behaviour));
    }
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a template")
}

pub(crate) fn input(name: &str, template: &str, parameters: Parameters<'_>) -> StackInput {
    let input = StackInput::uploaded(name, read(template)).capability(Capability::Iam);
    let input = input.nested_template(TEMPLATE_URL, read("template.yaml"));
    parameters.iter().fold(input, |input, (name, value)| input.parameter(*name, *value))
}
