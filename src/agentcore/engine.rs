//! The engine: creates and converges anything that AgentCore provisions asynchronously. Together with `deletion`, this
//! is the only place that knows lost replies, taken names, conflicts, ownership proofs and deletions that fail.
//!
//! A noun of AgentCore implements [`Provisioned`] (`agentcore/<noun>.rs`); what a template asks for implements
//! [`Desired`] (`resource/<kind>.rs`).

use super::conflict::{Conflict, is_name_taken, waiting_for_role};
use super::deletion::delete;
use super::ownership::{Ownership, Proof};
use super::provisioned::{Created, Desired, Found, Provisioned, Updated, find, gone, look, name_taken, wait_settled};
use super::waiters::{self, Live, Phase, Repeats};
use crate::error::{ApiErrorKind, Error, Failure};
use crate::job::Job;
use crate::wait::{Progress, until};

/// The maximum number of tokens that one request uses for one call: each is good for one set of parameters.
const TOKENS_MAX: u32 = 3;

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
    found: Option<Ownership>,
    /// True if it was found, and its configuration need not be the desired one.
    is_adopted: bool,
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
            Ok(Created { id, live }) => {
                return Ok(Progress::Done(Obtained { id, live, found: None, is_adopted: false }));
            }
            Err(error) if is_name_taken(&error) || D::Noun::is_conflict(&error) => error,
            Err(error) => return Err(error),
        };
        // An earlier delivery used the token with other parameters. The resource that it created is found by name, or
        // was deleted.
        if error.is(ApiErrorKind::TokenReused) && *attempt < TOKENS_MAX {
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
                let Found { id, live, ownership } = found;
                // An earlier delivery of this request sent the desired configuration, and AgentCore still works on it.
                let is_adopted = !(live.is_changing() && D::Noun::is_from_request(job, &live));
                Ok(Progress::Done(Obtained { id, live: Some(live), found: Some(ownership), is_adopted }))
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

/// Waits until a created or found resource leaves its transitional states. The second result is true for an adopted
/// resource. Returns `None` if the resource was deleted.
async fn settle<D: Desired>(
    job: &Job<'_>,
    desired: &D,
    obtained: Obtained<D::Noun>,
) -> Result<Option<(Found<D::Noun>, bool)>, Error> {
    let Obtained { id, live, found, is_adopted } = obtained;
    let ownership = found.unwrap_or(Ownership { proof: Proof::Ours, tags: None });
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
            Err(error) if error.is(ApiErrorKind::TokenReused) && attempt < TOKENS_MAX => {
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

/// Adds to an error the id of the resource that the failed call may have created, so that the rollback deletes it.
async fn with_created_id<P: Provisioned>(job: &Job<'_>, error: Error, name: &P::Name) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match find::<P>(job, name, P::SEARCH_TIMEOUT).await {
        Ok(Some(found)) if found.is_ours(job) => error.with_id(found.id.to_string()),
        _ => error.into(),
    }
}
