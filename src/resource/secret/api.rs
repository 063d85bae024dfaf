//! The Secrets Manager calls, each safe to repeat, with answers as our own types.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::types::Tag;

use super::properties::Managed;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::sensitive::Sensitive;
use crate::tags;

/// The purpose of the token of a create, from which the id of the first version is derived.
pub(super) const CREATE_PURPOSE: &str = "secret-create";
/// The key of a secret for which none is chosen.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// A secret as DescribeSecret shows it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) tags: BTreeMap<String, String>,
    /// True if the secret is scheduled for deletion.
    pub(super) deleted: bool,
    /// The versions that carry a staging label. A version's id is the token of the call that created it.
    pub(super) version_ids: BTreeSet<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
}

impl Described {
    /// Returns true if description and key are the desired ones.
    pub(super) fn has_settings(&self, managed: &Managed) -> bool {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = |key: &Option<String>| key.clone().unwrap_or_else(|| DEFAULT_KEY.to_owned());
        text(&self.description) == text(&managed.description) && key(&self.kms_key_id) == key(&managed.kms_key_id)
    }
}

/// A new secret.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) arn: String,
    pub(super) version_id: String,
}

pub(super) async fn create(
    job: &Job<'_>,
    managed: &Managed,
    name: &str,
    value: &Sensitive,
    tags: &BTreeMap<String, String>,
) -> Result<Created, Error> {
    let request = job
        .context
        .secretsmanager
        .create_secret()
        .name(name)
        .set_description(managed.description.clone())
        .set_kms_key_id(managed.kms_key_id.clone())
        .secret_string(value.expose())
        .set_tags(Some(to_tags(tags)))
        .client_request_token(job.requester.client_token(CREATE_PURPOSE));
    let answer = job.call("secretsmanager:CreateSecret", || request.clone().send()).await?;
    Ok(Created { arn: required(answer.arn, "ARN")?, version_id: required(answer.version_id, "VersionId")? })
}

/// Describes a secret. Returns `None` if it does not exist.
pub(super) async fn describe(job: &Job<'_>, secret_id: &str) -> Result<Option<Described>, Error> {
    let request = job.context.secretsmanager.describe_secret().secret_id(secret_id);
    let answer = match job.call("secretsmanager:DescribeSecret", || request.clone().send()).await {
        Ok(answer) => answer,
        Err(error) if error.is(ApiErrorKind::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let tags = answer.tags.unwrap_or_default();
    Ok(Some(Described {
        arn: required(answer.arn, "ARN")?,
        name: required(answer.name, "Name")?,
        tags: tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
        deleted: answer.deleted_date.is_some(),
        version_ids: answer.version_ids_to_stages.into_iter().flatten().map(|(id, _)| id).collect(),
        description: answer.description,
        kms_key_id: answer.kms_key_id,
    }))
}

/// Returns the purpose of the token of an attempt to write a value, from which the id of its version is derived.
pub(super) fn put_purpose(attempt: u32) -> String {
    format!("secret-put-{attempt}")
}

/// Writes a value and returns the new version's id. Every attempt has a token of its own, because a token is good for
/// one value.
pub(super) async fn put_value(job: &Job<'_>, arn: &str, value: &Sensitive, attempt: u32) -> Result<String, Error> {
    let request = job
        .context
        .secretsmanager
        .put_secret_value()
        .secret_id(arn)
        .secret_string(value.expose())
        .client_request_token(job.requester.client_token(&put_purpose(attempt)));
    let answer = job.call("secretsmanager:PutSecretValue", || request.clone().send()).await?;
    required(answer.version_id, "VersionId")
}

/// Updates description and key. Writes no value, so that its token creates no version and may repeat.
pub(super) async fn update_settings(job: &Job<'_>, arn: &str, managed: &Managed) -> Result<(), Error> {
    let request = job
        .context
        .secretsmanager
        .update_secret()
        .secret_id(arn)
        .description(managed.description.clone().unwrap_or_default())
        .kms_key_id(managed.kms_key_id.clone().unwrap_or_else(|| DEFAULT_KEY.to_owned()))
        .client_request_token(job.requester.client_token("secret-settings"));
    job.call("secretsmanager:UpdateSecret", || request.clone().send()).await?;
    Ok(())
}

/// Cancels a scheduled deletion. Returns `None` if the secret was deleted without recovery, so that there is nothing to
/// restore. May run twice.
pub(super) async fn restore(job: &Job<'_>, arn: &str) -> Result<Option<()>, Error> {
    let request = job.context.secretsmanager.restore_secret().secret_id(arn);
    match job.call("secretsmanager:RestoreSecret", || request.clone().send()).await {
        Ok(_) => Ok(Some(())),
        Err(error) if error.is(ApiErrorKind::NotFound) || error.is(ApiErrorKind::InvalidState) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sets and removes tags. May run twice.
pub(super) async fn change_tags(job: &Job<'_>, arn: &str, changes: tags::Changes) -> Result<(), Error> {
    let client = &job.context.secretsmanager;
    if !changes.set.is_empty() {
        let request = client.tag_resource().secret_id(arn).set_tags(Some(to_tags(&changes.set)));
        job.call("secretsmanager:TagResource", || request.clone().send()).await?;
    }
    if !changes.remove.is_empty() {
        let request = client.untag_resource().secret_id(arn).set_tag_keys(Some(changes.remove));
        job.call("secretsmanager:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// Schedules the deletion, or deletes at once without a `window` (days). Succeeds if the secret is deleted already.
pub(super) async fn delete(job: &Job<'_>, arn: &str, window: Option<i32>) -> Result<(), Error> {
    let request = job.context.secretsmanager.delete_secret().secret_id(arn);
    let request = match window {
        Some(days) => request.recovery_window_in_days(days.into()),
        None => request.force_delete_without_recovery(true),
    };
    match job.call("secretsmanager:DeleteSecret", || request.clone().send()).await {
        Ok(_) => Ok(()),
        Err(error) if error.is(ApiErrorKind::NotFound) => Ok(()),
        // A repeated call finds the secret scheduled for deletion.
        Err(error) => match describe(job, arn).await? {
            Some(live) if !live.deleted => Err(error),
            _ => Ok(()),
        },
    }
}

fn to_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn required(member: Option<String>, name: &str) -> Result<String, Error> {
    member.ok_or_else(|| Error::Bug(format!("Secrets Manager answered without `{name}`")))
}
