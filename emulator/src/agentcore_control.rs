//! The control plane of Bedrock AgentCore: runtimes with their versions and endpoints, and tags.
//!
//! States follow the clock: nothing happens in the background, a resource's status is a function of the time at which
//! it is asked for. Where AWS's behaviour is not documented the stricter one is chosen:
//!
//! - an update is a full replacement: an optional member that it leaves out is reset, `metadataConfiguration` included;
//! - update and delete of a runtime that is still being created, updated or deleted are refused with
//!   `ConflictException`, and so is an update of one that failed to be created or deleted;
//! - a name stays taken until the runtime that has it is gone;
//! - client tokens are remembered for ever: a call that repeats one gets the first answer again, even when the runtime
//!   it names has been deleted since;
//! - an update that changes nothing makes no version;
//! - the artifact's type (container or code) cannot change.

mod access;
mod configuration;
mod endpoint;
mod errors;
mod execution_role;
mod headers;
mod page;
mod rules;
mod runtime;
mod status;
mod tags;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeSet;
use std::time::SystemTime;

pub use self::configuration::Configuration;
pub use self::runtime::{Runtime, Version};
pub use self::status::{Status, Transition};
pub use self::token::Mismatch;
use self::token::Tokens;
use crate::iam::Iam;
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;

/// The state of the control plane in one account and Region.
#[derive(Clone, Debug)]
pub struct AgentCoreControl {
    settings: Settings,
    /// In the order of their creation.
    runtimes: Vec<Runtime>,
    /// Runtimes that are gone, in the order in which calls found them gone.
    deleted: Vec<Runtime>,
    /// How many runtimes were ever created; decides the next id.
    created: u64,
    tokens: Tokens,
    /// Service principals whose service-linked role exists.
    service_linked_roles: BTreeSet<String>,
}

impl AgentCoreControl {
    /// An account that has never used AgentCore.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            runtimes: Vec::new(),
            deleted: Vec::new(),
            created: 0,
            tokens: Tokens::default(),
            service_linked_roles: BTreeSet::new(),
        }
    }

    /// Executes one validated and authorized call.
    pub(crate) fn call(&mut self, call: &Call, iam: &Iam) -> Answer {
        self.settle(call.now);
        if let Some(answer) = self.tokens.replay(call) {
            return answer;
        }
        let answer = match call.operation {
            "CreateAgentRuntime" => self.create_agent_runtime(call, iam),
            "GetAgentRuntime" => self.get_agent_runtime(call),
            "UpdateAgentRuntime" => self.update_agent_runtime(call, iam),
            "DeleteAgentRuntime" => self.delete_agent_runtime(call),
            "ListAgentRuntimes" => self.list_agent_runtimes(call),
            "ListAgentRuntimeVersions" => self.list_agent_runtime_versions(call),
            "GetAgentRuntimeEndpoint" => self.get_agent_runtime_endpoint(call),
            "ListAgentRuntimeEndpoints" => self.list_agent_runtime_endpoints(call),
            "TagResource" => self.tag_resource(call),
            "UntagResource" => self.untag_resource(call),
            "ListTagsForResource" => self.list_tags_for_resource(call),
            other => Err(ApiError::new(
                404,
                "UnknownOperationException",
                format!("the emulator's AgentCore has no operation `{other}`"),
            )),
        }?;
        self.tokens.record(call, &answer);
        Ok(answer)
    }

    /// Chooses the answer to a client token that comes again with other parameters.
    pub fn answer_mismatched_tokens_with(&mut self, mismatch: Mismatch) {
        self.tokens.mismatch = mismatch;
    }

    /// The runtimes that exist at `now`, in the order of their creation, those being deleted included.
    pub fn runtimes(&self, now: SystemTime) -> impl Iterator<Item = &Runtime> {
        self.runtimes.iter().filter(move |runtime| runtime.status(now) != Status::Gone)
    }

    /// The runtime of this id, if it exists at `now`.
    #[must_use]
    pub fn runtime(&self, id: &str, now: SystemTime) -> Option<&Runtime> {
        self.runtimes(now).find(|runtime| runtime.id == id)
    }

    /// The runtime of this name, if it exists at `now`.
    #[must_use]
    pub fn runtime_named(&self, name: &str, now: SystemTime) -> Option<&Runtime> {
        self.runtimes(now).find(|runtime| runtime.name == name)
    }

    /// The runtimes that are gone at `now`, in the order of their creation within those found gone together.
    pub fn deleted_runtimes(&self, now: SystemTime) -> impl Iterator<Item = &Runtime> {
        self.deleted.iter().chain(self.runtimes.iter().filter(move |runtime| runtime.status(now) == Status::Gone))
    }

    /// Service principals whose service-linked role exists; AgentCore creates each on its first use.
    #[must_use]
    pub fn service_linked_roles(&self) -> &BTreeSet<String> {
        &self.service_linked_roles
    }

    /// Lets a service-linked role exist, as in an account that used the feature before.
    pub fn put_service_linked_role(&mut self, service: impl Into<String>) {
        self.service_linked_roles.insert(service.into());
    }

    /// Moves the runtimes that are gone out of the way.
    fn settle(&mut self, now: SystemTime) {
        let (gone, here) = std::mem::take(&mut self.runtimes).into_iter().partition(|r| r.status(now) == Status::Gone);
        self.runtimes = here;
        let mut gone: Vec<Runtime> = gone;
        self.deleted.append(&mut gone);
    }

    fn arn(&self, resource: &str) -> String {
        let Settings { partition, region, account_id, .. } = &self.settings;
        format!("arn:{partition}:bedrock-agentcore:{region}:{account_id}:{resource}")
    }
}
