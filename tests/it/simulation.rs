//! Faults at every call of every operation: the life of a secret and a runtime must end in SUCCESS at each step, with
//! nothing left at the end, whichever call is throttled, fails, or loses its reply, and wherever the function is killed.

use std::time::Duration;

use emulator::faults::{Fault, FaultEffect};
use emulator::settings::Settings;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sweep::{EFFECTS, deliver};
use crate::world::{EXECUTION_ROLE, Event, IMAGE, World, canary};

const SECRET: &str = "Custom::AgentCoreSecret";
const RUNTIME: &str = "Custom::AgentCoreRuntime";

/// Gets and lists are late, by different times.
fn settings() -> Settings {
    Settings {
        call_latency: Duration::from_secs(1),
        runtime_transition: Duration::from_secs(6),
        // As many calls as on V1: each is a life more.
        snapshot_transition: Duration::from_secs(6),
        runtime_deletion: Duration::from_secs(4),
        get_lag: Duration::from_secs(4),
        list_lag: Duration::from_secs(5),
        secret_force_deletion: Duration::from_secs(3),
        ..Settings::default()
    }
}

fn fault(nth: usize, (effect, count): (FaultEffect, u64)) -> Fault {
    Fault { service: None, operation: None, nth: nth as u64, count, effect }
}

/// One whole life; returns every call of it, in order, and how long it took.
async fn life(faults: Vec<Fault>, kill: Option<Duration>) -> (Vec<&'static str>, Duration) {
    let mut world = World::with_settings(settings());
    for fault in faults {
        world.aws.faults().add(fault);
    }
    let kill = kill.map(|kill| Instant::now() + kill);
    let secret = |value: &str| {
        json!({"SecretName": "mcp/credentials", "Values": {"A": canary(value)}, "GeneratedKeys": "KEY",
               "RecoveryWindowInDays": 0, "Tags": {"team": value}})
    };
    let runtime = |version: &str, text: &str| {
        json!({"AgentRuntimeName": "mcp_server", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE,
               "SecretId": "mcp/credentials", "SecretVersionId": version, "Description": text, "Tags": {"team": text}})
    };
    let event = |request: &str, kind: &str, id: Option<&str>, new: &Value, old: Option<&Value>| {
        let mut event = Event::new(request, kind, &kind[17..], new.clone());
        if let Some(id) = id {
            event = event.with("PhysicalResourceId", id);
        }
        match old {
            Some(old) => event.with("OldResourceProperties", old.clone()),
            None => event,
        }
    };

    let secret_one = secret("one");
    let created = deliver(&mut world, event("Create", SECRET, None, &secret_one, None), kill).await.success();
    let secret_id = created.physical_id();
    let runtime_one = runtime(created.attribute("VersionId"), "one");
    let created = deliver(&mut world, event("Create", RUNTIME, None, &runtime_one, None), kill).await.success();
    let runtime_id = created.physical_id();

    let secret_two = secret("two");
    let change = event("Update", SECRET, Some(&secret_id), &secret_two, Some(&secret_one));
    let updated = deliver(&mut world, change, kill).await.success();
    assert_eq!(updated.physical_id(), secret_id);
    assert_eq!(world.secret_entry("mcp/credentials", "A"), canary("two"));
    let runtime_two = runtime(updated.attribute("VersionId"), "two");
    let change = event("Update", RUNTIME, Some(&runtime_id), &runtime_two, Some(&runtime_one));
    let updated = deliver(&mut world, change, kill).await.success();
    assert_eq!(updated.physical_id(), runtime_id);
    assert_eq!(updated.attribute("AgentRuntimeVersion"), "2", "recycled exactly once");
    world.runtime(&runtime_id, |runtime| {
        assert_eq!((runtime.configuration().description(), runtime.tags["team"].as_str()), ("two", "two"));
    });

    let removal = event("Delete", RUNTIME, Some(&runtime_id), &runtime_two, None);
    deliver(&mut world, removal, kill).await.success();
    let removal = event("Delete", SECRET, Some(&secret_id), &secret_two, None);
    deliver(&mut world, removal, kill).await.success();
    assert!(world.runtime_names().is_empty());
    assert!(!world.knows_secret("mcp/credentials"));
    (world.calls_since(0), world.aws.clock().elapsed())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_life_without_faults_looks_nothing_up_by_name() {
    let (calls, _) = life(Vec::new(), None).await;
    assert!(!calls.iter().any(|call| call.starts_with("List") && *call != "ListTagsForResource"), "{calls:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_single_fault_at_every_call_is_survived() {
    let (calls, _) = life(Vec::new(), None).await;
    for nth in 1..=calls.len() {
        for effect in EFFECTS {
            life(vec![fault(nth, effect)], None).await;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_pair_of_lost_replies_is_survived() {
    let (calls, _) = life(Vec::new(), None).await;
    let lost = || (FaultEffect::ReplyLostAfter, 1);
    for first in 1..=calls.len() {
        for second in first + 1..=calls.len() {
            life(vec![fault(first, lost()), fault(second, lost())], None).await;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_kill_at_any_moment_is_carried_on_from() {
    let (_, duration) = life(Vec::new(), None).await;
    // Twice a second, with calls that take one: before and after the effect of each.
    for half_seconds in 0..duration.as_secs() * 2 {
        life(Vec::new(), Some(Duration::from_millis(half_seconds * 500 + 250))).await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn random_faults_are_survived_and_a_seed_repeats_its_trace() {
    let (calls, duration) = life(Vec::new(), None).await;
    for seed in 0..200 {
        let mut random = Random(seed);
        let faults: Vec<_> = (0..random.below(5))
            .map(|_| {
                let nth = random.below(calls.len() as u64) + 1;
                let (effect, _) = EFFECTS[usize::try_from(random.below(4)).expect("small")].clone();
                Fault { service: None, operation: None, nth, count: random.below(8) + 1, effect }
            })
            .collect();
        let kill = (random.below(2) == 0).then(|| Duration::from_millis(random.below(duration.as_secs() * 1000)));
        let first = life(faults.clone(), kill).await;
        if seed % 20 == 0 {
            assert_eq!(life(faults, kill).await, first, "seed {seed}");
        }
    }
}

/// SplitMix64: enough to spread seeds.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

crate::matrix::repeat_on_v2! {
    "simulation.rs":
    a_life_without_faults_looks_nothing_up_by_name
    every_single_fault_at_every_call_is_survived
    a_kill_at_any_moment_is_carried_on_from
    random_faults_are_survived_and_a_seed_repeats_its_trace
    // Thousands of lives.
    ; not every_pair_of_lost_replies_is_survived
}
