//! A runtime after the rotation of its secret: the same configuration with other values in its environment, which makes
//! AgentCore publish a version. Its new sessions start containers that read the secret again.
//!
//! Calls: GetAgentRuntime, ListTagsForResource, UpdateAgentRuntime. GetSecretValue of the former version only for
//! `CredentialDelivery` EnvironmentVariables.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use super::desired::{Changes, DesiredEnvironment, superseded};
use super::environment::{self, Marker, SECRET_VERSION_VARIABLE, Trial, texts};
use super::properties::CredentialDelivery;
use crate::agentcore::engine;
use crate::agentcore::provisioned::{self, Found};
use crate::agentcore::runtime::{Runtime, Version};
use crate::agentcore::waiters::Live;
use crate::error::Error;
use crate::job::Job;
use crate::sensitive::Sensitive;
use crate::stack;
use crate::stored_secret::{self, Document, Stored};
use crate::text::quote;
use crate::wait::Deadline;

/// The remedy for a value that does not work.
const ADVICE: &str =
    "move the label AWSCURRENT back to the previous version of the secret, or store a value that works";

/// The rotation of a runtime's secret.
#[derive(Clone, Copy)]
pub(crate) struct Rotation<'a> {
    /// The runtime's id.
    pub(crate) id: &'a String,
    /// The secret's current version.
    pub(crate) secret: &'a Stored,
    /// The way in which the container gets it.
    pub(crate) delivery: CredentialDelivery,
    /// Counts the attempts of one event: each has its own idempotency token.
    pub(crate) round: u32,
    /// True if this delivery of the event has not seen the version before, so that an earlier one may have left it.
    pub(crate) is_new: bool,
    /// The time up to which a version is published.
    pub(crate) publish_until: Deadline,
    /// Checks, with the runtime's ARN, that the new version can be verified.
    pub(crate) check: &'a (dyn Fn(&str) -> Result<(), Error> + Sync),
}

/// A runtime with a new version.
pub(crate) struct Rotated {
    pub(crate) arn: String,
    /// The runtime's version. Empty if the update failed.
    pub(crate) version: String,
    /// The changes that restore the previous variables. `None` after an earlier delivery published the version.
    former: Option<Changes>,
    /// The version of the secret that they come from.
    former_version: String,
}

/// The result of a rotation.
pub(crate) enum RotationOutcome {
    /// The runtime has the secret's current version already, or that version was tried and undone.
    Current,
    /// It has a new version, which this delivery of the event or an earlier one published.
    Published(Rotated),
}

impl Rotated {
    /// Returns true if the runtime still is as the rotation left it. If the update failed, it may show its former variables.
    fn is_live(&self, rotation: &Rotation<'_>, live: &GetAgentRuntimeOutput) -> bool {
        let Marker { in_use, .. } = Marker::of(&environment::live(live));
        (self.version.is_empty() || self.version == live.agent_runtime_version())
            && (in_use == rotation.secret.version_id || (live.is_failed() && in_use == self.former_version))
    }
}

