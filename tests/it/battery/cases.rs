//! Create, update, replace, delete, and what goes wrong with each.

use std::time::Duration;

use emulator::agentcore_control::{Mismatch, RefusedAs};
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Stage, Subject, deliver};
use crate::world::merged;

/// The reason that a service gives for a failed operation.
const WHY: &str = "the key policy has no such principal";

pub(super) async fn a_create_answers_when_one_resource_is_ready<S: Subject>() {
    let mut stage = Stage::<S>::slow(Duration::from_secs(40)).await;
    let id = stage.created().await;
    stage.expect_only(&[&id]);
    assert!(stage.subject.is_ready(&stage.world, &id));
}

pub(super) async fn a_create_finds_nothing_by_name_while_all_goes_well<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let (old, new) = (stage.subject.properties(), stage.changed());
    let before = stage.world.call_count();
    let id = stage.created().await;
    stage.update(&id, &new, &old).await.success();
    stage.delete(&id, &new).await.success();
    // Targets and tags are listed by the id of what has them.
    let by_id = ["ListTagsForResource", "ListGatewayTargets"];
    let calls = stage.world.calls_since(before);
    assert!(!calls.iter().any(|call| call.starts_with("List") && !by_id.contains(call)), "{calls:?}");
}

pub(super) async fn an_update_in_place_keeps_the_id_and_equals_a_create<S: Subject>() {
    let mut stage = Stage::<S>::slow(Duration::from_secs(40)).await;
    let mut old = stage.subject.properties();
    let id = stage.created().await;
    for new in stage.subject.changed() {
        let updated = stage.update(&id, &new, &old).await.success();
        assert_eq!(updated.physical_id(), id);
        assert!(stage.subject.is_ready(&stage.world, &id));
        assert_eq!(stage.shape(&id), shape_of_a_create::<S>(&new).await);
        old = new;
    }
    stage.expect_only(&[&id]);
}

/// Returns the shape of a resource that is created with these properties.
async fn shape_of_a_create<S: Subject>(properties: &Value) -> Value {
    let mut stage = Stage::<S>::new().await;
    let id = stage.create(properties).await.success().physical_id();
    stage.shape(&id)
}

pub(super) async fn an_update_to_equal_properties_changes_nothing<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    let id = stage.created().await;
    let before = stage.world.call_count();
    stage.update(&id, &properties, &properties).await.success();
    let calls = stage.world.calls_since(before);
    let writes = ["Create", "Update", "Put", "Tag", "Untag", "Delete", "Synchronize"];
    assert!(!calls.iter().any(|call| writes.iter().any(|verb| call.starts_with(verb))), "{calls:?}");
}

pub(super) async fn a_replacement_stands_until_the_cleanup_deletes_the_old_resource<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let (old, new) = (stage.changed(), stage.subject.replaced().expect("properties that replace"));
    let first = stage.create(&old).await.success().physical_id();
    let event = stage.change(&first, &new, &old);
    let second = stage.deliver(&event).await.success().physical_id();
    assert_ne!(second, first);
    assert_eq!(stage.deliver(&event).await.success().physical_id(), second, "one for both deliveries");
    stage.expect_only(&[&first, &second]);
    stage.delete(&first, &old).await.success();
    stage.expect_only(&[&second]);
    stage.update(&second, &new, &new).await.success();
    stage.delete(&second, &new).await.success();
    stage.expect_nothing_new();
}

pub(super) async fn the_rollback_of_a_replacement_finds_the_old_resource_by_either_id<S: Subject>() {
    for answered in [true, false] {
        let mut stage = Stage::<S>::new().await;
        let (old, new) = (stage.changed(), stage.subject.replaced().expect("properties that replace"));
        let first = stage.create(&old).await.success().physical_id();
        let shape = stage.shape(&first);
        let second = stage.update(&first, &new, &old).await.success().physical_id();
        stage.world.stack_status(StackStatus::UpdateRollbackInProgress);
        // If the answer did not arrive, CloudFormation never deletes the replacement.
        let known = if answered { &second } else { &first };
        assert_eq!(stage.update(known, &old, &new).await.success().physical_id(), first, "answered: {answered}");
        if answered {
            stage.delete(&second, &new).await.success();
        }
        stage.expect_only(&[&first]);
        assert_eq!(stage.shape(&first), shape, "answered: {answered}");
    }
}

