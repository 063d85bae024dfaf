//! `Custom::AgentCoreApiKeyCredentialProvider`: an API key in AgentCore's token vault, for gateways that call a target with
//! it and for agents that ask for it. The key may be a JSON object of several secrets.
//!
//! Calls: CreateApiKeyCredentialProvider, GetApiKeyCredentialProvider, UpdateApiKeyCredentialProvider,
//! DeleteApiKeyCredentialProvider, ListTagsForResource, TagResource, UntagResource. GetSecretValue if the template names a
//! secret. Identifier: the provider's name. Replaces: `Name`, `ApiKeySecretSource`. Everything else updates in place, as a
//! full replace, and always, because the live key cannot be compared with the desired one.

use crate::resource::named::NamedType;

mod desired;
mod governed;
mod properties;
mod rotation;

use properties::Properties;

pub(crate) use rotation::rotate;

/// The type, whose lifecycle follows from its properties.
#[derive(Debug)]
pub(crate) struct ApiKeyCredentialProvider;

impl NamedType for ApiKeyCredentialProvider {
    const TYPE: &'static str = "Custom::AgentCoreApiKeyCredentialProvider";
    type Properties = Properties;
}
