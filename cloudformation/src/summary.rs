//! The demands of a template, before any stack exists: parameters and capability as in `GetTemplateSummary`, and
//! contradictions in a form that is filled in beforehand.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::capability::{self, Capability};
use crate::error::ValidationError;
use crate::intrinsics::{NoResources, Scope};
use crate::parameters::{Draft, ParameterSummary};
use crate::rules::{self, Facts};
use crate::template::{Template, TemplateSource};

/// Returns the parameters of a template by name.
///
/// # Errors
/// If the template is not well-formed: no stack could be created from it.
pub fn template_summary(source: &TemplateSource) -> Result<BTreeMap<String, ParameterSummary>, ValidationError> {
    let template = Template::parse(source)?;
    Ok(template.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.summary())).collect())
}

/// Returns the properties of each resource of a template, with intrinsics in their long form.
///
/// # Errors
/// If the template is not well-formed.
pub fn template_properties(source: &TemplateSource) -> Result<BTreeMap<String, Map<String, Value>>, ValidationError> {
    let template = Template::parse(source)?;
    Ok(template.resources.into_iter().map(|(name, resource)| (name, resource.properties)).collect())
}

/// Returns the capability that a stack of this template may need, whatever its parameters.
///
/// # Errors
/// If the template is not well-formed.
pub fn template_capability(source: &TemplateSource) -> Result<Option<Capability>, ValidationError> {
    let template = Template::parse(source)?;
    Ok(capability::needed(&template, template.resources.keys()))
}

/// Finds contradictions in the values that a form is filled in with before a person completes it: the assertions of
/// Rules that fail whatever the person gives for the parameters still empty, each after its rule's name. A parameter
/// with a default other than empty counts as given, because nobody should have to change one to satisfy a rule.
///
/// # Errors
/// If the template is not well-formed, has no such parameter, or does not allow a value.
pub fn contradictions(
    source: &TemplateSource,
    given: &BTreeMap<String, String>,
) -> Result<Vec<String>, ValidationError> {
    let template = Template::parse(source)?;
    let draft = Draft::new(&template.parameters, given)?;
    let scope = Scope {
        parameters: &draft.values,
        mappings: &Map::new(),
        conditions: &BTreeMap::new(),
        resources: &NoResources,
    };
    let facts = Facts { declared: &template.parameters, scope, inventory: &BTreeMap::new() };
    Ok(rules::contradictions(&template.rules, &draft, &facts))
}
