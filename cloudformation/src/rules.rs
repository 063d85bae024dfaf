//! The Rules section: assertions over the parameters, checked before anything is created.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::conditions::{boolean, single};
use crate::error::ValidationError;
use crate::intrinsics::{Scope, arguments, list, text};
use crate::parameters::{Draft, Parameter};

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    condition: Option<Value>,
    /// Each assertion with its description.
    assertions: Vec<(Value, Option<String>)>,
}

impl Rule {
    pub(crate) fn parse(name: &str, declaration: &Value) -> Result<Self, ValidationError> {
        let wrong = |problem: &str| ValidationError::format(format_args!("Rule '{name}': {problem}"));
        let members = declaration.as_object().ok_or_else(|| wrong("a rule must be an object"))?;
        if let Some(key) = members.keys().find(|key| !matches!(key.as_str(), "RuleCondition" | "Assertions")) {
            return Err(wrong(&format!("invalid rule property '{key}'")));
        }
        let assertions = members.get("Assertions").map(list).filter(|assertions| !assertions.is_empty());
        let assertions = assertions.ok_or_else(|| wrong("Assertions must be a non-empty list"))?;
        let assertions = assertions.iter().map(|assertion| {
            let members = assertion.as_object().ok_or_else(|| wrong("an assertion must be an object"))?;
            if let Some(key) = members.keys().find(|key| !matches!(key.as_str(), "Assert" | "AssertDescription")) {
                return Err(wrong(&format!("invalid assertion property '{key}'")));
            }
            let assert = members.get("Assert").ok_or_else(|| wrong("an assertion needs Assert"))?;
            Ok((assert.clone(), members.get("AssertDescription").and_then(text)))
        });
        Ok(Self { condition: members.get("RuleCondition").cloned(), assertions: assertions.collect::<Result<_, _>>()? })
    }
}

/// The facts that rules may use.
pub(crate) struct Facts<'a> {
    /// The declarations, for the types of parameters.
    pub declared: &'a BTreeMap<String, Parameter>,
    /// The parameters' values; nothing else can be referred to.
    pub scope: Scope<'a>,
    /// Attributes of the account's resources by id: what `Fn::ValueOf` reads, `{"subnet-…": {"VpcId": "vpc-…"}}`.
    pub inventory: &'a BTreeMap<String, BTreeMap<String, String>>,
}

/// Checks every rule and names all the assertions that do not hold.
pub(crate) fn check(rules: &BTreeMap<String, Rule>, facts: &Facts<'_>) -> Result<(), ValidationError> {
    let mut failures = Vec::new();
    for (name, rule) in rules {
        let evaluate = |value: &Value| {
            facts.holds(value).map_err(|error| ValidationError::new(format!("{error} (in rule {name})")))
        };
        let mut failed = Vec::new();
        for (assertion, description) in &rule.assertions {
            if !evaluate(assertion)? {
                failed.push(description.clone().unwrap_or_else(|| assertion.to_string()));
            }
        }
        let applies = rule.condition.as_ref().map(evaluate).transpose()?.unwrap_or(true);
        if applies {
            failures.extend(failed.into_iter().map(|failure| format!("{name}: {failure}")));
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(ValidationError::new(format!("Template validation error: rules not satisfied: [{}]", failures.join("; "))))
    }
}

/// Combinations of values that are tried for one assertion before it counts as satisfiable.
const COMBINATIONS_MAX: usize = 4096;

/// Returns the assertions that fail whatever becomes of the draft's open parameters.
pub(crate) fn contradictions(rules: &BTreeMap<String, Rule>, draft: &Draft<'_>, facts: &Facts<'_>) -> Vec<String> {
    let mut contradictions = Vec::new();
    for (name, rule) in rules {
        for (assertion, description) in &rule.assertions {
            let mut compared = BTreeMap::new();
            for value in rule.condition.iter().chain([assertion]) {
                comparisons(value, &mut compared);
            }
            let open: Vec<_> = compared.iter().map(|(name, with)| (*name, draft.possibilities(name, with))).collect();
            let fails = |parameters: &BTreeMap<String, Value>| {
                let facts = Facts { scope: Scope { parameters, ..facts.scope }, ..*facts };
                let applies = rule.condition.as_ref().map_or(Ok(true), |condition| facts.holds(condition));
                // A value that cannot be evaluated here, such as an attribute of a resource, is not known to fail.
                matches!((applies, facts.holds(assertion)), (Ok(true), Ok(false)))
            };
            if combinations(&draft.values, &open).is_some_and(|mut all| all.all(|one| fails(&one))) {
                let description = description.clone().unwrap_or_else(|| assertion.to_string());
                contradictions.push(format!("{name}: {description}"));
            }
        }
    }
    contradictions
}

/// Collects the parameters in a rule, each with the literals that it is compared with.
fn comparisons<'a>(value: &'a Value, compared: &mut BTreeMap<&'a str, Vec<String>>) {
    let Value::Object(members) = value else {
        return list(value).iter().for_each(|item| comparisons(item, compared));
    };
    for argument in members.values() {
        let items =
            || list(argument).iter().flat_map(|item| item.as_array().map_or(std::slice::from_ref(item), |it| it));
        let literals: Vec<String> = items().filter_map(text).collect();
        for item in items() {
            if let Some(("Ref", Value::String(name))) = single(item) {
                compared.entry(name).or_default().extend_from_slice(&literals);
            }
        }
        comparisons(argument, compared);
    }
}

