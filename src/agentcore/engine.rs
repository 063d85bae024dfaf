//! The engine: creates, converges, finds and deletes anything that AgentCore provisions asynchronously. This is the only
//! place that knows lost replies, taken names, conflicts, ownership proofs and deletions that fail.
//!
//! A noun of AgentCore implements [`Provisioned`] (`agentcore/<noun>.rs`); what a template asks for implements
//! [`Desired`] (`resource/<kind>.rs`). Decisions are pure functions; the loops only execute them.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::ownership::{Ownership, Proof};
use super::refusal::{Conflict, is_name_taken, is_token_known, waiting_for_role};
use super::waiters::{self, Live, Phase, Repeats};
use crate::error::{ApiErrorKind, Error, Failure};
use crate::event::RequestType;
use crate::job::Job;
use crate::requester::pending_name;
use crate::wait::{CANCELLED_CREATE_GRACE, Progress, until, until_within};

/// The time for which lists lag: a new resource may be missing, and a deleted one may linger.
pub(crate) const LIST_PATIENCE: Duration = Duration::from_secs(30);
/// The time for which a resource may keep its old status after a deletion was accepted. After that, the deletion has
/// failed.
const DELETION_PATIENCE: Duration = Duration::from_mins(2);
/// The time for which a dependent that nobody seems to delete may still be on its way out.
const DEPENDENTS_PATIENCE: Duration = Duration::from_secs(30);
/// The maximum number of tokens that one request uses for one call: each is good for one set of parameters.
const TOKENS_MAX: u32 = 3;
/// The reason why a resource without listed tags is not adopted, changed or deleted.
const UNPROVEN: &str = "AgentCore does not list its tags, so that nothing proves that this stack created it";

/// A noun of AgentCore: its calls, each safe to repeat, and what they say.
pub(crate) trait Provisioned: Sized {
    /// The noun in a sentence: `runtime`.
    const NOUN: &'static str;
    /// The remedy if somebody else holds the name.
    const NAME_ADVICE: &'static str;
    /// The reason why the proof of ownership fails, and the remedy.
    const PROOF_LOST: &'static str = "its ownership tags are gone or changed: restore them and retry";
    /// True if a deletion that failed is requested again, because the noun has no status of its own for that.
    const REPEATS_DELETION: bool = false;
    /// True if a create deletes the holder of its name that is ours and never worked. Otherwise the create reports
    /// that.
    const REPLACES_FAILED: bool = false;
    /// The time for which a search by name looks before it finds nothing.
    const SEARCH_PATIENCE: Duration = LIST_PATIENCE;
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
    /// Returns true if another attempt at the operation that failed may succeed.
    fn may_pass(_live: &Self::Live) -> bool {
        false
    }
    /// Returns true if a refusal may pass: another change is under way.
    fn is_conflict(error: &Error) -> bool {
        error.is(ApiErrorKind::Conflict)
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
    fn check_ours(&self, job: &Job<'_>) -> Result<(), Error> {
        if self.is_ours(job) {
            return Ok(());
        }
        if self.ownership.proof == Proof::Missing {
            return Err(self.unproven(job));
        }
        let advice = format!("{}, or delete the {} yourself", P::PROOF_LOST, P::NOUN);
        Err(Error::NotOurs { what: P::title(&self.id, &self.live), advice })
    }

    fn unproven(&self, job: &Job<'_>) -> Error {
        let again = match job.request.request_type {
            RequestType::Delete => "repeat the deletion",
            RequestType::Create | RequestType::Update => "retry",
        };
        let advice = format!("{UNPROVEN}: delete it yourself and {again}");
        Error::NotOurs { what: P::title(&self.id, &self.live), advice }
    }
}

/// The result of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// The resource no longer exists. `had_failed`: before the deletion was accepted, it had failed or somebody else
    /// was deleting it.
    Gone { had_failed: bool },
    /// Nothing was deleted: these dependents remain.
    InUse(Vec<String>),
}

