//! The parts of a gateway that our properties govern. The rest survives an update.

use crate::agentcore::put::{Governed, Members, Rule};
use crate::authorizer;

/// Returns the rules by the members of UpdateGateway. Interceptors and a policy engine are ours while a property asks for
/// them: an update that `releases` the property takes them away, and others are kept.
pub(super) fn governed(releases: Releases) -> &'static Governed {
    match releases {
        Releases { interceptors: false, policy_engine: false } => &GOVERNED,
        Releases { interceptors: true, policy_engine: false } => &WITHOUT_INTERCEPTORS,
        Releases { interceptors: false, policy_engine: true } => &WITHOUT_POLICY_ENGINE,
        Releases { interceptors: true, policy_engine: true } => &WITHOUT_BOTH,
    }
}

/// The members that an update takes away, because the property that asked for them is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Releases {
    pub(super) interceptors: bool,
    pub(super) policy_engine: bool,
}

/// Returns the rules with which an update sends back neither what it cannot set nor what it takes away.
macro_rules! without {
    ($($taken:literal),*) => {
        Governed {
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
                $($taken),*
            ],
            renamed: None,
            members: MEMBERS,
        }
    };
}

static GOVERNED: Governed = without!();
static WITHOUT_INTERCEPTORS: Governed = without!("interceptorConfigurations");
static WITHOUT_POLICY_ENGINE: Governed = without!("policyEngineConfiguration");
static WITHOUT_BOTH: Governed = without!("interceptorConfigurations", "policyEngineConfiguration");

const MEMBERS: Members = &[
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
];