/// Returns the known values, with each combination of the values that the open ones may get. `None` if there are too
/// many.
fn combinations<'a>(
    known: &'a BTreeMap<String, Value>,
    open: &'a [(&str, Vec<Value>)],
) -> Option<impl Iterator<Item = BTreeMap<String, Value>>> {
    let open: Vec<_> = open.iter().filter(|(_, values)| !values.is_empty()).collect();
    let count = open.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len()))?;
    (count <= COMBINATIONS_MAX).then(|| {
        (0..count).map(move |mut number| {
            let mut parameters = known.clone();
            for (name, values) in &open {
                parameters.insert((*name).to_owned(), values[number % values.len()].clone());
                number /= values.len();
            }
            parameters
        })
    })
}

impl Facts<'_> {
    fn holds(&self, value: &Value) -> Result<bool, String> {
        let (name, argument) = single(value).ok_or("Template format error: every assertion must be one function")?;
        let pair = || match list(argument) {
            [left, right] => Ok((self.values(left)?, self.values(right)?)),
            _ => Err(arguments(name)),
        };
        match name {
            "Fn::Contains" => {
                let (members, wanted) = pair()?;
                Ok(wanted.iter().all(|value| members.contains(value)))
            }
            "Fn::EachMemberEquals" => {
                let (members, wanted) = pair()?;
                Ok(members.iter().all(|member| wanted.len() == 1 && *member == wanted[0]))
            }
            "Fn::EachMemberIn" => {
                let (members, allowed) = pair()?;
                Ok(members.iter().all(|member| allowed.contains(member)))
            }
            "Fn::Equals" => pair().map(|(left, right)| left == right),
            _ => boolean(name, argument, &self.scope, &|inner| self.holds(inner))
                .unwrap_or_else(|| Err(format!("Template format error: {name} is not a rule function"))),
        }
    }

    /// Returns a value as a list of texts; a single text is a list of one.
    fn values(&self, value: &Value) -> Result<Vec<String>, String> {
        match single(value) {
            Some(("Ref", _)) => self.texts(&self.scope.resolve(value)?.unwrap_or_default()),
            Some(("Fn::RefAll", Value::String(type_name))) => self.of_type(type_name),
            Some(("Fn::ValueOf", argument)) => match list(argument) {
                [Value::String(parameter), Value::String(attribute)] => {
                    let reference = serde_json::json!({ "Ref": parameter });
                    let ids = self.texts(&self.scope.resolve(&reference)?.unwrap_or_default())?;
                    ids.iter().map(|id| self.attribute(id, attribute)).collect()
                }
                _ => Err(arguments("Fn::ValueOf")),
            },
            Some(("Fn::ValueOfAll", argument)) => match list(argument) {
                [Value::String(type_name), Value::String(attribute)] => {
                    self.of_type(type_name)?.iter().map(|id| self.attribute(id, attribute)).collect()
                }
                _ => Err(arguments("Fn::ValueOfAll")),
            },
            Some((name, _)) => Err(format!("Template format error: {name} cannot be used in a rule")),
            None => self.texts(value),
        }
    }

    fn texts(&self, value: &Value) -> Result<Vec<String>, String> {
        match value {
            Value::Array(items) => {
                Ok(items.iter().map(|item| self.values(item)).collect::<Result<Vec<_>, _>>()?.concat())
            }
            scalar => text(scalar)
                .map(|text| vec![text])
                .ok_or_else(|| "Template format error: a rule compares strings and lists of strings".to_owned()),
        }
    }

    /// Returns the values of all parameters of one type, written with or without `List<>`.
    fn of_type(&self, type_name: &str) -> Result<Vec<String>, String> {
        let list_name = format!("List<{type_name}>");
        let matching = self
            .declared
            .iter()
            .filter(|(_, parameter)| parameter.type_name == type_name || parameter.type_name == list_name);
        let mut values = Vec::new();
        for (name, _) in matching {
            values.extend(self.texts(self.scope.parameters.get(name).unwrap_or(&Value::Null))?);
        }
        Ok(values)
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String, String> {
        self.inventory
            .get(id)
            .and_then(|attributes| attributes.get(attribute))
            .cloned()
            .ok_or_else(|| format!("Template error: the emulated account knows no attribute {attribute} of {id}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::intrinsics::NoResources;

    fn check_rule(rule: &Value, parameters: Value) -> Result<(), String> {
        let declared = [("Mode", "String"), ("Subnets", "List<AWS::EC2::Subnet::Id>"), ("Vpc", "AWS::EC2::VPC::Id")]
            .into_iter()
            .map(|(name, kind)| Ok((name.to_owned(), Parameter::parse(name, &json!({"Type": kind}))?)))
            .collect::<Result<BTreeMap<_, _>, ValidationError>>()
            .expect("parses");
        let parameters: BTreeMap<String, Value> = serde_json::from_value(parameters).expect("a map");
        let inventory =
            BTreeMap::from([("subnet-1".to_owned(), BTreeMap::from([("VpcId".to_owned(), "vpc-1".to_owned())]))]);
        let facts = Facts {
            declared: &declared,
            scope: Scope {
                parameters: &parameters,
                mappings: &Map::new(),
                conditions: &BTreeMap::new(),
                resources: &NoResources,
            },
            inventory: &inventory,
        };
        let rule = Rule::parse("R", rule).map_err(|error| error.message)?;
        check(&BTreeMap::from([("R".to_owned(), rule)]), &facts).map_err(|error| error.message)
    }

    #[test]
    fn an_assertion_counts_only_when_its_rule_applies() {
        let rule = json!({"RuleCondition": {"Fn::Equals": [{"Ref": "Mode"}, "strict"]},
            "Assertions": [{"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Vpc"}, ""]}]}, "AssertDescription": "give Vpc"}]});
        assert!(check_rule(&rule, json!({"Mode": "lax", "Vpc": ""})).is_ok());
        let refused = check_rule(&rule, json!({"Mode": "strict", "Vpc": ""})).expect_err("refused");
        assert!(refused.contains("R: give Vpc"));
    }

    #[test]
    fn lists_and_attributes_are_compared() {
        let holds = |assertion: Value| {
            let parameters = json!({"Mode": "a", "Subnets": ["subnet-1"], "Vpc": "vpc-1"});
            check_rule(&json!({"Assertions": [{ "Assert": assertion }]}), parameters)
        };
        assert!(holds(json!({"Fn::Contains": [["a", "b"], {"Ref": "Mode"}]})).is_ok());
        assert!(holds(json!({"Fn::Contains": [["b"], {"Ref": "Mode"}]})).is_err());
        assert!(
            holds(json!({"Fn::EachMemberIn": [{"Fn::ValueOfAll": ["AWS::EC2::Subnet::Id", "VpcId"]},
            {"Fn::RefAll": "AWS::EC2::VPC::Id"}]}))
            .is_ok()
        );
        assert!(holds(json!({"Fn::EachMemberEquals": [{"Fn::ValueOf": ["Subnets", "VpcId"]}, "vpc-2"]})).is_err());
        assert!(holds(json!({"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": ["a", "a"]}]})).is_ok());
    }

    #[test]
    fn a_contradiction_is_what_no_value_can_mend() {
        let declared: BTreeMap<String, Parameter> = [
            ("Mode", json!({"Type": "String", "Default": "create", "AllowedValues": ["create", "attach"]})),
            ("Gateway", json!({"Type": "String", "Default": ""})),
            ("Auth", json!({"Type": "String", "Default": "", "AllowedValues": ["", "IAM", "OAUTH"]})),
            ("Image", json!({"Type": "String"})),
        ]
        .into_iter()
        .map(|(name, declaration)| (name.to_owned(), Parameter::parse(name, &declaration).expect("parses")))
        .collect();
        let is = |name: &str, value: &str| json!({"Fn::Equals": [{ "Ref": name }, value]});
        let attach_needs_gateway = json!({"RuleCondition": is("Mode", "attach"),
            "Assertions": [{"Assert": {"Fn::Not": [is("Gateway", "")]}, "AssertDescription": "give Gateway"}]});
        let create_has_none = json!({"RuleCondition": is("Mode", "create"),
            "Assertions": [{"Assert": is("Gateway", ""), "AssertDescription": "clear Gateway"}]});
        let literals = json!({"Assertions": [
            {"Assert": is("Image", "this one")},
            {"Assert": {"Fn::Or": [is("Auth", "OAUTH"), {"Fn::Contains": [["IAM"], {"Ref": "Auth"}]}]}},
            {"Assert": is("Auth", "NEITHER"), "AssertDescription": "not allowed"},
        ]});
        let rules: BTreeMap<String, Rule> =
            [("Attach", attach_needs_gateway), ("Create", create_has_none), ("Literals", literals)]
                .into_iter()
                .map(|(name, rule)| (name.to_owned(), Rule::parse(name, &rule).expect("parses")))
                .collect();
        let found = |given: &[(&str, &str)]| {
            let given = given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            let draft = Draft::new(&declared, &given).expect("the values are allowed");
            let scope = Scope {
                parameters: &draft.values,
                mappings: &Map::new(),
                conditions: &BTreeMap::new(),
                resources: &NoResources,
            };
            contradictions(&rules, &draft, &Facts { declared: &declared, scope, inventory: &BTreeMap::new() })
        };
        let always = "Literals: not allowed";
        assert_eq!(found(&[]), [always]);
        assert_eq!(found(&[("Mode", "attach")]), [always], "the gateway may still be filled in");
        assert_eq!(found(&[("Mode", "attach"), ("Gateway", "")]), ["Attach: give Gateway", always]);
        assert_eq!(found(&[("Gateway", "tools")]), ["Create: clear Gateway", always], "Mode has its default");
    }

    #[test]
    fn conditions_and_other_functions_are_refused_as_cloudformation_does() {
        for assertion in [
            json!({"Condition": "X"}),
            json!({"Fn::If": ["X", true, false]}),
            json!({"Fn::Equals": [{"Fn::Join": ["", ["a"]]}, "a"]}),
        ] {
            assert!(check_rule(&json!({"Assertions": [{ "Assert": assertion }]}), json!({"Mode": "a"})).is_err());
        }
        assert!(check_rule(&json!({"Assertions": []}), json!({})).is_err());
    }
}
