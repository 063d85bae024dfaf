//! Faults at every call of a whole lifecycle: each step must succeed, with the same result as without faults and nothing
//! left at the end. This holds for every call that is throttled, fails or loses its reply, and for every moment at which
//! the function is killed.

use std::time::Duration;

use emulator::agentcore_control::PlatformVersion;
use emulator::faults::{Fault, FaultEffect};
use emulator::settings::Settings;
use harness::{Answer, Event};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Stage, Subject, USUAL};
use crate::platform;
use crate::world::World;

/// The effects on one call, each with the number of calls in a row that it hits. Eight in a row outlast the retries of any SDK.
pub(crate) const EFFECTS: [(FaultEffect, u64); 4] = [
    (FaultEffect::Throttled, 8),
    (FaultEffect::InternalError, 8),
    (FaultEffect::ReplyLostBefore, 1),
    (FaultEffect::ReplyLostAfter, 1),
];
/// The seeds of random lives.
const SEEDS: u64 = 200;
/// The number of pairs of lost replies that one life is repeated with at most, where the battery takes a sample. Where
/// there are more, every n-th one counts: all pairs of every life would take minutes.
const PAIRS_MAX: usize = 40;
/// The number of other pairs that one life is repeated with at most.
const MIXED_PAIRS_MAX: usize = 20;

/// Delivers an event as Lambda does: again after a minute and after two more, until it is answered. `kill` is when the
/// function is killed, if it is running then.
pub(crate) async fn deliver(world: &mut World, event: Event, kill: Option<Instant>) -> Answer {
    let event = world.address(event);
    deliver_addressed(world, &event, kill).await
}

/// Delivers an addressed event as Lambda does.
pub(super) async fn deliver_addressed(world: &mut World, event: &Event, kill: Option<Instant>) -> Answer {
    for pause in [1, 2, 0] {
        let far = Instant::now() + Duration::from_hours(24);
        let kill = kill.filter(|kill| *kill > Instant::now()).unwrap_or(far);
        if let Ok(Ok(answer)) = timeout_at(kill, world.deliver(event)).await {
            return answer;
        }
        sleep(Duration::from_mins(pause)).await;
    }
    panic!("not answered in three deliveries: {:?}", event.0["RequestType"]);
}

/// Returns settings with which calls take a second, Gets and lists lag by different times, and every list has several
/// pages.
pub(super) fn settings() -> Settings {
    Settings {
        call_latency: Duration::from_secs(1),
        get_lag: Duration::from_secs(4),
        list_lag: Duration::from_secs(5),
        list_page_max: 1,
        runtime_transition: Duration::from_secs(6),
        // As many calls as on V1: each is a life more.
        snapshot_transition: Duration::from_secs(6),
        runtime_deletion: Duration::from_secs(4),
        provider_transition: Duration::from_secs(3),
        secret_force_deletion: Duration::from_secs(3),
        ..Settings::default()
    }
}

/// The faults and the kill of a life.
#[derive(Clone, Debug, Default)]
struct Plan {
    faults: Vec<Fault>,
    /// The moment at which the function is killed, from the beginning of the life.
    kill: Option<Duration>,
    /// True for a life without a replacement.
    short: bool,
}

impl Plan {
    /// Adds a fault of any call, counted from the beginning of the life.
    fn hit(mut self, nth: usize, (effect, count): (FaultEffect, u64)) -> Self {
        self.faults.push(Fault { service: None, operation: None, nth: nth as u64, count, effect });
        self
    }
}

/// A life as it was seen from outside.
#[derive(Debug, PartialEq)]
struct Trace {
    /// The function's calls, in order.
    calls: Vec<&'static str>,
    took: Duration,
    /// The resource after each step.
    shapes: Vec<Value>,
    /// The attributes in each answer, without what belongs to this life alone.
    attributes: Vec<Value>,
}

/// A life under way.
struct Life<S> {
    stage: Stage<S>,
    /// A resource of somebody else, if there is one.
    strangers: Vec<String>,
    kill: Option<Instant>,
    shapes: Vec<Value>,
    attributes: Vec<Value>,
}

impl<S: Subject> Life<S> {
    async fn deliver(&mut self, event: Event) -> Answer {
        deliver_addressed(&mut self.stage.world, &event, self.kill).await
    }

    async fn update(&mut self, id: &str, new: &Value, old: &Value) -> Answer {
        let event = self.stage.change(id, new, old);
        let answer = self.deliver(event).await.success();
        self.record(&answer);
        answer
    }

