//! The parts of a runtime that our properties govern. The rest survives an update.

use super::headers::HEADERS_MAX;
use crate::agentcore::put::{Governed, Rule};
use crate::authorizer;

/// The members of a Get that no update sends.
const READ_ONLY: &[&str] = &[
    "agentRuntimeArn",
    "agentRuntimeId",
    "agentRuntimeName",
    "agentRuntimeVersion",
    "createdAt",
    "failureReason",
    "lastUpdatedAt",
    "status",
    "workloadIdentityDetails",
];

/// By the members of UpdateAgentRuntime.
pub(super) const GOVERNED: Governed = Governed {
    read_only: READ_ONLY,
    renamed: None,
    members: &[
        (
            "agentRuntimeArtifact",
            Rule::Union(&[("containerConfiguration", Rule::Structure(&[("containerUri", Rule::Ours)]))]),
        ),
        ("authorizerConfiguration", authorizer::GOVERNED),
        ("description", Rule::Ours),
        ("environmentVariables", Rule::Ours),
        // Version 1 of the platform refuses the hooks of version 2.
        ("hooksConfiguration", Rule::With { tag: "platformVersion", value: "V2" }),
        (
            "lifecycleConfiguration",
            Rule::Structure(&[("idleRuntimeSessionTimeout", Rule::Ours), ("maxLifetime", Rule::Ours)]),
        ),
        ("metadataConfiguration", Rule::Structure(&[("requireMMDSV2", Rule::Ours)])),
        (
            "networkConfiguration",
            Rule::Tagged {
                tag: "networkMode",
                default: "PUBLIC",
                members: &[
                    ("networkMode", Rule::Ours),
                    (
                        "networkModeConfig",
                        Rule::Presence(&Rule::Structure(&[("securityGroups", Rule::Ours), ("subnets", Rule::Ours)])),
                    ),
                ],
            },
        ),
        // Port and path have a default for each protocol.
        (
            "protocolConfiguration",
            Rule::Tagged { tag: "serverProtocol", default: "HTTP", members: &[("serverProtocol", Rule::Ours)] },
        ),
        ("requestHeaderConfiguration", Rule::Union(&[("requestHeaderAllowlist", Rule::headers(HEADERS_MAX))])),
        ("roleArn", Rule::Ours),
    ],
};

/// The variables that a rotation sets. Everything else goes back as the last Get showed it, so that the update of a stack
/// that comes first loses nothing.
pub(super) const VARIABLES: Governed =
    Governed { read_only: READ_ONLY, renamed: None, members: &[("environmentVariables", Rule::Structure(&[]))] };

/// The whole environment: a rotation removes variables by sending it without them.
pub(super) const ENVIRONMENT: Governed =
    Governed { read_only: READ_ONLY, renamed: None, members: &[("environmentVariables", Rule::Ours)] };
