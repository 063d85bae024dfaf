//! Waiting for what AgentCore does after it has answered: until a resource is in no transition any more, until an update
//! shows, until a deletion has failed. Gets may be late: for a moment they show what was before.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use tokio::time::Instant;

use crate::error::Error;
use crate::job::Job;
use crate::wait::{Progress, until};

/// What was just created may not be found for so long.
pub(crate) const NOT_FOUND_PATIENCE: Duration = Duration::from_secs(15);
/// What was before an update or a deletion may be shown for so long.
const TAKES_EFFECT_PATIENCE: Duration = Duration::from_mins(1);

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
    until(job.deadline, &format!("waiting for the update of {what}"), async || {
        let live = settle().await?;
        let patient = started.elapsed() < TAKES_EFFECT_PATIENCE;
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

/// The deletion of a resource whose status can say DELETE_FAILED.
#[derive(Debug, Default)]
pub(crate) struct Deletion {
    asked: Option<(Instant, SystemTime)>,
    failed_before: bool,
}

impl Deletion {
    /// It was accepted, for the first time or again. Returns when it was first.
    pub(crate) fn ask(&mut self, now: SystemTime) -> SystemTime {
        self.asked.get_or_insert_with(|| (Instant::now(), now)).1
    }

    /// When it was accepted, if it was.
    pub(crate) fn asked_at(&self) -> Option<SystemTime> {
        self.asked.map(|(_, at)| at)
    }

    /// Whether it has failed, given whether a Get shows DELETE_FAILED: that of an earlier one may be shown for a while.
    pub(crate) fn has_failed(&mut self, shown: bool) -> bool {
        match self.asked {
            None => {
                self.failed_before = shown;
                false
            }
            Some((since, _)) => shown && !(self.failed_before && since.elapsed() < TAKES_EFFECT_PATIENCE),
        }
    }
}
