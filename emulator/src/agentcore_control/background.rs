//! The seam between the control plane and what runs in the background: the data plane reads catalogues from the servers
//! of targets, and starts and ends containers.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::platform::Build;
use super::state::AgentCoreControl;
use super::synchronization::Synchronization;
use super::tool_schema::check_tools;
use super::work::Work;
use crate::service::{Call, Outcome};
use crate::settings::{PlatformVersion, Settings};

impl AgentCoreControl {
    /// Takes the work that calls have left since the last time, in the order of the calls.
    pub fn take_work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.work)
    }

    /// Ends a synchronization: with the server's MCP tool objects, or with the reason why there are none. A
    /// synchronization that no target waits for is ignored.
    pub fn finish_synchronization(
        &mut self,
        synchronization: &Synchronization,
        result: Result<Vec<Value>, String>,
        now: SystemTime,
    ) {
        let Synchronization { gateway_id, target_id, ticket, not_before } = synchronization;
        let gateway = self.gateways.find_mut(gateway_id).ok();
        let target = gateway.and_then(|gateway| gateway.targets.find_mut(target_id).ok());
        let Some(target) = target.filter(|target| target.synchronization == Some(*ticket)) else { return };
        target.synchronization = None;
        let result = result.and_then(|tools| check_tools(&tools).map(|()| tools));
        let at = now.max(*not_before);
        match result {
            Ok(tools) => {
                target.tools = tools;
                target.last_synchronized = Some(at);
                target.transition.end(&Outcome::Normal, at);
            }
            Err(reason) => target.transition.end(&Outcome::Failed(reason), at),
        }
    }

    /// Ends a build: well, or with the reason why not.
    pub fn finish_build(&mut self, build: &Build, result: Result<(), String>, now: SystemTime) {
        let runtime = self.runtimes.find_mut(&build.runtime_id).ok();
        let versions = runtime.map(|runtime| &mut runtime.versions);
        let Some(version) = versions.and_then(|all| all.iter_mut().find(|it| it.number == build.version)) else {
            return;
        };
        match result {
            Ok(()) => version.transition.end(&Outcome::Normal, now.max(build.not_before)),
            Err(reason) => version.transition.end(&Outcome::Failed(reason), now),
        }
    }

    /// Returns the course of this call's operation on a platform: what decides its end, and how long it takes.
    pub(super) fn course(&self, call: &Call, platform: PlatformVersion) -> (Outcome, Duration) {
        let Settings { runtime_transition, snapshot_transition, .. } = self.settings;
        match platform {
            PlatformVersion::V1 => (call.outcome.clone(), runtime_transition),
            // Without a fault the container decides.
            PlatformVersion::V2 if call.outcome == Outcome::Normal => (Outcome::Stuck, snapshot_transition),
            PlatformVersion::V2 => (call.outcome.clone(), snapshot_transition),
        }
    }

    /// Has the container of a new version started, if its platform does that. The image is fetched in the first half of
    /// the time; the rest goes into the snapshot.
    pub(super) fn build(&mut self, call: &Call, platform: PlatformVersion, runtime_id: String, version: u32) {
        if platform == PlatformVersion::V2 && call.outcome == Outcome::Normal {
            let takes = self.settings.snapshot_transition;
            let (starts, not_before) = (call.now + takes / 2, call.now + takes);
            self.work.push(Work::Build(Build { runtime_id, version, starts, not_before }));
        }
    }
}
