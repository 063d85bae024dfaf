//! `Custom::AgentCoreRuntime`: an AgentCore Runtime that hosts a container.
//!
//! Calls: CreateAgentRuntime, GetAgentRuntime, UpdateAgentRuntime, DeleteAgentRuntime, ListTagsForResource,
//! TagResource, UntagResource; ListAgentRuntimes only where a name has to be looked up; GetSecretValue only for
//! `CredentialDelivery` EnvironmentVariables and before a container's log is quoted; FilterLogEvents where its
//! container did not start. Identifier: the runtime's id. Replaces: `AgentRuntimeName`; everything
//! else updates in place, as a full replace.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::types::AgentRuntimeStatus;

use crate::agentcore::{
    self, Conflict, Live, Settled, is_changing, is_name_taken, is_token_known, pending, waiting_for_role,
};
use crate::error::{ApiErrorKind, Error};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::oauth;
use crate::requester::{Owner, Requester};
use crate::resource::lifecycle::Lifecycle;
use crate::rollback::unless_rolling_back;
use crate::tags;
use crate::wait::{Progress, until};

mod api;
mod configuration;
mod environment;
mod failure;
mod governed;
mod headers;
mod lookup;
mod outputs;
mod platform;
mod properties;

use api::Version;
use configuration::Configuration;
use properties::Properties;

/// Tokens that one request may use up for one call: each is good for one set of parameters.
const TOKENS_MAX: u32 = 3;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct Runtime;

impl Lifecycle for Runtime {
    const TYPE: &'static str = "Custom::AgentCoreRuntime";
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        let configuration = Configuration::wanted(&properties, environment::build(job, &properties).await?);
        create_runtime(job, &properties, &configuration).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let configuration = Configuration::wanted(&properties, environment::build(job, &properties).await?);
        let name = properties.name(job.requester());
        if name_in_id(physical_id).is_none_or(|current| current != name) {
            return create_runtime(job, &properties, &configuration).await;
        }
        // The rollback of a rename that was cancelled, or whose answer got lost.
        let former = old.as_ref().map(|old| old.name(job.requester())).filter(|former| *former != name);
        if let Some(former) = former {
            lookup::delete_abandoned(job, &former).await?;
        }
        // Deleted behind our back: made again, and the new id makes CloudFormation forget the old one.
        let Some(live) = wait_settled(job, physical_id).await? else {
            return create_runtime(job, &properties, &configuration).await;
        };
        let Some(tags) = agentcore::tags(job, live.agent_runtime_arn()).await? else {
            return create_runtime(job, &properties, &configuration).await;
        };
        if job.requester().owner(&tags) != Owner::Us {
            return Err(lookup::changed_hands(physical_id).into());
        }
        Ok(converge(job, live, &properties, &configuration, &tags, old.as_ref()).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        if let Some(id) = lookup::find_for_delete(job, physical_id, raw).await? {
            delete_runtime(job, &id).await?;
        }
        Ok(Success::deleted(physical_id))
    }
}

/// Creates the runtime and waits until it is READY; carries on with one of that name that is ours.
async fn create_runtime(job: &Job<'_>, properties: &Properties, configuration: &Configuration) -> Outcome {
    platform::check_environment(configuration)?;
    check_idp(job, properties, None, None).await?;
    let name = properties.name(job.requester());
    let tags = tags::wanted(&properties.tags, job.requester());
    let mut refusal = None;
    for attempt in 1..=TOKENS_MAX {
        let token = job.requester().client_token(&format!("runtime-create-{attempt}"));
        let call = async || api::create(job, &name, configuration, &tags, &token).await;
        let (id, adopted) = match waiting_for_role(job, call).await {
            Ok(id) => (id, false),
            Err(error) if is_name_taken(&error) => {
                let Some(id) = lookup::find_ours(job, &name).await? else {
                    // It is gone by now, or was never there and the token is known for another request.
                    refusal = Some(error);
                    continue;
                };
                (id, true)
            }
            Err(error) => {
                let error = platform::explain(error, configuration);
                return Err(lookup::with_whatever_exists(job, error, &name).await);
            }
        };
        return settle_created(job, &id, adopted, &tags, properties, configuration)
            .await
            .map_err(|error| error.with_id(id));
    }
    Err(refusal.unwrap_or_else(|| Error::Bug("a create was never tried".to_owned())).into())
}

/// Refuses an IdP that tokens cannot come from, before anything is changed. One that is trusted already is not asked,
/// unless the template says something else of it than before.
async fn check_idp(
    job: &Job<'_>,
    properties: &Properties,
    live: Option<&Configuration>,
    old: Option<&Properties>,
) -> Result<(), Error> {
    let Some(discovery) = &properties.discovery else { return Ok(()) };
    let restated = old.and_then(|old| old.discovery.as_ref()).is_some_and(|old| discovery.is_restated(old));
    if live.is_some_and(|live| live.trusts(discovery)) && !restated {
        return Ok(());
    }
    let found = oauth::discover(job.context, job.deadline, discovery).await;
    if let Some(metadata) = unless_rolling_back(job, found).await? {
        metadata.log_signing_doubt();
    }
    Ok(())
}

