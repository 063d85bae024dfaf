//! The parts of a credential provider that our properties govern. The rest survives an update.

use crate::agentcore::put::{Governed, Rule};

/// By the members of UpdateOauth2CredentialProvider.
pub(super) const GOVERNED: Governed = Governed {
    read_only: &[
        "callbackUrl",
        "clientSecretArn",
        "clientSecretJsonKey",
        "clientSecretSource",
        "createdTime",
        "credentialProviderArn",
        "failureReason",
        "lastUpdatedTime",
        "status",
    ],
    renamed: Some(("oauth2ProviderConfigOutput", "oauth2ProviderConfigInput")),
    members: &[
        ("credentialProviderVendor", Rule::Ours),
        ("name", Rule::Ours),
        (
            "oauth2ProviderConfigInput",
            Rule::Union(&[
                ("atlassianOauth2ProviderConfig", VENDOR),
                ("customOauth2ProviderConfig", CUSTOM),
                ("githubOauth2ProviderConfig", VENDOR),
                ("googleOauth2ProviderConfig", VENDOR),
                ("includedOauth2ProviderConfig", VENDOR),
                ("linkedinOauth2ProviderConfig", VENDOR),
                ("microsoftOauth2ProviderConfig", VENDOR),
                ("salesforceOauth2ProviderConfig", VENDOR),
                ("slackOauth2ProviderConfig", VENDOR),
            ]),
        ),
    ],
};

/// A vendor whose endpoints AgentCore knows or is told. AgentCore derives `oauthDiscovery` from them, and does not
/// accept it as an input.
const VENDOR: Rule = Rule::Structure(&[
    ("authorizationEndpoint", Rule::Ours),
    ("clientId", Rule::Ours),
    ("clientSecret", Rule::Ours),
    ("clientSecretConfig", Rule::Ours),
    ("clientSecretSource", Rule::Ours),
    ("issuer", Rule::Ours),
    ("oauthDiscovery", Rule::Ours),
    ("tenantId", Rule::Ours),
    ("tokenEndpoint", Rule::Ours),
]);

const CUSTOM: Rule = Rule::Structure(&[
    ("clientAuthenticationMethod", Rule::Ours),
    ("clientId", Rule::Ours),
    ("clientSecret", Rule::Ours),
    ("clientSecretConfig", Rule::Ours),
    ("clientSecretSource", Rule::Ours),
    (
        "oauthDiscovery",
        Rule::Union(&[
            (
                "authorizationServerMetadata",
                Rule::Structure(&[
                    ("authorizationEndpoint", Rule::Ours),
                    ("issuer", Rule::Ours),
                    ("tokenEndpoint", Rule::Ours),
                    // AgentCore refuses it together with `clientAuthenticationMethod`, which is ours.
                    ("tokenEndpointAuthMethods", Rule::Ours),
                ]),
            ),
            ("discoveryUrl", Rule::Ours),
        ]),
    ),
    ("privateKeyJwtConfig", Rule::With { tag: "clientAuthenticationMethod", value: "PRIVATE_KEY_JWT" }),
]);