pub(super) async fn a_rollback_restores_the_old_properties<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let (old, new) = (stage.subject.properties(), stage.changed());
    let id = stage.created().await;
    let shape = stage.shape(&id);
    stage.update(&id, &new, &old).await.success();
    assert_ne!(stage.shape(&id), shape);
    stage.world.stack_status(StackStatus::UpdateRollbackInProgress);
    assert_eq!(stage.update(&id, &old, &new).await.success().physical_id(), id);
    assert_eq!(stage.shape(&id), shape);
}

pub(super) async fn a_delete_waits_until_the_resource_is_gone<S: Subject>() {
    let slow = Duration::from_secs(40);
    let mut stage = Stage::<S>::slow(slow).await;
    let properties = stage.subject.properties();
    let id = stage.created().await;
    let started = Instant::now();
    stage.delete(&id, &properties).await.success();
    assert!(started.elapsed() >= slow);
    stage.expect_nothing_new();
}

pub(super) async fn a_delete_may_be_repeated<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    let id = stage.created().await;
    for _ in 0..2 {
        stage.delete(&id, &properties).await.success();
        stage.expect_nothing_new();
    }
}

/// Gets that are late do not show the resource yet, which does not mean that it was deleted.
pub(super) async fn a_delete_right_after_its_create_leaves_nothing<S: Subject>() {
    for properties in [S::properties, S::named] {
        let settings = Settings { get_lag: Duration::from_secs(10), ..Settings::default() };
        let mut stage = Stage::<S>::with(settings).await;
        let properties = properties(&stage.subject);
        let id = stage.create(&properties).await.success().physical_id();
        stage.delete(&id, &properties).await.success();
        stage.expect_nothing_new();
    }
}

pub(super) async fn a_resource_deleted_behind_our_back_is_created_again_and_its_delete_succeeds<S: Subject>() {
    for properties in [S::properties, S::named] {
        let mut stage = Stage::<S>::new().await;
        let properties = properties(&stage.subject);
        let first = stage.create(&properties).await.success().physical_id();
        stage.subject.remove(&stage.world, &first);
        stage.settle().await;
        stage.expect_only(&[""; 0]);
        let second = stage.update(&first, &properties, &properties).await.success().physical_id();
        stage.expect_only(&[&second]);
        assert!(stage.subject.is_ready(&stage.world, &second));
        if second != first {
            stage.delete(&first, &properties).await.success();
            // The cleanup of the old one leaves the new one alone.
            stage.expect_only(&[&second]);
        }
        stage.subject.remove(&stage.world, &second);
        stage.settle().await;
        stage.delete(&second, &properties).await.success();
        stage.expect_nothing_new();
    }
}

pub(super) async fn the_same_create_delivered_again_creates_one_resource<S: Subject>() {
    for transition in [0, 5].map(Duration::from_secs) {
        let mut stage = Stage::<S>::slow(transition).await;
        let properties = stage.subject.properties();
        let event = stage.creation(&properties);
        let both = stage.world.deliver_both(&event, Duration::ZERO, &event).await;
        let first = stage.deliver(&event).await.success();
        let shape = stage.shape(&first.physical_id());
        let last = stage.deliver(&event).await.success();
        for other in both.into_iter().chain([last]) {
            let other = other.success();
            assert_eq!(other.0["Data"], first.0["Data"], "every delivery is answered alike");
            assert_eq!(other.physical_id(), first.physical_id());
        }
        stage.expect_only(&[&first.physical_id()]);
        assert_eq!(stage.shape(&first.physical_id()), shape);
    }
}

pub(super) async fn a_create_whose_reply_is_lost_creates_one_resource<S: Subject>() {
    for effect in [FaultEffect::ReplyLostBefore, FaultEffect::ReplyLostAfter] {
        let mut stage = Stage::<S>::new().await;
        let properties = stage.subject.properties();
        stage.world.fault(S::OPERATIONS[0], 1, 1, effect.clone());
        let id = stage.create(&properties).await.success().physical_id();
        stage.expect_only(&[&id]);
    }
}

