//! The rules that tags follow in every service [TAG reserved-tags].

use std::collections::BTreeMap;

/// Tags on one resource.
pub(crate) const MAX_TAGS: usize = 50;

/// Returns the first key that only AWS may set.
pub(crate) fn reserved(tags: &BTreeMap<String, String>) -> Option<&str> {
    tags.keys().map(String::as_str).find(|key| key.to_ascii_lowercase().starts_with("aws:"))
}
