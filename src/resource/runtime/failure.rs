//! Creates and updates that ended badly, in one sentence.

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::types::AgentRuntimeStatus;

use super::outputs::log_group_name;
use super::platform::V2;
use super::properties::Properties;
use crate::container_log;
use crate::error::Error;
use crate::job::Job;

/// Words of a reason that is about a container that was started: its health check or its warm-up hook. The service's
/// own sentences are not documented.
const ABOUT_CONTAINER: [&str; 10] =
    ["health", "start", "initializ", "warm", "hook", "respond", "timed out", "timeout", "exit", "crash"];

const NO_REASON: &str = "the service gives no reason";

/// Returns the terminal status with the service's reason, and what the container said last if it was started. `old` are the
/// properties before an update.
pub(super) async fn of(
    job: &Job<'_>,
    live: &GetAgentRuntimeOutput,
    properties: &Properties,
    old: Option<&Properties>,
) -> Error {
    let reason = live.failure_reason().map(|reason| reason.trim_end().trim_end_matches('.'));
    let Some(reason) = reason.filter(|reason| !reason.is_empty()) else {
        let started = live.platform_version() == Some(V2);
        let lines = if started { last_lines(job, live, properties, old).await } else { String::new() };
        return status(live, &format!("{NO_REASON}{lines}"));
    };
    let lower = reason.to_lowercase();
    if !ABOUT_CONTAINER.iter().any(|word| lower.contains(word)) {
        return status(live, reason);
    }
    status(live, &format!("{reason}{}", last_lines(job, live, properties, old).await))
}

/// Returns the terminal status with the service's reason alone.
pub(super) fn of_delete(live: &GetAgentRuntimeOutput) -> Error {
    status(live, live.failure_reason().unwrap_or(NO_REASON))
}

fn status(live: &GetAgentRuntimeOutput, reasons: &str) -> Error {
    Error::TerminalStatus {
        what: format!("runtime {}", live.agent_runtime_id()),
        status: live.status().as_str().to_owned(),
        reasons: reasons.to_owned(),
    }
}

/// The container's last lines since the operation began. The environment's values are masked already, the secret's now.
async fn last_lines(
    job: &Job<'_>,
    live: &GetAgentRuntimeOutput,
    properties: &Properties,
    old: Option<&Properties>,
) -> String {
    // Sessions of the version in service print into the same group, and know the former secret.
    for secret in [Some(properties), old].into_iter().flatten().filter_map(|it| it.secret.as_ref()) {
        if let Err(error) = container_log::mask_secret(job, Some(&secret.id)).await {
            return container_log::unquotable(&error);
        }
    }
    let created = (*live.created_at()).try_into().ok();
    let began = match live.status() {
        AgentRuntimeStatus::CreateFailed => created,
        // The time of the last update may be the time of the failure.
        _ => job.requested_at().or(created),
    };
    let since = began.unwrap_or_else(|| job.context.now());
    container_log::last_lines(job, &log_group_name(live.agent_runtime_id()), since).await
}
