//! CloudFormation's API, as far as a function asks it about its own stack: `DescribeStacks`. An
//! engine that executes templates reports every change of a stack's state here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::json;

use crate::iam::Requirement;
use crate::input::text;
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;

/// State of a stack or of a resource: events use one vocabulary for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Being created.
    CreateInProgress,
    /// Could not be created.
    CreateFailed,
    /// Created.
    CreateComplete,
    /// A failed create is being undone.
    RollbackInProgress,
    /// A failed create could not be undone.
    RollbackFailed,
    /// A failed create was undone.
    RollbackComplete,
    /// Being deleted.
    DeleteInProgress,
    /// Could not be deleted.
    DeleteFailed,
    /// Deleted.
    DeleteComplete,
    /// Left in place, as its policy asks.
    DeleteSkipped,
    /// Being updated.
    UpdateInProgress,
    /// Could not be updated.
    UpdateFailed,
    /// Everything is updated; what was replaced or removed is being deleted.
    UpdateCompleteCleanupInProgress,
    /// Updated.
    UpdateComplete,
    /// A failed update is being undone.
    UpdateRollbackInProgress,
    /// A failed update could not be undone.
    UpdateRollbackFailed,
    /// A failed update is undone; the resources that it had created are being deleted.
    UpdateRollbackCompleteCleanupInProgress,
    /// A failed update was undone.
    UpdateRollbackComplete,
}

/// State of a stack: one word of [`Status`].
pub type StackStatus = Status;

impl Status {
    /// Returns the word of CloudFormation's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::CreateFailed => "CREATE_FAILED",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::RollbackComplete => "ROLLBACK_COMPLETE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::DeleteComplete => "DELETE_COMPLETE",
            Self::DeleteSkipped => "DELETE_SKIPPED",
            Self::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::UpdateCompleteCleanupInProgress => "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::UpdateRollbackInProgress => "UPDATE_ROLLBACK_IN_PROGRESS",
            Self::UpdateRollbackFailed => "UPDATE_ROLLBACK_FAILED",
            Self::UpdateRollbackCompleteCleanupInProgress => "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            Self::UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
        }
    }

    /// Returns true if an operation is still running.
    #[must_use]
    pub fn is_in_progress(self) -> bool {
        self.as_str().ends_with("IN_PROGRESS")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A stack as `DescribeStacks` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN, which ends in a GUID of its own.
    pub id: String,
    /// Its state.
    pub status: StackStatus,
    /// The reason for that state, if there is one.
    pub status_reason: Option<String>,
    /// The template's description.
    pub description: Option<String>,
    /// Parameters as given or defaulted; those with `NoEcho` as stars.
    pub parameters: BTreeMap<String, String>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, StackOutput>,
    /// The time of its creation.
    pub created: SystemTime,
}

impl Stack {
    /// Returns a stack that has nothing but an ARN, which also tells its name, and a state.
    #[must_use]
    pub fn bare(id: &str, status: StackStatus, created: SystemTime) -> Self {
        Self {
            name: id.split('/').nth(1).unwrap_or_default().to_owned(),
            id: id.to_owned(),
            status,
            status_reason: None,
            description: None,
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
            created,
        }
    }

    /// Returns the value of an output, if the stack has it.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(|output| output.value.as_str())
    }
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOutput {
    /// Its value.
    pub value: String,
    /// The template's words for it.
    pub description: Option<String>,
    /// The name under which other stacks import it.
    pub export_name: Option<String>,
}

/// The stacks of one account and Region, deleted ones too.
#[derive(Debug)]
pub struct Stacks {
    settings: Settings,
    /// By ARN.
    stacks: BTreeMap<String, Stack>,
}

impl Stacks {
    /// Creates an account without stacks.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), stacks: BTreeMap::new() }
    }

    /// Returns true if there is, or was, a stack with this ARN.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.stacks.contains_key(id)
    }

    /// Removes every trace of a stack, as CloudFormation does 90 days after its deletion.
    pub fn forget(&mut self, id: &str) {
        self.stacks.remove(id);
    }

    /// Stores the present state of a stack.
    pub fn put(&mut self, stack: Stack) {
        self.stacks.insert(stack.id.clone(), stack);
    }

    /// Returns the actions that a call needs, and the resources that it needs them on. A name stands for whatever stack
    /// has it.
    pub(crate) fn requirements(&self, call: &Call) -> Vec<Requirement> {
        let Settings { partition, region, account_id, .. } = &self.settings;
        let resource = match text(&call.input, "StackName") {
            Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
            Some(name) => format!("arn:{partition}:cloudformation:{region}:{account_id}:stack/{name}/*"),
            None => "*".to_owned(),
        };
        vec![Requirement::new(format!("cloudformation:{}", call.operation), resource)]
    }

    /// Executes one validated and authorized call.
    pub(crate) fn call(&self, call: &Call) -> Answer {
        let wanted = text(&call.input, "StackName");
        let is_wanted = |stack: &&Stack| match wanted {
            Some(wanted) if *wanted == stack.id => true,
            // A deleted stack is found by its ARN alone.
            Some(wanted) => *wanted == stack.name && stack.status != Status::DeleteComplete,
            None => stack.status != Status::DeleteComplete,
        };
        let found: Vec<_> = self.stacks.values().filter(is_wanted).collect();
        match wanted {
            Some(wanted) if found.is_empty() => {
                Err(ApiError::new(400, "ValidationError", format!("Stack with id {wanted} does not exist")))
            }
            _ => Ok(json!({ "Stacks": found.into_iter().map(describe).collect::<Vec<_>>() })),
        }
    }
}

fn describe(stack: &Stack) -> serde_json::Value {
    let created = DateTime::from(stack.created).fmt(Format::DateTime).unwrap_or_default();
    let mut described = json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": created,
        "StackStatus": stack.status.as_str(),
    });
    if let Some(reason) = &stack.status_reason {
        described["StackStatusReason"] = json!(reason);
    }
    described
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::aws::{Aws, ServiceId};
    use crate::service::Principal;

    #[tokio::test]
    async fn a_stack_is_found_by_name_while_it_exists_and_by_arn_for_ever() {
        let aws = Aws::new(Settings::default());
        let id = "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/5f3c1a90-8a51-11f0-9d3e-0e4a8c2b7d11";
        let put = |status| {
            let stack = Stack::bare(id, status, SystemTime::UNIX_EPOCH);
            aws.with(|world| world.stacks.put(stack));
        };
        let status = |name: &str| {
            let input = json!({ "StackName": name });
            let answer = aws.call(&Principal::Administrator, ServiceId::CloudFormation, "DescribeStacks", input);
            answer.map(|it| it["Stacks"][0]["StackStatus"].as_str().map(str::to_owned)).map_err(|error| error.message)
        };
        let not_there = Err("Stack with id mcp does not exist".to_owned());
        assert_eq!(status("mcp"), not_there);
        put(Status::UpdateRollbackInProgress);
        assert_eq!(status("mcp"), Ok(Some("UPDATE_ROLLBACK_IN_PROGRESS".to_owned())));
        put(Status::DeleteComplete);
        assert_eq!(status("mcp"), not_there);
        assert_eq!(status(id), Ok(Some("DELETE_COMPLETE".to_owned())));
        let stranger = Principal::Role("arn:aws:iam::111122223333:role/nobody".to_owned());
        let denied = aws.call(&stranger, ServiceId::CloudFormation, "DescribeStacks", json!({ "StackName": id }));
        assert_eq!(denied.map_err(|error| error.code), Err::<Value, _>("AccessDeniedException"));
    }
}
