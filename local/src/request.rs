//! Custom-resource requests, sent one at a time as CloudFormation sends them. The benchmark times them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use emulator::aws::Aws;
use emulator::lambda::{Function, Invocation};
use emulator::settings::Settings;
use emulator::stacks::{Stack, StackStatus};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The timeout that the template gives its function.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Sends requests to one function and reads its answers from the response bucket.
pub(crate) struct Requests<'a, F> {
    pub(crate) aws: &'a Aws,
    pub(crate) function: &'a F,
    /// The role the function runs as.
    pub(crate) role_arn: &'a str,
    sent: Cell<u32>,
}

/// One request.
pub(crate) struct Request<'a> {
    /// `Create`, `Update` or `Delete`.
    pub(crate) kind: &'a str,
    /// `Custom::…`
    pub(crate) resource_type: &'a str,
    pub(crate) logical_id: &'a str,
    /// The id of an earlier answer; Create has none.
    pub(crate) physical_id: Option<&'a str>,
    pub(crate) properties: Value,
    /// Update only.
    pub(crate) old_properties: Option<Value>,
}

/// A successful answer.
pub(crate) struct Reply {
    pub(crate) physical_id: String,
    /// The time from the delivery of the event until the function ended.
    pub(crate) elapsed: Duration,
    /// The moment at which the function ended, by the emulated clock.
    pub(crate) at: SystemTime,
}

impl<'a, F: Function> Requests<'a, F> {
    pub(crate) fn new(aws: &'a Aws, function: &'a F, role_arn: &'a str) -> Self {
        Self { aws, function, role_arn, sent: Cell::new(0) }
    }

    /// Delivers the request once.
    ///
    /// # Errors
    /// The function failed, did not answer, or answered FAILED.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Reply, String> {
        let number = self.sent.replace(self.sent.get() + 1);
        let request_id = format!("00000000-0000-4000-8000-{number:012}");
        let (Settings { region, account_id, partition, .. }, now) = (self.aws.settings(), self.aws.clock().now());
        let url = self.aws.with(|world| world.responses.presign(&request_id, now));
        let function_arn = self.function_arn();
        let stack = "stack/bench/51af3dc0-da77-11e4-872e-1234567db123";
        let stack_id = format!("arn:{partition}:cloudformation:{region}:{account_id}:{stack}");
        let in_progress = Stack::bare(&stack_id, StackStatus::CreateInProgress, now);
        self.aws.with(|world| world.stacks.put(in_progress));
        let mut event = json!({
            "RequestType": request.kind,
            "ServiceToken": function_arn,
            "ResponseURL": url,
            "StackId": stack_id,
            "RequestId": request_id,
            "ResourceType": request.resource_type,
            "LogicalResourceId": request.logical_id,
            "ResourceProperties": request.properties,
        });
        event["ResourceProperties"]["ServiceToken"] = json!(function_arn);
        if let Some(id) = request.physical_id {
            event["PhysicalResourceId"] = json!(id);
        }
        if let Some(old) = &request.old_properties {
            event["OldResourceProperties"] = old.clone();
            event["OldResourceProperties"]["ServiceToken"] = json!(function_arn);
        }
        let (elapsed, at) = self.deliver(&event).await?;
        let answer = self.aws.with(|world| world.responses.take_answer(&url)).ok_or("the function did not answer")?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|error| format!("the answer is not JSON: {error}"))?;
        if answer["Status"] != "SUCCESS" {
            return Err(format!("{} {} answered {}", request.kind, request.resource_type, answer["Reason"]));
        }
        let id = answer["PhysicalResourceId"].as_str().ok_or("the answer has no PhysicalResourceId")?;
        Ok(Reply { physical_id: id.to_owned(), elapsed, at })
    }

    /// Delivers any event once. Returns how long the function took, and the moment at which it ended.
    ///
    /// # Errors
    /// The function failed.
    pub(crate) async fn deliver(&self, event: &Value) -> Result<(Duration, SystemTime), String> {
        let invocation = Invocation {
            request_id: format!("11111111-0000-4000-8000-{:012}", self.sent.get()),
            payload: event.to_string().into_bytes(),
            deadline: self.aws.clock().now() + TIMEOUT,
            function_arn: self.function_arn(),
            role_arn: self.role_arn.to_owned(),
            environment: BTreeMap::new(),
        };
        let started = Instant::now();
        self.function.invoke(invocation).await?;
        Ok((started.elapsed(), self.aws.clock().now()))
    }

    fn function_arn(&self) -> String {
        let Settings { region, account_id, partition, .. } = self.aws.settings();
        format!("arn:{partition}:lambda:{region}:{account_id}:function:provisioner")
    }
}
