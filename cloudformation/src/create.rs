//! Creating a stack, and the rollback of a creation that failed.

use std::collections::{BTreeMap, BTreeSet};

use emulator::stacks::{Stack, StackOutput, Status};
use futures_util::FutureExt as _;
use serde_json::Map;

use crate::change::{Change, Done, Failed, Target};
use crate::engine::CloudFormation;
use crate::error::ValidationError;
use crate::graph::OnFailure as OnStepFailure;
use crate::operation::Operation;
use crate::stack::{OnFailure, StackInput, StackResource};
use crate::state::StackRecord;
use crate::template::is_custom;

/// Characters in a stack's name.
const NAME_CHARS_MAX: usize = 128;

impl CloudFormation {
    /// Creates a stack and waits for the end of it, be it `CREATE_COMPLETE` or the end of a rollback.
    ///
    /// # Errors
    /// If the request is refused: then nothing happened.
    pub async fn create_stack(&self, input: StackInput) -> Result<Stack, ValidationError> {
        let on_failure = input.on_failure;
        let operation = self.begin_create(&input)?;
        Ok(self.run_create(operation, on_failure).await)
    }

    /// Validates a create and enters the stack into the list.
    pub(crate) fn begin_create(&self, input: &StackInput) -> Result<Operation, ValidationError> {
        let name = &input.name;
        let well_formed = name.len() <= NAME_CHARS_MAX
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !well_formed {
            return Err(ValidationError::new(format!(
                "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*, at most {NAME_CHARS_MAX} characters"
            )));
        }
        let settings = self.aws().settings();
        let stack_id = {
            let mut state = self.state();
            if state.stacks.contains_key(name) {
                let message = format!("Stack [{name}] already exists");
                return Err(ValidationError { code: "AlreadyExistsException", message });
            }
            let guid = state.guid("stack");
            format!(
                "arn:{}:cloudformation:{}:{}:stack/{name}/{guid}",
                settings.partition, settings.region, settings.account_id
            )
        };
        let mut operation = Operation::plan(input, &stack_id, None, settings, &self.inventory())?;
        let stack = Stack {
            name: name.clone(),
            id: stack_id,
            status: Status::CreateInProgress,
            status_reason: None,
            description: operation.template.description.clone(),
            parameters: operation.shown_parameters(),
            outputs: BTreeMap::new(),
            created: self.now(),
        };
        let (graph, imports) = (operation.graph.clone(), operation.imports.names());
        let mut state = self.state();
        state.find_exports(&mut operation.imports);
        let record = StackRecord { stack, operation: operation.clone(), graph, imports, resources: BTreeMap::new() };
        state.stacks.insert(name.clone(), record);
        drop(state);
        self.stack_event(name, Status::CreateInProgress, Some("User Initiated"));
        Ok(operation)
    }

    pub(crate) async fn run_create(&self, operation: Operation, on_failure: OnFailure) -> Stack {
        let name = operation.stack_name.as_str();
        let outputs = match operation.imports.missing() {
            Some(reason) => Err(reason),
            None => self.create_resources(&operation).await,
        };
        let reason = match outputs {
            Ok(outputs) => {
                if let Some(record) = self.state().stacks.get_mut(name) {
                    record.stack.outputs = outputs;
                }
                self.stack_event(name, Status::CreateComplete, None);
                return self.described(name);
            }
            Err(reason) => reason,
        };
        match on_failure {
            OnFailure::DoNothing => {
                self.stack_event(name, Status::CreateFailed, Some(&reason));
                self.described(name)
            }
            OnFailure::Rollback => {
                let reason = format!("{reason}Rollback requested by user.");
                self.stack_event(name, Status::RollbackInProgress, Some(&reason));
                let failed = self.tear_down(name, &BTreeSet::new(), true).await;
                if failed.is_empty() {
                    self.stack_event(name, Status::RollbackComplete, None);
                } else {
                    let reason = format!("The following resource(s) failed to delete: [{}]. ", failed.join(", "));
                    self.stack_event(name, Status::RollbackFailed, Some(&reason));
                }
                self.described(name)
            }
            OnFailure::Delete => {
                let reason = format!("{reason}Delete requested by user.");
                self.stack_event(name, Status::DeleteInProgress, Some(&reason));
                let failed = self.tear_down(name, &BTreeSet::new(), true).await;
                self.end_delete(name, &failed)
            }
        }
    }

