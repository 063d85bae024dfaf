//! What a template asks for, before any stack: the parameters of `GetTemplateSummary`.

use std::collections::BTreeMap;

use super::error::ValidationError;
use super::template::{Template, TemplateSource};

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

/// The parameters of a template by name.
///
/// # Errors
/// If the template is not well-formed: no stack could be made from it.
pub fn template_summary(source: &TemplateSource) -> Result<BTreeMap<String, ParameterSummary>, ValidationError> {
    let template = Template::parse(source)?;
    Ok(template.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.summary())).collect())
}
