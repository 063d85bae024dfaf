//! Whose provider it is, and which one a Delete is about.
//!
//! The proof is the ownership tags. The service may refuse to list them for credential providers, whose ARNs do not match
//! the model's pattern of taggable ones: such a refusal proves nothing either way, and what else is known decides.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_oauth2_credential_provider::GetOauth2CredentialProviderOutput;
use aws_sdk_bedrockagentcorecontrol::types::Status;

use super::properties::is_name;
use super::{api, delete_provider};
use crate::agentcore::{self, NOT_FOUND_PATIENCE};
use crate::error::{ApiErrorKind, Error, Failure};
use crate::event::RawProperties;
use crate::job::Job;
use crate::requester::{Owner, pending_name};
use crate::wait::{CANCELLED_CREATE_GRACE, Progress, until_within};

/// A provider and what its tags say.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) live: GetOauth2CredentialProviderOutput,
    /// `None` where the service refuses to list them.
    pub(super) tags: Option<BTreeMap<String, String>>,
}

/// What the tags prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is this logical resource of this stack.
    Ours,
    /// It is not.
    Others,
    /// Nothing: they are not listed.
    Missing,
}

impl Found {
    pub(super) fn proof(&self, job: &Job<'_>) -> Proof {
        match &self.tags {
            Some(tags) if job.requester().owner(tags) == Owner::Us => Proof::Ours,
            Some(_) => Proof::Others,
            None => Proof::Missing,
        }
    }

    /// Whether this request may go on with it after a create that did not say so.
    fn is_of_this_create(&self, job: &Job<'_>) -> bool {
        match self.proof(job) {
            Proof::Ours => true,
            Proof::Others => false,
            // Nobody else makes a name of this stack's digest, and what was there before the request is not its work.
            Proof::Missing => {
                let since = job.requested_at();
                job.requester().is_derived_name(self.live.name())
                    && since.is_some_and(|since| api::created_at(&self.live).is_some_and(|created| created >= since))
            }
        }
    }
}

/// Adds what the tags say to a provider that was looked at.
pub(super) async fn with_tags(job: &Job<'_>, live: GetOauth2CredentialProviderOutput) -> Result<Found, Error> {
    let tags = match agentcore::tags(job, live.credential_provider_arn()).await {
        Ok(tags) => tags,
        Err(error) if error.is(ApiErrorKind::Other) || error.is(ApiErrorKind::Denied) => None,
        Err(error) => return Err(error),
    };
    Ok(Found { live, tags })
}

/// The provider of that name, if there is one.
pub(super) async fn look(job: &Job<'_>, name: &str) -> Result<Option<Found>, Error> {
    match api::get(job, name).await? {
        Some(live) => Ok(Some(with_tags(job, live).await?)),
        None => Ok(None),
    }
}

/// After a refused name: the provider that has it, if this request may go on with it; `None` if the name is free by now,
/// or soon will be.
pub(super) async fn find_ours(job: &Job<'_>, name: &str) -> Result<Option<Found>, Error> {
    match look(job, name).await? {
        None => Ok(None),
        Some(found) if api::status(&found.live) == Status::Deleting => Ok(None),
        Some(found) if found.is_of_this_create(job) => Ok(Some(found)),
        Some(found) => Err(not_ours(name, &found)),
    }
}

/// The call failed, but it may have had its effect: the answer must then name the provider, so that it is cleaned up.
pub(super) async fn with_whatever_exists(job: &Job<'_>, error: Error, name: &str) -> Failure {
    if !error.leaves_effect_unclear() {
        return error.into();
    }
    match look(job, name).await {
        Ok(Some(found)) if found.is_of_this_create(job) => error.with_id(name),
        _ => error.into(),
    }
}

/// The name of the provider that a Delete is about; `None` if there is none of ours.
pub(super) async fn find_for_delete(
    job: &Job<'_>,
    physical_id: &str,
    raw: &RawProperties,
) -> Result<Option<String>, Error> {
    let given = raw.text("Name");
    let pending = pending_name(physical_id);
    let returned =
        pending.is_none() && (given.as_deref() == Some(physical_id) || job.requester().is_derived_name(physical_id));
    if returned {
        let Some(found) = look(job, physical_id).await? else { return Ok(None) };
        return match found.proof(job) {
            // The identifier of a create that succeeded is proof enough where tags are none.
            Proof::Ours | Proof::Missing => Ok(Some(physical_id.to_owned())),
            // On its way out: its tags may be gone already, and nothing is left to do but wait.
            Proof::Others if api::status(&found.live) == Status::Deleting => Ok(Some(physical_id.to_owned())),
            Proof::Others => Err(changed_hands(physical_id)),
        };
    }
    let name = pending.map(str::to_owned).or(given).unwrap_or_else(|| job.requester().derived_name());
    if !is_name(&name) {
        return Ok(None);
    }
    let grace = match pending {
        // CloudFormation invented the id: it stands for a cancelled Create that may still be running.
        None => CANCELLED_CREATE_GRACE,
        // The Create got past its properties, and a call of it may have had its effect.
        Some(_) => NOT_FOUND_PATIENCE,
    };
    let found = until_within(job.deadline, grace, "looking for the credential provider by its name", async || {
        Ok(look(job, &name).await?.map_or_else(|| Progress::pending("not found"), Progress::Done))
    })
    .await?;
    match found {
        Some(found) if found.proof(job) == Proof::Ours => Ok(Some(name)),
        // Most likely ours, which a name alone does not prove. Leaving it without a word would be worse.
        Some(found) if found.proof(job) == Proof::Missing && job.requester().is_derived_name(&name) => {
            Err(Error::NotOurs {
                what: format!("credential provider named {name}"),
                advice: "AgentCore does not list its tags, so that nothing proves it was made by this stack: delete \
                         it yourself and repeat the deletion"
                    .to_owned(),
            })
        }
        _ => Ok(None),
    }
}

/// Deletes the provider of ours with the name that a rename wanted and never answered for.
pub(super) async fn delete_abandoned(job: &Job<'_>, name: &str) -> Result<(), Error> {
    match look(job, name).await? {
        Some(found) if found.proof(job) == Proof::Ours => delete_provider(job, name).await,
        _ => Ok(()),
    }
}

fn not_ours(name: &str, found: &Found) -> Error {
    let unproven = "AgentCore does not list its tags, so that nothing proves the contrary; ";
    let why = if found.tags.is_none() { unproven } else { "" };
    Error::NotOurs {
        what: format!("credential provider named {name}"),
        advice: format!("{why}choose another `Name`, leave it out so that one is generated, or delete that provider"),
    }
}

pub(super) fn changed_hands(name: &str) -> Error {
    Error::NotOurs {
        what: format!("credential provider named {name}"),
        advice: "its ownership tags are gone or changed: restore them and retry, or delete the provider yourself"
            .to_owned(),
    }
}
