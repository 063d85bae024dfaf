//! `Custom::AgentCoreSecret`: a Secrets Manager secret that holds a flat JSON object.
//!
//! Calls: CreateSecret, DescribeSecret, GetSecretValue, PutSecretValue, UpdateSecret, DeleteSecret, RestoreSecret,
//! TagResource, UntagResource. Identifier: the secret's ARN. Replaces: `SecretName`, and the switch to or from
//! `ExistingSecretId`. Everything else updates in place. The value never becomes an attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::error::{ApiErrorKind, Error, Failure};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::properties::FromText;
use crate::refusal::Refusal;
use crate::requester::{Owner, Requester, TAGS_LOST, pending_name};
use crate::resource::lifecycle::Lifecycle;
use crate::stored_secret::{self, Document, parse_arn};
use crate::tags;
use crate::wait::{CANCELLED_CREATE_GRACE, Progress, until, until_within};

mod api;
mod properties;
mod recovery;
mod value;

use api::Described;
use properties::{Managed, Properties, RecoveryWindow, check_required, default_name};
use recovery::revive;
use value::{mask_others, write, write_value};

pub(crate) use properties::RequiredKey;

/// The time after which a secret that was deleted without recovery disappears (Secrets Manager API reference,
/// `DeleteSecret`).
const VANISHING_TIMEOUT: Duration = Duration::from_mins(2);

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct Secret;

impl Lifecycle for Secret {
    const TYPE: &'static str = "Custom::AgentCoreSecret";
    const ATTRIBUTES: &'static [&'static str] = &["Arn", "Name", "VersionId", "Ownership"];
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        match properties {
            Properties::Managed(managed) => managed.name(requester),
            Properties::Existing { secret_id, .. } => secret_id.clone(),
        }
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        match properties {
            Properties::Managed(managed) => create_managed(job, &managed).await,
            Properties::Existing { secret_id, required_keys } => verify(job, &secret_id, &required_keys).await,
        }
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let managed = match properties {
            Properties::Managed(managed) => managed,
            Properties::Existing { secret_id, required_keys } => return verify(job, &secret_id, &required_keys).await,
        };
        let name = managed.name(job.requester);
        if parse_arn(physical_id).is_none_or(|(_, old_name)| old_name != name) {
            return create_managed(job, &managed).await;
        }
        let old = match old {
            Some(Properties::Managed(old)) if old.name(job.requester) == name => Some(old),
            // The rollback of a rename that was cancelled, or whose answer got lost.
            Some(Properties::Managed(old)) => {
                delete_abandoned(job, &old.name(job.requester)).await?;
                None
            }
            _ => None,
        };
        let Some(live) = api::describe(job, physical_id).await? else { return create_managed(job, &managed).await };
        check_owner(job, &live)?;
        match revive(job, &managed, &live).await? {
            Some(()) => converge(job, &managed, old.as_ref(), live).await,
            None => create_managed(job, &managed).await,
        }
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        if raw.text("ExistingSecretId").is_some() {
            return Ok(Success::deleted(physical_id));
        }
        let Some(live) = find_for_delete(job, physical_id, raw).await? else {
            return Ok(Success::deleted(physical_id));
        };
        let window = raw.text("RecoveryWindowInDays").and_then(|text| RecoveryWindow::from_text(text).ok());
        let RecoveryWindow(window) = window.unwrap_or(RecoveryWindow::DEFAULT);
        // A secret scheduled for deletion counts as deleted only if a recovery window was asked for.
        let is_deleted = |live: &Described| live.deleted && window.is_some();
        if is_deleted(&live) {
            return Ok(Success::deleted(physical_id));
        }
        api::delete(job, &live.arn, window).await?;
        until_within(job.deadline, VANISHING_TIMEOUT, "waiting for the secret to be deleted", async || {
            let left = api::describe(job, &live.arn).await?.filter(|live| !is_deleted(live));
            Ok(left.map_or(Progress::Done(()), |_| Progress::pending("still found")))
        })
        .await?
        .ok_or_else(|| Error::TerminalStatus {
            what: format!("secret {}", live.name),
            status: "still found".to_owned(),
            reasons: "Secrets Manager accepted its deletion two minutes ago; repeat it".to_owned(),
        })?;
        Ok(Success::deleted(physical_id))
    }
}

