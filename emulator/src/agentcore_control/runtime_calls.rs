//! The calls of runtimes: create, get, update, delete, list, and their versions.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::errors::{conflict, invalid, quota};
use super::runtime::{Runtime, Version};
use super::runtime_access::service_linked;
use super::runtime_configuration::Configuration;
use super::shelf::{Resource as _, Shelf};
use super::state::AgentCoreControl;
use super::status::{Status, Transition};
use super::work::Work;
use super::workload_identity::workload_identity_path;
use super::{execution_role, rules, runtime_rules};
use crate::iam::Iam;
use crate::ids::alphanumeric;
use crate::input::{required, text, text_map};
use crate::service::{Answer, ApiError, Call, Outcome, iso8601};
use crate::settings::PlatformVersion;

/// Versions of one runtime [DG bedrock-agentcore-limits].
const MAX_VERSIONS: usize = 1000;

impl AgentCoreControl {
    pub(super) fn create_agent_runtime(&mut self, call: &Call, iam: &Iam) -> Answer {
        let platform = PlatformVersion::of(&call.input, self.settings.platform_version)?;
        let configuration = Configuration::of(&call.input, true, platform);
        runtime_rules::check(&configuration, &call.input)?;
        platform.check(&configuration, &self.settings)?;
        runtime_rules::check_s3_endpoint(&call.input, None)?;
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        rules::check_tag_count(&tags)?;
        let name = required(&call.input, "agentRuntimeName");
        if self.runtimes.iter().any(|runtime| runtime.name == name) {
            return Err(conflict(format!("An agent with the name '{name}' already exists in your account.")));
        }
        let id = self.next_runtime_id(name);
        let arn = self.arn(&format!("runtime/{id}"));
        execution_role::check(&configuration, &arn, iam, &self.settings, call.now)?;
        self.create_service_linked_roles(&configuration);
        self.created += 1;
        let (outcome, takes) = self.course(call, platform);
        let transition = Transition::create(&outcome, call.now, takes);
        self.build(call, platform, id.clone(), 1);
        let runtime = Runtime {
            workload_identity_arn: self.arn(&workload_identity_path(&id)),
            id,
            arn,
            name: name.to_owned(),
            created: call.now,
            tags,
            versions: vec![Version { number: 1, configuration, created: call.now, transition }],
            deletion: None,
            endpoints: Shelf::default(),
            sequence: self.created,
        };
        let answer = json!({
            "agentRuntimeArn": runtime.arn,
            "agentRuntimeId": runtime.id,
            "agentRuntimeVersion": "1",
            "createdAt": iso8601(call.now),
            "status": Status::Creating.as_str(),
            "workloadIdentityDetails": runtime.identity(),
        });
        self.runtimes.add(runtime);
        Ok(answer)
    }

    pub(super) fn get_agent_runtime(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let asked = text(&call.input, "agentRuntimeVersion");
        let version = asked.map_or(Ok(runtime.newest()), |number| runtime.version(number))?;
        let mut answer = json!({
            "agentRuntimeArn": runtime.arn,
            "agentRuntimeId": runtime.id,
            "agentRuntimeName": runtime.name,
            "agentRuntimeVersion": version.number.to_string(),
            "createdAt": iso8601(runtime.created),
            "lastUpdatedAt": iso8601(version.created),
            "status": shown_status(runtime, version, call.now).as_str(),
            "workloadIdentityDetails": runtime.identity(),
        });
        for (member, value) in version.configuration.members() {
            answer[member] = value.clone();
        }
        let newest = version.number == runtime.newest().number;
        let failure = if newest { runtime.failure(call.now) } else { version.transition.failure(call.now) };
        if let Some(reason) = failure {
            answer["failureReason"] = json!(reason);
        }
        Ok(answer)
    }

