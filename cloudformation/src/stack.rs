//! Requests for stacks, and what they show of resources and events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use emulator::stacks::Status;
use serde_json::{Map, Value};

use crate::capability::Capability;
use crate::parameters::ParameterValue;
use crate::template::TemplateSource;

/// The end of a stack whose creation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// `ROLLBACK`: everything that was created is deleted, and the stack stays in `ROLLBACK_COMPLETE`.
    Rollback,
    /// `DO_NOTHING`: everything stays as it is, and the stack in `CREATE_FAILED`.
    DoNothing,
    /// `DELETE`: everything that was created is deleted, and then the stack.
    Delete,
}

/// A request to create or update a stack.
#[derive(Clone)]
pub struct StackInput {
    /// The stack's name.
    pub name: String,
    /// Its template.
    pub template: TemplateSource,
    /// Values for the template's parameters.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The capabilities that the caller acknowledges.
    pub capabilities: BTreeSet<Capability>,
    /// The end of the stack if its creation fails; an update ignores it.
    pub on_failure: OnFailure,
    /// The value of `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
    /// Bodies of nested templates by the `TemplateURL` they are found at.
    pub nested_templates: BTreeMap<String, String>,
}

impl StackInput {
    /// Creates a stack of this name with a template sent inline.
    #[must_use]
    pub fn new(name: impl Into<String>, template_body: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            template: TemplateSource::Body(template_body.into()),
            parameters: BTreeMap::new(),
            capabilities: BTreeSet::new(),
            on_failure: OnFailure::Rollback,
            notification_arns: Vec::new(),
            nested_templates: BTreeMap::new(),
        }
    }

    /// Creates such a request whose template was uploaded first, which allows 1 MB.
    #[must_use]
    pub fn uploaded(name: impl Into<String>, template_body: impl Into<String>) -> Self {
        Self { template: TemplateSource::Uploaded(template_body.into()), ..Self::new(name, String::new()) }
    }

    /// Gives a parameter a value.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), ParameterValue::Text(value.into()));
        self
    }

    /// Sets `UsePreviousValue` for a parameter of an update.
    #[must_use]
    pub fn previous(mut self, name: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), ParameterValue::Previous);
        self
    }

    /// Acknowledges something.
    #[must_use]
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capabilities.insert(capability);
        self
    }

    /// Chooses what becomes of a stack whose creation fails.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Makes a nested template available at a URL.
    #[must_use]
    pub fn nested_template(mut self, url: impl Into<String>, body: impl Into<String>) -> Self {
        self.nested_templates.insert(url.into(), body.into());
        self
    }
}

/// A resource as `DescribeStackResource` shows it, and further facts about it.
#[derive(Clone, PartialEq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// The value of `Ref`; none until the resource exists or is assumed to.
    pub physical_id: Option<String>,
    /// Its type.
    pub type_name: String,
    /// Its state.
    pub status: Status,
    /// The reason for that state, if there is one.
    pub status_reason: Option<String>,
    /// The values of `Fn::GetAtt`.
    pub attributes: Map<String, Value>,
    /// The answer asked for the attributes to be hidden.
    pub no_echo: bool,
    /// The properties it was last given, resolved.
    pub properties: Map<String, Value>,
    /// The request whose answer is the last one, for the text of a missing attribute.
    pub(crate) request_id: Option<String>,
    /// Somebody was asked to create it.
    pub(crate) attempted: bool,
}

impl fmt::Debug for StackResource {
    // Properties and attributes may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackResource")
            .field("logical_id", &self.logical_id)
            .field("physical_id", &self.physical_id)
            .field("type_name", &self.type_name)
            .field("status", &self.status)
            .field("status_reason", &self.status_reason)
            .finish_non_exhaustive()
    }
}

/// One line of the console's event list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEvent {
    /// The time.
    pub at: SystemTime,
    /// The stack's name.
    pub stack: String,
    /// The resource, or the stack's own name for events of the stack.
    pub logical_id: String,
    /// The resource's id if it is known; the stack's ARN for events of the stack.
    pub physical_id: Option<String>,
    /// The resource's type; `AWS::CloudFormation::Stack` for events of the stack.
    pub type_name: String,
    /// The state entered.
    pub status: Status,
    /// The reason.
    pub reason: Option<String>,
}
