//! A secret's value: a flat JSON object whose foreign entries survive byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::{RawValue, to_raw_value};
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::sensitive::Sensitive;

/// Upper bound of a secret's value (Secrets Manager quotas).
const VALUE_BYTES_MAX: usize = 65_536;
const GENERATED_BYTES: usize = 32;

/// The entries of a secret's JSON object. Wiped on drop; prints nothing of itself.
#[derive(Default)]
pub struct Document(BTreeMap<String, Box<RawValue>>);

impl Drop for Document {
    fn drop(&mut self) {
        for (_, raw) in std::mem::take(&mut self.0) {
            String::from(Box::<str>::from(raw)).zeroize();
        }
    }
}

impl Document {
    /// Reads a secret's text; the error is the reason, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
            Ok(entries) => Ok(Self(entries)),
            Err(_) if serde_json::from_str::<&RawValue>(text).is_ok() => Err("is JSON, but not a JSON object"),
            Err(_) => Err("is not JSON"),
        }
    }

    /// Whether the key is there with a value other than `""` and null.
    #[must_use]
    pub fn has_value(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|raw| !matches!(raw.get(), "\"\"" | "null"))
    }

    /// The entries as texts: strings as they are, numbers and booleans as they are written. Nested values are an error
    /// that names their key, because an environment variable cannot hold them.
    pub fn texts(&self) -> Result<BTreeMap<String, Sensitive>, String> {
        let mut texts = BTreeMap::new();
        for (key, raw) in &self.0 {
            let text = match raw.get().as_bytes().first() {
                Some(b'"') => Zeroizing::new(serde_json::from_str::<String>(raw.get()).unwrap_or_default()),
                Some(b'{' | b'[') => return Err(key.clone()),
                _ if raw.get() == "null" => continue,
                _ => Zeroizing::new(raw.get().to_owned()),
            };
            texts.insert(key.clone(), Sensitive::new(text.as_str()));
        }
        Ok(texts)
    }

    /// Brings the entries to the desired ones: removes `dropped` and sets `values`. Returns whether anything changed.
    pub fn merge(&mut self, dropped: &BTreeSet<&String>, values: &BTreeMap<String, Sensitive>) -> Result<bool, Error> {
        let mut changed = false;
        for key in dropped {
            changed |= self.0.remove(*key).is_some();
        }
        for (key, value) in values {
            if self.text(key).is_none_or(|current| current.as_str() != value.expose()) {
                self.set(key, value.expose())?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Fills each of `keys` that has no value: with what it had in `former`, or else with random text.
    pub fn generate(&mut self, keys: &BTreeSet<String>, former: Option<&Self>) -> Result<(), Error> {
        for key in keys {
            if !self.has_value(key) {
                let kept = former.and_then(|former| former.text(key)).filter(|text| !text.is_empty());
                let text = kept.map_or_else(random_text, Ok)?;
                self.set(key, &text)?;
            }
        }
        Ok(())
    }

    /// The value as Secrets Manager stores it.
    pub fn encode(&self) -> Result<Sensitive, Error> {
        let text = serde_json::to_string(&self.0).map_err(|_| Error::Bug("a secret did not encode".to_owned()))?;
        if text.len() > VALUE_BYTES_MAX {
            let problem =
                format!("take {} bytes as JSON; Secrets Manager stores at most {VALUE_BYTES_MAX}", text.len());
            return Err(Error::property("Values", problem));
        }
        Ok(Sensitive::new(text))
    }

    fn text(&self, key: &str) -> Option<Zeroizing<String>> {
        serde_json::from_str(self.0.get(key)?.get()).ok().map(Zeroizing::new)
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        let raw = to_raw_value(text).map_err(|_| Error::Bug("a secret value did not encode".to_owned()))?;
        self.0.insert(key.to_owned(), raw);
        Ok(())
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
        let first = document.text("KEY").unwrap();
        assert_eq!(first.len(), 43);
        let mut later = Document::default();
        later.generate(&keys, Some(&document)).unwrap();
        assert_eq!(later.text("KEY").unwrap(), first);
    }

    #[test]
    fn says_why_a_text_is_no_document() {
        assert_eq!(Document::parse("[1]").err(), Some("is JSON, but not a JSON object"));
        assert_eq!(Document::parse("user:pass").err(), Some("is not JSON"));
        assert!(Document::parse(r#"{"n": {}}"#).unwrap().texts().is_err());
    }
}
