//! The engine: the stacks of the account, and what serves their custom resources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use emulator::aws::Aws;
use emulator::lambda::Function;
use emulator::stacks::{Stack, Status};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc};

use crate::parameters::{Inventory, STORED_VALUE};
use crate::stack::{StackEvent, StackResource};
use crate::state::{CustomResourceRequest, State};

/// The parameter that `cdk bootstrap` stores: the version that every template of `cdk synth` asks for, which has to be
/// at least 6.
const CDK_BOOTSTRAP: (&str, &str) = ("/cdk-bootstrap/hnb659fds/version", "30");

/// CloudFormation in the emulated account. Clones are the same one.
#[derive(Clone)]
pub struct CloudFormation {
    shared: Arc<Shared>,
}

struct Shared {
    aws: Aws,
    function: Arc<dyn Function>,
    /// Attributes of EC2 resources by id, for `Fn::ValueOf` in Rules, and values of stored parameters by name.
    inventory: Mutex<Inventory>,
    state: Mutex<State>,
    /// A delivery or an operation on a stack has ended.
    settled: Notify,
}

impl CloudFormation {
    /// Creates an account without stacks, whose Lambda functions all run `function`.
    #[must_use]
    pub fn new(aws: Aws, function: Arc<dyn Function>) -> Self {
        let shared =
            Shared { aws, function, inventory: Mutex::default(), state: Mutex::default(), settled: Notify::new() };
        let cloudformation = Self { shared: Arc::new(shared) };
        cloudformation.put_parameter(CDK_BOOTSTRAP.0, CDK_BOOTSTRAP.1);
        let receiver = Arc::downgrade(&cloudformation.shared);
        cloudformation.aws().on_delivery(move |delivery| {
            if let Some(shared) = receiver.upgrade() {
                Self { shared }.receive(delivery);
            }
        });
        cloudformation
    }

    /// Makes an attribute of an EC2 resource known to `Fn::ValueOf` and `Fn::ValueOfAll`: `("subnet-…", "VpcId", "vpc-…")`.
    pub fn put_attribute(&self, id: impl Into<String>, attribute: impl Into<String>, value: impl Into<String>) {
        let mut inventory = self.shared.inventory.lock().unwrap_or_else(PoisonError::into_inner);
        inventory.entry(id.into()).or_default().insert(attribute.into(), value.into());
    }

    /// Stores a value in Parameter Store, for template parameters of the type `AWS::SSM::Parameter::Value<…>`.
    pub fn put_parameter(&self, name: impl Into<String>, value: impl Into<String>) {
        self.put_attribute(name, STORED_VALUE, value);
    }

    /// Returns a stack that exists, by name.
    #[must_use]
    pub fn stack(&self, name: &str) -> Option<Stack> {
        self.state().stacks.get(name).map(|record| record.stack.clone())
    }

    /// Returns all stacks that exist, nested ones too, by name.
    #[must_use]
    pub fn stacks(&self) -> Vec<Stack> {
        self.state().stacks.values().map(|record| record.stack.clone()).collect()
    }

    /// Returns the resources of a stack by logical id; none if the stack does not exist.
    #[must_use]
    pub fn resources(&self, stack: &str) -> BTreeMap<String, StackResource> {
        self.state().stacks.get(stack).map(|record| record.resources.clone()).unwrap_or_default()
    }

    /// Returns every event so far, of all stacks, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<StackEvent> {
        self.state().events.clone()
    }

    /// Subscribes to every event from now on. Dropping the receiver ends the subscription.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<StackEvent> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().subscribers.push(sender);
        receiver
    }

    /// Returns every request sent to a custom resource's function so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<CustomResourceRequest> {
        self.state().requests.clone()
    }

    /// Waits until no delivery to a function is running or due: a cancelled create may outlive its stack.
    pub async fn settled(&self) {
        loop {
            let notified = self.next_change();
            if self.is_settled() {
                return;
            }
            notified.await;
        }
    }

    fn is_settled(&self) -> bool {
        let state = self.state();
        state.requests.iter().all(|request| request.settled) && state.event_deliveries.iter().all(|it| it.settled)
    }

    /// Tells those who wait that a delivery has ended.
    pub(crate) fn changed(&self) {
        self.shared.settled.notify_waiters();
    }

    /// Returns a future that ends when the next delivery to a function or the next operation on a stack changes state.
    pub(crate) fn next_change(&self) -> Notified<'_> {
        self.shared.settled.notified()
    }

    /// Marks a request whose event Lambda is done with.
    pub(crate) fn settle(&self, request: usize) {
        let mut state = self.state();
        let request = &mut state.requests[request];
        request.queued -= 1;
        request.settled = request.queued == 0;
        drop(state);
        self.changed();
    }

    pub(crate) fn aws(&self) -> &Aws {
        &self.shared.aws
    }

    pub(crate) fn function(&self) -> Arc<dyn Function> {
        Arc::clone(&self.shared.function)
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.shared.aws.clock().now()
    }

    pub(crate) fn inventory(&self) -> Inventory {
        self.shared.inventory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state of a stack and reports it.
    pub(crate) fn stack_event(&self, stack: &str, status: Status, reason: Option<&str>) {
        let now = self.now();
        self.state().stack_event(now, stack, status, reason);
        if let Some(stack) = self.stack(stack) {
            self.aws().with(|world| world.stacks.put(stack));
        }
        self.shared.settled.notify_waiters();
    }
}

impl fmt::Debug for CloudFormation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudFormation").finish_non_exhaustive()
    }
}