    /// Keeps what a successful step led to.
    fn record(&mut self, answer: &Answer) {
        let id = answer.physical_id();
        self.shapes.push(self.stage.shape(&id));
        let mut attributes = answer.0["Data"].clone();
        for (name, value) in attributes.as_object_mut().expect("attributes") {
            let text = value.as_str().expect("an attribute is a string");
            let own = S::OWN_ATTRIBUTES.contains(&name.as_str());
            *value = if own { json!(!text.is_empty()) } else { json!(text.replace(&id, "<id>")) };
        }
        self.attributes.push(attributes);
    }

    async fn delete(&mut self, id: &str, properties: &Value) {
        let event = self.stage.deletion(id, properties);
        self.deliver(event).await.success();
    }

    /// Replaces, rolls the replacement back, and replaces for good. Returns the id of the replacement.
    async fn replace(&mut self, id: String, new: &Value, old: &Value) -> String {
        let second = self.update(&id, new, old).await.physical_id();
        assert_ne!(second, id);
        assert_eq!(self.update(&second, old, new).await.physical_id(), id, "the rollback returns to the old resource");
        self.delete(&second, new).await;
        let third = self.update(&id, new, old).await.physical_id();
        self.delete(&id, old).await;
        self.stage.expect_only(&[self.strangers.as_slice(), std::slice::from_ref(&third)].concat());
        third
    }
}

/// Creates, updates, replaces and deletes a resource. Returns `None` if the life ended early for a reason that
/// [`Subject::EXCUSE`] gives.
async fn life<S: Subject>(variant: &str, plan: &Plan) -> Option<Trace> {
    let mut stage = Stage::<S>::with(settings()).await;
    S::prepare(&stage.world, variant);
    let strangers: Vec<_> =
        S::CREATES.then(|| stage.subject.strangers(&stage.world, &format!("{}2", S::NAME))).into_iter().collect();
    stage.settle().await;
    stage.before = stage.world.things();
    let (started, before) = (Instant::now(), stage.world.call_count());
    for fault in &plan.faults {
        stage.world.aws.faults().add(fault.clone());
    }
    let kill = plan.kill.map(|kill| started + kill);
    let mut life = Life { stage, strangers, kill, shapes: Vec::new(), attributes: Vec::new() };

    let mut properties = life.stage.subject.properties();
    let event = life.stage.creation(&properties);
    let created = life.deliver(event).await;
    let mut id = created.physical_id();
    let undid_itself = || life.stage.world.calls_since(before).contains(&S::OPERATIONS[2]);
    if let Some(excuse) = S::EXCUSE.filter(|_| kill.is_some() && !created.is_success() && undid_itself()) {
        assert!(created.reason().contains(excuse), "{}", created.reason());
        life.kill = None;
        life.delete(&id, &properties).await;
        life.stage.expect_nothing_new();
        return None;
    }
    assert!(created.is_success(), "{variant}: {plan:?}: {}", created.reason());
    life.record(&created);
    for (number, changed) in life.stage.subject.changed().into_iter().enumerate() {
        let updated = life.update(&id, &changed, &properties).await;
        assert_eq!(updated.physical_id(), id);
        if number == 0 {
            S::check_update(&updated);
        }
        properties = changed;
    }
    if let Some(replaced) = life.stage.subject.replaced().filter(|_| !plan.short) {
        id = life.replace(id, &replaced, &properties).await;
        properties = replaced;
    }
    life.delete(&id, &properties).await;
    life.stage.expect_nothing_new();
    let Life { stage, shapes, attributes, .. } = life;
    Some(Trace { calls: stage.world.calls_since(before), took: started.elapsed(), shapes, attributes })
}

/// Returns the kinds of worlds to live in, and whether the life there is short. Time is short, too: a replacement doubles a
/// life, and what is done on platform version V2 differs from V1 in few calls.
fn variants<S: Subject>() -> impl Iterator<Item = (&'static str, bool)> {
    let on_v2 = platform::current() == PlatformVersion::V2;
    let variants = if on_v2 { &S::VARIANTS[..1] } else { S::VARIANTS };
    variants.iter().map(move |variant| (*variant, on_v2 || *variant != USUAL))
}

/// Lives through a plan, with the same results as without it.
async fn survive<S: Subject>(variant: &str, plan: &Plan, reference: &Trace) -> Option<Trace> {
    let trace = life::<S>(variant, plan).await;
    if let Some(trace) = &trace {
        assert_eq!(trace.shapes, reference.shapes, "{variant}: {plan:?}");
        assert_eq!(trace.attributes, reference.attributes, "{variant}: {plan:?}");
    }
    trace
}

/// Lives through a life without faults.
async fn reference<S: Subject>(variant: &str, short: bool) -> Trace {
    life::<S>(variant, &Plan { short, ..Plan::default() }).await.expect("a whole life")
}

