//! The Parameters section: declarations, and the values given for them.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::error::ValidationError;
use crate::intrinsics::text;

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSummary {
    /// The value it has when none is given.
    pub default: Option<String>,
    /// The only values it takes; empty if it is not limited so.
    pub allowed_values: Vec<String>,
    /// Shown as stars wherever the stack is described.
    pub no_echo: bool,
}

/// Bytes in one parameter's value.
const VALUE_BYTES_MAX: usize = 4096;
/// Characters in a parameter's description.
const DESCRIPTION_CHARS_MAX: usize = 4000;

/// A value given for a parameter.
#[derive(Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// This text.
    Text(String),
    /// The value that the stack has now; only for an update.
    Previous,
}

/// One declaration.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    name: String,
    kind: Kind,
    /// The declared type, `List<AWS::EC2::Subnet::Id>`.
    pub type_name: String,
    default: Option<String>,
    allowed_values: Vec<String>,
    allowed_pattern: Option<(String, Regex)>,
    length: (Option<usize>, Option<usize>),
    range: (Option<f64>, Option<f64>),
    constraint_description: Option<String>,
    /// Shown as stars wherever the stack is described.
    pub no_echo: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    TextList,
    NumberList,
    /// An AWS-specific type; the prefix its values have.
    Resource(&'static str),
    ResourceList(&'static str),
    /// The name of a parameter in Parameter Store.
    StoredName,
    /// Such a name, and `Ref` gives the stored value.
    Stored,
    /// Such a name, and `Ref` gives the stored value split at commas.
    StoredList,
}

/// The items of Parameter Store and EC2, by name or id, with their attributes.
pub(crate) type Inventory = BTreeMap<String, BTreeMap<String, String>>;
/// The attribute of a stored parameter that holds its value.
pub(crate) const STORED_VALUE: &str = "Value";

impl Kind {
    fn named(type_name: &str) -> Option<Self> {
        let prefix = |name: &str| match name {
            "AWS::EC2::Subnet::Id" => Some("subnet-"),
            "AWS::EC2::SecurityGroup::Id" => Some("sg-"),
            "AWS::EC2::VPC::Id" => Some("vpc-"),
            _ => None,
        };
        match type_name {
            "String" => Some(Self::Text),
            "Number" => Some(Self::Number),
            "CommaDelimitedList" => Some(Self::TextList),
            "List<Number>" => Some(Self::NumberList),
            "AWS::SSM::Parameter::Name" => Some(Self::StoredName),
            _ if type_name.starts_with("AWS::SSM::Parameter::Value<") => {
                // The stored value's own type matters here only as far as it is a list or not: a string, or an id such
                // as an image's [CFNUG cloudformation-supplied-parameter-types].
                let inner = type_name.strip_prefix("AWS::SSM::Parameter::Value<")?.strip_suffix('>')?;
                let is_list = inner == "CommaDelimitedList" || inner.starts_with("List<");
                let is_known = is_list || inner == "String" || inner.starts_with("AWS::");
                is_known.then_some(if is_list { Self::StoredList } else { Self::Stored })
            }
            _ => match type_name.strip_prefix("List<").and_then(|inner| inner.strip_suffix('>')) {
                Some(inner) => prefix(inner).map(Self::ResourceList),
                None => prefix(type_name).map(Self::Resource),
            },
        }
    }

    /// Returns true if a value is one text, to which a pattern and a length apply.
    fn takes_text(self) -> bool {
        matches!(self, Self::Text | Self::Resource(_) | Self::StoredName | Self::Stored | Self::StoredList)
    }

    fn is_list(self) -> bool {
        matches!(self, Self::TextList | Self::NumberList | Self::ResourceList(_))
    }
}

impl Parameter {
    pub(crate) fn summary(&self) -> ParameterSummary {
        ParameterSummary {
            default: self.default.clone(),
            allowed_values: self.allowed_values.clone(),
            no_echo: self.no_echo,
        }
    }

    /// Reads one declaration; its default must satisfy its own constraints.
    pub(crate) fn parse(name: &str, declaration: &Value) -> Result<Self, ValidationError> {
        let wrong = |problem: String| ValidationError::format(format_args!("Parameter '{name}': {problem}"));
        let members = declaration.as_object().ok_or_else(|| wrong("a declaration must be an object".to_owned()))?;
        let type_name = member_text(members, "Type").map_err(&wrong)?.ok_or_else(|| {
            ValidationError::format(format_args!("Every Parameters object must contain a Type member. ({name})"))
        })?;
        let kind = Kind::named(&type_name)
            .ok_or_else(|| ValidationError::format(format_args!("Unrecognized parameter type: {type_name}")))?;
        let mut parameter = Self {
            name: name.to_owned(),
            kind,
            type_name,
            default: member_text(members, "Default").map_err(&wrong)?,
            allowed_values: Vec::new(),
            allowed_pattern: None,
            length: (None, None),
            range: (None, None),
            constraint_description: member_text(members, "ConstraintDescription").map_err(&wrong)?,
            no_echo: false,
        };
        for (key, value) in members {
            let constraint_text = || text(value).ok_or_else(|| wrong(format!("{key} must be a string")));
            match key.as_str() {
                "Type" | "Default" | "ConstraintDescription" => {}
                "Description" => {
                    if constraint_text()?.chars().count() > DESCRIPTION_CHARS_MAX {
                        return Err(wrong(format!("Description is longer than {DESCRIPTION_CHARS_MAX} characters")));
                    }
                }
                "AllowedValues" => {
                    let values = value.as_array().filter(|values| !values.is_empty());
                    parameter.allowed_values = values
                        .and_then(|values| values.iter().map(text).collect())
                        .ok_or_else(|| wrong("AllowedValues must be a non-empty list of strings".to_owned()))?;
                }
                "AllowedPattern" if kind.takes_text() || matches!(kind, Kind::TextList) => {
                    let pattern = constraint_text()?;
                    // The whole value has to match, as with Java's `matches`.
                    let regex = Regex::new(&format!(r"\A(?:{pattern})\z"))
                        .map_err(|error| wrong(format!("AllowedPattern cannot be compiled: {error}")))?;
                    parameter.allowed_pattern = Some((pattern, regex));
                }
                "MinLength" | "MaxLength" if kind.takes_text() => {
                    let bound = constraint_text()?.parse();
                    let bound = Some(bound.map_err(|_| wrong(format!("{key} must be a non-negative integer")))?);
                    *if key == "MinLength" { &mut parameter.length.0 } else { &mut parameter.length.1 } = bound;
                }
                "MinValue" | "MaxValue" if matches!(kind, Kind::Number | Kind::NumberList) => {
                    let bound = constraint_text()?.parse();
                    let bound = Some(bound.map_err(|_| wrong(format!("{key} must be a number")))?);
                    *if key == "MinValue" { &mut parameter.range.0 } else { &mut parameter.range.1 } = bound;
                }
                "NoEcho" => match constraint_text()?.as_str() {
                    "true" => parameter.no_echo = true,
                    "false" => {}
                    _ => return Err(wrong("NoEcho must be true or false".to_owned())),
                },
                _ => return Err(ValidationError::format(format_args!("Invalid template parameter property '{key}'"))),
            }
        }
        if let Some(default) = &parameter.default {
            parameter.value(default)?;
        }
        Ok(parameter)
    }

    /// Returns the values that can make a difference where the parameter is compared with these literals: each allowed
    /// one, or nothing, each literal, and something else.
    fn possibilities(&self, literals: &[String]) -> Vec<Value> {
        let mut texts = self.allowed_values.clone();
        if texts.is_empty() {
            texts.extend(literals.iter().cloned().chain(["", "something else"].map(str::to_owned)));
            texts.sort();
            texts.dedup();
        }
        let value = |text| if self.kind.is_list() { Value::from(vec![text]) } else { Value::String(text) };
        texts.into_iter().map(value).collect()
    }

    /// Checks a value against the constraints and gives it the form that `Ref` returns: text, or a list of texts.
    fn value(&self, given: &str) -> Result<Value, ValidationError> {
        let name = &self.name;
        if given.len() > VALUE_BYTES_MAX {
            return Err(ValidationError::new(format!(
                "Parameter '{name}' is {} bytes long, at most {VALUE_BYTES_MAX} are allowed",
                given.len()
            )));
        }
        if !self.kind.is_list() {
            self.check(given)?;
            return Ok(Value::String(given.to_owned()));
        }
        let items: Vec<&str> = given.split(',').map(str::trim).collect();
        items.iter().try_for_each(|item| self.check(item))?;
        Ok(items.into_iter().map(Value::from).collect())
    }

    /// Replaces the name of a stored parameter by what is stored.
    fn fetch(&self, value: Value, inventory: &Inventory) -> Result<Value, ValidationError> {
        if !matches!(self.kind, Kind::StoredName | Kind::Stored | Kind::StoredList) {
            return Ok(value);
        }
        let name = value.as_str().unwrap_or_default();
        let stored = inventory.get(name).and_then(|attributes| attributes.get(STORED_VALUE)).ok_or_else(|| {
            ValidationError::new(format!("Unable to fetch parameters [{name}] from parameter store for this account."))
        })?;
        Ok(match self.kind {
            Kind::Stored => Value::from(stored.as_str()),
            Kind::StoredList => stored.split(',').map(|item| Value::from(item.trim())).collect(),
            _ => value,
        })
    }

    fn check(&self, item: &str) -> Result<(), ValidationError> {
        let name = &self.name;
        let failed = |problem: String| {
            Err(ValidationError::new(match &self.constraint_description {
                Some(description) => format!("Parameter '{name}' failed to satisfy constraint: {description}"),
                None => format!("Parameter '{name}' {problem}"),
            }))
        };
        match self.kind {
            Kind::Number | Kind::NumberList => {
                let Some(number) = item.parse::<f64>().ok().filter(|number| number.is_finite()) else {
                    return Err(ValidationError::new(format!("Parameter '{name}' must be a number")));
                };
                if let (Some(least), _) = self.range
                    && number < least
                {
                    return failed(format!("must be a number not less than {least}"));
                }
                if let (_, Some(most)) = self.range
                    && number > most
                {
                    return failed(format!("must be a number not greater than {most}"));
                }
            }
            Kind::Resource(prefix) | Kind::ResourceList(prefix) => {
                let known = item.strip_prefix(prefix).is_some_and(|id| {
                    matches!(id.len(), 8 | 17) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                });
                if !known {
                    return Err(ValidationError::new(format!(
                        "Parameter validation failed: parameter value {item} for parameter name {name} does not exist"
                    )));
                }
            }
            Kind::Text | Kind::TextList | Kind::StoredName | Kind::Stored | Kind::StoredList => {}
        }
        let characters = item.chars().count();
        if let (Some(least), _) = self.length
            && characters < least
        {
            return failed(format!("must contain at least {least} characters"));
        }
        if let (_, Some(most)) = self.length
            && characters > most
        {
            return failed(format!("must contain at most {most} characters"));
        }
        if !self.allowed_values.is_empty() && !self.allowed_values.iter().any(|allowed| allowed == item) {
            return failed(format!("must be one of AllowedValues: [{}]", self.allowed_values.join(", ")));
        }
        match &self.allowed_pattern {
            Some((pattern, regex)) if !regex.is_match(item) => failed(format!("must match pattern {pattern}")),
            _ => Ok(()),
        }
    }
}

fn member_text(members: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    members.get(key).map(|value| text(value).ok_or_else(|| format!("{key} must be a string"))).transpose()
}

/// The parameters of one operation.
#[derive(Clone, Default)]
pub(crate) struct Parameters {
    /// As given or defaulted, before lists are split.
    pub texts: BTreeMap<String, String>,
    /// As `Ref` returns them.
    pub values: BTreeMap<String, Value>,
}

/// Brings declarations, given values and the stack's present values together.
pub(crate) fn resolve(
    declared: &BTreeMap<String, Parameter>,
    given: &BTreeMap<String, ParameterValue>,
    previous: Option<&Parameters>,
    inventory: &Inventory,
) -> Result<Parameters, ValidationError> {
    refuse_unknown(declared, given.keys())?;
    let mut resolved = Parameters::default();
    let mut missing = Vec::new();
    for (name, parameter) in declared {
        let text = match given.get(name) {
            Some(ParameterValue::Text(text)) => Some(text),
            Some(ParameterValue::Previous) => {
                Some(previous.and_then(|known| known.texts.get(name)).ok_or_else(|| {
                    ValidationError::new(format!(
                        "Invalid input for parameter key {name}. Cannot specify usePreviousValue \
                                              as true for a parameter key not in the previous template"
                    ))
                })?)
            }
            None => parameter.default.as_ref(),
        };
        let Some(text) = text else {
            missing.push(name.as_str());
            continue;
        };
        resolved.values.insert(name.clone(), parameter.fetch(parameter.value(text)?, inventory)?);
        resolved.texts.insert(name.clone(), text.clone());
    }
    if missing.is_empty() {
        Ok(resolved)
    } else {
        Err(ValidationError::new(format!("Parameters: [{}] must have values", missing.join(", "))))
    }
}

/// The parameters of a stack that is still being thought about: some are given, others wait for a person.
pub(crate) struct Draft<'a> {
    /// The values given, and the defaults that are not empty.
    pub values: BTreeMap<String, Value>,
    /// Those without a value.
    open: BTreeMap<&'a str, &'a Parameter>,
}

