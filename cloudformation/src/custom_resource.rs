//! Custom resources: an event to the function, and the wait for its answer in the response bucket.

use std::time::Duration;

use emulator::lambda::async_invoke::{Attempt, invoke_async};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use crate::answer::{self, Question};
use crate::change::{Change, Done, Failed, Target};
use crate::engine::CloudFormation;
use crate::intrinsics::text;
use crate::properties::has_dynamic_reference;
use crate::state::{CustomResourceAnswer, CustomResourceRequest};

/// The time that CloudFormation waits for an answer by default, and at most.
const SERVICE_TIMEOUT_MAX_SECONDS: u64 = 3600;

impl CloudFormation {
    /// Sends one request and waits for its answer.
    pub(crate) async fn change_custom_resource(&self, target: &Target, change: &Change) -> Result<Done, Failed> {
        let properties = change.properties();
        let service_timeout = service_timeout(properties).map_err(Failed::before_anything)?;
        let service_token = properties.get("ServiceToken").and_then(text).unwrap_or_default();
        if service_token.is_empty() {
            return Err(Failed::before_anything("Property ServiceToken cannot be empty."));
        }
        if let Change::Update { old_properties, .. } = change
            && old_properties.get("ServiceToken") != properties.get("ServiceToken")
        {
            return Err(Failed::before_anything("Modifying service token is not allowed."));
        }
        if has_dynamic_reference(&Value::Object(properties.clone()), "ssm") {
            return Err(Failed::before_anything("the emulated account has no SSM parameters to resolve"));
        }
        if self.state().account.function(&service_token).is_none() {
            return Err(Failed::before_anything(format!("Lambda function not found: {service_token}")));
        }

        let request_id = self.state().guid("request");
        let key = format!("{}|{}|{request_id}", target.stack_id, target.logical_id);
        let now = self.now();
        let (response_url, arrivals) =
            self.aws().with(|world| (world.responses.presign(&key, now), world.responses.notifier()));
        let event = event(target, change, &service_token, &request_id, &response_url);
        let index = self.send(event);

        let deadline = Instant::now() + service_timeout;
        let body = loop {
            let notified = arrivals.notified();
            if let Some(body) = self.aws().with(|world| world.responses.take_answer(&response_url)) {
                break body;
            }
            if timeout_at(deadline, notified).await.is_err() {
                return Err(Failed {
                    reason: format!(
                        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for \
                         requestId [{request_id}]."
                    ),
                    physical_id: None,
                    attempted: true,
                });
            }
        };
        self.state().requests[index].answer = Some(CustomResourceAnswer { at: self.now(), body: body.clone() });
        self.remember_request(target, &request_id);

        let deleted_id = match change {
            Change::Delete { physical_id, .. } => Some(physical_id.clone()),
            _ => None,
        };
        let logical_id = target.logical_id.clone();
        let question = Question { stack_id: target.stack_id.clone(), request_id, logical_id, deleted_id };
        let answer = answer::read(&body, &question).map_err(|(reason, physical_id)| Failed {
            reason,
            physical_id,
            attempted: true,
        })?;
        match answer.failure {
            None => Ok(Done { physical_id: answer.physical_id, attributes: answer.data, no_echo: answer.no_echo }),
            Some(reason) => Err(Failed {
                reason: format!(
                    "Received response status [FAILED] from custom resource. Message returned: {reason} (RequestId: {})",
                    question.request_id
                ),
                physical_id: Some(answer.physical_id),
                attempted: true,
            }),
        }
    }

    /// Delivers the event of an earlier request once more, as Lambda may do at any time without a reason. `request`
    /// counts as [`CloudFormation::requests`] does; nothing happens if the request does not exist.
    pub fn redeliver(&self, request: usize) {
        let mut state = self.state();
        if let Some(request) = state.requests.get_mut(request) {
            request.queued += 1;
            request.settled = false;
        } else {
            return;
        }
        drop(state);
        self.deliver(request);
    }

    /// Hands the event to Lambda's queue, which goes its own way from here; gives the request's place in the record.
    fn send(&self, event: Value) -> usize {
        let at = self.now();
        let index = {
            let mut state = self.state();
            let invocation_id = state.guid("invocation");
            state.requests.push(CustomResourceRequest {
                at,
                event,
                answer: None,
                attempts: Vec::new(),
                settled: false,
                invocation_id,
                queued: 1,
            });
            state.requests.len() - 1
        };
        self.deliver(index);
        index
    }

    fn deliver(&self, index: usize) {
        let (payload, invocation_id, function_arn) = {
            let request = &self.state().requests[index];
            let function_arn = request.event["ServiceToken"].as_str().unwrap_or_default().to_owned();
            (request.event.to_string().into_bytes(), request.invocation_id.clone(), function_arn)
        };
        let (configured, recording, settled) = (self.clone(), self.clone(), self.clone());
        let invocation = invoke_async(
            self.function(),
            self.aws().clock(),
            invocation_id,
            payload,
            move || configured.state().account.function(&function_arn).map(|function| function.configuration.clone()),
            move |attempt: Attempt| recording.state().requests[index].attempts.push(attempt),
        );
        tokio::spawn(async move {
            invocation.await;
            settled.settle(index);
        });
    }

    fn remember_request(&self, target: &Target, request_id: &str) {
        let mut state = self.state();
        let record = state.stacks.get_mut(&target.stack_name);
        if let Some(resource) = record.and_then(|record| record.resources.get_mut(&target.logical_id)) {
            resource.request_id = Some(request_id.to_owned());
        }
    }
}

/// Returns the event, with the members CloudFormation sends for each kind of request.
fn event(target: &Target, change: &Change, service_token: &str, request_id: &str, response_url: &str) -> Value {
    let mut event = json!({
        "ServiceToken": service_token,
        "ResponseURL": response_url,
        "StackId": target.stack_id,
        "RequestId": request_id,
        "LogicalResourceId": target.logical_id,
        "ResourceType": target.type_name,
        "ResourceProperties": change.properties(),
    });
    let request_type = match change {
        Change::Create { .. } => "Create",
        Change::Update { physical_id, old_properties, .. } => {
            event["PhysicalResourceId"] = json!(physical_id);
            event["OldResourceProperties"] = json!(old_properties);
            "Update"
        }
        Change::Delete { physical_id, .. } => {
            event["PhysicalResourceId"] = json!(physical_id);
            "Delete"
        }
    };
    event["RequestType"] = json!(request_type);
    event
}

fn service_timeout(properties: &Map<String, Value>) -> Result<Duration, String> {
    let Some(given) = properties.get("ServiceTimeout") else {
        return Ok(Duration::from_secs(SERVICE_TIMEOUT_MAX_SECONDS));
    };
    text(given)
        .and_then(|text| text.parse().ok())
        .filter(|seconds| (1..=SERVICE_TIMEOUT_MAX_SECONDS).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("ServiceTimeout must be an integer between 1 and {SERVICE_TIMEOUT_MAX_SECONDS}"))
}
