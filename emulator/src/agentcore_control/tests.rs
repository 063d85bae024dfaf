//! The semantics of the control plane, call by call.

mod endpoint;
mod full_replacement;
mod gateway;
mod gateway_requirements;
mod gateway_target;
mod identity;
mod oauth2_credential_provider;
mod requirements;
mod resource_policy;
mod runtime;
mod runtime_configuration;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{AgentCoreControl, Dependencies};
use crate::iam::{Iam, Requirement, Role};
use crate::identity_provider::{ClaimStyle, IdentityProviders, Provider};
use crate::model::Model;
use crate::objects::Objects;
use crate::secrets_manager::SecretsManager;
use crate::service::{ApiError, Call, Outcome, Principal, ServiceId};
use crate::settings::Settings;

const ROLE: &str = "arn:aws:iam::111122223333:role/execution";
const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:1";

const DISCOVERY: &str = "https://idp.example.com/.well-known/openid-configuration";

/// An account with one execution role that is old enough and one identity provider, and no other delay than those of
/// runtimes, gateways, targets and lists.
struct Account {
    service: AgentCoreControl,
    iam: Iam,
    secrets: SecretsManager,
    identity_providers: IdentityProviders,
    objects: Objects,
    now: SystemTime,
    outcome: Outcome,
}

impl Account {
    fn new() -> Self {
        let settings = Settings {
            runtime_transition: Duration::from_secs(30),
            runtime_deletion: Duration::from_secs(20),
            gateway_transition: Duration::from_secs(30),
            gateway_deletion: Duration::from_secs(20),
            target_transition: Duration::from_secs(10),
            target_deletion: Duration::from_secs(10),
            list_lag: Duration::from_secs(5),
            role_propagation: Duration::from_secs(10),
            ..Settings::default()
        };
        let mut iam = Iam::new(&settings);
        iam.put_role(execution_role(settings.start));
        let mut identity_providers = IdentityProviders::default();
        identity_providers.add(Provider::new(ClaimStyle::Keycloak, "https://idp.example.com"));
        Self {
            service: AgentCoreControl::new(&settings),
            iam,
            secrets: SecretsManager::new(&settings),
            identity_providers,
            objects: Objects::default(),
            now: settings.start + Duration::from_mins(1),
            outcome: Outcome::Normal,
        }
    }

    /// Creates an account with a runtime that is ready. Returns the runtime's id with it.
    fn with_runtime() -> (Self, String) {
        let mut account = Self::new();
        let id = account.create(create("server"));
        account.pass(30);
        (account, id)
    }

    fn request(&self, operation: &'static str, input: Value) -> Call {
        let Value::Object(input) = input else { panic!("an input is an object") };
        Call { principal: Principal::Administrator, operation, input, now: self.now, outcome: self.outcome.clone() }
    }

    fn call(&mut self, operation: &'static str, input: Value) -> Result<Value, ApiError> {
        let call = self.request(operation, input);
        let dependencies = &mut Dependencies {
            iam: &self.iam,
            secrets: &mut self.secrets,
            identity_providers: &self.identity_providers,
            objects: &self.objects,
        };
        let answer = self.service.call(&call, dependencies);
        let model = Model::of(ServiceId::AgentCoreControl);
        let (_, modelled) = model.operation(operation).expect("the model has the operation");
        if let (Ok(output), Some(shape)) = (&answer, &modelled.output) {
            let mut violations = model.validate(shape, output);
            // Members are required, so a runtime without a description and a target without credentials show empty ones.
            let empty = [".description", "credentialProviderConfigurations"];
            violations.retain(|violation| !empty.iter().any(|member| violation.path.ends_with(member)));
            assert_eq!(violations, [], "the answer to {operation} should fit the model");
        }
        answer
    }

    fn ok(&mut self, operation: &'static str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    fn create(&mut self, input: Value) -> String {
        self.ok("CreateAgentRuntime", input)["agentRuntimeId"].as_str().expect("an id").to_owned()
    }

    fn get(&mut self, id: &str) -> Value {
        self.ok("GetAgentRuntime", json!({"agentRuntimeId": id}))
    }

    fn status(&mut self, id: &str) -> String {
        self.get(id)["status"].as_str().expect("a status").to_owned()
    }

    fn refused(&mut self, operation: &'static str, input: Value) -> ApiError {
        self.call(operation, input).expect_err("the call should be refused")
    }

    fn code(&mut self, operation: &'static str, input: Value) -> &'static str {
        self.refused(operation, input).code
    }

    fn needs(&self, operation: &'static str, input: Value) -> Vec<Requirement> {
        self.service.requirements(&self.request(operation, input), &self.secrets)
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

fn execution_role(created: SystemTime) -> Role {
    let trust = json!({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"},
                      "ArnLike": {"aws:SourceArn": "arn:aws:bedrock-agentcore:us-east-1:111122223333:*"}}}]});
    let pull = json!({"Statement": [
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
         "Resource": "arn:aws:ecr:us-east-1:111122223333:repository/team/server"}]});
    let intercept = json!({"Statement": {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}});
    Role::new(ROLE, created, trust, vec![pull, intercept])
}

fn create(name: &str) -> Value {
    json!({
        "agentRuntimeName": name,
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
        "roleArn": ROLE,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    })
}

/// Returns the update that leaves a runtime created by [`create`] as it is.
fn update(id: &str) -> Value {
    json!({
        "agentRuntimeId": id,
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
        "roleArn": ROLE,
        "networkConfiguration": {"networkMode": "PUBLIC"},
        "metadataConfiguration": {"requireMMDSV2": true},
    })
}

fn with(mut input: Value, member: &str, value: Value) -> Value {
    input[member] = value;
    input
}