impl<'a> Draft<'a> {
    /// Checks the values given; a parameter that has none is not missed.
    pub(crate) fn new(
        declared: &'a BTreeMap<String, Parameter>,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, ValidationError> {
        refuse_unknown(declared, given.keys())?;
        let mut draft = Self { values: BTreeMap::new(), open: BTreeMap::new() };
        for (name, parameter) in declared {
            match given.get(name).or(parameter.default.as_ref().filter(|default| !default.is_empty())) {
                Some(text) => drop(draft.values.insert(name.clone(), parameter.value(text)?)),
                None => drop(draft.open.insert(name, parameter)),
            }
        }
        Ok(draft)
    }

    /// Returns the values that an open parameter may get, as far as a comparison with these literals can tell them
    /// apart. Empty for a parameter that has its value.
    pub(crate) fn possibilities(&self, name: &str, literals: &[String]) -> Vec<Value> {
        self.open.get(name).map(|parameter| parameter.possibilities(literals)).unwrap_or_default()
    }
}

fn refuse_unknown<'a>(
    declared: &BTreeMap<String, Parameter>,
    given: impl Iterator<Item = &'a String>,
) -> Result<(), ValidationError> {
    let unknown: Vec<&str> = given.filter(|name| !declared.contains_key(*name)).map(String::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(ValidationError::new(format!("Parameters: [{}] do not exist in the template", unknown.join(", "))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(declaration: &Value, given: &str) -> Result<Value, String> {
        let parameter = Parameter::parse("P", declaration).map_err(|error| error.message)?;
        let declared = BTreeMap::from([("P".to_owned(), parameter)]);
        let given = BTreeMap::from([("P".to_owned(), ParameterValue::Text(given.to_owned()))]);
        let inventory =
            BTreeMap::from([("/mcp/zones".to_owned(), BTreeMap::from([(STORED_VALUE.to_owned(), "a, b".to_owned())]))]);
        let resolved = resolve(&declared, &given, None, &inventory).map_err(|error| error.message)?;
        Ok(resolved.values["P"].clone())
    }

    fn error(declaration: &Value, given: &str) -> String {
        value(declaration, given).expect_err("the value must be refused")
    }

    #[test]
    fn lists_are_split_and_trimmed_and_an_empty_one_has_one_empty_member() {
        let list = json!({"Type": "CommaDelimitedList"});
        assert_eq!(value(&list, "a, b"), Ok(json!(["a", "b"])));
        assert_eq!(value(&list, ""), Ok(json!([""])));
        assert_eq!(value(&json!({"Type": "List<Number>"}), "1,2.5"), Ok(json!(["1", "2.5"])));
    }

    #[test]
    fn stored_parameters_are_fetched_by_name() {
        let of = |kind: &str| json!({ "Type": format!("AWS::SSM::Parameter::{kind}") });
        assert_eq!(value(&of("Value<String>"), "/mcp/zones"), Ok(json!("a, b")));
        assert_eq!(value(&of("Value<List<String>>"), "/mcp/zones"), Ok(json!(["a", "b"])));
        assert_eq!(value(&of("Value<AWS::EC2::Image::Id>"), "/mcp/zones"), Ok(json!("a, b")));
        assert_eq!(value(&of("Name"), "/mcp/zones"), Ok(json!("/mcp/zones")));
        let missing = error(&of("Value<String>"), "/mcp/none");
        assert_eq!(missing, "Unable to fetch parameters [/mcp/none] from parameter store for this account.");
        assert!(error(&of("Value<Text>"), "").contains("Unrecognized parameter type"));
    }

    #[test]
    fn constraints_are_checked_in_the_words_of_cloudformation() {
        let pattern = json!({"Type": "String", "AllowedPattern": "[a-z]+"});
        assert_eq!(error(&pattern, "abc1"), "Parameter 'P' must match pattern [a-z]+");
        assert!(value(&pattern, "abc").is_ok());
        let described = json!({"Type": "String", "AllowedPattern": "a|b", "ConstraintDescription": "say a or b"});
        assert_eq!(error(&described, "ab"), "Parameter 'P' failed to satisfy constraint: say a or b");
        let length = json!({"Type": "String", "MinLength": 2, "MaxLength": "3"});
        assert_eq!(error(&length, "a"), "Parameter 'P' must contain at least 2 characters");
        assert_eq!(error(&length, "abcd"), "Parameter 'P' must contain at most 3 characters");
        let number = json!({"Type": "Number", "MinValue": 1, "MaxValue": 9});
        assert_eq!(error(&number, "0"), "Parameter 'P' must be a number not less than 1");
        assert_eq!(error(&number, "x"), "Parameter 'P' must be a number");
        let allowed = json!({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]});
        assert_eq!(error(&allowed, "a,c"), "Parameter 'P' must be one of AllowedValues: [a, b]");
        assert!(error(&json!({"Type": "String"}), &"x".repeat(4097)).contains("4096"));
    }

    #[test]
    fn resource_ids_must_exist_so_an_empty_list_is_refused() {
        let subnets = json!({"Type": "List<AWS::EC2::Subnet::Id>"});
        assert!(value(&subnets, "subnet-0a1b2c3d,subnet-0123456789abcdef0").is_ok());
        assert!(error(&subnets, "").contains("for parameter name P does not exist"));
    }

    #[test]
    fn declarations_are_checked_too() {
        assert_eq!(error(&json!({"Type": "Text"}), ""), "Template format error: Unrecognized parameter type: Text");
        assert!(error(&json!({"Type": "String", "Minlength": 1}), "").contains("'Minlength'"));
        assert!(error(&json!({"Type": "Number", "MinLength": 1}), "1").contains("'MinLength'"));
        assert!(
            error(&json!({"Type": "String", "Default": "x", "AllowedValues": ["y"]}), "y").contains("AllowedValues")
        );
    }

    #[test]
    fn missing_unknown_and_previous_values() {
        let parameter = Parameter::parse("P", &json!({"Type": "String"})).expect("parses");
        let declared = BTreeMap::from([("P".to_owned(), parameter)]);
        let message = |given: BTreeMap<String, ParameterValue>, previous: Option<&Parameters>| {
            resolve(&declared, &given, previous, &BTreeMap::new())
                .map(|resolved| resolved.texts["P"].clone())
                .map_err(|error| error.message)
        };
        assert_eq!(message(BTreeMap::new(), None), Err("Parameters: [P] must have values".to_owned()));
        let unknown = BTreeMap::from([("Q".to_owned(), ParameterValue::Text(String::new()))]);
        assert_eq!(message(unknown, None), Err("Parameters: [Q] do not exist in the template".to_owned()));
        let previous = BTreeMap::from([("P".to_owned(), ParameterValue::Previous)]);
        assert!(message(previous.clone(), None).is_err());
        let known = Parameters { texts: BTreeMap::from([("P".into(), "v".into())]), values: BTreeMap::new() };
        assert_eq!(message(previous, Some(&known)), Ok("v".to_owned()));
    }
}
