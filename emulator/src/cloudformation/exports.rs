//! Exports and imports: the outputs that other stacks of the account rely on.
//!
//! A stack whose export is imported can neither be deleted nor change or withdraw it. A stack that imports what nobody
//! exports is rolled back before anything is made (O: widdix/aws-s3-virusscan#39). A refused delete leaves the stack in
//! the state it had (O: USSBA/aws-cft-tools#27, rlister/stax#40).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::ValidationError;
use super::intrinsics::{Scope, call};
use super::references::{Reference, import_names, references};
use super::stack::StackOutput;
use super::state::State;
use super::template::Template;

/// Functions that may stand in the name of an import [AWS documentation, Fn::ImportValue].
const FUNCTIONS_OF_NAMES: [&str; 8] =
    ["Fn::Base64", "Fn::FindInMap", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub", "Ref"];

/// What a stack imports: the value by the export's name, or nothing where there is no such export.
#[derive(Clone, Debug, Default)]
pub(super) struct Imports(BTreeMap<String, Option<String>>);

impl Imports {
    /// The names that the existing resources and outputs of a template import, evaluated, without their values.
    pub(super) fn named(
        template: &Template,
        existing: &BTreeSet<String>,
        holds: impl Fn(&Option<String>) -> bool,
        scope: &Scope<'_>,
    ) -> Result<Self, String> {
        let properties = existing.iter().filter_map(|name| template.resources.get(name)).map(|it| &it.properties);
        let outputs = template.outputs.values().filter(|output| holds(&output.condition)).map(|it| it.value.clone());
        let mut imports = Self::default();
        for value in properties.cloned().map(Value::Object).chain(outputs) {
            for name in import_names(&value, Some(scope.conditions))? {
                let name = scope.resolve_text(&name, "the attribute in Fn::ImportValue")?;
                imports.0.insert(name, None);
            }
        }
        Ok(imports)
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The value of an import.
    pub(super) fn value(&self, name: &str) -> Result<Value, String> {
        self.0
            .get(name)
            .and_then(Option::as_ref)
            .map(|value| Value::from(value.as_str()))
            .ok_or_else(|| not_found(name))
    }

    /// Why the stack cannot be deployed: an export it imports does not exist.
    pub(super) fn missing(&self) -> Option<String> {
        self.0.iter().find(|(_, value)| value.is_none()).map(|(name, _)| format!("{}. ", not_found(name)))
    }
}

fn not_found(name: &str) -> String {
    format!("No export named {name} found")
}

impl State {
    /// Gives imports the values that the account's stacks export now.
    pub(super) fn find_exports(&self, imports: &mut Imports) {
        let outputs = self.stacks.values().flat_map(|record| record.stack.outputs.values());
        for output in outputs {
            if let Some(import) = output.export_name.as_ref().and_then(|name| imports.0.get_mut(name)) {
                *import = Some(output.value.clone());
            }
        }
    }

    /// Why the outputs of a stack cannot become these: another stack relies on what it exports.
    pub(super) fn check_exports(&self, stack: &str, outputs: &BTreeMap<String, StackOutput>) -> Result<(), String> {
        let present = self.stacks.get(stack).map(|record| &record.stack.outputs);
        for output in present.into_iter().flat_map(BTreeMap::values) {
            let Some(export) = &output.export_name else { continue };
            let Some(importer) = self.importer(export) else { continue };
            let kept = outputs.values().find(|new| new.export_name == output.export_name);
            let verb = match kept {
                Some(new) if new.value == output.value => continue,
                Some(_) => "updated",
                None => "deleted",
            };
            return Err(format!("Export {export} cannot be {verb} as it is in use by {importer}"));
        }
        Ok(())
    }

    fn importer(&self, export: &str) -> Option<&str> {
        let mut records = self.stacks.values();
        records.find(|record| record.imports.contains(export)).map(|record| record.stack.name.as_str())
    }
}

/// The name of an import must be known before anything exists.
pub(super) fn check_imports(template: &Template, value: &Value) -> Result<(), ValidationError> {
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

/// So must the name of an export.
pub(super) fn check_export_name(template: &Template, output: &str, name: &Value) -> Result<(), ValidationError> {
    if depends_on_more(template, name)? {
        return Err(ValidationError::format(format_args!(
            "Output {output} is malformed. The Name field of Export must not depend on any resources, imported values, \
             or Fn::GetAZs."
        )));
    }
    Ok(())
}

/// Whether a name depends on more than parameters, mappings and conditions.
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
