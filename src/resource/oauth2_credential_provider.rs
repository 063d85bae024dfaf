//! `Custom::AgentCoreOAuth2CredentialProvider`: an OAuth2 client in AgentCore's token vault, for gateways that call a
//! target with a token.
//!
//! Calls: CreateOauth2CredentialProvider, GetOauth2CredentialProvider, UpdateOauth2CredentialProvider,
//! DeleteOauth2CredentialProvider, ListTagsForResource, TagResource, UntagResource; GetSecretValue where the template
//! names a secret; the IdP itself before anything is made. Identifier: the provider's name. Replaces: `Name`, `Vendor`,
//! `ClientSecretSource`; everything else updates in place, as a full replace, and always, because the secret that is
//! live cannot be compared with the wanted one.
//!
//! Where AgentCore refuses to list a provider's tags, it refuses to change them as well: `Tags` then take effect on
//! creation only.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::operation::get_oauth2_credential_provider::GetOauth2CredentialProviderOutput;
use aws_sdk_bedrockagentcorecontrol::types::Status;

use crate::agentcore::{self, is_as_new, is_name_taken, wait_updated};
use crate::error::{ApiErrorKind, Error};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::tags;
use crate::wait::while_refused;

mod api;
mod configuration;
mod governed;
mod lookup;
mod permissions;
mod preflight;
mod properties;
mod vendor;

use api::Answer;
use configuration::Configuration;
use lookup::{Found, Proof};
use properties::Properties;

/// How long a refusal that should pass is believed to: another change of the provider, or the deletion of one with its
/// name, whose secret goes a little later.
const REFUSAL_PATIENCE: Duration = Duration::from_mins(2);

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct OAuth2CredentialProvider;

impl Lifecycle for OAuth2CredentialProvider {
    const TYPE: &'static str = "Custom::AgentCoreOAuth2CredentialProvider";
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        create_provider(job, &properties.name(job.requester()), &properties).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        if !properties.keeps(physical_id, job.requester()) {
            return replace_provider(job, physical_id, &properties).await;
        }
        // The rollback of a rename that was cancelled, or whose answer got lost.
        let former = old.as_ref().and_then(|old| old.name.as_deref()).filter(|former| *former != physical_id);
        if let Some(former) = former {
            lookup::delete_abandoned(job, former).await?;
        }
        // Deleted behind our back: made again.
        let Some(live) = wait_settled(job, physical_id).await? else {
            return create_provider(job, physical_id, &properties).await;
        };
        let found = lookup::with_tags(job, live).await?;
        if found.proof(job) == Proof::Others {
            return Err(lookup::changed_hands(physical_id).into());
        }
        // What is live decides and not the old properties: those of a rollback are the ones that were refused.
        if let Err(refusal) = check_fixed(&found.live, &properties) {
            return match properties.name {
                Some(_) => Err(refusal.into()),
                None => replace_provider(job, physical_id, &properties).await,
            };
        }
        let configuration = preflight::for_update(job, &properties, old.as_ref(), &found.live).await?;
        let old_tags = old.as_ref().map(|old| &old.tags);
        Ok(converge(job, &found, &properties, &configuration, old_tags).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        if let Some(name) = lookup::find_for_delete(job, physical_id, raw).await? {
            delete_provider(job, &name).await?;
        }
        Ok(Success::deleted(physical_id))
    }
}

/// What a create found under the name it wanted.
enum Made {
    New(Answer),
    Before(Box<Found>),
}

/// Creates the provider and waits until it is READY; carries on with one of that name that is ours, from a delivery
/// whose reply was lost.
async fn create_provider(job: &Job<'_>, name: &str, properties: &Properties) -> Outcome {
    let configuration = preflight::for_create(job, properties).await?;
    let tags = tags::wanted(&properties.tags, job.requester());
    let passes = |error: &Error| is_name_taken(error) || is_vanishing(error);
    let attempt = async || match api::create(job, name, &configuration, &tags).await {
        Ok(answer) => Ok(Made::New(answer)),
        Err(error) if is_name_taken(&error) => {
            let found = lookup::find_ours(job, name).await?;
            found.map(|found| Made::Before(Box::new(found))).ok_or(error)
        }
        Err(error) => Err(error),
    };
    let doing = "waiting for the credential provider's name to become free";
    let made = match while_refused(job.deadline, REFUSAL_PATIENCE, doing, passes, attempt).await {
        Ok(made) => made,
        Err(error) => return Err(lookup::with_whatever_exists(job, error, name).await),
    };
    settle_created(job, name, made, properties, &configuration).await.map_err(|error| error.with_id(name))
}

/// Waits until a new or adopted provider is READY as wanted.
async fn settle_created(
    job: &Job<'_>,
    name: &str,
    made: Made,
    properties: &Properties,
    configuration: &Configuration,
) -> Result<Success, Error> {
    let found = match made {
        Made::New(answer) => return Ok(success(name, ready(job, name, answer).await?)),
        Made::Before(found) => found,
    };
    let live = wait_settled(job, name).await?.ok_or_else(|| gone(name))?;
    if api::status(&live) == Status::CreateFailed {
        return Err(failed_status(&live));
    }
    check_fixed(&live, properties)?;
    converge(job, &Found { live, ..*found }, properties, configuration, None).await
}

