//! `CreateAgentRuntimeEndpoint`, `GetAgentRuntimeEndpoint`, `UpdateAgentRuntimeEndpoint`, `DeleteAgentRuntimeEndpoint`,
//! `ListAgentRuntimeEndpoints`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::endpoint::{DEFAULT, Endpoint};
use super::endpoint_rules::wanted_version;
use super::errors::{conflict, quota};
use super::rules;
use super::runtime::Runtime;
use super::shelf::Resource as _;
use super::state::AgentCoreControl;
use super::status::{Status, Transition};
use crate::ids::alphanumeric;
use crate::input::{required, text, text_map};
use crate::service::{Answer, Call, iso8601};

/// Endpoints of one runtime, `DEFAULT` included [DG bedrock-agentcore-limits].
const MAX_ENDPOINTS: usize = 10;

impl AgentCoreControl {
    pub(super) fn create_agent_runtime_endpoint(&mut self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "name");
        if name == DEFAULT || runtime.endpoints.find(name).is_ok() {
            return Err(conflict(format!("Agent '{}' has an endpoint with the name '{name}' already.", runtime.id)));
        }
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        rules::check_tag_count(&tags)?;
        if runtime.endpoints.len() + 1 >= MAX_ENDPOINTS {
            return Err(quota(format!("Agent '{}' has {MAX_ENDPOINTS} endpoints already.", runtime.id)));
        }
        let target_version = wanted_version(runtime, call)?;
        let transition = Transition::create(&call.outcome, call.now, self.settings.runtime_transition);
        let sequence = self.next_number();
        let runtime = self.find_mut(&call.input)?;
        let endpoint = Endpoint {
            name: name.to_owned(),
            arn: format!("{}/runtime-endpoint/{name}", runtime.arn),
            runtime_id: runtime.id.clone(),
            tags,
            description: text(&call.input, "description").map(str::to_owned),
            target_version,
            created: call.now,
            updated: call.now,
            former_version: None,
            transition,
            sequence,
        };
        let answer = json!({
            "agentRuntimeArn": runtime.arn,
            "agentRuntimeEndpointArn": endpoint.arn,
            "agentRuntimeId": runtime.id,
            "createdAt": iso8601(call.now),
            "endpointName": endpoint.name,
            "status": endpoint.status(call.now).as_str(),
            "targetVersion": endpoint.target_version.to_string(),
        });
        runtime.endpoints.add(endpoint);
        Ok(answer)
    }

    pub(super) fn get_agent_runtime_endpoint(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name == DEFAULT {
            return Ok(shown_default(runtime, call.now));
        }
        Ok(shown(runtime.endpoints.find(name)?, runtime, call.now))
    }

    /// Replaces the whole configuration: without a version the endpoint moves to the newest, without a description it
    /// has none. What AWS keeps is not documented.
    pub(super) fn update_agent_runtime_endpoint(&mut self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name == DEFAULT {
            return Err(conflict("The endpoint DEFAULT follows the newest version and cannot be updated."));
        }
        let endpoint = runtime.endpoints.find(name)?;
        let status = endpoint.status(call.now);
        if !matches!(status, Status::Ready | Status::UpdateFailed) {
            return Err(endpoint.busy("updated", status));
        }
        let target_version = wanted_version(runtime, call)?;
        let live = endpoint.live_version(call.now);
        let transition = Transition::update(&call.outcome, call.now, self.settings.runtime_transition);
        let mut answer = json!({
            "agentRuntimeArn": runtime.arn,
            "agentRuntimeEndpointArn": endpoint.arn,
            "createdAt": iso8601(endpoint.created),
            "lastUpdatedAt": iso8601(call.now),
            "status": Status::Updating.as_str(),
            "targetVersion": target_version.to_string(),
        });
        if let Some(live) = live {
            answer["liveVersion"] = json!(live.to_string());
        }
        let endpoint = self.find_mut(&call.input)?.endpoints.find_mut(name)?;
        endpoint.former_version = live;
        endpoint.target_version = target_version;
        endpoint.description = text(&call.input, "description").map(str::to_owned);
        endpoint.updated = call.now;
        endpoint.transition = transition;
        Ok(answer)
    }

    pub(super) fn delete_agent_runtime_endpoint(&mut self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name == DEFAULT {
            return Err(conflict("The endpoint DEFAULT goes with its agent and cannot be deleted."));
        }
        let endpoint = runtime.endpoints.find(name)?;
        let status = endpoint.status(call.now);
        if status.is_transitional() {
            return Err(endpoint.busy("deleted", status));
        }
        let transition = Transition::delete(&call.outcome, call.now, self.settings.runtime_deletion);
        let runtime = self.find_mut(&call.input)?;
        runtime.endpoints.find_mut(name)?.transition = transition;
        Ok(json!({"agentRuntimeId": runtime.id, "endpointName": name, "status": Status::Deleting.as_str()}))
    }

    /// Lists the endpoints of a runtime, `DEFAULT` first.
    pub(super) fn list_agent_runtime_endpoints(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let mut entries = vec![(0, shown_default(runtime, call.now))];
        let entry = |endpoint: &Endpoint| shown(endpoint, runtime, call.now);
        entries.extend(runtime.endpoints.listed(self.settings.list_lag, call.now, entry));
        for (_, item) in &mut entries {
            item.as_object_mut().map(|members| members.remove("failureReason"));
        }
        self.page(entries, "runtimeEndpoints", &call.input)
    }
}

fn shown(endpoint: &Endpoint, runtime: &Runtime, now: SystemTime) -> Value {
    let mut answer = json!({
        "id": format!("{}-{}", endpoint.name, alphanumeric(&endpoint.arn, 10)),
        "name": endpoint.name,
        "agentRuntimeArn": runtime.arn,
        "agentRuntimeEndpointArn": endpoint.arn,
        "status": endpoint.status(now).as_str(),
        "targetVersion": endpoint.target_version.to_string(),
        "createdAt": iso8601(endpoint.created),
        "lastUpdatedAt": iso8601(endpoint.updated),
    });
    if let Some(live) = endpoint.live_version(now) {
        answer["liveVersion"] = json!(live.to_string());
    }
    if let Some(description) = &endpoint.description {
        answer["description"] = json!(description);
    }
    if let Some(reason) = endpoint.transition.failure(now) {
        answer["failureReason"] = json!(reason);
    }
    answer
}

fn shown_default(runtime: &Runtime, now: SystemTime) -> Value {
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
