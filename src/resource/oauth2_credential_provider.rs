//! `Custom::AgentCoreOAuth2CredentialProvider`: an OAuth2 client in AgentCore's token vault, for gateways that call a
//! target with a token.
//!
//! Calls: CreateOauth2CredentialProvider, GetOauth2CredentialProvider, UpdateOauth2CredentialProvider,
//! DeleteOauth2CredentialProvider, ListTagsForResource, TagResource, UntagResource. GetSecretValue if the template
//! names a secret. The IdP itself before a create or an update. Identifier: the provider's name. Replaces: `Name`,
//! `Vendor`, `ClientSecretSource`. Everything else updates in place, as a full replace, and always, because the live
//! secret cannot be compared with the desired one.

use std::collections::BTreeMap;

use crate::agentcore::oauth2_credential_provider::Provider;
use crate::resource::named_type::NamedType;

mod configuration;
mod desired;
mod governed;
mod preflight;
mod properties;
mod rotation;
mod vendor;

use properties::Properties;

pub(crate) use rotation::rotate;

/// The type, whose lifecycle follows from its properties.
#[derive(Debug)]
pub(crate) struct OAuth2CredentialProvider;

impl NamedType for OAuth2CredentialProvider {
    const TYPE: &'static str = "Custom::AgentCoreOAuth2CredentialProvider";
    const ATTRIBUTES: &'static [&'static str] = &["CredentialProviderArn", "CallbackUrl", "ClientSecretArn"];
    type Properties = Properties;

    fn attributes(live: Provider) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("CredentialProviderArn", live.common.arn),
            ("CallbackUrl", live.callback_url.unwrap_or_default()),
            ("ClientSecretArn", live.secret_arn.unwrap_or_default()),
        ])
    }
}
