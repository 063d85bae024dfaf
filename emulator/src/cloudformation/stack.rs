//! What a caller sees: stacks, their resources, their events, and the words for their states.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::parameters::ParameterValue;
use super::template::TemplateSource;

/// Declares an enum whose variants print as CloudFormation writes them.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The word in CloudFormation's API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// State of a stack or of a resource: events use one vocabulary for both.
    Status {
        /// Being created.
        CreateInProgress => "CREATE_IN_PROGRESS",
        /// Could not be created.
        CreateFailed => "CREATE_FAILED",
        /// Created.
        CreateComplete => "CREATE_COMPLETE",
        /// A failed create is being undone.
        RollbackInProgress => "ROLLBACK_IN_PROGRESS",
        /// A failed create could not be undone.
        RollbackFailed => "ROLLBACK_FAILED",
        /// A failed create was undone.
        RollbackComplete => "ROLLBACK_COMPLETE",
        /// Being deleted.
        DeleteInProgress => "DELETE_IN_PROGRESS",
        /// Could not be deleted.
        DeleteFailed => "DELETE_FAILED",
        /// Deleted.
        DeleteComplete => "DELETE_COMPLETE",
        /// Left in place, as its policy asks.
        DeleteSkipped => "DELETE_SKIPPED",
        /// Being updated.
        UpdateInProgress => "UPDATE_IN_PROGRESS",
        /// Could not be updated.
        UpdateFailed => "UPDATE_FAILED",
        /// Everything is updated; what was replaced or removed is being deleted.
        UpdateCompleteCleanupInProgress => "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        /// Updated.
        UpdateComplete => "UPDATE_COMPLETE",
        /// A failed update is being undone.
        UpdateRollbackInProgress => "UPDATE_ROLLBACK_IN_PROGRESS",
        /// A failed update could not be undone.
        UpdateRollbackFailed => "UPDATE_ROLLBACK_FAILED",
        /// A failed update is undone; what it had made is being deleted.
        UpdateRollbackCompleteCleanupInProgress => "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        /// A failed update was undone.
        UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
    }
}

/// State of a stack: one word of [`Status`].
pub type StackStatus = Status;

impl Status {
    /// Whether something is still going on.
    #[must_use]
    pub fn is_in_progress(self) -> bool {
        self.as_str().ends_with("IN_PROGRESS")
    }
}

words! {
    /// What the caller acknowledges.
    Capability {
        /// The template makes IAM resources.
        Iam => "CAPABILITY_IAM",
        /// The template makes IAM resources with names of its own.
        NamedIam => "CAPABILITY_NAMED_IAM",
        /// The template uses macros.
        AutoExpand => "CAPABILITY_AUTO_EXPAND",
    }
}

words! {
    /// What becomes of a stack whose creation fails.
    OnFailure {
        /// Everything made is deleted, the stack stays in `ROLLBACK_COMPLETE`.
        Rollback => "ROLLBACK",
        /// Everything stays as it is, the stack in `CREATE_FAILED`.
        DoNothing => "DO_NOTHING",
        /// Everything made is deleted, and then the stack.
        Delete => "DELETE",
    }
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
    /// What the caller acknowledges.
    pub capabilities: BTreeSet<Capability>,
    /// What becomes of the stack if its creation fails; an update ignores it.
    pub on_failure: OnFailure,
    /// The value of `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
    /// Bodies of nested templates by the `TemplateURL` they are found at.
    pub nested_templates: BTreeMap<String, String>,
}

impl StackInput {
    /// A stack of this name with a template sent inline.
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

    /// The same with the template uploaded first, which allows 1 MB.
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

    /// `UsePreviousValue` for a parameter of an update.
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

/// A stack as `DescribeStacks` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN, which ends in a GUID of its own.
    pub id: String,
    /// Its state.
    pub status: StackStatus,
    /// Why it is in that state, if there is something to say.
    pub status_reason: Option<String>,
    /// The template's description.
    pub description: Option<String>,
    /// Parameters as given or defaulted; those with `NoEcho` as stars.
    pub parameters: BTreeMap<String, String>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, StackOutput>,
    /// When it was created.
    pub created: SystemTime,
}

impl Stack {
    /// The value of an output, if the stack has it.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(|output| output.value.as_str())
    }
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOutput {
    /// Its value.
    pub value: String,
    /// The template's words for it.
    pub description: Option<String>,
    /// The name under which other stacks import it.
    pub export_name: Option<String>,
}

/// A resource as `DescribeStackResource` shows it, and what is known of it besides.
#[derive(Clone, PartialEq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// What `Ref` gives; none until it exists or is believed to.
    pub physical_id: Option<String>,
    /// Its type.
    pub type_name: String,
    /// Its state.
    pub status: Status,
    /// Why it is in that state, if there is something to say.
    pub status_reason: Option<String>,
    /// What `Fn::GetAtt` gives.
    pub attributes: Map<String, Value>,
    /// The answer asked for the attributes to be hidden.
    pub no_echo: bool,
    /// The properties it was last given, resolved.
    pub properties: Map<String, Value>,
    /// Where the last answer lies, for the text of a missing attribute.
    pub(super) request_id: Option<String>,
    /// Somebody was asked to create it.
    pub(super) attempted: bool,
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
    /// When.
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
    /// Why.
    pub reason: Option<String>,
}
