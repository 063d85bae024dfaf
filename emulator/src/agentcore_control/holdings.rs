//! The resources that an account has in AgentCore, for checks that nothing was left behind.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::state::AgentCoreControl;

/// One thing that an account has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The id by which CloudFormation knows it, or the resource that it belongs to.
    pub physical_id: String,
    /// Equal for two looks at it if nothing was changed between them. May hold secret values: compare it, never show
    /// it.
    pub condition: String,
}

impl AgentCoreControl {
    /// Returns everything that exists at `now` and costs money, holds a name or grants something, by kind and name.
    /// Includes the parts that come and go with a resource (a runtime's `DEFAULT` endpoint, the workload identity of a
    /// runtime or a gateway).
    #[must_use]
    pub fn holdings(&self, now: SystemTime) -> BTreeMap<String, Holding> {
        let mut things = BTreeMap::new();
        let mut add = |thing: String, physical_id: &str, condition: String| {
            things.insert(thing, Holding { physical_id: physical_id.to_owned(), condition });
        };
        for runtime in self.runtimes(now) {
            let condition = format!("version {} {:?}", runtime.newest().number, runtime.tags);
            add(format!("runtime {}", runtime.id), &runtime.id, condition);
        }
        for endpoint in self.endpoints(now) {
            let condition = format!("updated {:?} {:?}", endpoint.updated, endpoint.tags);
            let thing = format!("endpoint {} of runtime {}", endpoint.name, endpoint.runtime_id);
            add(thing, &endpoint.runtime_id, condition);
        }
        for gateway in self.gateways(now) {
            let condition = format!("updated {:?} {:?}", gateway.updated, gateway.tags);
            add(format!("gateway {}", gateway.id), &gateway.id, condition);
            for target in gateway.targets(now) {
                let condition = format!("{:?} {:?}", target.description, target.configuration());
                let thing = format!("target {} of gateway {}", target.name, gateway.id);
                add(thing, &format!("{}/{}", gateway.id, target.id), condition);
            }
        }
        for provider in self.credential_providers(now) {
            let thing = format!("credential provider {}", provider.name);
            add(thing, &provider.name, format!("{:?}", provider.tags));
        }
        for provider in self.api_key_providers() {
            let condition = format!("{:?} {:?}", provider.secret, provider.tags);
            add(format!("API key credential provider {}", provider.name), &provider.name, condition);
        }
        for identity in self.workload_identities().iter().filter(|identity| identity.owner.is_none()) {
            let condition = format!("{:?} {:?}", identity.return_urls, identity.tags);
            add(format!("workload identity {}", identity.name), &identity.name, condition);
        }
        for (arn, policy) in self.resource_policies() {
            let owner = arn.rsplit('/').next().unwrap_or_default();
            add(format!("resource policy of {arn}"), owner, policy.to_string());
        }
        things
    }
}
