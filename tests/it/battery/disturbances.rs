//! One request that is disturbed, and what CloudFormation does after its answer. The account is then as it was before.

use std::time::Duration;

use emulator::faults::FaultEffect;
use harness::{Answer, Event};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::sweeps::{deliver_addressed, settings};
use super::{Stage, Subject};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Update,
    Delete,
}

impl Step {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];
}

/// A request that is about to be delivered.
struct Request<S> {
    stage: Stage<S>,
    step: Step,
    event: Event,
    /// The properties and the id of the resource, unless it is yet to be created.
    old: Value,
    id: Option<String>,
}

impl<S: Subject> Request<S> {
    async fn new(step: Step) -> Self {
        let mut stage = Stage::<S>::with(settings()).await;
        let old = stage.subject.properties();
        let id = if step == Step::Create { None } else { Some(stage.created().await) };
        stage.settle().await;
        let event = match (step, &id) {
            (Step::Update, Some(id)) => stage.change(id, &stage.changed(), &old),
            (Step::Delete, Some(id)) => stage.deletion(id, &old),
            _ => stage.creation(&old),
        };
        Self { stage, step, event, old, id }
    }

    /// Delivers the event, as often as Lambda does.
    async fn deliver(&mut self) -> Answer {
        deliver_addressed(&mut self.stage.world, &self.event, None).await
    }

    /// Returns the operations that the undisturbed request calls, in order, and the time that it takes.
    async fn reference(step: Step) -> (Vec<&'static str>, Duration) {
        let mut request = Self::new(step).await;
        let (before, started) = (request.stage.world.call_count(), Instant::now());
        let answer = request.deliver().await.success();
        let reference = (request.stage.world.calls_since(before), started.elapsed());
        request.conclude(answer).await;
        reference
    }

    /// Does what CloudFormation does after the answer: rolls a failed update back, and deletes the resource at last.
    async fn conclude(mut self, answer: Answer) {
        self.stage.settle().await;
        let mut ids = vec![answer.physical_id()];
        if self.step == Step::Update && !answer.is_success() {
            let new = self.stage.changed();
            let rolled_back = self.stage.update(&answer.physical_id(), &self.old, &new).await.success();
            ids.insert(0, rolled_back.physical_id());
        }
        ids.extend(self.id.take());
        ids.dedup();
        if self.step != Step::Delete || !answer.is_success() {
            for id in ids {
                self.stage.settle().await;
                self.stage.delete(&id, &self.old).await.success();
            }
        }
        self.stage.expect_nothing_new();
    }
}

pub(super) async fn a_deadline_at_any_moment_is_answered_or_carried_on_from<S: Subject>() {
    for step in Step::ALL {
        let (_, took) = Request::<S>::reference(step).await;
        for seconds in 1..=took.as_secs() {
            let mut request = Request::<S>::new(step).await;
            let usual = request.stage.world.timeout;
            request.stage.world.timeout = Duration::from_secs(seconds);
            let first = request.stage.world.deliver(&request.event).await;
            request.stage.world.timeout = usual;
            let answer = match first {
                Ok(answer) => answer,
                Err(_) => request.stage.deliver(&request.event).await.success(),
            };
            request.conclude(answer).await;
        }
    }
}

pub(super) async fn a_denied_operation_is_named_and_cleaned_up_after<S: Subject>() {
    for step in Step::ALL {
        let (mut operations, _) = Request::<S>::reference(step).await;
        operations.sort_unstable();
        operations.dedup();
        for operation in operations {
            let mut request = Request::<S>::new(step).await;
            request.stage.world.fault(operation, 1, u64::MAX, FaultEffect::Denied);
            let answer = request.deliver().await;
            assert!(answer.is_success() || answer.reason().contains(operation), "{step:?}: {}", answer.reason());
            if let Some(id) = &request.id {
                assert_eq!(answer.physical_id(), *id, "{step:?} {operation}");
            }
            request.stage.world.aws.faults().clear();
            request.conclude(answer).await;
        }
    }
}

pub(super) async fn a_resource_deleted_during_a_request_leaves_nothing_behind<S: Subject>() {
    for step in Step::ALL {
        let (_, took) = Request::<S>::reference(step).await;
        for seconds in 0..=took.as_secs() {
            let mut request = Request::<S>::new(step).await;
            let Stage { world, subject, .. } = &request.stage;
            let (handled, ()) = tokio::join!(world.invoke(request.event.payload()), async {
                sleep(Duration::from_secs(seconds) + Duration::from_millis(250)).await;
                for id in subject.ids(world).iter().filter(|id| subject.is_ready(world, id)) {
                    subject.remove(world, id);
                }
            });
            let url = request.event.0["ResponseURL"].as_str().expect("an addressed event");
            let answer = request.stage.world.aws.with(|world| world.responses.take_answer(url));
            let answer = match (handled, answer) {
                (Ok(()), Some(answer)) => Answer(serde_json::from_slice(&answer).expect("JSON")),
                _ => request.deliver().await,
            };
            request.conclude(answer).await;
        }
    }
}
