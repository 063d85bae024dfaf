//! The battery: every resource type passes every case, every fault, every kill, every pair of lost replies and every
//! seed, because the tests are generated for each type. A new type gets all of them by its line in [`battery!`] and its
//! [`Subject`]. A new case is a function in [`cases`], [`ownership`] or [`sweeps`] and its line in [`with_every_case!`].

#[macro_use]
mod generate;

/// Create, update, replace, delete, and what goes wrong with each.
mod cases;
/// A request that meets a deadline, a denial or a deletion.
mod disturbances;
/// Resources of others are never adopted, changed or deleted.
mod ownership;
/// The resource types.
mod subjects;
/// Faults at every call of a whole life.
mod sweeps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use emulator::settings::Settings;
use harness::{Answer, Event};
use provisioner::resource::ResourceKind;
use serde_json::Value;
use tokio::time::sleep;

use crate::world::{LogicalResource, World};

pub(crate) use sweeps::{EFFECTS, deliver};

battery! {
    secret: SecretSubject,
    runtime: RuntimeSubject and on_v2,
    gateway: GatewaySubject,
    target: TargetSubject and on_v2,
    provider: ProviderSubject,
    api_key: ApiKeySubject,
    identity: IdentitySubject,
    probe: ProbeSubject and on_v2,
}

/// A resource type, as far as the cases have to know it.
pub(crate) trait Subject: Sized {
    /// The resource under test.
    const RESOURCE: LogicalResource;
    /// The operations that create, update and delete the resource.
    const OPERATIONS: [&'static str; 3];
    /// The statuses in which each of these ends when it fails.
    const FAILED: [&'static str; 3];
    /// The name that [`Self::named`] gives.
    const NAME: &'static str;
    /// False if the type creates nothing in the account.
    const CREATES: bool = true;
    /// The properties without which there is no resource.
    const REQUIRED: &'static [&'static str];
    /// The properties that take any JSON object.
    const OBJECTS: &'static [&'static str] = &[];
    /// The names of the cases that do not apply to the type, each with the reason.
    const EXCEPTIONS: &'static [(&'static str, &'static str)] = &[];
    /// The kinds of worlds in which the resource lives through faults: see [`Self::prepare`].
    const VARIANTS: &'static [&'static str] = &[USUAL];
    /// The words of a create whose calls get no replies.
    const LOST: &'static str = "got no answer";
    /// The attributes that two lives need not have in common, apart from those that contain the physical id.
    const OWN_ATTRIBUTES: &'static [&'static str] = &[];
    /// The sentence with which a create may fail if it undid itself and the function was killed before it repeated that.
    const EXCUSE: Option<&'static str> = None;

    /// Creates the world of a test, with everything in it that the resource needs.
    async fn scene(settings: Settings) -> (World, Self);
    /// Returns the properties of a resource.
    fn properties(&self) -> Value;
    /// Returns the properties to which the resource is updated in place, one after the other. At least one.
    fn changed(&self) -> Vec<Value>;
    /// Returns properties for which another resource replaces the one with [`Self::changed`] properties; `None` if
    /// nothing replaces it.
    fn replaced(&self) -> Option<Value>;
    /// Returns properties whose name a stranger can have as well.
    fn named(&self) -> Value {
        self.properties()
    }
    /// Returns settings with which every operation on the resource takes so long.
    fn slowed(settings: Settings, transition: Duration) -> Settings;
    /// Returns the physical ids of all resources of the type that exist.
    fn ids(&self, world: &World) -> Vec<String>;
    /// Returns what properties govern in a resource, its name, tags and ownership included, and nothing that is new for
    /// each resource or version.
    fn shape(&self, world: &World, id: &str) -> Value;
    /// Returns true if no operation is under way on the resource and the last one succeeded. A resource without a status
    /// is ready if it exists.
    fn is_ready(&self, world: &World, id: &str) -> bool {
        !Self::CREATES || self.ids(world).iter().any(|it| it == id)
    }
    /// Creates a resource as somebody else and returns its physical id.
    fn strangers(&self, world: &World, name: &str) -> String;
    /// Takes away, as somebody else, what proves that the resource is the function's.
    fn disown(&self, world: &World, id: &str, how: Disowned);
    /// Deletes the resource as somebody else.
    fn remove(&self, world: &World, id: &str);
    /// Checks the answer to the first update.
    fn check_update(_: &Answer) {}
    /// Turns the world into one of the kind that [`Self::VARIANTS`] names.
    fn prepare(_: &World, variant: &str) {
        assert_eq!(variant, USUAL);
    }
}