    pub(super) fn update_agent_runtime(&mut self, call: &Call, iam: &Iam) -> Answer {
        let former = self.find(&call.input).map_or(PlatformVersion::V1, |runtime| runtime.configuration().platform());
        let platform = PlatformVersion::of(&call.input, former)?;
        let configuration = Configuration::of(&call.input, false, platform);
        runtime_rules::check(&configuration, &call.input)?;
        let runtime = self.find(&call.input)?;
        platform.check(&configuration, &self.settings)?;
        runtime_rules::check_s3_endpoint(&call.input, Some(runtime.created))?;
        let status = runtime.status(call.now);
        if !matches!(status, Status::Ready | Status::UpdateFailed) {
            return Err(runtime.busy("updated", status));
        }
        if configuration.container_uri().is_some() != runtime.configuration().container_uri().is_some() {
            return Err(invalid("The type of agentRuntimeArtifact cannot be changed."));
        }
        if runtime.versions.len() >= MAX_VERSIONS {
            return Err(quota(format!("Agent '{}' has {MAX_VERSIONS} versions already.", runtime.id)));
        }
        execution_role::check(&configuration, &runtime.arn, iam, &self.settings, call.now)?;
        let unchanged = status == Status::Ready && *runtime.configuration() == configuration;
        self.create_service_linked_roles(&configuration);
        let (outcome, takes) = self.course(call, platform);
        let transition = Transition::update(&outcome, call.now, takes);
        if !unchanged {
            let runtime = self.find_mut(&call.input)?;
            let number = runtime.newest().number + 1;
            runtime.versions.push(Version { number, configuration, created: call.now, transition });
            let id = runtime.id.clone();
            self.build(call, platform, id, number);
        }
        let runtime = self.find(&call.input)?;
        Ok(json!({
            "agentRuntimeArn": runtime.arn,
            "agentRuntimeId": runtime.id,
            "agentRuntimeVersion": runtime.newest().number.to_string(),
            "createdAt": iso8601(runtime.created),
            "lastUpdatedAt": iso8601(runtime.newest().created),
            "status": if unchanged { Status::Ready } else { Status::Updating }.as_str(),
            "workloadIdentityDetails": runtime.identity(),
        }))
    }

    pub(super) fn delete_agent_runtime(&mut self, call: &Call) -> Answer {
        let transition = Transition::delete(&call.outcome, call.now, self.settings.runtime_deletion);
        let runtime = self.find_mut(&call.input)?;
        let status = runtime.status(call.now);
        if matches!(status, Status::Creating | Status::Updating | Status::Deleting) {
            return Err(runtime.busy("deleted", status));
        }
        let mut answer = json!({"agentRuntimeId": runtime.id, "status": Status::Deleting.as_str()});
        if let Some(number) = text(&call.input, "agentRuntimeVersion") {
            let number = runtime.version(number)?.number;
            let live = runtime.live(call.now).is_some_and(|live| live.number == number);
            if live || number == runtime.newest().number {
                return Err(conflict(format!(
                    "Version '{number}' of agent '{}' is in use by the endpoint DEFAULT.",
                    runtime.id
                )));
            }
            runtime.versions.retain(|version| version.number != number);
            answer["agentRuntimeVersion"] = json!(number.to_string());
        } else {
            runtime.deletion = Some(transition);
            // A runtime whose deletion fails is still there, with its sessions.
            if !matches!(call.outcome, Outcome::Failed(_)) {
                let arn = runtime.arn.clone();
                self.work.push(Work::EndRuntime(arn));
            }
        }
        Ok(answer)
    }

    pub(super) fn list_agent_runtimes(&self, call: &Call) -> Answer {
        let entry = |runtime: &Runtime| summary(runtime, runtime.newest(), runtime.status(call.now));
        let entries = self.runtimes.listed(self.settings.list_lag, call.now, entry);
        self.page(entries, "agentRuntimes", &call.input)
    }

    pub(super) fn list_agent_runtime_versions(&self, call: &Call) -> Answer {
        let runtime = self.find(&call.input)?;
        let shown = |version: &Version| {
            (u64::from(version.number), summary(runtime, version, shown_status(runtime, version, call.now)))
        };
        self.page(runtime.versions.iter().map(shown).collect(), "agentRuntimes", &call.input)
    }

    /// Finds the runtime that `agentRuntimeId` names. Deleted ones were moved away when the call began.
    pub(super) fn find(&self, input: &Map<String, Value>) -> Result<&Runtime, ApiError> {
        self.runtimes.find(required(input, "agentRuntimeId"))
    }

    pub(super) fn find_mut(&mut self, input: &Map<String, Value>) -> Result<&mut Runtime, ApiError> {
        self.runtimes.find_mut(required(input, "agentRuntimeId"))
    }

    /// Returns the id that the next runtime gets if it has this name.
    pub(super) fn next_runtime_id(&self, name: &str) -> String {
        format!("{name}-{}", alphanumeric(&format!("runtime {} {name}", self.created), 10))
    }

    fn create_service_linked_roles(&mut self, configuration: &Configuration) {
        let services = service_linked(configuration.in_vpc());
        self.service_linked_roles.extend(services.map(|role| role.service.to_owned()));
    }
}

/// Returns the status of a version: the newest shows the runtime's, the others how they ended.
fn shown_status(runtime: &Runtime, version: &Version, now: SystemTime) -> Status {
    if version.number == runtime.newest().number { runtime.status(now) } else { version.transition.status(now) }
}

fn summary(runtime: &Runtime, version: &Version, status: Status) -> Value {
    json!({
        "agentRuntimeArn": runtime.arn,
        "agentRuntimeId": runtime.id,
        "agentRuntimeName": runtime.name,
        "agentRuntimeVersion": version.number.to_string(),
        // Required in the model, even where there is none.
        "description": version.configuration.description(),
        "lastUpdatedAt": iso8601(version.created),
        "status": status.as_str(),
    })
}
