//! An emulated account with CloudFormation and the provisioner in it, watched while it works.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloudformation::{CloudFormation, StackEvent, StackInput, StackResource, ValidationError};
use emulator::aws::Aws;
use emulator::lambda::Function;
use emulator::lambda::runtime_api::RuntimeApi;
use emulator::settings::Settings;
use emulator::stacks::Status;
use emulator::transport;
use emulator::transport::proxy::Proxy;
use harness::{Log, RUNTIME, TARGET, handler};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::check;
use crate::console::Console;
use crate::server;

/// The longest that a function which has answered needs to end.
const MOMENT: Duration = Duration::from_secs(1);

/// The account, the stack and the console of a run.
pub(crate) struct Session {
    pub(crate) aws: Aws,
    pub(crate) console: Console,
    cloudformation: CloudFormation,
    watch: UnboundedReceiver<StackEvent>,
    events: Vec<StackEvent>,
    /// Outputs of every finished operation, for the search for secrets.
    outputs_seen: Vec<String>,
    /// Secret values ever stored, by the name a finding would tell.
    secret_values: BTreeMap<String, String>,
    provisioner: Provisioner,
    _containers: server::Containers,
}

/// The process that the provisioner runs in.
enum Provisioner {
    /// In this process, writing to this log.
    Here(Log),
    /// As a process of its own that reaches the account through the listener.
    Apart { runtime_api: RuntimeApi, _proxy: Proxy },
}

impl Session {
    /// Opens an account with these settings. With a `bootstrap` the provisioner is that binary, run as Lambda runs it.
    ///
    /// # Errors
    /// The bootstrap is not a file, the real server is not there, or no port is free for them to reach the account.
    pub(crate) async fn open(
        settings: Settings,
        bootstrap: Option<&Path>,
        server: &server::Arguments,
    ) -> Result<Self, String> {
        let aws = Aws::new(settings);
        let containers = server.install(&aws).await?;
        let (cloudformation, provisioner) = match bootstrap {
            None => {
                let function: Arc<dyn Function> = Arc::new(handler::function(&aws));
                (CloudFormation::new(aws.clone(), function), Provisioner::Here(Log::start()))
            }
            Some(path) if path.is_file() => {
                let proxy = transport::listen_proxy(&aws, 0).await;
                let proxy = proxy.map_err(|error| format!("the account cannot be offered to a process: {error}"))?;
                let runtime_api = RuntimeApi::new(&aws, proxy.environment(), path);
                let function: Arc<dyn Function> = Arc::new(runtime_api.clone());
                let cloudformation = CloudFormation::new(aws.clone(), function);
                (cloudformation, Provisioner::Apart { runtime_api, _proxy: proxy })
            }
            Some(path) => return Err(format!("{} is not a file; build it first", path.display())),
        };
        let watch = cloudformation.subscribe();
        Ok(Self {
            aws,
            console: Console::new(),
            cloudformation,
            watch,
            events: Vec::new(),
            outputs_seen: Vec::new(),
            secret_values: BTreeMap::new(),
            provisioner,
            _containers: containers,
        })
    }

    /// Stores a parameter in Parameter Store, for template parameters whose value is the name of one.
    pub(crate) fn put_parameter(&self, name: &str, value: &str) {
        self.cloudformation.put_parameter(name, value);
    }

    /// Creates a stack and shows what happens until it has settled.
    ///
    /// # Errors
    /// CloudFormation refused the request, and no stack was created.
    pub(crate) async fn create(&mut self, input: StackInput) -> Result<Status, String> {
        let cloudformation = self.cloudformation.clone();
        self.watched(async move { cloudformation.create_stack(input).await.map(|stack| stack.status) }).await
    }

    /// Updates a stack and shows what happens until it has settled.
    ///
    /// # Errors
    /// CloudFormation refused the request; the stack is as before.
    pub(crate) async fn update(&mut self, input: StackInput) -> Result<Status, String> {
        let cloudformation = self.cloudformation.clone();
        self.watched(async move { cloudformation.update_stack(input).await.map(|stack| stack.status) }).await
    }

    /// Deletes a stack and shows what happens until it has settled.
    ///
    /// # Errors
    /// CloudFormation refused the request; the stack is as before.
    pub(crate) async fn delete(&mut self, name: &str) -> Result<Status, String> {
        let (cloudformation, name) = (self.cloudformation.clone(), name.to_owned());
        self.watched(async move { cloudformation.delete_stack(&name).await.map(|stack| stack.status) }).await
    }

    async fn watched(
        &mut self,
        operation: impl Future<Output = Result<Status, ValidationError>>,
    ) -> Result<Status, String> {
        self.console.begin();
        let mut operation = std::pin::pin!(operation);
        let outcome = loop {
            tokio::select! {
                biased;
                Some(event) = self.watch.recv() => self.show(event),
                outcome = &mut operation => break outcome,
            }
        };
        while let Ok(event) = self.watch.try_recv() {
            self.show(event);
        }
        self.console.end();
        self.note_secrets();
        outcome.map_err(|refusal| refusal.to_string())
    }

    fn show(&mut self, event: StackEvent) {
        self.console.event(&event);
        self.events.push(event);
    }

    /// Records every text in every secret, because a delete would make it unknown.
    fn note_secrets(&mut self) {
        let values = &mut self.secret_values;
        self.aws.with(|world| {
            for secret in world.secrets.secrets() {
                let Some(Ok(Value::Object(members))) = secret.current_text().map(serde_json::from_str) else {
                    continue;
                };
                for (key, value) in members {
                    if let Value::String(value) = value {
                        values.insert(value, format!("{key} in the secret {}", secret.name));
                    }
                }
            }
        });
    }

