//! Decodes a text in the ways in which a program may have encoded a value in it. Each decoded byte knows its place in
//! the text.

use std::ops::Range;

/// The number of encodings one inside another that are decoded: a form-encoded value in Base64 in JSON.
const DEPTH_MAX: usize = 3;
/// The number of bytes from which a run of Base64 or hexadecimal digits is decoded. Fewer are a coincidence.
const RUN_BYTES_MIN: usize = 4;

/// The bytes of a text, decoded or as they are, without white space and without the `|` that joins lines: a value that
/// was wrapped is whole in a view.
#[derive(Default)]
pub(super) struct View {
    bytes: Vec<u8>,
    places: Vec<Place>,
    after_gap: bool,
}

/// The origin of a byte: a range of the text, and whether something was dropped before it.
struct Place {
    text: Range<usize>,
    after_gap: bool,
}

/// An encoding. The number is that of the digits that are skipped at the beginning of each run, because a run may begin
/// before the encoded value.
#[derive(Clone, Copy)]
enum Encoding {
    /// Backslashes, as in JSON, and as Python and Rust print strings.
    Backslash,
    /// Percent signs, as in URLs.
    Percent,
    /// Percent signs, and `+` for a space.
    Form,
    /// HTML entities.
    Html,
    /// Base64 of both alphabets.
    Base64(usize),
    /// Hexadecimal digits.
    Hex(usize),
}

const ENCODINGS: [Encoding; 10] = [
    Encoding::Backslash,
    Encoding::Percent,
    Encoding::Form,
    Encoding::Html,
    Encoding::Base64(0),
    Encoding::Base64(1),
    Encoding::Base64(2),
    Encoding::Base64(3),
    Encoding::Hex(0),
    Encoding::Hex(1),
];

/// The meaning of an escape sequence.
enum Unescaped {
    Byte(u8),
    Char(char),
}

impl View {
    /// Returns the text as it is.
    pub(super) fn of(text: &str) -> Self {
        let mut view = Self::default();
        text.bytes().enumerate().for_each(|(at, byte)| view.push(byte, at..at + 1));
        view
    }

    /// Returns a value with its backslash sequences decoded, if it has any: a key stored on one line.
    pub(super) fn without_backslashes(&self) -> Option<Self> {
        self.decoded(Encoding::Backslash)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the range of the text that these bytes come from.
    pub(super) fn text(&self, bytes: Range<usize>) -> Range<usize> {
        let places = &self.places[bytes];
        let start = places.iter().map(|place| place.text.start).min().unwrap_or_default();
        start..places.iter().map(|place| place.text.end).max().unwrap_or_default()
    }

    /// Returns true if no word goes on from the byte before `at` to that at `at`.
    pub(super) fn is_boundary(&self, at: usize) -> bool {
        at == 0
            || at >= self.bytes.len()
            || self.places[at].after_gap
            || !self.is_in_word(at - 1)
            || !self.is_in_word(at)
    }

    fn is_in_word(&self, at: usize) -> bool {
        // The first bytes of Latin-1's symbols, and of the blocks from general punctuation on (U+2000 to U+2FFF).
        const SYMBOLS: [u8; 2] = [0xc2, 0xe2];
        let is_first = |byte: &&u8| !(0x80..0xc0).contains(*byte);
        let first = self.bytes[..=at].iter().rev().take(4).find(is_first);
        first.is_some_and(|byte| byte.is_ascii_alphanumeric() || (!byte.is_ascii() && !SYMBOLS.contains(byte)))
    }

    /// Shows this view to `visitor`, then each decoded view of it.
    pub(super) fn visit(&self, visitor: &mut dyn FnMut(&Self)) {
        self.visit_below(DEPTH_MAX, visitor);
    }

    fn visit_below(&self, depth: usize, visitor: &mut dyn FnMut(&Self)) {
        visitor(self);
        if depth > 0 {
            let views = ENCODINGS.iter().filter_map(|encoding| self.decoded(*encoding));
            views.for_each(|view| view.visit_below(depth - 1, visitor));
        }
    }

    fn push(&mut self, byte: u8, text: Range<usize>) {
        if byte.is_ascii_whitespace() || byte == b'|' {
            self.after_gap = true;
        } else {
            self.bytes.push(byte);
            self.places.push(Place { text, after_gap: std::mem::take(&mut self.after_gap) });
        }
    }

    /// Returns the decoded view, or `None` if nothing is encoded this way.
    fn decoded(&self, encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::Backslash => self.unescaped(b'\\', backslash),
            Encoding::Percent => self.unescaped(b'%', percent),
            Encoding::Form => {
                self.unescaped(
                    b'+',
                    |bytes| {
                        if bytes[0] == b'+' { Some((Unescaped::Byte(b' '), 1)) } else { percent(bytes) }
                    },
                )
            }
            Encoding::Html => self.unescaped(b'&', entity),
            Encoding::Base64(skipped) => self.of_digits(6, base64_digit, skipped),
            Encoding::Hex(skipped) => self.of_digits(4, hex_digit, skipped),
        }
    }

