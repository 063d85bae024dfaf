//! The whole template with a gateway, on virtual time: how much longer it takes than the longest chain of its resources.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emulator::aws::Aws;
use emulator::cloudformation::{Capability, CloudFormation, StackInput, StackStatus};
use emulator::service::Principal;
use emulator::settings::Settings;

use super::world::counted;
use crate::handler;
use crate::surroundings;
use crate::template::Template;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
const STACK: &str = "bench";
/// What AgentCore takes for each kind of resource.
const RUNTIME: Duration = Duration::from_secs(12);
const GATEWAY: Duration = Duration::from_secs(5);
const PROVIDER: Duration = Duration::from_secs(1);
const TARGET: Duration = Duration::from_secs(8);
/// What the server takes to start: for its own verification, and once more while the target is made, which takes longer.
const SERVER_START: Duration = Duration::from_secs(2);

/// The ways in which a gateway stands in front of the server.
pub(super) const TOPOLOGIES: [(&str, &[(&str, &str)]); 2] = [
    ("signed calls on", &[("EnableAgentCoreGateway", "true")]),
    ("OAuth on", &[("EnableAgentCoreGateway", "true"), ("McpAuthMode", "jwt")]),
];

/// What one deployment took.
pub(super) struct StackNumbers {
    /// From the stack's first event to its last.
    pub(super) wall: Duration,
    /// The longest chain: runtime, its verification, target. Gateway and provider are made meanwhile.
    pub(super) critical_path: Duration,
    /// The function's calls, counted, in order of their first use.
    pub(super) calls: Vec<String>,
}

/// Deploys the template once.
///
/// # Errors
/// It did not come to `CREATE_COMPLETE`.
pub(super) async fn deploy(parameters: &[(&str, &str)]) -> Result<StackNumbers, String> {
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
    let input = StackInput::uploaded(STACK, &template.body).capability(Capability::Iam);
    let input = parameters.iter().fold(input, |input, (name, value)| input.parameter(name, value));
    let stack = cloudformation.create_stack(input).await.map_err(|refusal| refusal.to_string())?;
    let events = cloudformation.events();
    if stack.status != StackStatus::CreateComplete {
        let reason = events.iter().find_map(|event| event.reason.clone()).unwrap_or_default();
        return Err(format!("the stack ended in {}: {reason}", stack.status));
    }
    let (first, last) = events.first().zip(events.last()).ok_or("there were no events")?;
    let wall = last.at.duration_since(first.at).map_err(|_| "the clock runs backwards".to_owned())?;
    let is_function = |principal: &Principal| matches!(principal, Principal::Role(arn) if arn.contains("FunctionRole"));
    let calls = aws.calls();
    let operations: Vec<_> = calls.iter().filter(|call| is_function(&call.principal)).map(|it| it.operation).collect();
    Ok(StackNumbers { wall, critical_path: RUNTIME + SERVER_START + TARGET, calls: counted(&operations) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Runtime;

    /// On virtual time, which no machine is too slow for.
    #[test]
    fn a_stack_with_a_gateway_takes_little_longer_than_its_longest_chain() {
        for (what, parameters) in TOPOLOGIES {
            let runtime = Runtime::new(true).expect("a runtime");
            let numbers = runtime.run(deploy(parameters)).expect("a complete stack");
            assert!(numbers.wall * 10 <= numbers.critical_path * 11, "{what}: {:?}", numbers.wall);
        }
    }
}
