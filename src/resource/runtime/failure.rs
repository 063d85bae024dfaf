//! Explains in one sentence why a runtime could not be created or updated.

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use crate::agentcore::provisioned;
use crate::agentcore::runtime::{Runtime, V2, log_group_name};
use crate::agentcore::waiters::{Live, joined};
use crate::container_log;
use crate::error::Error;
use crate::job::Job;

/// Words of a reason that is about a container that was started: its health check or its warm-up hook. The service's
/// own sentences are not documented.
const ABOUT_CONTAINER: [&str; 10] =
    ["health", "start", "initializ", "warm", "hook", "respond", "timed out", "timeout", "exit", "crash"];

/// Explains a create or an update that failed: the service's reason, and the container's last lines if it was started.
/// `secrets` are those that its containers know.
pub(super) async fn explain(job: &Job<'_>, live: &GetAgentRuntimeOutput, secrets: &[&str]) -> Error {
    let reason = live.failure_reason().map(str::trim).filter(|reason| !reason.is_empty());
    let started = match reason {
        None => live.platform_version() == Some(V2),
        Some(reason) => {
            let lower = reason.to_lowercase();
            ABOUT_CONTAINER.iter().any(|word| lower.contains(word))
        }
    };
    let lines = if started { last_lines(job, live, secrets).await } else { String::new() };
    match provisioned::failed::<Runtime>(&live.agent_runtime_id().to_owned(), live) {
        Error::TerminalStatus { what, status, .. } => {
            let reasons = format!("{}{lines}", joined(reason.as_slice()));
            Error::TerminalStatus { what, status, reasons }
        }
        error => error,
    }
}

/// Reads the container's last lines since the operation began. The environment's values are masked already, and this
/// masks the secret's.
async fn last_lines(job: &Job<'_>, live: &GetAgentRuntimeOutput, secrets: &[&str]) -> String {
    for secret in secrets {
        if let Err(error) = container_log::mask_secret(job, Some(secret)).await {
            return container_log::unquotable(&error);
        }
    }
    let created = (*live.created_at()).try_into().ok();
    // The time of the last update may be the time of the failure.
    let began = if live.creation_failed() { created } else { job.requested_at.or(created) };
    let since = began.unwrap_or_else(|| job.context.now());
    container_log::last_lines(job, &log_group_name(live.agent_runtime_id()), since).await
}
