//! Log groups. CloudWatch Logs keeps them, so that everybody else finds them there.

use emulator::aws::Aws;
use emulator::logs::RETENTION_DAYS;
use emulator::service::{ApiError, Principal, ServiceId};
use serde_json::{Map, Value, json};

use super::place::{Place, PutResult, attributes};
use super::schema::integer;
use crate::intrinsics::text;

/// Creates or updates a log group.
pub(super) fn put(place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
    let name = place.name.as_str();
    let is_known = |days: &i64| u64::try_from(*days).is_ok_and(|days| RETENTION_DAYS.contains(&days));
    let retention = properties.get("RetentionInDays").and_then(integer);
    // Nothing is left of a create that fails, so that this comes first.
    if let Some(days) = retention.filter(|days| !is_known(days)) {
        return Err(format!("RetentionInDays {days} is not a valid enum value"));
    }
    place.refuse_duplicate(place.aws.with(|world| world.logs.group(name).is_some()))?;
    let key = properties.get("KmsKeyId").and_then(text);
    let call = |operation, more: Value| call(place.aws, operation, name, more).map_err(|error| error.message);
    if place.exists {
        match &key {
            Some(key) => call("AssociateKmsKey", json!({"kmsKeyId": key}))?,
            None => call("DisassociateKmsKey", json!({}))?,
        }
    } else {
        call("CreateLogGroup", key.map_or_else(|| json!({}), |key| json!({"kmsKeyId": key})))?;
    }
    match retention {
        Some(days) => call("PutRetentionPolicy", json!({"retentionInDays": days}))?,
        None => call("DeleteRetentionPolicy", json!({}))?,
    }
    let arn = place.arn("logs", &format!("log-group:{name}:*"));
    Ok((name.to_owned(), attributes(json!({ "Arn": arn }))))
}

/// Deletes a log group, unless somebody has done so before.
pub(super) fn remove(aws: &Aws, name: &str) -> Result<(), String> {
    match call(aws, "DeleteLogGroup", name, json!({})) {
        Err(error) if error.code != "ResourceNotFoundException" => Err(error.message),
        _ => Ok(()),
    }
}

/// Calls CloudWatch Logs with the name of a group and `more` members. CloudFormation has the permissions of whoever
/// deploys.
fn call(aws: &Aws, operation: &str, name: &str, mut more: Value) -> Result<(), ApiError> {
    more["logGroupName"] = json!(name);
    aws.call(&Principal::Administrator, ServiceId::Logs, operation, more).map(|_| ())
}
