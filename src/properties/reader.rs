//! Declarations of properties, and the reader that finds their values.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

#[cfg(test)]
use super::documentation::Documentation;
use crate::error::Error;
use crate::event::RawProperties;
use crate::sensitive::Mask;
use crate::text::nearest;

/// Properties that CloudFormation itself adds or reads.
const RESERVED: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Starts a dynamic reference. CloudFormation resolves it in native resources but hands it to a custom resource as text.
const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// A struct that is read from properties. The implementation is derived: see the module.
pub(crate) trait PropertySet: Sized {
    /// The declarations, in the order in which docs/reference.md has them.
    const TABLE: Table;

    /// Reads and checks the properties. Pure.
    fn read(reader: &PropertyReader<'_>) -> Result<Self, Error>;
}

/// The declarations of a [`PropertySet`].
pub(crate) type Table = &'static [Entry];

/// One line of a table.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A property.
    Property(&'static Property),
    /// The properties of a field that is a [`PropertySet`] itself.
    Group(Table),
}

/// The declaration of a property, as far as reading needs it.
#[derive(Debug)]
pub(crate) struct Property {
    /// The name in templates.
    pub(crate) name: &'static str,
    /// The bounds of a whole number.
    pub(crate) range: Option<RangeInclusive<i32>>,
    /// The maximum number of characters of a text.
    pub(crate) chars_max: Option<usize>,
    /// The keys of a map of secrets whose values are not secret.
    pub(crate) plain_keys: &'static [&'static str],
    /// The rest of the declaration, for docs/reference.md.
    #[cfg(test)]
    pub(crate) documentation: fn() -> Documentation,
}

/// Lists the properties of a table, those of its groups included.
pub(crate) fn flatten(table: Table) -> Vec<&'static Property> {
    let properties = table.iter().flat_map(|entry| match entry {
        Entry::Property(property) => vec![*property],
        Entry::Group(group) => flatten(group),
    });
    properties.collect()
}

/// Reads the properties of one resource.
#[derive(Debug)]
pub(crate) struct PropertyReader<'a> {
    pub(super) properties: &'a RawProperties,
    pub(super) mask: &'a Mask,
}

impl<'a> PropertyReader<'a> {
    /// Creates a reader of `properties`. Refuses a name that `table` does not have, with the nearest one of those it has.
    /// Every secret value that is read is added to `mask`.
    pub(crate) fn new(properties: &'a RawProperties, table: Table, mask: &'a Mask) -> Result<Self, Error> {
        let names: Vec<_> = flatten(table).into_iter().map(|property| property.name).collect();
        for (name, value) in properties.as_map() {
            let name = name.as_str();
            if RESERVED.contains(&name) {
                continue;
            }
            if !names.contains(&name) {
                return Err(Error::property(
                    name,
                    format!("is not a property of this type{}", suggestion(name, &names)),
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
        Ok(Self { properties, mask })
    }

    /// Returns a property's value. `""`, white space alone, `null` and absence are the same.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        let value = self.properties.as_map().get(name)?;
        (!value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())).then_some(value)
    }

    /// Decides whether the property has a value. An empty list or map is one.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Returns the first property of a table that has a value.
    pub(crate) fn first_given(&self, table: Table) -> Option<&'static str> {
        flatten(table).into_iter().map(|property| property.name).find(|name| self.is_given(name))
    }
}

/// Reads a map inside of the property `path` as a set of properties of its own. An error names the whole path. Nothing in it
/// is secret.
pub(crate) fn nested<T: PropertySet>(path: &str, map: Map<String, Value>) -> Result<T, Error> {
    let (properties, mask) = (RawProperties::from(map), Mask::default());
    let read = PropertyReader::new(&properties, T::TABLE, &mask).and_then(|reader| T::read(&reader));
    read.map_err(|error| match error {
        Error::InvalidProperty { name, problem } => Error::property(format!("{path}.{name}"), problem),
        error => error,
    })
}

fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; known properties: {}", known.join(", ")),
    }
}

fn contains_dynamic_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(DYNAMIC_REFERENCE),
        Value::Array(items) => items.iter().any(contains_dynamic_reference),
        Value::Object(map) => map.values().any(contains_dynamic_reference),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Refuses a text that is longer than AWS accepts.
pub(crate) fn at_most(name: &str, text: &str, chars_max: usize) -> Result<(), Error> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(Error::property(name, format!("has {chars} characters; use at most {chars_max}")));
    }
    Ok(())
}
