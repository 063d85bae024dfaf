//! The Conditions section, and the boolean functions it shares with Rules.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::intrinsics::{Scope, arguments, list};

/// Evaluates every condition. The scope holds parameters and mappings; its own conditions are not consulted.
pub(crate) fn evaluate(
    conditions: &BTreeMap<String, Value>,
    scope: &Scope<'_>,
) -> Result<BTreeMap<String, bool>, String> {
    let evaluation = Evaluation { conditions, scope };
    conditions.iter().map(|(name, value)| Ok((name.clone(), evaluation.holds(value, &[name])?))).collect()
}

struct Evaluation<'a> {
    conditions: &'a BTreeMap<String, Value>,
    scope: &'a Scope<'a>,
}

impl Evaluation<'_> {
    /// Evaluates a condition. `path` holds the names being evaluated, so that a circle is found.
    fn holds(&self, value: &Value, path: &[&str]) -> Result<bool, String> {
        let (name, argument) = single(value).ok_or("Template format error: every condition must be one function")?;
        match name {
            "Condition" => {
                let target = argument.as_str().unwrap_or_default();
                let condition = self.conditions.get(target).ok_or_else(|| {
                    format!(
                        "Template format error: Unresolved condition dependency {target} in the Conditions block of \
                         the template"
                    )
                })?;
                if path.contains(&target) {
                    return Err(format!(
                        "Template error: Found circular condition dependency between {} and {target}",
                        path[path.len() - 1]
                    ));
                }
                self.holds(condition, &[path, &[target]].concat())
            }
            _ => boolean(name, argument, self.scope, &|value| self.holds(value, path))
                .unwrap_or_else(|| Err(format!("Template format error: {name} is not a condition function"))),
        }
    }
}

pub(crate) fn single(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, argument)| (name.as_str(), argument))
}

/// Evaluates `Fn::Equals`, `Fn::Not`, `Fn::And` or `Fn::Or`; returns `None` for another function. `nested` evaluates an
/// inner condition.
pub(crate) fn boolean(
    name: &str,
    argument: &Value,
    scope: &Scope<'_>,
    nested: &dyn Fn(&Value) -> Result<bool, String>,
) -> Option<Result<bool, String>> {
    let several = || match list(argument) {
        inner if (2..=10).contains(&inner.len()) => inner.iter().map(nested).collect::<Result<Vec<bool>, String>>(),
        _ => Err(arguments(name)),
    };
    Some(match name {
        "Fn::Equals" => match list(argument) {
            [left, right] => equal(scope, left, right),
            _ => Err(arguments(name)),
        },
        "Fn::Not" => match list(argument) {
            [inner] => nested(inner).map(|holds| !holds),
            _ => Err(arguments(name)),
        },
        "Fn::And" => several().map(|all| !all.contains(&false)),
        "Fn::Or" => several().map(|all| all.contains(&true)),
        _ => return None,
    })
}

/// Values are compared as the text they print as; lists member by member.
fn equal(scope: &Scope<'_>, left: &Value, right: &Value) -> Result<bool, String> {
    let plain = |value: &Value| -> Result<Value, String> {
        let resolved = scope.resolve(value)?.ok_or("Template error: AWS::NoValue cannot be compared")?;
        Ok(super::properties::stringify(&resolved))
    };
    Ok(plain(left)? == plain(right)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::intrinsics::NoResources;

    fn evaluate_all(conditions: Value) -> Result<BTreeMap<String, bool>, String> {
        let parameters = BTreeMap::from([("Mode".to_owned(), json!("on")), ("List".to_owned(), json!([""]))]);
        let scope = Scope {
            parameters: &parameters,
            mappings: &Map::new(),
            conditions: &BTreeMap::new(),
            resources: &NoResources,
        };
        let conditions: BTreeMap<String, Value> = serde_json::from_value(conditions).expect("a map");
        evaluate(&conditions, &scope)
    }

    #[test]
    fn conditions_refer_to_each_other() {
        let result = evaluate_all(json!({
            "On": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
            "Off": {"Fn::Not": [{"Condition": "On"}]},
            "Both": {"Fn::And": [{"Condition": "On"}, {"Condition": "Off"}]},
            "Either": {"Fn::Or": [{"Condition": "On"}, {"Condition": "Off"}]},
            "Empty": {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "List"}]}, ""]},
            "Texts": {"Fn::Equals": [true, "true"]},
        }));
        let result = result.expect("evaluates");
        let holding: Vec<&str> = result.iter().filter(|(_, holds)| **holds).map(|(name, _)| name.as_str()).collect();
        assert_eq!(holding, ["Either", "Empty", "On", "Texts"]);
    }

    #[test]
    fn circles_unknown_names_and_odd_functions_are_refused() {
        let circle =
            evaluate_all(json!({"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}}));
        assert!(circle.expect_err("a circle").contains("circular condition dependency"));
        assert!(evaluate_all(json!({"A": {"Condition": "X"}})).expect_err("unknown").contains("Unresolved condition"));
        assert!(evaluate_all(json!({"A": {"Fn::If": ["x", true, false]}})).is_err());
        assert!(evaluate_all(json!({"A": {"Fn::And": [{"Fn::Equals": ["a", "a"]}]}})).is_err());
        assert!(evaluate_all(json!({"A": {"Fn::Equals": [{"Ref": "Resource"}, "a"]}})).is_err());
    }
}
