//! The parts of a target that our properties govern. The rest survives an update.

use super::network::RESERVED_TAG;
use super::properties::HEADERS_MAX;
use crate::agentcore::put::{Governed, Rule};

/// Returns the rules by the members of UpdateGatewayTarget.
macro_rules! governed {
    ($network:expr) => {
        Governed {
            read_only: &[
                "authorizationData",
                "createdAt",
                "gatewayArn",
                "lastSynchronizedAt",
                "privateEndpointManagedResources",
                "protocolType",
                "status",
                "statusReasons",
                "targetId",
                "updatedAt",
            ],
            renamed: None,
            members: &[
                ("credentialProviderConfigurations", Rule::Single(&CREDENTIAL)),
                ("description", Rule::Ours),
                (
                    "metadataConfiguration",
                    Rule::Structure(&[
                        ("allowedRequestHeaders", Rule::headers(HEADERS_MAX)),
                        ("allowedResponseHeaders", Rule::headers(HEADERS_MAX)),
                    ]),
                ),
                ("name", Rule::Ours),
                ("privateEndpoint", $network),
                ("targetConfiguration", Rule::Union(&[("mcp", Rule::Union(&[("mcpServer", SERVER)]))])),
            ],
        }
    };
}

/// The rules of an update for properties that give a private endpoint, or gave one before.
pub(super) static GOVERNED: Governed = governed!(Rule::Presence(&NETWORK));
/// The rules of an update that keeps the private endpoint of somebody else, without the tag that no request may contain.
pub(super) static KEEPING_NETWORK: Governed = governed!(Rule::Union(&[(
    "managedVpcResource",
    Rule::Structure(&[("tags", Rule::Structure(&[(RESERVED_TAG, Rule::Ours)]))]),
)]));

const SERVER: Rule = Rule::Structure(&[
    ("endpoint", Rule::Ours),
    ("listingMode", Rule::Ours),
    (
        "mcpToolSchema",
        Rule::Presence(&Rule::Union(&[
            ("inlinePayload", Rule::Ours),
            ("s3", Rule::Tagged { tag: "uri", default: "", members: &[("uri", Rule::Ours)] }),
        ])),
    ),
]);

const NETWORK: Rule = Rule::Union(&[
    (
        "managedVpcResource",
        Rule::Structure(&[
            ("endpointIpAddressType", Rule::Ours),
            ("routingDomain", Rule::Ours),
            ("securityGroupIds", Rule::Ours),
            ("subnetIds", Rule::Ours),
            ("tags", Rule::Ours),
            ("vpcIdentifier", Rule::Ours),
        ]),
    ),
    ("selfManagedLatticeResource", Rule::Ours),
]);

const CREDENTIAL: Rule = Rule::Tagged {
    tag: "credentialProviderType",
    default: "",
    members: &[
        (
            "credentialProvider",
            Rule::Union(&[
                (
                    "apiKeyCredentialProvider",
                    Rule::Structure(&[
                        ("credentialLocation", Rule::Ours),
                        ("credentialParameterName", Rule::Ours),
                        ("credentialPrefix", Rule::Ours),
                        ("providerArn", Rule::Ours),
                    ]),
                ),
                ("iamCredentialProvider", Rule::Structure(&[("region", Rule::Ours), ("service", Rule::Ours)])),
                ("oauthCredentialProvider", OAUTH),
            ]),
        ),
        ("credentialProviderType", Rule::Ours),
    ],
};

const OAUTH: Rule = Rule::Tagged {
    tag: "grantType",
    default: "CLIENT_CREDENTIALS",
    members: &[
        ("customParameters", Rule::Ours),
        ("grantType", Rule::Ours),
        ("providerArn", Rule::Ours),
        ("scopes", Rule::Ours),
    ],
};
