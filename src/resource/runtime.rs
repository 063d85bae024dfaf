//! `Custom::AgentCoreRuntime`: an AgentCore Runtime that hosts a container.
//!
//! Calls: CreateAgentRuntime, GetAgentRuntime, UpdateAgentRuntime, DeleteAgentRuntime, ListTagsForResource,
//! TagResource, UntagResource; ListAgentRuntimes only where a name has to be looked up; GetSecretValue only for
//! `CredentialDelivery` EnvironmentVariables. Identifier: the runtime's id. Replaces: `AgentRuntimeName`; everything
//! else updates in place, as a full replace.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::types::AgentRuntimeStatus;
use tokio::time::Instant;

use crate::error::{ApiErrorKind, Error, Failure};
use crate::event::RawProperties;
use crate::identity::{Identity, Owner, pending_name};
use crate::job::{Job, Outcome, Success};
use crate::properties::PropertyReader;
use crate::resource::{Lifecycle, tag_changes, wanted_tags};
use crate::wait::{Progress, until, until_within};

mod api;
mod authorizer;
mod configuration;
mod environment;
mod headers;
mod outputs;
mod properties;

use api::{Listed, Settled};
use configuration::Configuration;
use properties::{Properties, default_name};

/// A role made seconds earlier is refused at first: "Role validation failed" (terraform-provider-aws waits as long).
const ROLE_PATIENCE: Duration = Duration::from_mins(2);
/// A runtime just created may not be found for a moment, and may be missing from lists for longer.
const NOT_FOUND_PATIENCE: Duration = Duration::from_secs(15);
const LIST_PATIENCE: Duration = Duration::from_secs(30);
/// A cancelled Create may still be on its way when its Delete arrives: so long the runtime may still appear.
const CANCELLED_CREATE_GRACE: Duration = Duration::from_mins(1);
/// Attempts to create, each with a token of its own: a token may be remembered for a runtime deleted since.
const CREATE_ATTEMPTS_MAX: u32 = 3;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct Runtime;

impl Lifecycle for Runtime {
    const TYPE: &'static str = "Custom::AgentCoreRuntime";
    const PROPERTIES: &'static [&'static str] = &properties::NAMES;
    type Properties = Properties;

    fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
        properties::parse(reader)
    }

    fn name(properties: &Properties, identity: &Identity) -> String {
        properties.name(identity)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        let configuration = Configuration::wanted(&properties, environment::build(job, &properties).await?);
        create_runtime(job, &properties, &configuration).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let configuration = Configuration::wanted(&properties, environment::build(job, &properties).await?);
        if name_in_id(physical_id).is_none_or(|name| name != properties.name(job.identity())) {
            return create_runtime(job, &properties, &configuration).await;
        }
        // Deleted behind our back: made again, and the new id makes CloudFormation forget the old one.
        let Some(live) = wait_settled(job, physical_id).await? else {
            return create_runtime(job, &properties, &configuration).await;
        };
        let tags = api::tags(job, live.agent_runtime_arn()).await?;
        if job.identity().owner(&tags) != Owner::Us {
            return Err(changed_hands(physical_id).into());
        }
        let old_tags = old.as_ref().map(|old| &old.tags);
        Ok(converge(job, live, &properties, &configuration, &tags, old_tags).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        let Some(id) = find_for_delete(job, physical_id, raw).await? else {
            return Ok(Success::deleted(physical_id));
        };
        delete_runtime(job, &id).await?;
        Ok(Success::deleted(physical_id))
    }
}

