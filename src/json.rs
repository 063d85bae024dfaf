//! Reads JSON that comes from outside by type and within bounds, because the function has 128 MB. A tree of
//! `serde_json::Value` may take more than a hundred times the bytes of its text, so that only members that are needed
//! become values.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The maximum number of entries that are read of one list of texts.
const TEXTS_MAX: usize = 1000;

/// Reads the members of an object. Returns `None` for anything else: serde would also fill a struct from a list.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let first = json.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// Returns a text that is not empty. Anything else counts as absent.
pub(crate) fn text(json: Option<&RawValue>) -> Option<String> {
    serde_json::from_str::<String>(json?.get()).ok().filter(|text| !text.is_empty())
}

/// Returns the texts of a list, at most a thousand. Other entries are skipped, and anything but a list counts as absent.
pub(crate) fn texts(json: Option<&RawValue>) -> Option<Vec<String>> {
    let entries: Vec<&RawValue> = serde_json::from_str(json?.get()).ok()?;
    Some(entries.into_iter().filter_map(|entry| serde_json::from_str(entry.get()).ok()).take(TEXTS_MAX).collect())
}

/// A member that servers may get wrong: `None` if it is not what it should be.
#[derive(Debug)]
pub(crate) struct Lenient<T>(pub(crate) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(json.get()).ok()))
    }
}

/// Returns true for JSON of at most so many values. Commas and brackets inside texts count, too, although no value stands
/// behind them.
pub(crate) fn has_at_most(values_max: usize, json: &[u8]) -> bool {
    // A value stands behind one of these characters, or behind a key that does.
    json.iter().filter(|byte| b",[{".contains(byte)).take(values_max + 1).count() <= values_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Members<'a> {
        #[serde(borrow)]
        a: Option<&'a RawValue>,
    }

    #[test]
    fn members_come_from_an_object_only() {
        assert_eq!(text(object::<Members<'_>>(b" {\"b\": [1], \"a\": \"x\"}").unwrap().a).unwrap(), "x");
        for json in ["[\"x\"]", "\"x\"", "null", "", "{\"a\": 1, \"a\": 2}", "{"] {
            assert!(object::<Members<'_>>(json.as_bytes()).is_none(), "{json}");
        }
    }

    #[test]
    fn what_is_not_a_text_is_absent_or_skipped() {
        let raw = |json: &'static str| Some(serde_json::from_str::<&RawValue>(json).unwrap());
        for json in ["\"\"", "1", "null", "[\"x\"]", "{\"x\": \"x\"}"] {
            assert_eq!(text(raw(json)), None, "{json}");
        }
        assert_eq!(texts(raw("[\"a\", 1, {\"b\": \"c\"}, \"d\"]")).unwrap(), ["a", "d"]);
        assert_eq!(texts(raw("\"a\"")), None);
    }

    #[test]
    fn a_member_of_another_form_does_not_spoil_the_others() {
        #[derive(Deserialize)]
        struct Both {
            #[serde(default)]
            a: Lenient<String>,
            #[serde(default)]
            b: Lenient<String>,
            #[serde(default)]
            c: Lenient<String>,
        }
        let Both { a, b, c } = object(b"{\"a\": [1], \"b\": \"x\"}").unwrap();
        assert_eq!((a.0, b.0.as_deref(), c.0), (None, Some("x"), None));
    }

    #[test]
    fn values_are_counted_without_reading_them() {
        assert!(has_at_most(4, b"[1,2,{}]"));
        assert!(!has_at_most(3, b"[1,2,{}]"));
    }
}
