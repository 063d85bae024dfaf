//! What an account has in AgentCore, for those who look whether something was left behind.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::AgentCoreControl;

impl AgentCoreControl {
    /// Returns everything that exists at `now` and costs money, holds a name or grants something, by kind and name, with
    /// its condition: two conditions are equal if nothing was changed between them. What comes and goes with a resource
    /// (a runtime's `DEFAULT` endpoint, the workload identity of a runtime or a gateway) is part of it.
    #[must_use]
    pub fn holdings(&self, now: SystemTime) -> BTreeMap<String, String> {
        let mut things = BTreeMap::new();
        let mut add = |thing: String, condition: String| drop(things.insert(thing, condition));
        for runtime in self.runtimes(now) {
            let condition = format!("version {} {:?}", runtime.newest().number, runtime.tags);
            add(format!("runtime {}", runtime.id), condition);
        }
        for endpoint in self.endpoints(now) {
            let condition = format!("updated {:?} {:?}", endpoint.updated, endpoint.tags);
            add(format!("endpoint {} of runtime {}", endpoint.name, endpoint.runtime_id), condition);
        }
        for gateway in self.gateways(now) {
            let condition = format!("updated {:?} {:?}", gateway.updated, gateway.tags);
            add(format!("gateway {}", gateway.id), condition);
            for target in gateway.targets(now) {
                let condition = format!("{:?} {:?}", target.description, target.configuration());
                add(format!("target {} of gateway {}", target.name, gateway.id), condition);
            }
        }
        for provider in self.credential_providers(now) {
            add(format!("credential provider {}", provider.name), format!("{:?}", provider.tags));
        }
        for provider in self.api_key_providers() {
            let condition = format!("{:?} {:?}", provider.secret, provider.tags);
            add(format!("API key credential provider {}", provider.name), condition);
        }
        for identity in self.workload_identities().iter().filter(|identity| identity.owner.is_none()) {
            let condition = format!("{:?} {:?}", identity.return_urls, identity.tags);
            add(format!("workload identity {}", identity.name), condition);
        }
        for (arn, policy) in self.resource_policies() {
            add(format!("resource policy of {arn}"), policy.to_string());
        }
        things
    }
}