/// Creates the runtime and waits until it is READY; carries on with one of that name that is ours.
async fn create_runtime(job: &Job<'_>, properties: &Properties, configuration: &Configuration) -> Outcome {
    let name = properties.name(job.identity());
    let tags = wanted_tags(&properties.tags, job.identity());
    for attempt in 1..=CREATE_ATTEMPTS_MAX {
        let token = job.identity().client_token(&format!("runtime-create-{attempt}"));
        let id = match create_call(job, &name, configuration, &tags, &token).await {
            Ok(id) => id,
            Err(error) if is_name_taken(&error) => match find_ours(job, &name, error).await? {
                Some(id) => id,
                // It was ours, on its way out, and is gone by now.
                None => continue,
            },
            Err(error) => return Err(with_whatever_exists(job, error, &name).await),
        };
        let live = match wait_settled(job, &id).await {
            Ok(Some(live)) => live,
            Ok(None) => continue,
            Err(error) => return Err(error.with_id(id)),
        };
        if *live.status() == AgentRuntimeStatus::CreateFailed {
            return Err(failed_status(&live).with_id(id));
        }
        return converge(job, live, properties, configuration, &tags, None).await.map_err(|error| error.with_id(id));
    }
    Err(Error::TerminalStatus {
        what: format!("runtime {name}"),
        status: "not found".to_owned(),
        reasons: "it was created and vanished again; look for whoever deletes it".to_owned(),
    }
    .into())
}

/// The call itself, waiting through the propagation of a new role.
async fn create_call(
    job: &Job<'_>,
    name: &str,
    configuration: &Configuration,
    tags: &BTreeMap<String, String>,
    token: &str,
) -> Result<String, Error> {
    waiting_for_role(job, async || api::create(job, name, configuration, tags, token).await).await
}

async fn waiting_for_role<T>(job: &Job<'_>, mut call: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut refusal = None;
    let done =
        until_within(job.deadline, ROLE_PATIENCE, "waiting for the execution role to propagate", async || match call()
            .await
        {
            Ok(value) => Ok(Progress::Done(value)),
            Err(error) if is_about_role(&error) => {
                refusal = Some(error);
                Ok(Progress::pending("role not accepted yet"))
            }
            Err(error) => Err(error),
        })
        .await?;
    match (done, refusal) {
        (Some(value), _) => Ok(value),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Err(Error::Bug("a wait ended without a result".to_owned())),
    }
}

/// Brings a settled runtime of ours to the desired state: configuration only if it differs, then tags.
async fn converge(
    job: &Job<'_>,
    live: GetAgentRuntimeOutput,
    properties: &Properties,
    configuration: &Configuration,
    tags: &BTreeMap<String, String>,
    old_tags: Option<&BTreeMap<String, String>>,
) -> Result<Success, Error> {
    let id = live.agent_runtime_id().to_owned();
    let in_place = *live.status() == AgentRuntimeStatus::Ready && Configuration::live(&live) == *configuration;
    let live = if in_place { live } else { replace_configuration(job, &id, configuration).await? };
    let changes = tag_changes(tags, &wanted_tags(&properties.tags, job.identity()), old_tags);
    api::change_tags(job, live.agent_runtime_arn(), changes).await?;
    Ok(Success { physical_id: id, attributes: outputs::attributes(&live) })
}

/// Updates and waits until READY. A conflict means that somebody else's change is under way.
async fn replace_configuration(
    job: &Job<'_>,
    id: &str,
    configuration: &Configuration,
) -> Result<GetAgentRuntimeOutput, Error> {
    until(job.deadline, "waiting for another change of the runtime to end", async || {
        match waiting_for_role(job, async || api::update(job, id, configuration).await).await {
            Ok(()) => Ok(Progress::Done(())),
            Err(error) if error.is(ApiErrorKind::Conflict) => Ok(Progress::pending("in conflict with another change")),
            Err(error) => Err(error),
        }
    })
    .await?;
    let live = wait_settled(job, id).await?.ok_or_else(|| Error::TerminalStatus {
        what: format!("runtime {id}"),
        status: "not found".to_owned(),
        reasons: "it was deleted while it was being updated; repeat the update to make it again".to_owned(),
    })?;
    match api::settled(live.status()) {
        Settled::Ready => Ok(live),
        Settled::No | Settled::Failed => Err(failed_status(&live)),
    }
}

