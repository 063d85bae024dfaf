//! Deletes anything that AgentCore provisions asynchronously. The decision about the next step is a pure function; the
//! loop only executes it.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::conflict::Conflict;
use super::ownership::Proof;
use super::provisioned::{Found, LIST_TIMEOUT, Provisioned, find, with_ownership};
use super::waiters::{Live, Phase, Sightings};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::requester::pending_name;
use crate::wait::{CANCELLED_CREATE_GRACE, Progress, until};

/// The time for which a resource may keep its old status after a deletion was accepted. After that, the deletion has
/// failed.
const DELETION_TIMEOUT: Duration = Duration::from_mins(2);
/// The time for which a dependent that nobody seems to delete may still be on its way out.
const DEPENDENTS_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// The resource no longer exists. `had_failed`: before the deletion was accepted, it had failed or somebody else
    /// was deleting it.
    Gone { had_failed: bool },
    /// Nothing was deleted: these dependents remain.
    InUse(Vec<String>),
}

/// Deletes the resource that an update created under this name and never answered for, if it is ours. This request is
/// the rollback of that update. Returns its id.
pub(crate) async fn delete_abandoned<P: Provisioned>(job: &Job<'_>, name: &P::Name) -> Result<Option<P::Id>, Error> {
    match find::<P>(job, name, P::SEARCH_TIMEOUT).await? {
        Some(found) if found.is_ours(job) => delete::<P>(job, &found.id).await.map(|()| Some(found.id)),
        _ => Ok(None),
    }
}

/// Deletes the resource that a Delete names by `id`, or else by `name`, if it is ours. If the resource was deleted, or
/// the name belongs to somebody else, nothing is left to do. `physical_id` is the id that the Delete carries. Returns the
/// id of the resource, unless none was found by the name.
pub(crate) async fn delete_requested<P: Provisioned>(
    job: &Job<'_>,
    physical_id: &str,
    id: Option<P::Id>,
    name: impl FnOnce() -> Option<P::Name>,
) -> Result<Option<P::Id>, Error> {
    if let Some(id) = id {
        let mut sightings = Sightings::new();
        let Some(found) = staying::<P>(job, &id, &mut sightings).await? else { return Ok(Some(id)) };
        found.check_ours(job)?;
        check_gone::<P>(&id, delete_sighted::<P>(job, &id, &mut sightings).await?)?;
        return Ok(Some(id));
    }
    let Some(name) = name() else { return Ok(None) };
    let mut gone = None;
    let mut timeout = match pending_name(physical_id) {
        // CloudFormation invented the id: it stands for a cancelled Create that may still be running.
        None => CANCELLED_CREATE_GRACE,
        // The Create got past its properties, and a call of it may have had its effect.
        Some(_) => P::SEARCH_TIMEOUT,
    };
    while let Some(found) = find::<P>(job, &name, timeout).await? {
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
        gone = Some(found.id);
        if !may_follow {
            break;
        }
        timeout = P::REPEATS.iter().sum::<Duration>() + LIST_TIMEOUT;
    }
    Ok(gone)
}

/// Gets a resource and its ownership, once no deletion of it is under way. A resource that is being deleted may have lost
/// its proof already, and is only waited for. Returns `None` if it does not exist.
async fn staying<P: Provisioned>(
    job: &Job<'_>,
    id: &P::Id,
    sightings: &mut Sightings,
) -> Result<Option<Found<P>>, Error> {
    let live = until(job.deadline, &waiting::<P>(id), async || {
        Ok(match P::get(job, id).await? {
            // The Delete may follow the Create at once, and a Get of a resource without a status lag behind both.
            None if sightings.may_be_new() => Progress::pending("not found"),
            None => Progress::Done(None),
            Some(live) => {
                sightings.record();
                match live.phase() {
                    Phase::Deleting => Progress::Pending { status: live.status_name(), since: job.requested_at },
                    _ => Progress::Done(Some(live)),
                }
            }
        })
    })
    .await?;
    match live {
        Some(live) => with_ownership(job, id, live).await,
        None => Ok(None),
    }
}

fn waiting<P: Provisioned>(id: &P::Id) -> String {
    format!("waiting for {} {id} to be deleted", P::NOUN)
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
    Error::InUse { what: format!("{} {id}", P::NOUN), dependents: format!("the {} {first}{more}", P::DEPENDENTS) }
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
    delete_sighted::<P>(job, id, &mut Sightings::new()).await
}

