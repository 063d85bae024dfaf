//! Capabilities: a caller has to acknowledge that a template creates IAM resources.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::ValidationError;
use crate::resources::schema;
use crate::template::Template;

/// A capability that the caller acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// The template creates IAM resources.
    Iam,
    /// The template creates IAM resources with names of its own.
    NamedIam,
    /// The template uses macros.
    AutoExpand,
}

impl Capability {
    /// Returns the word of CloudFormation's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "CAPABILITY_IAM",
            Self::NamedIam => "CAPABILITY_NAMED_IAM",
            Self::AutoExpand => "CAPABILITY_AUTO_EXPAND",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Returns the capability that these resources need: `CAPABILITY_IAM` for IAM resources, and `CAPABILITY_NAMED_IAM`,
/// which includes it, for named ones.
pub(crate) fn needed<'a>(template: &Template, names: impl IntoIterator<Item = &'a String>) -> Option<Capability> {
    let capability = |name: &String| {
        let resource = template.resources.get(name)?;
        let definition = schema::definition(&resource.type_name).filter(|known| known.is_iam)?;
        let is_named = definition.name_property.is_some_and(|property| resource.properties.contains_key(property));
        Some(if is_named { Capability::NamedIam } else { Capability::Iam })
    };
    names.into_iter().filter_map(capability).max()
}

/// Refuses a request whose caller has not acknowledged the capability that the template needs.
pub(crate) fn require(
    template: &Template,
    existing: &BTreeSet<String>,
    given: &BTreeSet<Capability>,
) -> Result<(), ValidationError> {
    match needed(template, existing) {
        Some(capability) if given.range(capability..=Capability::NamedIam).next().is_none() => Err(ValidationError {
            code: "InsufficientCapabilitiesException",
            message: format!("Requires capabilities : [{capability}]"),
        }),
        _ => Ok(()),
    }
}
