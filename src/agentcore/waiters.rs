//! Waits for work that AgentCore does after it has answered: until a resource leaves its transitional states, until an
//! update shows. Gets may lag: for a moment they show the former state.

use std::slice;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use tokio::time::Instant;

use crate::error::Error;
use crate::job::Job;
use crate::wait::{Progress, until};

/// The time for which a resource that was just created may not be found.
pub(crate) const NOT_FOUND_TIMEOUT: Duration = Duration::from_secs(15);
/// The time for which a Get may show the resource as it was before an update.
const TAKES_EFFECT_TIMEOUT: Duration = Duration::from_mins(1);

/// The meaning of a status for a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A change is under way.
    Changing,
    /// A deletion is under way.
    Deleting,
    /// The resource can be used.
    Ready,
    /// The last operation failed.
    Failed,
    /// A person would have to sign in.
    AwaitingConsent,
}

/// A resource as a Get shows it.
pub(crate) trait Live {
    /// Returns the meaning of its status.
    fn phase(&self) -> Phase;
    /// Returns the status as the API spells it.
    fn status_name(&self) -> String;
    /// Returns when the present transition began, by the resource's own timestamps.
    fn since(&self) -> Option<SystemTime>;
    /// Returns the service's reasons for the status as the end of a sentence.
    fn reasons(&self) -> String;
    /// Returns true if the resource never worked, which no update repairs.
    fn creation_failed(&self) -> bool;

    /// Returns true if a change of it is under way.
    fn is_changing(&self) -> bool {
        matches!(self.phase(), Phase::Changing | Phase::Deleting)
    }

    /// Returns true if its last operation failed.
    fn is_failed(&self) -> bool {
        self.phase() == Phase::Failed
    }

    /// Returns that it is in progress, by its own status and timestamps.
    fn pending<T>(&self) -> Progress<T> {
        Progress::Pending { status: self.status_name(), since: self.since() }
    }
}

/// Joins the service's reasons to the end of a sentence.
pub(crate) fn joined<S: AsRef<str>>(reasons: &[S]) -> String {
    let reasons: Vec<_> = reasons.iter().map(|reason| reason.as_ref().trim_end().trim_end_matches('.')).collect();
    let reasons = reasons.join("; ");
    if reasons.is_empty() { "the service gives no reason".to_owned() } else { reasons }
}

/// Tells a resource that Gets do not show yet from one that was deleted.
pub(crate) struct Sightings {
    started: Instant,
    seen: bool,
}

impl Sightings {
    /// Begins at the first Get.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), seen: false }
    }

    /// Remembers that a Get showed the resource.
    pub(crate) fn record(&mut self) {
        self.seen = true;
    }

    /// Returns true if a Get that finds nothing may lag behind the creation. A resource that was seen and is gone was
    /// deleted, and one that was never seen may be new.
    pub(crate) fn may_be_new(&self) -> bool {
        !self.seen && self.started.elapsed() < NOT_FOUND_TIMEOUT
    }
}

/// Waits until `what` leaves its transitional states. Returns `None` if it does not exist, or was deleted meanwhile.
pub(crate) async fn wait_settled<L: Live>(
    job: &Job<'_>,
    what: &str,
    mut get: impl AsyncFnMut() -> Result<Option<L>, Error>,
) -> Result<Option<L>, Error> {
    let mut sightings = Sightings::new();
    until(job.deadline, &format!("waiting for {what}"), async || {
        Ok(match get().await? {
            None if sightings.may_be_new() => Progress::pending("not found"),
            Some(live) if live.is_changing() => {
                sightings.record();
                live.pending()
            }
            settled => Progress::Done(settled),
        })
    })
    .await
}

/// Waits until an accepted update of `what` has succeeded or failed, and verifies that it took effect. `settle` waits as
/// [`wait_settled`] does. `shows` compares a Get with the answer to the update: a Get that does not show the update yet
/// is ignored for a while, whatever its status. `unapplied` names the members that still have their old value.
pub(crate) async fn wait_updated<L: Live>(
    job: &Job<'_>,
    what: &str,
    mut settle: impl AsyncFnMut() -> Result<L, Error>,
    shows: impl Fn(&L) -> bool,
    unapplied: impl Fn(&L) -> Vec<&'static str>,
) -> Result<L, Error> {
    let started = Instant::now();
    // A transition may take longer than the time allowed for a lagging Get, so that its time is not counted.
    let mut settling = Duration::ZERO;
    until(job.deadline, &format!("waiting for the update of {what}"), async || {
        let asked = Instant::now();
        let live = settle().await?;
        settling += asked.elapsed();
        let patient = started.elapsed().saturating_sub(settling) < TAKES_EFFECT_TIMEOUT;
        if patient && !shows(&live) {
            return Ok(live.pending());
        }
        let unapplied = if live.phase() == Phase::Ready { unapplied(&live) } else { Vec::new() };
        if unapplied.is_empty() {
            return Ok(Progress::Done(live));
        }
        // The Get may still lag behind an update that took effect.
        if patient {
            return Ok(live.pending());
        }
        Err(Error::TerminalStatus {
            what: what.to_owned(),
            status: live.status_name(),
            reasons: format!("AgentCore accepted the update but kept the old {}; repeat it", unapplied.join(" and ")),
        })
    })
    .await
}

/// Returns true if a resource last updated at `live` shows an update that was answered with `updated`. Fractions of a
/// second do not count: an answer and a Get may differ in precision.
pub(crate) fn is_at_least_as_recent(live: &DateTime, updated: &DateTime) -> bool {
    live.secs() >= updated.secs()
}

/// The pauses after which one operation that failed is repeated.
#[derive(Debug)]
pub(crate) struct Repeats(slice::Iter<'static, Duration>);

impl Repeats {
    /// Repeats after each of these pauses.
    pub(crate) fn after(pauses: &'static [Duration]) -> Self {
        Self(pauses.iter())
    }

    /// Sleeps until the next attempt. Returns false if no attempt or no time is left.
    pub(crate) async fn again(&mut self, job: &Job<'_>) -> bool {
        match self.0.next() {
            Some(pause) => job.deadline.sleep(*pause).await.is_ok(),
            None => false,
        }
    }
}
