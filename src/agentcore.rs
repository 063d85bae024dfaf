//! What the calls of AgentCore's control plane have in common, whatever they are about: tags, roles that propagate,
//! states that settle, and refusals that mean the same everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_smithy_types::error::operation::BuildError;
use tokio::time::Instant;

use crate::error::{ApiError, ApiErrorKind, Error};
use crate::job::Job;
use crate::requester::Owner;
use crate::tags;
use crate::text::quote;
use crate::wait::{CANCELLED_CREATE_GRACE, Progress, while_refused};

pub(crate) mod put;
mod settling;
pub(crate) mod target;

pub(crate) use settling::{
    DELETING, Live, NOT_FOUND_PATIENCE, Settled, delete, is_as_new, is_changing, pending, wait_settled, wait_updated,
};

/// What is new may be missing from lists for so long, and what was deleted may linger there.
pub(crate) const LIST_PATIENCE: Duration = Duration::from_secs(30);
/// A role made seconds earlier is refused at first: "Role validation failed" (terraform-provider-aws waits as long).
const ROLE_PATIENCE: Duration = Duration::from_mins(2);

/// The tags; `None` if the resource is gone.
pub(crate) async fn tags(job: &Job<'_>, arn: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
    let request = job.context.agentcore.list_tags_for_resource().resource_arn(arn);
    let answer = job.call("bedrock-agentcore:ListTagsForResource", || request.clone().send()).await;
    Ok(none_if_not_found(answer)?.map(|answer| answer.tags.into_iter().flatten().collect()))
}

/// Writes and removes tags. May run twice.
pub(crate) async fn change_tags(job: &Job<'_>, arn: &str, changes: tags::Changes) -> Result<(), Error> {
    let client = &job.context.agentcore;
    if !changes.set.is_empty() {
        let request = client.tag_resource().resource_arn(arn).set_tags(Some(changes.set.into_iter().collect()));
        job.call("bedrock-agentcore:TagResource", || request.clone().send()).await?;
    }
    if !changes.remove.is_empty() {
        let request = client.untag_resource().resource_arn(arn).set_tag_keys(Some(changes.remove));
        job.call("bedrock-agentcore:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// How long a Delete looks on lists for what its Create may have made. `pending` is the name in the identifier that the
/// Create answered with.
pub(crate) fn deletion_patience(pending: Option<&str>) -> Duration {
    match pending {
        // CloudFormation invented the id: it stands for a cancelled Create that may still be running.
        None => CANCELLED_CREATE_GRACE,
        // The Create got past its properties, and a call of it may have had its effect.
        Some(_) => LIST_PATIENCE,
    }
}

/// Whether a Delete goes on with what its identifier names; not if that is gone. `changed_hands` is what to say of
/// somebody else's.
pub(crate) async fn is_ours_to_delete(
    job: &Job<'_>,
    arn: &str,
    live: &impl Live,
    changed_hands: impl FnOnce() -> Error,
) -> Result<bool, Error> {
    match tags(job, arn).await? {
        None => Ok(false),
        Some(tags) if job.requester().owner(&tags) == Owner::Us => Ok(true),
        // On its way out: its tags may be gone already, and nothing is left to do but wait.
        Some(_) if live.word() == DELETING => Ok(true),
        Some(_) => Err(changed_hands()),
    }
}

/// Makes a call, waiting through the propagation of a new role.
pub(crate) async fn waiting_for_role<T>(
    job: &Job<'_>,
    call: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    while_refused(job.deadline, ROLE_PATIENCE, "waiting for the role to propagate", is_about_role, call).await
}

/// How long a conflict without a change under way is believed to pass.
pub(crate) const CONFLICT_PATIENCE: Duration = Duration::from_mins(2);

/// A conflict is another change under way, which ends; one without a change is a refusal.
#[derive(Debug, Default)]
pub(crate) struct Conflict {
    since: Option<Instant>,
}

impl Conflict {
    /// Waits on while something is `changing`, and for a while without that; then the conflict's `error` is final.
    pub(crate) fn wait<T>(&mut self, error: Error, changing: bool, pending: Progress<T>) -> Result<Progress<T>, Error> {
        if changing {
            self.since = None;
            return Ok(pending);
        }
        match *self.since.get_or_insert_with(Instant::now) {
            since if since.elapsed() < CONFLICT_PATIENCE => Ok(pending),
            _ => Err(error),
        }
    }
}

/// A name is taken (ConflictException, or ValidationException with reason ResourceConflict), or the token is known.
/// What the name belongs to then decides.
pub(crate) fn is_name_taken(error: &Error) -> bool {
    let taken = |error: &ApiError| error.mentions("ResourceConflict") || error.mentions("already exists");
    error.is(ApiErrorKind::Conflict) || is_token_known(error) || error.api().is_some_and(taken)
}

/// The token is known for a request with other parameters (reason IdempotentParameterMismatchException).
pub(crate) fn is_token_known(error: &Error) -> bool {
    error.api().is_some_and(|error| error.mentions("IdempotentParameterMismatch"))
}

/// "Role validation failed for '…'. Please verify that the role exists and its trust policy allows assumption by this
/// service", and "Access denied while validating ECR URI '…'", as terraform-provider-aws observed them for runtimes. For
/// gateways no words are known: any refusal that speaks of assuming is taken for one.
pub(crate) fn is_about_role(error: &Error) -> bool {
    let words = ["Role validation failed", "while validating ECR URI", "assume"];
    let speaks_of_it = |error: &ApiError| words.into_iter().any(|word| error.mentions(word));
    error
        .api()
        .is_some_and(|error| error.kind == ApiErrorKind::Other && speaks_of_it(error) && !error.is_final_denial())
}

/// Refuses what is no role's ARN.
pub(crate) fn check_role(property: &str, arn: &str) -> Result<(), Error> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws")
            && account.len() == 12
            && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
    if fits {
        return Ok(());
    }
    let problem = format!("is {}; use a role's ARN, `arn:aws:iam::<account>:role/<name>`", quote(arn));
    Err(Error::property(property, problem))
}

/// The answer, or `None` where what was asked for does not exist.
pub(crate) fn none_if_not_found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(ApiErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
pub(crate) fn unbuildable(error: BuildError) -> Error {
    Error::Bug(format!("a request could not be built: {error}"))
}