/// Waits until a new or adopted runtime is READY as wanted.
async fn settle_created(
    job: &Job<'_>,
    id: &str,
    adopted: bool,
    wanted_tags: &BTreeMap<String, String>,
    properties: &Properties,
    configuration: &Configuration,
) -> Result<Success, Error> {
    // Tokens belong to this request: what it made and is gone was deleted on purpose, by the Delete of a cancelled
    // create for one. It must not be made again.
    let gone = || Error::TerminalStatus {
        what: format!("runtime {id}"),
        status: "not found".to_owned(),
        reasons: "it was deleted while this request waited for it".to_owned(),
    };
    let live = wait_settled(job, id).await?.ok_or_else(gone)?;
    if *live.status() == AgentRuntimeStatus::CreateFailed {
        return Err(failure::of(job, &live, properties, None).await);
    }
    let tags = if adopted {
        agentcore::tags(job, live.agent_runtime_arn()).await?.ok_or_else(gone)?
    } else {
        wanted_tags.clone()
    };
    converge(job, live, properties, configuration, &tags, None).await
}

/// Brings a settled runtime of ours to the desired state: configuration only if it differs, then tags.
async fn converge(
    job: &Job<'_>,
    live: GetAgentRuntimeOutput,
    properties: &Properties,
    configuration: &Configuration,
    tags: &BTreeMap<String, String>,
    old: Option<&Properties>,
) -> Result<Success, Error> {
    let id = live.agent_runtime_id().to_owned();
    let former = Configuration::live(&live);
    let configuration = &configuration.on(platform::of_update(job, &live, properties, old).await?);
    // What the runtime holds was accepted, whatever it measures here.
    if !former.has_environment_of(configuration) {
        platform::check_environment(configuration)?;
    }
    check_idp(job, properties, Some(&former), old).await?;
    let live = if *live.status() == AgentRuntimeStatus::Ready && former == *configuration {
        live
    } else {
        replace_configuration(job, &id, properties, old, configuration).await?
    };
    let changes = tags::changes(tags, &tags::wanted(&properties.tags, job.requester()), old.map(|old| &old.tags));
    agentcore::change_tags(job, live.agent_runtime_arn(), changes).await?;
    Ok(Success { physical_id: id, attributes: outputs::attributes(&live) })
}

/// Updates, waits until READY, and looks whether it took.
async fn replace_configuration(
    job: &Job<'_>,
    id: &str,
    properties: &Properties,
    old: Option<&Properties>,
    configuration: &Configuration,
) -> Result<GetAgentRuntimeOutput, Error> {
    let gone = || Error::TerminalStatus {
        what: format!("runtime {id}"),
        status: "not found".to_owned(),
        reasons: "it was deleted while it was being updated; repeat the update to make it again".to_owned(),
    };
    let mut attempt = 1;
    let mut conflict = Conflict::default();
    let version = until(job.deadline, "waiting for another change of the runtime to end", async || {
        let token = job.requester().client_token(&format!("runtime-update-{attempt}"));
        match waiting_for_role(job, async || api::update(job, id, configuration, &token).await).await {
            Ok(version) => Ok(Progress::Done(version)),
            // An earlier delivery of this request updated to something else: a secret was rotated since.
            Err(error) if is_token_known(&error) && attempt < TOKENS_MAX => {
                attempt += 1;
                Ok(Progress::pending("superseded"))
            }
            Err(error) if error.is(ApiErrorKind::Conflict) => {
                let live = api::get(job, id).await?.ok_or_else(gone)?;
                conflict.wait(error, is_changing(&live), pending(&live))
            }
            Err(error) => Err(platform::explain(error, configuration)),
        }
    })
    .await?;
    let settle = async || wait_settled(job, id).await?.ok_or_else(gone);
    let shows = |live: &GetAgentRuntimeOutput| Version::live(live) >= version;
    let kept = |live: &GetAgentRuntimeOutput| {
        let mut kept = configuration.kept_by(&Configuration::live(live));
        kept.extend((!shows(live)).then_some("version"));
        kept
    };
    let live = agentcore::wait_updated(job, &format!("runtime {id}"), settle, shows, kept).await?;
    if live.settled() == Settled::Ready { Ok(live) } else { Err(failure::of(job, &live, properties, old).await) }
}

/// Waits until the runtime is in no transition any more. `None` if there is none (any more).
async fn wait_settled(job: &Job<'_>, id: &str) -> Result<Option<GetAgentRuntimeOutput>, Error> {
    agentcore::wait_settled(job, &format!("runtime {id}"), async || api::get(job, id).await).await
}

/// Deletes a runtime of ours and waits until it is gone.
async fn delete_runtime(job: &Job<'_>, id: &str) -> Result<(), Error> {
    let (get, delete) = (async || api::get(job, id).await, async || api::delete(job, id).await);
    agentcore::delete(job, &format!("runtime {id}"), get, delete, failure::of_delete).await
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