pub(super) async fn a_create_whose_replies_are_all_lost_is_cleaned_up<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    stage.world.fault(S::OPERATIONS[0], 1, u64::MAX, FaultEffect::ReplyLostAfter);
    let answer = stage.create(&properties).await;
    assert!(answer.failure().contains(S::LOST), "{}", answer.reason());
    stage.expect_only(&[&answer.physical_id()]);
    stage.delete(&answer.physical_id(), &properties).await.success();
    stage.expect_nothing_new();
}

pub(super) async fn a_resource_of_ours_from_a_forgotten_request_is_adopted_and_converged<S: Subject>() {
    for (mismatch, taken) in [(Mismatch::Validation, RefusedAs::Validation), (Mismatch::Conflict, RefusedAs::Conflict)]
    {
        // The list shows another one first, on a page of its own.
        let mut stage = Stage::<S>::with(Settings { list_page_max: 1, ..Settings::default() }).await;
        stage.world.aws.with(|world| world.agentcore.answer_mismatched_tokens_with(mismatch));
        stage.world.aws.with(|world| world.agentcore.answer_taken_provider_names_with(taken));
        let other = stage.subject.strangers(&stage.world, "other");
        let (old, new) = (stage.subject.properties(), stage.changed());
        let event = stage.creation(&old);
        let first = stage.deliver(&event).await.success().physical_id();
        let shape = stage.shape(&first);
        // The same request with other properties: its token is known for another one.
        let changed = event.with("ResourceProperties", new.clone());
        assert_eq!(stage.deliver(&changed).await.success().physical_id(), first);
        assert_eq!(stage.shape(&first), shape_of_a_create::<S>(&new).await, "{mismatch:?}");
        // Another request: its token is new, and the name is taken.
        assert_eq!(stage.create(&old).await.success().physical_id(), first);
        assert_eq!(stage.shape(&first), shape, "{mismatch:?}");
        stage.expect_only(&[&other, &first]);
    }
}

pub(super) async fn a_late_duplicate_of_a_create_brings_nothing_back<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    let event = stage.creation(&properties);
    let id = stage.deliver(&event).await.success().physical_id();
    stage.delete(&id, &properties).await.success();
    stage.settle().await;
    let late = stage.deliver(&event).await;
    assert!(late.failure().contains("it was deleted"), "{}", late.reason());
    stage.expect_nothing_new();
}

pub(super) async fn a_slow_create_is_carried_on_by_the_next_delivery<S: Subject>() {
    let mut stage = Stage::<S>::slow(Duration::from_mins(25)).await;
    let properties = stage.subject.properties();
    let event = stage.creation(&properties);
    let answers = stage.world.aws.with(|world| world.responses.puts().len());
    let first = stage.world.deliver(&event).await.expect_err("left to the next delivery");
    assert!(first.contains("CREATING"), "{first}");
    assert_eq!(stage.world.aws.with(|world| world.responses.puts().len()), answers);
    sleep(Duration::from_mins(1)).await;
    let id = stage.deliver(&event).await.success().physical_id();
    stage.expect_only(&[&id]);
    assert!(stage.subject.is_ready(&stage.world, &id));
}

pub(super) async fn a_create_that_never_ends_is_answered_before_cloudformation_gives_up<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    stage.world.fault(S::OPERATIONS[0], 1, 1, FaultEffect::Stuck);
    let started = Instant::now();
    let answer = deliver(&mut stage.world, S::RESOURCE.create(properties), None).await;
    assert!(answer.failure().contains("the last status was CREATING"), "{}", answer.reason());
    // The cleanup must find it.
    stage.expect_only(&[&answer.physical_id()]);
    assert!(started.elapsed() < Duration::from_hours(1));
}

