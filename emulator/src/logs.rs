//! CloudWatch Logs: what containers print, reading it, and keeping its groups.
//!
//! A log group is created, or comes with the first line printed into it, and outlives the container that printed it. If AWS's behaviour
//! is open, the less convenient one is chosen: events are missing from reads for
//! [`Settings::log_lag`](crate::settings::Settings::log_lag), and a search without a start time begins with an empty
//! page.

mod access;
mod group;
mod read;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use self::access::{group_of, to_print};
pub use self::group::RETENTION_DAYS;
pub use self::state::{Group, Logs};
use crate::service::{Answer, ApiError, Call};

impl Logs {
    /// Executes one validated and authorized call.
    pub(crate) fn call(&mut self, call: &Call) -> Answer {
        match call.operation {
            "AssociateKmsKey" => self.associate_kms_key(call),
            "CreateLogGroup" => self.create_log_group(call),
            "DeleteLogGroup" => self.delete_log_group(call),
            "DeleteRetentionPolicy" => self.delete_retention_policy(call),
            "DescribeLogGroups" => self.describe_log_groups(call),
            "DescribeLogStreams" => self.describe_log_streams(call),
            "DisassociateKmsKey" => self.disassociate_kms_key(call),
            "FilterLogEvents" => self.filter_log_events(call),
            "GetLogEvents" => self.get_log_events(call),
            "ListTagsForResource" => self.list_tags_for_resource(call),
            "PutRetentionPolicy" => self.put_retention_policy(call),
            "TagResource" => self.tag_resource(call),
            "UntagResource" => self.untag_resource(call),
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the emulator's CloudWatch Logs has no operation `{other}`"),
            )),
        }
    }
}
