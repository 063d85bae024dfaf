//! One change to one physical resource, and how it ended; every kind of resource speaks this.

use serde_json::{Map, Value};

/// The resource that is changed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub stack_name: String,
    pub stack_id: String,
    pub logical_id: String,
    pub type_name: String,
}

/// The requested change. Properties are resolved, and the resources that they refer to exist.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create { properties: Map<String, Value> },
    Update { physical_id: String, properties: Map<String, Value>, old_properties: Map<String, Value> },
    Delete { physical_id: String, properties: Map<String, Value> },
}

impl Change {
    pub(crate) fn properties(&self) -> &Map<String, Value> {
        match self {
            Self::Create { properties } | Self::Update { properties, .. } | Self::Delete { properties, .. } => {
                properties
            }
        }
    }
}

/// A change that succeeded. An update that gives another physical id has replaced the resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub physical_id: String,
    /// The attributes that `Fn::GetAtt` offers from now on.
    pub attributes: Map<String, Value>,
    /// The attributes are shown as stars.
    pub no_echo: bool,
}

/// A change that failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failed {
    pub reason: String,
    /// The id in the FAILED answer of a custom resource.
    pub physical_id: Option<String>,
    /// Creates the failure of a change that may have created something.
    pub attempted: bool,
}

impl Failed {
    /// Creates the failure of a change that did nothing yet.
    pub(crate) fn before_anything(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }
}
