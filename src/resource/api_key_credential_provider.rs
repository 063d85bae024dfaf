//! `Custom::AgentCoreApiKeyCredentialProvider`: an API key in AgentCore's token vault, for gateways that call a target with
//! it and for agents that ask for it. The key may be a JSON object of several secrets.
//!
//! Calls: CreateApiKeyCredentialProvider, GetApiKeyCredentialProvider, UpdateApiKeyCredentialProvider,
//! DeleteApiKeyCredentialProvider, ListTagsForResource, TagResource, UntagResource. GetSecretValue if the template names a
//! secret. Identifier: the provider's name. Replaces: `Name`, `ApiKeySecretSource`. Everything else updates in place, as a
//! full replace, and always, because the live key cannot be compared with the desired one.

use crate::event::RawProperties;
use crate::job::{Job, Outcome};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::resource::named;

mod desired;
mod governed;
mod properties;
mod rotation;

use properties::Properties;

pub(crate) use rotation::rotate;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct ApiKeyCredentialProvider;

impl Lifecycle for ApiKeyCredentialProvider {
    const TYPE: &'static str = "Custom::AgentCoreApiKeyCredentialProvider";
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