/// Creates the desired resource and waits until it is READY. Adopts a resource of that name that is ours, from a
/// delivery whose reply was lost. Undoes and repeats a creation that failed, if another attempt may succeed.
pub(crate) async fn create<D: Desired>(job: &Job<'_>, desired: &D) -> Result<Found<D::Noun>, Failure> {
    let configuration = Box::pin(desired.configuration(job, None)).await?;
    let mut repeats = Repeats::after(D::Noun::REPEATS);
    let mut attempt = 1;
    loop {
        let obtained = match Box::pin(obtain(job, desired, &configuration, &mut attempt)).await {
            Ok(obtained) => obtained,
            Err(error) => return Err(with_created_id::<D::Noun>(job, error, &desired.name()).await),
        };
        let id = obtained.id.clone();
        let settled = Box::pin(settle(job, desired, obtained)).await.map_err(|error| error.with_id(id.to_string()))?;
        let Some((found, adopted)) = settled else {
            let gone = gone::<D::Noun>(&id);
            // A creation that was repeated has another id, which the rollback finds by name.
            return Err(if D::Noun::REPEATS.is_empty() { gone.with_id(id.to_string()) } else { gone.into() });
        };
        let id = found.id.to_string();
        let with_id = |error: Error| error.with_id(id.clone());
        if !found.live.creation_failed() {
            let usable =
                !adopted && found.live.phase() == Phase::Ready && D::unapplied(&configuration, &found.live).is_empty();
            return if usable { Ok(found) } else { Box::pin(converge(job, desired, found)).await.map_err(with_id) };
        }
        if !D::Noun::may_pass(&found.live) || !repeats.again(job).await {
            return Err(with_id(desired.failure(job, &found.id, &found.live).await));
        }
        Box::pin(delete::<D::Noun>(job, &found.id)).await.map_err(with_id)?;
        attempt += 1;
    }
}

/// A resource that a create returned, or found under its name.
struct Obtained<P: Provisioned> {
    id: P::Id,
    live: Option<P::Live>,
    /// Its ownership, if it was found.
    adopted: Option<Ownership>,
}

/// Creates the resource, or finds one of ours under its name.
async fn obtain<D: Desired>(
    job: &Job<'_>,
    desired: &D,
    configuration: &D::Configuration,
    attempt: &mut u32,
) -> Result<Obtained<D::Noun>, Error> {
    let name = desired.name();
    let mut conflict = Conflict::default();
    let doing = format!("waiting for the name of the {} to become free", D::Noun::NOUN);
    until(job.deadline, &doing, async || {
        let call = async || desired.create(job, configuration, *attempt).await;
        let error = match waiting_for_role(job, call).await {
            Ok(Created { id, live }) => return Ok(Progress::Done(Obtained { id, live, adopted: None })),
            Err(error) if is_name_taken(&error) || D::Noun::is_conflict(&error) => error,
            Err(error) => return Err(error),
        };
        // An earlier delivery used the token with other parameters. The resource that it created is found by name, or
        // was deleted.
        if is_token_known(&error) && *attempt < TOKENS_MAX {
            *attempt += 1;
        }
        let Some(found) = look::<D::Noun>(job, &name).await?.found else {
            let changing = D::Noun::is_busy(job, &name).await?;
            return conflict.tolerate(error, changing, Progress::pending("the name is taken, but not listed"));
        };
        match standing(&found, found.is_ours(job)) {
            Standing::Leaving => Ok(found.live.pending()),
            Standing::Others => Err(name_taken(&name, &found)),
            // No update repairs the resource, and no answer has named it.
            Standing::Useless => {
                delete::<D::Noun>(job, &found.id).await?;
                Ok(Progress::pending("deleting what an earlier attempt left behind"))
            }
            Standing::Usable => {
                Ok(Progress::Done(Obtained { id: found.id, live: Some(found.live), adopted: Some(found.ownership) }))
            }
        }
    })
    .await
}

/// The state of the holder of a name that a create wants.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It is being deleted: wait for the name.
    Leaving,
    /// It belongs to somebody else.
    Others,
    /// It is ours and never worked.
    Useless,
    /// It is ours.
    Usable,
}

fn standing<P: Provisioned>(found: &Found<P>, is_ours: bool) -> Standing {
    match (found.live.phase(), is_ours) {
        (Phase::Deleting, _) => Standing::Leaving,
        (_, false) => Standing::Others,
        _ if P::REPLACES_FAILED && found.live.creation_failed() => Standing::Useless,
        _ => Standing::Usable,
    }
}

