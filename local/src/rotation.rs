//! The rotation of the secrets that a stack reads, as their owner would do it: a new value, and nothing else.

use emulator::agentcore_control::Runtime;
use emulator::service::{Principal, ServiceId};
use harness::{LogicalResource, RUNTIME, SECRET};
use serde_json::{Value, json};

use crate::session::Session;

/// Words in the names of values that are worth rotating.
const ROTATED: [&str; 4] = ["SECRET", "KEY", "TOKEN", "PASSWORD"];

/// Stores a new value in each secret of the stack, waits until the function has dealt with it, and shows the runtimes'
/// new versions.
///
/// # Errors
/// The stack has no secret, or no runtime has a new version.
pub(crate) async fn rotate(session: &mut Session, stack: &str) -> Result<(), String> {
    let resources = session.resources(stack);
    let of_type = |kind: LogicalResource| {
        let found = resources.values().filter(|resource| resource.type_name == kind.resource_type);
        found.filter_map(|resource| resource.physical_id.clone()).collect::<Vec<_>>()
    };
    let (secrets, runtimes) = (of_type(SECRET), of_type(RUNTIME));
    if secrets.is_empty() {
        return Err("the stack has no secret to rotate".to_owned());
    }
    session.console.heading("Rotate the secret");
    let before = versions(session, &runtimes);
    for secret in &secrets {
        let name = put_new_value(session, secret)?;
        session.console.line(format_args!("  {name} has a new value"));
    }
    for time in session.deliveries().await {
        session.console.line(format_args!("  the function took {:.1} s", time.as_secs_f64()));
    }
    let after = versions(session, &runtimes);
    for (id, (before, after)) in runtimes.iter().zip(before.iter().zip(&after)) {
        session.console.line(format_args!("  {id}  version {before} → {after}"));
    }
    if before == after {
        return Err("no rule of the stack has noticed that the secret was rotated, or its function failed".to_owned());
    }
    Ok(())
}

/// Returns the newest version of each runtime.
fn versions(session: &Session, ids: &[String]) -> Vec<u32> {
    let now = session.aws.clock().now();
    let newest = |runtime: &Runtime| runtime.newest().number;
    session.aws.with(|world| ids.iter().map(|id| world.agentcore.runtime(id, now).map_or(0, newest)).collect())
}

/// Changes one value in a secret. Returns the secret's name.
fn put_new_value(session: &Session, arn: &str) -> Result<String, String> {
    let call = |operation: &str, input: Value| {
        let answer = session.aws.call(&Principal::Administrator, ServiceId::SecretsManager, operation, input);
        answer.map_err(|error| format!("{operation}: {}", error.message))
    };
    let current = call("GetSecretValue", json!({ "SecretId": arn }))?;
    let text = current["SecretString"].as_str().unwrap_or_default();
    let mut values: serde_json::Map<String, Value> =
        serde_json::from_str(text).map_err(|_| format!("{arn} does not hold a JSON object"))?;
    let is_rotated = |key: &String| ROTATED.iter().any(|word| key.to_uppercase().contains(word));
    let key = values.keys().find(|key| is_rotated(key)).or_else(|| values.keys().next()).cloned();
    let Some(value) = key.and_then(|key| values.get_mut(&key)) else { return Err(format!("{arn} holds no value")) };
    *value = json!(format!("{}-rotated", value.as_str().unwrap_or_default()));
    let token = "00000000-0000-4000-8000-000000000001";
    let input =
        json!({ "SecretId": arn, "SecretString": Value::Object(values).to_string(), "ClientRequestToken": token });
    call("PutSecretValue", input)?;
    Ok(current["Name"].as_str().unwrap_or(arn).to_owned())
}
