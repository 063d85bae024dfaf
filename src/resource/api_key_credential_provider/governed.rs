//! The parts of an API key credential provider that our properties govern. The rest survives an update.

use crate::agentcore::put::{Governed, Rule};

/// By the members of UpdateApiKeyCredentialProvider.
pub(super) const GOVERNED: Governed = Governed {
    read_only: &["apiKeySecretArn", "apiKeySecretJsonKey", "createdTime", "credentialProviderArn", "lastUpdatedTime"],
    renamed: None,
    members: &[
        ("apiKey", Rule::Ours),
        ("apiKeySecretConfig", Rule::Ours),
        ("apiKeySecretSource", Rule::Ours),
        ("name", Rule::Ours),
    ],
};
