//! Reading a resource's properties into types, once, with a sentence for everything that does not fit.
//!
//! CloudFormation sends booleans and numbers as text; `""` is an optional parameter left empty and counts as absent.
//! White space around a single text is dropped, unless the text is secret. Lists are read by one rule, in `list`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::event::RawProperties;
use crate::sensitive::{Mask, Sensitive};
use crate::text::quote;

mod list;

/// Properties that CloudFormation itself adds or reads.
const RESERVED: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Starts a dynamic reference. CloudFormation resolves it in native resources but hands it to a custom resource as text.
const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// Takes a resource's properties one by one.
#[derive(Debug)]
pub struct PropertyReader<'a> {
    properties: &'a RawProperties,
    names: &'static [&'static str],
    mask: &'a Mask,
}

impl<'a> PropertyReader<'a> {
    /// A reader over `properties`, of which only `names` are allowed: any other is refused with the nearest of them.
    /// Every sensitive value read is made known to `mask`.
    pub fn new(properties: &'a RawProperties, names: &'static [&'static str], mask: &'a Mask) -> Result<Self, Error> {
        for (name, value) in properties.as_map() {
            let name = name.as_str();
            if RESERVED.contains(&name) {
                continue;
            }
            if !names.contains(&name) {
                return Err(Error::property(
                    name,
                    format!("is not a property of this type{}", suggestion(name, names)),
                ));
            }
            if contains_dynamic_reference(value) {
                return Err(Error::property(
                    name,
                    "contains a `{{resolve:…}}` reference, which CloudFormation does not resolve in custom resources; \
                     pass the secret's name or ARN in the property made for it",
                ));
            }
        }
        Ok(Self { properties, names, mask })
    }

    /// A property's value, with `""`, white space alone, `null` and absence being the same.
    fn value(&self, name: &str) -> Option<&'a Value> {
        debug_assert!(self.names.contains(&name), "{name} is read but not allowed");
        let value = self.properties.as_map().get(name)?;
        (!value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())).then_some(value)
    }

    /// Whether the property has a value.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A secret text, exactly as given.
    pub fn sensitive(&self, name: &str) -> Result<Option<Sensitive>, Error> {
        let secret = self.value(name).map(|value| scalar(name, value)).transpose()?.map(Sensitive::new);
        if let Some(secret) = &secret {
            self.mask.add(secret);
        }
        Ok(secret)
    }

    /// Text, without white space around it: a trailing line break of a file or a parameter is never meant. A number or
    /// boolean is taken as the text CloudFormation would have sent.
    pub fn string(&self, name: &str) -> Result<Option<String>, Error> {
        let text = self.value(name).map(|value| scalar(name, value)).transpose()?;
        Ok(text.map(|text| text.trim().to_owned()))
    }

    /// Text that must be there.
    pub fn required_string(&self, name: &str) -> Result<String, Error> {
        self.string(name)?.ok_or_else(|| Error::property(name, "is missing; give it a value"))
    }

    /// A whole number within `range`.
    pub fn integer(&self, name: &str, range: RangeInclusive<i32>) -> Result<Option<i32>, Error> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(Error::property(
                name,
                format!("is {}; use a whole number from {} to {}", quote(&text), range.start(), range.end()),
            )),
        }
    }

    /// One of a fixed set of words.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&'static str, T)]) -> Result<Option<T>, Error> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        Err(Error::property(name, format!("is {}; use one of {}", quote(&text), words.join(", "))))
    }

    /// Reads a list of texts, in any of the forms that templates give lists in.
    pub fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        self.value(name).map_or_else(|| Ok(Vec::new()), |value| list::read(name, value))
    }

    /// A map of texts, also as a JSON object in a text. Entries with an empty value are dropped: an optional parameter
    /// left empty.
    pub fn map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let Some(map) = self.object(name)? else { return Ok(None) };
        let mut texts = BTreeMap::new();
        for (key, value) in map.iter() {
            let text = entry(name, key, value)?;
            if !text.is_empty() {
                texts.insert(key.clone(), text);
            }
        }
        Ok(Some(texts))
    }

    /// A map of texts that may be secret, otherwise like [`Self::map`]. One that is also the whole value of another
    /// property, such as an issuer, is none, and sentences about that property need it.
    pub fn sensitive_map(&self, name: &str) -> Result<Option<BTreeMap<String, Sensitive>>, Error> {
        self.sensitive_map_but(name, &[])
    }

    /// [`Self::sensitive_map`], but what stands under `plain_keys` is never secret, and sentences need it.
    pub fn sensitive_map_but(
        &self,
        name: &str,
        plain_keys: &[&str],
    ) -> Result<Option<BTreeMap<String, Sensitive>>, Error> {
        let Some(map) = self.map(name)? else { return Ok(None) };
        let map: BTreeMap<_, _> = map.into_iter().map(|(key, text)| (key, Sensitive::new(text))).collect();
        let others = self.properties.as_map().iter().filter(|(other, _)| *other != name);
        let plain: BTreeSet<_> = others.filter_map(|(_, value)| value.as_str()).map(str::trim).collect();
        for (key, value) in &map {
            if !plain_keys.contains(&key.as_str()) && !plain.contains(value.expose().trim()) {
                self.mask.add(value);
            }
        }
        Ok(Some(map))
    }

    /// A JSON object: a map, or a text that holds one, which is all that a template's parameter can carry. In a map from a
    /// template, numbers and booleans have become texts.
    pub fn object(&self, name: &str) -> Result<Option<Cow<'a, Map<String, Value>>>, Error> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Cow::Borrowed(map))),
            Some(Value::String(text)) => serde_json::from_str(text).map(|map| Some(Cow::Owned(map))).map_err(|error| {
                // serde's own message may quote the text; its position does not.
                let place = format!("line {} column {}", error.line(), error.column());
                let problem =
                    format!("is text, but not a JSON object (at {place}); write `{{\"key\": \"value\"}}`, or a map");
                Error::property(name, problem)
            }),
            Some(_) => Err(Error::property(name, "is not a map; write it as `Key: value` pairs")),
        }
    }
}