    /// Returns the resources of a stack by logical id.
    pub(crate) fn resources(&self, stack: &str) -> BTreeMap<String, StackResource> {
        self.cloudformation.resources(stack)
    }

    /// Waits until every event is handled that EventBridge hands to the function. Returns the times that its deliveries
    /// took.
    pub(crate) async fn deliveries(&mut self) -> Vec<Duration> {
        self.console.begin();
        self.cloudformation.settled().await;
        self.console.end();
        self.note_secrets();
        let deliveries = self.cloudformation.event_deliveries();
        let attempts = deliveries.iter().flat_map(|delivery| &delivery.attempts);
        attempts.map(|attempt| attempt.ended.duration_since(attempt.started).unwrap_or_default()).collect()
    }

    /// Waits until no delivery to the function is running or due. The delivery of a cancelled create may outlive its
    /// stack.
    pub(crate) async fn settle(&mut self) {
        if tokio::time::timeout(MOMENT, self.cloudformation.settled()).await.is_ok() {
            return;
        }
        self.console.note("a request is still being worked on, or will be delivered again; waiting for its end");
        self.console.begin();
        self.cloudformation.settled().await;
        self.console.end();
    }

    /// Returns the outputs of a stack by name.
    pub(crate) fn outputs(&mut self, stack: &str) -> BTreeMap<String, String> {
        let outputs = self.cloudformation.stack(stack).map(|stack| stack.outputs).unwrap_or_default();
        let outputs: BTreeMap<_, _> = outputs.into_iter().map(|(name, output)| (name, output.value)).collect();
        self.outputs_seen.extend(outputs.values().cloned());
        outputs
    }

    /// Returns the servers of a stack that an MCP client can call, by logical id: runtimes, and gateways by their
    /// targets.
    pub(crate) fn servers(&self, stack: &str) -> BTreeMap<String, StackResource> {
        let types = [RUNTIME.resource_type, TARGET.resource_type];
        let mut resources = self.resources(stack);
        resources.retain(|_, resource| types.contains(&resource.type_name.as_str()));
        resources
    }

    /// Returns the first event that reports a failure, with the resource that it concerns.
    pub(crate) fn first_failure(&self, since: usize) -> Option<String> {
        let failed = |event: &&StackEvent| event.status.as_str().ends_with("FAILED") && event.reason.is_some();
        let event = self.events.get(since..)?.iter().find(failed)?;
        Some(format!("{}: {}", event.logical_id, event.reason.as_deref().unwrap_or_default()))
    }

    /// Returns the physical ids of the resources that stacks left in place because their templates say so.
    pub(crate) fn retained(&self) -> BTreeSet<String> {
        let skipped = self.events.iter().filter(|event| event.status == Status::DeleteSkipped);
        skipped.filter_map(|event| event.physical_id.clone()).collect()
    }

    /// Returns the number of events so far.
    pub(crate) fn event_count(&self) -> usize {
        self.events.len()
    }

    /// Returns the requests that were never answered, a sentence each. CloudFormation does not wait for the answer to a
    /// create that it cancelled. For such a create it is enough that the function ended.
    pub(crate) fn unanswered(&self) -> Vec<String> {
        let requests = self.cloudformation.requests();
        let unanswered = requests.iter().filter(|request| {
            request.answer.is_none() && request.attempts.iter().all(|attempt| attempt.outcome.is_err())
        });
        unanswered
            .map(|request| {
                let event = |member: &str| request.event[member].as_str().unwrap_or("?").to_owned();
                format!("the {} of {} was not answered", event("RequestType"), event("LogicalResourceId"))
            })
            .collect()
    }

    /// Returns every value that any secret held at the end of an operation, each with its place.
    pub(crate) fn secret_values(&self) -> Vec<(String, String)> {
        self.secret_values.iter().map(|(value, place)| (place.clone(), value.clone())).collect()
    }

    /// Returns every text that a person with read access to the stack can see, and the function's log.
    pub(crate) async fn texts(&self) -> Vec<(String, String)> {
        let mut texts = vec![
            ("the stack events".to_owned(), self.events_as_json().iter().map(Value::to_string).collect()),
            ("the outputs".to_owned(), self.outputs_seen.join("\n")),
        ];
        for put in self.aws.with(|world| world.responses.puts().to_vec()) {
            texts.push(("an answer to CloudFormation".to_owned(), String::from_utf8_lossy(&put.body).into_owned()));
        }
        let lines = match &self.provisioner {
            Provisioner::Here(log) => log.lines(),
            Provisioner::Apart { runtime_api, .. } => {
                runtime_api.stop().await;
                runtime_api.logs()
            }
        };
        texts.extend(lines.into_iter().map(|line| ("a log line".to_owned(), line)));
        texts
    }

    /// Returns the stack events so far, with the member names of `DescribeStackEvents`.
    pub(crate) fn events_as_json(&self) -> Vec<Value> {
        let as_json = |event: &StackEvent| {
            let mut members = json!({
                "Timestamp": check::instant(event.at),
                "StackName": event.stack,
                "LogicalResourceId": event.logical_id,
                "PhysicalResourceId": event.physical_id,
                "ResourceType": event.type_name,
                "ResourceStatus": event.status.as_str(),
                "ResourceStatusReason": event.reason,
            });
            if let Some(members) = members.as_object_mut() {
                members.retain(|_, value| !value.is_null());
            }
            members
        };
        self.events.iter().map(as_json).collect()
    }
}
