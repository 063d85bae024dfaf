//! The permissions that a caller needs. Policies match the ARN of a group only if they end in `:*`, because requests on
//! a group are evaluated as its ARN and `:log-stream:`.

use super::state::{Logs, group_name};
use crate::iam::Requirement;
use crate::input::{required, text, text_map};
use crate::service::Call;
use crate::settings::Settings;

impl Logs {
    /// Returns the actions that a call needs, and the resources that it needs them on.
    pub(crate) fn requirements(&self, call: &Call) -> Vec<Requirement> {
        let tags = text_map(&call.input, "tags");
        let need = |operation: &str, resource: String, group: &str| {
            let owned = self.groups.get(group).map(|group| &group.tags);
            Requirement::new(format!("logs:{operation}"), resource).with_resource_tags(owned)
        };
        // Tags are of the group's ARN as it is.
        if let Some(resource) = text(&call.input, "resourceArn") {
            let needed = need(call.operation, resource.to_owned(), group_of_arn(resource));
            return vec![needed.with_request_tags(&tags)];
        }
        // Without a group the call itself is refused, or it lists them and is authorized against all.
        let group = group_name(&call.input).unwrap_or_default();
        let stream = if call.operation == "GetLogEvents" { required(&call.input, "logStreamName") } else { "" };
        let on_group = |operation| need(operation, arn(&self.settings, group, stream), group).with_request_tags(&tags);
        let mut needed = vec![on_group(call.operation)];
        if call.operation == "CreateLogGroup" {
            let further = [("TagResource", !tags.is_empty()), ("AssociateKmsKey", call.input.contains_key("kmsKeyId"))];
            needed.extend(further.into_iter().filter(|(_, used)| *used).map(|(operation, _)| on_group(operation)));
        }
        needed
    }
}

/// Returns the name of the group in its ARN.
pub(super) fn group_of_arn(arn: &str) -> &str {
    let (_, name) = arn.split_once(":log-group:").unwrap_or_default();
    name
}

/// Returns the permissions that are needed to print into a stream that may not exist yet.
pub(crate) fn to_print(settings: &Settings, group: &str, stream: &str) -> Vec<Requirement> {
    let stream = arn(settings, group, stream);
    vec![
        Requirement::new("logs:CreateLogGroup", arn(settings, group, "")),
        Requirement::new("logs:CreateLogStream", stream.clone()),
        Requirement::new("logs:PutLogEvents", stream),
    ]
}

/// Returns a stream's ARN. With an empty stream it is the one that a group is evaluated as.
pub(super) fn arn(settings: &Settings, group: &str, stream: &str) -> String {
    let Settings { partition, region, account_id, .. } = settings;
    format!("arn:{partition}:logs:{region}:{account_id}:log-group:{group}:log-stream:{stream}")
}

/// Returns the log group of a runtime's `DEFAULT` endpoint, or of another endpoint, by the ARN of either.
pub(crate) fn group_of(arn: &str) -> String {
    let (runtime, endpoint) = arn.split_once("/runtime-endpoint/").unwrap_or((arn, "DEFAULT"));
    let runtime = runtime.rsplit('/').next().unwrap_or_default();
    format!("/aws/bedrock-agentcore/runtimes/{runtime}-{endpoint}")
}
