//! Reads a property's value by the type of the field that holds it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::list;
use super::reader::{Property, PropertyReader, at_most};
use super::scalar::scalar;
use crate::error::Error;
use crate::sensitive::Sensitive;
use crate::text::quote;

/// A type of values. [`FromText`] implements it for everything that is one text.
pub(crate) trait FromProperty: Sized {
    /// False if the type itself says what absence means.
    #[cfg(test)]
    const IS_REQUIRED: bool = true;

    /// Describes the accepted values for docs/reference.md.
    #[cfg(test)]
    fn kind() -> String;

    /// Reads the value, if there is one.
    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error>;

    /// Returns the value of an absent property that has no default.
    fn absent(property: &Property) -> Result<Self, Error> {
        Err(Error::missing_property(property.name))
    }

    /// Reads the value, or returns the value of an absent property.
    fn read(reader: &PropertyReader<'_>, property: &Property) -> Result<Self, Error> {
        Self::given(reader, property)?.map_or_else(|| Self::absent(property), Ok)
    }
}

/// A type whose value is one text, also as the entry of a list.
pub(crate) trait FromText: Sized {
    /// Describes the accepted values for docs/reference.md.
    #[cfg(test)]
    fn kind() -> String {
        "text".to_owned()
    }

    /// Reads a text without white space around it. The error follows the property's name in a sentence.
    fn from_text(text: String) -> Result<Self, String>;
}

/// One of a fixed set of words.
pub(crate) trait Choice: Sized {
    /// Lists the words and what they mean.
    fn choices() -> impl Iterator<Item = (&'static str, Self)>;
}

impl Choice for bool {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("true", true), ("false", false)].into_iter()
    }
}

impl<T: Choice> FromText for T {
    #[cfg(test)]
    fn kind() -> String {
        T::choices().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    }

    fn from_text(text: String) -> Result<Self, String> {
        let chosen = T::choices().find(|(word, _)| *word == text);
        chosen.map(|(_, value)| value).ok_or_else(|| {
            let words: Vec<_> = T::choices().map(|(word, _)| word).collect();
            format!("is {}; use one of {}", quote(&text), words.join(", "))
        })
    }
}

impl FromText for String {
    fn from_text(text: String) -> Result<Self, String> {
        Ok(text)
    }
}

impl<T: FromText> FromProperty for T {
    #[cfg(test)]
    fn kind() -> String {
        <T as FromText>::kind()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        let Some(text) = reader.text(property)? else { return Ok(None) };
        T::from_text(text).map(Some).map_err(|problem| Error::property(property.name, problem))
    }
}

impl<T: FromProperty> FromProperty for Option<T> {
    #[cfg(test)]
    const IS_REQUIRED: bool = false;

    #[cfg(test)]
    fn kind() -> String {
        <T as FromProperty>::kind()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        T::given(reader, property).map(|value| value.map(Some))
    }

    fn absent(_: &Property) -> Result<Self, Error> {
        Ok(None)
    }
}

impl FromProperty for i32 {
    #[cfg(test)]
    fn kind() -> String {
        "whole number".to_owned()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        let Some(text) = reader.text(property)? else { return Ok(None) };
        let range = property.range.clone().unwrap_or(Self::MIN..=Self::MAX);
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(Error::property(
                property.name,
                format!("is {}; use a whole number from {} to {}", quote(&text), range.start(), range.end()),
            )),
        }
    }
}

/// A secret text, exactly as given.
impl FromProperty for Sensitive {
    #[cfg(test)]
    fn kind() -> String {
        "secret text".to_owned()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        let Some(value) = reader.value(property.name) else { return Ok(None) };
        let secret = Self::new(scalar(property.name, value)?);
        reader.mask.add(&secret);
        check_length(property, secret.expose())?;
        Ok(Some(secret))
    }
}

/// Declares that absence means an empty collection.
macro_rules! empty_if_absent {
    () => {
        #[cfg(test)]
        const IS_REQUIRED: bool = false;

        fn absent(_: &Property) -> Result<Self, Error> {
            Ok(Self::new())
        }
    };
}

/// A list without entries counts as absent.
impl<T: FromText> FromProperty for Vec<T> {
    empty_if_absent!();