async fn delete_sighted<P: Provisioned>(
    job: &Job<'_>,
    id: &P::Id,
    sightings: &mut Sightings,
) -> Result<Deleted, Error> {
    let mut asked: Option<Asked> = None;
    let mut status_before = None;
    let mut had_failed = false;
    let mut standing_since = None;
    let mut conflict = Conflict::default();
    until(job.deadline, &waiting::<P>(id), async || {
        let Some(live) = P::get(job, id).await? else {
            // A request that undoes its own create deletes what no Get may show yet.
            let may_be_new = sightings.may_be_new();
            return Ok(if may_be_new {
                Progress::pending("not found")
            } else {
                Progress::Done(Deleted::Gone { had_failed })
            });
        };
        sightings.record();
        // Its own timestamps tell of its last update, not of the deletion.
        let deleting = |since| Ok(Progress::Pending { status: live.status_name(), since });
        // Only the state before our own request counts: afterwards, the deletion itself may fail.
        if asked.is_none() {
            had_failed |= live.creation_failed() || live.phase() == Phase::Deleting;
        }
        let changed = status_before.as_ref().is_some_and(|before| *before != live.status_name());
        match next_deletion_step(live.phase(), changed, asked.map(|asked| asked.since.elapsed()), P::REPEATS_DELETION) {
            Step::Wait => return deleting(asked.map(|asked| asked.at).or(job.requested_at)),
            Step::Failed => return Err(undeleted::<P>(id, &live)),
            Step::Ask => drop(status_before.get_or_insert(live.status_name())),
        }
        // Read before every request, because a dependent on its way out still blocks the deletion.
        let dependents = P::dependents(job, id).await?;
        if dependents.standing.is_empty() {
            standing_since = None;
        } else if standing_since.get_or_insert_with(Instant::now).elapsed() >= DEPENDENTS_TIMEOUT {
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
            // Throttling, a denial or a lost reply has nothing to do with the consent.
            Err(error)
                if live.phase() == Phase::AwaitingConsent
                    && (error.is(ApiErrorKind::Conflict) || error.is(ApiErrorKind::Other)) =>
            {
                Err(awaiting_consent::<P>(id, &live, &error))
            }
            Err(error) if P::is_deletion_conflict(&error) => {
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
        (Phase::Failed, Some(asked)) if repeats && asked < DELETION_TIMEOUT => Step::Ask,
        (Phase::Failed, Some(_)) if changed => Step::Failed,
        // A Get may lag behind the deletion.
        (_, Some(asked)) if asked < DELETION_TIMEOUT => Step::Wait,
        (_, Some(_)) => Step::Failed,
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
            "it waits for a user to sign in and cannot be deleted ({error}); sign in, or wait ten minutes until the \
             request expires, then delete it again"
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
            (Phase::Deleting, true, Some(DELETION_TIMEOUT * 9), Step::Wait),
            // Whatever its status is, a deletion is requested once.
            (Phase::Ready, false, None, Step::Ask),
            (Phase::Changing, false, None, Step::Ask),
            (Phase::Failed, false, None, Step::Ask),
            (Phase::AwaitingConsent, false, None, Step::Ask),
            // A Get may lag behind an accepted deletion, but not forever.
            (Phase::Ready, false, MOMENT, Step::Wait),
            (Phase::Failed, false, MOMENT, Step::Wait),
            (Phase::Ready, false, Some(DELETION_TIMEOUT), Step::Failed),
            (Phase::Failed, false, Some(DELETION_TIMEOUT), Step::Failed),
            (Phase::AwaitingConsent, true, Some(DELETION_TIMEOUT), Step::Failed),
            // A failure that was not there before comes from the deletion.
            (Phase::Failed, true, MOMENT, Step::Failed),
            (Phase::Changing, true, Some(DELETION_TIMEOUT * 9), Step::Wait),
        ];
        for (phase, changed, asked, step) in table {
            assert_eq!(next_deletion_step(phase, changed, asked, false), step, "{phase:?}, {changed}, {asked:?}");
        }
        // If the noun has no status of its own for it, a deletion that failed is requested again for a while.
        assert_eq!(next_deletion_step(Phase::Failed, true, MOMENT, true), Step::Ask);
        assert_eq!(next_deletion_step(Phase::Failed, true, Some(DELETION_TIMEOUT), true), Step::Failed);
    }
}
