//! Decides if the lines of a log group may be quoted: only a log of this stack's own. A function that several teams share
//! may read all their logs, and an answer is readable by whoever may describe the stack.
//!
//! Calls: ListTagsForResource.

use super::gateway::Gateway;
use crate::agentcore::ownership::by_tags;
use crate::agentcore::runtime::is_log_group_of;
use crate::arn::Arn;
use crate::job::Job;
use crate::mcp::ServerUrl;
use crate::requester::STACK_ID_TAG;

/// Returns the end of a sentence that says why no line of the log group is quoted, or `None` if lines may be quoted: it
/// is the log of the runtime behind the endpoint, or behind the gateway's target, and this stack created that runtime.
pub(super) async fn problem(
    job: &Job<'_>,
    endpoint: &ServerUrl,
    gateway: Option<&Gateway>,
    log_group: &str,
) -> Option<String> {
    let stack_id = &job.requester.stack_id;
    let server = gateway.map_or_else(|| Some(endpoint.clone()), Gateway::server);
    let runtime = server.as_ref().and_then(|server| server.runtime_next_to(stack_id));
    let Some(runtime) = runtime.filter(|runtime| is_log_group_of(runtime.id(), log_group)) else {
        let behind = if gateway.is_some() { "the gateway's target" } else { "`Endpoint`" };
        return Some(format!(
            "; no log line is quoted, because `LogGroupName` is not the log group of the runtime behind {behind}"
        ));
    };
    let arn = runtime.arn().map_or_else(|| runtime_arn(stack_id, runtime.id()), str::to_owned);
    match by_tags(job, &arn).await {
        Ok(Some(ownership)) => {
            let tags = ownership.tags.unwrap_or_default();
            (tags.get(STACK_ID_TAG) != Some(stack_id)).then(|| {
                format!(
                    "; no log line is quoted, because no tag says that this stack created the runtime; see {log_group}"
                )
            })
        }
        Ok(None) => Some("; no log line is quoted, because the runtime does not exist".to_owned()),
        Err(error) => Some(format!("; no log line is quoted, because the runtime's tags cannot be read: {error}")),
    }
}

/// Returns the ARN of a runtime in the account and Region of a stack (service authorization reference).
fn runtime_arn(stack_id: &str, id: &str) -> String {
    let stack = Arn::parse(stack_id);
    stack.map(|stack| stack.neighbor("bedrock-agentcore", &format!("runtime/{id}"))).unwrap_or_default()
}
