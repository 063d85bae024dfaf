//! Deleting a stack: everything in reverse order, and once more if some of it would not go.

use std::collections::{BTreeMap, BTreeSet};

use emulator::stacks::{Stack, Status};
use futures_util::FutureExt as _;
use serde_json::{Map, Value};

use crate::change::{Change, Target};
use crate::engine::CloudFormation;
use crate::error::ValidationError;
use crate::graph::{Graph, OnFailure};
use crate::stack::StackResource;
use crate::template::RemovalPolicy;

impl CloudFormation {
    /// Deletes a stack and waits for the end: `DELETE_COMPLETE` or `DELETE_FAILED`, after which it may be tried again.
    /// A stack whose exports another one imports stays in its state, and shows the reason.
    ///
    /// # Errors
    /// If the stack does not exist, or another operation on it is running.
    pub async fn delete_stack(&self, name: &str) -> Result<Stack, ValidationError> {
        self.delete_stack_retaining(name, &BTreeSet::new()).await
    }

    /// Deletes a stack but leaves some resources alone; only for a stack in `DELETE_FAILED`.
    ///
    /// # Errors
    /// If the stack does not exist, another operation on it is running, or no deletion of it has failed before.
    pub async fn delete_stack_retaining(
        &self,
        name: &str,
        retain: &BTreeSet<String>,
    ) -> Result<Stack, ValidationError> {
        let Some(stack) = self.stack(name) else {
            return Err(ValidationError::new(format!("Stack [{name}] does not exist")));
        };
        if stack.status.is_in_progress() {
            let message = format!("Stack:{} is in {} state and can not be deleted.", stack.id, stack.status);
            return Err(ValidationError::new(message));
        }
        if !retain.is_empty() && stack.status != Status::DeleteFailed {
            return Err(ValidationError::new("resources can be retained only when the stack is in DELETE_FAILED"));
        }
        Ok(self.run_delete(name, retain).await)
    }

    pub(crate) async fn run_delete(&self, name: &str, retain: &BTreeSet<String>) -> Stack {
        let status = self.described(name).status;
        self.stack_event(name, Status::DeleteInProgress, Some("User Initiated"));
        let in_use = self.state().check_exports(name, &BTreeMap::new());
        if let Err(reason) = in_use {
            self.stack_event(name, status, Some(&reason));
            return self.described(name);
        }
        let failed = self.tear_down(name, retain, false).await;
        self.end_delete(name, &failed)
    }

    pub(crate) fn end_delete(&self, name: &str, failed: &[String]) -> Stack {
        if failed.is_empty() {
            self.stack_event(name, Status::DeleteComplete, None);
            let stack = self.described(name);
            self.state().stacks.remove(name);
            return stack;
        }
        let reason = format!("The following resource(s) failed to delete: [{}]. ", failed.join(", "));
        self.stack_event(name, Status::DeleteFailed, Some(&reason));
        self.described(name)
    }

    /// Deletes all resources; gives those that would not go. `of_create` is the rollback of a create.
    pub(crate) async fn tear_down(&self, name: &str, retain: &BTreeSet<String>, of_create: bool) -> Vec<String> {
        let resources = self.resources(name);
        let gone = |resource: &StackResource| matches!(resource.status, Status::DeleteComplete | Status::DeleteSkipped);
        let doomed: BTreeSet<String> = resources
            .iter()
            .filter(|(_, resource)| !gone(resource))
            .map(|(logical_id, _)| logical_id.clone())
            .collect();
        let (graph, kept) = {
            let state = self.state();
            let Some(record) = state.stacks.get(name) else { return Vec::new() };
            let kept: BTreeSet<String> = doomed
                .iter()
                .filter(|logical_id| {
                    let resource = record.operation.template.resources.get(*logical_id);
                    let policy = resource.map(|resource| resource.deletion_policy).unwrap_or_default();
                    retain.contains(*logical_id)
                        || policy == RemovalPolicy::Retain
                        || (policy == RemovalPolicy::RetainExceptOnCreate && !of_create)
                })
                .cloned()
                .collect();
            (record.graph.restricted(&doomed).reversed(), kept)
        };
        let (resources, kept) = (&resources, &kept);
        let step = |logical_id: String| {
            async move {
                let (Some(resource), Some(target)) = (resources.get(&logical_id), self.known_target(name, &logical_id))
                else {
                    return true;
                };
                let physical = Physical {
                    id: resource.physical_id.clone(),
                    properties: resource.properties.clone(),
                    retained: kept.contains(&logical_id),
                };
                self.remove(&target, physical).await
            }
            .boxed()
        };
        graph.walk(OnFailure::SkipDependents, step).await.failed
    }

    /// Deletes what a finished update left over, in reverse order of `graph`. Failures are reported and then forgotten.
    pub(crate) async fn clean_up(&self, graph: &Graph, leftovers: Vec<Leftover>) {
        let names = leftovers.iter().map(|leftover| leftover.target.logical_id.clone()).collect();
        let leftovers = &leftovers;
        let step = |logical_id: String| {
            async move {
                for leftover in leftovers.iter().filter(|leftover| leftover.target.logical_id == logical_id) {
                    self.remove(&leftover.target, leftover.physical.clone()).await;
                }
                true
            }
            .boxed()
        };
        graph.restricted(&names).reversed().walk(OnFailure::Ignore, step).await;
    }

    /// Deletes one physical resource; returns true if it is deleted.
    async fn remove(&self, target: &Target, physical: Physical) -> bool {
        let Physical { id, properties, retained } = physical;
        if retained {
            self.resource_event(target, id.as_deref(), Status::DeleteSkipped, None);
            return true;
        }
        let Some(physical_id) = id else {
            // Its creation never began.
            self.resource_event(target, None, Status::DeleteComplete, None);
            return true;
        };
        self.resource_event(target, Some(&physical_id), Status::DeleteInProgress, None);
        let change = Change::Delete { physical_id: physical_id.clone(), properties };
        match self.apply(target, &change).await {
            Ok(_) => {
                self.resource_event(target, Some(&physical_id), Status::DeleteComplete, None);
                true
            }
            Err(failed) => {
                self.resource_event(target, Some(&physical_id), Status::DeleteFailed, Some(&failed.reason));
                false
            }
        }
    }
}

/// A physical resource to be deleted, with the properties it was last given.
#[derive(Clone)]
pub(crate) struct Physical {
    pub id: Option<String>,
    pub properties: Map<String, Value>,
    /// Its policy says to leave it in place.
    pub retained: bool,
}

/// A physical resource that the stack no longer needs.
#[derive(Clone)]
pub(crate) struct Leftover {
    pub target: Target,
    pub physical: Physical,
}