/// Publishes a version of the runtime for the secret's current version. Refuses a runtime that is not provably this
/// stack's. Fails with [`Error::Superseded`] if something else changed the runtime, the stack or the secret meanwhile. May run
/// twice.
pub(crate) async fn rotate(job: &Job<'_>, rotation: &Rotation<'_>) -> Result<RotationOutcome, Error> {
    let Some(found) = provisioned::current::<Runtime>(job, rotation.id).await? else {
        return Err(Error::TerminalStatus {
            what: format!("runtime {}", rotation.id),
            status: "not found".to_owned(),
            reasons: "the runtime was deleted or replaced before the secret was rotated; update the stack".to_owned(),
        });
    };
    let environment = environment::live(&found.live);
    let reads_itself = rotation.delivery == CredentialDelivery::ContainerRetrieval;
    check_delivery(rotation, &environment)?;
    let marker = Marker::of(&environment);
    let version_id = &rotation.secret.version_id;
    if marker.knows(version_id) && !found.live.is_failed() {
        return outcome_of_earlier(job, rotation, &marker, &found.live);
    }
    (rotation.check)(found.live.agent_runtime_arn())?;
    if rotation.publish_until.is_within(Duration::ZERO) {
        return Err(Error::OutOfTime {
            doing: format!("preparing a version of runtime {}", rotation.id),
            last_status: found.live.status_name(),
            in_progress_since: None,
        });
    }
    let mut values = BTreeMap::new();
    // The update with these values failed before, but the runtime still shows them.
    let is_repeated = marker.in_use == *version_id;
    let former_version = if is_repeated { marker.former().to_owned() } else { marker.in_use.clone() };
    if !reads_itself && !is_repeated {
        values = changed_values(job, rotation.secret, &former_version, &environment).await?;
    }
    let former = (!is_repeated).then(|| Changes {
        set: values.keys().filter_map(|key| Some((key.clone(), environment.get(key)?.clone()))).collect(),
        remove: values.keys().filter(|key| !environment.contains_key(*key)).cloned().collect(),
    });
    let copied_before = if reads_itself { String::new() } else { former_version.clone() };
    let trial = Trial::Published { former: copied_before, event: event_mark(job) };
    let published = Marker { in_use: version_id.clone(), trial: Some(trial) };
    values.insert(SECRET_VERSION_VARIABLE.to_owned(), published.to_value());
    let changes = Changes { set: values, remove: Vec::new() };
    let converged = converge(job, rotation, found, changes, format!("rotate-{}", rotation.round)).await;
    let rotated = |arn: String, version: String| Rotated { arn, version, former, former_version };
    match converged {
        Ok(found) => {
            let live = found.live;
            let (arn, version) = (live.agent_runtime_arn().to_owned(), live.agent_runtime_version().to_owned());
            Ok(RotationOutcome::Published(rotated(arn, version)))
        }
        Err(error @ Error::TerminalStatus { .. }) => {
            let done = rotated(String::new(), String::new());
            let found = unchanged(job, rotation, &done).await?;
            Err(put_back(job, rotation, &done, found, error).await)
        }
        Err(error) => Err(error),
    }
}

/// Refuses a rule that is mistaken about how the runtime gets the secret. A secret whose name the container knows must not
/// become variables, which everybody sees who may describe the runtime.
fn check_delivery(rotation: &Rotation<'_>, environment: &BTreeMap<String, Sensitive>) -> Result<(), Error> {
    let Rotation { id, secret, delivery, .. } = rotation;
    let is_named = environment.values().any(|value| names(secret, value.expose()));
    match delivery {
        CredentialDelivery::ContainerRetrieval if !is_named => {
            let name = &secret.name;
            let problem = format!(
                "is secret {name}, which no variable of runtime {id} names; name the secret that the runtime reads"
            );
            Err(Error::property("SecretArn", problem))
        }
        CredentialDelivery::EnvironmentVariables if is_named => {
            let name = &secret.name;
            let problem = format!(
                "is EnvironmentVariables, but a variable of runtime {id} names secret {name}: the container reads the \
                 secret itself; set it to ContainerRetrieval"
            );
            Err(Error::property("CredentialDelivery", problem))
        }
        CredentialDelivery::ContainerRetrieval | CredentialDelivery::EnvironmentVariables => Ok(()),
    }
}

/// Returns the outcome for a version of the secret that the runtime has, or has tried. What an earlier delivery of the same
/// event began is carried on: it may have ended before the version was verified or the result was reported.
fn outcome_of_earlier(
    job: &Job<'_>,
    rotation: &Rotation<'_>,
    marker: &Marker,
    live: &GetAgentRuntimeOutput,
) -> Result<RotationOutcome, Error> {
    let is_ours = |event: &String| rotation.is_new && *event == event_mark(job);
    match &marker.trial {
        Some(Trial::Published { former, event }) if is_ours(event) => {
            let (arn, version) = (live.agent_runtime_arn().to_owned(), live.agent_runtime_version().to_owned());
            Ok(RotationOutcome::Published(Rotated { arn, version, former: None, former_version: former.clone() }))
        }
        Some(Trial::Refused { version, event }) if *version == rotation.secret.version_id && is_ours(event) => {
            let problem = format!(
                "is secret {}, whose version {version} did not work in runtime {}: an earlier delivery of this event \
                 restored the previous values; {ADVICE}",
                rotation.secret.name, rotation.id
            );
            Err(Error::property("SecretArn", problem))
        }
        _ => Ok(RotationOutcome::Current),
    }
}

