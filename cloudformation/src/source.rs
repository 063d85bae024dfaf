//! Template text to one JSON tree: YAML with short-form tags, or JSON.
//!
//! Whatever the notation, an intrinsic comes out in its long form: `!GetAtt A.B` and `{"Fn::GetAtt": "A.B"}` both become
//! `{"Fn::GetAtt": ["A", "B"]}`. What YAML 1.1 and 1.2 read differently (`yes`, `0644`) is refused rather than guessed.

use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, json};

use crate::error::ValidationError;

/// Deeper nesting than any template needs.
const DEPTH_MAX: usize = 64;

/// Reads a template body. A body that opens with a brace is JSON, anything else YAML.
pub(crate) fn parse(body: &str) -> Result<Value, ValidationError> {
    let mut tree = if body.trim_start().starts_with('{') {
        let Strict(value) = serde_json::from_str(body)
            .map_err(|error| ValidationError::format(format_args!("JSON not well-formed. ({error})")))?;
        value
    } else {
        Yaml { events: Parser::new_from_str(body) }.document()?
    };
    normalise(&mut tree);
    Ok(tree)
}

/// Brings `Fn::GetAtt` into its list form and leaves the rest alone.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let (1, Some(Value::String(dotted))) = (members.len(), members.get("Fn::GetAtt")) {
                // Only the first dot separates: attributes of nested stacks hold a dot of their own.
                if let Some((logical_id, attribute)) = dotted.split_once('.') {
                    *value = json!({ "Fn::GetAtt": [logical_id, attribute] });
                }
                return;
            }
            members.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

struct Yaml<'a> {
    events: Parser<'a, StrInput<'a>>,
}

impl<'a> Yaml<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), ValidationError> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(not_well_formed(&error)),
            None => Err(ValidationError::format("YAML not well-formed. (unexpected end)")),
        }
    }

    fn document(mut self) -> Result<Value, ValidationError> {
        let mut tree = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return tree.ok_or_else(|| ValidationError::format("the template is empty")),
                (Event::DocumentStart(_), span) => {
                    if tree.is_some() {
                        return Err(at("a template is a single document", span));
                    }
                    let (event, span) = self.next()?;
                    tree = Some(self.node(event, span, 0)?);
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, ValidationError> {
        if depth > DEPTH_MAX {
            return Err(at("nested too deeply", span));
        }
        match event {
            Event::Alias(_) => Err(at("YAML aliases are not allowed in CloudFormation templates", span)),
            Event::Scalar(text, style, _, tag) => match function(tag.as_deref(), span)? {
                Some(name) => Ok(json!({ name: text })),
                None => scalar(&text, style, tag.as_deref(), span),
            },
            Event::SequenceStart(_, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                Ok(wrap(function(tag.as_deref(), span)?, Value::Array(items)))
            }
            Event::MappingStart(_, tag) => {
                let mut members = Map::new();
                loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (Event::Scalar(key, _, _, None), _) => key.into_owned(),
                        (_, span) => return Err(at("a key must be a plain string", span)),
                    };
                    if key == "<<" {
                        return Err(at("YAML hash merges are not allowed in CloudFormation templates", span));
                    }
                    let (event, span) = self.next()?;
                    let value = self.node(event, span, depth + 1)?;
                    if members.contains_key(&key) {
                        return Err(at(&format!("duplicate key `{key}`"), span));
                    }
                    members.insert(key, value);
                }
                Ok(wrap(function(tag.as_deref(), span)?, Value::Object(members)))
            }
            _ => Err(at("YAML not well-formed.", span)),
        }
    }
}

fn wrap(function: Option<String>, value: Value) -> Value {
    match function {
        Some(name) => json!({ name: value }),
        None => value,
    }
}

