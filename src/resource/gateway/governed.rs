//! The parts of a gateway that our properties govern. The rest survives an update.

use crate::agentcore::put::{Governed, Rule};
use crate::authorizer;

/// The guards of a gateway that an update sets or takes away. Those that it does not govern are kept with all their
/// members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guards {
    pub(super) interceptors: bool,
    pub(super) policy_engine: bool,
}

/// Returns the rules by the members of UpdateGateway.
pub(super) fn governed(guards: Guards) -> &'static Governed {
    match guards {
        Guards { interceptors: false, policy_engine: false } => &WITHOUT_GUARDS,
        Guards { interceptors: true, policy_engine: false } => &WITH_INTERCEPTORS,
        Guards { interceptors: false, policy_engine: true } => &WITH_POLICY_ENGINE,
        Guards { interceptors: true, policy_engine: true } => &WITH_BOTH,
    }
}

/// Returns the rules of an update that governs these guards.
macro_rules! governed {
    ($($guard:literal: $rule:expr),*) => {
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
            ],
            renamed: None,
            members: &[
                ("authorizerConfiguration", authorizer::GOVERNED),
                ("authorizerType", Rule::Ours),
                ("description", Rule::Ours),
                ("exceptionLevel", Rule::Ours),
                ("kmsKeyArn", Rule::Ours),
                ("name", Rule::Ours),
                ("protocolConfiguration", Rule::Union(&[("mcp", MCP)])),
                ("protocolType", Rule::Ours),
                ("roleArn", Rule::Ours),
                $(($guard, $rule),)*
            ],
        }
    };
}

static WITHOUT_GUARDS: Governed = governed!();
static WITH_INTERCEPTORS: Governed = governed!("interceptorConfigurations": INTERCEPTORS);
static WITH_POLICY_ENGINE: Governed = governed!("policyEngineConfiguration": POLICY_ENGINE);
static WITH_BOTH: Governed =
    governed!("interceptorConfigurations": INTERCEPTORS, "policyEngineConfiguration": POLICY_ENGINE);

const MCP: Rule =
    Rule::Structure(&[("instructions", Rule::Ours), ("searchType", Rule::Ours), ("supportedVersions", Rule::Ours)]);

const INTERCEPTORS: Rule = Rule::Keyed {
    key: "/interceptor/lambda/arn",
    members: &[
        ("interceptionPoints", Rule::Ours),
        ("interceptor", Rule::Union(&[("lambda", Rule::Structure(&[("arn", Rule::Ours)]))])),
    ],
};

const POLICY_ENGINE: Rule =
    Rule::Tagged { tag: "arn", default: "", members: &[("arn", Rule::Ours), ("mode", Rule::Ours)] };
