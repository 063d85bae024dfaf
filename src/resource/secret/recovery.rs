//! Handles a secret of ours that exists before it is created: left by a delivery of this request whose reply was lost,
//! or from a former life that ended in a deletion. Nothing is kept of a former life: a Create stores the values that it
//! was given.

use std::collections::BTreeMap;

use super::api::{self, Described};
use super::properties::Managed;
use super::value::{PUTS_MAX, write};
use crate::error::Error;
use crate::event::RequestType;
use crate::job::Job;
use crate::sensitive::Sensitive;
use crate::tags;

/// The prefix of the keys of tags that AWS itself sets, which nobody else can remove.
const AWS_TAG_PREFIX: &str = "aws:";

/// Cancels a scheduled deletion and marks the secret as this stack's at once. Until then the secret belongs to the
/// stack's predecessor, and policies that depend on the tag do not let this stack change it. Returns `None` if the secret
/// was deleted without recovery. May run twice.
pub(super) async fn revive(job: &Job<'_>, managed: &Managed, live: &Described) -> Result<Option<()>, Error> {
    if !live.deleted {
        return Ok(Some(()));
    }
    if api::restore(job, &live.arn).await?.is_none() {
        return Ok(None);
    }
    let changes = tags::changes(&live.tags, &tags::wanted(&managed.tags, job.requester), None);
    if let Err(error) = api::change_tags(job, &live.arn, changes).await {
        // The deletion is scheduled again, because a secret without an owner must not live on.
        api::delete(job, &live.arn, Some(30)).await?;
        return Err(error);
    }
    Ok(Some(()))
}

/// Returns true if a delivery of this request wrote one of the secret's last two values. A version's id is the token it
/// was written with.
pub(super) fn is_of_this_request(job: &Job<'_>, live: &Described) -> bool {
    let puts = (1..=PUTS_MAX).map(api::put_purpose);
    let purposes = puts.chain([api::CREATE_PURPOSE.to_owned()]);
    purposes.into_iter().any(|purpose| live.version_ids.contains(&job.requester.client_token(&purpose)))
}

/// Returns true if the value of the secret, as `live` showed it before it was revived, belongs to a life that has
/// ended.
///
/// An Update creates a secret if it replaces another one. If it undoes such a replacement, the secret to which it
/// returns never went away, and is kept. If CloudFormation did not say, the secret's own deletion decides.
pub(super) fn is_over(job: &Job<'_>, live: &Described) -> bool {
    if is_of_this_request(job, live) {
        return false;
    }
    let request_type = job.request_type;
    request_type == RequestType::Create || !job.stack.is_rolling_back(request_type).unwrap_or(!live.deleted)
}

/// Gives a revived secret the desired state and nothing else: `value`, settings and tags. Returns the id of the current
/// version. May run twice.
pub(super) async fn overwrite(
    job: &Job<'_>,
    managed: &Managed,
    live: &Described,
    value: &Sensitive,
) -> Result<String, Error> {
    let wanted = tags::wanted(&managed.tags, job.requester);
    let put = api::put_value(job, &live.arn, value, 1);
    write(job, managed, None, live, replaced_tags(&live.tags, &wanted), put).await
}

/// Returns the changes that bring a resource to the desired tags and no others.
fn replaced_tags(live: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> tags::Changes {
    let stale = live.keys().filter(|key| !wanted.contains_key(*key) && !key.starts_with(AWS_TAG_PREFIX));
    tags::Changes { remove: stale.cloned().collect(), ..tags::changes(live, wanted, None) }
}
