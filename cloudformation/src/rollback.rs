//! Undoing an update that failed: every resource that was asked to change is asked to change back, and then what the
//! update had made is deleted.
//!
//! A custom resource gets an Update with old and new properties swapped, under the physical id it answered with last,
//! even in a FAILED answer. Whatever id it answers with now is the one that stays; every other id it has had during this
//! update is cleaned up.

use std::sync::{Mutex, PoisonError};

use emulator::stacks::{Stack, Status};
use futures_util::FutureExt as _;

use crate::change::Change;
use crate::delete::Leftover;
use crate::engine::CloudFormation;
use crate::graph::OnFailure;
use crate::stack::StackResource;
use crate::template::is_custom;
use crate::update::Update;

impl CloudFormation {
    pub(crate) async fn roll_back_update(&self, update: &Update, reason: &str) -> Stack {
        let name = update.old.stack_name.as_str();
        self.stack_event(name, Status::UpdateRollbackInProgress, Some(reason));
        if let Some(record) = self.state().stacks.get_mut(name) {
            record.operation = update.old.clone();
            record.stack.parameters = update.old.shown_parameters();
            record.stack.description.clone_from(&update.old.template.description);
        }
        let touched = update.touched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.restore_untouched(update);
        let leftovers = Mutex::new(Vec::new());
        let step = |logical_id: String| {
            let leftovers = &leftovers;
            async move {
                let Some(before) = update.before.get(&logical_id) else { return true };
                let (restored, superseded) = self.restore(update, before).await;
                leftovers.lock().unwrap_or_else(PoisonError::into_inner).extend(superseded);
                restored
            }
            .boxed()
        };
        let walk = update.old.graph.restricted(&touched).walk(OnFailure::SkipDependents, step).await;
        if !walk.failed.is_empty() {
            let reason = format!("The following resource(s) failed to update: [{}]. ", walk.failed.join(", "));
            self.stack_event(name, Status::UpdateRollbackFailed, Some(&reason));
            return self.described(name);
        }
        self.stack_event(name, Status::UpdateRollbackCompleteCleanupInProgress, None);
        let mut leftovers = leftovers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let created = self.resources(name).into_values().filter(|now| !update.before.contains_key(&now.logical_id));
        leftovers.extend(created.map(|resource| update.leftover(&resource, false)));
        self.clean_up(&update.new.graph, leftovers).await;
        if let Some(record) = self.state().stacks.get_mut(name) {
            record.resources.retain(|logical_id, _| update.before.contains_key(logical_id));
            record.graph = update.old.graph.clone();
            record.imports = update.old.imports.names();
        }
        self.stack_event(name, Status::UpdateRollbackComplete, None);
        self.described(name)
    }

    /// Resources whose update failed before anybody was asked are simply what they were.
    fn restore_untouched(&self, update: &Update) {
        let touched = update.touched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (logical_id, now) in self.resources(&update.old.stack_name) {
            let Some(before) = update.before.get(&logical_id) else { continue };
            if now.status == Status::UpdateFailed && !touched.contains(&logical_id) {
                let target = Self::target(&update.old, &logical_id);
                let id = before.physical_id.as_deref();
                self.change_resource(&target, |resource| resource.clone_from(before));
                self.resource_event(&target, id, Status::UpdateComplete, None);
            }
        }
    }

    /// Restores one resource; returns the physical resources that are no longer needed.
    async fn restore(&self, update: &Update, before: &StackResource) -> (bool, Vec<Leftover>) {
        let target = Self::target(&update.old, &before.logical_id);
        let Some(now) = self.resources(&target.stack_name).remove(&before.logical_id) else {
            return (true, Vec::new());
        };
        let (Some(current_id), Some(old_id)) = (now.physical_id.clone(), before.physical_id.clone()) else {
            return (true, Vec::new());
        };
        if !is_custom(&target.type_name) && current_id != old_id {
            // The replacement is deleted, and the replaced resource, which still exists, takes its place again.
            self.change_resource(&target, |resource| resource.clone_from(before));
            self.resource_event(&target, Some(&old_id), Status::UpdateComplete, None);
            return (true, vec![update.leftover(&now, false)]);
        }
        self.resource_event(&target, Some(&current_id), Status::UpdateInProgress, None);
        // Resources that it refers to may have been restored under another id.
        let properties = self.resolved(&update.old, &before.logical_id).unwrap_or_else(|_| before.properties.clone());
        let change = Change::Update {
            physical_id: current_id.clone(),
            properties: properties.clone(),
            old_properties: now.properties.clone(),
        };
        match self.apply(&target, &change).await {
            Ok(done) => {
                self.change_resource(&target, |resource| resource.properties = properties);
                let final_id = self.take_over(&target, done);
                self.resource_event(&target, Some(&final_id), Status::UpdateComplete, None);
                let mut superseded = Vec::new();
                if current_id != final_id {
                    superseded.push(update.leftover(&now, false));
                }
                if old_id != final_id && old_id != current_id {
                    superseded.push(update.leftover(before, false));
                }
                (true, superseded)
            }
            Err(failed) => {
                let physical_id = failed.physical_id.unwrap_or(current_id);
                self.change_resource(&target, |resource| resource.physical_id = Some(physical_id.clone()));
                self.resource_event(&target, Some(&physical_id), Status::UpdateFailed, Some(&failed.reason));
                (false, Vec::new())
            }
        }
    }
}
