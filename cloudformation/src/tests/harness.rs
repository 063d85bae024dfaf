//! A function that does what a test tells it, and templates that use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulator::aws::Aws;
use emulator::lambda::{Function, Invocation};
use emulator::settings::Settings;
use emulator::stacks::{Stack, Status};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Request;
use serde_json::{Value, json};

use crate::capability::Capability;
use crate::{CloudFormation, StackInput};

/// The function's reaction to an event.
#[derive(Clone)]
pub(super) enum Act {
    /// Answers SUCCESS with this id after so many seconds.
    Succeed(&'static str, u64),
    /// Answers FAILED with this id after so many seconds.
    Fail(&'static str, u64),
    /// Answers SUCCESS with `Data`.
    Data(&'static str, Value),
    /// Sends these bytes.
    Send(&'static str),
    /// Returns without an answer.
    Silence,
    /// Fails without an answer.
    Crash,
}

/// Acts by `<RequestType> <LogicalResourceId>`, used up from the front; the default answers SUCCESS at once, with the
/// event's own id or `<LogicalResourceId>-1`.
pub(super) struct Script {
    aws: Aws,
    acts: Mutex<BTreeMap<String, Vec<Act>>>,
    pub invocations: Mutex<Vec<Invocation>>,
}

impl Function for Script {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Result<(), String>> {
        let event: Value = serde_json::from_slice(&invocation.payload).expect("CloudFormation sends JSON");
        self.invocations.lock().expect("not poisoned").push(invocation);
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let key = format!("{} {}", text("RequestType"), text("LogicalResourceId"));
        let mut acts = self.acts.lock().expect("not poisoned");
        let act = acts.get_mut(&key).filter(|acts| !acts.is_empty()).map(|acts| acts.remove(0));
        let own_id = match text("PhysicalResourceId") {
            id if id.is_empty() => format!("{}-1", text("LogicalResourceId")),
            id => id,
        };
        let aws = self.aws.clone();
        async move {
            let mut answer = json!({"Status": "SUCCESS", "PhysicalResourceId": own_id, "StackId": event["StackId"],
                "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"]});
            let mut seconds = 0;
            match act {
                None => {}
                Some(Act::Succeed(id, after)) => {
                    answer["PhysicalResourceId"] = json!(id);
                    seconds = after;
                }
                Some(Act::Fail(id, after)) => {
                    answer["Status"] = json!("FAILED");
                    answer["Reason"] = json!("by design");
                    answer["PhysicalResourceId"] = json!(id);
                    seconds = after;
                }
                Some(Act::Data(id, data)) => {
                    answer["PhysicalResourceId"] = json!(id);
                    answer["Data"] = data;
                }
                Some(Act::Send(raw)) => {
                    put(&aws, &event, raw.as_bytes().to_vec());
                    return Ok(());
                }
                Some(Act::Silence) => return Ok(()),
                Some(Act::Crash) => return Err("by design".to_owned()),
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            put(&aws, &event, answer.to_string().into_bytes());
            Ok(())
        }
        .boxed()
    }
}

fn put(aws: &Aws, event: &Value, body: Vec<u8>) {
    let url = event["ResponseURL"].as_str().expect("an event has a response URL");
    let length = body.len();
    let request = Request::put(url).header("content-length", length).body(body).expect("a request");
    let now = aws.clock().now();
    let status = aws.with(|world| world.responses.serve(&request, now)).status();
    assert_eq!(status, 200);
}

/// An account with a scripted function.
pub(super) struct Harness {
    pub aws: Aws,
    pub cfn: CloudFormation,
    pub script: Arc<Script>,
}

impl Harness {
    pub(super) fn new(acts: &[(&str, Act)]) -> Self {
        let aws = Aws::new(Settings::default());
        let script = Arc::new(Script { aws: aws.clone(), acts: Mutex::default(), invocations: Mutex::default() });
        let harness = Self { cfn: CloudFormation::new(aws.clone(), script.clone()), aws, script };
        harness.then(acts);
        harness
    }

    /// Adds acts for the next events.
    pub(super) fn then(&self, acts: &[(&str, Act)]) {
        let mut known = self.script.acts.lock().expect("not poisoned");
        for (key, act) in acts {
            known.entry((*key).to_owned()).or_default().push(act.clone());
        }
    }

    pub(super) async fn create(&self, resources: &str) -> Stack {
        self.cfn.create_stack(input(resources)).await.expect("a valid template")
    }

    pub(super) async fn update(&self, resources: &str) -> Stack {
        self.cfn.update_stack(input(resources)).await.expect("a valid template")
    }

    pub(super) async fn delete(&self) -> Stack {
        self.cfn.delete_stack("demo").await.expect("the stack exists")
    }

    /// Requests so far as `<RequestType> <LogicalResourceId> [<PhysicalResourceId>]`.
    pub(super) fn sent(&self) -> Vec<String> {
        let requests = self.cfn.requests();
        let lines = requests.iter().map(|request| {
            let text = |name: &str| request.event[name].as_str().unwrap_or_default();
            format!("{} {} {}", text("RequestType"), text("LogicalResourceId"), text("PhysicalResourceId"))
                .trim()
                .to_owned()
        });
        lines.collect()
    }

    /// Returns the event of the last request of this type to this resource.
    pub(super) fn event(&self, request_type: &str, logical_id: &str) -> Value {
        let requests = self.cfn.requests();
        let found = requests.iter().rev().map(|request| &request.event);
        let mut found =
            found.filter(|event| event["RequestType"] == request_type && event["LogicalResourceId"] == logical_id);
        found.next().expect("such a request was sent").clone()
    }

    /// Returns the states a resource or stack has gone through.
    pub(super) fn states(&self, logical_id: &str) -> Vec<Status> {
        self.cfn.events().iter().filter(|event| event.logical_id == logical_id).map(|event| event.status).collect()
    }

    /// Returns the reason given with the last event of this status.
    pub(super) fn reason(&self, logical_id: &str, status: Status) -> String {
        let events = self.cfn.events();
        let event = events.iter().rev().find(|event| event.logical_id == logical_id && event.status == status);
        event.expect("such an event was reported").reason.clone().unwrap_or_default()
    }
}

/// A role and a function; custom resources name the function's ARN as `${Function.Arn}`.
pub(super) const FUNCTION: &str = "
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Principal: {Service: !Sub 'lambda.${AWS::URLSuffix}'}, Action: 'sts:AssumeRole'}
      ManagedPolicyArns: [!Sub 'arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Code: target/lambda/provisioner/
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 900
      Role: !GetAtt Role.Arn
      Environment: {Variables: {STAGE: test}}
";

/// Returns a stack `demo` of the function and these lines: `<name>: {<properties>}` is a custom resource, `<section>:
/// {…}` a section, an indented line belongs to the resources as it is.
pub(super) fn input(resources: &str) -> StackInput {
    StackInput::new("demo", body(resources)).capability(Capability::Iam)
}

pub(super) fn body(resources: &str) -> String {
    let mut inside = Vec::new();
    let mut sections = Vec::new();
    for line in resources.lines().filter(|line| !line.trim().is_empty()) {
        match line.trim().split_once(": {") {
            Some(("Conditions" | "Outputs" | "Parameters" | "Rules", _)) => sections.push(line.to_owned()),
            Some((name, properties)) if !line.starts_with(' ') => inside.push(format!(
                "  {name}:\n    Type: Custom::Thing\n    Properties: {{ServiceToken: !GetAtt Function.Arn, {properties}"
            )),
            _ => inside.push(line.to_owned()),
        }
    }
    format!("Resources:{FUNCTION}\n{}\n{}\n", inside.join("\n"), sections.join("\n"))
}