/// Refuses a name that somebody else holds.
pub(crate) fn name_taken<P: Provisioned>(name: &P::Name, found: &Found<P>) -> Error {
    let advice = match found.ownership.proof {
        Proof::Missing => format!("{UNPROVEN}; {}", P::NAME_ADVICE),
        _ => P::NAME_ADVICE.to_owned(),
    };
    Error::NotOurs { what: P::holder(name, &found.id), advice }
}

/// Waits until a created or found resource leaves its transitional states. The second result is true for an adopted
/// resource. Returns `None` if the resource was deleted.
async fn settle<D: Desired>(
    job: &Job<'_>,
    desired: &D,
    obtained: Obtained<D::Noun>,
) -> Result<Option<(Found<D::Noun>, bool)>, Error> {
    let Obtained { id, live, adopted } = obtained;
    let is_adopted = adopted.is_some();
    let ownership = adopted.unwrap_or(Ownership { proof: Proof::Ours, tags: None });
    let settled = match live.filter(|live| !live.is_changing()) {
        Some(live) => Some(live),
        None => wait_settled::<D::Noun>(job, &id).await?,
    };
    if let Some(live) = settled {
        return Ok(Some((Found { id, live, ownership }, is_adopted)));
    }
    // An earlier delivery of this request may have repeated the creation. Otherwise the resource was deleted on
    // purpose, for example by the Delete of a cancelled Create, and must not be created again.
    if !D::Noun::REPEATS.is_empty()
        && let Some(other) = look::<D::Noun>(job, &desired.name()).await?.found
        && other.id != id
        && other.is_ours(job)
        && let Some(live) = wait_settled::<D::Noun>(job, &other.id).await?
    {
        return Ok(Some((Found { live, ..other }, true)));
    }
    Ok(None)
}

/// Brings a settled resource of ours to the desired state by an update, if it differs. Verifies that the update took
/// effect. Repeats an update that failed, if another attempt may succeed.
pub(crate) async fn converge<D: Desired>(
    job: &Job<'_>,
    desired: &D,
    found: Found<D::Noun>,
) -> Result<Found<D::Noun>, Error> {
    desired.check_fixed(&found.live)?;
    let configuration = &Box::pin(desired.configuration(job, Some(&found.live))).await?;
    if found.live.phase() == Phase::Ready && D::is_applied(configuration, &found.live) {
        return Ok(found);
    }
    let Found { id, mut live, ownership } = found;
    if live.phase() == Phase::AwaitingConsent {
        return Err(desired.failure(job, &id, &live).await);
    }
    let mut repeats = Repeats::after(D::Noun::REPEATS);
    loop {
        let Updated { receipt, live: answered } = Box::pin(update(job, desired, &id, live, configuration)).await?;
        live = if let Some(live) = answered.filter(|live| live.phase() == Phase::Ready) {
            live
        } else {
            let settle = async || wait_settled::<D::Noun>(job, &id).await?.ok_or_else(|| gone::<D::Noun>(&id));
            let shows = |live: &_| D::shows(live, &receipt);
            let unapplied = |live: &_| {
                let mut unapplied = D::unapplied(configuration, live);
                unapplied.extend(D::RECEIPT_MEMBER.filter(|_| !shows(live)));
                unapplied
            };
            Box::pin(waiters::wait_updated(job, &format!("{} {id}", D::Noun::NOUN), settle, shows, unapplied)).await?
        };
        if live.phase() == Phase::Ready {
            return Ok(Found { id, live, ownership });
        }
        if !D::Noun::may_pass(&live) || !repeats.again(job).await {
            return Err(desired.failure(job, &id, &live).await);
        }
    }
}

