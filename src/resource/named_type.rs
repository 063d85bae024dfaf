//! The lifecycle of the types whose identifier is the resource's name: credential providers and workload identities.
//! Replaces a resource whose name, or another part that AgentCore cannot change, becomes another one.
//!
//! If AgentCore refuses to list a resource's tags, it refuses to change them as well: `Tags` then take effect on creation
//! only.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;

use crate::agentcore::deletion;
use crate::agentcore::engine;
use crate::agentcore::named_noun::{Common, NamedLive, NamedNoun};
use crate::agentcore::ownership::{Proof, converge_tags};
use crate::agentcore::provisioned::{self, Created, Desired, Found, Provisioned, Updated};
use crate::agentcore::waiters::is_at_least_as_recent;
use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::properties::PropertySet;
use crate::requester::{Requester, pending_name};
use crate::resource::lifecycle::Lifecycle;
use crate::tags;

/// The properties of a type whose identifier is the resource's name, and what they mean for its noun.
pub(crate) trait Named: PropertySet {
    /// The noun that is provisioned.
    type Noun: NamedNoun;
    /// The desired state in the API's terms.
    type Configuration;

    /// Returns the name that the template gives.
    fn name(&self) -> Option<&str>;
    /// Returns the user's tags.
    fn tags(&self) -> &BTreeMap<String, String>;
    /// Returns what AgentCore cannot change besides the name. A replacement derives its name from it.
    fn variant(&self) -> String {
        String::new()
    }
    /// Refuses a change that AgentCore cannot apply to an existing resource.
    fn check_fixed(&self, _live: &LiveOf<Self>) -> Result<(), Error> {
        Ok(())
    }
    /// Verifies what can fail beforehand, and returns the configuration for `live`, or for a new resource. `old` are the
    /// properties before an update.
    async fn configuration(
        &self,
        job: &Job<'_>,
        old: Option<&Self>,
        live: Option<&LiveOf<Self>>,
    ) -> Result<Self::Configuration, Error>;
    /// Creates the resource, with `tags`.
    async fn create(
        job: &Job<'_>,
        name: &str,
        configuration: &Self::Configuration,
        tags: BTreeMap<String, String>,
    ) -> Result<LiveOf<Self>, Error>;
    /// Replaces the configuration. Returns `None` if the resource does not exist.
    async fn update(
        job: &Job<'_>,
        name: &str,
        configuration: &Self::Configuration,
    ) -> Result<Option<LiveOf<Self>>, Error>;
    /// Returns true if the resource needs no update.
    fn is_applied(configuration: &Self::Configuration, live: &LiveOf<Self>) -> bool;
    /// Returns the members that an accepted call left unchanged, of those whose old value is dangerous.
    fn unapplied(_configuration: &Self::Configuration, _live: &LiveOf<Self>) -> Vec<&'static str> {
        Vec::new()
    }
}

type LiveOf<P> = <<P as Named>::Noun as NamedNoun>::Live;

/// A type whose identifier is the resource's name.
pub(crate) trait NamedType {
    /// The `ResourceType` in a template.
    const TYPE: &'static str;
    /// The attributes for `Fn::GetAtt`: see [`Lifecycle::ATTRIBUTES`].
    const ATTRIBUTES: &'static [&'static str];
    /// The desired state, as the properties declare it.
    type Properties: Named;

    /// Returns the attributes for `Fn::GetAtt`.
    fn attributes(live: LiveOf<Self::Properties>) -> BTreeMap<&'static str, String>;
}

impl<T: NamedType> Lifecycle for T {
    const TYPE: &'static str = T::TYPE;
    const ATTRIBUTES: &'static [&'static str] = T::ATTRIBUTES;
    type Properties = T::Properties;

    fn name(properties: &T::Properties, requester: &Requester) -> String {
        name(properties, requester)
    }

    async fn create(job: &Job<'_>, properties: T::Properties) -> Outcome {
        let found = create_as(job, name(&properties, job.requester), &properties).await?;
        Ok(success::<T>(found))
    }

    async fn update(
        job: &Job<'_>,
        physical_id: &str,
        properties: T::Properties,
        old: Option<T::Properties>,
    ) -> Outcome {
        Ok(success::<T>(update(job, physical_id, properties, old).await?))
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        delete::<T::Properties>(job, physical_id, raw).await
    }
}

