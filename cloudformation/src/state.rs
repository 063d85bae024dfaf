//! The state: stacks, events, requests to custom resources, and the account's other resources.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use emulator::lambda::async_invoke::Attempt;
use emulator::stacks::{Stack, Status};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::change::Target;
use crate::graph::Graph;
use crate::operation::Operation;
use crate::resources::Account;
use crate::stack::{StackEvent, StackResource};

/// A stack and everything in it.
pub(crate) struct StackRecord {
    pub stack: Stack,
    /// The operation that the resources were last updated to.
    pub operation: Operation,
    /// The order for deleting: during an update, that of both templates.
    pub graph: Graph,
    /// The exports it relies on: during an update, those of both templates.
    pub imports: BTreeSet<String>,
    pub resources: BTreeMap<String, StackResource>,
}

/// A request sent to a custom resource's function.
#[derive(Clone)]
pub struct CustomResourceRequest {
    /// The time at which it was sent.
    pub at: SystemTime,
    /// The event, as the function received it. Holds secrets and the response URL.
    pub event: Value,
    /// The answer that ended the wait, if one came in time.
    pub answer: Option<CustomResourceAnswer>,
    /// Every delivery that has ended so far: one, unless the function failed.
    pub attempts: Vec<Attempt>,
    /// True if no delivery is running or due.
    pub settled: bool,
    /// Lambda's id of the event, the same for every delivery of it.
    pub(crate) invocation_id: String,
    /// The number of deliveries of the event that are queued or running: one, unless it is delivered twice.
    pub(crate) queued: usize,
}

/// An answer taken from the response bucket.
#[derive(Clone)]
pub struct CustomResourceAnswer {
    /// The time at which CloudFormation took it.
    pub at: SystemTime,
    /// The bytes that the function sent.
    pub body: Vec<u8>,
}

/// An event that a rule handed to a function.
#[derive(Clone, Debug)]
pub struct EventDelivery {
    /// The time at which it was published.
    pub at: SystemTime,
    /// The function's input.
    pub input: Value,
    /// False if the function's resource policy does not let the rule invoke it. Nobody is told.
    pub permitted: bool,
    /// Every delivery that has ended so far.
    pub attempts: Vec<Attempt>,
    /// True if no delivery is running or due.
    pub settled: bool,
}

#[derive(Default)]
pub(crate) struct State {
    /// By name. A deleted stack is gone.
    pub stacks: BTreeMap<String, StackRecord>,
    pub account: Account,
    pub events: Vec<StackEvent>,
    pub subscribers: Vec<mpsc::UnboundedSender<StackEvent>>,
    pub requests: Vec<CustomResourceRequest>,
    pub event_deliveries: Vec<EventDelivery>,
    serial: u64,
}

impl State {
    fn digits(&mut self, purpose: &str) -> String {
        self.serial += 1;
        hex::encode(Sha256::digest(format!("cloudformation {purpose} {}", self.serial)))
    }

    /// Returns a new GUID; the n-th one is the same in every run.
    pub(crate) fn guid(&mut self, purpose: &str) -> String {
        let digits = self.digits(purpose);
        let part = |from: usize, to: usize| &digits[from..to];
        format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    /// Returns twelve upper-case letters and digits, the end of a generated name.
    pub(crate) fn suffix(&mut self, purpose: &str) -> String {
        emulator::ids::alphanumeric(&self.digits(purpose), 12).to_uppercase()
    }

    /// Reports an event of a resource; if it concerns the current physical resource, the list shows the state too.
    pub(crate) fn resource_event(
        &mut self,
        now: SystemTime,
        target: &Target,
        physical_id: Option<&str>,
        status: Status,
        reason: Option<&str>,
    ) {
        let record = self.stacks.get_mut(&target.stack_name);
        if let Some(resource) = record.and_then(|record| record.resources.get_mut(&target.logical_id))
            && resource.physical_id.as_deref() == physical_id
        {
            resource.status = status;
            resource.status_reason = reason.map(str::to_owned);
        }
        self.report(StackEvent {
            at: now,
            stack: target.stack_name.clone(),
            logical_id: target.logical_id.clone(),
            physical_id: physical_id.map(str::to_owned),
            type_name: target.type_name.clone(),
            status,
            reason: reason.map(str::to_owned),
        });
    }

    /// Changes the state of a stack and reports it.
    pub(crate) fn stack_event(&mut self, now: SystemTime, stack: &str, status: Status, reason: Option<&str>) {
        let Some(record) = self.stacks.get_mut(stack) else { return };
        record.stack.status = status;
        record.stack.status_reason = reason.map(str::to_owned);
        let event = StackEvent {
            at: now,
            stack: stack.to_owned(),
            logical_id: stack.to_owned(),
            physical_id: Some(record.stack.id.clone()),
            type_name: "AWS::CloudFormation::Stack".to_owned(),
            status,
            reason: reason.map(str::to_owned),
        };
        self.report(event);
    }

    /// Adds an event to the list and tells those who watch.
    pub(crate) fn report(&mut self, event: StackEvent) {
        self.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
        self.events.push(event);
    }
}