/// Waits until the runtime is in no transition any more. `None` if there is none (any more).
async fn wait_settled(job: &Job<'_>, id: &str) -> Result<Option<GetAgentRuntimeOutput>, Error> {
    let started = Instant::now();
    let mut seen = false;
    until(job.deadline, &format!("waiting for runtime {id}"), async || {
        Ok(match api::get(job, id).await? {
            None if !seen && started.elapsed() < NOT_FOUND_PATIENCE => Progress::pending("not found"),
            None => Progress::Done(None),
            Some(live) if api::settled(live.status()) == Settled::No => {
                seen = true;
                pending(&live)
            }
            Some(live) => Progress::Done(Some(live)),
        })
    })
    .await
}

/// Deletes a runtime of ours and waits until it is gone. One in transition refuses to be deleted, which is waited
/// through.
async fn delete_runtime(job: &Job<'_>, id: &str) -> Result<(), Error> {
    let mut asked = false;
    until(job.deadline, &format!("waiting for runtime {id} to be deleted"), async || {
        let Some(live) = api::get(job, id).await? else { return Ok(Progress::Done(())) };
        match live.status() {
            AgentRuntimeStatus::Deleting => return Ok(pending(&live)),
            AgentRuntimeStatus::DeleteFailed if asked => return Err(failed_status(&live)),
            _ => {}
        }
        match api::delete(job, id).await {
            Ok(Some(())) => {
                asked = true;
                Ok(pending(&live))
            }
            Ok(None) => Ok(Progress::Done(())),
            Err(error) if error.is(ApiErrorKind::Conflict) => Ok(pending(&live)),
            // A policy that goes by the ownership tag denies what has lost its tags by being gone.
            Err(error) if error.is(ApiErrorKind::Denied) && api::get(job, id).await?.is_none() => {
                Ok(Progress::Done(()))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

fn pending<T>(live: &GetAgentRuntimeOutput) -> Progress<T> {
    Progress::Pending { status: live.status().as_str().to_owned(), since: api::in_progress_since(live) }
}

fn failed_status(live: &GetAgentRuntimeOutput) -> Error {
    Error::TerminalStatus {
        what: format!("runtime {}", live.agent_runtime_id()),
        status: live.status().as_str().to_owned(),
        reasons: live.failure_reason().unwrap_or("the service gives no reason").to_owned(),
    }
}

/// The runtime that a Delete is about; `None` if there is none of ours.
async fn find_for_delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Result<Option<String>, Error> {
    if name_in_id(physical_id).is_some() {
        let Some(live) = api::get(job, physical_id).await? else { return Ok(None) };
        let tags = api::tags(job, live.agent_runtime_arn()).await;
        return match tags {
            Ok(tags) if job.identity().owner(&tags) == Owner::Us => Ok(Some(physical_id.to_owned())),
            // On its way out: its tags may be gone already, and nothing is left to do but wait.
            Ok(_) if *live.status() == AgentRuntimeStatus::Deleting => Ok(Some(physical_id.to_owned())),
            Ok(_) => Err(changed_hands(physical_id)),
            Err(error) => Err(error),
        };
    }
    let pending = pending_name(physical_id);
    let name = pending
        .map(str::to_owned)
        .or_else(|| raw.text("AgentRuntimeName"))
        .unwrap_or_else(|| default_name(job.identity()));
    // An identifier that CloudFormation invented stands for a cancelled Create that may still be running.
    let grace = if pending.is_some() { Duration::ZERO } else { CANCELLED_CREATE_GRACE };
    let found = find_by_name(job, &name, grace).await?;
    Ok(found.and_then(|(runtime, owner)| (owner == Owner::Us).then_some(runtime.id)))
}

/// After a refused name: the id of the runtime that has it, if it is ours; `None` if the name is free by now.
async fn find_ours(job: &Job<'_>, name: &str, refusal: Error) -> Result<Option<String>, Failure> {
    let Some((runtime, owner)) = find_by_name(job, name, LIST_PATIENCE).await? else { return Err(refusal.into()) };
    if owner != Owner::Us {
        return Err(Error::NotOurs {
            what: format!("runtime named {name} ({})", runtime.id),
            advice: "choose another `AgentRuntimeName` or delete that runtime".to_owned(),
        }
        .into());
    }
    // On its way out: wait for the name.
    let Some(live) = api::get(job, &runtime.id).await? else { return Ok(None) };
    if *live.status() == AgentRuntimeStatus::Deleting {
        delete_runtime(job, &runtime.id).await.map_err(|error| error.with_id(&runtime.id))?;
        return Ok(None);
    }
    Ok(Some(runtime.id))
}

/// The call failed, but it may have had its effect: the answer must then name the runtime, so that it is cleaned up.
async fn with_whatever_exists(job: &Job<'_>, error: Error, name: &str) -> Failure {
    let unclear =
        matches!(error, Error::OutOfTime { .. }) || error.is(ApiErrorKind::Transport) || error.is(ApiErrorKind::Server);
    match find_by_name(job, name, if unclear { LIST_PATIENCE } else { return error.into() }).await {
        Ok(Some((runtime, Owner::Us))) => error.with_id(runtime.id),
        _ => error.into(),
    }
}

/// Looks for `patience`, because a new runtime may be missing from lists for a moment.
async fn find_by_name(job: &Job<'_>, name: &str, patience: Duration) -> Result<Option<(Listed, Owner)>, Error> {
    until_within(job.deadline, patience, "looking for the runtime by its name", async || {
        Ok(match api::find_by_name(job, name).await? {
            Some(runtime) => {
                let owner = job.identity().owner(&api::tags(job, &runtime.arn).await?);
                Progress::Done((runtime, owner))
            }
            None => Progress::pending("not found"),
        })
    })
    .await
}

/// A name is taken (ConflictException, or ValidationException with reason ResourceConflict), or the token is known for
/// another request (the same, or reason IdempotentParameterMismatchException). What the name belongs to then decides.
fn is_name_taken(error: &Error) -> bool {
    const REASONS: [&str; 3] = ["ResourceConflict", "IdempotentParameterMismatch", "already exists"];
    error.is(ApiErrorKind::Conflict)
        || error.api().is_some_and(|error| REASONS.iter().any(|reason| error.mentions(reason)))
}

/// "Role validation failed for '…'. Please verify that the role exists and its trust policy allows assumption by this
/// service", and "Access denied while validating ECR URI '…'", as terraform-provider-aws observed them.
fn is_about_role(error: &Error) -> bool {
    error.api().is_some_and(|error| {
        error.kind == ApiErrorKind::Other
            && (error.mentions("Role validation failed") || error.mentions("while validating ECR URI"))
    })
}

fn changed_hands(id: &str) -> Error {
    Error::NotOurs {
        what: format!("runtime {id}"),
        advice: "its ownership tags are gone or changed: restore them and retry, or delete the runtime yourself"
            .to_owned(),
    }
}

/// `<name>-<ten alphanumerics>`: the name. Names have no hyphens (API reference, GetAgentRuntime).
fn name_in_id(physical_id: &str) -> Option<&str> {
    let (name, suffix) = physical_id.split_once('-')?;
    let fits = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && suffix.len() == 10
        && suffix.chars().all(|c| c.is_ascii_alphanumeric());
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_id_is_no_runtime_id() {
        assert_eq!(name_in_id("mcp_server-AbCdEf1234"), Some("mcp_server"));
        for invented in ["stack-Runtime-1ABCDEFGHIJK", "stack-1ABCDEFGHIJKL", "pending:mcp_server", ""] {
            assert_eq!(name_in_id(invented), None, "{invented}");
        }
    }
}
