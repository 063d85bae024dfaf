//! `Custom::AgentCoreOAuth2CredentialProvider`: an OAuth2 client in AgentCore's token vault, for gateways that call a
//! target with a token.
//!
//! Calls: CreateOauth2CredentialProvider, GetOauth2CredentialProvider, UpdateOauth2CredentialProvider,
//! DeleteOauth2CredentialProvider, ListTagsForResource, TagResource, UntagResource. GetSecretValue if the template
//! names a secret. The IdP itself before a create or an update. Identifier: the provider's name. Replaces: `Name`,
//! `Vendor`, `ClientSecretSource`. Everything else updates in place, as a full replace, and always, because the live
//! secret cannot be compared with the desired one.

use crate::event::RawProperties;
use crate::job::{Job, Outcome};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::resource::named;

mod configuration;
mod desired;
mod governed;
mod preflight;
mod properties;
mod rotation;
mod vendor;

use properties::Properties;

pub(crate) use rotation::rotate;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct OAuth2CredentialProvider;

impl Lifecycle for OAuth2CredentialProvider {
    const TYPE: &'static str = "Custom::AgentCoreOAuth2CredentialProvider";
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        named::name(properties, requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        named::create(job, properties).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        named::update(job, physical_id, properties, old).await
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        named::delete::<Properties>(job, physical_id, raw).await
    }
}
