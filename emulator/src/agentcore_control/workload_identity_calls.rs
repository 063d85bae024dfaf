//! The calls of workload identities: `CreateWorkloadIdentity`,
//! `GetWorkloadIdentity`, `UpdateWorkloadIdentity`, `DeleteWorkloadIdentity`, `ListWorkloadIdentities`.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::errors::{invalid, not_found, quota};
use super::rules;
use super::state::AgentCoreControl;
use super::workload_identity::{WorkloadIdentity, workload_identity_path};
use crate::input::{others, required, text_map};
use crate::service::{Answer, ApiError, Call, timestamp};

/// Workload identities of one account [DG bedrock-agentcore-limits].
const MAX_IDENTITIES: usize = 11_000;
/// The largest page of a list, and the usual one.
const PAGE: usize = 20;
/// The members of a create or an update that are kept apart.
const KNOWN: [&str; 3] = ["allowedResourceOauth2ReturnUrls", "name", "tags"];

impl AgentCoreControl {
    /// Gives every runtime and gateway its identity, and takes away those of the ones that are gone.
    pub(super) fn link_workload_identities(&mut self, now: SystemTime) {
        let runtimes = self.runtimes(now).map(|it| (it.id.clone(), it.arn.clone(), it.created));
        let gateways = self.gateways(now).map(|it| (it.id.clone(), it.arn.clone(), it.created));
        let owners: Vec<(String, String, SystemTime)> = runtimes.chain(gateways).collect();
        self.workload_identities.retain(|identity| match &identity.owner {
            None => true,
            Some(owner) => owners.iter().any(|(_, arn, _)| arn == owner),
        });
        for (id, owner, created) in owners {
            if self.workload_identities.iter().all(|identity| identity.owner.as_ref() != Some(&owner)) {
                self.add_identity(&id, &Map::new(), Some(owner), created);
            }
        }
    }

    /// Knows no client token: a call repeated finds the name taken.
    pub(super) fn create_workload_identity(&mut self, call: &Call) -> Answer {
        let name = required(&call.input, "name");
        if self.workload_identities.iter().any(|identity| identity.name == name) {
            return Err(self.name_taken.error(format!("WorkloadIdentity with name: {name} already exists")));
        }
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        if self.workload_identities.len() >= MAX_IDENTITIES {
            return Err(quota(format!("The account has {MAX_IDENTITIES} workload identities already.")));
        }
        let mut answer = described(&self.add_identity(name, &call.input, None, call.now));
        if let Some(members) = answer.as_object_mut() {
            members.retain(|member, _| !member.ends_with("Time"));
        }
        Ok(answer)
    }

    pub(super) fn get_workload_identity(&self, call: &Call) -> Answer {
        let name = required(&call.input, "name");
        let found = self.workload_identities.iter().find(|identity| identity.name == name);
        found.map(described).ok_or_else(|| no_identity(name))
    }

    /// Replaces the whole configuration. The identity of a runtime or a gateway can be updated like any other.
    pub(super) fn update_workload_identity(&mut self, call: &Call) -> Answer {
        let identity = self.find_identity(&call.input)?;
        identity.return_urls = call.input.get("allowedResourceOauth2ReturnUrls").cloned();
        identity.others = others(&call.input, &KNOWN);
        identity.updated = call.now;
        Ok(described(identity))
    }

    pub(super) fn delete_workload_identity(&mut self, call: &Call) -> Answer {
        let identity = self.find_identity(&call.input)?;
        if identity.owner.is_some() {
            // AWS does not document the error code; the service model has no ConflictException for this call.
            return Err(invalid("WorkloadIdentity is linked to a service and cannot be deleted by the caller."));
        }
        let sequence = identity.sequence;
        self.workload_identities.retain(|identity| identity.sequence != sequence);
        Ok(json!({}))
    }

    pub(super) fn list_workload_identities(&self, call: &Call) -> Answer {
        let items = self
            .workload_identities
            .iter()
            .map(|identity| (identity.sequence, json!({"name": identity.name, "workloadIdentityArn": identity.arn})));
        self.page_of(PAGE, items.collect(), "workloadIdentities", &call.input)
    }

    /// Adds an identity with the members that a call gives.
    fn add_identity(
        &mut self,
        name: &str,
        input: &Map<String, Value>,
        owner: Option<String>,
        created: SystemTime,
    ) -> WorkloadIdentity {
        // A count of its own: the numbers of other resources decide their ids.
        self.identity_numbers += 1;
        let sequence = self.identity_numbers;
        let arn = self.arn(&workload_identity_path(name));
        let identity = WorkloadIdentity {
            name: name.to_owned(),
            arn,
            tags: text_map(input, "tags"),
            return_urls: input.get("allowedResourceOauth2ReturnUrls").cloned(),
            owner,
            created,
            updated: created,
            others: others(input, &KNOWN),
            sequence,
        };
        self.workload_identities.push(identity.clone());
        identity
    }

    fn find_identity(&mut self, input: &Map<String, Value>) -> Result<&mut WorkloadIdentity, ApiError> {
        let name = required(input, "name");
        self.workload_identities.iter_mut().find(|identity| identity.name == name).ok_or_else(|| no_identity(name))
    }
}

fn no_identity(name: &str) -> ApiError {
    not_found(format!("WorkloadIdentity with name: {name} was not found"))
}

fn described(identity: &WorkloadIdentity) -> Value {
    let mut answer = json!({
        "name": identity.name,
        "workloadIdentityArn": identity.arn,
        "createdTime": timestamp(identity.created),
        "lastUpdatedTime": timestamp(identity.updated),
    });
    if let Some(urls) = &identity.return_urls {
        answer["allowedResourceOauth2ReturnUrls"] = urls.clone();
    }
    for (name, value) in &identity.others {
        answer[name] = value.clone();
    }
    answer
}