fn success<T: NamedType>(found: Found<<T::Properties as Named>::Noun>) -> Success {
    Success { physical_id: found.id, attributes: T::attributes(found.live) }
}

/// Returns the name of the resource, unless it replaces another.
fn name<P: Named>(properties: &P, requester: &Requester) -> String {
    properties.name().map_or_else(|| requester.derived_name(), str::to_owned)
}

/// Brings the resource `physical_id` to `properties`, or creates a replacement. May run twice.
async fn update<P: Named>(
    job: &Job<'_>,
    physical_id: &str,
    properties: P,
    old: Option<P>,
) -> Result<Found<P::Noun>, Failure> {
    if !keeps(&properties, physical_id, job.requester) {
        return replace(job, physical_id, &properties).await;
    }
    let name = physical_id.to_owned();
    // The resource was deleted outside of the stack: it is created again.
    let Some(found) = provisioned::current::<P::Noun>(job, &name).await? else {
        return create_as(job, name, &properties).await;
    };
    // The live resource decides and not the old properties: those of a rollback are the ones that were refused.
    if let Err(refusal) = properties.check_fixed(&found.live) {
        return match properties.name() {
            Some(_) => Err(refusal.into()),
            None => replace(job, physical_id, &properties).await,
        };
    }
    // The rollback of a replacement that was cancelled, or whose answer got lost.
    for name in old.iter().flat_map(|old| abandoned_names(job.requester, physical_id, &properties, old)) {
        deletion::delete_abandoned::<P::Noun>(job, &name).await?;
    }
    let found = converge(job, found, &properties, old.as_ref()).await?;
    Ok(finish(job, found, &properties, old.as_ref()).await?)
}

/// Brings a resource of ours to `properties`. `old` are the properties before an update. May run twice.
pub(crate) async fn converge<P: Named>(
    job: &Job<'_>,
    found: Found<P::Noun>,
    properties: &P,
    old: Option<&P>,
) -> Result<Found<P::Noun>, Error> {
    let desired = DesiredNamed { properties, old, name: found.id.clone() };
    Box::pin(engine::converge(job, &desired, found)).await
}

/// Deletes the resource that the request created, if it is provably ours. May run twice.
async fn delete<P: Named>(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
    let given = raw.text("Name");
    let pending = pending_name(physical_id);
    let returned =
        pending.is_none() && (given.as_deref() == Some(physical_id) || job.requester.is_derived_name(physical_id));
    let name = || {
        let name = pending.map(str::to_owned).or(given).unwrap_or_else(|| job.requester.derived_name());
        P::Noun::is_name(&name).then_some(name)
    };
    deletion::delete_requested::<P::Noun>(job, physical_id, returned.then(|| physical_id.to_owned()), name).await?;
    Ok(Success::deleted(physical_id))
}

/// Returns true if the resource `physical_id` has the desired name.
fn keeps<P: Named>(properties: &P, physical_id: &str, requester: &Requester) -> bool {
    properties.name().map_or_else(|| requester.is_derived_name(physical_id), |name| name == physical_id)
}

async fn create_as<P: Named>(job: &Job<'_>, name: String, properties: &P) -> Result<Found<P::Noun>, Failure> {
    let desired = DesiredNamed { properties, old: None, name };
    let found = Box::pin(engine::create(job, &desired)).await?;
    let with_id = |error: Error| error.with_id(&desired.name);
    // The tags of an adopted resource were listed.
    if properties.name().is_some() && found.ownership.tags.is_none() {
        check_provable(job, &found).await?;
    }
    finish(job, found, properties, None).await.map_err(with_id)
}

/// Deletes a resource with a chosen name if AgentCore does not list its tags. Nothing would prove its owner later, so
/// that this stack could neither change nor delete it.
async fn check_provable<N: Provisioned<Id = String>>(job: &Job<'_>, found: &Found<N>) -> Result<(), Failure> {
    let with_id = |error: Error| error.with_id(&found.id);
    let ownership = N::ownership(job, &found.live).await.map_err(with_id)?;
    if ownership.is_none_or(|ownership| ownership.proof != Proof::Missing) {
        return Ok(());
    }
    deletion::delete::<N>(job, &found.id).await.map_err(with_id)?;
    let problem = format!(
        "cannot be chosen where AgentCore does not list the tags of a {}, because nothing would prove later that it is \
         this stack's; leave it out so that one is derived, or allow the function's role \
         bedrock-agentcore:ListTagsForResource",
        N::NOUN
    );
    Err(Error::property("Name", problem).into())
}

