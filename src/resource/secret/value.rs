//! Writes a secret of ours. Its value is the desired keys, merged into what others store in it.

use super::api::{self, Described};
use super::properties::{Managed, check_required};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::stored_secret::{self, Current, Document};
use crate::tags;

/// The maximum number of values that one request writes: the second one if another delivery of it wrote the first.
pub(super) const PUTS_MAX: u32 = 2;

/// Brings the tags of a secret by `changes`, its settings, and then its value by `put` to the desired ones. Returns the
/// id of the current version. May run twice.
pub(super) async fn write(
    job: &Job<'_>,
    managed: &Managed,
    old: Option<&Managed>,
    live: &Described,
    changes: tags::Changes,
    put: impl Future<Output = Result<String, Error>>,
) -> Result<String, Error> {
    api::change_tags(job, &live.arn, changes).await?;
    if !live.has_settings(managed) {
        api::update_settings(job, &live.arn, managed).await?;
    }
    match put.await {
        // Another delivery of this request wrote first, and may have generated other texts, which stay.
        Err(error) if error.is(ApiErrorKind::Exists) => write_value(job, managed, old, live, PUTS_MAX).await,
        written => written,
    }
}

/// Merges the value, and writes it if that changes it. Returns the id of the current version.
pub(super) async fn write_value(
    job: &Job<'_>,
    managed: &Managed,
    old: Option<&Managed>,
    live: &Described,
    attempt: u32,
) -> Result<String, Error> {
    let (mut document, version_id) = match stored_secret::current(job, &live.arn).await? {
        Current::Nothing => (Document::default(), None),
        Current::Binary => return Err(unusable(&live.name, "is binary")),
        Current::Text(current) => {
            let document = Document::parse(current.text.expose()).map_err(|problem| unusable(&live.name, problem))?;
            (document, Some(current.version_id))
        }
    };
    let dropped = old.map(|old| old.values.keys().filter(|key| !managed.values.contains_key(*key)).collect());
    let mut changed = document.merge(&dropped.unwrap_or_default(), &managed.values)?;
    if managed.generated_keys.iter().any(|key| !document.has_value(key)) {
        // In a rollback, the texts generated before are in the former version, and clients still use them.
        let former = stored_secret::previous(job, &live.arn).await?;
        document.generate(&managed.generated_keys, former.as_ref())?;
        changed = true;
    }
    check_required("Values", "", &managed.required_keys, |key| document.has_value(key))?;
    mask_others(job, managed, &document);
    match version_id {
        Some(version_id) if !changed => Ok(version_id),
        _ => api::put_value(job, &live.arn, &document.encode()?, attempt).await,
    }
}

/// Masks the values that do not come from `Values`, whose values are masked since they were read: those that were
/// generated, and those that somebody else stored.
pub(super) fn mask_others(job: &Job<'_>, managed: &Managed, document: &Document) {
    let others = document.leaves().into_iter().filter(|leaf| !managed.values.values().any(|value| value == leaf));
    others.for_each(|value| job.mask.add(&value));
}

fn unusable(name: &str, problem: &str) -> Error {
    Error::property(
        "Values",
        format!("cannot be merged into secret {name}, whose current value {problem}; put a JSON object into it first"),
    )
}
