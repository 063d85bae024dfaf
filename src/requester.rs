//! The identity of the requester: names, tokens and ownership tags, all derived from the request and never from chance.
//!
//! The same request therefore leads to the same resource however often it is delivered.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::arn::Arn;

/// Tag that names the stack that created a resource.
pub(crate) const STACK_ID_TAG: &str = "agentcore-provisioner:stack-id";
/// Tag that names the logical resource within the stack.
pub(crate) const LOGICAL_ID_TAG: &str = "agentcore-provisioner:logical-id";
/// Prefix kept for the tags above.
pub(crate) const TAG_PREFIX: &str = "agentcore-provisioner:";
/// The reason why a resource with ownership tags is not proved to be ours, and the remedy.
pub(crate) const TAGS_LOST: &str = "its ownership tags are gone or changed: restore them and retry";
/// Environment variable of the function with the prefix of the names that it derives for AgentCore.
pub const NAME_PREFIX_VARIABLE: &str = "NAME_PREFIX";
/// The prefix without that variable, where hyphens are allowed.
const NAME_PREFIX_DEFAULT: &str = "mcp";
/// Prefix of a physical id that stands for a resource that is not known to exist yet.
const PENDING_PREFIX: &str = "pending:";

/// Upper bound of a `PhysicalResourceId`: "up to 1 KB" (CloudFormation user guide, custom resource responses).
const PHYSICAL_ID_BYTES_MAX: usize = 1024;

/// The three ids that identify a request, and everything that is derived from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The stack's ARN.
    pub stack_id: String,
    /// The resource's name in the template.
    pub logical_id: String,
    /// CloudFormation's id of this one request.
    pub request_id: String,
    /// The prefix of derived names, if the function's role covers no others: lower-case letters and digits.
    pub name_prefix: Option<String>,
}

/// The owner that a set of tags names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This logical resource of this stack.
    Us,
    /// The same logical resource of an earlier stack of the same name. That stack must have been deleted, because
    /// CloudFormation keeps stack names unique per account and Region.
    Predecessor,
    /// Another owner, or none.
    Other,
}

impl Requester {
    /// Returns an idempotency token for one purpose within this request: the same for every delivery, another for every
    /// other request. It has the form of a UUID, which both Secrets Manager (32–64 characters, becomes the version id)
    /// and AgentCore (33–256 characters) accept.
    pub(crate) fn client_token(&self, purpose: &str) -> String {
        let hex = digest(&[&self.stack_id, &self.logical_id, &self.request_id, purpose]);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
    }

    /// Returns eight hexadecimal digits that differ between stacks and between resources of one stack.
    pub(crate) fn suffix(&self) -> String {
        digest(&[&self.stack_id, &self.logical_id])[..8].to_owned()
    }

    /// Returns the beginning of every name that is derived for AgentCore where hyphens are allowed: `<prefix>-<first
    /// eight characters of the stack's GUID>-`, with `mcp` unless the function was given a prefix. Policies can name
    /// it.
    pub(crate) fn name_stem(&self) -> String {
        let prefix = self.name_prefix.as_deref().unwrap_or(NAME_PREFIX_DEFAULT);
        let guid = self.stack_id.rsplit('/').next().unwrap_or_default();
        let guid: String = guid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        format!("{prefix}-{}-", guid.to_lowercase())
    }

    /// Returns a derived name, the same for every request about this resource.
    pub(crate) fn derived_name(&self) -> String {
        format!("{}{}", self.name_stem(), &digest(&[&self.stack_id, &self.logical_id])[..6])
    }

    /// Returns a derived name for this variant of the resource, which another variant replaces. The same for every request.
    pub(crate) fn variant_name(&self, variant: &str) -> String {
        format!("{}{}", self.name_stem(), &digest(&[&self.stack_id, &self.logical_id, variant])[..6])
    }

    /// Returns a derived name for a replacement of the resource: the same for every delivery of this request.
    pub(crate) fn replacement_name(&self) -> String {
        let hex = digest(&[&self.stack_id, &self.logical_id, &self.request_id]);
        format!("{}{}", self.name_stem(), &hex[..6])
    }

