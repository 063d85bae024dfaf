//! A template: its sections, and where its text comes from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::parameters::Parameter;
use crate::rules::Rule;

/// Characters in the type name of a custom resource.
const CUSTOM_TYPE_CHARS_MAX: usize = 60;

/// The source of a template, which decides how large it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSource {
    /// `TemplateBody`: sent with the request, at most 51 200 bytes.
    Body(String),
    /// `TemplateURL`: uploaded to S3 first, as `sam deploy` and a launch link do; at most 1 MB.
    Uploaded(String),
}

impl Default for TemplateSource {
    fn default() -> Self {
        Self::Body(String::new())
    }
}

/// The fate of the physical resource when it leaves the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RemovalPolicy {
    #[default]
    Delete,
    Retain,
    /// Retained, except if the create that created it is rolled back.
    RetainExceptOnCreate,
}

/// One resource of the template.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub type_name: String,
    pub properties: Map<String, Value>,
    pub condition: Option<String>,
    pub depends_on: Vec<String>,
    pub deletion_policy: RemovalPolicy,
    pub update_replace_policy: RemovalPolicy,
    pub metadata: Value,
}

/// One output of the template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    pub value: Value,
    pub description: Option<String>,
    pub condition: Option<String>,
    pub export: Option<Value>,
}

/// A template that has the right shape and whose references all lead somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub description: Option<String>,
    pub metadata: Map<String, Value>,
    pub parameters: BTreeMap<String, Parameter>,
    pub rules: BTreeMap<String, Rule>,
    pub mappings: Map<String, Value>,
    pub conditions: BTreeMap<String, Value>,
    pub resources: BTreeMap<String, Resource>,
    pub outputs: BTreeMap<String, Output>,
}

/// Returns true if a function outside CloudFormation provides the type.
pub(crate) fn is_custom(type_name: &str) -> bool {
    let suffix = type_name.strip_prefix("Custom::").unwrap_or_default();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'-');
    type_name == "AWS::CloudFormation::CustomResource"
        || (!suffix.is_empty() && type_name.len() <= CUSTOM_TYPE_CHARS_MAX && suffix.bytes().all(allowed))
}
