//! The policy of an AgentCore resource, which says who may use the resource in addition to what the callers' own policies
//! say (developer guide, resource-based policies).
//!
//! Calls: GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy.

use std::time::Duration;

use serde_json::Value;
use tracing::warn;

use super::none_if_not_found;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::while_refused;

/// The time for which a new resource may be unknown to its policy's calls.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(30);

/// Brings the policy of the resource `arn` to `wanted`. `former` is the policy that the properties before an update asked
/// for. A policy that no property ever asked for belongs to somebody else, and stays. `is_ours` is true if another policy
/// than the wanted one can only be an earlier one of ours, as on a resource that a create adopts. May run twice.
pub(crate) async fn converge(
    job: &Job<'_>,
    arn: &str,
    wanted: Option<&Value>,
    former: Option<&Value>,
    is_ours: bool,
) -> Result<(), Error> {
    if wanted.is_none() && former.is_none() {
        return Ok(());
    }
    let live = get(job, arn).await?.map(|live| normalized(&live));
    let is = |policy: &Value| live.as_ref() == Some(&normalized(policy));
    match (wanted, former) {
        (Some(wanted), _) if is(wanted) => Ok(()),
        (Some(wanted), former) if is_ours || live.is_none() || former.is_some() => put(job, arn, wanted).await,
        (Some(_), _) => Err(Error::NotOurs {
            what: format!("resource policy on {arn}"),
            advice: "delete that policy and repeat the operation".to_owned(),
        }),
        (None, Some(former)) if is(former) => delete(job, arn).await,
        (None, _) => {
            if live.is_some() {
                warn!(arn, "the resource policy stays, because it is not the one that the template asked for");
            }
            Ok(())
        }
    }
}

/// Gets the policy. Returns `None` if the resource has none, and null for a text that is not JSON.
async fn get(job: &Job<'_>, arn: &str) -> Result<Option<Value>, Error> {
    let request = job.context.agentcore.get_resource_policy().resource_arn(arn);
    let answer = job.call("bedrock-agentcore:GetResourcePolicy", || request.clone().send()).await;
    let text = none_if_not_found(answer)?.and_then(|answer| answer.policy).filter(|text| !text.is_empty());
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_default()))
}

async fn put(job: &Job<'_>, arn: &str, policy: &Value) -> Result<(), Error> {
    let request = job.context.agentcore.put_resource_policy().resource_arn(arn).policy(policy.to_string());
    let call = async || job.call("bedrock-agentcore:PutResourcePolicy", || request.clone().send()).await;
    let is_unknown = |error: &Error| error.is(ApiErrorKind::NotFound);
    while_refused(job.deadline, ARRIVAL_PATIENCE, "waiting for the runtime's endpoint", is_unknown, call).await?;
    Ok(())
}

async fn delete(job: &Job<'_>, arn: &str) -> Result<(), Error> {
    let request = job.context.agentcore.delete_resource_policy().resource_arn(arn);
    let answer = job.call("bedrock-agentcore:DeleteResourcePolicy", || request.clone().send()).await;
    none_if_not_found(answer).map(|_| ())
}

/// Returns a policy in the form in which policies are compared: IAM reads a list of one entry as that entry, and the order
/// of a list says nothing.
fn normalized(policy: &Value) -> Value {
    match policy {
        Value::Array(entries) => {
            let mut entries: Vec<Value> = entries.iter().map(normalized).collect();
            entries.sort_by_cached_key(Value::to_string);
            entries.dedup();
            if entries.len() == 1 { entries.remove(0) } else { Value::Array(entries) }
        }
        Value::Object(members) => {
            if members.len() == 1 && members.get("AWS").is_some_and(|name| normalized(name) == "*") {
                return "*".into();
            }
            members.iter().map(|(name, value)| (name.clone(), normalized(value))).collect()
        }
        single => single.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_that_say_the_same_are_the_same() {
        let policy = |principal: Value, actions: Value| json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": principal, "Action": actions}});
        let one = normalized(&policy(json!("*"), json!(["s:A", "s:B"])));
        let listed = json!({"Statement": [{"Action": ["s:B", "s:A", "s:A"], "Principal": {"AWS": ["*"]}, "Effect": "Deny"}],
            "Version": "2012-10-17"});
        assert_eq!(one, normalized(&listed));
        for other in [policy(json!("*"), json!("s:A")), policy(json!({"AWS": "1"}), json!(["s:A", "s:B"]))] {
            assert_ne!(one, normalized(&other), "{other}");
        }
    }
}
