//! The calls of workload identities: `CreateWorkloadIdentity`,
//! `GetWorkloadIdentity`, `UpdateWorkloadIdentity`, `DeleteWorkloadIdentity`, `ListWorkloadIdentities`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::errors::{invalid, quota};
use super::rules;
use super::state::AgentCoreControl;
use super::workload_identity::{WorkloadIdentity, workload_identity_path};
use crate::input::{others, required, text_map};
use crate::service::{Answer, Call, timestamp};

/// Workload identities of one account [DG bedrock-agentcore-limits].
const MAX_IDENTITIES: usize = 11_000;
/// The largest page of a list, and the usual one.
const PAGE: usize = 20;
/// The members of a create or an update that are kept apart.
const KNOWN: [&str; 3] = ["allowedResourceOauth2ReturnUrls", "name", "tags"];

impl AgentCoreControl {
    /// Gives every runtime and gateway its identity, and takes away those of the ones that are gone.
    pub(super) fn link_workload_identities(&mut self) {
        let runtimes = self.runtimes.gone().map(|(it, since)| (&it.arn, since));
        let gone: BTreeMap<&String, SystemTime> =
            runtimes.chain(self.gateways.gone().map(|(it, since)| (&it.arn, since))).collect();
        self.workload_identities.remove(|identity| gone.get(identity.owner.as_ref()?).copied());
        let runtimes = self.runtimes.iter().map(|it| (it.id.clone(), it.arn.clone(), it.created));
        let gateways = self.gateways.iter().map(|it| (it.id.clone(), it.arn.clone(), it.created));
        let owners: Vec<(String, String, SystemTime)> = runtimes.chain(gateways).collect();
        for (id, owner, created) in owners {
            if self.workload_identities.iter().all(|identity| identity.owner.as_ref() != Some(&owner)) {
                self.add_identity(&id, &Map::new(), Some(owner), created);
            }
        }
    }

    /// Knows no client token: a call repeated finds the name taken.
    pub(super) fn create_workload_identity(&mut self, call: &Call) -> Answer {
        let name = required(&call.input, "name");
        if self.workload_identities.find(name).is_ok() {
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
        self.workload_identities.find(required(&call.input, "name")).map(described)
    }

    /// Replaces the whole configuration. The identity of a runtime or a gateway can be updated like any other.
    pub(super) fn update_workload_identity(&mut self, call: &Call) -> Answer {
        let identity = self.workload_identities.find_mut(required(&call.input, "name"))?;
        identity.return_urls = call.input.get("allowedResourceOauth2ReturnUrls").cloned();
        identity.others = others(&call.input, &KNOWN);
        identity.updated = call.now;
        Ok(described(identity))
    }

    pub(super) fn delete_workload_identity(&mut self, call: &Call) -> Answer {
        let identity = self.workload_identities.find_mut(required(&call.input, "name"))?;
        if identity.owner.is_some() {
            // AWS does not document the error code; the service model has no ConflictException for this call.
            return Err(invalid("WorkloadIdentity is linked to a service and cannot be deleted by the caller."));
        }
        let sequence = identity.sequence;
        self.workload_identities.remove(|identity| (identity.sequence == sequence).then_some(call.now));
        Ok(json!({}))
    }

    pub(super) fn list_workload_identities(&self, call: &Call) -> Answer {
        let entry = |identity: &WorkloadIdentity| json!({"name": identity.name, "workloadIdentityArn": identity.arn});
        let entries = self.workload_identities.listed(self.settings.list_lag, call.now, entry);
        self.page_of(PAGE, entries, "workloadIdentities", &call.input)
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
        self.workload_identities.add(identity.clone());
        identity
    }
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
