//! template.yaml in an account of its own, with the resources that a deployment needs there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloudformation::{Capability, CloudFormation, StackInput};
use emulator::aws::{Aws, ServiceId};
use emulator::container::Behaviour;
use emulator::identity_provider::{ClaimStyle, Provider};
use emulator::service::Principal;
use emulator::settings::Settings;
use emulator::stacks::{Stack, StackStatus};
use harness::handler;
use serde_json::{Value, json};

use crate::platform;
use crate::world::{CANARY, IMAGE, canary};

pub(crate) const NAME: &str = "zscaler-mcp";
/// The name of a gateway of somebody else, and of its role.
pub(crate) const SHARED_GATEWAY: &str = "shared-tools";
pub(crate) const EXISTING: &str = "zscaler/mcp/credentials";

/// An account with the provisioner's stack in it.
pub(crate) struct Deployment {
    pub(crate) aws: Aws,
    pub(crate) cloudformation: CloudFormation,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Deployment {
    pub(crate) fn new(parameters: &[(&str, &str)]) -> Self {
        Self::with_settings(Settings { role_propagation: Duration::from_secs(8), ..Settings::default() }, parameters)
    }

    pub(crate) fn with_settings(settings: Settings, parameters: &[(&str, &str)]) -> Self {
        let aws = Aws::new(platform::settings(settings));
        let cloudformation = CloudFormation::new(aws.clone(), Arc::new(handler::function(&aws)));
        let mut deployment = Self { aws, cloudformation, parameters: BTreeMap::new() };
        deployment.set(&[("ECRImageUri", IMAGE)]);
        deployment.set(parameters);
        if let Some(issuer) = deployment.parameters.get("JwtIssuer") {
            let provider = Provider::new(ClaimStyle::Auth0, issuer);
            deployment.aws.with(|world| world.identity_providers.add(provider));
        }
        deployment.aws.with(|world| world.containers.behave(Behaviour::zscaler()));
        if deployment.parameters.get("CredentialSource").is_none_or(|source| source == "CreateNew") {
            let secret = canary("client");
            deployment.set(&[
                ("CredentialSource", "CreateNew"),
                ("ZscalerClientId", "client-id"),
                ("ZscalerClientSecret", &secret),
                ("ZscalerVanityDomain", "acme"),
                ("ZscalerCustomerId", "216199618143191040"),
            ]);
        } else {
            let text = json!({"ZSCALER_CLIENT_ID": "id", "ZSCALER_PRIVATE_KEY": canary("key"),
                "ZSCALER_VANITY_DOMAIN": "acme", "ZSCALER_CUSTOMER_ID": "1", "ZSCALER_MCP_AUTH_API_KEY": canary("api")});
            let input =
                json!({"Name": EXISTING, "SecretString": text.to_string(), "ClientRequestToken": "f".repeat(32)});
            deployment.somebody(ServiceId::SecretsManager, "CreateSecret", input);
            deployment.set(&[("ExistingSecretName", EXISTING)]);
        }
        deployment
    }

    pub(crate) fn somebody(&self, service: ServiceId, operation: &str, input: Value) -> Value {
        self.aws.call(&Principal::Administrator, service, operation, input).expect("the call")
    }

    /// Returns the ARN of the function's role.
    pub(crate) fn function_role(&self) -> String {
        let arn = self.cloudformation.resources(NAME)["FunctionRole"].attributes["Arn"].clone();
        arn.as_str().expect("text").to_owned()
    }

    /// Checks that the function's role is refused an operation by its policies.
    #[track_caller]
    pub(crate) fn denied(&self, service: ServiceId, operation: &str, input: Value) {
        let role = Principal::Role(self.function_role());
        let refusal = self.aws.call(&role, service, operation, input).expect_err("denied");
        let names_the_action = refusal.message.contains("not authorized") && refusal.message.contains(operation);
        assert!(refusal.code == "AccessDeniedException" && names_the_action, "{operation}: {}", refusal.message);
    }

    pub(crate) fn set(&mut self, parameters: &[(&str, &str)]) {
        let owned = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.parameters.extend(owned);
    }

    pub(crate) fn input(&self) -> StackInput {
        let template = include_str!("../../template.yaml");
        let input = StackInput::uploaded(NAME, template).capability(Capability::Iam);
        self.parameters.iter().fold(input, |input, (name, value)| input.parameter(name, value))
    }

    pub(crate) async fn create(&self) -> Stack {
        self.cloudformation.create_stack(self.input()).await.expect("the template is valid")
    }

    /// Tries to create the stack, and returns the sentence of the Rule that refuses the parameters.
    pub(crate) async fn refused_create(&self) -> String {
        self.cloudformation.create_stack(self.input()).await.expect_err("a Rule should refuse this").to_string()
    }

    pub(crate) async fn update(&self) -> Stack {
        self.cloudformation.update_stack(self.input()).await.expect("the template is valid")
    }

    pub(crate) async fn delete(&self) -> Stack {
        let stack = self.cloudformation.delete_stack(NAME).await.expect("the stack exists");
        self.cloudformation.settled().await;
        stack
    }

    #[track_caller]
    pub(crate) fn expect(&self, stack: &Stack, status: StackStatus) {
        assert_eq!(stack.status, status, "{:#?}\n{:#?}", self.parameters.keys(), self.reasons());
    }

    pub(crate) fn reasons(&self) -> Vec<String> {
        let events = self.cloudformation.events().into_iter();
        events
            .filter_map(|event| Some(format!("{} {}: {}", event.logical_id, event.status.as_str(), event.reason?)))
            .collect()
    }

    /// Returns the environment of the only runtime.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let now = self.aws.clock().now();
        self.aws.with(|world| world.agentcore.runtimes(now).next().expect("a runtime").configuration().environment())
    }

    /// Checks that only a secret in its recovery window is left of the stack, and that no secret value leaked.
    pub(crate) fn check_nothing_is_left(&self) {
        let now = self.aws.clock().now();
        self.aws.with(|world| {
            let left: Vec<String> = world.agentcore.holdings(now).into_keys().collect();
            let shared = |thing: &String| thing.starts_with(&format!("gateway {SHARED_GATEWAY}"));
            assert!(left.iter().all(shared), "only shared gateways stay: {left:?}");
            assert!(world.iam.roles().all(|role| role.name == SHARED_GATEWAY));
            for secret in world.secrets.secrets().filter(|secret| secret.name != EXISTING) {
                assert!(secret.deletion.is_some(), "{} is left", secret.name);
            }
        });
        self.check_secrecy();
    }

    pub(crate) fn check_secrecy(&self) {
        for event in self.cloudformation.events() {
            assert!(!format!("{event:?}").contains(CANARY), "{event:?}");
        }
        for stack in self.cloudformation.stacks() {
            assert!(!format!("{:?}{:?}", stack.outputs, stack.parameters).contains(CANARY), "{stack:?}");
        }
        // CloudFormation does not wait for the answer to a create that it cancelled.
        for request in self.cloudformation.requests() {
            assert_eq!(request.attempts.len(), 1);
            assert_eq!(request.attempts[0].outcome, Ok(()), "every event is answered");
        }
        for put in self.aws.with(|world| world.responses.puts().to_vec()) {
            assert!(!String::from_utf8_lossy(&put.body).contains(CANARY));
        }
    }
}
