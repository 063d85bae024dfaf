//! The contract between AgentCore's nouns and the engine: what a noun can do, what a template asks for, and how a
//! resource and the proof of its ownership are found.

use std::fmt::Display;
use std::time::Duration;

use super::ownership::{Ownership, Proof};
use super::waiters::{self, Live, Phase};
use crate::error::{ApiErrorKind, Error};
use crate::event::RequestType;
use crate::job::Job;
use crate::requester::TAGS_LOST;
use crate::wait::{Progress, until_within};

/// The time for which lists lag: a new resource may be missing, and a deleted one may linger.
pub(crate) const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// The reason why a resource without listed tags is not adopted, changed or deleted.
const UNPROVEN: &str = "AgentCore does not list its tags, so this stack's ownership cannot be proved";

/// A noun of AgentCore: its calls, each safe to repeat, and what they say.
pub(crate) trait Provisioned: Sized {
    /// The noun in a sentence: `runtime`.
    const NOUN: &'static str;
    /// The remedy if somebody else holds the name.
    const NAME_ADVICE: &'static str;
    /// The reason why the proof of ownership fails, and the remedy.
    const PROOF_LOST: &'static str = TAGS_LOST;
    /// True if a deletion that failed is requested again, because the noun has no status of its own for that.
    const REPEATS_DELETION: bool = false;
    /// True if a create deletes the holder of its name that is ours and never worked. Otherwise the create reports
    /// that.
    const REPLACES_FAILED: bool = false;
    /// The plural of the nouns that [`dependents`](Self::dependents) lists.
    const DEPENDENTS: &'static str = "dependents";
    /// The time for which a search by name looks before it finds nothing.
    const SEARCH_TIMEOUT: Duration = LIST_TIMEOUT;
    /// The pauses after which a create or an update that [`may_pass`](Self::may_pass) is repeated.
    const REPEATS: &'static [Duration] = &[];
    /// The identifier.
    type Id: Clone + PartialEq + Display;
    /// The key of a search by name.
    type Name: Display;
    /// The answer to a Get.
    type Live: Live;

