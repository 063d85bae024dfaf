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

#[cfg(test)]
pub(crate) mod documentation;
mod list;
mod reader;
#[cfg(test)]
pub(crate) mod reference;
mod scalar;
mod values;

pub(crate) use properties_derive::{Choice, PropertySet};
pub(crate) use reader::{Entry, Property, PropertyReader, PropertySet, Table, at_most, nested};
pub(crate) use values::{Choice, FromProperty, FromText};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;
    use crate::sensitive::{Mask, Sensitive};

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
            assert_eq!(read_as::<Required>(value).unwrap_err().to_string(), "`Text` is missing; set it");
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
        assert!(refusal(json!({"Map": "k=v"})).contains("is a string, but not a JSON object"));
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
        let known = "known properties: Number, Text, Switch, Secret, List, Map, ContainerUri";
        assert!(refusal(json!({"Zebra": "x"})).contains(known));
    }

    #[test]
    fn a_dynamic_reference_is_refused_wherever_it_hides() {
        assert!(refusal(json!({"Map": {"KEY": ["{{resolve:secretsmanager:x}}"]}})).contains("does not resolve"));
    }
}
