//! The properties of resources: each is declared once, on the field of a struct that holds its value.
//!
//! ```ignore
//! #[derive(PropertySet)]
//! #[properties(check = check)]
//! pub(crate) struct Properties {
//!     /// Role the container runs under.
//!     #[property(name = "RoleArn", check = check_role)]
//!     pub role_arn: String,
//!     /// Time after which any session ends, in seconds.
//!     #[property(name = "MaxLifetime", range = 60..=1_209_600, default = 28_800)]
//!     pub lifetime_seconds: i32,
//! }
//! ```
//!
//! Reading, the hint for an unknown name and the tables of docs/reference.md come from the declaration. The type of the
//! field decides how a value is read (see [`FromProperty`]). Rules between properties are functions next to the struct.
//! The crate `properties-derive` lists the attributes.
//!
//! CloudFormation sends booleans and numbers as text; `""` is an optional parameter left empty and counts as absent.
//! White space around a single text is dropped, unless the text is secret. `list` has the rule for lists.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::event::RawProperties;
use crate::sensitive::Mask;
use crate::text::nearest;

mod list;
#[cfg(test)]
pub(crate) mod reference;
mod scalar;
mod values;

pub(crate) use properties_derive::{Choice, PropertySet};
pub(crate) use values::{Choice, FromProperty, FromText};

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
    pub(crate) documentation: fn() -> reference::Documentation,
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
    properties: &'a RawProperties,
    mask: &'a Mask,
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
    fn value(&self, name: &str) -> Option<&'a Value> {
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
        None => format!("; known are {}", known.join(", ")),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::sensitive::Sensitive;

    /// One property of each kind.
    #[derive(Debug, PropertySet)]
    struct Given {
        /// A whole number.
        #[property(name = "Number", range = 0..=100, default = 7)]
        number: i32,
        /// A text.
        #[property(name = "Text", chars = 8)]
        text: Option<String>,
        /// A choice.
        #[property(name = "Switch")]
        switch: Option<bool>,
        /// A secret.
        #[property(name = "Secret")]
        secret: Option<Sensitive>,
        /// A list.
        #[property(name = "List")]
        list: Vec<String>,
        /// A map.
        #[property(name = "Map", map = |map: Option<BTreeMap<String, String>>| map.unwrap_or_default())]
        map: BTreeMap<String, String>,
        /// The place of a resource.
        #[property(flatten)]
        place: Place,
    }

    #[derive(Debug, PropertySet)]
    struct Place {
        /// The image.
        #[property(name = "ContainerUri", default = "none")]
        container_uri: String,
    }

    fn read_as<T: PropertySet>(value: Value) -> Result<T, Error> {
        let Value::Object(map) = value else { unreachable!("tests pass maps") };
        T::read(&PropertyReader::new(&map.into(), T::TABLE, &Mask::default())?)
    }

    fn read(value: Value) -> Given {
        read_as(value).unwrap()
    }

    fn refusal(value: Value) -> String {
        read_as::<Given>(value).unwrap_err().to_string()
    }

    #[test]
    fn text_stands_for_numbers_and_empty_text_for_absence() {
        let given = read(json!({"Number": "42", "List": "", "Text": true, "Switch": "", "ServiceToken": "arn"}));
        assert_eq!((given.number, given.text.as_deref(), given.switch), (42, Some("true"), None));
        let given = read(json!({"Number": "", "Switch": "false", "ContainerUri": null}));
        assert_eq!((given.number, given.switch, given.place.container_uri.as_str()), (7, Some(false), "none"));
        assert_eq!(refusal(json!({"Number": 101})), "`Number` is \"101\"; use a whole number from 0 to 100");
        assert_eq!(refusal(json!({"Switch": "yes"})), "`Switch` is \"yes\"; use one of true, false");
        assert_eq!(refusal(json!({"Text": "123456789"})), "`Text` has 9 characters; use at most 8");
    }

    #[test]
    fn what_has_neither_value_nor_default_is_missing() {
        #[derive(Debug, PropertySet)]
        struct Required {
            /// A text.
            #[property(name = "Text")]
            _text: String,
        }
        for value in [json!({}), json!({"Text": " \n"}), json!({"Text": null})] {
            assert_eq!(read_as::<Required>(value).unwrap_err().to_string(), "`Text` is missing; give it a value");
        }
    }

    #[test]
    fn white_space_around_a_single_text_is_dropped_and_a_secret_is_left_alone() {
        let given = read(json!({"Text": " a b\r\n", "Switch": "\ttrue ", "Number": " 9\n", "Secret": " secret\n"}));
        assert_eq!((given.text.as_deref(), given.switch, given.number), (Some("a b"), Some(true), 9));
        assert_eq!(given.secret.unwrap().expose(), " secret\n");
        assert_eq!(read(json!({"Text": " \n"})).text, None);
    }

    #[test]
    fn a_map_may_come_as_json_in_a_text() {
        let given = read(json!({"Map": "{\"k\": 1, \"e\": \"\"}"}));
        assert_eq!(given.map, BTreeMap::from([("k".to_owned(), "1".to_owned())]));
        assert!(refusal(json!({"Map": "k=v"})).contains("is text, but not a JSON object"));
        assert!(refusal(json!({"Map": "{\"k\": {}}"})).starts_with("`Map.k` is a map"));
    }

    #[test]
    fn a_list_is_read_by_the_one_rule() {
        for value in [json!("x,y"), json!(["x", "y", ""]), json!("[\"x\", \"y\"]")] {
            assert_eq!(read(json!({"List": value})).list, ["x", "y"]);
        }
        assert_eq!(read(json!({})).list, [""; 0]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let text = refusal(json!({"ContainerURI": "x"}));
        assert_eq!(text, "`ContainerURI` is not a property of this type; did you mean `ContainerUri`?");
        let known = "known are Number, Text, Switch, Secret, List, Map, ContainerUri";
        assert!(refusal(json!({"Zebra": "x"})).contains(known));
    }

    #[test]
    fn a_dynamic_reference_is_refused_wherever_it_hides() {
        assert!(refusal(json!({"Map": {"KEY": ["{{resolve:secretsmanager:x}}"]}})).contains("does not resolve"));
    }
}
