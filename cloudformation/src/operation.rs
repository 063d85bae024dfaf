//! A template together with the values of one request: the desired resources, their order and their properties.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emulator::settings::Settings;
use serde_json::{Map, Value, json};

use crate::capability::{self, Capability};
use crate::error::ValidationError;
use crate::graph::Graph;
use crate::imports::Imports;
use crate::intrinsics::{NoResources, Resources, Scope};
use crate::parameters::{self, Parameters};
use crate::properties::stringify_members;
use crate::rules::{self, Facts};
use crate::stack::{StackInput, StackResource};
use crate::template::{Template, is_custom};
use crate::{conditions, template_references};

/// A validated request.
#[derive(Clone)]
pub(crate) struct Operation {
    pub stack_name: String,
    pub stack_id: String,
    pub template: Arc<Template>,
    pub parameters: Parameters,
    /// The request's, for nested stacks.
    pub capabilities: BTreeSet<Capability>,
    pub nested_templates: BTreeMap<String, String>,
    /// Logical ids that exist under the conditions.
    pub existing: BTreeSet<String>,
    pub graph: Graph,
    pub imports: Imports,
    values: BTreeMap<String, Value>,
    conditions: BTreeMap<String, bool>,
    region: String,
}

struct Live<'a> {
    operation: &'a Operation,
    resources: &'a BTreeMap<String, StackResource>,
}

impl Live<'_> {
    fn find(&self, logical_id: &str) -> Result<&StackResource, String> {
        let missing = || format!("Template error: the resource {logical_id} does not exist yet");
        self.resources.get(logical_id).ok_or_else(missing)
    }
}

impl Resources for Live<'_> {
    fn reference(&self, logical_id: &str) -> Result<Value, String> {
        let physical_id = self.find(logical_id)?.physical_id.as_deref();
        physical_id.map(Value::from).ok_or_else(|| format!("Template error: the resource {logical_id} has no id yet"))
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, String> {
        let resource = self.find(logical_id)?;
        resource.attributes.get(attribute).cloned().ok_or_else(|| {
            if is_custom(&resource.type_name) {
                format!(
                    "CustomResource attribute error: Vendor response doesn't contain {attribute} key in object \
                     {}|{logical_id}|{} in S3 bucket cloudformation-custom-resource-storage-{}",
                    self.operation.stack_id,
                    resource.request_id.as_deref().unwrap_or_default(),
                    self.operation.region.replace('-', "")
                )
            } else {
                format!(
                    "Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
                )
            }
        })
    }

    fn import(&self, export: &str) -> Result<Value, String> {
        self.operation.imports.value(export)
    }
}

impl Operation {
    /// Validates a request. `previous` are the stack's parameters, for an update.
    pub(crate) fn plan(
        input: &StackInput,
        stack_id: &str,
        previous: Option<&Parameters>,
        settings: &Settings,
        inventory: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<Self, ValidationError> {
        let template = Template::parse(&input.template)?;
        let parameters = parameters::resolve(&template.parameters, &input.parameters, previous, inventory)?;
        let none = BTreeMap::new();
        let facts_scope = Scope {
            parameters: &parameters.values,
            mappings: &template.mappings,
            conditions: &none,
            resources: &NoResources,
        };
        rules::check(&template.rules, &Facts { declared: &template.parameters, scope: facts_scope, inventory })?;

        let mut values = parameters.values.clone();
        values.extend(pseudo_parameters(input, stack_id, settings));
        let scope = Scope { parameters: &values, ..facts_scope };
        let conditions = conditions::evaluate(&template.conditions, &scope).map_err(ValidationError::new)?;
        let holds = |name: &Option<String>| name.as_ref().is_none_or(|name| conditions.get(name) == Some(&true));
        let existing: BTreeSet<String> = template
            .resources
            .iter()
            .filter(|(_, resource)| holds(&resource.condition))
            .map(|(name, _)| name.clone())
            .collect();
        if existing.is_empty() {
            return Err(ValidationError::format("At least one resource must be created under the given conditions."));
        }
        template_references::check_conditional(&template, &conditions, &|name| existing.contains(name))?;
        let graph = Graph::of(&template, &conditions, &existing)?;
        let scope = Scope { conditions: &conditions, ..scope };
        let imports = Imports::named(&template, &existing, holds, &scope).map_err(ValidationError::new)?;
        capability::require(&template, &existing, &input.capabilities)?;
        Ok(Self {
            stack_name: input.name.clone(),
            stack_id: stack_id.to_owned(),
            template: Arc::new(template),
            parameters,
            capabilities: input.capabilities.clone(),
            nested_templates: input.nested_templates.clone(),
            existing,
            graph,
            imports,
            values,
            conditions,
            region: settings.region.clone(),
        })
    }

    /// Evaluates a value against the resources as they are now.
    pub(crate) fn resolve(
        &self,
        value: &Value,
        resources: &BTreeMap<String, StackResource>,
    ) -> Result<Option<Value>, String> {
        let scope = Scope {
            parameters: &self.values,
            mappings: &self.template.mappings,
            conditions: &self.conditions,
            resources: &Live { operation: self, resources },
        };
        scope.resolve(value)
    }

    /// Returns the properties of a resource, resolved; those of a custom resource have every scalar as text.
    pub(crate) fn properties(
        &self,
        logical_id: &str,
        resources: &BTreeMap<String, StackResource>,
    ) -> Result<Map<String, Value>, String> {
        let Some(resource) = self.template.resources.get(logical_id) else { return Ok(Map::new()) };
        match self.resolve(&Value::Object(resource.properties.clone()), resources)? {
            Some(Value::Object(members)) if is_custom(&resource.type_name) => Ok(stringify_members(&members)),
            Some(Value::Object(members)) => Ok(members),
            _ => Ok(Map::new()),
        }
    }

    /// Returns true if an output or resource under this condition exists.
    pub(crate) fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.conditions.get(name) == Some(&true))
    }

    /// Returns the parameters as `DescribeStacks` shows them.
    pub(crate) fn shown_parameters(&self) -> BTreeMap<String, String> {
        let shown = |(name, text): (&String, &String)| {
            let hidden = self.template.parameters.get(name).is_some_and(|parameter| parameter.no_echo);
            (name.clone(), if hidden { "****".to_owned() } else { text.clone() })
        };
        self.parameters.texts.iter().map(shown).collect()
    }
}

fn pseudo_parameters(input: &StackInput, stack_id: &str, settings: &Settings) -> [(String, Value); 7] {
    [
        ("AWS::AccountId", json!(settings.account_id)),
        ("AWS::NotificationARNs", json!(input.notification_arns)),
        ("AWS::Partition", json!(settings.partition)),
        ("AWS::Region", json!(settings.region)),
        ("AWS::StackId", json!(stack_id)),
        ("AWS::StackName", json!(input.name)),
        ("AWS::URLSuffix", json!(settings.dns_suffix)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}
