//! The template to deploy, and what it says about its parameters.

use std::collections::BTreeMap;
use std::path::Path;

use cloudformation::{ParameterSummary, TemplateSource, template_summary};

use crate::made_up;

/// The parameter an update changes if the command line names none and the template has it.
const FIRST_CHOICE: &str = "EnableToolCallLogging";
/// Secret values below this length are not searched for: they would turn up by chance.
const SECRET_CHARS_MIN: usize = 8;

/// A template, with the parameters it declares.
pub(crate) struct Template {
    pub(crate) body: String,
    parameters: BTreeMap<String, ParameterSummary>,
}

impl Template {
    /// Reads a template and checks its form.
    ///
    /// # Errors
    /// The file cannot be read, or CloudFormation would refuse it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let body =
            std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let summary = template_summary(&TemplateSource::Uploaded(body.clone()))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { body, parameters: summary })
    }

    /// Returns the given values, and made-up ones for those that are missing.
    pub(crate) fn parameters(&self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut parameters = given.clone();
        for (name, value) in made_up::values(given) {
            let unset = |parameter: &ParameterSummary| parameter.default.as_deref().is_none_or(str::is_empty);
            if self.parameters.get(name).is_some_and(unset) {
                parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        parameters
    }

    /// Chooses a parameter to change, and its next value: a switch if the template has one, else a description.
    pub(crate) fn change(&self, current: &BTreeMap<String, String>) -> Option<(String, String)> {
        let switches = || self.parameters.iter().filter(|(_, parameter)| is_switch(parameter));
        if let Some((name, _)) = switches().find(|(name, _)| *name == FIRST_CHOICE).or_else(|| switches().next()) {
            let now = self.value(name, current);
            return Some((name.clone(), if now == "true" { "false" } else { "true" }.to_owned()));
        }
        let is_description = |parameter: &ParameterSummary| parameter.allowed_values.is_empty();
        let (name, _) =
            self.parameters.iter().find(|(name, it)| name.ends_with("Description") && is_description(it))?;
        Some((name.clone(), format!("{} (changed)", self.value(name, current)).trim_start().to_owned()))
    }

    /// Returns a parameter's value: the given one, or else its default. Returns an empty string if there is neither.
    pub(crate) fn value<'a>(&'a self, name: &str, current: &'a BTreeMap<String, String>) -> &'a str {
        let default = || self.parameters.get(name).and_then(|parameter| parameter.default.as_ref());
        current.get(name).or_else(default).map_or("", String::as_str)
    }

    /// Returns true if the template hides a parameter's value.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.parameters.get(name).is_some_and(|parameter| parameter.no_echo)
    }

    /// Returns the secret values among the given ones, by parameter name.
    pub(crate) fn secrets(&self, current: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let secrets = current.iter().filter(|(name, value)| self.is_secret(name) && is_findable(value));
        secrets.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Returns true if a secret value that is found somewhere is not there by chance.
pub(crate) fn is_findable(value: &str) -> bool {
    value.chars().count() >= SECRET_CHARS_MIN
}

fn is_switch(parameter: &ParameterSummary) -> bool {
    parameter.allowed_values.len() == 2
        && ["true", "false"].iter().all(|value| parameter.allowed_values.iter().any(|it| it == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(parameters: &[(&str, Option<&str>, &[&str])]) -> Template {
        let summary = |default: Option<&str>, allowed: &[&str]| ParameterSummary {
            default: default.map(str::to_owned),
            allowed_values: allowed.iter().map(|&value| value.to_owned()).collect(),
            no_echo: false,
        };
        let parameters =
            parameters.iter().map(|&(name, default, allowed)| (name.to_owned(), summary(default, allowed)));
        Template { body: String::new(), parameters: parameters.collect() }
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn only_declared_parameters_without_a_value_are_made_up() {
        let template = template(&[
            ("ECRImageUri", Some("an image"), &[]),
            ("ZscalerClientId", Some(""), &[]),
            ("ZscalerClientSecret", None, &[]),
        ]);
        let given = values(&[("ZscalerClientId", "mine")]);
        let made_up = template.parameters(&given);
        assert_eq!(made_up["ZscalerClientId"], "mine");
        assert_eq!(made_up.keys().collect::<Vec<_>>(), ["ZscalerClientId", "ZscalerClientSecret"]);
        let existing = values(&[("CredentialSource", "UseExisting")]);
        assert_eq!(template.parameters(&existing), existing, "an existing secret needs no credentials");
    }

    #[test]
    fn the_update_turns_a_switch_or_else_changes_a_description() {
        let both = ["true", "false"];
        let none = values(&[]);
        let switches = template(&[("A", Some("true"), &both), ("EnableToolCallLogging", Some("true"), &both)]);
        assert_eq!(switches.change(&none), Some(("EnableToolCallLogging".to_owned(), "false".to_owned())));
        let off = values(&[("EnableToolCallLogging", "false")]);
        assert_eq!(switches.change(&off), Some(("EnableToolCallLogging".to_owned(), "true".to_owned())));
        let described = template(&[("Mode", Some("a"), &["a", "b"]), ("MyDescription", Some("Old"), &[])]);
        assert_eq!(described.change(&none), Some(("MyDescription".to_owned(), "Old (changed)".to_owned())));
        assert_eq!(template(&[("Name", None, &[])]).change(&none), None);
    }
}