    /// Returns true if a name was derived for a resource of this stack, by any request: the name of a replacement
    /// depends on the request.
    pub(crate) fn is_derived_name(&self, name: &str) -> bool {
        name.strip_prefix(&self.name_stem())
            .is_some_and(|hex| hex.len() == 6 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
    }

    /// Returns the end of a description that proves ownership where there are no tags: sixteen hexadecimal digits of
    /// stack and logical id, in brackets.
    pub(crate) fn marker(&self) -> String {
        format!("(agentcore-provisioner {})", &digest(&[&self.stack_id, &self.logical_id])[..16])
    }

    /// Returns the stack's name, from its ARN `arn:…:stack/<name>/<guid>`.
    pub(crate) fn stack_name(&self) -> &str {
        self.stack_id.split('/').nth(1).unwrap_or("stack")
    }

    /// Returns the id by which to ask Secrets Manager for a secret of this account and Region that is known by name:
    /// its ARN without the random end. A policy that names secrets by ARN does not cover a bare name, so that a request
    /// by name for a secret that does not exist is answered with AccessDenied. ARNs, and names that end like one, are
    /// left as they are.
    pub(crate) fn secret_id(&self, name: &str) -> String {
        let ends_like_an_arn = name.rsplit_once('-').is_some_and(|(_, end)| end.len() == 6);
        match Arn::of_service("cloudformation", &self.stack_id) {
            Some(stack) if !name.starts_with("arn:") && !ends_like_an_arn => {
                stack.neighbor("secretsmanager", &format!("secret:{name}"))
            }
            _ => name.to_owned(),
        }
    }

    /// Returns the tags that prove ownership.
    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (STACK_ID_TAG.to_owned(), self.stack_id.clone()),
            (LOGICAL_ID_TAG.to_owned(), self.logical_id.clone()),
        ])
    }

    /// Returns the owner of the resource that carries these tags.
    pub(crate) fn owner(&self, tags: &BTreeMap<String, String>) -> Owner {
        let (Some(stack_id), Some(logical_id)) = (tags.get(STACK_ID_TAG), tags.get(LOGICAL_ID_TAG)) else {
            return Owner::Other;
        };
        if *logical_id != self.logical_id {
            Owner::Other
        } else if *stack_id == self.stack_id {
            Owner::Us
        } else if without_guid(stack_id).is_some_and(|name| Some(name) == without_guid(&self.stack_id)) {
            Owner::Predecessor
        } else {
            Owner::Other
        }
    }
}

fn without_guid(stack_id: &str) -> Option<&str> {
    stack_id.rsplit_once('/').map(|(name, _)| name)
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// Returns the physical id that stands for a resource of this name before the resource is known to exist.
pub(crate) fn pending_id(name: &str) -> String {
    let mut id = format!("{PENDING_PREFIX}{name}");
    id.truncate(id.floor_char_boundary(PHYSICAL_ID_BYTES_MAX));
    id
}

/// Returns the name inside a pending id, or `None` for any other id.
pub(crate) fn pending_name(physical_id: &str) -> Option<&str> {
    physical_id.strip_prefix(PENDING_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requester(stack_guid: &str, logical_id: &str) -> Requester {
        Requester {
            stack_id: format!("arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/{stack_guid}"),
            logical_id: logical_id.to_owned(),
            request_id: "request-1".to_owned(),
            name_prefix: None,
        }
    }

    #[test]
    fn tokens_repeat_for_one_request_and_differ_between_purposes() {
        let requester = requester("g1", "Runtime");
        assert_eq!(requester.client_token("create"), requester.client_token("create"));
        assert_ne!(requester.client_token("create"), requester.client_token("update"));
        assert_eq!(requester.client_token("create").len(), 36);
    }

    #[test]
    fn derived_names_belong_to_the_stack_and_a_replacements_to_the_request() {
        let one = requester("1A2b3c4d-5e6f-0000-0000-000000000000", "Gateway");
        let two = Requester { request_id: "request-2".to_owned(), ..one.clone() };
        assert!(one.derived_name().starts_with("mcp-1a2b3c4d-") && one.derived_name().len() == 19);
        assert_eq!(one.derived_name(), two.derived_name());
        assert_ne!(one.replacement_name(), two.replacement_name());
        assert!(one.is_derived_name(&two.replacement_name()));
        for other in ["mcp-1a2b3c4d-server", "mcp-1a2b3c4d-ABCDEF", "mcp-1a2b3c4d", "mcp-Gateway-1ABCDEFGHIJK"] {
            assert!(!one.is_derived_name(other), "{other}");
        }
        assert!(!one.is_derived_name(&format!("pending:{}", one.derived_name())));
        assert!(!one.is_derived_name(&requester("g2", "Gateway").derived_name()));
        let team = Requester { name_prefix: Some("team".to_owned()), ..one };
        assert!(team.derived_name().starts_with("team-1a2b3c4d-") && team.is_derived_name(&team.replacement_name()));
    }

    #[test]
    fn a_secret_is_asked_for_by_an_arn_that_a_policy_can_name() {
        let requester = requester("g1", "Secret");
        assert_eq!(requester.secret_id("a/b"), "arn:aws:secretsmanager:us-east-1:111122223333:secret:a/b");
        for name in ["arn:aws:secretsmanager:us-east-1:1:secret:x-AbCdEf", "name-AbCdEf"] {
            assert_eq!(requester.secret_id(name), name);
        }
    }

    #[test]
    fn ownership_needs_both_tags_and_recognises_a_dead_predecessor() {
        let ours = requester("g1", "Runtime");
        assert_eq!(ours.owner(&ours.tags()), Owner::Us);
        assert_eq!(ours.owner(&requester("g0", "Runtime").tags()), Owner::Predecessor);
        assert_eq!(ours.owner(&requester("g1", "Other").tags()), Owner::Other);
        assert_eq!(ours.owner(&BTreeMap::new()), Owner::Other);
        let mut half = ours.tags();
        half.remove(LOGICAL_ID_TAG);
        assert_eq!(ours.owner(&half), Owner::Other);
    }

    #[test]
    fn a_pending_id_stays_within_one_kilobyte() {
        let id = pending_id(&"é".repeat(2000));
        assert!(id.len() <= PHYSICAL_ID_BYTES_MAX);
        assert_eq!(pending_name(&pending_id("name")), Some("name"));
        assert_eq!(pending_name("name-abcdefghij"), None);
    }
}