/// Returns the long form of a short-form tag. `!!str` and the like are YAML's own and mean no function.
fn function(tag: Option<&Tag>, span: Span) -> Result<Option<String>, ValidationError> {
    let Some(tag) = tag else { return Ok(None) };
    if tag.is_yaml_core_schema() {
        return Ok(None);
    }
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!", name @ ("Ref" | "Condition")) => Ok(Some(name.to_owned())),
        ("!", name) if name.chars().all(|c| c.is_ascii_alphanumeric()) && !name.is_empty() => {
            Ok(Some(format!("Fn::{name}")))
        }
        _ => Err(at(&format!("unknown tag `{tag}`"), span)),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Value, ValidationError> {
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return Ok(Value::String(text.to_owned()));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Err(at("'null' values are not allowed in templates", span)),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n") {
        return Err(at(&format!("`{text}` is a boolean to some YAML readers; quote it, or write true or false"), span));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(Value::String(text.to_owned()));
    }
    let other_base = digits.strip_prefix('0').is_some_and(|rest| {
        let figures = rest.strip_prefix(['x', 'o', 'b']).unwrap_or(rest);
        !figures.is_empty()
            && figures
                .bytes()
                .all(|b| if figures.len() < rest.len() { b.is_ascii_hexdigit() } else { b.is_ascii_digit() })
    });
    if other_base {
        return Err(at(&format!("`{text}` is a number in another base to some YAML readers; quote it"), span));
    }
    if let Ok(integer) = digits.parse::<u64>() {
        return Ok(match text.parse::<i64>() {
            Ok(signed) => Value::from(signed),
            Err(_) => Value::from(integer),
        });
    }
    let decimal = digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    match decimal.then(|| text.parse().ok().and_then(Number::from_f64)).flatten() {
        Some(number) => Ok(Value::Number(number)),
        // A date such as 2012-10-17 stays the text it is.
        None => Ok(Value::String(text.to_owned())),
    }
}

fn at(problem: &str, span: Span) -> ValidationError {
    ValidationError::format(format_args!("{problem} (line {}, column {})", span.start.line(), span.start.col() + 1))
}

fn not_well_formed(error: &ScanError) -> ValidationError {
    let marker = error.marker();
    ValidationError::format(format_args!(
        "YAML not well-formed. (line {}, column {}: {})",
        marker.line(),
        marker.col() + 1,
        error.info()
    ))
}

/// JSON that refuses a repeated key and null, both of which `serde_json` accepts by itself.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Err(E::custom("'null' values are not allowed in templates"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, Strict(value))) = access.next_entry::<String, Strict>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        parse(body).expect_err("the body must be refused").message
    }

    #[test]
    fn short_and_long_forms_give_the_same_tree() {
        let short = parse(
            "a: !Ref X\nb: !GetAtt A.B.C\nc: !GetAtt [A, B]\nd: !Sub ['${x}', {x: !Ref Y}]\ne: !If [C, !Ref 'AWS::NoValue', 1]\nf: !Condition C\n",
        );
        let long = parse(
            r#"{"a":{"Ref":"X"},"b":{"Fn::GetAtt":"A.B.C"},"c":{"Fn::GetAtt":["A","B"]},"d":{"Fn::Sub":["${x}",{"x":{"Ref":"Y"}}]},
                "e":{"Fn::If":["C",{"Ref":"AWS::NoValue"},1]},"f":{"Condition":"C"}}"#,
        );
        assert_eq!(short, long);
        assert_eq!(short.expect("parses")["b"], json!({"Fn::GetAtt": ["A", "B.C"]}));
    }

    #[test]
    fn scalars_keep_their_types_and_dates_stay_text() {
        let tree = parse("a: 2012-10-17\nb: 900\nc: '900'\nd: true\ne: 1.5\nf: |\n  x\n  y\ng: 10.0.0.1\nh: !!str 7\n")
            .expect("parses");
        assert_eq!(
            tree,
            json!({"a": "2012-10-17", "b": 900, "c": "900", "d": true, "e": 1.5, "f": "x\ny\n", "g": "10.0.0.1", "h": "7"})
        );
    }

    #[test]
    fn what_yaml_readers_disagree_on_is_refused() {
        assert!(refused("a: yes\n").contains("quote it"));
        assert!(refused("a: 0644\n").contains("another base"));
        assert!(refused("a:\n").contains("'null' values are not allowed"));
        assert!(refused("a: &x 1\nb: *x\n").contains("aliases"));
    }

    #[test]
    fn duplicate_keys_are_refused_in_both_notations() {
        assert!(refused("a: 1\n'a': 2\n").contains("duplicate key `a`"));
        assert!(refused("{\"a\": 1, \"a\": 2}").contains("duplicate key `a`"));
    }

    #[test]
    fn broken_text_names_the_line() {
        assert!(refused("a: [1\nb: 2").contains("line"));
        assert!(refused("{\"a\": ").contains("JSON not well-formed"));
        assert!(refused("a: !Foo/bar x\n").contains("unknown tag"));
    }
}
