//! Deleting a gateway, which AgentCore refuses while it has targets. Ours go before it, as resources of their own; those
//! of others stop it.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::types::{GatewayStatus, TargetStatus, TargetSummary};
use tokio::time::Instant;

use super::api;
use super::waiting::failed_status;
use crate::agentcore::target::{self, TargetRef};
use crate::agentcore::{CONFLICT_PATIENCE, Conflict, Live, Settled, is_changing, pending};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, until};

/// How long a target that stands may still be on its way out: its deletion was asked for a moment ago, and a Get may
/// not show it yet.
const TARGETS_PATIENCE: Duration = Duration::from_secs(30);
/// Targets that a sentence names.
const NAMED_MAX: usize = 5;

/// Deletes a gateway of ours and waits until it is gone. One in transition, or with targets that are going, refuses to
/// be deleted, which is waited through.
pub(super) async fn delete_gateway(job: &Job<'_>, id: &str) -> Result<(), Error> {
    let mut asked = None;
    let mut conflict = Conflict::default();
    let mut standing_since = None;
    until(job.deadline, &format!("waiting for gateway {id} to be deleted"), async || {
        let Some(live) = api::get(job, id).await? else { return Ok(Progress::Done(())) };
        // The gateway's own timestamps tell of its last update, not of this.
        let deleting = |since| Ok(Progress::Pending { status: GatewayStatus::Deleting.as_str().to_owned(), since });
        if *live.status() == GatewayStatus::Deleting {
            return deleting(asked.map(|(at, _)| at).or(job.requested_at()));
        }
        // There is no status for a deletion that failed.
        if live.settled() == Settled::Failed
            && asked.is_some_and(|(_, since): (_, Instant)| since.elapsed() >= CONFLICT_PATIENCE)
        {
            return Err(failed_status(&live));
        }
        let listed = target::list(job, id).await?;
        let standing = standing(job, id, &listed).await?;
        if standing.is_empty() {
            standing_since = None;
        } else if standing_since.get_or_insert_with(Instant::now).elapsed() >= TARGETS_PATIENCE {
            return Err(targets_remain(id, &standing));
        }
        if !listed.is_empty() {
            return Ok(Progress::pending("its targets are still listed"));
        }
        match api::delete(job, id).await {
            Ok(Some(())) => {
                let (at, _) = *asked.get_or_insert_with(|| (job.context.now(), Instant::now()));
                deleting(Some(at))
            }
            Ok(None) => Ok(Progress::Done(())),
            Err(error) if error.is(ApiErrorKind::Conflict) || is_about_targets(&error) => {
                conflict.wait(error, is_changing(&live), pending(&live))
            }
            // A policy that goes by the ownership tag denies what has lost its tags by being gone.
            Err(error) if error.is(ApiErrorKind::Denied) && api::get(job, id).await?.is_none() => {
                Ok(Progress::Done(()))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// The names of the listed targets that exist and that nobody is deleting.
async fn standing<'a>(job: &Job<'_>, id: &str, listed: &'a [TargetSummary]) -> Result<Vec<&'a str>, Error> {
    let mut names = Vec::new();
    for listed in listed {
        let target = TargetRef { gateway_id: id.to_owned(), target_id: listed.target_id().to_owned() };
        if target::get(job, &target).await?.is_some_and(|live| *live.status() != TargetStatus::Deleting) {
            names.push(listed.name());
        }
    }
    Ok(names)
}

/// Documented is ConflictException; a ValidationException would say the same.
fn is_about_targets(error: &Error) -> bool {
    error.is(ApiErrorKind::Other) && error.api().is_some_and(|error| error.mentions("target"))
}

fn targets_remain(id: &str, names: &[&str]) -> Error {
    let first = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let sentence = format!(
        "gateway {id} still has the targets {first}{more}, which are not this resource's; delete them and repeat"
    );
    Error::unverified("TARGETS_REMAIN", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_targets_are_named_and_the_rest_counted() {
        let sentence = |names: &[&str]| targets_remain("mcp-abcdefghij", names).to_string();
        let few =
            "gateway mcp-abcdefghij still has the targets a, b, which are not this resource's; delete them and repeat";
        assert_eq!(sentence(&["a", "b"]), few);
        assert!(sentence(&["a", "b", "c", "d", "e", "f", "g"]).contains("targets a, b, c, d, e and 2 more, which"));
    }
}
