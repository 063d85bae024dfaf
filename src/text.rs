//! Prepares text that somebody else wrote for a sentence of ours.

use std::borrow::Cow;

/// Ends a text that was cut.
const CUT: &str = "…";

/// Returns the text in quotes, cut so that the sentence around it stays readable.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    if text.chars().count() > SHOWN_CHARS_MAX {
        format!("{:?}… ({} characters)", text.chars().take(SHOWN_CHARS_MAX).collect::<String>(), text.chars().count())
    } else {
        format!("{text:?}")
    }
}

/// Returns the known name that is most similar to `name`, if at most every third character differs.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower_case = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &lower_case);
    let (distance, nearest) = known.map(|known| (distance(known), known)).min()?;
    (distance <= name.len().max(3) / 3).then_some(nearest)
}

/// Returns true if a pattern covers the whole text. `*` stands for any characters, and `?` for one, as in IAM's policies.
#[must_use]
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // The last star, and the end of what it covers.
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[seen] => {
                at += 1;
                seen += 1;
            }
            // The star covers one character more.
            _ => {
                let Some((place, covered)) = star else { return false };
                star = Some((place, covered + 1));
                at = place + 1;
                seen = covered + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// Returns the text with an escape sequence (`\u{202e}`) in place of every character that a reader would not see, or that
/// would change how the reader sees others: control characters, and Unicode's for the direction, width and end of text.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return text.into();
    }
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            visible.extend(character.escape_debug());
        } else if is_invisible(character) {
            visible.extend(character.escape_unicode());
        } else {
            visible.push(character);
        }
    }
    visible.into()
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the text, or as much of its beginning as takes at most `bytes_max` bytes as JSON, where escaping makes a
/// character cost up to six. Secrets in the text must have been masked before: the rest of a value would no longer be
/// recognised.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    let mut bytes = 0;
    let mut end = 0;
    for (index, character) in text.char_indices() {
        if bytes + CUT.len() <= bytes_max {
            end = index;
        }
        bytes += match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            _ => character.len_utf8(),
        };
        if bytes > bytes_max {
            return format!("{}{CUT}", &text[..end]).into();
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_shown_by_their_number_in_quotes_and_outside() {
        let shown = |range: std::ops::RangeInclusive<char>| {
            for character in range {
                let text = format!("a{character}b");
                let escaped = format!("a{}b", character.escape_debug());
                assert!(escaped.is_ascii(), "{escaped}");
                assert_eq!((visible(&text), quote(&text)), (escaped.as_str().into(), format!("\"{escaped}\"")));
            }
        };
        for range in [
            '\0'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{61c}'..='\u{61c}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{2069}',
            '\u{feff}'..='\u{feff}',
            '\u{e0000}'..='\u{e007f}',
        ] {
            shown(range);
        }
        assert_eq!(visible("a\u{3164}b\u{115f}"), "a\\u{3164}b\\u{115f}", "letters without a shape");
        let text = "plain \"words\", ümlaut-😀 and 日本";
        assert_eq!(visible(text), text);
    }

    #[test]
    fn a_pattern_covers_the_whole_text() {
        for (pattern, text, covers) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a?", "ab", true),
            ("*", "", true),
            ("a*c*", "abcc", true),
            ("*b", "abab", true),
            ("a*b?", "abab", false),
            ("é*", "éa", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), covers, "{pattern} {text}");
        }
    }

    #[test]
    fn a_cut_text_takes_no_more_than_its_bytes() {
        let text = "a\"\\\n\u{8}\u{c}\u{1}\u{7f}é😀".repeat(20);
        for bytes_max in CUT.len()..400 {
            let bytes = serde_json::to_string(&cut(&text, bytes_max)).unwrap().len() - 2;
            assert!(bytes <= bytes_max && (bytes + 6 > bytes_max || bytes_max > 320), "{bytes} of {bytes_max}");
        }
        assert_eq!(cut("abc", 3), "abc");
    }
}
