//! `AWS::CloudFormation::Stack`: a stack in a stack, its template taken from those the caller provided.

use std::collections::{BTreeMap, BTreeSet};

use emulator::stacks::{Stack, Status};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::change::{Change, Done, Failed, Target};
use crate::engine::CloudFormation;
use crate::intrinsics::{list, text};
use crate::parameters::ParameterValue;
use crate::stack::{OnFailure, StackInput};
use crate::template::TemplateSource;

impl CloudFormation {
    /// Makes one change to a nested stack. The child runs as a task of its own: when the parent gives up waiting, it
    /// comes to its own end, and the next change waits for that.
    pub(crate) fn change_nested_stack<'a>(
        &'a self,
        target: &'a Target,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Done, Failed>> {
        async move {
            match change {
                Change::Create { properties } => {
                    let suffix = self.state().suffix("nested stack");
                    let name = format!("{}-{}-{suffix}", target.stack_name, target.logical_id);
                    let input = self.child_input(target, name, properties)?;
                    let operation =
                        self.begin_create(&input).map_err(|error| Failed::before_anything(error.to_string()))?;
                    let child_id = operation.stack_id.clone();
                    self.change_resource(target, |resource| resource.physical_id = Some(child_id.clone()));
                    let this = self.clone();
                    let stack =
                        run(async move { this.run_create(operation, OnFailure::Rollback).await }.boxed()).await?;
                    ended(stack, &[Status::CreateComplete], "created")
                }
                Change::Update { physical_id, properties, .. } => {
                    let name = self.child_name(physical_id)?;
                    self.until_idle(&name).await;
                    let input = self.child_input(target, name.clone(), properties)?;
                    let update = match self.begin_update(&input) {
                        Ok(update) => update,
                        Err(error) if error.message.starts_with("No updates") => {
                            return ended(
                                self.described(&name),
                                &[Status::CreateComplete, Status::UpdateComplete, Status::UpdateRollbackComplete],
                                "updated",
                            );
                        }
                        Err(error) => return Err(Failed::before_anything(error.to_string())),
                    };
                    let this = self.clone();
                    let stack = run(async move { this.run_update(update).await }.boxed()).await?;
                    ended(stack, &[Status::UpdateComplete], "updated")
                }
                Change::Delete { physical_id, .. } => {
                    let Ok(name) = self.child_name(physical_id) else {
                        return Ok(Done { physical_id: physical_id.clone(), ..Done::default() });
                    };
                    self.until_idle(&name).await;
                    let this = self.clone();
                    let stack = run(async move { this.run_delete(&name, &BTreeSet::new()).await }.boxed()).await?;
                    ended(stack, &[Status::DeleteComplete], "deleted")
                }
            }
        }
        .boxed()
    }

    fn child_input(
        &self,
        target: &Target,
        name: String,
        properties: &Map<String, Value>,
    ) -> Result<StackInput, Failed> {
        let url = properties.get("TemplateURL").and_then(text).unwrap_or_default();
        let state = self.state();
        let parent = state.stacks.get(&target.stack_name).map(|record| &record.operation);
        let Some((operation, body)) = parent.and_then(|parent| Some((parent, parent.nested_templates.get(&url)?)))
        else {
            return Err(Failed::before_anything(format!("S3 error: no template was provided for {url}")));
        };
        let mut parameters = BTreeMap::new();
        for (name, value) in properties.get("Parameters").and_then(Value::as_object).into_iter().flatten() {
            let items: Option<Vec<String>> = list(value).iter().map(text).collect();
            let value = text(value).or_else(|| Some(items?.join(",")));
            let value =
                value.ok_or_else(|| Failed::before_anything(format!("Value of parameter {name} must be a string")))?;
            parameters.insert(name.clone(), ParameterValue::Text(value));
        }
        Ok(StackInput {
            template: TemplateSource::Uploaded(body.clone()),
            parameters,
            capabilities: operation.capabilities.clone(),
            nested_templates: operation.nested_templates.clone(),
            ..StackInput::new(name, String::new())
        })
    }

    fn child_name(&self, stack_id: &str) -> Result<String, Failed> {
        let state = self.state();
        let child = state.stacks.values().find(|record| record.stack.id == stack_id);
        child
            .map(|record| record.stack.name.clone())
            .ok_or_else(|| Failed::before_anything(format!("Stack with id {stack_id} does not exist")))
    }

    async fn until_idle(&self, name: &str) {
        loop {
            let notified = self.next_change();
            if self.stack(name).is_none_or(|stack| !stack.status.is_in_progress()) {
                return;
            }
            notified.await;
        }
    }
}

async fn run(child: BoxFuture<'static, Stack>) -> Result<Stack, Failed> {
    tokio::spawn(child).await.map_err(|error| Failed::before_anything(format!("the nested stack was lost: {error}")))
}

fn ended(stack: Stack, good: &[Status], verb: &str) -> Result<Done, Failed> {
    if !good.contains(&stack.status) {
        let reason = stack.status_reason.unwrap_or_default();
        return Err(Failed {
            reason: format!("Embedded stack {} was not successfully {verb}: {reason}", stack.id),
            physical_id: Some(stack.id),
            attempted: true,
        });
    }
    let attributes = stack.outputs.into_iter().map(|(name, output)| (format!("Outputs.{name}"), output.value.into()));
    Ok(Done { physical_id: stack.id, attributes: attributes.collect(), no_echo: false })
}
