//! An API key credential provider after the rotation of the secret that its key came from: AgentCore keeps a copy of a
//! MANAGED key, and gets the new value.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::SecretSourceType;

use super::properties::Properties;
use crate::agentcore::api_key_credential_provider::ApiKeyCredentialProvider;
use crate::agentcore::provisioned::{self, gone};
use crate::credential_provider::Secret;
use crate::error::Error;
use crate::job::Job;
use crate::resource::named_type;
use crate::sensitive::Sensitive;

/// Gives the provider another key. Returns false for a provider that reads the secret itself, and refuses one that is not
/// provably this stack's. May run twice.
pub(crate) async fn rotate(job: &Job<'_>, name: &String, key: &Sensitive) -> Result<bool, Error> {
    let found = provisioned::current::<ApiKeyCredentialProvider>(job, name).await?;
    let found = found.ok_or_else(|| gone::<ApiKeyCredentialProvider>(name))?;
    if found.live.source == SecretSourceType::External {
        return Ok(false);
    }
    let properties = Properties { name: Some(name.clone()), key: Secret::Given(key.clone()), tags: BTreeMap::new() };
    named_type::converge(job, found, &properties, None).await.map(|_| true)
}
