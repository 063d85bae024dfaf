//! Intrinsic functions: from a template value to the value a resource receives.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value};

use crate::substitution::{Segment, segments};

/// The values of `Ref`, `Fn::GetAtt` and `Fn::ImportValue`, which are known only while the stack is being deployed.
pub(crate) trait Resources {
    /// Returns the value of `Ref`, if the resource exists already.
    fn reference(&self, logical_id: &str) -> Result<Value, String>;
    /// Returns the value of `Fn::GetAtt`.
    fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, String>;
    /// Returns the value of `Fn::ImportValue`: the one that another stack exports under this name.
    fn import(&self, export: &str) -> Result<Value, String>;
}

/// Everything a template value may refer to.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Parameters and pseudo parameters by name; lists are JSON lists.
    pub parameters: &'a BTreeMap<String, Value>,
    /// The Mappings section.
    pub mappings: &'a Map<String, Value>,
    /// The Conditions section, evaluated.
    pub conditions: &'a BTreeMap<String, bool>,
    /// The resources.
    pub resources: &'a dyn Resources,
}

/// Returns name and argument, if the value is a call of an intrinsic function.
pub(crate) fn call(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let (name, argument) = members.iter().next()?;
    (members.len() == 1 && (name == "Ref" || name.starts_with("Fn::"))).then_some((name.as_str(), argument))
}

/// Converts a scalar to text, as CloudFormation does wherever text is needed.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

impl Scope<'_> {
    /// Evaluates a value. `None` is `AWS::NoValue`: the property or list item is left out.
    pub(crate) fn resolve(&self, value: &Value) -> Result<Option<Value>, String> {
        if let Some((name, argument)) = call(value) {
            return self.call(name, argument);
        }
        Ok(Some(match value {
            Value::Object(members) => {
                let mut resolved = Map::new();
                for (key, member) in members {
                    if let Some(member) = self.resolve(member)? {
                        resolved.insert(key.clone(), member);
                    }
                }
                Value::Object(resolved)
            }
            Value::Array(items) => Value::Array(self.resolve_items(items)?),
            scalar => scalar.clone(),
        }))
    }

    fn resolve_items(&self, items: &[Value]) -> Result<Vec<Value>, String> {
        items.iter().filter_map(|item| self.resolve(item).transpose()).collect()
    }

    /// Evaluates a value that must come out as text.
    pub(crate) fn resolve_text(&self, value: &Value, place: &str) -> Result<String, String> {
        self.resolve(value)?.as_ref().and_then(text).ok_or_else(|| format!("Template error: {place} must be a string"))
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>, String> {
        match name {
            "Ref" => self.reference(argument.as_str().unwrap_or_default()),
            "Fn::GetAtt" => match list(argument) {
                [Value::String(logical_id), attribute] => {
                    let attribute = self.resolve_text(attribute, "an attribute name of Fn::GetAtt")?;
                    self.resources.attribute(logical_id, &attribute).map(Some)
                }
                _ => Err(arguments(name)),
            },
            "Fn::If" => match list(argument) {
                [Value::String(condition), then, otherwise] => {
                    let holds = self.condition(condition)?;
                    self.resolve(if holds { then } else { otherwise })
                }
                _ => Err(arguments(name)),
            },
            "Fn::Sub" => self.substitute(argument).map(|text| Some(Value::String(text))),
            "Fn::Join" => self.join(argument).map(|text| Some(Value::String(text))),
            "Fn::Select" => self.select(argument).map(Some),
            "Fn::Split" => match list(argument) {
                [Value::String(delimiter), source] if !delimiter.is_empty() => {
                    let source = self.resolve_text(source, "the source of Fn::Split")?;
                    Ok(Some(source.split(delimiter.as_str()).map(Value::from).collect()))
                }
                _ => Err(arguments(name)),
            },
            "Fn::FindInMap" => self.find_in_map(argument).map(Some),
            "Fn::Base64" => {
                let text = self.resolve_text(argument, "the argument of Fn::Base64")?;
                Ok(Some(Value::String(base64::engine::general_purpose::STANDARD.encode(text))))
            }
            "Fn::GetAZs" => self.zones(argument).map(Some),
            "Fn::ImportValue" => {
                let export = self.resolve_text(argument, "the attribute in Fn::ImportValue")?;
                self.resources.import(&export).map(Some)
            }
            _ => Err(format!("Template error: the function {name} is not supported here")),
        }
    }

    /// Returns the Availability Zones of a Region, that of the stack if the name is empty. Their number and names
    /// depend on the account: here three, as in most Regions.
    fn zones(&self, argument: &Value) -> Result<Value, String> {
        let region = self.resolve_text(argument, "the argument of Fn::GetAZs")?;
        let own = || self.parameters.get("AWS::Region").and_then(text).unwrap_or_default();
        let region = if region.is_empty() { own() } else { region };
        Ok(["a", "b", "c"].into_iter().map(|zone| Value::from(format!("{region}{zone}"))).collect())
    }

    /// Returns true if a condition of the Conditions section holds.
    pub(crate) fn condition(&self, name: &str) -> Result<bool, String> {
        self.conditions
            .get(name)
            .copied()
            .ok_or_else(|| format!("Template error: unresolved condition dependency {name} in Fn::If"))
    }

    fn reference(&self, name: &str) -> Result<Option<Value>, String> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        match self.parameters.get(name) {
            Some(value) => Ok(Some(value.clone())),
            None => self.resources.reference(name).map(Some),
        }
    }

    fn substitute(&self, argument: &Value) -> Result<String, String> {
        let none = Map::new();
        let (template, variables) = match argument {
            Value::String(template) => (template, &none),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(template), Value::Object(variables)] => (template, variables),
                _ => return Err(arguments("Fn::Sub")),
            },
            _ => return Err(arguments("Fn::Sub")),
        };
        let mut result = String::new();
        for segment in segments(template)? {
            match segment {
                Segment::Text(text) => result.push_str(&text),
                Segment::Variable(name) => {
                    let place = format!("variable {name} in Fn::Sub");
                    let value = match (variables.get(&name), name.split_once('.')) {
                        (Some(value), _) => self.resolve(value)?,
                        (None, Some((logical_id, attribute))) => Some(self.resources.attribute(logical_id, attribute)?),
                        (None, None) => self.reference(&name)?,
                    };
                    let value = value.as_ref().and_then(text);
                    result.push_str(&value.ok_or_else(|| format!("Template error: {place} must be a string"))?);
                }
            }
        }
        Ok(result)
    }

    fn join(&self, argument: &Value) -> Result<String, String> {
        let [Value::String(delimiter), items] = list(argument) else { return Err(arguments("Fn::Join")) };
        let Some(Value::Array(items)) = self.resolve(items)? else { return Err(arguments("Fn::Join")) };
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        Ok(texts.ok_or_else(|| arguments("Fn::Join"))?.join(delimiter))
    }

    fn select(&self, argument: &Value) -> Result<Value, String> {
        let [index, items] = list(argument) else { return Err(arguments("Fn::Select")) };
        let index = self.resolve_text(index, "the index of Fn::Select")?;
        let Some(Value::Array(items)) = self.resolve(items)? else { return Err(arguments("Fn::Select")) };
        index
            .parse::<usize>()
            .ok()
            .and_then(|position| items.get(position).cloned())
            .ok_or_else(|| format!("Template error: Fn::Select cannot select nonexistent value at index {index}"))
    }

    fn find_in_map(&self, argument: &Value) -> Result<Value, String> {
        let [map, top, second] = list(argument) else { return Err(arguments("Fn::FindInMap")) };
        let map = self.resolve_text(map, "the map name of Fn::FindInMap")?;
        let top = self.resolve_text(top, "a key of Fn::FindInMap")?;
        let second = self.resolve_text(second, "a key of Fn::FindInMap")?;
        let mapping = self.mappings.get(&map).ok_or_else(|| {
            format!("Template error: Mapping named '{map}' is not present in the 'Mappings' section of template.")
        })?;
        mapping
            .get(&top)
            .and_then(|keys| keys.get(&second))
            .cloned()
            .ok_or_else(|| format!("Template error: Unable to get mapping for {map}::{top}::{second}"))
    }
}

