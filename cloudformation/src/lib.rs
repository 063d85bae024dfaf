//! A CloudFormation small enough to read: it executes a template against the emulated account.
//!
//! ```text
//! source → template → parameters → rules → conditions → operation (validated: nothing has happened yet)
//! operation → graph → create / update / delete, one change per resource → custom_resource or resources
//! ```
//!
//! Custom resources are served by the one [`Function`](emulator::lambda::Function) that [`CloudFormation::new`] is
//! given, whatever function of the account their `ServiceToken` names, of this stack or another: that one's role,
//! environment, timeout and retries apply. The events of rules reach the same function. Everything runs on tokio's time; names and ids repeat from run to run.
//!
//! Known gaps, where the emulator is the smaller of the two: no change sets, no imports, no macros, no drift, no
//! `ContinueUpdateRollback`. A permissions boundary and reserved concurrency are accepted without effect. A nested
//! stack that is cancelled is waited for instead of being interrupted.

mod answer;
mod capability;
mod change;
mod conditions;
mod create;
mod custom_resource;
mod delete;
mod engine;
mod error;
mod event_delivery;
mod exports;
mod graph;
mod imports;
mod intrinsics;
mod nested;
mod operation;
mod outputs;
mod parameters;
mod properties;
mod references;
mod resources;
mod rollback;
mod rules;
mod source;
mod stack;
mod state;
mod substitution;
mod summary;
mod template;
mod template_parser;
mod template_references;
#[cfg(test)]
mod tests;
mod update;

pub use self::capability::Capability;
pub use self::engine::CloudFormation;
pub use self::error::ValidationError;
pub use self::parameters::{ParameterSummary, ParameterValue};
pub use self::stack::{OnFailure, StackEvent, StackInput, StackResource};
pub use self::state::{CustomResourceAnswer, CustomResourceRequest, EventDelivery};
pub use self::summary::{contradictions, template_capability, template_properties, template_summary};
pub use self::template::TemplateSource;
