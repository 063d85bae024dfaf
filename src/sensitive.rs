//! Secret values: a string that prints as stars and is wiped on drop, and the masking of texts that might quote one.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use index::Index;

mod index;
mod ordinary;
mod shape;
mod view;

/// The printed form of a secret value.
const STARS: &str = "****";

/// The size of a text that is searched. The rest is left out, because an answer has at most 4096 bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

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

/// Returns true if the text is, or contains, what has the shape of a credential: a token, a private key, an access key
/// id, or a URL with a password.
#[must_use]
pub fn looks_like_credential(text: &str) -> bool {
    !shape::find(text).is_empty()
}

/// Remembers the secret values that one request has met, and masks them in every text that leaves the function.
///
/// This is the second line of defence: no text is built from a secret on purpose, but an AWS error may quote its input,
/// an identity provider its request, and a log its container's.
///
/// A value is found as it is, in another ASCII case, wrapped, and in up to three encodings one inside another: JSON and
/// other backslash sequences, URL and form encoding, HTML entities, Base64 at any alignment, hexadecimal digits. The size
/// of a value decides, in bytes without white space and `|`:
///
/// - From 16 bytes on, a value and every piece of it are masked wherever they stand. A piece may come from a truncation.
/// - From 8 bytes on, they are masked if each end is that of the value, or of a word.
/// - From 4 bytes on, the whole value is masked in its own case where it stands as a word.
/// - Shorter values are not masked: replacing every `a` would destroy the sentence and hide nothing. Neither are values
///   of ordinary words, such as `client`, because `invalid_****` would reveal them.
/// - URLs and ARNs are masked as a whole, and their long opaque parts alone, because other addresses share the rest.
#[derive(Debug, Default)]
pub struct Mask(Mutex<Values>);

#[derive(Default)]
struct Values {
    values: Vec<Sensitive>,
    /// Prepared at the first search after a value was added.
    index: Option<Index>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.values).finish()
    }
}

impl Mask {
    /// Adds a value to mask from now on.
    pub(crate) fn add(&self, value: &Sensitive) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.values.contains(value) {
            state.values.push(value.clone());
            state.index = None;
        }
    }

    /// Returns a sentence with every known value replaced by stars. At most its first 64 KiB are returned.
    ///
    /// Mask a text before it is cut: a short rest of a value would no longer be recognised.
    pub(crate) fn apply(&self, text: &str) -> String {
        let text = bounded(text, TEXT_BYTES_MAX);
        starred(&text, 0..text.len(), &merged(&text, self.known(&text)))
    }

    /// Does the same with the words of a container, a server or an identity provider, in which everything that has the
    /// shape of a credential is replaced as well. Sentences of ours would be garbled: they speak of `ClientSecret`.
    pub(crate) fn apply_to_foreign(&self, text: &str) -> String {
        self.apply_to_lines(&[text]).concat()
    }

    /// Does the same with consecutive lines of a log: a value that begins on one line and ends on another is replaced
    /// on both. Each line gets its share of the 64 KiB.
    pub(crate) fn apply_to_lines(&self, lines: &[&str]) -> Vec<String> {
        let mut text = String::new();
        let mut ranges = Vec::new();
        for line in lines {
            let start = text.len();
            text.push_str(&bounded(line, TEXT_BYTES_MAX / lines.len()));
            ranges.push(start..text.len());
            text.push('\n');
        }
        let found = merged(&text, self.known(&text).into_iter().chain(shape::find(&text)).collect());
        ranges.into_iter().map(|line| starred(&text, line, &found)).collect()
    }

    fn known(&self, text: &str) -> Vec<Range<usize>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Values { values, index } = &mut *state;
        index.get_or_insert_with(|| Index::of(values.iter().map(Sensitive::expose))).find(text)
    }
}

/// Returns the text, or as much of its beginning as takes at most `bytes_max` bytes.
fn bounded(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return text.into();
    }
    format!("{}…", &text[..text.floor_char_boundary(bytes_max)]).into()
}

/// Returns the ranges in order, extended to whole characters, and those that overlap or touch as one.
fn merged(text: &str, mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        let range = text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end);
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

/// Returns one part of the text, with stars in place of the ranges, which are in order and do not touch.
fn starred(text: &str, part: Range<usize>, ranges: &[Range<usize>]) -> String {
    let mut starred = String::with_capacity(part.len());
    let mut at = part.start;
    for range in ranges.iter().filter(|range| range.start < part.end && part.start < range.end) {
        starred.push_str(&text[at..range.start.max(at)]);
        starred.push_str(STARS);
        at = range.end.min(part.end);
    }
    starred.push_str(&text[at..part.end]);
    starred
}

#[cfg(test)]
mod tests;
