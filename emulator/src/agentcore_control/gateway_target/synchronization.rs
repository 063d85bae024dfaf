//! The seam between the control plane, which wants a target's catalogue, and the data plane, which reads it from the
//! target's server.

use std::time::SystemTime;

use serde_json::Value;

use super::super::AgentCoreControl;
use crate::service::Outcome;

/// Tools of one target [DG bedrock-agentcore-limits].
pub(super) const MAX_TOOLS: usize = 1000;

/// A catalogue that has to be read from a target's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synchronization {
    /// The gateway that reads.
    pub gateway_id: String,
    /// The target whose server is read.
    pub target_id: String,
    /// Which create, update or synchronize it belongs to.
    pub ticket: u64,
    /// It may not be finished earlier.
    pub not_before: SystemTime,
}

impl AgentCoreControl {
    /// The synchronizations that were started and not yet taken, in the order of the calls that started them. Whoever
    /// takes one ends it with [`Self::finish_synchronization`]; until then the target stays as it is.
    pub fn take_synchronizations(&mut self) -> Vec<Synchronization> {
        std::mem::take(&mut self.synchronizations)
    }

    /// Ends a synchronization: with the server's MCP tool objects, or with the reason why there are none. One that no
    /// target waits for any more is ignored.
    pub fn finish_synchronization(
        &mut self,
        synchronization: &Synchronization,
        result: Result<Vec<Value>, String>,
        now: SystemTime,
    ) {
        let Synchronization { gateway_id, target_id, ticket, not_before } = synchronization;
        let gateway = self.gateways.iter_mut().find(|gateway| gateway.id == *gateway_id);
        let target = gateway.and_then(|gateway| gateway.targets.iter_mut().find(|target| target.id == *target_id));
        let Some(target) = target.filter(|target| target.synchronization == Some(*ticket)) else { return };
        target.synchronization = None;
        let result = result.and_then(|tools| match tools.len() {
            ..=MAX_TOOLS => Ok(tools),
            many => Err(format!("The target has {many} tools; a target can have at most {MAX_TOOLS}.")),
        });
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
}
