//! Waiting for what AgentCore does after it has answered: until a resource is in no transition any more, until an update
//! shows, until it is gone. Gets may be late: for a moment they show what was before.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use tokio::time::Instant;

use super::Conflict;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, until};

/// What was just created may not be found for so long.
pub(crate) const NOT_FOUND_PATIENCE: Duration = Duration::from_secs(15);
/// What was before an update or a deletion may be shown for so long.
const TAKES_EFFECT_PATIENCE: Duration = Duration::from_mins(1);

/// The word for what is on its way out, whatever the resource.
pub(crate) const DELETING: &str = "DELETING";

/// What a status means to whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// In transition.
    No,
    /// Usable.
    Ready,
    /// The last operation failed.
    Failed,
    /// Somebody would have to sign in.
    PendingAuth,
}

/// A resource as a Get shows it.
pub(crate) trait Live {
    /// What its status means.
    fn settled(&self) -> Settled;
    /// The status word.
    fn word(&self) -> String;
    /// When the present transition began, by its own timestamps.
    fn since(&self) -> Option<SystemTime>;
}

/// Whether a change of it is under way.
pub(crate) fn is_changing(live: &impl Live) -> bool {
    live.settled() == Settled::No
}

/// Still going on, by its own word and timestamps.
pub(crate) fn pending<T>(live: &impl Live) -> Progress<T> {
    Progress::Pending { status: live.word(), since: live.since() }
}

/// Waits until `what` is in no transition any more. `None` if there is none (any more).
pub(crate) async fn wait_settled<L: Live>(
    job: &Job<'_>,
    what: &str,
    mut get: impl AsyncFnMut() -> Result<Option<L>, Error>,
) -> Result<Option<L>, Error> {
    let started = Instant::now();
    let mut seen = false;
    until(job.deadline, &format!("waiting for {what}"), async || {
        Ok(match get().await? {
            None if !seen && started.elapsed() < NOT_FOUND_PATIENCE => Progress::pending("not found"),
            Some(live) if is_changing(&live) => {
                seen = true;
                pending(&live)
            }
            settled => Progress::Done(settled),
        })
    })
    .await
}

/// Waits until an accepted update of `what` has ended, well or not, and looks whether it took. `settle` waits as
/// [`wait_settled`] does. What does not show the update yet is not believed for a while, whatever its status: `shows`
/// goes by the answer to the update. `kept` names what has its former value although all went well.
pub(crate) async fn wait_updated<L: Live>(
    job: &Job<'_>,
    what: &str,
    mut settle: impl AsyncFnMut() -> Result<L, Error>,
    shows: impl Fn(&L) -> bool,
    kept: impl Fn(&L) -> Vec<&'static str>,
) -> Result<L, Error> {
    let started = Instant::now();
    // A transition may take longer than the patience with what comes before and after it.
    let mut settling = Duration::ZERO;
    until(job.deadline, &format!("waiting for the update of {what}"), async || {
        let asked = Instant::now();
        let live = settle().await?;
        settling += asked.elapsed();
        let patient = started.elapsed().saturating_sub(settling) < TAKES_EFFECT_PATIENCE;
        if patient && !shows(&live) {
            return Ok(pending(&live));
        }
        let kept = if live.settled() == Settled::Ready { kept(&live) } else { Vec::new() };
        if kept.is_empty() {
            return Ok(Progress::Done(live));
        }
        if patient {
            return Ok(pending(&live));
        }
        Err(Error::TerminalStatus {
            what: what.to_owned(),
            status: live.word(),
            reasons: format!("AgentCore accepted the update and kept the former {}; repeat it", kept.join(" and ")),
        })
    })
    .await
}

/// Whether what was last updated at `live` shows an update that was answered with `updated`. Fractions of a second do not
/// count: an answer and a Get need not be equally precise.
pub(crate) fn is_as_new(live: &DateTime, updated: &DateTime) -> bool {
    live.secs() >= updated.secs()
}

/// Deletes `what` and waits until it is gone. What is in transition refuses to be deleted, which is waited through.
/// `failed` says that a deletion ended in DELETE_FAILED; what shows that from before is not believed for a while.
pub(crate) async fn delete<L: Live>(
    job: &Job<'_>,
    what: &str,
    mut get: impl AsyncFnMut() -> Result<Option<L>, Error>,
    mut delete: impl AsyncFnMut() -> Result<Option<()>, Error>,
    failed: impl Fn(&L) -> Error,
) -> Result<(), Error> {
    let mut asked: Option<(Instant, SystemTime)> = None;
    let mut failed_before = false;
    let mut conflict = Conflict::default();
    until(job.deadline, &format!("waiting for {what} to be deleted"), async || {
        let Some(live) = get().await? else { return Ok(Progress::Done(())) };
        // Its own timestamps tell of its last update, not of this.
        let deleting = |since| Ok(Progress::Pending { status: live.word(), since });
        match (live.word().as_str(), asked) {
            (DELETING, _) => return deleting(asked.map(|(_, at)| at).or(job.requested_at())),
            ("DELETE_FAILED", Some((since, _))) if !failed_before || since.elapsed() >= TAKES_EFFECT_PATIENCE => {
                return Err(failed(&live));
            }
            (word, None) => failed_before = word == "DELETE_FAILED",
            _ => {}
        }
        match delete().await {
            Ok(Some(())) => deleting(Some(asked.get_or_insert_with(|| (Instant::now(), job.context.now())).1)),
            Ok(None) => Ok(Progress::Done(())),
            Err(error) if error.is(ApiErrorKind::Conflict) => conflict.wait(error, is_changing(&live), pending(&live)),
            // A policy that goes by the ownership tag denies what has lost its tags by being gone.
            Err(error) if error.is(ApiErrorKind::Denied) && get().await?.is_none() => Ok(Progress::Done(())),
            Err(error) => Err(error),
        }
    })
    .await
}
