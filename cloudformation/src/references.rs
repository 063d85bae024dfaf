//! The references in a template value, found without evaluating it. The shape of every intrinsic function is checked on
//! the way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::intrinsics::{arguments, call, list};
use crate::substitution::{Segment, segments};

/// One reference from a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reference {
    /// `Ref`, or a variable of `Fn::Sub`: a parameter, a pseudo parameter or a resource.
    Name(String),
    /// `Fn::GetAtt`, or a dotted variable of `Fn::Sub`.
    Attribute(String, String),
    /// The condition of an `Fn::If`.
    Condition(String),
    /// The map of an `Fn::FindInMap`, where it is written out.
    Mapping(String),
}

/// Collects the references of a value. With `conditions`, only the chosen branch of each `Fn::If` counts.
pub(crate) fn references(
    value: &Value,
    conditions: Option<&BTreeMap<String, bool>>,
) -> Result<BTreeSet<Reference>, String> {
    let mut walk = Walk { conditions, ..Walk::default() };
    walk.value(value)?;
    Ok(walk.found)
}

/// Collects the arguments of `Fn::ImportValue` in a value, as [`references`] collects references.
pub(crate) fn import_names(value: &Value, conditions: Option<&BTreeMap<String, bool>>) -> Result<Vec<Value>, String> {
    let mut walk = Walk { conditions, ..Walk::default() };
    walk.value(value)?;
    Ok(walk.import_names)
}

#[derive(Default)]
struct Walk<'a> {
    conditions: Option<&'a BTreeMap<String, bool>>,
    found: BTreeSet<Reference>,
    import_names: Vec<Value>,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        if let Some((name, argument)) = call(value) {
            return self.call(name, argument);
        }
        match value {
            Value::Object(members) => {
                if let Some(name) = members.keys().find(|key| *key == "Ref" || key.starts_with("Fn::")) {
                    return Err(format!("Template format error: {name} must stand alone in its object"));
                }
                members.values().try_for_each(|member| self.value(member))
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item)),
            _ => Ok(()),
        }
    }

    fn call(&mut self, name: &str, argument: &Value) -> Result<(), String> {
        match (name, argument, list(argument)) {
            ("Ref", Value::String(target), _) if !target.is_empty() => {
                self.found.insert(Reference::Name(target.clone()));
                Ok(())
            }
            ("Fn::GetAtt", _, [Value::String(logical_id), Value::String(attribute)])
                if !logical_id.is_empty() && !attribute.is_empty() =>
            {
                self.found.insert(Reference::Attribute(logical_id.clone(), attribute.clone()));
                Ok(())
            }
            ("Fn::If", _, [Value::String(condition), then, otherwise]) => {
                self.found.insert(Reference::Condition(condition.clone()));
                match self.conditions.and_then(|conditions| conditions.get(condition)) {
                    Some(true) => self.value(then),
                    Some(false) => self.value(otherwise),
                    None => self.value(then).and_then(|()| self.value(otherwise)),
                }
            }
            ("Fn::Sub", Value::String(text), _) => self.substitution(text, &Value::Null),
            ("Fn::Sub", _, [Value::String(text), variables @ Value::Object(_)]) => {
                self.substitution(text, variables)?;
                self.value(variables)
            }
            ("Fn::FindInMap", _, [map, _, _]) => {
                if let Value::String(map) = map {
                    self.found.insert(Reference::Mapping(map.clone()));
                }
                self.value(argument)
            }
            ("Fn::Join" | "Fn::Split", _, [Value::String(_), items]) => self.value(items),
            ("Fn::Select", _, [_, _]) | ("Fn::Base64" | "Fn::GetAZs", _, _) => self.value(argument),
            ("Fn::ImportValue", _, _) => {
                self.import_names.push(argument.clone());
                self.value(argument)
            }
            ("Fn::Transform", _, _) => Err("Template format error: Fn::Transform is not supported: \
                                            the emulated CloudFormation runs no macros"
                .to_owned()),
            (
                "Ref" | "Fn::GetAtt" | "Fn::If" | "Fn::Sub" | "Fn::FindInMap" | "Fn::Join" | "Fn::Split" | "Fn::Select",
                _,
                _,
            ) => Err(arguments(name)),
            _ => Err(format!("Template format error: {name} is not a function that can be used here")),
        }
    }

    fn substitution(&mut self, text: &str, variables: &Value) -> Result<(), String> {
        for segment in segments(text)? {
            let Segment::Variable(name) = segment else { continue };
            if variables.get(&name).is_some() {
                continue;
            }
            self.found.insert(match name.split_once('.') {
                Some((logical_id, attribute)) => Reference::Attribute(logical_id.to_owned(), attribute.to_owned()),
                None => Reference::Name(name),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_reference_is_found() {
        let value = json!({"a": {"Fn::Sub": ["${x}${A}${B.Arn}${!no}", {"x": {"Ref": "C"}}]},
            "b": {"Fn::If": ["Cond", {"Ref": "D"}, {"Fn::FindInMap": ["M", {"Ref": "E"}, "k"]}]}});
        let found = references(&value, None).expect("well formed");
        let names = |names: &[&str]| names.iter().map(|name| Reference::Name((*name).to_owned())).collect::<Vec<_>>();
        let mut expected: BTreeSet<_> = names(&["A", "C", "D", "E"]).into_iter().collect();
        expected.insert(Reference::Attribute("B".into(), "Arn".into()));
        expected.insert(Reference::Condition("Cond".into()));
        expected.insert(Reference::Mapping("M".into()));
        assert_eq!(found, expected);

        let chosen = references(&value["b"], Some(&BTreeMap::from([("Cond".to_owned(), true)]))).expect("well formed");
        assert!(chosen.contains(&Reference::Name("D".into())) && !chosen.contains(&Reference::Name("E".into())));
    }

    #[test]
    fn imports_are_found_with_what_their_names_refer_to() {
        let name = json!({"Fn::Sub": "${Stack}-Arn"});
        let value = json!([{"Fn::If": ["Cond", {"Fn::ImportValue": &name}, {"Fn::ImportValue": "other"}]}]);
        assert_eq!(import_names(&value, None), Ok(vec![name.clone(), json!("other")]));
        assert!(references(&value, None).expect("well formed").contains(&Reference::Name("Stack".into())));
        assert_eq!(import_names(&value, Some(&BTreeMap::from([("Cond".to_owned(), true)]))), Ok(vec![name]));
    }

    #[test]
    fn wrong_shapes_and_unknown_functions_are_refused() {
        for wrong in [
            json!({"Ref": ["A"]}),
            json!({"Ref": "A", "x": 1}),
            json!({"Fn::GetAtt": ["A"]}),
            json!({"Fn::Join": [["a"]]}),
            json!({"Fn::Cidr": ["10.0.0.0/16", 2]}),
            json!({"Fn::Transform": {"Name": "AWS::Include"}}),
            json!({"Fn::Nonsense": 1}),
            json!({"Fn::Equals": ["a", "b"]}),
        ] {
            assert!(references(&wrong, None).is_err(), "{wrong} must be refused");
        }
    }
}
