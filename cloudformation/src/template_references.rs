//! Every reference in a template leads somewhere: checked once, when the template is read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::ValidationError;
use crate::intrinsics::{call, list};
use crate::references::{Reference, import_names, references};
use crate::resources::schema;
use crate::template::{Template, is_custom};

/// Functions that may stand in the name of an import [AWS documentation, Fn::ImportValue].
const FUNCTIONS_OF_NAMES: [&str; 8] =
    ["Fn::Base64", "Fn::FindInMap", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub", "Ref"];

/// The pseudo parameters; each has a value in every stack.
pub(crate) const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Checks resources, outputs, conditions and the console's interface metadata.
pub(crate) fn check(template: &Template) -> Result<(), ValidationError> {
    for name in template.parameters.keys() {
        if template.resources.contains_key(name) {
            return Err(ValidationError::format(format_args!("Duplicate name {name} in Parameters and Resources")));
        }
    }
    let mut unresolved = BTreeSet::new();
    for (name, resource) in &template.resources {
        let properties = Value::Object(resource.properties.clone());
        for value in [&properties, &resource.metadata] {
            check_value(template, value, &mut unresolved)?;
        }
        check_condition(template, resource.condition.as_deref(), &format!("resource {name}"))?;
        unresolved.extend(resource.depends_on.iter().filter(|other| !template.resources.contains_key(*other)).cloned());
    }
    refuse_unresolved(&unresolved, "Resources")?;
    for (name, output) in &template.outputs {
        check_value(template, &output.value, &mut unresolved)?;
        if let Some(export) = &output.export {
            check_value(template, export, &mut unresolved)?;
            check_export_name(template, name, export)?;
        }
        check_condition(template, output.condition.as_deref(), &format!("output {name}"))?;
    }
    refuse_unresolved(&unresolved, "Outputs")?;
    check_interface(template)
}

fn refuse_unresolved(unresolved: &BTreeSet<String>, section: &str) -> Result<(), ValidationError> {
    if unresolved.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = unresolved.iter().map(String::as_str).collect();
    Err(ValidationError::format(format_args!(
        "Unresolved resource dependencies [{}] in the {section} block of the template",
        names.join(", ")
    )))
}

fn check_condition(template: &Template, condition: Option<&str>, place: &str) -> Result<(), ValidationError> {
    match condition {
        Some(condition) if !template.conditions.contains_key(condition) => {
            Err(ValidationError::format(format_args!("Unresolved condition dependency {condition} of {place}")))
        }
        _ => Ok(()),
    }
}

fn check_value(template: &Template, value: &Value, unresolved: &mut BTreeSet<String>) -> Result<(), ValidationError> {
    check_imports(template, value)?;
    for reference in references(value, None).map_err(ValidationError::new)? {
        match reference {
            Reference::Name(name) => {
                let known = PSEUDO_PARAMETERS.contains(&name.as_str())
                    || template.parameters.contains_key(&name)
                    || template.resources.contains_key(&name);
                if !known {
                    unresolved.insert(name);
                }
            }
            Reference::Attribute(logical_id, attribute) => {
                let Some(resource) = template.resources.get(&logical_id) else {
                    return Err(ValidationError::template(format_args!(
                        "instance of Fn::GetAtt references undefined resource {logical_id}"
                    )));
                };
                let supported = is_custom(&resource.type_name)
                    || schema::definition(&resource.type_name).is_some_and(|known| known.has_attribute(&attribute));
                if !supported {
                    return Err(ValidationError::template(format_args!(
                        "resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
                    )));
                }
            }
            Reference::Condition(condition) => check_condition(template, Some(&condition), "Fn::If")?,
            Reference::Mapping(map) => {
                if !template.mappings.contains_key(&map) {
                    return Err(ValidationError::template(format_args!(
                        "Mapping named '{map}' is not present in the 'Mappings' section of template."
                    )));
                }
            }
        }
    }
    Ok(())
}

/// Checks, once the conditions are known, that no resource that will exist refers to one that will not.
pub(crate) fn check_conditional(
    template: &Template,
    conditions: &BTreeMap<String, bool>,
    exists: &dyn Fn(&str) -> bool,
) -> Result<(), ValidationError> {
    let holds = |condition: &Option<String>| condition.as_ref().is_none_or(|name| conditions.get(name) == Some(&true));
    let dangling = |value: &Value| -> Result<BTreeSet<String>, ValidationError> {
        let found = references(value, Some(conditions)).map_err(ValidationError::new)?;
        Ok(found
            .into_iter()
            .filter_map(|reference| match reference {
                Reference::Name(name) | Reference::Attribute(name, _) => Some(name),
                Reference::Condition(_) | Reference::Mapping(_) => None,
            })
            .filter(|name| template.resources.contains_key(name) && !exists(name))
            .collect())
    };
    for (name, resource) in &template.resources {
        if exists(name) {
            refuse_unresolved(&dangling(&Value::Object(resource.properties.clone()))?, "Resources")?;
        }
    }
    for output in template.outputs.values().filter(|output| holds(&output.condition)) {
        refuse_unresolved(&dangling(&output.value)?, "Outputs")?;
    }
    Ok(())
}

/// Checks `AWS::CloudFormation::Interface`, which orders and names parameters in the console: each name must be a
/// parameter's.
fn check_interface(template: &Template) -> Result<(), ValidationError> {
    let Some(interface) = template.metadata.get("AWS::CloudFormation::Interface") else { return Ok(()) };
    let wrong =
        |problem: &str| ValidationError::format(format_args!("[/Metadata/AWS::CloudFormation::Interface] {problem}"));
    let members = interface.as_object().ok_or_else(|| wrong("must be an object"))?;
    if let Some(key) = members.keys().find(|key| !matches!(key.as_str(), "ParameterGroups" | "ParameterLabels")) {
        return Err(wrong(&format!("holds the unknown member '{key}'")));
    }
    let mut named: Vec<&str> = Vec::new();
    let mut grouped = BTreeSet::new();
    for group in members.get("ParameterGroups").map(list).unwrap_or_default() {
        group.pointer("/Label/default").and_then(Value::as_str).ok_or_else(|| wrong("a group needs Label.default"))?;
        let parameters = group.get("Parameters").map(list).unwrap_or_default();
        for parameter in parameters {
            let name = parameter.as_str().ok_or_else(|| wrong("a group lists parameters by name"))?;
            if !grouped.insert(name) {
                return Err(wrong(&format!("names the parameter {name} in two groups")));
            }
            named.push(name);
        }
    }
    for (name, label) in members.get("ParameterLabels").and_then(Value::as_object).into_iter().flatten() {
        label.get("default").and_then(Value::as_str).ok_or_else(|| wrong("a label needs a default"))?;
        named.push(name);
    }
    match named.into_iter().find(|name| !template.parameters.contains_key(*name)) {
        Some(name) => Err(wrong(&format!("names {name}, which is not a parameter"))),
        None => Ok(()),
    }
}

/// Checks that the name of an import is known before anything exists.
fn check_imports(template: &Template, value: &Value) -> Result<(), ValidationError> {
    for name in import_names(value, None).map_err(ValidationError::new)? {
        if !name.is_string() && call(&name).is_none() {
            return Err(ValidationError::template(
                "the attribute in Fn::ImportValue must be a string or a function that returns a string",
            ));
        }
        if depends_on_more(template, &name)? {
            return Err(ValidationError::template(
                "the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs",
            ));
        }
    }
    Ok(())
}

/// Checks that the name of an export is known before anything exists.
fn check_export_name(template: &Template, output: &str, name: &Value) -> Result<(), ValidationError> {
    if depends_on_more(template, name)? {
        return Err(ValidationError::format(format_args!(
            "Output {output} is malformed. The Name field of Export must not depend on any resources, imported values, \
             or Fn::GetAZs."
        )));
    }
    Ok(())
}

/// Returns true if a name depends on more than parameters, mappings and conditions.
fn depends_on_more(template: &Template, name: &Value) -> Result<bool, ValidationError> {
    let found = references(name, None).map_err(ValidationError::new)?;
    let on_resource = found.iter().any(|reference| match reference {
        Reference::Name(name) => template.resources.contains_key(name),
        Reference::Attribute(..) => true,
        Reference::Condition(_) | Reference::Mapping(_) => false,
    });
    Ok(on_resource || !only_functions_of_names(name))
}

fn only_functions_of_names(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            call(value).is_none_or(|(function, _)| FUNCTIONS_OF_NAMES.contains(&function))
                && members.values().all(only_functions_of_names)
        }
        Value::Array(items) => items.iter().all(only_functions_of_names),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::TemplateSource;

    fn parse(body: &str) -> Result<Template, String> {
        Template::parse(&TemplateSource::Body(body.to_owned())).map_err(|error| error.message)
    }

    fn refused(body: &str) -> String {
        parse(body).expect_err("the template must be refused")
    }

    /// Returns a template with one harmless resource and the given lines at the top level.
    fn with(lines: &str) -> String {
        format!("Resources:\n  Handle:\n    Type: AWS::CloudFormation::WaitConditionHandle\n{lines}")
    }

    #[test]
    fn sections_resources_and_limits_are_checked() {
        assert!(parse(&with("Description: fine\nAWSTemplateFormatVersion: '2010-09-09'\n")).is_ok());
        assert_eq!(refused(&with("Resource: {}\n")), "Invalid template property or properties [Resource]");
        assert!(refused(&with("AWSTemplateFormatVersion: '2011-01-01'\n")).contains("unsupported"));
        assert!(refused("Description: x\n").contains("At least one Resources member must be defined."));
        assert!(
            refused("Resources:\n  A: {Type: 'AWS::Nope::Nope'}\n")
                .contains("Unrecognized resource types: [AWS::Nope::Nope]")
        );
        assert!(refused("Resources:\n  A-B: {Type: 'Custom::X'}\n").contains("non alphanumeric"));
        assert!(refused("Resources:\n  A: {Type: 'Custom::X', Propertys: {}}\n").contains("'Propertys'"));
        assert!(refused(&with(&format!("Description: {}\n", "x".repeat(1025)))).contains("1024"));
        assert!(refused(&with("Transform: AWS::Serverless-2016-10-31\n")).contains("Transform"));
        assert!(refused(&"#".repeat(51_201)).contains("51200"));
        let many: Vec<String> = (0..201).map(|n| format!("  P{n}: {{Type: String}}\n")).collect();
        assert!(refused(&with(&format!("Parameters:\n{}", many.concat()))).contains("Number of parameters, 201"));
    }

    #[test]
    fn references_to_nothing_are_refused() {
        let resource =
            |properties: &str| format!("Resources:\n  A:\n    Type: Custom::X\n    Properties: {{{properties}}}\n");
        assert_eq!(
            refused(&resource("a: !Ref B, b: !Sub '${C}'")),
            "Template format error: Unresolved resource dependencies [B, C] in the Resources block of the template"
        );
        assert!(refused(&resource("a: !GetAtt B.C")).contains("undefined resource B"));
        assert!(refused(&resource("a: !If [X, 1, 2]")).contains("Unresolved condition dependency X"));
        assert!(refused(&resource("a: !FindInMap [M, a, b]")).contains("Mapping named 'M'"));
        assert!(refused(&with("Outputs:\n  O: {Value: !Ref Q}\n")).contains("[Q] in the Outputs block"));
        assert!(
            refused(&with("Outputs:\n  O: {Value: !GetAtt Handle.Arn}\n"))
                .contains("does not support attribute type Arn")
        );
        assert!(parse(&resource("a: !Ref AWS::Region, b: !Sub '${AWS::URLSuffix}'")).is_ok());
    }

    #[test]
    fn the_console_interface_names_only_parameters() {
        let interface = |group: &str| {
            with(&format!(
                "Parameters:\n  P: {{Type: String}}\nMetadata:\n  AWS::CloudFormation::Interface:\n    ParameterGroups:\n      - {group}\n"
            ))
        };
        assert!(parse(&interface("{Label: {default: L}, Parameters: [P]}")).is_ok());
        assert!(refused(&interface("{Label: {default: L}, Parameters: [Q]}")).contains("names Q"));
        assert!(refused(&interface("{Parameters: [P]}")).contains("Label.default"));
    }
}
