//! `CreateLogGroup`, `DeleteLogGroup`, `DescribeLogGroups`, `PutRetentionPolicy`, `DeleteRetentionPolicy`,
//! `AssociateKmsKey`, `DisassociateKmsKey`, `TagResource`, `UntagResource`, `ListTagsForResource`.

use std::collections::BTreeMap;

use serde_json::json;

use super::access::group_of_arn;
use super::read::{bad_token, invalid, not_found};
use super::state::{Group, Logs};
use crate::input::{count, required, text, text_map, texts};
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;
use crate::tags::{self, MAX_TAGS};

/// Groups on a page when the caller does not say.
const GROUPS: usize = 50;
/// The days for which a group can keep its events [API reference, PutRetentionPolicy].
pub const RETENTION_DAYS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Logs {
    pub(super) fn create_log_group(&mut self, call: &Call) -> Answer {
        let name = required(&call.input, "logGroupName");
        // [API reference, CreateLogGroup]
        if name.starts_with("aws/") {
            return Err(invalid("Log group name can't start with the string aws/."));
        }
        if self.groups.contains_key(name) {
            let message = "The specified log group already exists";
            return Err(ApiError::new(400, "ResourceAlreadyExistsException", message));
        }
        let kms_key = text(&call.input, "kmsKeyId").map(check_key).transpose()?;
        let tags = text_map(&call.input, "tags");
        check_tags(&tags)?;
        self.groups.insert(name.to_owned(), Group { kms_key, tags, ..Group::default() });
        Ok(json!({}))
    }

    pub(super) fn delete_log_group(&mut self, call: &Call) -> Answer {
        let removed = self.groups.remove(required(&call.input, "logGroupName"));
        removed.map(|_| json!({})).ok_or_else(|| not_found("log group"))
    }

    /// Lists groups by name, in ASCII order [API reference, DescribeLogGroups].
    pub(super) fn describe_log_groups(&self, call: &Call) -> Answer {
        let known = ["logGroupNamePrefix", "limit", "nextToken"];
        if call.input.keys().any(|member| !known.contains(&member.as_str())) {
            return Err(invalid("the emulator lists groups by logGroupNamePrefix only"));
        }
        let prefix = text(&call.input, "logGroupNamePrefix").unwrap_or_default();
        let found: Vec<_> = self.groups.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        let start = match text(&call.input, "nextToken") {
            None => 0,
            Some(token) => token.parse().ok().filter(|start| *start < found.len()).ok_or_else(bad_token)?,
        };
        let end = found.len().min(start + count(&call.input, "limit").unwrap_or(GROUPS));
        let described = found[start..end].iter().map(|(name, group)| {
            let Settings { partition, region, account_id, .. } = &self.settings;
            let arn = format!("arn:{partition}:logs:{region}:{account_id}:log-group:{name}");
            let mut entry = json!({"logGroupName": name, "logGroupArn": arn, "arn": format!("{arn}:*")});
            if let Some(days) = group.retention_days {
                entry["retentionInDays"] = json!(days);
            }
            if let Some(key) = &group.kms_key {
                entry["kmsKeyId"] = json!(key);
            }
            entry
        });
        let mut answer = json!({"logGroups": described.collect::<Vec<_>>()});
        if end < found.len() {
            answer["nextToken"] = json!(end.to_string());
        }
        Ok(answer)
    }

    pub(super) fn put_retention_policy(&mut self, call: &Call) -> Answer {
        let days = call.input["retentionInDays"].as_u64().filter(|days| RETENTION_DAYS.contains(days));
        let days = days.ok_or_else(|| invalid("The specified retentionInDays is not one of the allowed values."))?;
        self.group_mut(required(&call.input, "logGroupName"))?.retention_days = Some(days);
        Ok(json!({}))
    }

    pub(super) fn delete_retention_policy(&mut self, call: &Call) -> Answer {
        self.group_mut(required(&call.input, "logGroupName"))?.retention_days = None;
        Ok(json!({}))
    }

    pub(super) fn associate_kms_key(&mut self, call: &Call) -> Answer {
        let key = check_key(required(&call.input, "kmsKeyId"))?;
        self.group_mut(group_with_key(call)?)?.kms_key = Some(key);
        Ok(json!({}))
    }

    pub(super) fn disassociate_kms_key(&mut self, call: &Call) -> Answer {
        self.group_mut(group_with_key(call)?)?.kms_key = None;
        Ok(json!({}))
    }

    pub(super) fn tag_resource(&mut self, call: &Call) -> Answer {
        let group = self.group_mut(group_of_arn(required(&call.input, "resourceArn")))?;
        let mut tags = group.tags.clone();
        tags.extend(text_map(&call.input, "tags"));
        check_tags(&tags)?;
        group.tags = tags;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, call: &Call) -> Answer {
        let keys = texts(&call.input, "tagKeys");
        let name = group_of_arn(required(&call.input, "resourceArn"));
        self.group_mut(name)?.tags.retain(|key, _| !keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&mut self, call: &Call) -> Answer {
        let name = group_of_arn(required(&call.input, "resourceArn"));
        Ok(json!({"tags": self.group_mut(name)?.tags}))
    }

    fn group_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        self.groups.get_mut(name).ok_or_else(|| not_found("log group"))
    }
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if let Some(key) = tags::reserved(tags) {
        return Err(invalid(&format!("The tag key {key} is reserved: it starts with aws:.")));
    }
    if tags.len() > MAX_TAGS {
        let message = format!("A log group can have at most {MAX_TAGS} tags.");
        return Err(ApiError::new(400, "TooManyTagsException", message));
    }
    Ok(())
}

/// Returns the group that a call associates with a key, or takes its key from.
fn group_with_key(call: &Call) -> Result<&str, ApiError> {
    text(&call.input, "logGroupName").ok_or_else(|| invalid("the emulator associates keys by logGroupName only"))
}

/// Refuses what is not the ARN of a key; an alias is not one either.
fn check_key(arn: &str) -> Result<String, ApiError> {
    let is_key = arn.starts_with("arn:") && arn.contains(":kms:") && arn.contains(":key/");
    is_key.then(|| arn.to_owned()).ok_or_else(|| invalid("The specified KMS key is not the ARN of a key."))
}
