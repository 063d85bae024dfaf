//! Finds credentials by their shape: values that no request has met, in the words of a container, a server or an
//! identity provider.

use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::ordinary::is_ordinary;

/// Patterns whose group is the credential.
const SHAPES: [&str; 8] = [
    // Values of Authorization headers (RFC 6750, RFC 7617, RFC 9449).
    r"(?i)\b(?:bearer|basic|digest|negotiate|dpop)\s+([a-z0-9._~+/-]{6,}=*)",
    // Cookies, which have names of their own.
    r"(?i)\bcookie:\s*([^\r\n]+)",
    // Tokens that are signed or encrypted (RFC 7519).
    r"\b(eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*)",
    // Access key ids of AWS.
    r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b",
    // Private keys (RFC 7468), also if their end is missing.
    r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))",
    // User and password of a URL.
    r#"\b[A-Za-z][A-Za-z0-9+.-]*://([^\s/"'<>]+)@"#,
    // Tokens of GitHub, GitLab, Slack, npm, Vault and Hugging Face.
    r"\b((?:gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|npm_|hvs\.|hf_)[A-Za-z0-9_-]{10,})",
    // Keys of OpenAI, Anthropic, Stripe, Google and SendGrid.
    r"\b((?:sk-|sk_live_|rk_live_|AIza|ya29\.|SG\.)[A-Za-z0-9._-]{16,})",
];

/// A name that may tell that its value is a credential, and the separator behind it.
const NAME: &str = r#"(?i)((?:--)?[a-z0-9_.-]*(?:passw|pwd|passphrase|passcode|secret|token|key|credential|authorization|signature|session|sessid|connectionstring|connection_string|assertion)[a-z0-9_-]*)(?:\\*["'\]]*\s*(?:=>|[=:]|%3d|%3a)\s*|\s+)"#;

/// The endings of such names, without `_`, `-` and `.`. A name such as `token_endpoint` or `SecretArn` has another end.
const NAME_ENDINGS: [&str; 22] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "accountkey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "credential",
    "credentials",
    "authorization",
    "signature",
    "session",
    "sessionid",
    "connectionstring",
    "assertion",
];

/// Suffixes of a name that do not change its meaning.
const NAME_SUFFIXES: [&str; 3] = ["value", "string", "text"];

struct Patterns {
    shapes: Vec<Regex>,
    name: Option<Regex>,
}

/// The compiled patterns. They are needed only after something failed.
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    shapes: SHAPES.iter().filter_map(|shape| Regex::new(shape).ok()).collect(),
    name: Regex::new(NAME).ok(),
});

/// Returns the ranges of the text that look like credentials, in any order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let shapes = PATTERNS.shapes.iter().flat_map(|shape| shape.captures_iter(text));
    let shapes = shapes.filter_map(|captures| captures.get(1)).map(|found| found.range());
    // "Bearer realm" and "Basic authentication" are words.
    let mut found: Vec<_> = shapes.filter(|range| !is_word(&text[range.clone()])).collect();
    found.extend(named_values(text));
    found
}

/// Returns true for a lower-case word, such as `realm=`.
fn is_word(text: &str) -> bool {
    const WORD_BYTES_MAX: usize = 20;
    let word = text.trim_end_matches(['=', '.']);
    let mut letters = word.bytes();
    word.len() <= WORD_BYTES_MAX
        && letters.next().is_some_and(|it| it.is_ascii_alphabetic())
        && letters.all(|it| it.is_ascii_lowercase() || it == b'_')
}

/// Returns the values behind names that tell that the value is a credential: `DB_PASSWORD=…`, `"client_secret": "…"`.
fn named_values(text: &str) -> Vec<Range<usize>> {
    let Some(pattern) = &PATTERNS.name else { return Vec::new() };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(captures) = pattern.captures_at(text, at) {
        let (Some(all), Some(name)) = (captures.get(0), captures.get(1)) else { break };
        at = all.end();
        let is_option = name.as_str().starts_with("--");
        let has_separator = !text[name.end()..all.end()].trim().is_empty();
        if (is_option || has_separator) && is_telling(name.as_str()) && !is_in_arn(text, name.start()) {
            let value = value_at(text, at);
            if !value.is_empty() && !is_ordinary(&text[value.clone()]) {
                at = value.end;
                found.push(value);
            }
        }
    }
    found
}

fn is_telling(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect();
    let name = name.trim_end_matches(|it: char| it.is_ascii_digit());
    let name = NAME_SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    NAME_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns true if the place is in the ARN of a secret: `arn:aws:secretsmanager:…:secret:<name>`.
fn is_in_arn(text: &str, at: usize) -> bool {
    let token = text[..at].rsplit(|it: char| it.is_whitespace() || "\"'`,(".contains(it)).next();
    token.is_some_and(|token| token.starts_with("arn:") || token.contains("=arn:"))
}

/// Returns the range of the value that begins at `at`: up to the closing quote, or up to the end of the word behind the
/// scheme of an Authorization header.
fn value_at(text: &str, at: usize) -> Range<usize> {
    const SCHEMES: [&str; 5] = ["bearer ", "basic ", "digest ", "negotiate ", "dpop "];
    let rest = &text[at..];
    // Python's `b'…'`.
    let prefixed = rest.strip_prefix(['b', 'r', 'u']).filter(|rest| rest.starts_with(['"', '\'']));
    let quoted = prefixed.unwrap_or(rest);
    let unescaped = quoted.trim_start_matches('\\');
    if unescaped.starts_with(['"', '\'']) {
        let quote = &quoted[..=quoted.len() - unescaped.len()];
        let start = at + rest.len() - quoted.len() + quote.len();
        return start..closing(text, start, quote);
    }
    let scheme = SCHEMES.iter().find(|it| rest.get(..it.len()).is_some_and(|start| start.eq_ignore_ascii_case(it)));
    let start = at + scheme.map_or(0, |scheme| scheme.len());
    let is_end = |it: char| it.is_whitespace() || "\"',;&|<>(){}[]".contains(it);
    start..start + text[start..].find(is_end).unwrap_or(text.len() - start)
}

/// Returns where a quoted text ends: before the same quote, and not where that is escaped once more.
fn closing(text: &str, start: usize, quote: &str) -> usize {
    let ends = text[start..].match_indices(quote).map(|(end, _)| start + end);
    ends.into_iter().find(|end| !text[start..*end].ends_with('\\')).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.shapes.len(), SHAPES.len());
        assert!(PATTERNS.name.is_some());
    }
}
