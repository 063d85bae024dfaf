//! `GetAgentRuntimeEndpoint`, `ListAgentRuntimeEndpoints`: the `DEFAULT` endpoint that comes with every runtime and
//! follows its newest working version.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::AgentCoreControl;
use super::errors::not_found;
use super::runtime::{Runtime, iso8601};
use crate::ids::alphanumeric;
use crate::input::required;
use crate::service::{Answer, Call};

pub(super) const DEFAULT: &str = "DEFAULT";

impl AgentCoreControl {
    pub(super) fn get_agent_runtime_endpoint(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name != DEFAULT {
            return Err(not_found(format!("Endpoint '{name}' of agent '{}' was not found.", runtime.id)));
        }
        Ok(shown(runtime, call.now))
    }

    pub(super) fn list_agent_runtime_endpoints(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let mut endpoint = shown(runtime, call.now);
        if let Some(members) = endpoint.as_object_mut() {
            members.remove("failureReason");
        }
        self.page(vec![(1, endpoint)], "runtimeEndpoints", &call.input)
    }
}

fn shown(runtime: &Runtime, now: SystemTime) -> Value {
    let newest = runtime.newest();
    let mut answer = json!({
        "id": format!("{DEFAULT}-{}", alphanumeric(&runtime.arn, 10)),
        "name": DEFAULT,
        "agentRuntimeArn": runtime.arn,
        "agentRuntimeEndpointArn": format!("{}/runtime-endpoint/{DEFAULT}", runtime.arn),
        "status": runtime.status(now).as_str(),
        "targetVersion": newest.number.to_string(),
        "createdAt": iso8601(runtime.created),
        "lastUpdatedAt": iso8601(newest.created),
    });
    if let Some(live) = runtime.live(now) {
        answer["liveVersion"] = json!(live.number.to_string());
    }
    if let Some(reason) = runtime.failure(now) {
        answer["failureReason"] = json!(reason);
    }
    answer
}