pub(crate) fn list(argument: &Value) -> &[Value] {
    argument.as_array().map_or(&[], Vec::as_slice)
}

/// Describes the arguments that a function takes, for the error of a call with others.
pub(crate) fn arguments(function: &str) -> String {
    let expected = match function {
        "Ref" => "the logical name of a parameter or resource",
        "Fn::GetAtt" => "two non-empty parameters, the resource name and the resource attribute",
        "Fn::If" => "a list of three: the name of a condition, the value if true, the value if false",
        "Fn::Sub" => "a string, or a list of a string and a map of variables",
        "Fn::Join" => "two parameters, (1) a string delimiter and (2) a list of strings to be joined",
        "Fn::Select" => "two parameters, the index and a list of values to select from",
        "Fn::Split" => "two parameters, (1) a non-empty string delimiter and (2) a string to be split",
        "Fn::FindInMap" => "three parameters, the map name, map key and the attribute",
        "Fn::Equals"
        | "Fn::Contains"
        | "Fn::EachMemberEquals"
        | "Fn::EachMemberIn"
        | "Fn::ValueOf"
        | "Fn::ValueOfAll" => "a list of two parameters",
        "Fn::And" | "Fn::Or" => "a list of two to ten conditions",
        "Fn::Not" => "a list of one condition",
        _ => "another argument",
    };
    format!("Template error: every {function} object requires {expected}")
}

/// The resources of Conditions and Rules, which can refer to none.
pub(crate) struct NoResources;

