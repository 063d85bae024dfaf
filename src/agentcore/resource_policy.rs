//! The policy of an AgentCore resource, which says who may use the resource in addition to what the callers' own policies
//! say (developer guide, resource-based policies).
//!
//! Calls: GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy.

use std::time::Duration;

use serde_json::Value;
use tracing::warn;

use super::none_if_not_found;
use super::ownership::governs;
use crate::arn::Arn;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::stack::unless_rolling_back;
use crate::wait::{Progress, until_within, while_refused};

/// The time for which a new resource may be unknown to its policy's calls.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(30);
/// The time for which a Get may show the former policy.
const LAG: Duration = Duration::from_secs(30);

/// Brings the policy of the resource `arn` to `wanted`, and waits until a Get shows it. `former` is the policy that the
/// properties before an update asked for. A policy that no property ever asked for belongs to somebody else, and stays. May
/// run twice.
pub(crate) async fn converge(
    job: &Job<'_>,
    arn: &str,
    wanted: Option<&Value>,
    former: Option<&Value>,
) -> Result<(), Error> {
    if wanted.is_none() && former.is_none() {
        return Ok(());
    }
    let live = get(job, arn).await?;
    let desired = wanted.map(normalized);
    let theirs = |_: &Value| Error::NotOurs {
        what: format!("resource policy on {arn}"),
        advice: "delete that policy and repeat the operation".to_owned(),
    };
    if !governs(job, desired.as_ref(), former.map(normalized).as_ref(), live.as_ref(), theirs)? {
        if live.is_some() {
            warn!(arn, "the resource policy stays, because it is not the one that the template asked for");
        }
        return Ok(());
    }
    if live == desired {
        return Ok(());
    }
    match wanted {
        Some(wanted) => put(job, arn, wanted).await?,
        None => delete(job, arn).await?,
    }
    // A rollback has nothing to come back to.
    unless_rolling_back(job, wait_until_shown(job, arn, desired.as_ref()).await)?;
    Ok(())
}

/// Waits until a Get shows this policy. An update that compared another one with its own could not take it back.
async fn wait_until_shown(job: &Job<'_>, arn: &str, desired: Option<&Value>) -> Result<(), Error> {
    let shown = until_within(job.deadline, LAG, "waiting for the resource policy", async || {
        let is_shown = get(job, arn).await?.as_ref() == desired;
        Ok(if is_shown { Progress::Done(()) } else { Progress::pending("the former one") })
    });
    shown.await?.ok_or_else(|| Error::TerminalStatus {
        what: format!("resource policy on {arn}"),
        status: "another form".to_owned(),
        reasons: "AgentCore accepted the change, and shows a policy that says something else; repeat the operation"
            .to_owned(),
    })
}

/// Gets the policy in the form in which policies are compared. Returns `None` if the resource has none, and null for a text
/// that is not JSON.
async fn get(job: &Job<'_>, arn: &str) -> Result<Option<Value>, Error> {
    let request = job.context.agentcore.get_resource_policy().resource_arn(arn);
    let answer = job.call("bedrock-agentcore:GetResourcePolicy", || request.clone().send()).await;
    let text = none_if_not_found(answer)?.and_then(|answer| answer.policy).filter(|text| !text.is_empty());
    Ok(text.map(|text| normalized(&serde_json::from_str(&text).unwrap_or_default())))
}

async fn put(job: &Job<'_>, arn: &str, policy: &Value) -> Result<(), Error> {
    let request = job.context.agentcore.put_resource_policy().resource_arn(arn).policy(policy.to_string());
    let call = async || job.call("bedrock-agentcore:PutResourcePolicy", || request.clone().send()).await;
    let is_unknown = |error: &Error| error.is(ApiErrorKind::NotFound);
    while_refused(job.deadline, ARRIVAL_TIMEOUT, "waiting for the runtime's endpoint", is_unknown, call).await?;
    Ok(())
}

async fn delete(job: &Job<'_>, arn: &str) -> Result<(), Error> {
    let request = job.context.agentcore.delete_resource_policy().resource_arn(arn);
    let answer = job.call("bedrock-agentcore:DeleteResourcePolicy", || request.clone().send()).await;
    none_if_not_found(answer).map(|_| ())
}

/// Returns a policy in the form in which policies are compared. IAM reads a list of one entry as that entry, a number or a
/// boolean as text, and an account's id as its root. The order of a list says nothing, and neither do the case of an action
/// and the ids of a policy and its statements (IAM user guide, policy elements).
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
            let named = members.iter().filter(|(name, _)| !["Id", "Sid"].contains(&name.as_str()));
            let normal = named.map(|(name, value)| {
                let value = if name == "Action" { normalized(&lower_case(value)) } else { normalized(value) };
                (name.clone(), value)
            });
            normal.collect()
        }
        Value::Number(_) | Value::Bool(_) => policy.to_string().into(),
        Value::String(text) => account_of_root(text).unwrap_or(text).into(),
        Value::Null => Value::Null,
    }
}

/// Returns the account whose root this ARN names.
fn account_of_root(arn: &str) -> Option<&str> {
    Arn::of_service("iam", arn).filter(|arn| arn.resource == "root").map(|arn| arn.account)
}

/// Returns a text, or each text of a list, in lower case.
fn lower_case(value: &Value) -> Value {
    match value {
        Value::Array(entries) => entries.iter().map(lower_case).collect(),
        Value::String(text) => text.to_ascii_lowercase().into(),
        other => other.clone(),
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
        let listed = json!({"Statement": [{"Action": ["s:B", "S:A", "s:a"], "Principal": {"AWS": ["*"]}, "Effect": "Deny",
            "Sid": "Added"}], "Id": "added", "Version": "2012-10-17"});
        assert_eq!(one, normalized(&listed));
        let root = json!({"AWS": "arn:aws:iam::111122223333:root"});
        let account = policy(json!({"AWS": ["111122223333"]}), json!("s:A"));
        assert_eq!(normalized(&policy(root, json!("s:A"))), normalized(&account));
        let condition = |value: Value| normalized(&json!({"Condition": {"Bool": {"aws:SecureTransport": value}}}));
        assert_eq!(condition(json!(true)), condition(json!(["true"])));
        for other in [policy(json!("*"), json!("s:A")), policy(json!({"AWS": "1"}), json!(["s:A", "s:B"]))] {
            assert_ne!(one, normalized(&other), "{other}");
        }
    }
}