/// The variant that needs no preparation.
const USUAL: &str = "as usual";

/// A way to lose the proof of ownership.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disowned {
    /// It was removed.
    Gone,
    /// It was changed to that of another stack.
    Changed,
}

impl Disowned {
    const ALL: [Self; 2] = [Self::Gone, Self::Changed];
}

/// A world and the resource type under test.
struct Stage<S> {
    world: World,
    subject: S,
    /// Everything that existed before the first event.
    before: BTreeMap<String, String>,
}

impl<S: Subject> Stage<S> {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let (world, subject) = S::scene(settings).await;
        Self { before: world.things(), world, subject }
    }

    /// Creates a world in which every operation on the resource takes so long.
    async fn slow(transition: Duration) -> Self {
        Self::with(S::slowed(Settings::default(), transition)).await
    }

    fn creation(&mut self, properties: &Value) -> Event {
        self.world.address(S::RESOURCE.create(properties.clone()))
    }

    fn change(&mut self, id: &str, new: &Value, old: &Value) -> Event {
        self.world.address(S::RESOURCE.update(id, new.clone(), old.clone()))
    }

    fn deletion(&mut self, id: &str, properties: &Value) -> Event {
        self.world.address(S::RESOURCE.delete(id, properties.clone()))
    }

    async fn deliver(&mut self, event: &Event) -> Answer {
        self.world.deliver(event).await.expect("the event should be answered")
    }

    async fn create(&mut self, properties: &Value) -> Answer {
        let event = self.creation(properties);
        let answer = self.deliver(&event).await;
        Self::expect_attributes(&answer);
        answer
    }

    /// Creates a resource with the usual properties, and returns its id.
    async fn created(&mut self) -> String {
        let properties = self.subject.properties();
        self.create(&properties).await.success().physical_id()
    }

    async fn update(&mut self, id: &str, new: &Value, old: &Value) -> Answer {
        let event = self.change(id, new, old);
        let answer = self.deliver(&event).await;
        Self::expect_attributes(&answer);
        answer
    }

    /// Checks that a success has the attributes that the type declares, and no others.
    #[track_caller]
    fn expect_attributes(answer: &Answer) {
        if answer.is_success() {
            let kind = ResourceKind::from_type(S::RESOURCE.resource_type).expect("a type of ours");
            let attributes = answer.0["Data"].as_object().expect("attributes");
            let answered: BTreeSet<&str> = attributes.keys().map(String::as_str).collect();
            assert_eq!(answered, kind.attributes().iter().copied().collect());
        }
    }

    async fn delete(&mut self, id: &str, properties: &Value) -> Answer {
        let event = self.deletion(id, properties);
        self.deliver(&event).await
    }

    /// Waits until lists and Gets no longer lag.
    async fn settle(&self) {
        sleep(Duration::from_mins(5)).await;
    }

    /// Checks that these resources exist and no others. A type that creates nothing never has any.
    #[track_caller]
    fn expect_only(&self, ids: &[impl AsRef<str>]) {
        let ids = ids.iter().map(AsRef::as_ref).filter(|_| S::CREATES);
        let mut expected: Vec<&str> = ids.collect();
        expected.sort_unstable();
        let mut ids = self.subject.ids(&self.world);
        ids.sort_unstable();
        assert_eq!(ids, expected);
    }

    /// Checks that the account is as it was before the first event.
    #[track_caller]
    fn expect_nothing_new(&self) {
        assert_eq!(self.world.things(), self.before);
    }

    fn shape(&self, id: &str) -> Value {
        self.subject.shape(&self.world, id)
    }

    /// Returns the properties of the first update.
    fn changed(&self) -> Value {
        self.subject.changed().remove(0)
    }
}

/// Runs a case for a type. One that does not apply to it has to fail: otherwise the exception is not needed.
async fn run<S: Subject>(case: &str, work: impl Future<Output = ()> + 'static) {
    if let Some((_, reason)) = S::EXCEPTIONS.iter().find(|(name, _)| *name == case) {
        let outcome = tokio::task::spawn_local(work).await;
        assert!(outcome.is_err(), "{case} applies to {}: drop the exception, {reason}", S::RESOURCE);
    } else {
        work.await;
    }
}
