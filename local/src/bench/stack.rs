//! Measures the whole template with a gateway, on virtual time, against the longest chain of its resources.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloudformation::{Capability, CloudFormation, StackInput};
use emulator::aws::Aws;
use emulator::service::{Principal, ServiceId};
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use harness::handler;
use serde_json::{Value, json};

use super::calls::counted;
use crate::surroundings;
use crate::template::Template;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
const STACK: &str = "bench";
/// The time that AgentCore takes for each kind of resource.
const RUNTIME: Duration = Duration::from_secs(12);
const GATEWAY: Duration = Duration::from_secs(5);
const PROVIDER: Duration = Duration::from_secs(1);
const TARGET: Duration = Duration::from_secs(8);
/// The time that the server takes to start: for its own verification, and once more while the target is created, which
/// takes longer.
const SERVER_START: Duration = Duration::from_secs(2);

/// The version of the secret after its rotation.
const NEW_VERSION: &str = "00000000-0000-4000-8000-000000000001";

/// The ways in which a gateway stands in front of the server.
pub(super) const TOPOLOGIES: [(&str, &[(&str, &str)]); 2] = [
    ("signed calls on", &[("EnableAgentCoreGateway", "true")]),
    ("OAuth on", &[("EnableAgentCoreGateway", "true"), ("McpAuthMode", "jwt")]),
];

/// The duration and the calls of one change: a deployment or a rotation.
pub(super) struct StackNumbers {
    /// From the first event of the change to its last.
    pub(super) wall: Duration,
    /// The longest chain of waits. Everything else happens meanwhile.
    pub(super) critical_path: Duration,
    /// The function's calls, counted, in order of their first use.
    pub(super) calls: Vec<String>,
}

/// Deploys the template once.
///
/// # Errors
/// The stack did not reach `CREATE_COMPLETE`.
pub(super) async fn deploy(parameters: &[(&str, &str)]) -> Result<StackNumbers, String> {
    let mut deployment = Deployment::new(parameters).await?;
    let wall = deployment.run(Change::Create).await?;
    let calls = deployment.aws.calls();
    let operations: Vec<_> = calls.iter().filter(|call| is_function(&call.principal)).map(|it| it.operation).collect();
    // Gateway and provider are created in the meantime.
    Ok(StackNumbers { wall, critical_path: RUNTIME + SERVER_START + TARGET, calls: counted(&operations) })
}

/// Rotates the secret of the template on platform version V1, as its owner would: from the change of the secret to the end
/// of the probe that finds the server with the new values.
///
/// # Errors
/// The stack did not reach `CREATE_COMPLETE`, the function was not invoked, or no server has the new values.
pub(super) async fn rotation() -> Result<StackNumbers, String> {
    let mut deployment = Deployment::new(&[]).await?;
    deployment.run(Change::Create).await?;
    let before = deployment.aws.calls().len();
    let resources = deployment.cloudformation.resources(STACK);
    let secret = resources.get("Secret").and_then(|secret| secret.physical_id.clone()).ok_or("there is no secret")?;
    let changed = deployment.aws.clock().now();
    rotate(&deployment.aws, &secret)?;
    deployment.cloudformation.settled().await;
    if !deployment.has_server_with(NEW_VERSION) {
        return Err("no server has the new values of the secret".to_owned());
    }
    let deliveries = deployment.cloudformation.event_deliveries();
    let attempt = deliveries.first().and_then(|delivery| delivery.attempts.first()).ok_or("nothing was delivered")?;
    let wall = attempt.ended.duration_since(changed).map_err(|_| "the clock runs backwards".to_owned())?;
    let calls = deployment.aws.calls();
    let operations = calls[before..].iter().filter(|call| is_function(&call.principal)).map(|call| call.operation);
    let calls = counted(&operations.collect::<Vec<_>>());
    let critical_path = deployment.aws.settings().event_delivery + RUNTIME + SERVER_START;
    Ok(StackNumbers { wall, critical_path, calls })
}

/// Stores the values of a secret once more, as another version.
fn rotate(aws: &Aws, secret: &str) -> Result<(), String> {
    let call = |operation: &str, input: Value| {
        let answer = aws.call(&Principal::Administrator, ServiceId::SecretsManager, operation, input);
        answer.map_err(|error| format!("{operation}: {}", error.message))
    };
    let current = call("GetSecretValue", json!({ "SecretId": secret }))?;
    let values = current["SecretString"].clone();
    let input = json!({ "SecretId": secret, "SecretString": values, "ClientRequestToken": NEW_VERSION });
    call("PutSecretValue", input).map(|_| ())
}

fn is_function(principal: &Principal) -> bool {
    matches!(principal, Principal::Role(arn) if arn.contains("FunctionRole"))
}