fn suggestion(name: &str, known: &[&str]) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    match known.iter().min_by_key(|known| distance(known)) {
        Some(nearest) if distance(nearest) <= name.len().max(3) / 3 => format!("; did you mean `{nearest}`?"),
        _ => format!("; known are {}", known.join(", ")),
    }
}

fn scalar(name: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(_) => Err(Error::property(name, "is a list where one value is expected; give a single text")),
        Value::Object(_) => Err(Error::property(name, "is a map where one value is expected; give a single text")),
        Value::Null => Err(Error::property(name, "contains null; give a text or leave it out")),
    }
}

fn entry(name: &str, key: &str, value: &Value) -> Result<String, Error> {
    if value.is_null() {
        return Ok(String::new());
    }
    scalar(&format!("{name}.{key}"), value)
}

fn contains_dynamic_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(DYNAMIC_REFERENCE),
        Value::Array(items) => items.iter().any(contains_dynamic_reference),
        Value::Object(map) => map.values().any(contains_dynamic_reference),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Refuses a value that is longer than AWS accepts.
pub fn at_most(name: &str, text: &str, chars_max: usize) -> Result<(), Error> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(Error::property(name, format!("has {chars} characters; use at most {chars_max}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(value: Value) -> RawProperties {
        match value {
            Value::Object(map) => map.into(),
            _ => unreachable!("tests pass maps"),
        }
    }

    fn refusal(value: Value) -> String {
        let mask = Mask::default();
        PropertyReader::new(&raw(value), &["ContainerUri", "RoleArn", "Values"], &mask).unwrap_err().to_string()
    }

    #[test]
    fn text_stands_for_numbers_and_empty_text_for_absence() {
        let mask = Mask::default();
        let properties = raw(json!({"A": "42", "B": "", "C": true, "ServiceToken": "arn"}));
        let reader = PropertyReader::new(&properties, &["A", "B", "C"], &mask).unwrap();
        assert_eq!(reader.integer("A", 0..=100).unwrap(), Some(42));
        assert_eq!(reader.string("B").unwrap(), None);
        assert_eq!(reader.string("C").unwrap().as_deref(), Some("true"));
    }

    #[test]
    fn white_space_around_a_single_text_is_dropped_and_a_secret_is_left_alone() {
        let mask = Mask::default();
        let properties = raw(json!({"A": " a b\r\n", "B": " \n", "C": "\tONE ", "D": " 7\n", "E": " secret\n"}));
        let reader = PropertyReader::new(&properties, &["A", "B", "C", "D", "E"], &mask).unwrap();
        assert_eq!(reader.string("A").unwrap().as_deref(), Some("a b"));
        assert_eq!(reader.string("B").unwrap(), None);
        assert_eq!(reader.choice("C", &[("ONE", 1)]).unwrap(), Some(1));
        assert_eq!(reader.integer("D", 0..=9).unwrap(), Some(7));
        assert_eq!(reader.sensitive("E").unwrap().unwrap().expose(), " secret\n");
    }

    #[test]
    fn a_map_may_come_as_json_in_a_text() {
        let mask = Mask::default();
        let properties = raw(json!({"A": "{\"k\": 1, \"e\": \"\"}", "B": "k=v", "C": "{\"k\": {}}"}));
        let reader = PropertyReader::new(&properties, &["A", "B", "C"], &mask).unwrap();
        assert_eq!(reader.map("A").unwrap(), Some(BTreeMap::from([("k".to_owned(), "1".to_owned())])));
        assert!(reader.map("B").unwrap_err().to_string().contains("is text, but not a JSON object"));
        assert!(reader.map("C").is_err());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let text = refusal(json!({"ContainerURI": "x"}));
        assert_eq!(text, "`ContainerURI` is not a property of this type; did you mean `ContainerUri`?");
        assert!(refusal(json!({"Zebra": "x"})).contains("known are ContainerUri, RoleArn, Values"));
    }

    #[test]
    fn a_dynamic_reference_is_refused_wherever_it_hides() {
        assert!(refusal(json!({"Values": {"KEY": ["{{resolve:secretsmanager:x}}"]}})).contains("does not resolve"));
    }
}
