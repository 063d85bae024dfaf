//! Waiting for a gateway until it has settled.

use std::time::SystemTime;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::GatewayStatus;

use super::api;
use crate::agentcore::{self, Live, Settled};
use crate::error::Error;
use crate::job::Job;

impl Live for GetGatewayOutput {
    fn settled(&self) -> Settled {
        match self.status() {
            GatewayStatus::Ready => Settled::Ready,
            GatewayStatus::Failed | GatewayStatus::UpdateUnsuccessful => Settled::Failed,
            // CREATING, UPDATING, DELETING, and whatever a newer service may add.
            _ => Settled::No,
        }
    }

    fn word(&self) -> String {
        self.status().as_str().to_owned()
    }

    fn since(&self) -> Option<SystemTime> {
        let moment = match self.status() {
            GatewayStatus::Creating => self.created_at(),
            _ => self.updated_at(),
        };
        (*moment).try_into().ok()
    }
}

/// Waits until the gateway is in no transition any more. `None` if there is none (any more).
pub(super) async fn wait_settled(job: &Job<'_>, id: &str) -> Result<Option<GetGatewayOutput>, Error> {
    agentcore::wait_settled(job, &format!("gateway {id}"), async || api::get(job, id).await).await
}

/// Ended in failure, by the gateway's own reasons.
pub(super) fn failed_status(live: &GetGatewayOutput) -> Error {
    let reasons = live.status_reasons().join("; ");
    Error::TerminalStatus {
        what: format!("gateway {}", live.gateway_id()),
        status: live.status().as_str().to_owned(),
        reasons: if reasons.is_empty() { "the service gives no reason".to_owned() } else { reasons },
    }
}
