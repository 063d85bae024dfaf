//! Resources of others are never adopted, changed or deleted: neither those of strangers, nor those that were the
//! function's and have lost the tag or the mark that proves it.

use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use harness::{Answer, STACK_ID};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

use super::{Disowned, Stage, Subject};

/// A resource that is not the function's, as it was when that began.
struct Foreign {
    id: String,
    shape: Value,
    calls: usize,
}

impl Foreign {
    fn new<S: Subject>(stage: &Stage<S>, id: String) -> Self {
        Self { shape: stage.shape(&id), id, calls: stage.world.call_count() }
    }

    /// Creates a stranger's resource with the name in [`Subject::named`].
    async fn strangers<S: Subject>(stage: &Stage<S>) -> Self {
        let id = stage.subject.strangers(&stage.world, S::NAME);
        stage.settle().await;
        Self::new(stage, id)
    }

    /// Creates a resource that no longer belongs to the function.
    async fn disowned<S: Subject>(stage: &mut Stage<S>, how: Disowned) -> Self {
        let named = stage.subject.named();
        let id = stage.create(&named).await.success().physical_id();
        stage.subject.disown(&stage.world, &id, how);
        stage.settle().await;
        Self::new(stage, id)
    }

    /// Checks that a request was refused because the resource is not ours, and that nothing was written.
    fn check<S: Subject>(&self, stage: &Stage<S>, answer: &Answer) {
        let reason = answer.failure();
        assert!(reason.contains(" exists and belongs to someone else; "), "{reason}");
        self.check_untouched(stage);
    }

    /// Checks that a Delete was refused because the proof of ownership is missing.
    fn check_delete<S: Subject>(&self, stage: &Stage<S>, answer: &Answer) {
        self.check(stage, answer);
        assert!(answer.reason().contains("gone or changed"), "{}", answer.reason());
    }

    fn check_untouched<S: Subject>(&self, stage: &Stage<S>) {
        stage.expect_only(&[&self.id]);
        assert_eq!(stage.shape(&self.id), self.shape);
        let calls = stage.world.calls_since(self.calls);
        let writes = ["Update", "Put", "Tag", "Untag", "Delete", "Restore", "Synchronize"];
        assert!(!calls.iter().any(|call| writes.iter().any(|verb| call.starts_with(verb))), "{calls:?}");
    }
}

async fn late_lists<S: Subject>() -> Stage<S> {
    Stage::with(Settings { list_lag: Duration::from_secs(10), ..Settings::default() }).await
}

fn other_stack() -> String {
    STACK_ID.replace("11111111", "99999999")
}

/// Creates a resource of another stack, and returns its id.
async fn created_by_another_stack<S: Subject>(stage: &mut Stage<S>) -> String {
    stage.world.put_stack(&other_stack(), StackStatus::CreateInProgress);
    let named = stage.subject.named();
    let event = stage.creation(&named).with("StackId", other_stack());
    stage.deliver(&event).await.success().physical_id()
}

/// Sends a Create that is refused, and the Deletes that may follow it.
async fn create_is_refused<S: Subject>(stage: &mut Stage<S>, foreign: &Foreign) {
    let named = stage.subject.named();
    let answer = stage.create(&named).await;
    foreign.check(stage, &answer);
    assert!(answer.reason().contains(S::NAME), "{}", answer.reason());
    assert!(answer.physical_id().starts_with("pending:"), "{}", answer.physical_id());
    for id in [answer.physical_id(), S::RESOURCE.invented_id()] {
        stage.delete(&id, &named).await.success();
        foreign.check_untouched(stage);
    }
}

pub(super) async fn a_create_leaves_a_strangers_resource_with_our_name_alone<S: Subject>() {
    let mut stage = late_lists::<S>().await;
    let foreign = Foreign::strangers(&stage).await;
    create_is_refused(&mut stage, &foreign).await;
    // Another stack of the same name is a stranger, too.
    let mut stage = late_lists::<S>().await;
    let id = created_by_another_stack(&mut stage).await;
    stage.settle().await;
    let foreign = Foreign::new(&stage, id);
    create_is_refused(&mut stage, &foreign).await;
}

pub(super) async fn an_update_leaves_a_strangers_resource_alone<S: Subject>() {
    let mut stage = late_lists::<S>().await;
    let foreign = Foreign::strangers(&stage).await;
    let named = stage.subject.named();
    let answer = stage.update(&foreign.id, &named, &named).await;
    foreign.check(&stage, &answer);
}

pub(super) async fn a_delete_leaves_a_strangers_resource_alone<S: Subject>() {
    let mut stage = late_lists::<S>().await;
    let foreign = Foreign::strangers(&stage).await;
    let named = stage.subject.named();
    let answer = stage.delete(&foreign.id, &named).await;
    foreign.check_delete(&stage, &answer);
}

/// The owner's deletion is under way when ours is requested, and it fails.
pub(super) async fn a_delete_leaves_a_strangers_resource_alone_whose_own_deletion_fails<S: Subject>() {
    let mut stage = Stage::<S>::slow(Duration::from_secs(40)).await;
    let id = created_by_another_stack(&mut stage).await;
    let named = stage.subject.named();
    let deletion = stage.deletion(&id, &named).with("StackId", other_stack());
    stage.world.fault(S::OPERATIONS[2], 1, 1, FaultEffect::BecomesFailed("the key is gone".to_owned()));
    timeout(Duration::from_secs(5), stage.world.invoke(deletion.payload())).await.expect_err("killed");
    let foreign = Foreign::new(&stage, id);
    let answer = stage.delete(&foreign.id, &named).await;
    foreign.check_delete(&stage, &answer);
}

pub(super) async fn a_create_does_not_adopt_what_has_lost_its_mark<S: Subject>() {
    for how in Disowned::ALL {
        let mut stage = late_lists::<S>().await;
        let foreign = Foreign::disowned(&mut stage, how).await;
        create_is_refused(&mut stage, &foreign).await;
    }
}

pub(super) async fn an_update_refuses_what_has_lost_its_mark<S: Subject>() {
    for how in Disowned::ALL {
        let mut stage = late_lists::<S>().await;
        let foreign = Foreign::disowned(&mut stage, how).await;
        let named = stage.subject.named();
        let answer = stage.update(&foreign.id, &named, &named).await;
        foreign.check(&stage, &answer);
    }
}

pub(super) async fn a_delete_refuses_what_has_lost_its_mark<S: Subject>() {
    for how in Disowned::ALL {
        let mut stage = late_lists::<S>().await;
        let foreign = Foreign::disowned(&mut stage, how).await;
        let named = stage.subject.named();
        let answer = stage.delete(&foreign.id, &named).await;
        foreign.check_delete(&stage, &answer);
    }
}
