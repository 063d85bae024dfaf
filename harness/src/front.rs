//! The way to the function: events delivered as Lambda delivers them, and their answers read as CloudFormation reads
//! them.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::aws::Aws;
use emulator::lambda::in_process::InProcess;
use emulator::lambda::{Function, Invocation};
use emulator::response_bucket::Put;
use emulator::stacks::{Stack, StackStatus};
use serde_json::Value;

use crate::event::{Answer, Event, FUNCTION_ARN};
use crate::handler;

/// The function of one account, and what it has answered. Needs a `LocalSet`.
pub struct Front {
    /// The account that the function works in.
    pub aws: Aws,
    /// Lambda's limit for one delivery.
    pub timeout: Duration,
    /// The environment variables of the function that a template sets.
    pub environment: BTreeMap<String, String>,
    /// The number of answers per delivery that arrive although the function sees an error.
    pub lost_receipts: usize,
    /// Every answer of the function, in order.
    pub answers: Vec<Answer>,
    function: InProcess,
    role_arn: String,
    requests: u32,
}

impl Front {
    /// Puts the function into an account, with a role that exists there.
    #[must_use]
    pub fn new(aws: Aws, role_arn: &str) -> Self {
        Self {
            function: handler::function(&aws),
            aws,
            timeout: Duration::from_mins(15),
            environment: BTreeMap::new(),
            lost_receipts: 0,
            answers: Vec::new(),
            role_arn: role_arn.to_owned(),
            requests: 0,
        }
    }

    /// Delivers an event once, with a request id of its own, and returns the answer.
    ///
    /// # Panics
    /// If the event is not answered.
    #[track_caller]
    pub fn send(&mut self, event: Event) -> impl Future<Output = Answer> {
        let event = self.address(event);
        async move { self.deliver(&event).await.expect("the event should be answered") }
    }

    /// Gives an event its request id and the URL of its answer. CloudFormation sends events of stacks in progress, so that
    /// a stack that nobody has seen begins.
    pub fn address(&mut self, event: Event) -> Event {
        if let Some(id) = event.0.get("StackId").and_then(Value::as_str)
            && !self.aws.with(|world| world.stacks.has(id))
        {
            self.put_stack(id, StackStatus::CreateInProgress);
        }
        self.requests += 1;
        let request_id = format!("request-{}", self.requests);
        let now = self.aws.clock().now();
        let url = self.aws.with(|world| world.responses.presign(&request_id, now));
        event.with("RequestId", request_id).with("ResponseURL", url)
    }

    /// Sets the state of a stack in CloudFormation.
    pub fn put_stack(&self, id: &str, status: StackStatus) {
        let stack = Stack::bare(id, status, self.aws.settings().start);
        self.aws.with(|world| world.stacks.put(stack));
    }

    /// Delivers an addressed event once more. Returns `Err` if Lambda would see a failed invocation.
    ///
    /// # Errors
    /// The function failed.
    ///
    /// # Panics
    /// If the answer is not one that CloudFormation accepts: there is exactly one, of at most 4096 bytes, it repeats
    /// the ids of the event, and a failure has a Reason.
    pub async fn deliver(&mut self, event: &Event) -> Result<Answer, String> {
        let url = event.0["ResponseURL"].as_str().expect("an addressed event").to_owned();
        self.aws.with(|world| world.responses.take_answer(&url));
        let accepted = || {
            let puts = |put: &&Put| put.url == url && put.status == 200;
            self.aws.with(|world| world.responses.puts().iter().filter(puts).count())
        };
        let before = accepted();
        self.invoke(event.payload()).await?;
        assert_eq!(accepted() - before, 1 + self.lost_receipts, "one event, one answer");
        let body = self.aws.with(|world| world.responses.take_answer(&url)).expect("an Ok invocation has answered");
        Ok(self.read(event, &body))
    }

    /// Delivers two addressed events at once, the second one after a pause, and returns the answer to each. They may be
    /// one event that is delivered twice: its answers are in the order in which they came in.
    ///
    /// # Panics
    /// If one of the events is not answered, or as [`Self::deliver`] does.
    pub async fn deliver_both(&mut self, first: &Event, pause: Duration, second: &Event) -> [Answer; 2] {
        let before = self.aws.with(|world| world.responses.puts().len());
        let (one, other) = tokio::join!(self.invoke(first.payload()), async {
            tokio::time::sleep(pause).await;
            self.invoke(second.payload()).await
        });
        one.and(other).expect("both events should be answered");
        let mut puts = self.aws.with(|world| world.responses.puts()[before..].to_vec());
        puts.retain(|put| put.status == 200);
        assert_eq!(puts.len(), 2, "two events, two answers");
        [first, second].map(|event| {
            let ours = puts.iter().position(|put| event.0["ResponseURL"] == put.url).expect("each event is answered");
            self.read(event, &puts.remove(ours).body)
        })
    }

    /// Reads and keeps the answer to an event.
    fn read(&mut self, event: &Event, body: &[u8]) -> Answer {
        assert!(body.len() <= 4096, "{} bytes", body.len());
        let answer = Answer(serde_json::from_slice(body).expect("an answer is JSON"));
        for name in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(answer.0[name], event.0[name], "{name} must be repeated");
        }
        assert!(answer.is_success() || !answer.reason().is_empty(), "FAILED needs a Reason");
        self.answers.push(answer.clone());
        answer
    }

    /// Runs the function on any payload.
    ///
    /// # Errors
    /// The function failed.
    pub async fn invoke(&self, payload: Vec<u8>) -> Result<(), String> {
        self.function
            .invoke(Invocation {
                request_id: "lambda-request".to_owned(),
                payload,
                deadline: self.aws.clock().now() + self.timeout,
                function_arn: FUNCTION_ARN.to_owned(),
                role_arn: self.role_arn.clone(),
                environment: self.environment.clone(),
            })
            .await
    }
}
