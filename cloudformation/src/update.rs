//! Updating a stack: what changed, in dependency order, then the cleanup of what was replaced or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use emulator::stacks::{Stack, Status};
use futures_util::FutureExt as _;

use crate::change::{Change, Target};
use crate::delete::{Leftover, Physical};
use crate::engine::CloudFormation;
use crate::error::ValidationError;
use crate::graph::OnFailure;
use crate::operation::Operation;
use crate::stack::{StackInput, StackResource};
use crate::template::RemovalPolicy;

/// An update under way.
pub(crate) struct Update {
    pub old: Operation,
    pub new: Operation,
    /// The resources as they were.
    pub before: BTreeMap<String, StackResource>,
    /// The ones that were asked to change, in earnest.
    pub touched: Mutex<BTreeSet<String>>,
}

impl CloudFormation {
    /// Updates a stack and waits for the end of it, be it `UPDATE_COMPLETE` or the end of a rollback.
    ///
    /// # Errors
    /// If the request is refused, for one because nothing would change: then nothing happened.
    pub async fn update_stack(&self, input: StackInput) -> Result<Stack, ValidationError> {
        let update = self.begin_update(&input)?;
        Ok(self.run_update(update).await)
    }

    pub(crate) fn begin_update(&self, input: &StackInput) -> Result<Update, ValidationError> {
        let name = &input.name;
        let (stack, old, before) = {
            let state = self.state();
            let record =
                state.stacks.get(name).ok_or_else(|| ValidationError::new(format!("Stack [{name}] does not exist")))?;
            (record.stack.clone(), record.operation.clone(), record.resources.clone())
        };
        let updatable =
            matches!(stack.status, Status::CreateComplete | Status::UpdateComplete | Status::UpdateRollbackComplete);
        if !updatable {
            let message = format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status);
            return Err(ValidationError::new(message));
        }
        let previous = Some(&old.parameters);
        let mut new = Operation::plan(input, &stack.id, previous, self.aws().settings(), &self.inventory())?;
        self.state().find_exports(&mut new.imports);
        let retyped: Vec<&str> = before
            .values()
            .filter(|resource| new.existing.contains(&resource.logical_id))
            .filter(|resource| Self::target(&new, &resource.logical_id).type_name != resource.type_name)
            .map(|resource| resource.logical_id.as_str())
            .collect();
        if !retyped.is_empty() {
            return Err(ValidationError::new(format!(
                "Update of resource type is not permitted. The new template modifies resource type of the following \
                 resources: [{}]",
                retyped.join(", ")
            )));
        }
        if !self.differs(&old, &new, &before, &stack) {
            return Err(ValidationError::new("No updates are to be performed."));
        }
        if let Some(record) = self.state().stacks.get_mut(name) {
            record.graph = new.graph.merged(&old.graph);
            record.imports.extend(new.imports.names());
            record.operation = new.clone();
            record.stack.parameters = new.shown_parameters();
            record.stack.description.clone_from(&new.template.description);
        }
        self.stack_event(name, Status::UpdateInProgress, Some("User Initiated"));
        Ok(Update { old, new, before, touched: Mutex::default() })
    }

    /// Returns true if an update has something to do: a resource more, less or different, or another output.
    fn differs(
        &self,
        old: &Operation,
        new: &Operation,
        before: &BTreeMap<String, StackResource>,
        stack: &Stack,
    ) -> bool {
        // The content of a nested template is not known here; its own update compares it.
        let has_nested = before.values().any(|resource| resource.type_name == "AWS::CloudFormation::Stack");
        let resources_differ = old.existing != new.existing
            || new.existing.iter().any(|logical_id| {
                let metadata = |operation: &Operation| {
                    operation.template.resources.get(logical_id).map(|resource| resource.metadata.clone())
                };
                let properties = before.get(logical_id).map(|resource| &resource.properties);
                self.resolved(new, logical_id).ok().as_ref() != properties || metadata(old) != metadata(new)
            });
        has_nested || resources_differ || self.outputs(new).ok().as_ref() != Some(&stack.outputs)
    }

    pub(crate) async fn run_update(&self, update: Update) -> Stack {
        let name = update.new.stack_name.as_str();
        if let Some(reason) = update.new.imports.missing() {
            return self.roll_back_update(&update, &reason).await;
        }
        let step = |logical_id: String| {
            let update = &update;
            async move {
                match update.before.get(&logical_id) {
                    Some(before) => self.update_resource(update, before).await,
                    None => self.create_resource(&update.new, &logical_id).await,
                }
            }
            .boxed()
        };
        let walk = update.new.graph.walk(OnFailure::Cancel, step).await;
        self.cancel(name, &walk.cancelled);
        let failed: Vec<String> = walk.failed.into_iter().chain(walk.cancelled).collect();
        if !failed.is_empty() {
            let reason = format!("The following resource(s) failed to update: [{}]. ", failed.join(", "));
            return self.roll_back_update(&update, &reason).await;
        }
        let outputs = match self.outputs(&update.new) {
            Ok(outputs) => outputs,
            Err(reason) => return self.roll_back_update(&update, &reason).await,
        };
        if let Some(record) = self.state().stacks.get_mut(name) {
            record.stack.outputs = outputs;
        }
        self.stack_event(name, Status::UpdateCompleteCleanupInProgress, None);
        self.clean_up(&update.old.graph, self.superseded(&update)).await;
        if let Some(record) = self.state().stacks.get_mut(name) {
            record.resources.retain(|logical_id, _| update.new.existing.contains(logical_id));
            record.graph = update.new.graph.clone();
            record.imports = update.new.imports.names();
        }
        self.stack_event(name, Status::UpdateComplete, None);
        self.described(name)
    }

    /// Updates one resource if its properties changed; returns true if nothing failed.
    async fn update_resource(&self, update: &Update, before: &StackResource) -> bool {
        let target = Self::target(&update.new, &before.logical_id);
        let Some(old_id) = before.physical_id.clone() else { return true };
        let properties = match self.resolved(&update.new, &before.logical_id) {
            Ok(properties) => properties,
            Err(reason) => {
                self.resource_event(&target, Some(&old_id), Status::UpdateFailed, Some(&reason));
                return false;
            }
        };
        let is_nested = target.type_name == "AWS::CloudFormation::Stack";
        if properties == before.properties && !is_nested {
            return true;
        }
        self.resource_event(&target, Some(&old_id), Status::UpdateInProgress, None);
        update.touch(&before.logical_id);
        let change = Change::Update {
            physical_id: old_id.clone(),
            properties: properties.clone(),
            old_properties: before.properties.clone(),
        };
        self.change_resource(&target, |resource| resource.properties = properties);
        match self.apply(&target, &change).await {
            Ok(done) => {
                let physical_id = self.take_over(&target, done);
                if physical_id != old_id {
                    let reason =
                        "Requested update required the creation of a new physical resource; hence creating one.";
                    self.resource_event(&target, Some(&physical_id), Status::UpdateInProgress, Some(reason));
                }
                self.resource_event(&target, Some(&physical_id), Status::UpdateComplete, None);
                true
            }
            Err(failed) => {
                if !failed.attempted {
                    update.untouch(&before.logical_id);
                    self.change_resource(&target, |resource| resource.properties.clone_from(&before.properties));
                }
                let physical_id = failed.physical_id.unwrap_or(old_id);
                self.change_resource(&target, |resource| resource.physical_id = Some(physical_id.clone()));
                self.resource_event(&target, Some(&physical_id), Status::UpdateFailed, Some(&failed.reason));
                false
            }
        }
    }

    /// Returns, after a successful update, the physical resources that were replaced, and the ones no longer in the
    /// template.
    fn superseded(&self, update: &Update) -> Vec<Leftover> {
        let current = self.resources(&update.new.stack_name);
        let policy = |operation: &Operation, logical_id: &str, removed: bool| {
            let resource = operation.template.resources.get(logical_id);
            resource.is_some_and(|resource| {
                let policy = if removed { resource.deletion_policy } else { resource.update_replace_policy };
                policy != RemovalPolicy::Delete
            })
        };
        let mut leftovers = Vec::new();
        for before in update.before.values() {
            let logical_id = &before.logical_id;
            let removed = !update.new.existing.contains(logical_id);
            let replaced = current.get(logical_id).is_some_and(|now| now.physical_id != before.physical_id);
            if removed || replaced {
                let operation = if removed { &update.old } else { &update.new };
                leftovers.push(update.leftover(before, policy(operation, logical_id, removed)));
            }
        }
        leftovers
    }
}

impl Update {
    pub(crate) fn leftover(&self, resource: &StackResource, retained: bool) -> Leftover {
        let target = Target {
            stack_name: self.new.stack_name.clone(),
            stack_id: self.new.stack_id.clone(),
            logical_id: resource.logical_id.clone(),
            type_name: resource.type_name.clone(),
        };
        let physical = Physical { id: resource.physical_id.clone(), properties: resource.properties.clone(), retained };
        Leftover { target, physical }
    }

    fn touch(&self, logical_id: &str) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(logical_id.to_owned());
    }

    fn untouch(&self, logical_id: &str) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).remove(logical_id);
    }
}
