//! Template parameters as the command line gives them, in the forms that `sam deploy` takes.

use std::collections::BTreeMap;

/// Reads the arguments of `--parameter-overrides`: `Key=Value`, several of them in one argument, values in quotes, or
/// `ParameterKey=Key,ParameterValue=Value`. The last value given for a key counts.
///
/// # Errors
/// A sentence that quotes the part that has none of these forms.
pub(crate) fn parse(arguments: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = BTreeMap::new();
    for argument in arguments {
        let mut rest = argument.trim();
        while !rest.is_empty() {
            let (key, after) = key(rest).ok_or_else(|| format!("`{rest}` is not of the form `Key=Value`"))?;
            let (value, after) = value(after)?;
            if key == "ParameterKey" {
                let after = after.strip_prefix(',').unwrap_or(after);
                let Some(("ParameterValue", text)) = self::key(after) else {
                    return Err(format!("`ParameterKey={value}` is not followed by `,ParameterValue=…`"));
                };
                let (text, end) = self::value(text)?;
                parameters.insert(value, text);
                rest = end.trim_start();
            } else {
                parameters.insert(key.to_owned(), value);
                rest = after.trim_start();
            }
        }
    }
    Ok(parameters)
}

/// Splits off the name before the `=` at the start of `text`.
fn key(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let named = !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric());
    named.then_some((name, rest))
}

/// Splits off the value at the start of `text`: in quotes, or up to the next `Key=`.
fn value(text: &str) -> Result<(String, &str), String> {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        let end = end_of_bare_value(text);
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((position, character)) = characters.next() {
        match character {
            // `sam deploy` does the same: a backslash before any other character is a backslash.
            '\\' => match characters.next() {
                Some((_, escaped)) if escaped == quote || escaped == '\\' => value.push(escaped),
                other => value.extend(std::iter::once('\\').chain(other.map(|(_, kept)| kept))),
            },
            _ if character == quote => return Ok((value, &text[position + quote.len_utf8()..])),
            _ => value.push(character),
        }
    }
    Err(format!("the quote that opens `{text}` is not closed"))
}

/// Returns the length of a bare value. It may hold spaces, because a shell has already removed the quotes. A space
/// before `Key=` ends it.
fn end_of_bare_value(text: &str) -> usize {
    let spaces = text.char_indices().filter(|(_, character)| character.is_whitespace());
    let before_key =
        spaces.map(|(position, _)| position).find(|&position| key(text[position..].trim_start()).is_some());
    let before_value = text.find(",ParameterValue=");
    [before_key, before_value].into_iter().flatten().min().unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Vec<(String, String)> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        parse(&arguments).expect("the arguments are well formed").into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn one_pair_in_each_argument() {
        assert_eq!(parsed(&["B=2", "A=1"]), pairs(&[("A", "1"), ("B", "2")]));
    }

    #[test]
    fn several_pairs_in_one_argument() {
        assert_eq!(parsed(&["A=1  B=two words C="]), pairs(&[("A", "1"), ("B", "two words"), ("C", "")]));
    }

    #[test]
    fn values_in_quotes_keep_what_is_inside_them() {
        let expected = pairs(&[("A", r#"x B="y" \n\"#), ("C", "it's")]);
        assert_eq!(parsed(&[r#"A="x B=\"y\" \n\\" C="it's""#]), expected);
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_non_ascii_text() {
        let expected = pairs(&[("Policy", r#"{"a": "b=c ü"}"#), ("Url", "https://x/?a=b")]);
        assert_eq!(parsed(&[r#"Policy={"a": "b=c ü"}"#, "Url=https://x/?a=b"]), expected);
    }

    #[test]
    fn the_long_form_of_the_cloudformation_command_line() {
        let expected = pairs(&[("A", "1"), ("B", "two words"), ("C", "3")]);
        let long = r#"ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue="two words""#;
        assert_eq!(parsed(&[long, "ParameterKey=C,ParameterValue=3"]), expected);
    }

    #[test]
    fn an_argument_that_is_not_a_pair_is_quoted() {
        let refused = |argument: &str| parse(&[argument.to_owned()]).expect_err("it is malformed");
        assert_eq!(refused("Nonsense"), "`Nonsense` is not of the form `Key=Value`");
        assert_eq!(refused("A=\"open"), "the quote that opens `\"open` is not closed");
        assert_eq!(refused("ParameterKey=A"), "`ParameterKey=A` is not followed by `,ParameterValue=…`");
    }
}