/// Creates the secret, or adopts one of that name that is ours: from a delivery whose reply was lost, or from a former
/// life, of which nothing is kept.
async fn create_managed(job: &Job<'_>, managed: &Managed) -> Outcome {
    let name = managed.name(job.requester);
    let has_value = |key: &str| managed.values.contains_key(key) || managed.generated_keys.contains(key);
    check_required("Values", "", &managed.required_keys, has_value)?;
    let mut document = Document::default();
    document.merge(&BTreeSet::new(), &managed.values)?;
    document.generate(&managed.generated_keys, None)?;
    let value = document.encode()?;
    mask_others(job, managed, &document);
    let tags = tags::wanted(&managed.tags, job.requester);
    let found = until(job.deadline, "waiting for the secret's name to become free", async || {
        let refusal = match api::create(job, managed, &name, &value, &tags).await {
            Ok(created) => return Ok(Progress::Done(Ok(created))),
            Err(error) if is_name_taken(&error) => error,
            Err(error) => return Err(error),
        };
        let Some(live) = api::describe(job, &job.requester.secret_id(&name)).await? else {
            // The secret was deleted without recovery a moment ago. Another refusal of this kind would not say so.
            return if Refusal::SecretInDeletion.explains(&refusal) {
                Ok(Progress::pending("being deleted"))
            } else {
                Err(refusal)
            };
        };
        check_owner(job, &live)?;
        if live.deleted && recovery::is_of_this_request(job, &live) {
            // This is a late delivery: the secret that this very request created was deleted on purpose.
            return Err(Error::TerminalStatus {
                what: format!("secret {name}"),
                status: "deleted".to_owned(),
                reasons: "it was deleted after this request had created it".to_owned(),
            });
        }
        // Without recovery, the name will soon be free.
        let revived = revive(job, managed, &live).await?;
        Ok(revived.map_or(Progress::pending("being deleted"), |()| Progress::Done(Err(live))))
    })
    .await;
    let found = match found {
        Ok(found) => found,
        Err(error) => return Err(with_created_id(job, error, &name).await),
    };
    match found {
        Ok(created) => Ok(success(&created.arn, &name, &created.version_id, "Managed")),
        Err(live) if recovery::is_over(job, &live) => {
            let arn = live.arn.clone();
            let version_id = recovery::overwrite(job, managed, &live, &value).await;
            let version_id = version_id.map_err(|error| error.with_id(&arn))?;
            Ok(success(&arn, &name, &version_id, "Managed"))
        }
        Err(live) => converge(job, managed, None, live).await,
    }
}

/// Adds to an error the id of the secret that the failed call may have created, so that the rollback deletes it.
async fn with_created_id(job: &Job<'_>, error: Error, name: &str) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match api::describe(job, &job.requester.secret_id(name)).await {
        Ok(Some(live)) if job.requester.owner(&live.tags) == Owner::Us => error.with_id(live.arn),
        _ => error.into(),
    }
}

/// Refuses a secret that is not ours: this stack did not create it, and its predecessor did not leave it to recovery.
fn check_owner(job: &Job<'_>, live: &Described) -> Result<(), Error> {
    match job.requester.owner(&live.tags) {
        Owner::Us => Ok(()),
        Owner::Predecessor if live.deleted => Ok(()),
        Owner::Predecessor | Owner::Other => Err(Error::NotOurs {
            what: format!("secret named {}{}", live.name, if live.deleted { ", scheduled for deletion," } else { "" }),
            advice: "choose another `SecretName`, or use it through `ExistingSecretId`".to_owned(),
        }),
    }
}