/// Deploys the template without a gateway on platform version V2, updates it, and rotates its secret. Returns the
/// duration of each, and the longest chain: a version of the runtime and its verification, which begins with a copy.
///
/// # Errors
/// One of the three failed.
pub(super) async fn on_v2() -> Result<Vec<(&'static str, Duration, Duration)>, String> {
    let mut deployment = Deployment::new(&[("PlatformVersion", "V2")]).await?;
    let chain = deployment.aws.settings().snapshot_transition + SERVER_START;
    let changes = [
        ("create", Change::Create),
        ("update", Change::Update("EnableToolCallLogging", "false")),
        ("rotation of the secret", Change::Update("ZscalerClientSecret", "made-up-and-rotated")),
    ];
    let mut measured = Vec::new();
    for (what, change) in changes {
        measured.push((what, deployment.run(change).await?, chain));
    }
    Ok(measured)
}

/// A change to a stack.
#[derive(Clone, Copy)]
enum Change {
    Create,
    /// A parameter and its new value.
    Update(&'static str, &'static str),
}

/// The template in an account of its own.
struct Deployment {
    aws: Aws,
    cloudformation: CloudFormation,
    body: String,
    parameters: BTreeMap<String, String>,
}

impl Deployment {
    async fn new(parameters: &[(&str, &str)]) -> Result<Self, String> {
        let aws = Aws::new(Settings {
            runtime_transition: RUNTIME,
            gateway_transition: GATEWAY,
            provider_transition: PROVIDER,
            target_transition: TARGET,
            role_propagation: Duration::ZERO,
            ..Settings::default()
        });
        let template = Template::read(Path::new(TEMPLATE))?;
        let given = parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let mut parameters = template.parameters(&given.collect::<BTreeMap<_, _>>());
        surroundings::emulate(&aws, &mut parameters).await?;
        let cloudformation = CloudFormation::new(aws.clone(), Arc::new(handler::function(&aws)));
        Ok(Self { aws, cloudformation, body: template.body, parameters })
    }

    /// Returns true if a server of the only runtime works with this version of its secret.
    fn has_server_with(&self, version: &str) -> bool {
        let now = self.aws.clock().now();
        self.aws.with(|world| {
            let runtime = world.agentcore.runtimes(now).next();
            let versions = runtime.map(|runtime| world.containers.secret_versions(&runtime.arn)).unwrap_or_default();
            versions.into_values().any(|it| it == Some(version))
        })
    }

    /// Returns the time from the first event of a change to its last.
    async fn run(&mut self, change: Change) -> Result<Duration, String> {
        if let Change::Update(name, value) = change {
            self.parameters.insert(name.to_owned(), value.to_owned());
        }
        let input = StackInput::uploaded(STACK, &self.body).capability(Capability::Iam);
        let input = self.parameters.iter().fold(input, |input, (name, value)| input.parameter(name, value));
        let before = self.cloudformation.events().len();
        let (stack, wanted) = match change {
            Change::Create => (self.cloudformation.create_stack(input).await, StackStatus::CreateComplete),
            Change::Update(..) => (self.cloudformation.update_stack(input).await, StackStatus::UpdateComplete),
        };
        let stack = stack.map_err(|refusal| refusal.to_string())?;
        let events = self.cloudformation.events().split_off(before);
        if stack.status != wanted {
            let reason = events.iter().find_map(|event| event.reason.clone()).unwrap_or_default();
            return Err(format!("the stack ended in {}: {reason}", stack.status));
        }
        let (first, last) = events.first().zip(events.last()).ok_or("there were no events")?;
        last.at.duration_since(first.at).map_err(|_| "the clock runs backwards".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Runtime;

    /// Runs on virtual time, so that a slow machine does not matter.
    #[test]
    fn a_stack_with_a_gateway_takes_little_longer_than_its_longest_chain() {
        for (what, parameters) in TOPOLOGIES {
            let runtime = Runtime::new(true).expect("a runtime");
            let numbers = runtime.run(deploy(parameters)).expect("a complete stack");
            assert!(numbers.wall * 10 <= numbers.critical_path * 11, "{what}: {:?}", numbers.wall);
        }
    }

    #[test]
    fn a_rotation_takes_little_longer_than_the_update_and_the_probe() {
        let StackNumbers { wall, critical_path, .. } =
            Runtime::new(true).expect("a runtime").run(rotation()).expect("a rotation");
        assert!(critical_path <= wall && wall * 10 <= critical_path * 11, "{wall:?}");
    }

    #[test]
    fn on_v2_nothing_takes_much_longer_than_a_version_and_its_verification() {
        let runtime = Runtime::new(true).expect("a runtime");
        for (what, wall, chain) in runtime.run(on_v2()).expect("a complete stack") {
            assert!(chain <= wall && wall * 10 <= chain * 11, "{what}: {wall:?}");
        }
    }
}
