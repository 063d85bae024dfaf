//! A requirement of a call: an action that has to be allowed on a resource.

use std::collections::BTreeMap;

/// Values of condition keys, by the key's name: `aws:RequestTag/team`. Names are compared without regard to case.
pub type Context = BTreeMap<String, Vec<String>>;

/// One action on one resource that a call needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// `secretsmanager:CreateSecret`.
    pub action: String,
    /// An ARN, or `*` for an action that has no resource.
    pub resource: String,
    /// Values of the condition keys that the service sets for this action.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Requirement {
    /// Creates a requirement without context values of its own.
    pub(crate) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: Context::new() }
    }

    /// Sets one condition key.
    pub(crate) fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(key.into(), vec![value.into()]);
        self
    }

    /// Sets `<prefix>/<key>` for each tag, as `aws:ResourceTag` and `aws:RequestTag` do.
    pub(crate) fn with_tags(mut self, prefix: &str, tags: &BTreeMap<String, String>) -> Self {
        for (key, value) in tags {
            self.context.insert(format!("{prefix}/{key}"), vec![value.clone()]);
        }
        self
    }

    /// Sets `aws:ResourceTag/<key>` for the tags of the resource, if it exists.
    pub(crate) fn with_resource_tags(self, tags: Option<&BTreeMap<String, String>>) -> Self {
        match tags {
            Some(tags) => self.with_tags("aws:ResourceTag", tags),
            None => self,
        }
    }

    /// Sets `aws:RequestTag/<key>` and `aws:TagKeys` for the tags that a call brings.
    pub(crate) fn with_request_tags(self, tags: &BTreeMap<String, String>) -> Self {
        self.with_tags("aws:RequestTag", tags).with_tag_keys(tags.keys().cloned().collect())
    }

    /// Sets `aws:TagKeys`, unless there are none.
    pub(crate) fn with_tag_keys(mut self, keys: Vec<String>) -> Self {
        if !keys.is_empty() {
            self.context.insert("aws:TagKeys".to_owned(), keys);
        }
        self
    }
}
