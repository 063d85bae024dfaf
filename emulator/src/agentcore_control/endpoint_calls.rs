//! `CreateAgentRuntimeEndpoint`, `GetAgentRuntimeEndpoint`, `UpdateAgentRuntimeEndpoint`, `DeleteAgentRuntimeEndpoint`,
//! `ListAgentRuntimeEndpoints`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::endpoint::{DEFAULT, Endpoint};
use super::endpoint_rules::wanted_version;
use super::errors::{conflict, not_found, quota};
use super::rules;
use super::runtime::Runtime;
use super::state::AgentCoreControl;
use super::status::{Status, Transition};
use crate::ids::alphanumeric;
use crate::input::{required, text, text_map};
use crate::service::{Answer, ApiError, Call, iso8601};

/// Endpoints of one runtime, `DEFAULT` included [DG bedrock-agentcore-limits].
const MAX_ENDPOINTS: usize = 10;

impl AgentCoreControl {
    pub(super) fn create_agent_runtime_endpoint(&mut self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "name");
        if name == DEFAULT || self.endpoint(&runtime.id, name, call.now).is_some() {
            return Err(conflict(format!("Agent '{}' has an endpoint with the name '{name}' already.", runtime.id)));
        }
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        rules::check_tag_count(&tags)?;
        if self.endpoints(call.now).filter(|it| it.runtime_id == runtime.id).count() + 1 >= MAX_ENDPOINTS {
            return Err(quota(format!("Agent '{}' has {MAX_ENDPOINTS} endpoints already.", runtime.id)));
        }
        let endpoint = Endpoint {
            name: name.to_owned(),
            arn: format!("{}/runtime-endpoint/{name}", runtime.arn),
            runtime_id: runtime.id.clone(),
            tags,
            description: text(&call.input, "description").map(str::to_owned),
            target_version: wanted_version(runtime, call)?,
            created: call.now,
            updated: call.now,
            former_version: None,
            transition: Transition::create(&call.outcome, call.now, self.settings.runtime_transition),
            // After DEFAULT, which is always the first.
            sequence: self.endpoints.last().map_or(2, |last| last.sequence + 1),
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
        self.endpoints.push(endpoint);
        Ok(answer)
    }

    pub(super) fn get_agent_runtime_endpoint(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name == DEFAULT {
            return Ok(shown_default(runtime, call.now));
        }
        let found = self.endpoint(&runtime.id, name, call.now);
        found.map(|endpoint| shown(endpoint, runtime, call.now)).ok_or_else(|| no_endpoint(runtime, name))
    }

    /// Replaces the whole configuration: without a version the endpoint moves to the newest, without a description it
    /// has none. What AWS keeps is not documented.
    pub(super) fn update_agent_runtime_endpoint(&mut self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name == DEFAULT {
            return Err(conflict("The endpoint DEFAULT follows the newest version and cannot be updated."));
        }
        let endpoint = self.endpoint(&runtime.id, name, call.now).ok_or_else(|| no_endpoint(runtime, name))?;
        let status = endpoint.status(call.now);
        if !matches!(status, Status::Ready | Status::UpdateFailed) {
            return Err(busy(endpoint, "updated", status));
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
        let arn = endpoint.arn.clone();
        let description = text(&call.input, "description").map(str::to_owned);
        for endpoint in self.endpoints.iter_mut().filter(|it| it.arn == arn && it.status(call.now) != Status::Gone) {
            endpoint.former_version = live;
            endpoint.target_version = target_version;
            endpoint.description.clone_from(&description);
            endpoint.updated = call.now;
            endpoint.transition = transition.clone();
        }
        Ok(answer)
    }

    pub(super) fn delete_agent_runtime_endpoint(&mut self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let name = required(&call.input, "endpointName");
        if name == DEFAULT {
            return Err(conflict("The endpoint DEFAULT goes with its agent and cannot be deleted."));
        }
        let endpoint = self.endpoint(&runtime.id, name, call.now).ok_or_else(|| no_endpoint(runtime, name))?;
        let status = endpoint.status(call.now);
        if status.is_transitional() {
            return Err(busy(endpoint, "deleted", status));
        }
        let (runtime_id, arn) = (runtime.id.clone(), endpoint.arn.clone());
        let transition = Transition::delete(&call.outcome, call.now, self.settings.runtime_deletion);
        for endpoint in self.endpoints.iter_mut().filter(|it| it.arn == arn && it.status(call.now) != Status::Gone) {
            endpoint.transition = transition.clone();
        }
        Ok(json!({"agentRuntimeId": runtime_id, "endpointName": name, "status": Status::Deleting.as_str()}))
    }

    /// Lists endpoints. New ones are missing, and deleted ones linger, for [`crate::settings::Settings::list_lag`].
    pub(super) fn list_agent_runtime_endpoints(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let lag = self.settings.list_lag;
        let own = self.endpoints.iter().filter(|endpoint| {
            let gone = endpoint.status(call.now) == Status::Gone;
            let shown =
                if gone { endpoint.transition.lingers(lag, call.now) } else { endpoint.created + lag <= call.now };
            endpoint.runtime_id == runtime.id && shown
        });
        let own = own.map(|endpoint| (endpoint.sequence, shown(endpoint, runtime, call.now)));
        let mut items: Vec<(u64, Value)> = [(1, shown_default(runtime, call.now))].into_iter().chain(own).collect();
        for (_, item) in &mut items {
            item.as_object_mut().map(|members| members.remove("failureReason"));
        }
        self.page(items, "runtimeEndpoints", &call.input)
    }

    /// Forgets the endpoints of runtimes that are gone, and those that have left every list.
    pub(super) fn settle_endpoints(&mut self, now: SystemTime) {
        let lag = self.settings.list_lag;
        let runtimes: Vec<String> = self.runtimes(now).map(|runtime| runtime.id.clone()).collect();
        self.endpoints.retain(|endpoint| {
            let over = endpoint.status(now) == Status::Gone && !endpoint.transition.lingers(lag, now);
            !over && runtimes.contains(&endpoint.runtime_id)
        });
    }
}

fn no_endpoint(runtime: &Runtime, name: &str) -> ApiError {
    not_found(format!("Endpoint '{name}' of agent '{}' was not found.", runtime.id))
}

fn busy(endpoint: &Endpoint, what: &str, status: Status) -> ApiError {
    let name = &endpoint.name;
    conflict(format!("Endpoint '{name}' cannot be {what} while it is in the status {}.", status.as_str()))
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