/// Returns what names the event, as Lambda delivers it, in a marker: short, because the size of an environment is limited.
fn event_mark(job: &Job<'_>) -> String {
    job.requester.client_token("rotation")[..8].to_owned()
}

/// Returns the runtime if a failure can only be due to the secret's version: the runtime still is as the rotation left it, no
/// operation on the stack is in progress, and the secret was not rotated again. Fails with [`Error::Superseded`] otherwise.
pub(crate) async fn unchanged(
    job: &Job<'_>,
    rotation: &Rotation<'_>,
    rotated: &Rotated,
) -> Result<Found<Runtime>, Error> {
    let superseded = || superseded(rotation.id);
    let found = provisioned::current::<Runtime>(job, rotation.id).await?.ok_or_else(superseded)?;
    let Stored { arn, version_id, .. } = rotation.secret;
    let is_latest = rotated.is_live(rotation, &found.live)
        && !stack::is_changing(job).await?
        && stored_secret::read_any(job, "SecretArn", arn).await?.version_id == *version_id;
    if is_latest { Ok(found) } else { Err(superseded()) }
}

/// Restores the previous values after the new ones failed, and returns the reason, with the outcome for the runtime. It
/// cannot restore them for a container that reads the secret itself, because that always reads the current version.
/// `found` is the result of [`unchanged`].
pub(crate) async fn put_back(
    job: &Job<'_>,
    rotation: &Rotation<'_>,
    rotated: &Rotated,
    found: Found<Runtime>,
    reason: Error,
) -> Error {
    let outcome = if rotation.delivery == CredentialDelivery::ContainerRetrieval {
        format!("the container reads the secret itself, so {ADVICE}")
    } else {
        match restore(job, rotation, rotated, found).await {
            Ok(()) => format!("the previous values were restored; {ADVICE}"),
            // The version is verified again, by the next delivery of the event at the latest.
            Err(error) if error.may_succeed_later() => return error,
            Err(error) => {
                format!("the previous values could not be restored ({error}); {ADVICE}, and update the stack")
            }
        }
    };
    match reason {
        Error::Unverified { code, sentence } => Error::unverified(code, format!("{sentence}; {outcome}")),
        Error::TerminalStatus { what, status, reasons } => {
            Error::TerminalStatus { what, status, reasons: format!("{reasons}; {outcome}") }
        }
        Error::InvalidProperty { name, problem } => Error::property(name, format!("{problem}; {outcome}")),
        other => other,
    }
}

async fn restore(
    job: &Job<'_>,
    rotation: &Rotation<'_>,
    rotated: &Rotated,
    found: Found<Runtime>,
) -> Result<(), Error> {
    let mut former = match &rotated.former {
        Some(former) => former.clone(),
        None => former_values(job, rotation.secret, &rotated.former_version, &environment::live(&found.live)).await?,
    };
    let trial = Trial::Refused { version: rotation.secret.version_id.clone(), event: event_mark(job) };
    let marker = Marker { in_use: rotated.former_version.clone(), trial: Some(trial) };
    former.set.insert(SECRET_VERSION_VARIABLE.to_owned(), marker.to_value());
    converge(job, rotation, found, former, format!("put-back-{}", rotation.round)).await.map(|_| ())
}

