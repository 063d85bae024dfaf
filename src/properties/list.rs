//! A list of texts, in every form in which a template or a parameter can give one.

use serde_json::Value;

use super::scalar::scalar;
use crate::error::Error;
use crate::text::quote;

/// Reads a list: a YAML list, comma-separated text, or a text that holds a JSON list.
///
/// White space around entries, empty entries and repeated entries are dropped. Numbers and booleans become the text
/// that CloudFormation would have sent. A text that begins with `[` is a JSON list or refused: cut at its commas, it
/// would be a list of entries that nothing matches. That holds for an entry as well, because a template may wrap a
/// parameter into a list, and CloudFormation cuts the text of a `CommaDelimitedList` before anybody reads it.
pub(super) fn read(name: &str, value: &Value) -> Result<Vec<String>, Error> {
    let texts = match value {
        Value::Array(items) => texts(name, items)?,
        Value::Object(_) => return Err(Error::property(name, format!("is a map; {HOW}"))),
        value => vec![scalar(name, value)?],
    };
    let entries = match texts.first().map(|text| text.trim_start()) {
        Some(first) if first.starts_with('[') => json(name, &texts.join(","))?,
        _ if value.is_array() => texts,
        _ => texts.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect(),
    };
    let mut list: Vec<String> = Vec::new();
    for entry in entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
        check(name, entry)?;
        if !list.iter().any(|known| known == entry) {
            list.push(entry.to_owned());
        }
    }
    Ok(list)
}

const HOW: &str = "write a list, a comma-separated string, or a JSON list such as `[\"a\",\"b\"]`";

fn texts(name: &str, items: &[Value]) -> Result<Vec<String>, Error> {
    let text = |item: &Value| match item {
        Value::Array(_) => Err(Error::property(name, format!("contains a list where a string is expected; {HOW}"))),
        Value::Object(_) => Err(Error::property(name, format!("contains a map where a string is expected; {HOW}"))),
        item => scalar(name, item),
    };
    items.iter().map(text).collect()
}

fn json(name: &str, text: &str) -> Result<Vec<String>, Error> {
    let items: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Error::property(name, format!("begins with `[` and is not a JSON list (at {place}); {HOW}"))
    })?;
    texts(name, &items)
}

/// Refuses an entry in the syntax of another form of list, which would be read literally.
fn check(name: &str, entry: &str) -> Result<(), Error> {
    let refuse = |problem: &str| {
        let problem = format!("contains the entry {}, which {problem}; {HOW}", quote(entry));
        Err(Error::property(name, problem))
    };
    if entry.starts_with(['[', '{']) {
        return refuse("is not a string of its own");
    }
    if entry.starts_with(['"', '\'']) || entry.ends_with(['"', '\'']) {
        return refuse("has quotes around it");
    }
    if entry.contains(char::is_control) {
        return refuse("has a line break or another control character in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_gives_the_same_list() {
        for value in [
            json!(["x", "y"]),
            json!(["x", "", " y ", "x"]),
            json!("x,y"),
            json!(" x , y,\n, x"),
            json!(r#"["x","y"]"#),
            json!(" [ \"x\" ,\n \"y\", \"\", \" y\" ] "),
            json!([r#"["x","y"]"#]),
            // CloudFormation cuts a CommaDelimitedList in this way.
            json!([r#"["x""#, r#""y"]"#]),
        ] {
            assert_eq!(read("A", &value).unwrap(), ["x", "y"], "{value}");
        }
        assert_eq!(read("A", &json!("[1, true, \"a,b\"]")).unwrap(), ["1", "true", "a,b"]);
        assert_eq!(read("A", &json!(7)).unwrap(), ["7"]);
        for empty in [json!("[]"), json!([]), json!([""]), json!(" , ")] {
            assert_eq!(read("A", &empty).unwrap(), [""; 0], "{empty}");
        }
    }

    #[test]
    fn what_is_not_a_list_is_refused_by_the_propertys_name() {
        for (value, problem) in [
            (json!({"k": 1}), "is a map"),
            (json!("[a, b]"), "begins with `[` and is not a JSON list (at line 1 column 2)"),
            (json!("['a']"), "begins with `[` and is not a JSON list"),
            (json!(r#"["a""#), "begins with `[` and is not a JSON list"),
            (json!(r#"["a"],"b""#), "begins with `[` and is not a JSON list"),
            (json!(r#"["a",["b"]]"#), "contains a list where a string is expected"),
            (json!([["a"]]), "contains a list where a string is expected"),
            (json!(r#"[{"a": 1}]"#), "contains a map where a string is expected"),
            (json!(r#"{"a": 1}"#), "contains the entry \"{\\\"a\\\": 1}\", which is not a string of its own"),
            (json!("[null]"), "contains null"),
            (json!(["a", r#"["b"]"#]), "which is not a string of its own"),
            (json!(r#""a","b""#), "which has quotes around it"),
            (json!("'a'"), "which has quotes around it"),
            (json!("a\nb"), "which has a line break"),
        ] {
            let refusal = read("AllowedAudience", &value).unwrap_err().to_string();
            assert!(refusal.starts_with("`AllowedAudience` ") && refusal.contains(problem), "{value}: {refusal}");
        }
    }
}
