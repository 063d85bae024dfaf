//! `Custom::AgentCoreApiKeyCredentialProvider`: an API key in AgentCore's token vault, for gateways that call a target with
//! it and for agents that ask for it. The key may be a JSON object of several secrets.
//!
//! Calls: CreateApiKeyCredentialProvider, GetApiKeyCredentialProvider, UpdateApiKeyCredentialProvider,
//! DeleteApiKeyCredentialProvider, ListTagsForResource, TagResource, UntagResource. GetSecretValue if the template names a
//! secret. Identifier: the provider's name. Replaces: `Name`, `ApiKeySecretSource`. Everything else updates in place, as a
//! full replace, and always, because the live key cannot be compared with the desired one.

use std::collections::BTreeMap;

use crate::agentcore::api_key_credential_provider::Provider;
use crate::resource::named_type::NamedType;

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
    const ATTRIBUTES: &'static [&'static str] = &["CredentialProviderArn", "ApiKeySecretArn"];
    type Properties = Properties;

    fn attributes(live: Provider) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("CredentialProviderArn", live.common.arn),
            ("ApiKeySecretArn", live.secret_arn.unwrap_or_default()),
        ])
    }
}
