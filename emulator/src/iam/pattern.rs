//! Wildcards as IAM reads them: `*` for any text, `?` for any one character.

/// Matches with regard to case.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where to resume when a guess about the last `*` proves wrong: one more character goes to that `*`.
    let mut resume: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                resume = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((after_star, taken)) = resume else { return false };
                resume = Some((after_star, taken + 1));
                at_pattern = after_star;
                at_text = taken + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|&rest| rest == '*')
}

/// Matches without regard to case, as action names do.
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
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
        ] {
            assert!(matches(pattern, text), "`{pattern}` should match `{text}`");
        }
        for (pattern, text) in [("", "a"), ("a", ""), ("a?", "a"), ("secret:x-??????", "secret:x-y-AbCd12"), ("A", "a")]
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