/// Creates another resource in place of `physical_id`, which CloudFormation then deletes.
async fn replace<P: Named>(job: &Job<'_>, physical_id: &str, properties: &P) -> Result<Found<P::Noun>, Failure> {
    let first = job.requester.derived_name();
    let name = match properties.name() {
        Some(name) => name.to_owned(),
        // A rollback: the resource that `physical_id` replaced still exists.
        None if first != physical_id && has_ours(job, &first, properties).await? => first,
        None => {
            let name = job.requester.variant_name(&properties.variant());
            if name == physical_id { job.requester.replacement_name() } else { name }
        }
    };
    create_as(job, name, properties).await
}

/// Returns the names under which an update to `old` may have created a replacement for the resource `physical_id`.
fn abandoned_names<P: Named>(requester: &Requester, physical_id: &str, properties: &P, old: &P) -> Vec<String> {
    let names = match old.name() {
        Some(name) => vec![name.to_owned()],
        None if properties.name().is_none() && old.variant() == properties.variant() => Vec::new(),
        None => vec![requester.derived_name(), requester.variant_name(&old.variant())],
    };
    names.into_iter().filter(|name| name != physical_id).collect()
}

async fn has_ours<P: Named>(job: &Job<'_>, name: &String, properties: &P) -> Result<bool, Error> {
    let found = provisioned::get::<P::Noun>(job, name).await?;
    Ok(found.is_some_and(|found| found.is_ours(job) && properties.check_fixed(&found.live).is_ok()))
}

/// Brings the tags of a resource that is READY to the desired state, and returns the resource.
async fn finish<P: Named>(
    job: &Job<'_>,
    found: Found<P::Noun>,
    properties: &P,
    old: Option<&P>,
) -> Result<Found<P::Noun>, Error> {
    let Common { arn, .. } = found.live.common();
    converge_tags(job, arn, &found.ownership, properties.tags(), old.map(P::tags)).await?;
    Ok(found)
}

/// The resource that a template asks for, as the engine provisions it.
struct DesiredNamed<'a, P> {
    properties: &'a P,
    /// The properties before an update.
    old: Option<&'a P>,
    /// The name of a resource that is created.
    name: String,
}

impl<P: Named> Desired for DesiredNamed<'_, P> {
    type Noun = P::Noun;
    type Configuration = P::Configuration;
    type Receipt = DateTime;

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn configuration(&self, job: &Job<'_>, live: Option<&LiveOf<P>>) -> Result<P::Configuration, Error> {
        self.properties.configuration(job, self.old, live).await
    }

    async fn create(&self, job: &Job<'_>, configuration: &P::Configuration, _: u32) -> Result<Created<P::Noun>, Error> {
        let tags = tags::wanted(self.properties.tags(), job.requester);
        let live = P::create(job, &self.name, configuration, tags).await?;
        Ok(Created { id: self.name.clone(), live: Some(live) })
    }

    async fn update(
        &self,
        job: &Job<'_>,
        name: &String,
        _: &LiveOf<P>,
        configuration: &P::Configuration,
        _: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        let updated = P::update(job, name, configuration).await?;
        Ok(updated.and_then(|live| Some(Updated { receipt: live.common().last_updated?, live: Some(live) })))
    }

    fn is_applied(configuration: &P::Configuration, live: &LiveOf<P>) -> bool {
        P::is_applied(configuration, live)
    }

    fn unapplied(configuration: &P::Configuration, live: &LiveOf<P>) -> Vec<&'static str> {
        P::unapplied(configuration, live)
    }

    fn shows(live: &LiveOf<P>, receipt: &DateTime) -> bool {
        live.common().last_updated.is_none_or(|updated| is_at_least_as_recent(&updated, receipt))
    }

    fn check_fixed(&self, live: &LiveOf<P>) -> Result<(), Error> {
        self.properties.check_fixed(live)
    }
}
