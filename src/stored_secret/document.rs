//! A secret's value: a flat JSON object whose foreign entries survive byte for byte.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::{RawValue, to_raw_value};
use zeroize::{Zeroize, Zeroizing};

use super::form::{entries, problem};
use crate::error::Error;
use crate::sensitive::Sensitive;

/// The maximum size of a secret's value (Secrets Manager quotas).
const VALUE_BYTES_MAX: usize = 65_536;
const GENERATED_BYTES: usize = 32;
/// The maximum depth of nesting: no common JSON parser, and so no container, reads a deeper value.
const DEPTH_MAX: usize = 128;

/// The entries of a secret's JSON object. Wiped on drop, and never printed.
#[derive(Default)]
pub(crate) struct Document(BTreeMap<String, Box<RawValue>>);

impl Drop for Document {
    fn drop(&mut self) {
        for (_, raw) in std::mem::take(&mut self.0) {
            String::from(Box::<str>::from(raw)).zeroize();
        }
    }
}

impl Document {
    /// Parses a secret's text. The error is the reason, for people, and never quotes the text.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        entries(text).map(Self).map_err(|error| problem(text, &error))
    }

    /// Returns true if the key is there with a value other than `""` and null.
    pub(crate) fn has_value(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|raw| !matches!(raw.get(), "\"\"" | "null"))
    }

    /// Returns one entry as a text: a string as it is, a number or boolean as it is written. Returns `None` for an
    /// entry that is absent, null or nested. Other entries do not matter.
    pub(crate) fn text(&self, key: &str) -> Option<Sensitive> {
        let raw = self.0.get(key)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => self.string(key).map(|text| Sensitive::new(text.as_str())),
            _ if is_nested(raw) || raw == "null" => None,
            _ => Some(Sensitive::new(raw)),
        }
    }

    /// Returns all entries as texts, without those that are null. A nested value is an error that names its key,
    /// because an environment variable cannot hold it.
    pub(crate) fn texts(&self) -> Result<BTreeMap<String, Sensitive>, String> {
        if let Some((key, _)) = self.0.iter().find(|(_, raw)| is_nested(raw.get())) {
            return Err(key.clone());
        }
        Ok(self.0.keys().filter_map(|key| Some((key.clone(), self.text(key)?))).collect())
    }

    /// Returns every string and number at any depth, also in a string that holds JSON itself: these must not be quoted.
    /// `true` and `false` reveal no secret.
    pub(crate) fn leaves(&self) -> Vec<Sensitive> {
        let mut leaves = Vec::new();
        for raw in self.0.values() {
            add_leaves(raw.get(), DEPTH_MAX, &mut leaves);
        }
        leaves
    }

    /// Brings the entries to the desired ones: removes `dropped` and sets `values`. Returns true if anything changed.
    pub(crate) fn merge(
        &mut self,
        dropped: &BTreeSet<&String>,
        values: &BTreeMap<String, Sensitive>,
    ) -> Result<bool, Error> {
        let mut changed = false;
        for key in dropped {
            changed |= self.0.remove(*key).is_some();
        }
        for (key, value) in values {
            if self.string(key).is_none_or(|current| current.as_str() != value.expose()) {
                self.set(key, value.expose())?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Fills each of `keys` that has no value: with its value in `former`, or else with random text.
    pub(crate) fn generate(&mut self, keys: &BTreeSet<String>, former: Option<&Self>) -> Result<(), Error> {
        for key in keys {
            if !self.has_value(key) {
                let kept = former.and_then(|former| former.string(key)).filter(|text| !text.is_empty());
                let text = kept.map_or_else(random_text, Ok)?;
                self.set(key, &text)?;
            }
        }
        Ok(())
    }

    /// Returns the value as Secrets Manager stores it.
    pub(crate) fn encode(&self) -> Result<Sensitive, Error> {
        let text = serde_json::to_string(&self.0).map_err(|_| Error::Bug("a secret did not encode".to_owned()))?;
        if text.len() > VALUE_BYTES_MAX {
            let problem =
                format!("take {} bytes as JSON; Secrets Manager stores at most {VALUE_BYTES_MAX}", text.len());
            return Err(Error::property("Values", problem));
        }
        Ok(Sensitive::new(text))
    }

    fn string(&self, key: &str) -> Option<Zeroizing<String>> {
        serde_json::from_str(self.0.get(key)?.get()).ok().map(Zeroizing::new)
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        let raw = to_raw_value(text).map_err(|_| Error::Bug("a secret value did not encode".to_owned()))?;
        self.0.insert(key.to_owned(), raw);
        Ok(())
    }
}

fn is_nested(raw: &str) -> bool {
    raw.starts_with(['{', '['])
}

fn add_leaves(raw: &str, depth: usize, leaves: &mut Vec<Sensitive>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = Sensitive::new(serde_json::from_str::<String>(raw).unwrap_or_default());
            if is_nested(text.expose().trim()) {
                add_leaves(text.expose().trim(), depth, leaves);
            }
            leaves.push(text);
        }
        Some(b'{') => {
            let entries: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(raw).unwrap_or_default();
            for raw in entries.values() {
                add_leaves(raw.get(), depth, leaves);
            }
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            for raw in items {
                add_leaves(raw.get(), depth, leaves);
            }
        }
        Some(b't' | b'f' | b'n') | None => {}
        Some(_) => leaves.push(Sensitive::new(raw)),
    }
}

