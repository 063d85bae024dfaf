//! Secret values: a string that prints as stars and is wiped on drop, and the masking of texts that might quote one.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

/// What a secret value prints as.
const STARS: &str = "****";

/// Shorter values are not masked in texts: replacing every `a` would destroy the sentence and hide nothing.
const MASKED_CHARS_MIN: usize = 4;
/// Values of this length are masked inside of words too.
const MASKED_ANYWHERE_CHARS_MIN: usize = 8;

/// A secret string. Its `Debug` prints stars; there is no `Display`; the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    /// Takes the string over.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself. Whoever calls this must not log, print or return it.
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

/// Remembers the secret values one request has met and masks them in every text that leaves the function.
///
/// The second line of defence: no text is built from a secret on purpose, but an AWS error may quote its input.
#[derive(Debug, Default)]
pub struct Mask(Mutex<Vec<Sensitive>>);

impl Mask {
    /// Adds a value to be masked from now on.
    pub fn add(&self, value: &Sensitive) {
        if value.expose().chars().count() < MASKED_CHARS_MIN {
            return;
        }
        let mut values = self.values();
        if !values.contains(value) {
            values.push(value.clone());
            // Longest first, so that a value containing another is masked whole.
            values.sort_by_key(|value| std::cmp::Reverse(value.expose().len()));
        }
    }

    /// The text with every known value replaced by stars, also where JSON escaped it. A short value is replaced where it
    /// stands alone, so that one like `name` does not eat into `SecretName`.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for value in self.values().iter() {
            let plain = value.expose();
            if plain.chars().count() < MASKED_ANYWHERE_CHARS_MIN {
                masked = replace_words(&masked, plain);
                continue;
            }
            masked = masked.replace(plain, STARS);
            if let Ok(quoted) = serde_json::to_string(plain) {
                let quoted = Zeroizing::new(quoted);
                let escaped = &quoted[1..quoted.len() - 1];
                if escaped != plain {
                    masked = masked.replace(escaped, STARS);
                }
            }
        }
        masked
    }

    fn values(&self) -> MutexGuard<'_, Vec<Sensitive>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    fn a_short_value_is_masked_as_a_word_only() {
        let mask = Mask::default();
        mask.add(&Sensitive::new("Name"));
        assert_eq!(mask.apply("`SecretName` is \"Name\", Name"), "`SecretName` is \"****\", ****");
    }
}