pub(super) async fn every_single_fault_at_every_call_is_survived<S: Subject>() {
    for (variant, short) in variants::<S>() {
        let reference = reference::<S>(variant, short).await;
        for nth in 1..=reference.calls.len() {
            for effect in EFFECTS {
                survive::<S>(variant, &Plan { short, ..Plan::default() }.hit(nth, effect), &reference).await;
            }
        }
    }
}

/// Returns the items, or every n-th one if there are more than `max`.
fn sample<T>(items: Vec<T>, max: usize) -> impl Iterator<Item = T> {
    let step = items.len().div_ceil(max).max(1);
    items.into_iter().step_by(step)
}

/// Returns each call with each later one.
fn pairs(calls: usize) -> Vec<(usize, usize)> {
    (1..=calls).flat_map(|first| (first + 1..=calls).map(move |second| (first, second))).collect()
}

/// Survives every pair in the usual world of platform version V1, and a sample elsewhere.
pub(super) async fn every_pair_of_lost_replies_is_survived<S: Subject>() {
    let lost = || (FaultEffect::ReplyLostAfter, 1);
    for (variant, _) in variants::<S>() {
        let reference = reference::<S>(variant, true).await;
        let all = pairs(reference.calls.len());
        let is_sampled = variant != USUAL || platform::current() == PlatformVersion::V2;
        let pairs_max = if is_sampled { PAIRS_MAX } else { usize::MAX };
        for (first, second) in sample(all, pairs_max) {
            let plan = Plan { short: true, ..Plan::default() }.hit(first, lost()).hit(second, lost());
            survive::<S>(variant, &plan, &reference).await;
        }
    }
}

pub(super) async fn a_sample_of_throttled_calls_around_lost_replies_is_survived<S: Subject>() {
    let reference = reference::<S>(USUAL, true).await;
    let (throttled, lost) = ((FaultEffect::Throttled, 8), (FaultEffect::ReplyLostAfter, 1));
    for (number, (first, second)) in sample(pairs(reference.calls.len()), MIXED_PAIRS_MAX).enumerate() {
        let effects = [throttled.clone(), lost.clone()];
        let [one, other] = if number % 2 == 0 { effects } else { [lost.clone(), throttled.clone()] };
        let plan = Plan { short: true, ..Plan::default() }.hit(first, one).hit(second, other);
        survive::<S>(USUAL, &plan, &reference).await;
    }
}

pub(super) async fn a_sample_of_kills_next_to_faults_is_carried_on_from<S: Subject>() {
    let reference = reference::<S>(USUAL, true).await;
    let calls = 1..=reference.calls.len();
    let kills = calls.flat_map(|nth| (0..reference.took.as_secs()).map(move |seconds| (nth, seconds)));
    for (number, (nth, seconds)) in sample(kills.collect(), MIXED_PAIRS_MAX).enumerate() {
        let kill = Some(Duration::from_secs(seconds) + Duration::from_millis(250));
        let plan = Plan { kill, short: true, ..Plan::default() }.hit(nth, EFFECTS[number % EFFECTS.len()].clone());
        survive::<S>(USUAL, &plan, &reference).await;
    }
}

pub(super) async fn a_kill_at_any_moment_is_carried_on_from<S: Subject>() {
    for (variant, short) in variants::<S>() {
        let reference = reference::<S>(variant, short).await;
        // Twice a second, with calls that take one: before and after the effect of each.
        for half_seconds in 0..reference.took.as_secs() * 2 {
            let kill = Some(Duration::from_millis(half_seconds * 500 + 250));
            survive::<S>(variant, &Plan { kill, short, ..Plan::default() }, &reference).await;
        }
    }
}

pub(super) async fn random_faults_are_survived_and_a_seed_repeats_its_trace<S: Subject>() {
    let reference = reference::<S>(USUAL, true).await;
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let mut plan = Plan { short: true, ..Plan::default() };
        for _ in 0..random.below(5) {
            let nth = random.below(reference.calls.len() as u64) + 1;
            let (effect, _) = EFFECTS[usize::try_from(random.below(4)).expect("small")].clone();
            let nth = usize::try_from(nth).expect("small");
            plan = plan.hit(nth, (effect, random.below(8) + 1));
        }
        let millis = u64::try_from(reference.took.as_millis()).expect("short");
        plan.kill = (random.below(2) == 0).then(|| Duration::from_millis(random.below(millis)));
        let first = survive::<S>(USUAL, &plan, &reference).await;
        if seed % 20 == 0 {
            assert_eq!(life::<S>(USUAL, &plan).await, first, "seed {seed}");
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