    /// Gets the resource. Returns `None` if it does not exist.
    async fn get(job: &Job<'_>, id: &Self::Id) -> Result<Option<Self::Live>, Error>;
    /// Lists the resources with this name. Returns `None` if none can exist any longer. Lists lag.
    async fn named(job: &Job<'_>, name: &Self::Name) -> Result<Option<Vec<Self::Id>>, Error>;
    /// Reads who owns the resource. Returns `None` if it was deleted.
    async fn ownership(job: &Job<'_>, live: &Self::Live) -> Result<Option<Ownership>, Error>;
    /// Starts the deletion. Returns `None` if there is nothing to delete.
    async fn delete(job: &Job<'_>, id: &Self::Id) -> Result<Option<()>, Error>;
    /// Returns the name of a resource.
    fn name(id: &Self::Id, live: &Self::Live) -> Self::Name;

    /// Returns the resource as the subject of a sentence.
    fn title(id: &Self::Id, _live: &Self::Live) -> String {
        format!("{} {id}", Self::NOUN)
    }
    /// Returns the holder of a name as the subject of a sentence.
    fn holder(name: &Self::Name, id: &Self::Id) -> String {
        format!("{} named {name} ({id})", Self::NOUN)
    }
    /// Returns true if a resource without any proof is ours because nobody else creates one like it.
    fn is_ours_unproven(_job: &Job<'_>, _live: &Self::Live) -> bool {
        false
    }
    /// Returns true if a resource of ours was provably created after this request, and so by a delivery of it. A noun
    /// whose live configuration can be compared with the desired one needs no such proof.
    fn is_from_request(_job: &Job<'_>, _live: &Self::Live) -> bool {
        false
    }
    /// Returns true if another attempt at the operation that failed may succeed.
    fn may_pass(_live: &Self::Live) -> bool {
        false
    }
    /// Returns true if a refusal may pass: another change is under way.
    fn is_conflict(error: &Error) -> bool {
        error.is(ApiErrorKind::Conflict)
    }
    /// Returns true if a refusal to delete may pass.
    fn is_deletion_conflict(error: &Error) -> bool {
        Self::is_conflict(error)
    }
    /// Returns true if a change of something else explains a conflict about the resource of this name.
    async fn is_busy(_job: &Job<'_>, _name: &Self::Name) -> Result<bool, Error> {
        Ok(false)
    }
    /// Lists what has to be deleted before the resource.
    async fn dependents(_job: &Job<'_>, _id: &Self::Id) -> Result<Dependents, Error> {
        Ok(Dependents::default())
    }
}

/// The dependents that keep a resource from being deleted.
#[derive(Debug, Default)]
pub(crate) struct Dependents {
    /// The names of those that exist and that nobody is deleting.
    pub(crate) standing: Vec<String>,
    /// True if any is listed at all.
    pub(crate) listed: bool,
}

/// The desired state that a template describes, with the state before.
pub(crate) trait Desired {
    /// The noun that is provisioned.
    type Noun: Provisioned;
    /// The desired state in the API's terms.
    type Configuration;
    /// The version or the time that a later Get shows of an update.
    type Receipt;
    /// The member that has to show the receipt in the end. `None` if the status counts even then, because the time of an
    /// update is only a hint.
    const RECEIPT_MEMBER: Option<&'static str> = None;

    /// Returns the name of a resource that is created.
    fn name(&self) -> <Self::Noun as Provisioned>::Name;
    /// Verifies what can fail beforehand, and returns the configuration for `live`, or for a new resource.
    async fn configuration(
        &self,
        job: &Job<'_>,
        live: Option<&<Self::Noun as Provisioned>::Live>,
    ) -> Result<Self::Configuration, Error>;
    /// Creates the resource. Each `attempt` has an idempotency token of its own.
    async fn create(
        &self,
        job: &Job<'_>,
        configuration: &Self::Configuration,
        attempt: u32,
    ) -> Result<Created<Self::Noun>, Error>;
    /// Replaces the configuration. Returns `None` if the resource does not exist.
    async fn update(
        &self,
        job: &Job<'_>,
        id: &<Self::Noun as Provisioned>::Id,
        live: &<Self::Noun as Provisioned>::Live,
        configuration: &Self::Configuration,
        attempt: u32,
    ) -> Result<Option<Updated<Self>>, Error>
    where
        Self: Sized;
    /// Returns true if a resource that is READY needs no update.
    fn is_applied(configuration: &Self::Configuration, live: &<Self::Noun as Provisioned>::Live) -> bool;
    /// Returns the members that an accepted call left unchanged, of those whose old value is dangerous. Others may be
    /// returned in a normalized form.
    fn unapplied(configuration: &Self::Configuration, live: &<Self::Noun as Provisioned>::Live) -> Vec<&'static str>;
    /// Returns true if a Get shows the update.
    fn shows(live: &<Self::Noun as Provisioned>::Live, receipt: &Self::Receipt) -> bool;

    /// Refuses what AgentCore cannot change in this resource.
    fn check_fixed(&self, _live: &<Self::Noun as Provisioned>::Live) -> Result<(), Error> {
        Ok(())
    }
    /// Explains a create or an update that failed.
    async fn failure(
        &self,
        _job: &Job<'_>,
        id: &<Self::Noun as Provisioned>::Id,
        live: &<Self::Noun as Provisioned>::Live,
    ) -> Error {
        failed::<Self::Noun>(id, live)
    }
}

/// The answer to a create.
pub(crate) struct Created<P: Provisioned> {
    /// The new resource's id.
    pub(crate) id: P::Id,
    /// The resource, if the answer shows it.
    pub(crate) live: Option<P::Live>,
}

/// The answer to an update.
pub(crate) struct Updated<D: Desired> {
    /// The version or the time that a later Get has to show.
    pub(crate) receipt: D::Receipt,
    /// The resource, if the answer shows it.
    pub(crate) live: Option<<D::Noun as Provisioned>::Live>,
}

/// A resource and its ownership.
pub(crate) struct Found<P: Provisioned> {
    pub(crate) id: P::Id,
    pub(crate) live: P::Live,
    pub(crate) ownership: Ownership,
}

impl<P: Provisioned> Found<P> {
    /// Returns true if this stack created it.
    pub(crate) fn is_ours(&self, job: &Job<'_>) -> bool {
        match self.ownership.proof {
            Proof::Ours => true,
            Proof::Others => false,
            Proof::Missing => P::is_ours_unproven(job, &self.live),
        }
    }

    /// Refuses to change or delete a resource that is not provably ours.
    pub(super) fn check_ours(&self, job: &Job<'_>) -> Result<(), Error> {
        if self.is_ours(job) {
            return Ok(());
        }
        if self.ownership.proof == Proof::Missing {
            return Err(self.unproven(job));
        }
        let advice = format!("{}, or delete the {} yourself", P::PROOF_LOST, P::NOUN);
        Err(Error::NotOurs { what: P::title(&self.id, &self.live), advice })
    }

    pub(super) fn unproven(&self, job: &Job<'_>) -> Error {
        let again = match job.request_type {
            RequestType::Delete => "repeat the deletion",
            RequestType::Create | RequestType::Update => "retry",
        };
        let advice = format!("{UNPROVEN}: delete it yourself and {again}");
        Error::NotOurs { what: P::title(&self.id, &self.live), advice }
    }
}

/// Finds the resource that an Update is about, once it has left its transitional states. Returns `None` if it was
/// deleted, and refuses a resource that is not provably ours.
pub(crate) async fn current<P: Provisioned>(job: &Job<'_>, id: &P::Id) -> Result<Option<Found<P>>, Error> {
    let Some(live) = wait_settled::<P>(job, id).await? else { return Ok(None) };
    let found = with_ownership(job, id, live).await?;
    found.as_ref().map_or(Ok(()), |found| found.check_ours(job))?;
    Ok(found)
}

/// Gets a resource and its ownership. Returns `None` if it does not exist.
pub(crate) async fn get<P: Provisioned>(job: &Job<'_>, id: &P::Id) -> Result<Option<Found<P>>, Error> {
    let Some(live) = P::get(job, id).await? else { return Ok(None) };
    with_ownership(job, id, live).await
}

/// Adds the ownership to a resource. Returns `None` if it was deleted.
pub(super) async fn with_ownership<P: Provisioned>(
    job: &Job<'_>,
    id: &P::Id,
    live: P::Live,
) -> Result<Option<Found<P>>, Error> {
    let ownership = P::ownership(job, &live).await?;
    Ok(ownership.map(|ownership| Found { id: id.clone(), live, ownership }))
}

/// The result of one look at the list of names.
pub(super) struct Look<P: Provisioned> {
    pub(super) found: Option<Found<P>>,
    /// False if none can exist any longer.
    possible: bool,
}

/// Looks once for the resource of this name. Prefers one that stays to one that is being deleted.
pub(super) async fn look<P: Provisioned>(job: &Job<'_>, name: &P::Name) -> Result<Look<P>, Error> {
    let Some(ids) = P::named(job, name).await? else { return Ok(Look { found: None, possible: false }) };
    let mut leaving = None;
    for id in ids {
        // Lists linger: a resource that was deleted by now is skipped.
        let Some(found) = get::<P>(job, &id).await? else { continue };
        if found.live.phase() != Phase::Deleting {
            return Ok(Look { found: Some(found), possible: true });
        }
        leaving.get_or_insert(found);
    }
    Ok(Look { found: leaving, possible: true })
}

/// Searches for the resource of this name for `timeout`, because lists lag in both directions.
pub(crate) async fn find<P: Provisioned>(
    job: &Job<'_>,
    name: &P::Name,
    timeout: Duration,
) -> Result<Option<Found<P>>, Error> {
    let doing = format!("looking for the {} by its name", P::NOUN);
    let found = until_within(job.deadline, timeout, &doing, async || {
        let Look { found, possible } = look::<P>(job, name).await?;
        Ok(if found.is_some() || !possible { Progress::Done(found) } else { Progress::pending("not found") })
    });
    Ok(found.await?.flatten())
}

/// Refuses a name that somebody else holds.
pub(crate) fn name_taken<P: Provisioned>(name: &P::Name, found: &Found<P>) -> Error {
    let advice = match found.ownership.proof {
        Proof::Missing => format!("{UNPROVEN}; {}", P::NAME_ADVICE),
        _ => P::NAME_ADVICE.to_owned(),
    };
    Error::NotOurs { what: P::holder(name, &found.id), advice }
}

/// Waits until the resource leaves its transitional states. Returns `None` if it does not exist, or was deleted meanwhile.
pub(crate) async fn wait_settled<P: Provisioned>(job: &Job<'_>, id: &P::Id) -> Result<Option<P::Live>, Error> {
    let what = format!("{} {id}", P::NOUN);
    waiters::wait_settled(job, &what, async || P::get(job, id).await).await
}

/// Reports a create or an update that failed, with the service's reasons.
pub(crate) fn failed<P: Provisioned>(id: &P::Id, live: &P::Live) -> Error {
    Error::TerminalStatus { what: P::title(id, live), status: live.status_name(), reasons: live.reasons() }
}

/// Reports a resource that somebody deleted while this request worked on it.
pub(crate) fn gone<P: Provisioned>(id: &P::Id) -> Error {
    Error::TerminalStatus {
        what: format!("{} {id}", P::NOUN),
        status: "not found".to_owned(),
        reasons: "it was deleted while this request worked on it; repeat the operation".to_owned(),
    }
}
