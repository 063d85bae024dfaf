//! The parts of a gateway that our properties govern. The rest survives an update.

use crate::agentcore::put::{Governed, Rule};
use crate::authorizer;

/// By the members of UpdateGateway.
pub(super) const GOVERNED: Governed = Governed {
    read_only: &[
        "createdAt",
        "gatewayArn",
        "gatewayId",
        "gatewayUrl",
        "status",
        "statusReasons",
        "updatedAt",
        "webAclArn",
        "workloadIdentityDetails",
    ],
    renamed: None,
    members: &[
        ("authorizerConfiguration", authorizer::GOVERNED),
        ("authorizerType", Rule::Ours),
        ("description", Rule::Ours),
        ("exceptionLevel", Rule::Ours),
        ("kmsKeyArn", Rule::Ours),
        ("name", Rule::Ours),
        (
            "protocolConfiguration",
            Rule::Union(&[(
                "mcp",
                Rule::Structure(&[
                    ("instructions", Rule::Ours),
                    ("searchType", Rule::Ours),
                    ("supportedVersions", Rule::Ours),
                ]),
            )]),
        ),
        ("protocolType", Rule::Ours),
        ("roleArn", Rule::Ours),
    ],
};