    /// Creates all resources; gives the outputs, or the reason why the creation fails.
    async fn create_resources(&self, operation: &Operation) -> Result<BTreeMap<String, StackOutput>, String> {
        let step = |logical_id: String| async move { self.create_resource(operation, &logical_id).await }.boxed();
        let walk = operation.graph.walk(OnStepFailure::Cancel, step).await;
        self.cancel(&operation.stack_name, &walk.cancelled);
        let failed: Vec<String> = walk.failed.into_iter().chain(walk.cancelled).collect();
        if failed.is_empty() {
            return self.outputs(operation);
        }
        Err(format!("The following resource(s) failed to create: [{}]. ", failed.join(", ")))
    }

    /// Creates one resource; returns true if it succeeded.
    pub(crate) async fn create_resource(&self, operation: &Operation, logical_id: &str) -> bool {
        let target = Self::target(operation, logical_id);
        let resource = StackResource {
            logical_id: logical_id.to_owned(),
            physical_id: None,
            type_name: target.type_name.clone(),
            status: Status::CreateInProgress,
            status_reason: None,
            attributes: Map::new(),
            no_echo: false,
            properties: Map::new(),
            request_id: None,
            attempted: false,
        };
        self.change_record(&target, |resources| drop(resources.insert(logical_id.to_owned(), resource)));
        self.resource_event(&target, None, Status::CreateInProgress, None);
        let properties = match self.resolved(operation, logical_id) {
            Ok(properties) => properties,
            Err(reason) => {
                self.resource_event(&target, None, Status::CreateFailed, Some(&reason));
                return false;
            }
        };
        // Whoever is asked may be at work even if the answer is never heard.
        let attempted = is_custom(&target.type_name);
        self.change_resource(&target, |resource| {
            resource.properties.clone_from(&properties);
            resource.attempted = attempted;
        });
        match self.apply(&target, &Change::Create { properties }).await {
            Ok(done) => {
                let physical_id = self.take_over(&target, done);
                let id = Some(physical_id.as_str());
                self.resource_event(&target, id, Status::CreateInProgress, Some("Resource creation Initiated"));
                self.resource_event(&target, id, Status::CreateComplete, None);
                true
            }
            Err(failed) => {
                let physical_id = failed.physical_id.or_else(|| failed.attempted.then(|| self.invented_id(&target)));
                self.change_resource(&target, |resource| {
                    resource.attempted = failed.attempted;
                    if physical_id.is_some() {
                        resource.physical_id.clone_from(&physical_id);
                    }
                });
                self.resource_event(&target, physical_id.as_deref(), Status::CreateFailed, Some(&failed.reason));
                false
            }
        }
    }

    /// Ends the steps that were abandoned in flight. A create gets an invented id, because whatever it creates has to
    /// be deleted.
    pub(crate) fn cancel(&self, stack: &str, logical_ids: &BTreeSet<String>) {
        for (logical_id, resource) in self.resources(stack) {
            if !logical_ids.contains(&logical_id) {
                continue;
            }
            let Some(target) = self.known_target(stack, &logical_id) else { continue };
            let physical_id = resource.physical_id.as_deref();
            if resource.status == Status::UpdateInProgress {
                self.resource_event(&target, physical_id, Status::UpdateFailed, Some("Resource update cancelled"));
                continue;
            }
            self.resource_event(&target, physical_id, Status::CreateFailed, Some("Resource creation cancelled"));
            if resource.attempted && physical_id.is_none() {
                let invented = self.invented_id(&target);
                self.change_resource(&target, |resource| resource.physical_id = Some(invented));
            }
        }
    }

