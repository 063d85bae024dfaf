//! The account that the benchmark works in, and the measurements without real time: calls and lags.

use std::time::Duration;

use emulator::aws::Aws;
use emulator::container::{Behaviour, Start};
use emulator::settings::Settings;
use harness::{PROBE, RUNTIME, SECRET, handler, put_role};
use serde_json::{Value, json};

use super::calls::counted;
use super::stack::{self, StackNumbers};
use crate::request::{Request, Requests};
use crate::runtime::Runtime;

/// The newest revision, and the newest of those with a handshake.
const PROBED: [&str; 2] = ["2026-07-28", "2025-11-25"];
/// The times that the control plane takes to bring a runtime to `READY`.
const READINESS: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(3), Duration::from_secs(12), Duration::from_secs(45)];

/// The measurements in this process.
pub(super) struct InProcessNumbers {
    /// Per operation, the calls in order of their first use, with their number if it is above one.
    pub(super) calls: Vec<(String, Vec<String>)>,
    /// Time to `READY`, and from then to the end of the invocation.
    pub(super) lags: Vec<(Duration, Duration)>,
    /// Per MCP revision: a passing probe.
    pub(super) probes: Vec<(&'static str, ProbeNumbers)>,
    /// Whole stacks with a gateway.
    pub(super) stacks: Vec<(&'static str, StackNumbers)>,
    /// A rotation outside of the stack.
    pub(super) rotation: StackNumbers,
    /// On platform version V2: the change to a stack, its duration, and the longest chain.
    pub(super) on_v2: Vec<(&'static str, Duration, Duration)>,
}

/// The cost of a passing probe.
pub(super) struct ProbeNumbers {
    /// The function's calls, counted.
    pub(super) calls: Vec<String>,
    /// The number of containers that were started.
    pub(super) starts: u64,
    /// From the event to the end of the invocation.
    pub(super) time: Duration,
}

/// The roles that exist.
pub(super) struct Account {
    pub(super) function_role: String,
    runtime_role: String,
    image: String,
}

/// Returns the settings of a control plane without any delay.
pub(super) fn instant_settings() -> Settings {
    Settings {
        runtime_transition: Duration::ZERO,
        runtime_deletion: Duration::ZERO,
        call_latency: Duration::ZERO,
        list_lag: Duration::ZERO,
        role_propagation: Duration::ZERO,
        secret_force_deletion: Duration::ZERO,
        ..Settings::default()
    }
}

impl Account {
    /// Creates a role for the function, which may do anything, and one for runtimes.
    pub(super) fn new(aws: &Aws) -> Self {
        let Settings { account_id, region, partition, dns_suffix, .. } = aws.settings();
        let arn = |name: &str| format!("arn:{partition}:iam::{account_id}:role/{name}");
        let (function_role, runtime_role) = (arn("function"), arn("runtime"));
        put_role(aws, &function_role, "lambda.amazonaws.com");
        put_role(aws, &runtime_role, "bedrock-agentcore.amazonaws.com");
        let image = format!("{account_id}.dkr.ecr.{region}.{dns_suffix}/mcp-server:1");
        Self { function_role, runtime_role, image }
    }

    pub(super) fn create_secret(name: &str) -> Request<'_> {
        let properties = json!({ "SecretName": name, "Values": { "CLIENT_ID": "id", "CLIENT_SECRET": "made up" } });
        Request {
            kind: "Create",
            resource_type: SECRET.resource_type,
            logical_id: name,
            physical_id: None,
            properties,
            old_properties: None,
        }
    }

    pub(super) fn create_runtime<'a>(&self, name: &'a str) -> Request<'a> {
        let properties = json!({ "AgentRuntimeName": name, "ContainerUri": self.image, "RoleArn": self.runtime_role });
        Request {
            kind: "Create",
            resource_type: RUNTIME.resource_type,
            logical_id: name,
            physical_id: None,
            properties,
            old_properties: None,
        }
    }

    /// Creates a runtime that accepts the tokens of an identity provider.
    pub(super) fn create_trusting(&self, issuer: &str) -> Request<'static> {
        let mut request = self.create_runtime("Trusting");
        request.properties["InboundAuth"] = json!("JWT");
        request.properties["Issuer"] = json!(issuer);
        request.properties["AllowedAudience"] = json!("https://mcp.example.com");
        request
    }
}