pub(super) async fn a_cancelled_create_leaves_nothing<S: Subject>() {
    for (transition, pause) in [(5, 0), (5, 2), (60, 0), (60, 20)] {
        let mut stage = Stage::<S>::slow(Duration::from_secs(transition)).await;
        let properties = stage.subject.properties();
        let (creation, deletion) =
            (stage.creation(&properties), stage.deletion(&S::RESOURCE.invented_id(), &properties));
        let [_, deleted] = stage.world.deliver_both(&creation, Duration::from_secs(pause), &deletion).await;
        deleted.success();
        stage.expect_nothing_new();
    }
    // The create is held up before its call takes effect.
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    stage.world.fault(S::OPERATIONS[0], 1, 20, FaultEffect::Throttled);
    let (creation, deletion) = (stage.creation(&properties), stage.deletion(&S::RESOURCE.invented_id(), &properties));
    let [_, deleted] = stage.world.deliver_both(&creation, Duration::ZERO, &deletion).await;
    deleted.success();
    stage.expect_nothing_new();
}

pub(super) async fn a_delete_waits_for_an_update_under_way<S: Subject>() {
    // A resource without a status is written by calls alone, which are slow, too.
    let settings = Settings { call_latency: Duration::from_secs(1), ..Settings::default() };
    for pause in [0, 500, 1_500, 2_500, 5_500].map(Duration::from_millis) {
        let mut stage = Stage::<S>::with(S::slowed(settings.clone(), Duration::from_mins(2))).await;
        let (old, new) = (stage.subject.properties(), stage.changed());
        let id = stage.created().await;
        let (change, deletion) = (stage.change(&id, &new, &old), stage.deletion(&id, &old));
        let [_, deleted] = stage.world.deliver_both(&change, pause, &deletion).await;
        deleted.success();
        stage.expect_nothing_new();
    }
}

pub(super) async fn a_failed_create_carries_the_reason_and_the_id_and_is_cleaned_up<S: Subject>() {
    let mut stage = Stage::<S>::slow(Duration::from_secs(5)).await;
    let properties = stage.subject.properties();
    stage.world.fault(S::OPERATIONS[0], 1, u64::MAX, FaultEffect::BecomesFailed(WHY.to_owned()));
    let answer = stage.create(&properties).await;
    assert!(answer.failure().contains(&format!("{}: {WHY}", S::FAILED[0])), "{}", answer.reason());
    // The cleanup must find it.
    stage.expect_only(&[&answer.physical_id()]);
    stage.delete(&answer.physical_id(), &properties).await.success();
    stage.expect_nothing_new();
}

/// Gets that are late show what was before the update, which is neither its success nor its failure.
pub(super) async fn a_failed_update_keeps_the_id_and_is_rolled_back<S: Subject>() {
    for get_lag in [0, 10].map(Duration::from_secs) {
        let settings = S::slowed(Settings::default(), Duration::from_secs(5));
        let mut stage = Stage::<S>::with(Settings { get_lag, ..settings }).await;
        let (old, new) = (stage.subject.properties(), stage.changed());
        let id = stage.created().await;
        let shape = stage.shape(&id);
        stage.world.fault(S::OPERATIONS[1], 1, u64::MAX, FaultEffect::BecomesFailed(WHY.to_owned()));
        let answer = stage.update(&id, &new, &old).await;
        assert!(answer.failure().contains(&format!("{}: {WHY}", S::FAILED[1])), "{get_lag:?}: {}", answer.reason());
        assert_eq!(answer.physical_id(), id);
        stage.world.aws.faults().clear();
        stage.world.stack_status(StackStatus::UpdateRollbackInProgress);
        assert_eq!(stage.update(&id, &old, &new).await.success().physical_id(), id);
        assert!(stage.subject.is_ready(&stage.world, &id), "{get_lag:?}");
        assert_eq!(stage.shape(&id), shape, "{get_lag:?}");
    }
}

pub(super) async fn a_failed_delete_carries_the_reason_and_may_be_repeated<S: Subject>() {
    delete_fails::<S>(Duration::ZERO).await;
}

pub(super) async fn a_failed_delete_is_told_although_gets_are_late<S: Subject>() {
    delete_fails::<S>(Duration::from_secs(10)).await;
}