    #[cfg(test)]
    fn kind() -> String {
        "list".to_owned()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        let Some(value) = reader.value(property.name) else { return Ok(None) };
        let entries = list::read(property.name, value)?.into_iter().map(T::from_text);
        let entries: Self = entries.collect::<Result<_, _>>().map_err(|it| Error::property(property.name, it))?;
        Ok((!entries.is_empty()).then_some(entries))
    }
}

impl<T: FromText + Ord> FromProperty for BTreeSet<T> {
    empty_if_absent!();

    #[cfg(test)]
    fn kind() -> String {
        Vec::<T>::kind()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        Ok(Vec::given(reader, property)?.map(|entries| entries.into_iter().collect()))
    }
}

/// A map of texts. Entries with an empty value are dropped: an optional parameter left empty.
impl FromProperty for BTreeMap<String, String> {
    empty_if_absent!();

    #[cfg(test)]
    fn kind() -> String {
        "map".to_owned()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        let Some(map) = reader.object(property.name)? else { return Ok(None) };
        let mut texts = Self::new();
        for (key, value) in map.iter() {
            let text = entry(property.name, key, value)?;
            if !text.is_empty() {
                texts.insert(key.clone(), text);
            }
        }
        Ok(Some(texts))
    }
}

/// A map of texts that may be secret. A value that is also the whole value of another property (an issuer, say) is not
/// masked: errors about that property have to show it. Neither is a value under one of the property's plain keys.
impl FromProperty for BTreeMap<String, Sensitive> {
    empty_if_absent!();

    #[cfg(test)]
    fn kind() -> String {
        "map".to_owned()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        let Some(map) = BTreeMap::<String, String>::given(reader, property)? else { return Ok(None) };
        let map: Self = map.into_iter().map(|(key, text)| (key, Sensitive::new(text))).collect();
        let others = reader.properties.as_map().iter().filter(|(other, _)| *other != property.name);
        let plain: BTreeSet<_> = others.filter_map(|(_, value)| value.as_str()).map(str::trim).collect();
        for (key, value) in &map {
            if !property.plain_keys.contains(&key.as_str()) && !plain.contains(value.expose().trim()) {
                reader.mask.add(value);
            }
        }
        Ok(Some(map))
    }
}

/// A JSON object as it is. In a map from a template, numbers and booleans have become texts.
impl FromProperty for Map<String, Value> {
    empty_if_absent!();

    #[cfg(test)]
    fn kind() -> String {
        "JSON object".to_owned()
    }

    fn given(reader: &PropertyReader<'_>, property: &Property) -> Result<Option<Self>, Error> {
        Ok(reader.object(property.name)?.map(Cow::into_owned))
    }
}

impl<'a> PropertyReader<'a> {
    /// Returns the keys of a map, those without a value included.
    pub(crate) fn keys(&self, name: &str) -> Result<BTreeSet<String>, Error> {
        Ok(self.object(name)?.map(|map| map.keys().cloned().collect()).unwrap_or_default())
    }

    /// Reads a map, or a text that holds a JSON object, which is the only form that a template's parameter can carry.
    fn object(&self, name: &str) -> Result<Option<Cow<'a, Map<String, Value>>>, Error> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Cow::Borrowed(map))),
            Some(Value::String(text)) => serde_json::from_str(text).map(|map| Some(Cow::Owned(map))).map_err(|error| {
                // serde's own message may quote the text; its position does not.
                let place = format!("line {} column {}", error.line(), error.column());
                let problem = format!(
                    "is a string, but not a JSON object (at {place}); write `{{\"key\": \"value\"}}`, or a map"
                );
                Error::property(name, problem)
            }),
            Some(_) => Err(Error::property(name, "is not a map; write it as `Key: value` pairs")),
        }
    }

    /// Returns a text without white space around it: a trailing line break of a file or a parameter is never meant. A
    /// number or boolean becomes the text CloudFormation would have sent.
    fn text(&self, property: &Property) -> Result<Option<String>, Error> {
        let Some(value) = self.value(property.name) else { return Ok(None) };
        let text = scalar(property.name, value)?.trim().to_owned();
        check_length(property, &text)?;
        Ok(Some(text))
    }
}

fn check_length(property: &Property, text: &str) -> Result<(), Error> {
    property.chars_max.map_or(Ok(()), |chars_max| at_most(property.name, text, chars_max))
}

fn entry(name: &str, key: &str, value: &Value) -> Result<String, Error> {
    if value.is_null() {
        return Ok(String::new());
    }
    scalar(&format!("{name}.{key}"), value)
}