/// Makes another provider in the place of `physical_id`, which CloudFormation then deletes.
async fn replace_provider(job: &Job<'_>, physical_id: &str, properties: &Properties) -> Outcome {
    let first = job.requester().derived_name();
    let name = match &properties.name {
        Some(name) => name.clone(),
        // A rollback: the provider that `physical_id` had replaced is still there.
        None if first != physical_id && has_ours(job, &first, properties).await? => first,
        None => job.requester().replacement_name(),
    };
    create_provider(job, &name, properties).await
}

async fn has_ours(job: &Job<'_>, name: &str, properties: &Properties) -> Result<bool, Error> {
    let found = lookup::look(job, name).await?;
    Ok(found.is_some_and(|found| found.proof(job) == Proof::Ours && check_fixed(&found.live, properties).is_ok()))
}

/// Brings a settled provider of ours to the desired state: the whole configuration, then tags.
async fn converge(
    job: &Job<'_>,
    found: &Found,
    properties: &Properties,
    configuration: &Configuration,
    old_tags: Option<&BTreeMap<String, String>>,
) -> Result<Success, Error> {
    let name = found.live.name();
    let passes = |error: &Error| error.is(ApiErrorKind::Conflict);
    let attempt = async || api::update(job, name, configuration).await;
    let doing = "waiting for another change of the credential provider to end";
    let answer = while_refused(job.deadline, REFUSAL_PATIENCE, doing, passes, attempt).await?;
    let answer = ready(job, name, answer.ok_or_else(|| gone(name))?).await?;
    if let Some(tags) = &found.tags {
        let changes = tags::changes(tags, &tags::wanted(&properties.tags, job.requester()), old_tags);
        agentcore::change_tags(job, found.live.credential_provider_arn(), changes).await?;
    }
    Ok(success(name, answer))
}

/// Refuses what AgentCore does not change once a provider is made.
fn check_fixed(live: &GetOauth2CredentialProviderOutput, properties: &Properties) -> Result<(), Error> {
    let (vendor, source) = (live.credential_provider_vendor().as_str(), api::source(live));
    let wanted_source = properties.secret.source();
    let (property, wanted, made_with) = if vendor != properties.vendor.word {
        ("Vendor", properties.vendor.word, vendor)
    } else if source != wanted_source {
        ("ClientSecretSource", wanted_source.as_str(), source.as_str())
    } else {
        return Ok(());
    };
    let problem = format!(
        "is {wanted}, and the credential provider named {} was made with {made_with}, which AgentCore does not change; \
         give another `Name`, or none so that one is generated, and it will be replaced",
        live.name()
    );
    Err(Error::property(property, problem))
}

/// Waits until a provider that was created or updated is READY.
async fn ready(job: &Job<'_>, name: &str, answer: Answer) -> Result<Answer, Error> {
    if answer.status == Status::Ready {
        return Ok(answer);
    }
    let settle = async || wait_settled(job, name).await?.ok_or_else(|| gone(name));
    let shows = |live: &GetOauth2CredentialProviderOutput| {
        answer.updated.is_none_or(|updated| is_as_new(live.last_updated_time(), &updated))
    };
    // What it was updated to is not compared: the secret that is live cannot be.
    let live = wait_updated(job, &format!("credential provider {name}"), settle, shows, |_| Vec::new()).await?;
    if api::status(&live) == Status::Ready { Ok(api::answer(&live)) } else { Err(failed_status(&live)) }
}

/// Waits until the provider is in no transition any more. `None` if there is none (any more).
async fn wait_settled(job: &Job<'_>, name: &str) -> Result<Option<GetOauth2CredentialProviderOutput>, Error> {
    agentcore::wait_settled(job, &format!("credential provider {name}"), async || api::get(job, name).await).await
}

/// Deletes a provider of ours and waits until it is gone.
async fn delete_provider(job: &Job<'_>, name: &str) -> Result<(), Error> {
    let (get, delete) = (async || api::get(job, name).await, async || api::delete(job, name).await);
    agentcore::delete(job, &format!("credential provider {name}"), get, delete, failed_status).await
}

/// The secret of a provider deleted a moment ago is still on its way out, and bears the name of the new one's.
fn is_vanishing(error: &Error) -> bool {
    error.api().is_some_and(|api| api.kind == ApiErrorKind::Other && api.mentions("deletion"))
}

fn failed_status(live: &GetOauth2CredentialProviderOutput) -> Error {
    Error::TerminalStatus {
        what: format!("credential provider {}", live.name()),
        status: api::status(live).as_str().to_owned(),
        reasons: live.failure_reason().unwrap_or("the service gives no reason").to_owned(),
    }
}

fn gone(name: &str) -> Error {
    Error::TerminalStatus {
        what: format!("credential provider {name}"),
        status: "not found".to_owned(),
        reasons: "it was deleted while this request worked on it; repeat the operation".to_owned(),
    }
}

fn success(name: &str, answer: Answer) -> Success {
    Success { physical_id: name.to_owned(), attributes: answer.attributes }
}
