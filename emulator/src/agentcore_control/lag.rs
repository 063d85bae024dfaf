//! Gets that lag behind: for a while after a change, they answer as they did before it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::service::{Answer, Call, Outcome};

/// The former answers that Gets still give after a change, by operation and input.
#[derive(Clone, Debug, Default)]
pub(super) struct Lag(BTreeMap<(&'static str, String), Former>);

#[derive(Clone, Debug)]
struct Former {
    answer: Answer,
    until: SystemTime,
}

impl Lag {
    /// Returns the former answer to a Get of a resource that changed a moment ago.
    pub(super) fn replay(&self, call: &Call) -> Option<Answer> {
        let former = self.0.get(&key(call))?;
        (call.now < former.until).then(|| former.answer.clone())
    }

    /// Remembers what a Get answers `until` the change shows.
    pub(super) fn record(&mut self, get: &Call, answer: Answer, until: SystemTime) {
        self.0.insert(key(get), Former { answer, until });
    }
}

fn key(call: &Call) -> (&'static str, String) {
    (call.operation, Value::Object(call.input.clone()).to_string())
}

/// Returns the Get that shows what a call with this answer has changed; `None` if no Get does.
pub(super) fn get_of(call: &Call, answer: &Value) -> Option<Call> {
    let target = |id: &Value| json!({"gatewayIdentifier": call.input.get("gatewayIdentifier"), "targetId": id});
    let endpoint = |member: &str| json!({"agentRuntimeId": call.input.get("agentRuntimeId"), "endpointName": call.input.get(member)});
    let (operation, input) = match call.operation {
        "CreateAgentRuntime" | "UpdateAgentRuntime" | "DeleteAgentRuntime" => {
            ("GetAgentRuntime", json!({"agentRuntimeId": answer["agentRuntimeId"]}))
        }
        "CreateGateway" | "UpdateGateway" | "DeleteGateway" => {
            ("GetGateway", json!({"gatewayIdentifier": answer["gatewayId"]}))
        }
        "CreateGatewayTarget" | "UpdateGatewayTarget" | "DeleteGatewayTarget" => {
            ("GetGatewayTarget", target(&answer["targetId"]))
        }
        "SynchronizeGatewayTargets" => ("GetGatewayTarget", target(&answer["targets"][0]["targetId"])),
        "CreateOauth2CredentialProvider" | "UpdateOauth2CredentialProvider" | "DeleteOauth2CredentialProvider" => {
            ("GetOauth2CredentialProvider", json!({"name": call.input.get("name")}))
        }
        "CreateApiKeyCredentialProvider" | "UpdateApiKeyCredentialProvider" | "DeleteApiKeyCredentialProvider" => {
            ("GetApiKeyCredentialProvider", json!({"name": call.input.get("name")}))
        }
        "CreateWorkloadIdentity" | "UpdateWorkloadIdentity" | "DeleteWorkloadIdentity" => {
            ("GetWorkloadIdentity", json!({"name": call.input.get("name")}))
        }
        "CreateAgentRuntimeEndpoint" => ("GetAgentRuntimeEndpoint", endpoint("name")),
        "UpdateAgentRuntimeEndpoint" | "DeleteAgentRuntimeEndpoint" => {
            ("GetAgentRuntimeEndpoint", endpoint("endpointName"))
        }
        "PutResourcePolicy" | "DeleteResourcePolicy" => {
            ("GetResourcePolicy", json!({"resourceArn": call.input.get("resourceArn")}))
        }
        _ => return None,
    };
    let input: Map<String, Value> = input.as_object().cloned().unwrap_or_default();
    Some(Call { operation, input, outcome: Outcome::Normal, ..call.clone() })
}
