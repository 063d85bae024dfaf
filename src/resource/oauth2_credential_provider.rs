//! `Custom::AgentCoreOAuth2CredentialProvider`: an OAuth2 client in AgentCore's token vault, for gateways that call a
//! target with a token.
//!
//! Calls: CreateOauth2CredentialProvider, GetOauth2CredentialProvider, UpdateOauth2CredentialProvider,
//! DeleteOauth2CredentialProvider, ListTagsForResource, TagResource, UntagResource. GetSecretValue if the template
//! names a secret. The IdP itself before a create or an update. Identifier: the provider's name. Replaces: `Name`,
//! `Vendor`, `ClientSecretSource`. Everything else updates in place, as a full replace, and always, because the live
//! secret cannot be compared with the desired one.
//!
//! If AgentCore refuses to list a provider's tags, it refuses to change them as well: `Tags` then take effect on
//! creation only.

use std::collections::BTreeMap;

use crate::agentcore::deletion;
use crate::agentcore::engine;
use crate::agentcore::oauth2_credential_provider::{OAuth2CredentialProvider as Noun, Provider};
use crate::agentcore::ownership::{Proof, converge_tags};
use crate::agentcore::provisioned::{self, Found, Provisioned};
use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::{Requester, pending_name};
use crate::resource::lifecycle::Lifecycle;

mod configuration;
mod desired;
mod governed;
mod preflight;
mod properties;
mod rotation;
mod vendor;

use desired::{DesiredProvider, check_fixed};
use properties::{Properties, is_name};

pub(crate) use rotation::rotate;

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
        create(job, properties.name(job.requester()), &properties).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        if !properties.keeps(physical_id, job.requester()) {
            return replace(job, physical_id, &properties).await;
        }
        let name = physical_id.to_owned();
        // The provider was deleted outside of the stack: it is created again.
        let Some(found) = provisioned::current::<Noun>(job, &name).await? else {
            return create(job, name, &properties).await;
        };
        // The live provider decides and not the old properties: those of a rollback are the ones that were refused.
        if let Err(refusal) = check_fixed(&found.live, &properties) {
            return match properties.name {
                Some(_) => Err(refusal.into()),
                None => replace(job, physical_id, &properties).await,
            };
        }
        // The rollback of a replacement that was cancelled, or whose answer got lost.
        for name in old.iter().flat_map(|old| abandoned_names(job.requester(), physical_id, &properties, old)) {
            deletion::delete_abandoned::<Noun>(job, &name).await?;
        }
        let desired = DesiredProvider { properties: &properties, old: old.as_ref(), name };
        let found = Box::pin(engine::converge(job, &desired, found)).await?;
        Ok(finish(job, found, &properties, old.as_ref()).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        let given = raw.text("Name");
        let pending = pending_name(physical_id);
        let returned = pending.is_none()
            && (given.as_deref() == Some(physical_id) || job.requester().is_derived_name(physical_id));
        let name = || {
            let name = pending.map(str::to_owned).or(given).unwrap_or_else(|| job.requester().derived_name());
            is_name(&name).then_some(name)
        };
        deletion::delete_requested::<Noun>(job, physical_id, returned.then(|| physical_id.to_owned()), name).await?;
        Ok(Success::deleted(physical_id))
    }
}

async fn create(job: &Job<'_>, name: String, properties: &Properties) -> Outcome {
    let desired = DesiredProvider { properties, old: None, name };
    let found = Box::pin(engine::create(job, &desired)).await?;
    let with_id = |error: Error| error.with_id(&desired.name);
    // The tags of an adopted provider were listed.
    if properties.name.is_some() && found.ownership.tags.is_none() {
        check_provable(job, &found).await?;
    }
    finish(job, found, properties, None).await.map_err(with_id)
}

/// Deletes a provider with a chosen name if AgentCore does not list its tags. Nothing would prove its owner later, so
/// that this stack could neither change nor delete it.
async fn check_provable(job: &Job<'_>, found: &Found<Noun>) -> Result<(), Failure> {
    let with_id = |error: Error| error.with_id(&found.id);
    let ownership = Noun::ownership(job, &found.live).await.map_err(with_id)?;
    if ownership.is_none_or(|ownership| ownership.proof != Proof::Missing) {
        return Ok(());
    }
    deletion::delete::<Noun>(job, &found.id).await.map_err(with_id)?;
    let problem = "cannot be chosen where AgentCore does not list the tags of credential providers, because nothing would \
                   prove later that the provider is this stack's; leave it out so that one is derived, or allow the \
                   function's role bedrock-agentcore:ListTagsForResource";
    Err(Error::property("Name", problem).into())
}

/// Creates another provider in place of `physical_id`, which CloudFormation then deletes.
async fn replace(job: &Job<'_>, physical_id: &str, properties: &Properties) -> Outcome {
    let first = job.requester().derived_name();
    let name = match &properties.name {
        Some(name) => name.clone(),
        // A rollback: the provider that `physical_id` replaced still exists.
        None if first != physical_id && has_ours(job, &first, properties).await? => first,
        None => {
            let name = variant_name(job.requester(), properties);
            if name == physical_id { job.requester().replacement_name() } else { name }
        }
    };
    create(job, name, properties).await
}

/// Returns the derived name of a replacement, which follows from what AgentCore cannot change.
fn variant_name(requester: &Requester, properties: &Properties) -> String {
    requester.variant_name(&format!("{} {}", properties.vendor.word, properties.secret.source().as_str()))
}

/// Returns the names under which an update to `old` may have created a replacement for the provider `physical_id`.
fn abandoned_names(requester: &Requester, physical_id: &str, properties: &Properties, old: &Properties) -> Vec<String> {
    let same_variant = variant_name(requester, old) == variant_name(requester, properties);
    let names = match &old.name {
        Some(name) => vec![name.clone()],
        None if properties.name.is_none() && same_variant => Vec::new(),
        None => vec![requester.derived_name(), variant_name(requester, old)],
    };
    names.into_iter().filter(|name| name != physical_id).collect()
}

async fn has_ours(job: &Job<'_>, name: &String, properties: &Properties) -> Result<bool, Error> {
    let found = provisioned::get::<Noun>(job, name).await?;
    let matches = |found: Found<Noun>| found.is_ours(job) && check_fixed(&found.live, properties).is_ok();
    Ok(found.is_some_and(matches))
}

/// Brings the tags of a provider that is READY to the desired state, and answers.
async fn finish(
    job: &Job<'_>,
    found: Found<Noun>,
    properties: &Properties,
    old: Option<&Properties>,
) -> Result<Success, Error> {
    let arn = &found.live.arn;
    converge_tags(job, arn, &found.ownership, &properties.tags, old.map(|old| &old.tags)).await?;
    Ok(Success { physical_id: found.id, attributes: attributes(found.live) })
}

/// Returns the attributes for `Fn::GetAtt`.
fn attributes(live: Provider) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("CredentialProviderArn", live.arn),
        ("CallbackUrl", live.callback_url.unwrap_or_default()),
        ("ClientSecretArn", live.secret_arn.unwrap_or_default()),
    ])
}