/// Sends the update, once other changes have ended.
async fn update<D: Desired>(
    job: &Job<'_>,
    desired: &D,
    id: &<D::Noun as Provisioned>::Id,
    mut live: <D::Noun as Provisioned>::Live,
    configuration: &D::Configuration,
) -> Result<Updated<D>, Error> {
    let mut attempt = 1;
    let mut conflict = Conflict::default();
    let doing = format!("waiting for another change of the {} to end", D::Noun::NOUN);
    until(job.deadline, &doing, async || {
        let call = async || desired.update(job, id, &live, configuration, attempt).await;
        match waiting_for_role(job, call).await {
            Ok(Some(updated)) => Ok(Progress::Done(updated)),
            Ok(None) => Err(gone::<D::Noun>(id)),
            // An earlier delivery of this request updated to another configuration: a secret was rotated since.
            Err(error) if is_token_known(&error) && attempt < TOKENS_MAX => {
                attempt += 1;
                Ok(Progress::pending("superseded"))
            }
            Err(error) if D::Noun::is_conflict(&error) => {
                live = D::Noun::get(job, id).await?.ok_or_else(|| gone::<D::Noun>(id))?;
                let changing = live.is_changing() || D::Noun::is_busy(job, &D::Noun::name(id, &live)).await?;
                conflict.tolerate(error, changing, live.pending())
            }
            Err(error) => Err(error),
        }
    })
    .await
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

async fn with_ownership<P: Provisioned>(job: &Job<'_>, id: &P::Id, live: P::Live) -> Result<Option<Found<P>>, Error> {
    let ownership = P::ownership(job, &live).await?;
    Ok(ownership.map(|ownership| Found { id: id.clone(), live, ownership }))
}

/// The result of one look at the list of names.
struct Look<P: Provisioned> {
    found: Option<Found<P>>,
    /// False if none can exist any longer.
    possible: bool,
}

/// Looks once for the resource of this name. Prefers one that stays to one that is being deleted.
async fn look<P: Provisioned>(job: &Job<'_>, name: &P::Name) -> Result<Look<P>, Error> {
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

/// Searches for the resource of this name for `patience`, because lists lag in both directions.
pub(crate) async fn find<P: Provisioned>(
    job: &Job<'_>,
    name: &P::Name,
    patience: Duration,
) -> Result<Option<Found<P>>, Error> {
    let doing = format!("looking for the {} by its name", P::NOUN);
    let found = until_within(job.deadline, patience, &doing, async || {
        let Look { found, possible } = look::<P>(job, name).await?;
        Ok(if found.is_some() || !possible { Progress::Done(found) } else { Progress::pending("not found") })
    });
    Ok(found.await?.flatten())
}

/// Adds to an error the id of the resource that the failed call may have created, so that the rollback deletes it.
async fn with_created_id<P: Provisioned>(job: &Job<'_>, error: Error, name: &P::Name) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match find::<P>(job, name, P::SEARCH_PATIENCE).await {
        Ok(Some(found)) if found.is_ours(job) => error.with_id(found.id.to_string()),
        _ => error.into(),
    }
}

/// Deletes the resource that an update created under this name and never answered for, if it is ours. This request is
/// the rollback of that update.
pub(crate) async fn delete_abandoned<P: Provisioned>(job: &Job<'_>, name: &P::Name) -> Result<(), Error> {
    match find::<P>(job, name, P::SEARCH_PATIENCE).await? {
        Some(found) if found.is_ours(job) => delete::<P>(job, &found.id).await,
        _ => Ok(()),
    }
}

/// Deletes the resource that a Delete names by `id`, or else by `name`, if it is ours. If the resource was deleted, or
/// the name belongs to somebody else, nothing is left to do. `physical_id` is the id that the Delete carries.
pub(crate) async fn delete_requested<P: Provisioned>(
    job: &Job<'_>,
    physical_id: &str,
    id: Option<P::Id>,
    name: impl FnOnce() -> Option<P::Name>,
) -> Result<(), Error> {
    if let Some(id) = id {
        let Some(found) = get::<P>(job, &id).await? else { return Ok(()) };
        // A resource on its way out may have lost its proof already, and the only thing left to do is to wait.
        if found.live.phase() != Phase::Deleting {
            found.check_ours(job)?;
        }
        return delete::<P>(job, &id).await;
    }
    let Some(name) = name() else { return Ok(()) };
    let mut patience = match pending_name(physical_id) {
        // CloudFormation invented the id: it stands for a cancelled Create that may still be running.
        None => CANCELLED_CREATE_GRACE,
        // The Create got past its properties, and a call of it may have had its effect.
        Some(_) => P::SEARCH_PATIENCE,
    };
    while let Some(found) = find::<P>(job, &name, patience).await? {
        // A name alone proves nothing. To leave a resource that is most likely ours without a word would be worse than
        // to refuse.
        if found.ownership.proof == Proof::Missing && P::is_ours_unproven(job, &found.live) {
            return Err(found.unproven(job));
        }
        if found.ownership.proof != Proof::Ours {
            break;
        }
        let deleted = delete_unless_in_use::<P>(job, &found.id).await?;
        // A Create that still runs may delete the resource that failed and create another.
        let may_follow = deleted == Deleted::Gone { had_failed: true } && !P::REPEATS.is_empty();
        check_gone::<P>(&found.id, deleted)?;
        if !may_follow {
            break;
        }
        patience = P::REPEATS.iter().sum::<Duration>() + LIST_PATIENCE;
    }
    Ok(())
}

fn check_gone<P: Provisioned>(id: &P::Id, deleted: Deleted) -> Result<(), Error> {
    match deleted {
        Deleted::Gone { .. } => Ok(()),
        Deleted::InUse(names) => Err(in_use::<P>(id, &names)),
    }
}

fn in_use<P: Provisioned>(id: &P::Id, names: &[String]) -> Error {
    /// The maximum number of dependents that a sentence names.
    const NAMED_MAX: usize = 5;
    let first = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Error::InUse { what: format!("{} {id}", P::NOUN), dependents: format!("the targets {first}{more}") }
}

/// The time at which a deletion was accepted.
#[derive(Clone, Copy)]
struct Asked {
    since: Instant,
    at: SystemTime,
}

/// Deletes a resource and waits until it is gone. Refuses one with dependents that stay. The caller has proved ownership.
/// May run twice.
pub(crate) async fn delete<P: Provisioned>(job: &Job<'_>, id: &P::Id) -> Result<(), Error> {
    check_gone::<P>(id, delete_unless_in_use::<P>(job, id).await?)
}

/// Deletes a resource like [`delete`], but leaves one with dependents that stay. Waits through the refusals of a resource
/// that is in transition, or whose dependents are being deleted.
pub(crate) async fn delete_unless_in_use<P: Provisioned>(job: &Job<'_>, id: &P::Id) -> Result<Deleted, Error> {
    let mut asked: Option<Asked> = None;
    let mut status_before = None;
    let mut had_failed = false;
    let mut standing_since = None;
    let mut conflict = Conflict::default();
    until(job.deadline, &format!("waiting for {} {id} to be deleted", P::NOUN), async || {
        let Some(live) = P::get(job, id).await? else { return Ok(Progress::Done(Deleted::Gone { had_failed })) };
        // Its own timestamps tell of its last update, not of the deletion.
        let deleting = |since| Ok(Progress::Pending { status: live.status_name(), since });
        // Only the state before our own request counts: afterwards, the deletion itself may fail.
        if asked.is_none() {
            had_failed |= live.creation_failed() || live.phase() == Phase::Deleting;
        }
        let changed = status_before.as_ref().is_some_and(|before| *before != live.status_name());
        match next_deletion_step(live.phase(), changed, asked.map(|asked| asked.since.elapsed()), P::REPEATS_DELETION) {
            Step::Wait => return deleting(asked.map(|asked| asked.at).or(job.requested_at())),
            Step::Failed => return Err(undeleted::<P>(id, &live)),
            Step::Ask => drop(status_before.get_or_insert(live.status_name())),
        }
        // Read before every request, because a dependent on its way out still blocks the deletion.
        let dependents = P::dependents(job, id).await?;
        if dependents.standing.is_empty() {
            standing_since = None;
        } else if standing_since.get_or_insert_with(Instant::now).elapsed() >= DEPENDENTS_PATIENCE {
            return Ok(Progress::Done(Deleted::InUse(dependents.standing)));
        }
        // None of them stays, so they will leave the list.
        if dependents.listed {
            return Ok(Progress::pending("its targets are still listed"));
        }
        match P::delete(job, id).await {
            Ok(Some(())) => {
                // A repeated request does not extend the wait: the first one counts.
                let first = *asked.get_or_insert(Asked { since: Instant::now(), at: job.context.now() });
                deleting(Some(first.at))
            }
            Ok(None) => Ok(Progress::Done(Deleted::Gone { had_failed })),
            Err(error @ Error::Api(_)) if live.phase() == Phase::AwaitingConsent => {
                Err(awaiting_consent::<P>(id, &live, &error))
            }
            Err(error) if P::is_conflict(&error) => {
                // A change of the resource itself, or of another one that blocks it, ends by itself.
                let changing = live.is_changing() || P::is_busy(job, &P::name(id, &live)).await?;
                conflict.tolerate(error, changing, live.pending())
            }
            // A policy that depends on ownership tags denies access to a resource whose tags were deleted with it.
            Err(error) if error.is(ApiErrorKind::Denied) && P::get(job, id).await?.is_none() => {
                Ok(Progress::Done(Deleted::Gone { had_failed }))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// The next step of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Wait,
    Ask,
    Failed,
}

/// Decides how a deletion goes on. `changed`: the status differs from the one before the deletion was accepted, which
/// was `asked` ago. `repeats`: a deletion that failed is requested again.
fn next_deletion_step(phase: Phase, changed: bool, asked: Option<Duration>, repeats: bool) -> Step {
    match (phase, asked) {
        (Phase::Deleting, _) | (Phase::Changing, Some(_)) => Step::Wait,
        (_, None) => Step::Ask,
        (Phase::Failed, Some(asked)) if repeats && asked < DELETION_PATIENCE => Step::Ask,
        (Phase::Failed, Some(_)) if changed => Step::Failed,
        // A Get may lag behind the deletion.
        (_, Some(asked)) if asked < DELETION_PATIENCE => Step::Wait,
        (_, Some(_)) => Step::Failed,
    }
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

fn undeleted<P: Provisioned>(id: &P::Id, live: &P::Live) -> Error {
    Error::TerminalStatus {
        what: format!("the deletion of {}", P::title(id, live)),
        status: live.status_name(),
        reasons: format!("{}; repeat it", live.reasons()),
    }
}

/// Reports a resource that waits for a person, which cannot be changed. The consent that it waits for expires after ten
/// minutes (developer guide, MCP server targets).
fn awaiting_consent<P: Provisioned>(id: &P::Id, live: &P::Live, error: &Error) -> Error {
    Error::TerminalStatus {
        what: format!("the deletion of {}", P::title(id, live)),
        status: live.status_name(),
        reasons: format!(
            "it waits for a person to sign in and refuses to be deleted ({error}); sign in, or wait ten minutes until \
             that expires, and delete again"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentcore::gateway::Gateway;

    #[test]
    fn five_targets_are_named_and_the_rest_counted() {
        let id = "mcp-abcdefghij".to_owned();
        let sentence = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            in_use::<Gateway>(&id, &names).to_string()
        };
        assert_eq!(
            sentence(&["a", "b"]),
            "gateway mcp-abcdefghij still has the targets a, b, which are not this resource's; delete them and repeat"
        );
        assert!(sentence(&["a", "b", "c", "d", "e", "f", "g"]).contains("targets a, b, c, d, e and 2 more, which"));
    }

    const MOMENT: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn a_deletion_goes_on_by_phase_and_time() {
        let table = [
            // The end of a deletion under way is awaited, whoever requested it.
            (Phase::Deleting, false, None, Step::Wait),
            (Phase::Deleting, true, Some(DELETION_PATIENCE * 9), Step::Wait),
            // Whatever its status is, a deletion is requested once.
            (Phase::Ready, false, None, Step::Ask),
            (Phase::Changing, false, None, Step::Ask),
            (Phase::Failed, false, None, Step::Ask),
            (Phase::AwaitingConsent, false, None, Step::Ask),
            // A Get may lag behind an accepted deletion, but not for ever.
            (Phase::Ready, false, MOMENT, Step::Wait),
            (Phase::Failed, false, MOMENT, Step::Wait),
            (Phase::Ready, false, Some(DELETION_PATIENCE), Step::Failed),
            (Phase::Failed, false, Some(DELETION_PATIENCE), Step::Failed),
            (Phase::AwaitingConsent, true, Some(DELETION_PATIENCE), Step::Failed),
            // A failure that was not there before comes from the deletion.
            (Phase::Failed, true, MOMENT, Step::Failed),
            (Phase::Changing, true, Some(DELETION_PATIENCE * 9), Step::Wait),
        ];
        for (phase, changed, asked, step) in table {
            assert_eq!(next_deletion_step(phase, changed, asked, false), step, "{phase:?}, {changed}, {asked:?}");
        }
        // If the noun has no status of its own for it, a deletion that failed is requested again for a while.
        assert_eq!(next_deletion_step(Phase::Failed, true, MOMENT, true), Step::Ask);
        assert_eq!(next_deletion_step(Phase::Failed, true, Some(DELETION_PATIENCE), true), Step::Failed);
    }
}
