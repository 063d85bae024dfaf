//! Reading the members of a validated input.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::Url;

/// Returns a text member, if it is there.
pub(crate) fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// Returns a member that the service model requires. The call was validated, so it is there.
pub(crate) fn required<'a>(input: &'a Map<String, Value>, member: &str) -> &'a str {
    text(input, member).unwrap_or_default()
}

/// Returns a member that maps text to text; empty when it is absent.
pub(crate) fn text_map(input: &Map<String, Value>, member: &str) -> BTreeMap<String, String> {
    let entries = input.get(member).and_then(Value::as_object).into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Returns a member that is a list of texts; empty when it is absent.
pub(crate) fn texts(input: &Map<String, Value>, member: &str) -> Vec<String> {
    let items = input.get(member).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a whole number of at least zero, if it is there.
pub(crate) fn count(input: &Map<String, Value>, member: &str) -> Option<usize> {
    input.get(member).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

/// Returns the members that are none of the `known` ones: those that no service model has.
pub(crate) fn others(input: &Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    let others = input.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Reads an https URL with a host and without user information. Stricter than browsers, which repair others.
pub(crate) fn https_url(text: &str) -> Option<Url> {
    let authority = text.strip_prefix("https://")?.split(['/', '?', '#']).next()?;
    let is_plain = !authority.is_empty() && !authority.contains(['@', '\\']) && !text.contains(char::is_whitespace);
    Url::parse(text).ok().filter(|_| is_plain)
}