    /// Replaces what `escape` recognises at the beginning of a text by its meaning. Returns `None` for a view without
    /// `mark`.
    fn unescaped(&self, mark: u8, escape: impl Fn(&[u8]) -> Option<(Unescaped, usize)>) -> Option<Self> {
        if !self.bytes.contains(&mark) {
            return None;
        }
        let mut view = Self::default();
        let mut at = 0;
        let mut found = false;
        while at < self.bytes.len() {
            view.after_gap |= self.places[at].after_gap;
            let Some((unescaped, length)) = escape(&self.bytes[at..]) else {
                view.push(self.bytes[at], self.places[at].text.clone());
                at += 1;
                continue;
            };
            found = true;
            // A text that was cut inside an escape sequence begins with the rest of it.
            view.after_gap = true;
            let text = self.text(at..at + length);
            match unescaped {
                Unescaped::Byte(byte) => view.push(byte, text),
                Unescaped::Char(character) => {
                    character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| view.push(byte, text.clone()));
                }
            }
            at += length;
        }
        found.then_some(view)
    }

    /// Decodes each run of digits of `bits` bits.
    fn of_digits(&self, bits: usize, digit: fn(u8) -> Option<u8>, skipped: usize) -> Option<Self> {
        let mut view = Self::default();
        let mut at = 0;
        while at < self.bytes.len() {
            let run = self.bytes[at..].iter().map_while(|byte| digit(*byte)).collect::<Vec<_>>();
            let first = at + skipped;
            at += run.len() + 1;
            let digits = run.get(skipped..).unwrap_or_default();
            let count = digits.len() * bits / 8;
            if count < RUN_BYTES_MIN {
                continue;
            }
            view.after_gap = true;
            for index in 0..count {
                let (from, to) = (index * 8 / bits, (index * 8 + 7) / bits);
                let value = digits[from..=to].iter().fold(0_u32, |value, digit| value << bits | u32::from(*digit));
                let unused = (to + 1) * bits - (index + 1) * 8;
                let [byte, ..] = (value >> unused).to_le_bytes();
                view.push(byte, self.text(first + from..first + to + 1));
            }
        }
        (!view.bytes.is_empty()).then_some(view)
    }
}

fn base64_digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

/// Reads a number of hexadecimal digits.
fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0_u32, |value, byte| Some(value.checked_mul(16)? + u32::from(hex_digit(*byte)?)))
}

fn character(code: u32, length: usize) -> Option<(Unescaped, usize)> {
    Some((Unescaped::Char(char::from_u32(code)?), length))
}

/// Reads a sequence of JSON, Python or Rust.
fn backslash(bytes: &[u8]) -> Option<(Unescaped, usize)> {
    let [b'\\', kind, ..] = *bytes else { return None };
    match kind {
        b'n' | b'r' | b't' | b'f' => Some((Unescaped::Byte(b' '), 2)),
        b'0' => Some((Unescaped::Byte(0), 2)),
        b'a' => Some((Unescaped::Byte(7), 2)),
        b'b' => Some((Unescaped::Byte(8), 2)),
        b'v' => Some((Unescaped::Byte(11), 2)),
        b'x' => character(hex(bytes.get(2..4))?, 4),
        b'U' => character(hex(bytes.get(2..10))?, 10),
        b'u' if bytes.get(2) == Some(&b'{') => {
            let digits = bytes[3..].iter().take(7).position(|byte| *byte == b'}')?;
            character(hex(bytes.get(3..3 + digits))?, digits + 4)
        }
        b'u' => {
            let unit = hex(bytes.get(2..6))?;
            let low = bytes.get(6..8).filter(|it| it == b"\\u").and_then(|_| hex(bytes.get(8..12)));
            match (unit, low) {
                (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                    character(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12)
                }
                _ => character(unit, 6),
            }
        }
        kind if kind.is_ascii_punctuation() => Some((Unescaped::Byte(kind), 2)),
        _ => None,
    }
}

fn percent(bytes: &[u8]) -> Option<(Unescaped, usize)> {
    let [b'%', high, low, ..] = *bytes else { return None };
    Some((Unescaped::Byte(hex_digit(high)? << 4 | hex_digit(low)?), 3))
}

/// Reads a numeric entity, or one of the named ones that stand for ASCII characters.
fn entity(bytes: &[u8]) -> Option<(Unescaped, usize)> {
    const NAME_BYTES_MAX: usize = 10;
    const NAMED: [(&str, char); 14] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("sol", '/'),
        ("bsol", '\\'),
        ("plus", '+'),
        ("equals", '='),
        ("num", '#'),
        ("percnt", '%'),
        ("grave", '`'),
        ("lowbar", '_'),
    ];
    let [b'&', rest @ ..] = bytes else { return None };
    let end = rest.iter().take(NAME_BYTES_MAX).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => hex(Some(digits.as_bytes()))?,
            None => number.parse().ok()?,
        },
        None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, meaning)| u32::from(*meaning))?,
    };
    character(code, end + 2)
}
