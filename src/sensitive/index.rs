//! Finds secret values in a text: whole, and in pieces, however they were encoded.

use std::ops::Range;

use zeroize::Zeroizing;

use super::ordinary::is_ordinary;
use super::view::View;

/// The size of a value, and of a piece of it, that is looked for in the middle of other text.
const WINDOW_BYTES: usize = size_of::<u64>();
/// The size of a shorter value that is masked at all, where it stands as a word.
const WORD_BYTES_MIN: usize = 4;
/// The size of a piece that is masked wherever it stands. A shorter one has to begin and end like a word or the value.
const LONG_PIECE_BYTES: usize = 2 * WINDOW_BYTES;

/// Values, prepared for the search.
#[derive(Default)]
pub(super) struct Index {
    /// Every eight consecutive bytes of a value, as a number, in lower case.
    windows: Windows,
    /// Those at the beginning of a value.
    heads: Windows,
    /// Those at the end of a value.
    tails: Windows,
    /// Values that are looked for as a whole only.
    words: Vec<Word>,
}

/// Sorted numbers.
#[derive(Default)]
struct Windows(Zeroizing<Vec<u64>>);

struct Word {
    bytes: Zeroizing<Vec<u8>>,
    /// True if it counts only where nothing continues it.
    stands_alone: bool,
}

impl Index {
    /// Prepares the search for these values. A value of ordinary words is left out, because masking it would garble
    /// sentences and reveal it.
    pub(super) fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut index = Self::default();
        for value in values.filter(|value| !is_ordinary(value)) {
            let view = View::of(value);
            if let Some(decoded) = view.without_backslashes() {
                index.add(decoded.bytes());
            }
            if is_address(value) {
                index.words.push(Word { bytes: Zeroizing::new(view.bytes().to_owned()), stands_alone: false });
                let parts = value.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= LONG_PIECE_BYTES);
                // The host, and the parts of an ARN, stand in many other addresses.
                let is_opaque = |part: &&str| !part.contains(['.', ':']) && !is_ordinary(part);
                parts.filter(is_opaque).for_each(|part| index.add(View::of(part).bytes()));
            } else {
                index.add(view.bytes());
            }
        }
        for Windows(windows) in [&mut index.windows, &mut index.heads, &mut index.tails] {
            windows.sort_unstable();
            windows.dedup();
        }
        index
    }

    fn add(&mut self, value: &[u8]) {
        if value.len() < WINDOW_BYTES {
            if value.len() >= WORD_BYTES_MIN {
                self.words.push(Word { bytes: Zeroizing::new(value.to_owned()), stands_alone: true });
            }
            return;
        }
        let windows = || windows(value).skip(WINDOW_BYTES - 1);
        self.windows.0.extend(windows());
        self.heads.0.extend(windows().next());
        self.tails.0.extend(windows().last());
    }

    /// Returns the ranges of the text that hold a value or a piece of one, in any order. They begin and end between
    /// bytes that need not be characters.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if !self.words.is_empty() || !self.windows.0.is_empty() {
            View::of(text).visit(&mut |view| {
                let runs = self.runs(view);
                let pieces = runs.into_iter().filter(|run| self.counts(view, run.clone())).map(|run| view.text(run));
                // A piece that is ordinary stands in the value by chance.
                found.extend(pieces.filter(|piece| !text.get(piece.clone()).is_some_and(is_ordinary)));
                self.words.iter().for_each(|word| found.extend(word.find(view)));
            });
        }
        found
    }

    /// Returns the longest ranges of which every window is one of a value.
    fn runs(&self, view: &View) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (last, window) in windows(view.bytes()).enumerate().skip(WINDOW_BYTES - 1) {
            if self.windows.contains(window) {
                let first = last + 1 - WINDOW_BYTES;
                match runs.last_mut().filter(|run| run.end == last) {
                    Some(run) => run.end = last + 1,
                    None => runs.push(first..last + 1),
                }
            }
        }
        runs
    }

    fn counts(&self, view: &View, run: Range<usize>) -> bool {
        let window = |start: usize| windows(&view.bytes()[start..start + WINDOW_BYTES]).last().unwrap_or_default();
        let begins = || view.is_boundary(run.start) || self.heads.contains(window(run.start));
        let ends = || view.is_boundary(run.end) || self.tails.contains(window(run.end - WINDOW_BYTES));
        run.len() >= LONG_PIECE_BYTES || (begins() && ends())
    }
}

impl Windows {
    fn contains(&self, window: u64) -> bool {
        self.0.binary_search(&window).is_ok()
    }
}

impl Word {
    fn find(&self, view: &View) -> Vec<Range<usize>> {
        let starts = memchr::memmem::find_iter(view.bytes(), self.bytes.as_slice());
        let ranges = starts.map(|start| start..start + self.bytes.len());
        let counts = |it: &Range<usize>| !self.stands_alone || (view.is_boundary(it.start) && view.is_boundary(it.end));
        ranges.filter(counts).map(|range| view.text(range)).collect()
    }
}

/// Returns for each byte the eight bytes that end with it, as a number, in lower case. The first seven are incomplete.
fn windows(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.iter().scan(0_u64, |window, byte| {
        *window = *window << 8 | u64::from(byte.to_ascii_lowercase());
        Some(*window)
    })
}

/// Returns true for an ARN, and for a URL without user info: its pieces stand in many other addresses.
fn is_address(value: &str) -> bool {
    let value = value.trim();
    let is_url = value.split_once("://").is_some_and(|(scheme, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte)) && !authority.contains('@')
    });
    (is_url || value.starts_with("arn:")) && !value.contains(char::is_whitespace)
}
