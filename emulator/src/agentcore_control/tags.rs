//! `TagResource`, `UntagResource`, `ListTagsForResource`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::json;

use super::errors::{invalid, not_found};
use super::rules;
use super::state::AgentCoreControl;
use crate::input::{required, text_map, texts};
use crate::service::{Answer, ApiError, Call};

impl AgentCoreControl {
    pub(super) fn tag_resource(&mut self, call: &Call) -> Answer {
        let added = text_map(&call.input, "tags");
        rules::check_tags(&added)?;
        let tags = self.tagged(required(&call.input, "resourceArn"))?;
        let mut changed = tags.clone();
        changed.extend(added);
        rules::check_tag_count(&changed)?;
        *tags = changed;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, call: &Call) -> Answer {
        let tags = self.tagged(required(&call.input, "resourceArn"))?;
        for key in texts(&call.input, "tagKeys") {
            tags.remove(&key);
        }
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&mut self, call: &Call) -> Answer {
        let tags = self.tagged(required(&call.input, "resourceArn"))?;
        Ok(json!({"tags": tags}))
    }

    /// Returns the tags of the resource of this ARN, if it exists at `now`.
    pub(super) fn tags_of(&self, arn: &str, now: SystemTime) -> Option<&BTreeMap<String, String>> {
        let runtimes = self.runtimes(now).map(|it| (&it.arn, &it.tags));
        let gateways = self.gateways(now).map(|it| (&it.arn, &it.tags));
        let providers = self.credential_providers(now).map(|it| (&it.arn, &it.tags));
        let key_providers = self.api_key_providers.iter().map(|it| (&it.arn, &it.tags));
        let identities = self.workload_identities.iter().map(|it| (&it.arn, &it.tags));
        let endpoints = self.endpoints(now).map(|it| (&it.arn, &it.tags));
        let all = runtimes.chain(gateways).chain(providers).chain(key_providers).chain(identities).chain(endpoints);
        all.into_iter().find(|(known, _)| *known == arn).map(|(_, tags)| tags)
    }

    /// Finds the tags of the resource of this ARN, to change them. Deleted resources were moved away when the call
    /// began.
    fn tagged(&mut self, arn: &str) -> Result<&mut BTreeMap<String, String>, ApiError> {
        if self.refuse_identity_tags && (arn.contains(":token-vault/") || arn.contains(":workload-identity-directory/"))
        {
            let constraint = "Member must satisfy regular expression pattern";
            return Err(invalid(format!("Value at 'resourceArn' failed to satisfy constraint: {constraint}")));
        }
        let gateways = self.gateways.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let providers = self.credential_providers.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let key_providers = self.api_key_providers.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let identities = self.workload_identities.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let runtimes = self.runtimes.iter_mut().flat_map(|it| {
            let endpoints = it.endpoints.iter_mut().map(|it| (&it.arn, &mut it.tags));
            endpoints.chain([(&it.arn, &mut it.tags)])
        });
        let all = runtimes.chain(gateways).chain(providers).chain(key_providers).chain(identities);
        let found = all.into_iter().find(|(known, _)| *known == arn).map(|(_, tags)| tags);
        found.ok_or_else(|| not_found(format!("The resource '{arn}' was not found.")))
    }
}