async fn converge(
    job: &Job<'_>,
    rotation: &Rotation<'_>,
    found: Found<Runtime>,
    changes: Changes,
    purpose: String,
) -> Result<Found<Runtime>, Error> {
    let name = found.live.agent_runtime_name().to_owned();
    let (id, secret_arn, replaced) = (rotation.id, &rotation.secret.arn, Version::live(&found.live));
    let desired = DesiredEnvironment { id, name, secret_arn, replaced, changes, purpose };
    Box::pin(engine::converge(job, &desired, found)).await
}

/// Returns true if a variable's value is the secret's name or ARN, with or without the six characters at its end.
fn names(secret: &Stored, value: &str) -> bool {
    value == secret.name || value == secret.arn || secret.arn.rsplit_once('-').is_some_and(|(arn, _)| arn == value)
}

/// Returns the variables that come from the secret and have another value now. A variable whose live value is not that of
/// the former version is the template's own, and stays. A key that the secret no longer has stays, too, until the next
/// update of the stack.
async fn changed_values(
    job: &Job<'_>,
    secret: &Stored,
    former_version: &str,
    environment: &BTreeMap<String, Sensitive>,
) -> Result<BTreeMap<String, Sensitive>, Error> {
    let texts = texts(job, "SecretArn", &secret.document)?;
    let is_source = |document: &Document| {
        let former = document.texts().unwrap_or_default();
        let changed = former.iter().filter(|(key, value)| texts.get(*key) != Some(value));
        !former.is_empty() && changed.into_iter().all(|(key, value)| environment.get(key) == Some(value))
    };
    let former = former_document(job, secret, former_version, is_source).await?.texts().unwrap_or_default();
    // A secret that the runtime does not have never becomes variables.
    if !former.iter().any(|(key, value)| environment.get(key) == Some(value)) {
        let problem = format!(
            "is secret {}, and no variable of the runtime has a value of its previous version {}; name the secret whose values \
             the runtime has, or update the stack",
            secret.name,
            quote(former_version)
        );
        return Err(Error::property("SecretArn", problem));
    }
    let comes_from_secret = |key: &str| environment.get(key).is_none_or(|live| former.get(key) == Some(live));
    let changed = texts.into_iter().filter(|(key, value)| environment.get(key) != Some(value));
    Ok(changed.filter(|(key, _)| comes_from_secret(key)).collect())
}

/// Returns the changes that bring the values of a former version back after an earlier delivery has replaced them.
async fn former_values(
    job: &Job<'_>,
    secret: &Stored,
    former_version: &str,
    environment: &BTreeMap<String, Sensitive>,
) -> Result<Changes, Error> {
    let former = former_document(job, secret, former_version, |_| true).await?;
    let (former, present) = (texts(job, "SecretArn", &former)?, texts(job, "SecretArn", &secret.document)?);
    let copied = present.into_iter().filter(|(key, value)| environment.get(key) == Some(value));
    let mut changes = Changes { set: BTreeMap::new(), remove: Vec::new() };
    for (key, value) in copied {
        match former.get(&key) {
            Some(before) if *before != value => drop(changes.set.insert(key, before.clone())),
            Some(_) => {}
            None => changes.remove.push(key),
        }
    }
    Ok(changes)
}

/// Returns the version of the secret that the environment was built from: the one of that id or, for a runtime whose
/// `SecretVersionId` is another text, the previous one if `is_source`.
async fn former_document(
    job: &Job<'_>,
    secret: &Stored,
    version_id: &str,
    is_source: impl FnOnce(&Document) -> bool,
) -> Result<Document, Error> {
    if let Some(document) = stored_secret::version(job, &secret.arn, version_id).await? {
        return Ok(document);
    }
    // The previous version could be read by its id.
    let previous = if stored_secret::is_version_id(version_id) {
        None
    } else {
        stored_secret::previous(job, &secret.arn).await?.filter(is_source)
    };
    previous.ok_or_else(|| {
        let problem = format!(
            "is secret {}, whose former version can no longer be read, so that it is not known which environment \
             variables come from it; update the stack",
            secret.name
        );
        Error::property("SecretArn", problem)
    })
}
