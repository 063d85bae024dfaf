//! The proof that a resource is ours: its ownership tags or, where a resource cannot be tagged, another mark.
//!
//! Calls: ListTagsForResource, TagResource, UntagResource.

use std::collections::BTreeMap;

use super::none_if_not_found;
use crate::error::{ApiErrorKind, Error};
use crate::event::RequestType;
use crate::job::Job;
use crate::requester::Owner;
use crate::stack::unless_rolling_back;
use crate::tags;

/// The evidence of a resource's owner.
#[derive(Clone, Debug)]
pub(crate) struct Ownership {
    /// The conclusion about the owner.
    pub(crate) proof: Proof,
    /// Its tags. `None` if it cannot be tagged, if AgentCore does not list them, or if it was created just now, with the
    /// tags of the request.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// The proof of a resource's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It belongs to this logical resource of this stack.
    Ours,
    /// It belongs to somebody else, or its proof was removed.
    Others,
    /// The resource proves nothing: AgentCore does not list its tags.
    Missing,
}

impl Ownership {
    /// Returns the ownership of a resource without tags.
    pub(crate) fn untagged(is_ours: bool) -> Self {
        Self { proof: if is_ours { Proof::Ours } else { Proof::Others }, tags: None }
    }
}

/// Reads the tags of a resource. Returns `None` if it was deleted.
pub(crate) async fn by_tags(job: &Job<'_>, arn: &str) -> Result<Option<Ownership>, Error> {
    let request = job.context.agentcore.list_tags_for_resource().resource_arn(arn);
    let answer = job.call("bedrock-agentcore:ListTagsForResource", || request.clone().send()).await;
    Ok(none_if_not_found(answer)?.map(|answer| {
        let tags: BTreeMap<_, _> = answer.tags.into_iter().flatten().collect();
        let proof = if job.requester.owner(&tags) == Owner::Us { Proof::Ours } else { Proof::Others };
        Ownership { proof, tags: Some(tags) }
    }))
}

/// Reads the tags of a resource whose tags AgentCore may refuse to list. Such a refusal proves nothing either way.
pub(crate) async fn by_tags_if_listed(job: &Job<'_>, arn: &str) -> Result<Option<Ownership>, Error> {
    match by_tags(job, arn).await {
        Err(error) if error.is(ApiErrorKind::Other) || error.is(ApiErrorKind::Denied) => {
            Ok(Some(Ownership { proof: Proof::Missing, tags: None }))
        }
        // The resource was seen a moment ago, so its tags are what does not exist.
        Ok(None) => Ok(Some(Ownership { proof: Proof::Missing, tags: None })),
        answer => answer,
    }
}

/// Decides if an update governs a part of our resource that others may set, too. Otherwise the part stays as it is `live`.
/// `wanted` is the part that the properties ask for, and `former` the one that they asked for before the update.
///
/// A part is taken away only if it is the former one. Where the properties begin to ask for a part, another one that is
/// there is refused as `theirs`, except by a rollback, which keeps it. Whatever a Create finds, an earlier delivery set.
pub(crate) fn governs<T: PartialEq>(
    job: &Job<'_>,
    wanted: Option<&T>,
    former: Option<&T>,
    live: Option<&T>,
    theirs: impl FnOnce(&T) -> Error,
) -> Result<bool, Error> {
    match (wanted, live) {
        (None, live) => Ok(live.is_some() && live == former),
        (Some(wanted), Some(live)) if wanted != live && former.is_none() && job.request_type != RequestType::Create => {
            Ok(unless_rolling_back(job, Err::<(), _>(theirs(live)))?.is_some())
        }
        (Some(_), _) => Ok(true),
    }
}

/// Brings the tags of a resource to the user's and ours. `old` are the user's tags before. Tags that AgentCore does not
/// list are left as they are. May run twice.
pub(crate) async fn converge_tags(
    job: &Job<'_>,
    arn: &str,
    ownership: &Ownership,
    user: &BTreeMap<String, String>,
    old: Option<&BTreeMap<String, String>>,
) -> Result<(), Error> {
    let Some(live) = &ownership.tags else { return Ok(()) };
    let changes = tags::changes(live, &tags::wanted(user, job.requester), old);
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