impl Resources for NoResources {
    fn reference(&self, logical_id: &str) -> Result<Value, String> {
        Err(format!(
            "Template format error: Unresolved dependencies [{logical_id}]. Only parameters can be referred to here"
        ))
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, String> {
        self.reference(&format!("{logical_id}.{attribute}"))
    }

    fn import(&self, _: &str) -> Result<Value, String> {
        Err("Template error: Cannot use Fn::ImportValue in Conditions and Rules.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Fixed;

    impl Resources for Fixed {
        fn reference(&self, logical_id: &str) -> Result<Value, String> {
            Ok(json!(format!("id-of-{logical_id}")))
        }

        fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, String> {
            Ok(json!(format!("{attribute}-of-{logical_id}")))
        }

        fn import(&self, export: &str) -> Result<Value, String> {
            Ok(json!(format!("value-of-{export}")))
        }
    }

    fn resolve(value: &Value) -> Result<Option<Value>, String> {
        let parameters = BTreeMap::from([
            ("Name".to_owned(), json!("demo")),
            ("Port".to_owned(), json!("8443")),
            ("List".to_owned(), json!(["a", "b"])),
            ("AWS::Region".to_owned(), json!("us-east-1")),
        ]);
        let mappings = json!({"Clouds": {"demo": {"Host": "h", "Zones": ["x", "y"]}}});
        let conditions = BTreeMap::from([("Yes".to_owned(), true), ("No".to_owned(), false)]);
        let scope = Scope {
            parameters: &parameters,
            mappings: mappings.as_object().expect("an object"),
            conditions: &conditions,
            resources: &Fixed,
        };
        scope.resolve(value)
    }

    fn value(template: &Value) -> Value {
        resolve(template).expect("resolves").expect("has a value")
    }

    #[test]
    fn references_find_parameters_pseudo_parameters_and_resources() {
        assert_eq!(value(&json!({"Ref": "Name"})), json!("demo"));
        assert_eq!(value(&json!({"Ref": "AWS::Region"})), json!("us-east-1"));
        assert_eq!(value(&json!({"Ref": "Bucket"})), json!("id-of-Bucket"));
        assert_eq!(value(&json!({"Fn::GetAtt": ["Bucket", "Arn"]})), json!("Arn-of-Bucket"));
        assert_eq!(value(&json!({"Fn::ImportValue": {"Fn::Sub": "${Name}-Arn"}})), json!("value-of-demo-Arn"));
    }

    #[test]
    fn no_value_removes_properties_and_list_items() {
        let template = json!({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, "b": [{"Ref": "AWS::NoValue"}, 2]});
        assert_eq!(value(&template), json!({"b": [2]}));
        assert_eq!(resolve(&json!({"Ref": "AWS::NoValue"})), Ok(None));
    }

    #[test]
    fn sub_knows_both_forms_attributes_and_literals() {
        assert_eq!(value(&json!({"Fn::Sub": "${Name}/${!Name}/${B.Arn}/$x"})), json!("demo/${Name}/Arn-of-B/$x"));
        let pair = json!({"Fn::Sub": ["${x}-${AWS::Region}", {"x": {"Ref": "Port"}}]});
        assert_eq!(value(&pair), json!("8443-us-east-1"));
        assert!(resolve(&json!({"Fn::Sub": "${List}"})).is_err());
    }

    #[test]
    fn lists_are_joined_selected_and_split() {
        assert_eq!(value(&json!({"Fn::Join": ["-", ["a", 1, true]]})), json!("a-1-true"));
        assert_eq!(value(&json!({"Fn::Join": [",", {"Ref": "List"}]})), json!("a,b"));
        assert_eq!(value(&json!({"Fn::Select": ["1", {"Ref": "List"}]})), json!("b"));
        assert_eq!(value(&json!({"Fn::Select": [0, {"Fn::Split": ["/", "a/b"]}]})), json!("a"));
        let beyond = resolve(&json!({"Fn::Select": [2, {"Ref": "List"}]}));
        assert_eq!(beyond, Err("Template error: Fn::Select cannot select nonexistent value at index 2".to_owned()));
    }

    #[test]
    fn maps_are_found_and_a_missing_key_is_named() {
        assert_eq!(value(&json!({"Fn::FindInMap": ["Clouds", {"Ref": "Name"}, "Zones"]})), json!(["x", "y"]));
        let missing = resolve(&json!({"Fn::FindInMap": ["Clouds", "other", "Host"]}));
        assert_eq!(missing, Err("Template error: Unable to get mapping for Clouds::other::Host".to_owned()));
    }

    #[test]
    fn zones_are_those_of_the_region() {
        assert_eq!(value(&json!({"Fn::Select": [1, {"Fn::GetAZs": ""}]})), json!("us-east-1b"));
        assert_eq!(value(&json!({"Fn::Select": [0, {"Fn::GetAZs": {"Ref": "AWS::Region"}}]})), json!("us-east-1a"));
    }

    #[test]
    fn base64_encodes_text() {
        assert_eq!(value(&json!({"Fn::Base64": "hi"})), json!("aGk="));
    }
}
