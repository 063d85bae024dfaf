//! Secret values: a string that prints as stars and is wiped on drop, and the masking of texts that might quote one.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

/// The printed form of a secret value.
const STARS: &str = "****";

/// The length from which values are masked in texts: replacing every `a` would destroy the sentence and hide nothing.
const MASKED_CHARS_MIN: usize = 4;
/// The length from which values are masked inside of words, too.
const MASKED_ANYWHERE_CHARS_MIN: usize = 8;

/// A secret string. Its `Debug` prints stars, it has no `Display`, and its memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    /// Takes ownership of the string.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// Returns the value itself. The caller must not log, print or return it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

/// Remembers the secret values that one request has met, and masks them in every text that leaves the function.
///
/// This is the second line of defence: no text is built from a secret on purpose, but an AWS error may quote its input,
/// and a log its container's.
#[derive(Debug, Default)]
pub struct Mask(Mutex<Vec<Sensitive>>);

impl Mask {
    /// Adds a value to mask from now on, and each line of it, because a log has every line of a printed text for
    /// itself.
    pub fn add(&self, value: &Sensitive) {
        let value = value.expose();
        let mut values = self.values();
        for form in forms(value).chain(lines(value).flat_map(forms)) {
            if form.expose().chars().count() >= MASKED_CHARS_MIN && !values.contains(&form) {
                values.push(form);
            }
        }
        // Longest first, so that a value containing another is masked whole.
        values.sort_by_key(|value| std::cmp::Reverse(value.expose().len()));
    }

    /// Returns the text with every known value replaced by stars, also where the value was escaped. A short value is
    /// replaced only where it stands alone, so that one like `name` does not damage `SecretName`.
    ///
    /// Mask a text before it is cut: the rest of a value would no longer be recognised.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for value in self.values().iter().map(Sensitive::expose) {
            masked = if value.chars().count() < MASKED_ANYWHERE_CHARS_MIN {
                replace_words(&masked, value)
            } else {
                masked.replace(value, STARS)
            };
        }
        masked
    }

    fn values(&self) -> MutexGuard<'_, Vec<Sensitive>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the lines of a value that has more than one. Keys are also stored on one line, with `\n` for its end.
fn lines(value: &str) -> impl Iterator<Item = &str> {
    let lines = value.split('\n').flat_map(|line| line.split("\\n")).map(str::trim);
    lines.filter(move |line| line.len() < value.len() && line.chars().count() >= MASKED_ANYWHERE_CHARS_MIN)
}

/// Returns a value in the forms in which programs print it: as it is, as JSON, as JSON of ASCII only (Python's
/// `json.dumps`), and with its quotes as they are (Python's `repr`).
fn forms(value: &str) -> impl Iterator<Item = Sensitive> {
    let json = Sensitive::new(serde_json::to_string(value).unwrap_or_default());
    let inner = json.expose().strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    let json = Sensitive::new(inner.unwrap_or_default());
    let ascii = Sensitive::new(in_ascii(json.expose()));
    let repr = Sensitive::new(json.expose().replace("\\\"", "\""));
    [Sensitive::new(value), json, ascii, repr].into_iter()
}

fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => ascii.push(byte.into()),
            _ => ascii.extend(["\\u", &format!("{unit:04x}")]),
        }
    }
    ascii
}

/// Replaces `word` where no letter or digit stands next to it.
fn replace_words(text: &str, word: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(word) {
        let (before, found) = rest.split_at(start);
        let after = &found[word.len()..];
        let joined = before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        replaced.push_str(before);
        replaced.push_str(if joined { word } else { STARS });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_stars() {
        assert_eq!(format!("{:?}", Sensitive::new("hunter22")), "****");
    }

    #[test]
    fn masks_plain_and_escaped_occurrences_longest_first() {
        let mask = Mask::default();
        mask.add(&Sensitive::new("pa\"ss"));
        mask.add(&Sensitive::new("pa\"ss-and-more"));
        mask.add(&Sensitive::new("ab"));
        assert_eq!(mask.apply(r#"got pa"ss-and-more, pa"ss, "pa\"ss-and-more", ab"#), r#"got ****, ****, "****", ab"#);
    }

    #[test]
    fn masks_every_line_of_a_value() {
        let mask = Mask::default();
        mask.add(&Sensitive::new("first-line\r\n  second \"line\"\nend\n"));
        mask.add(&Sensitive::new("third-line\\nfourth-line"));
        assert_eq!(mask.apply("first-line, second \\\"line\\\", end"), "****, ****, end");
        assert_eq!(mask.apply("third-line fourth-line third-line\\nfourth-line"), "**** **** ****");
    }

    #[test]
    fn a_short_value_is_masked_as_a_word_only() {
        let mask = Mask::default();
        mask.add(&Sensitive::new("Name"));
        assert_eq!(mask.apply("`SecretName` is \"Name\", Name"), "`SecretName` is \"****\", ****");
    }
}