fn random_text() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; GENERATED_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(|error| Error::Bug(format!("no random bytes: {error}")))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, Sensitive> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Sensitive::new(*value))).collect()
    }

    #[test]
    fn foreign_entries_survive_byte_for_byte() {
        let mut document = Document::parse(r#"{"theirs": {"n": 1.50e3}, "ours": "old", "dropped": "x"}"#).unwrap();
        let dropped = "dropped".to_owned();
        assert!(document.merge(&BTreeSet::from([&dropped]), &values(&[("ours", "new")])).unwrap());
        assert_eq!(document.encode().unwrap().expose(), r#"{"ours":"new","theirs":{"n": 1.50e3}}"#);
    }

    #[test]
    fn awkward_values_survive_and_an_equal_document_is_unchanged() {
        let wanted = values(&[("K", "quote \" back\\slash \n newline é 😀 \u{7}")]);
        let mut document = Document::default();
        assert!(document.merge(&BTreeSet::new(), &wanted).unwrap());
        let mut again = Document::parse(document.encode().unwrap().expose()).unwrap();
        assert!(!again.merge(&BTreeSet::new(), &wanted).unwrap());
        assert_eq!(again.texts().unwrap()["K"], wanted["K"]);
    }

    #[test]
    fn generated_keys_are_filled_once_and_come_back_from_the_former_version() {
        let keys = BTreeSet::from(["KEY".to_owned()]);
        let mut document = Document::parse(r#"{"KEY": ""}"#).unwrap();
        document.generate(&keys, None).unwrap();
        let first = document.string("KEY").unwrap();
        assert_eq!(first.len(), 43);
        let mut later = Document::default();
        later.generate(&keys, Some(&document)).unwrap();
        assert_eq!(later.string("KEY").unwrap(), first);
    }

    #[test]
    fn leaves_are_found_at_any_depth() {
        let document = Document::parse(
            r#"{"a": "one", "b": {"c": ["two", {"d": 3.50, "e": true}], "f": null}, "g": " {\"h\": \"four\"}", "i": []}"#,
        )
        .unwrap();
        let leaves = document.leaves();
        let leaves: Vec<_> = leaves.iter().map(Sensitive::expose).collect();
        assert_eq!(leaves, ["one", "two", "3.50", "four", r#" {"h": "four"}"#]);
        let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(Document::parse(&deep).is_ok_and(|document| document.leaves().is_empty()));
    }

    #[test]
    fn an_entry_is_read_whatever_stands_beside_it() {
        let document = Document::parse(r#"{"K": "text", "n": 1.50, "other": {"nested": "x"}, "null": null}"#).unwrap();
        let text = |key| document.text(key).map(|text| text.expose().to_owned());
        assert_eq!((text("K").as_deref(), text("n").as_deref()), (Some("text"), Some("1.50")));
        assert_eq!((text("other"), text("null"), text("absent")), (None, None, None));
    }

    #[test]
    fn a_nested_entry_is_not_a_text() {
        assert!(Document::parse(r#"{"n": {}}"#).unwrap().texts().is_err());
    }
}
