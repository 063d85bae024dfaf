//! Events that EventBridge delivers to functions of the account.

use emulator::event_bus::Delivery;
use emulator::lambda::async_invoke::{Attempt, invoke_async};
use tokio::time::sleep;

use crate::engine::CloudFormation;
use crate::state::EventDelivery;

impl CloudFormation {
    /// Returns every event that a rule has handed to a function so far, oldest first.
    #[must_use]
    pub fn event_deliveries(&self) -> Vec<EventDelivery> {
        self.state().event_deliveries.clone()
    }

    /// Invokes the function after the time that the delivery takes. Needs to be called inside a tokio runtime.
    pub(crate) fn receive(&self, delivery: Delivery) {
        let Delivery { rule_arn, function_arn, input, after } = delivery;
        let payload = input.to_string().into_bytes();
        let at = self.now();
        let (index, invocation_id) = {
            let mut state = self.state();
            let entry = EventDelivery { at, input, permitted: true, attempts: Vec::new(), settled: false };
            state.event_deliveries.push(entry);
            (state.event_deliveries.len() - 1, state.guid("invocation"))
        };
        let cloudformation = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            let permitted = cloudformation.state().account.may_invoke(&function_arn, &rule_arn);
            cloudformation.state().event_deliveries[index].permitted = permitted;
            if permitted {
                let (configured, recording) = (cloudformation.clone(), cloudformation.clone());
                let configuration =
                    move || configured.state().account.function(&function_arn).map(|it| it.configuration.clone());
                let record = move |attempt: Attempt| recording.state().event_deliveries[index].attempts.push(attempt);
                let (function, clock) = (cloudformation.function(), cloudformation.aws().clock());
                invoke_async(function, clock, invocation_id, payload, configuration, record).await;
            }
            cloudformation.state().event_deliveries[index].settled = true;
            cloudformation.changed();
        });
    }
}
