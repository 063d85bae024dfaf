//! The choices of a test or the local run about the emulated account: its identity, its start, its delays.

use std::time::{Duration, SystemTime};

/// 2026-09-01T00:00:00Z: a fixed start, so that a run repeated gives the same timestamps.
const START: Duration = Duration::from_hours(24 * 20_697);

/// The emulated account and its delays. The default is an account where everything happens soon but not at once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Twelve digits.
    pub account_id: String,
    /// The one Region that exists, `us-east-1`.
    pub region: String,
    /// Second field of every ARN, `aws`.
    pub partition: String,
    /// The end of endpoints, `amazonaws.com`.
    pub dns_suffix: String,
    /// The wall-clock time at which the emulator starts. Clients with a clock of their own need the real time here,
    /// because a signature older than five minutes is refused.
    pub start: SystemTime,
    /// The platform of a new runtime that asks for none.
    pub platform_version: PlatformVersion,
    /// From an accepted create or update to `READY` on platform version V1.
    pub runtime_transition: Duration,
    /// From an accepted create or update to `READY` on platform version V2, which starts a container and takes a
    /// snapshot: 3.5 minutes, as seen [gh hashicorp/terraform-provider-aws#50078].
    pub snapshot_transition: Duration,
    /// Bytes of environment variables that a platform takes beyond those that were seen: how AWS measures is not known.
    pub environment_surplus: usize,
    /// From an accepted delete until the runtime is not found.
    pub runtime_deletion: Duration,
    /// From an accepted create or update of a gateway to `READY`.
    pub gateway_transition: Duration,
    /// From an accepted delete until the gateway is not found.
    pub gateway_deletion: Duration,
    /// The least that a create, an update or a synchronization of a gateway target takes. Where the gateway connects to
    /// the target's server, that comes on top if it takes longer.
    pub target_transition: Duration,
    /// From an accepted delete until the gateway target is not found.
    pub target_deletion: Duration,
    /// From a create, an update or a delete of a credential provider until it is done. With none, the answer to the call
    /// says that it is.
    pub provider_transition: Duration,
    /// The longest that AgentCore Runtime waits for a container's answer to begin: 15 minutes [DG bedrock-agentcore-limits].
    pub invocation_time: Duration,
    /// The longest that an event stream of a container lasts: 60 minutes [DG bedrock-agentcore-limits].
    pub streaming_time: Duration,
    /// Each call takes so long: half before its effect, half after.
    pub call_latency: Duration,
    /// AgentCore's Gets show what was before a create, an update, a synchronization or a delete for so long. They do not
    /// unless this is chosen.
    pub get_lag: Duration,
    /// A new resource of AgentCore is missing from lists for so long, and a deleted one lingers in them for
    /// so long.
    pub list_lag: Duration,
    /// No page of AgentCore's lists has more items than this, however many the caller asks for. At least one.
    pub list_page_max: usize,
    /// A new role fails the services' validation for so long.
    pub role_propagation: Duration,
    /// A secret deleted without recovery is still found for so long.
    pub secret_force_deletion: Duration,
    /// From a change until EventBridge hands its event to the target of a rule.
    pub event_delivery: Duration,
    /// A log event is missing from reads for so long.
    pub log_lag: Duration,
    /// The customer managed key of the account's token vault. Without one, the service's own key encrypts it.
    pub token_vault_key: Option<String>,
    /// The form in which AgentCore Runtime passes on a refusal by a container.
    pub container_refusals: ContainerRefusals,
    /// True if AgentCore knows members that no service model has yet: those whose names begin with `future`. Creates
    /// and updates take and keep them at any depth, and Gets show them.
    pub future_members: bool,
}

/// The platform that a version of a runtime runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlatformVersion {
    /// Every session boots a container of its own.
    #[default]
    V1,
    /// A container is started once, while the version is built; every session begins with a copy of it as it was then.
    V2,
}

impl PlatformVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// Returns the word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }
}

/// The form in which AgentCore Runtime passes on an answer of a container that is not a success. Each was seen; AWS
/// documents none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerRefusals {
    /// As the container answered.
    #[default]
    Plain,
    /// As status 200 with the JSON-RPC error -32010 and the container's status in its text.
    JsonRpc,
    /// As the exception `RuntimeClientError`, status 424, with the container's status in its text. AgentCore's own
    /// errors then have the status of their exception, too.
    RuntimeClientError,
}

impl ContainerRefusals {
    /// Every way, with the name that it has in the documentation.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::RuntimeClientError, "424"), (Self::JsonRpc, "JSON-RPC"), (Self::Plain, "plain")];
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            partition: "aws".to_owned(),
            dns_suffix: "amazonaws.com".to_owned(),
            start: SystemTime::UNIX_EPOCH + START,
            platform_version: PlatformVersion::V1,
            runtime_transition: Duration::from_secs(5),
            snapshot_transition: Duration::from_secs(210),
            environment_surplus: 0,
            runtime_deletion: Duration::from_secs(5),
            gateway_transition: Duration::from_secs(5),
            gateway_deletion: Duration::from_secs(5),
            target_transition: Duration::from_secs(3),
            target_deletion: Duration::from_secs(2),
            provider_transition: Duration::ZERO,
            invocation_time: Duration::from_mins(15),
            streaming_time: Duration::from_hours(1),
            call_latency: Duration::from_millis(20),
            get_lag: Duration::ZERO,
            list_lag: Duration::from_secs(2),
            list_page_max: usize::MAX,
            role_propagation: Duration::from_secs(8),
            secret_force_deletion: Duration::from_secs(3),
            event_delivery: Duration::from_millis(500),
            log_lag: Duration::from_secs(1),
            token_vault_key: None,
            container_refusals: ContainerRefusals::Plain,
            future_members: false,
        }
    }
}
