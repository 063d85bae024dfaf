//! The desired state of an API key credential provider as the template gives it, and the checks that need no call.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::SecretSourceType;

use crate::credential_provider::{SECRET_ID_CHARS_MAX, SECRET_KEY_CHARS_MAX, Secret, SecretProperties, check_name};
use crate::error::Error;
use crate::properties::{PropertyReader, PropertySet};
use crate::sensitive::Sensitive;
use crate::tags;

/// The maximum length of the API reference, in characters.
const API_KEY_CHARS_MAX: usize = 65_536;

/// The properties of the key, by their names.
pub(super) const API_KEY: SecretProperties = SecretProperties {
    given: "ApiKey",
    id: "ApiKeySecretId",
    key: "ApiKeySecretJsonKey",
    source: "ApiKeySecretSource",
    chars_max: API_KEY_CHARS_MAX,
    may_be_whole: true,
};

/// The desired state.
#[derive(Debug, PropertySet)]
pub(crate) struct Properties {
    /// Letters, digits, `-` and `_`, at most 128. With [provisioner.yaml](provisioner.md#names) `NamePrefix` stands for
    /// `mcp`.
    #[property(
        name = "Name",
        default_text = "`mcp-<8 characters of the stack's GUID>-<6 digits>`",
        check = check_name,
        replaces
    )]
    pub(super) name: Option<String>,
    #[property(flatten = KeyFields, parse = key)]
    pub(super) key: Secret,
    /// Tags of the provider: see [above](#what-all-resource-types-have-in-common).
    #[property(name = "Tags", check = tags::check)]
    pub(super) tags: BTreeMap<String, String>,
}

/// The properties of the key.
#[derive(Debug, PropertySet)]
struct KeyFields {
    /// The key: this, or `ApiKeySecretId`. A text, which may be a JSON object of several secrets.
    #[property(name = "ApiKey", default_text = "–", chars = API_KEY_CHARS_MAX)]
    given: Option<Sensitive>,
    /// Secret in Secrets Manager (name or ARN) that holds the key.
    #[property(name = "ApiKeySecretId", default_text = "–", chars = SECRET_ID_CHARS_MAX)]
    id: Option<String>,
    /// Key of the API key in the JSON object of `ApiKeySecretId`. Without it the secret's whole value is the API key, as it
    /// is: a text, or a JSON object of several secrets.
    #[property(name = "ApiKeySecretJsonKey", default_text = "– (required for `EXTERNAL`)", chars = SECRET_KEY_CHARS_MAX)]
    key: Option<String>,
    /// `MANAGED`: AgentCore keeps a copy. `EXTERNAL`: AgentCore reads `ApiKeySecretId` whenever it needs it, which that
    /// secret's resource policy has to allow.
    #[property(name = "ApiKeySecretSource", default = SecretSourceType::Managed, replaces)]
    source: SecretSourceType,
}

fn key(_: &PropertyReader<'_>, fields: KeyFields) -> Result<Secret, Error> {
    let KeyFields { given, id, key, source } = fields;
    Secret::new(&API_KEY, given, id, key, &source)
}
