//! CloudFormation's API, as far as a function asks it about its own stack: `DescribeStacks`. The stacks themselves are
//! [`crate::cloudformation`]'s, which reports every change of their state here.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::json;

use crate::cloudformation::{Stack, Status};
use crate::iam::Requirement;
use crate::input::text;
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;

/// The stacks of one account and Region, deleted ones too.
#[derive(Debug)]
pub struct Stacks {
    settings: Settings,
    /// By ARN.
    stacks: BTreeMap<String, Stack>,
}

impl Stacks {
    /// An account without stacks.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), stacks: BTreeMap::new() }
    }

    /// What a stack is from now on.
    pub fn put(&mut self, stack: Stack) {
        self.stacks.insert(stack.id.clone(), stack);
    }

    /// The actions that a call needs, and on what. A name stands for whatever stack has it.
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
    use std::time::SystemTime;

    use serde_json::Value;

    use super::*;
    use crate::aws::{Aws, ServiceId};
    use crate::service::Principal;

    #[tokio::test]
    async fn a_stack_is_found_by_name_while_it_exists_and_by_arn_for_ever() {
        let aws = Aws::new(Settings::default());
        let id = "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/5f3c1a90-8a51-11f0-9d3e-0e4a8c2b7d11";
        let put = |status| {
            let stack = Stack {
                name: "mcp".to_owned(),
                id: id.to_owned(),
                status,
                status_reason: None,
                description: None,
                parameters: BTreeMap::new(),
                outputs: BTreeMap::new(),
                created: SystemTime::UNIX_EPOCH,
            };
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