    /// Makes one change to one resource, whatever provides it.
    pub(crate) async fn apply(&self, target: &Target, change: &Change) -> Result<Done, Failed> {
        if is_custom(&target.type_name) {
            self.change_custom_resource(target, change).await
        } else if target.type_name == "AWS::CloudFormation::Stack" {
            self.change_nested_stack(target, change).await
        } else {
            let mut state = self.state();
            let suffix = state.suffix("name");
            state.account.apply(self.aws(), target, &suffix, change).map_err(Failed::before_anything)
        }
    }

    /// Invents the physical id of a resource that never told its own, as CloudFormation does.
    pub(crate) fn invented_id(&self, target: &Target) -> String {
        let suffix = self.state().suffix("invented");
        format!("{}-{}-{suffix}", target.stack_name, target.logical_id)
    }

    /// Records the outcome of a successful change and gives the physical id.
    pub(crate) fn take_over(&self, target: &Target, done: Done) -> String {
        let Done { physical_id, attributes, no_echo } = done;
        self.change_resource(target, |resource| {
            resource.physical_id = Some(physical_id.clone());
            resource.attributes = attributes;
            resource.no_echo = no_echo;
            resource.attempted = true;
        });
        physical_id
    }

    pub(crate) fn target(operation: &Operation, logical_id: &str) -> Target {
        let resource = operation.template.resources.get(logical_id);
        Target {
            stack_name: operation.stack_name.clone(),
            stack_id: operation.stack_id.clone(),
            logical_id: logical_id.to_owned(),
            type_name: resource.map(|resource| resource.type_name.clone()).unwrap_or_default(),
        }
    }

    /// Returns the target of a resource of the list, even if the present template no longer has it.
    pub(crate) fn known_target(&self, stack: &str, logical_id: &str) -> Option<Target> {
        let state = self.state();
        let record = state.stacks.get(stack)?;
        Some(Target {
            stack_name: record.stack.name.clone(),
            stack_id: record.stack.id.clone(),
            logical_id: logical_id.to_owned(),
            type_name: record.resources.get(logical_id)?.type_name.clone(),
        })
    }

    /// Returns the properties of a resource against the resources as they are now.
    pub(crate) fn resolved(
        &self,
        operation: &Operation,
        logical_id: &str,
    ) -> Result<Map<String, serde_json::Value>, String> {
        let state = self.state();
        let none = BTreeMap::new();
        let resources = state.stacks.get(&operation.stack_name).map_or(&none, |record| &record.resources);
        operation.properties(logical_id, resources)
    }

    pub(crate) fn change_record(&self, target: &Target, change: impl FnOnce(&mut BTreeMap<String, StackResource>)) {
        if let Some(record) = self.state().stacks.get_mut(&target.stack_name) {
            change(&mut record.resources);
        }
    }

    pub(crate) fn change_resource(&self, target: &Target, change: impl FnOnce(&mut StackResource)) {
        self.change_record(target, |resources| {
            if let Some(resource) = resources.get_mut(&target.logical_id) {
                change(resource);
            }
        });
    }

    /// Reports an event of a resource; if it concerns the current physical resource, the list shows the state too.
    pub(crate) fn resource_event(
        &self,
        target: &Target,
        physical_id: Option<&str>,
        status: Status,
        reason: Option<&str>,
    ) {
        let now = self.now();
        self.state().resource_event(now, target, physical_id, status, reason);
    }

    /// Returns the stack as it is; its caller has just worked on it, so it exists.
    pub(crate) fn described(&self, name: &str) -> Stack {
        self.stack(name).unwrap_or_else(|| panic!("the stack {name} vanished while it was worked on"))
    }
}
