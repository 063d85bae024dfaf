//! The imports of a stack: the exports of other stacks whose values it uses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::intrinsics::Scope;
use crate::references::import_names;
use crate::template::Template;

/// The imports of a stack: values by the names of the exports. An export that does not exist has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imports(BTreeMap<String, Option<String>>);

impl Imports {
    /// Returns the names that the existing resources and outputs of a template import, evaluated, without their values.
    pub(crate) fn named(
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

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// Gives an import its value, if the stack has an import of that name.
    pub(crate) fn fill(&mut self, name: &str, value: &str) {
        if let Some(import) = self.0.get_mut(name) {
            *import = Some(value.to_owned());
        }
    }

    /// Returns the value of an import.
    pub(crate) fn value(&self, name: &str) -> Result<Value, String> {
        self.0
            .get(name)
            .and_then(Option::as_ref)
            .map(|value| Value::from(value.as_str()))
            .ok_or_else(|| not_found(name))
    }

    /// Returns the reason why the stack cannot be deployed, if an export that it imports does not exist.
    pub(crate) fn missing(&self) -> Option<String> {
        self.0.iter().find(|(_, value)| value.is_none()).map(|(name, _)| format!("{}. ", not_found(name)))
    }
}

fn not_found(name: &str) -> String {
    format!("No export named {name} found")
}
