//! Wildcards as IAM reads them: `*` for any text, `?` for any one character.

/// Matches with regard to case.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |wanted, found| wanted == found)
}

/// Matches without regard to case, as action names do.
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |wanted, found| wanted.eq_ignore_ascii_case(&found))
}

/// Matches byte by byte and without a copy, because every call of a function is compared with every statement of its
/// role.
fn matches_by(pattern: &str, text: &str, same: fn(u8, u8) -> bool) -> bool {
    let (pattern, bytes) = (pattern.as_bytes(), text.as_bytes());
    let (mut at_pattern, mut at_text) = (0, 0);
    let next_character = |at: usize| (at + 1..=bytes.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(at + 1);
    // Where to resume when a guess about the last `*` proves wrong: one more character goes to that `*`.
    let mut resume: Option<(usize, usize)> = None;
    while at_text < bytes.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                resume = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(b'?') => {
                at_pattern += 1;
                at_text = next_character(at_text);
            }
            Some(&wanted) if same(wanted, bytes[at_text]) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((after_star, taken)) = resume else { return false };
                at_pattern = after_star;
                at_text = next_character(taken);
                resume = Some((after_star, at_text));
            }
        }
    }
    pattern[at_pattern..].iter().all(|&rest| rest == b'*')
}

/// Matches each of an ARN's six parts by itself, as the ARN condition operators do: a `*` never spans a colon
/// before the sixth part.
#[must_use]
pub fn matches_arn(pattern: &str, text: &str) -> bool {
    let pattern: Vec<&str> = pattern.splitn(6, ':').collect();
    let text: Vec<&str> = text.splitn(6, ':').collect();
    pattern.len() == 6 && text.len() == 6 && pattern.iter().zip(&text).all(|(pattern, text)| matches(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::{matches, matches_arn, matches_ignoring_case};

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "anything"),
            ("a*c", "abc"),
            ("a*c", "ac"),
            ("a*b*c", "a-b-b-c"),
            ("secret:x-??????", "secret:x-AbCd12"),
            ("a**", "a"),
            ("a?c", "aüc"),
            ("*ü", "üü"),
            ("*?", "ü"),
        ] {
            assert!(matches(pattern, text), "`{pattern}` should match `{text}`");
        }
        for (pattern, text) in
            [("", "a"), ("a", ""), ("a?", "a"), ("secret:x-??????", "secret:x-y-AbCd12"), ("A", "a"), ("??", "ü")]
        {
            assert!(!matches(pattern, text), "`{pattern}` should not match `{text}`");
        }
        assert!(matches_ignoring_case("SecretsManager:get*", "secretsmanager:GetSecretValue"));
    }

    #[test]
    fn arn_parts_are_matched_one_by_one() {
        let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/a-1234567890";
        assert!(matches_arn("arn:aws:bedrock-agentcore:us-east-1:111122223333:*", arn));
        assert!(matches_arn("arn:*:bedrock-agentcore:*:*:runtime/*", arn));
        assert!(!matches_arn("arn:aws:bedrock-agentcore:*", arn));
        assert!(!matches_arn("arn:aws:bedrock-agentcore:us-east-1:999999999999:*", arn));
    }
}
