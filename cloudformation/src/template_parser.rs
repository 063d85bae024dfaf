//! Parses a template and checks it before anything else happens.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::ValidationError;
use crate::intrinsics::{list, text};
use crate::parameters::Parameter;
use crate::resources::schema;
use crate::rules::Rule;
use crate::source;
use crate::template::{Output, RemovalPolicy, Resource, Template, TemplateSource, is_custom};
use crate::template_references;

/// Bytes of a template sent with the request.
const BODY_BYTES_MAX: usize = 51_200;
/// Bytes of a template uploaded to S3 first.
const UPLOAD_BYTES_MAX: usize = 1024 * 1024;
const PARAMETERS_MAX: usize = 200;
const RESOURCES_MAX: usize = 500;
const OUTPUTS_MAX: usize = 200;
const MAPPINGS_MAX: usize = 200;
/// Characters in the template's description, and bytes in an output's.
const DESCRIPTION_MAX: usize = 1024;
impl Template {
    /// Parses and checks a template.
    pub(crate) fn parse(source: &TemplateSource) -> Result<Self, ValidationError> {
        let (body, bytes_max) = match source {
            TemplateSource::Body(body) => (body, BODY_BYTES_MAX),
            TemplateSource::Uploaded(body) => (body, UPLOAD_BYTES_MAX),
        };
        if body.len() > bytes_max {
            return Err(ValidationError::new(format!(
                "the template is {} bytes long: member must have length less than or equal to {bytes_max}",
                body.len()
            )));
        }
        let tree = source::parse(body)?;
        let root = tree.as_object().ok_or_else(|| ValidationError::format("a template must be an object"))?;
        let mut sections = Sections(root.clone());
        if let Some(version) = sections.0.remove("AWSTemplateFormatVersion")
            && version != "2010-09-09"
        {
            return Err(ValidationError::format(format_args!("Template format version {version} is unsupported")));
        }
        let description = match sections.0.remove("Description") {
            Some(Value::String(text)) if text.chars().count() <= DESCRIPTION_MAX => Some(text),
            Some(Value::String(_)) => {
                return Err(ValidationError::format(format_args!(
                    "'Description' length is greater than {DESCRIPTION_MAX}."
                )));
            }
            Some(_) => return Err(ValidationError::format("'Description' must be a string")),
            None => None,
        };
        if sections.0.contains_key("Transform") {
            return Err(ValidationError::format(
                "Transform is not supported: the emulated CloudFormation runs no macros",
            ));
        }
        let template = Self {
            description,
            metadata: sections.take("Metadata")?,
            parameters: sections.parse("Parameters", PARAMETERS_MAX, Parameter::parse)?,
            rules: sections.parse("Rules", usize::MAX, Rule::parse)?,
            mappings: sections.mappings()?,
            conditions: sections.parse("Conditions", usize::MAX, |_, value| Ok(value.clone()))?,
            resources: sections.parse("Resources", RESOURCES_MAX, Resource::parse)?,
            outputs: sections.parse("Outputs", OUTPUTS_MAX, Output::parse)?,
        };
        if !sections.0.is_empty() {
            let names: Vec<&str> = sections.0.keys().map(String::as_str).collect();
            return Err(ValidationError::new(format!(
                "Invalid template property or properties [{}]",
                names.join(", ")
            )));
        }
        if template.resources.is_empty() {
            return Err(ValidationError::format("At least one Resources member must be defined."));
        }
        template_references::check(&template)?;
        Ok(template)
    }
}

struct Sections(Map<String, Value>);

impl Sections {
    fn take(&mut self, section: &str) -> Result<Map<String, Value>, ValidationError> {
        match self.0.remove(section) {
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(ValidationError::format(format_args!("{section} must be an object"))),
            None => Ok(Map::new()),
        }
    }

    fn parse<T>(
        &mut self,
        section: &str,
        count_max: usize,
        parse: impl Fn(&str, &Value) -> Result<T, ValidationError>,
    ) -> Result<BTreeMap<String, T>, ValidationError> {
        let members = self.take(section)?;
        if members.len() > count_max {
            return Err(ValidationError::format(format_args!(
                "Number of {}, {}, is greater than maximum allowed, {count_max}",
                section.to_lowercase(),
                members.len()
            )));
        }
        if let Some(name) = members.keys().find(|name| !is_alphanumeric(name)) {
            let kind = section.strip_suffix('s').unwrap_or(section);
            return Err(ValidationError::format(format_args!("{kind} name {name} is non alphanumeric.")));
        }
        members.iter().map(|(name, value)| Ok((name.clone(), parse(name, value)?))).collect()
    }

