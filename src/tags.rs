//! The tags of a resource: the user's, and the proof of ownership. No AWS call.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::properties::at_most;
use crate::requester::{Requester, TAG_PREFIX};

/// Checks the `Tags` map that every type accepts. AgentCore and Secrets Manager allow 50 tags, ours included.
pub(crate) fn check(name: &str, tags: &BTreeMap<String, String>) -> Result<(), Error> {
    const TAGS_MAX: usize = 48;
    if tags.len() > TAGS_MAX {
        return Err(Error::property(name, format!("has {} entries; use at most {TAGS_MAX}", tags.len())));
    }
    for (key, value) in tags {
        let entry = format!("{name}.{key}");
        if key.trim().is_empty() {
            return Err(Error::property(name, "has an entry without a key; name it or remove it"));
        }
        let lower = key.to_ascii_lowercase();
        if let Some(prefix) = ["aws:", TAG_PREFIX].into_iter().find(|prefix| lower.starts_with(prefix)) {
            return Err(Error::property(entry, format!("has the reserved prefix `{prefix}`; choose another key")));
        }
        at_most(&entry, key, 128)?;
        at_most(&entry, value, 256)?;
        // The stricter one of the two services' patterns: AgentCore's TagKey and TagValue.
        let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "._:/=+@-".contains(c);
        if !key.chars().all(allowed) || !value.chars().all(allowed) {
            return Err(Error::property(
                entry,
                "has a character that tags cannot have; use letters, digits and ._:/=+@-",
            ));
        }
    }
    Ok(())
}

/// Returns the desired tags of a resource: the user's and the proof of ownership.
pub(crate) fn wanted(user: &BTreeMap<String, String>, requester: &Requester) -> BTreeMap<String, String> {
    let mut tags = user.clone();
    tags.extend(requester.tags());
    tags
}

/// Returns the changes that bring a resource to the desired tags. Tags that AWS or others added are left alone: only
/// keys of the previous properties are removed.
pub(crate) fn changes(
    live: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    previous: Option<&BTreeMap<String, String>>,
) -> Changes {
    let set = wanted.iter().filter(|(key, value)| live.get(*key) != Some(value));
    let removed = previous.into_iter().flatten().map(|(key, _)| key);
    Changes {
        set: set.map(|(key, value)| (key.clone(), value.clone())).collect(),
        remove: removed.filter(|key| live.contains_key(*key) && !wanted.contains_key(*key)).cloned().collect(),
    }
}

/// Tags to write and keys to remove.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) remove: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_former_tags_are_removed() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let live = map(&[("a", "1"), ("b", "1"), ("theirs", "x")]);
        let changes = changes(&live, &map(&[("a", "2")]), Some(&map(&[("a", "1"), ("b", "1"), ("gone", "1")])));
        assert_eq!(changes, Changes { set: map(&[("a", "2")]), remove: vec!["b".to_owned()] });
    }
}