/// Brings a secret of ours to the desired state.
async fn converge(job: &Job<'_>, managed: &Managed, old: Option<&Managed>, live: Described) -> Outcome {
    let wanted = tags::wanted(&managed.tags, job.requester);
    let changes = tags::changes(&live.tags, &wanted, old.map(|old| &old.tags));
    let put = write_value(job, managed, old, &live, 1);
    let version_id = write(job, managed, old, &live, changes, put).await;
    let version_id = version_id.map_err(|error| error.with_id(&live.arn))?;
    Ok(success(&live.arn, &live.name, &version_id, "Managed"))
}

/// Refuses an existing secret that lacks a required key. `property` names the secret.
pub(crate) fn check_keys(
    property: &str,
    name: &str,
    required: &[RequiredKey],
    has_value: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    check_required(property, &format!("is secret {name}, which "), required, has_value)
}

/// Verifies that somebody else's secret can be used. Changes nothing.
async fn verify(job: &Job<'_>, secret_id: &str, required: &[RequiredKey]) -> Outcome {
    let stored = stored_secret::read(job, "ExistingSecretId", secret_id).await?;
    check_keys("ExistingSecretId", &stored.name, required, |key| stored.document.has_value(key))?;
    Ok(success(&stored.arn, &stored.name, &stored.version_id, "Existing"))
}

/// Finds the secret that a Delete refers to. Returns `None` if none of that id or name is ours.
async fn find_for_delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Result<Option<Described>, Error> {
    if parse_arn(physical_id).is_some() {
        let Some(live) = api::describe(job, physical_id).await? else { return Ok(None) };
        return match job.requester.owner(&live.tags) {
            Owner::Us => Ok(Some(live)),
            Owner::Predecessor | Owner::Other => Err(Error::NotOurs {
                what: format!("secret named {}", live.name),
                advice: format!("{TAGS_LOST}, or delete the secret yourself"),
            }),
        };
    }
    let pending = pending_name(physical_id);
    let name =
        pending.map(str::to_owned).or_else(|| raw.text("SecretName")).unwrap_or_else(|| default_name(job.requester));
    // An identifier that CloudFormation invented stands for a cancelled Create that may still be running. A pending id
    // is final, because secrets are found by name at once.
    let grace = if pending.is_some() { Duration::ZERO } else { CANCELLED_CREATE_GRACE };
    let found = until_within(job.deadline, grace, "looking for a secret of a cancelled create", async || {
        Ok(match api::describe(job, &job.requester.secret_id(&name)).await? {
            Some(live) => Progress::Done(live),
            None => Progress::pending("not found"),
        })
    })
    .await?;
    Ok(found.filter(|live| job.requester.owner(&live.tags) == Owner::Us))
}

/// Deletes the secret that a rename created under this name and never answered for, if it is ours.
async fn delete_abandoned(job: &Job<'_>, name: &str) -> Result<(), Error> {
    match api::describe(job, &job.requester.secret_id(name)).await? {
        Some(live) if !live.deleted && job.requester.owner(&live.tags) == Owner::Us => {
            api::delete(job, &live.arn, Some(30)).await
        }
        _ => Ok(()),
    }
}

/// Returns true if a live secret (ResourceExistsException) or one that is being deleted (InvalidRequestException) has
/// the name.
fn is_name_taken(error: &Error) -> bool {
    error.is(ApiErrorKind::Exists) || error.is(ApiErrorKind::InvalidState)
}

fn success(arn: &str, name: &str, version_id: &str, ownership: &str) -> Success {
    Success { physical_id: arn.to_owned(), attributes: attributes(arn, name, version_id, ownership) }
}

/// Returns the attributes for `Fn::GetAtt`.
fn attributes(arn: &str, name: &str, version_id: &str, ownership: &str) -> BTreeMap<&'static str, String> {
    let values = [("Arn", arn), ("Name", name), ("VersionId", version_id), ("Ownership", ownership)];
    values.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}