async fn delete_fails<S: Subject>(get_lag: Duration) {
    let settings = S::slowed(Settings::default(), Duration::from_secs(5));
    let mut stage = Stage::<S>::with(Settings { get_lag, ..settings }).await;
    let properties = stage.subject.properties();
    let id = stage.created().await;
    stage.world.fault(S::OPERATIONS[2], 1, u64::MAX, FaultEffect::BecomesFailed(WHY.to_owned()));
    let answer = stage.delete(&id, &properties).await;
    assert!(answer.failure().contains(&format!("{}: {WHY}", S::FAILED[2])), "{}", answer.reason());
    stage.expect_only(&[&id]);
    stage.world.aws.faults().clear();
    stage.delete(&id, &properties).await.success();
    stage.expect_nothing_new();
}

pub(super) async fn throttling_errors_and_lost_replies_are_waited_through<S: Subject>() {
    for effect in
        [FaultEffect::Throttled, FaultEffect::InternalError, FaultEffect::ReplyLostBefore, FaultEffect::ReplyLostAfter]
    {
        let mut stage = Stage::<S>::new().await;
        for operation in S::OPERATIONS {
            stage.world.fault(operation, 1, 3, effect.clone());
        }
        let mut old = stage.subject.properties();
        let id = stage.created().await;
        for new in stage.subject.changed() {
            assert_eq!(stage.update(&id, &new, &old).await.success().physical_id(), id, "{effect:?}");
            old = new;
        }
        stage.expect_only(&[&id]);
        stage.delete(&id, &old).await.success();
        stage.expect_nothing_new();
    }
}

/// Sends a create that has to be refused, in a sentence about `property`, before any call.
async fn refused<S: Subject>(stage: &mut Stage<S>, properties: &Value, sentence: &str) {
    let before = stage.world.call_count();
    let answer = stage.create(properties).await;
    assert!(answer.failure().contains(sentence), "{properties}: {}", answer.reason());
    stage.delete(&answer.physical_id(), properties).await.success();
    assert_eq!(stage.world.calls_since(before), [""; 0], "{properties}");
}

pub(super) async fn an_unknown_property_is_refused_before_any_call<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    for name in properties.as_object().expect("a map").keys() {
        let mut misspelt = properties.clone();
        misspelt[format!("{name}x")] = properties[name].clone();
        refused(&mut stage, &misspelt, &format!("`{name}x` is not a property")).await;
        refused(&mut stage, &misspelt, &format!("did you mean `{name}`?")).await;
    }
}

pub(super) async fn a_missing_property_is_refused_before_any_call<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    for name in S::REQUIRED {
        for nothing in [json!(""), json!(null), json!(" ")] {
            let mut incomplete = stage.subject.properties();
            incomplete[*name] = nothing;
            refused(&mut stage, &incomplete, &format!("`{name}` is missing")).await;
        }
        let mut incomplete = stage.subject.properties();
        incomplete.as_object_mut().expect("a map").remove(*name);
        refused(&mut stage, &incomplete, &format!("`{name}` is missing")).await;
    }
}

/// The names come from the refusal of an unknown property, which lists those that the type declares.
pub(super) async fn a_property_of_the_wrong_type_is_refused_before_any_call<S: Subject>() {
    let mut stage = Stage::<S>::new().await;
    let properties = stage.subject.properties();
    let unknown = stage.create(&merged(properties.clone(), json!({"?": "?"}))).await;
    let (_, names) = unknown.failure().split_once("known properties: ").expect("a list");
    let given = properties.as_object().expect("a map").keys();
    assert!(given.into_iter().all(|name| names.split(", ").any(|known| known == name)), "{names}");
    for name in names.split(", ") {
        let object = (!S::OBJECTS.contains(&name)).then(|| json!({"a": {"b": ["c"]}}));
        for wrong in object.into_iter().chain([json!([["a"], {"b": "c"}])]) {
            let mut mistyped = properties.clone();
            mistyped[name] = wrong;
            refused(&mut stage, &mistyped, &format!("`{name}")).await;
        }
    }
}
