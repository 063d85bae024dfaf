//! Decides about the form of a secret's text: a JSON object, or something else, and what. Never repeats any of the
//! text.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The entries of an object, as they are written.
type Entries = BTreeMap<String, Box<RawValue>>;

/// The words of the one error among serde's that is ours.
const TWICE: &str = "has the same key twice";

/// Reads the entries of a JSON object. A key that stands there twice is an error, because readers differ in which one
/// they use.
pub(super) fn entries(text: &str) -> Result<Entries, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let entries = deserializer.deserialize_map(Object)?;
    deserializer.end()?;
    Ok(entries)
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::new();
        while let Some((key, value)) = map.next_entry()? {
            if entries.insert(key, value).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(entries)
    }
}

/// Says what a text is that is not a usable JSON object. The words complete "whose value …".
pub(super) fn problem(text: &str, error: &serde_json::Error) -> &'static str {
    let trimmed = text.trim();
    let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
    if error.is_data() && error.to_string().starts_with(TWICE) {
        return "has the same key twice (JSON parsers disagree on which one counts)";
    }
    if trimmed.is_empty() {
        return "is empty";
    }
    if text.starts_with('\u{feff}') {
        return "begins with a byte order mark (store it without)";
    }
    if text.contains('\0') {
        let is_utf16 = text.chars().take(4).any(|character| character == '\0');
        return match text.trim_end_matches(['\0', '\n', '\r']) {
            _ if is_utf16 => "is UTF-16 (store it as UTF-8)",
            rest if is_json(rest) => "ends in a NUL character (store it without)",
            _ => "has NUL characters in it (store it without)",
        };
    }
    if let Ok(inner) = serde_json::from_str::<String>(text) {
        let is_object = entries(&inner).is_ok();
        return if is_object {
            "is a JSON object that was encoded as a JSON string (store it unchanged)"
        } else {
            NO_OBJECT
        };
    }
    if is_json(text) {
        return NO_OBJECT;
    }
    let body = trimmed.strip_prefix('{').map(str::trim_start);
    match body {
        Some(body) if body.starts_with('\'') => "is not JSON: it has single quotes, as Python prints a dictionary",
        Some(body) if body.starts_with(['\u{201c}', '\u{201d}', '\u{ab}']) => "is not JSON: it has typographic quotes",
        Some(_) if error.is_eof() => "is not JSON: its end is missing",
        None if trimmed.lines().all(is_assignment) => "is not JSON: it has lines of `KEY=value`",
        _ => "is not JSON",
    }
}

const NO_OBJECT: &str = "is JSON, but not a JSON object";

/// Returns true for `KEY=value`, `export KEY=value`, a comment or an empty line.
fn is_assignment(line: &str) -> bool {
    let line = line.trim().trim_start_matches("export ");
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    line.is_empty() || line.starts_with('#') || line.split_once('=').is_some_and(|(name, _)| is_name(name))
}

#[cfg(test)]
mod tests {
    use crate::stored_secret::Document;

    #[test]
    fn what_a_text_is_instead_of_a_json_object_is_said_without_quoting_it() {
        let utf16: String = "{\"K\": \"cAnArY\"}".chars().flat_map(|character| [character, '\0']).collect();
        for (text, problem) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("\u{feff}{\"K\": \"cAnArY\"}", "begins with a byte order mark (store it without)"),
            (utf16.as_str(), "is UTF-16 (store it as UTF-8)"),
            ("\u{fffd}\u{fffd}{\0\"\0", "is UTF-16 (store it as UTF-8)"),
            ("{\"K\": \"cAnArY\"}\0", "ends in a NUL character (store it without)"),
            ("{\"K\": \"cAnArY\"}\0\n", "ends in a NUL character (store it without)"),
            ("{\"K\": \"cAn\0ArY\"}", "has NUL characters in it (store it without)"),
            ("{'K': 'cAnArY'}", "is not JSON: it has single quotes, as Python prints a dictionary"),
            ("{ 'K': 'cAnArY', 'N': None}", "is not JSON: it has single quotes, as Python prints a dictionary"),
            ("{\u{201c}K\u{201d}: 1}", "is not JSON: it has typographic quotes"),
            ("{\"K\": \"cAnArY", "is not JSON: its end is missing"),
            ("{\"K\": \"cAnArY\",}", "is not JSON"),
            ("{\"K\": None}", "is not JSON"),
            ("{\"K\": 1} {\"K\": 2}", "is not JSON"),
            ("user:cAnArY", "is not JSON"),
            ("cAnArY", "is not JSON"),
            ("K=cAnArY", "is not JSON: it has lines of `KEY=value`"),
            ("# mine\nexport K=cAnArY\n\nL=2\n", "is not JSON: it has lines of `KEY=value`"),
            ("[1]", "is JSON, but not a JSON object"),
            ("\"cAnArY\"", "is JSON, but not a JSON object"),
            ("null", "is JSON, but not a JSON object"),
            (r#""{\"K\":\"cAnArY\"}""#, "is a JSON object that was encoded as a JSON string (store it unchanged)"),
            (
                r#"{"K": "cAnArY", "L": 1, "K": 2}"#,
                "has the same key twice (JSON parsers disagree on which one counts)",
            ),
        ] {
            assert_eq!(Document::parse(text).err(), Some(problem), "{text:?}");
        }
        for good in ["{}", " {\"K\": \"v\"}\r\n", "{\"K\": {\"a\": 1, \"a\": 2}}"] {
            assert!(Document::parse(good).is_ok(), "{good}");
        }
    }
}
