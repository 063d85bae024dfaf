//! The status of the request's stack. No call: `stack` asks for it.

use std::sync::OnceLock;

use aws_sdk_cloudformation::types::StackStatus;

use crate::event::RequestType;

/// The status of the request's stack, if CloudFormation was asked for it and said it.
#[derive(Debug, Default)]
pub(crate) struct StatusCell(OnceLock<StackStatus>);

impl StatusCell {
    /// Notes the status.
    pub(crate) fn note(&self, status: StackStatus) {
        self.0.get_or_init(|| status);
    }

    /// Returns true if the request is an Update that undoes another one. Returns `None` if CloudFormation did not say.
    pub(crate) fn is_rolling_back(&self, request_type: RequestType) -> Option<bool> {
        if request_type != RequestType::Update {
            return Some(false);
        }
        self.0.get().map(|status| *status == StackStatus::UpdateRollbackInProgress)
    }
}