/// Measures in worlds whose clocks jump over waits. `runtime` starts tokio with a paused clock.
///
/// # Errors
/// The handler failed an operation.
pub(super) fn measure(runtime: impl Fn() -> Result<Runtime, String>) -> Result<InProcessNumbers, String> {
    let calls = runtime()?.run(calls())?;
    let mut lags = Vec::new();
    for readiness in READINESS {
        lags.push((readiness, runtime()?.run(lag(readiness))?));
    }
    let mut probes = Vec::new();
    for revision in PROBED {
        probes.push((revision, runtime()?.run(probe(revision))?));
    }
    let mut stacks = Vec::new();
    for (what, parameters) in stack::TOPOLOGIES {
        stacks.push((what, runtime()?.run(stack::deploy(parameters))?));
    }
    let rotation = runtime()?.run(stack::rotation())?;
    let on_v2 = runtime()?.run(stack::on_v2())?;
    Ok(InProcessNumbers { calls, lags, probes, stacks, rotation, on_v2 })
}

async fn calls() -> Result<Vec<(String, Vec<String>)>, String> {
    let aws = Aws::new(instant_settings());
    let account = Account::new(&aws);
    let function = handler::function(&aws);
    let requests = Requests::new(&aws, &function, &account.function_role);
    let mut measured = Vec::new();
    for (what, create) in
        [("a secret", Account::create_secret("Thing")), ("a runtime", account.create_runtime("Thing"))]
    {
        let changed = with(&create.properties, "Description", "changed");
        let mut physical_id: Option<String> = None;
        for (kind, properties) in
            [("Create", create.properties.clone()), ("Update", changed.clone()), ("Delete", changed)]
        {
            let before = aws.calls().len();
            let old_properties = (kind == "Update").then(|| create.properties.clone());
            let request = Request { kind, physical_id: physical_id.as_deref(), properties, old_properties, ..create };
            let reply = requests.send(&request).await?;
            physical_id = Some(reply.physical_id);
            let operations: Vec<_> = aws.calls()[before..].iter().map(|call| call.operation).collect();
            measured.push((format!("{} {what}", kind.to_lowercase()), counted(&operations)));
        }
    }
    Ok(measured)
}

fn with(properties: &Value, name: &str, value: &str) -> Value {
    let mut properties = properties.clone();
    properties[name] = json!(value);
    properties
}

/// Probes a server that knows one revision and starts without delay.
async fn probe(revision: &str) -> Result<ProbeNumbers, String> {
    let call_latency = Settings::default().call_latency;
    let aws = Aws::new(Settings { call_latency, ..instant_settings() });
    let account = Account::new(&aws);
    let start = Start::Normal(Duration::ZERO);
    let behaviour = Behaviour { revisions: vec![revision.to_owned()], start, ..Behaviour::default() };
    aws.with(|world| world.containers.behave(behaviour));
    let function = handler::function(&aws);
    let requests = Requests::new(&aws, &function, &account.function_role);
    let runtime = requests.send(&account.create_runtime("Thing")).await?;
    let now = aws.clock().now();
    let arn = aws.with(|world| world.agentcore.runtimes(now).next().map(|runtime| runtime.arn.clone()));
    let arn = arn.ok_or_else(|| format!("{} is gone", runtime.physical_id))?;
    let arn = emulator::runtime_url::encoded(&arn);
    let Settings { region, dns_suffix, .. } = aws.settings();
    let endpoint =
        format!("https://bedrock-agentcore.{region}.{dns_suffix}/runtimes/{arn}/invocations?qualifier=DEFAULT");
    let before = aws.calls().len();
    let started = aws.clock().now();
    let request = Request {
        kind: "Create",
        resource_type: PROBE.resource_type,
        logical_id: "Probe",
        physical_id: None,
        properties: json!({ "Endpoint": endpoint }),
        old_properties: None,
    };
    let reply = requests.send(&request).await?;
    let operations: Vec<_> = aws.calls()[before..].iter().map(|call| call.operation).collect();
    let time = reply.at.duration_since(started).map_err(|_| "the clock runs backwards".to_owned())?;
    let starts = aws.with(|world| world.containers.starts());
    Ok(ProbeNumbers { calls: counted(&operations), starts, time })
}

async fn lag(readiness: Duration) -> Result<Duration, String> {
    let call_latency = Settings::default().call_latency;
    let aws = Aws::new(Settings { runtime_transition: readiness, call_latency, ..instant_settings() });
    let account = Account::new(&aws);
    let function = handler::function(&aws);
    let reply = Requests::new(&aws, &function, &account.function_role).send(&account.create_runtime("Thing")).await?;
    let created = aws.calls().iter().find(|call| call.operation == "CreateAgentRuntime").map(|call| call.at);
    let ready = created.ok_or("the handler created no runtime")? + readiness;
    reply.at.duration_since(ready).map_err(|_| "the handler answered before the runtime was ready".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_in_order_of_their_first_use() {
        assert_eq!(counted(&["Get", "Create", "Get"]), ["Get ×2", "Create"]);
    }
}