    /// Maps hold two levels of keys and then a scalar or a list of scalars.
    fn mappings(&mut self) -> Result<Map<String, Value>, ValidationError> {
        let members = self.parse("Mappings", MAPPINGS_MAX, |name, map| {
            let wrong = || ValidationError::format(format_args!("Mapping '{name}' must hold keys, keys and values"));
            for second in map.as_object().filter(|keys| !keys.is_empty()).ok_or_else(wrong)?.values() {
                let values = second.as_object().filter(|keys| !keys.is_empty()).ok_or_else(wrong)?.values();
                if values.into_iter().any(|value| match value {
                    Value::Array(items) => items.iter().any(|item| text(item).is_none()),
                    other => text(other).is_none(),
                }) {
                    return Err(wrong());
                }
            }
            Ok(map.clone())
        })?;
        Ok(members.into_iter().collect())
    }
}

fn is_alphanumeric(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl Resource {
    fn parse(name: &str, declaration: &Value) -> Result<Self, ValidationError> {
        let wrong = |problem: &str| ValidationError::format(format_args!("[/Resources/{name}] {problem}"));
        let members = declaration.as_object().ok_or_else(|| wrong("a resource must be an object"))?;
        for key in members.keys() {
            match key.as_str() {
                "Type"
                | "Properties"
                | "Condition"
                | "DependsOn"
                | "DeletionPolicy"
                | "UpdateReplacePolicy"
                | "Metadata" => {}
                "CreationPolicy" | "UpdatePolicy" => {
                    return Err(wrong(&format!("{key} is not supported by the emulated CloudFormation")));
                }
                _ => return Err(ValidationError::new(format!("Invalid template resource property '{key}'"))),
            }
        }
        let string = |key: &str| match members.get(key) {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong(&format!("'{key}' must be a string"))),
            None => Ok(None),
        };
        let type_name = string("Type")?.ok_or_else(|| wrong("Every Resources object must contain a Type member."))?;
        if !is_custom(&type_name) && schema::definition(&type_name).is_none() {
            return Err(ValidationError::format(format_args!("Unrecognized resource types: [{type_name}]")));
        }
        let properties = match members.get("Properties") {
            Some(Value::Object(properties)) => properties.clone(),
            Some(_) => return Err(wrong("'Properties' must be an object")),
            None => Map::new(),
        };
        let depends_on = match members.get("DependsOn") {
            Some(Value::String(other)) => vec![other.clone()],
            Some(others) => {
                let names =
                    list(others).iter().map(|other| other.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                names
                    .filter(|names| !names.is_empty())
                    .ok_or_else(|| wrong("'DependsOn' must be a name or a list of names"))?
            }
            None => Vec::new(),
        };
        let policy = |key: &str| {
            Ok(match string(key)?.as_deref() {
                None | Some("Delete") => RemovalPolicy::Delete,
                Some("Retain") => RemovalPolicy::Retain,
                Some("RetainExceptOnCreate") if key == "DeletionPolicy" => RemovalPolicy::RetainExceptOnCreate,
                Some(other) => {
                    return Err(ValidationError::format(format_args!(
                        "Unrecognized {key} {other} for resource {name}"
                    )));
                }
            })
        };
        Ok(Self {
            condition: string("Condition")?,
            deletion_policy: policy("DeletionPolicy")?,
            update_replace_policy: policy("UpdateReplacePolicy")?,
            metadata: members.get("Metadata").cloned().unwrap_or_default(),
            type_name,
            properties,
            depends_on,
        })
    }
}

impl Output {
    fn parse(name: &str, declaration: &Value) -> Result<Self, ValidationError> {
        let wrong = |problem: &str| ValidationError::format(format_args!("[/Outputs/{name}] {problem}"));
        let members = declaration.as_object().ok_or_else(|| wrong("an output must be an object"))?;
        if let Some(key) =
            members.keys().find(|key| !matches!(key.as_str(), "Value" | "Description" | "Condition" | "Export"))
        {
            return Err(wrong(&format!("invalid output property '{key}'")));
        }
        let description = match members.get("Description") {
            Some(Value::String(text)) if text.len() <= DESCRIPTION_MAX => Some(text.clone()),
            Some(_) => return Err(wrong("'Description' must be a string of at most 1024 bytes")),
            None => None,
        };
        let condition = match members.get("Condition") {
            Some(Value::String(condition)) => Some(condition.clone()),
            Some(_) => return Err(wrong("'Condition' must be a string")),
            None => None,
        };
        let export = match members.get("Export") {
            Some(Value::Object(export)) if export.len() == 1 && export.contains_key("Name") => {
                export.get("Name").cloned()
            }
            Some(_) => return Err(wrong("'Export' must hold a Name")),
            None => None,
        };
        let value = members.get("Value").cloned().ok_or_else(|| {
            ValidationError::format(format_args!("Output {name} is malformed. Every output needs a Value."))
        })?;
        Ok(Self { value, description, condition, export })
    }
}
