//! Events for the function, and its answers.

use std::fmt;

use serde_json::{Map, Value, json};

/// The stack of every event that does not name another one.
pub const STACK_ID: &str =
    "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/11111111-2222-3333-4444-555555555555";

/// The function that every event is for.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:provisioner";

/// A resource of the tests' template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogicalResource {
    /// Its `Type`.
    pub resource_type: &'static str,
    /// Its logical id.
    pub logical_id: &'static str,
}

/// A secret.
pub const SECRET: LogicalResource = LogicalResource::new("Custom::AgentCoreSecret", "Secret");
/// A runtime.
pub const RUNTIME: LogicalResource = LogicalResource::new("Custom::AgentCoreRuntime", "Runtime");
/// An OAuth2 credential provider.
pub const PROVIDER: LogicalResource = LogicalResource::new("Custom::AgentCoreOAuth2CredentialProvider", "Provider");
/// An API key credential provider.
pub const API_KEY: LogicalResource = LogicalResource::new("Custom::AgentCoreApiKeyCredentialProvider", "ApiKey");
/// A workload identity.
pub const IDENTITY: LogicalResource = LogicalResource::new("Custom::AgentCoreWorkloadIdentity", "Identity");
/// A gateway.
pub const GATEWAY: LogicalResource = LogicalResource::new("Custom::AgentCoreGateway", "Gateway");
/// A gateway target.
pub const TARGET: LogicalResource = LogicalResource::new("Custom::AgentCoreGatewayTarget", "Target");
/// A probe.
pub const PROBE: LogicalResource = LogicalResource::new("Custom::AgentCoreMcpProbe", "Probe");

impl LogicalResource {
    const fn new(resource_type: &'static str, logical_id: &'static str) -> Self {
        Self { resource_type, logical_id }
    }

    /// Returns another resource of this type.
    #[must_use]
    pub const fn named(self, logical_id: &'static str) -> Self {
        Self { logical_id, ..self }
    }

    /// Returns the event that creates the resource.
    #[must_use]
    pub fn create(self, properties: Value) -> Event {
        Event::new("Create", self.resource_type, self.logical_id, properties)
    }

    /// Returns the event that updates the resource.
    #[must_use]
    pub fn update(self, physical_id: &str, new: Value, old: Value) -> Event {
        let event = Event::new("Update", self.resource_type, self.logical_id, new);
        event.with("PhysicalResourceId", physical_id).with("OldResourceProperties", old)
    }

    /// Returns the event that deletes the resource.
    #[must_use]
    pub fn delete(self, physical_id: &str, properties: Value) -> Event {
        let event = Event::new("Delete", self.resource_type, self.logical_id, properties);
        event.with("PhysicalResourceId", physical_id)
    }

    /// Returns the physical id that CloudFormation invents when it cancels a create.
    #[must_use]
    pub fn invented_id(self) -> String {
        format!("mcp-{}-1ABCDEFGHIJK", self.logical_id)
    }
}

impl fmt::Display for LogicalResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource_type)
    }
}

/// Returns the properties with some of them set.
///
/// # Panics
/// If one of the two is not a map.
#[must_use]
pub fn merged(mut properties: Value, changes: Value) -> Value {
    let (Value::Object(all), Value::Object(changes)) = (&mut properties, changes) else {
        panic!("properties should be a map")
    };
    all.extend(changes);
    properties
}

/// An event of CloudFormation that is being built.
#[derive(Clone, Debug)]
pub struct Event(pub Map<String, Value>);

impl Event {
    /// Starts an event of the stack [`STACK_ID`], without the members that only some requests have.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "callers write the properties as a literal")]
    pub fn new(request_type: &str, resource_type: &str, logical_id: &str, properties: Value) -> Self {
        let event = json!({
            "RequestType": request_type,
            "ResourceType": resource_type,
            "LogicalResourceId": logical_id,
            "StackId": STACK_ID,
            "ServiceToken": FUNCTION_ARN,
            "ResourceProperties": properties,
        });
        let Value::Object(event) = event else { unreachable!("an object literal") };
        Self(event)
    }

    /// Sets one member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the event as Lambda delivers it.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        Value::Object(self.0.clone()).to_string().into_bytes()
    }
}

/// An answer that CloudFormation received.
#[derive(Clone, Debug)]
pub struct Answer(pub Value);

impl Answer {
    /// Returns true if the operation succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.0["Status"] == "SUCCESS"
    }

    /// Returns the Reason, which is empty if there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.0["Reason"].as_str().unwrap_or_default()
    }

    /// Returns the physical id.
    ///
    /// # Panics
    /// If the answer has none: every answer of the function has one.
    #[must_use]
    pub fn physical_id(&self) -> String {
        self.0["PhysicalResourceId"].as_str().expect("an answer has a PhysicalResourceId").to_owned()
    }

    /// Returns an attribute.
    ///
    /// # Panics
    /// If the answer has no attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.0["Data"][name].as_str().unwrap_or_else(|| panic!("no attribute {name} in {}", self.0))
    }

    /// Returns this answer.
    ///
    /// # Panics
    /// If the answer is a failure.
    #[allow(clippy::return_self_not_must_use, reason = "often only the claim is wanted")]
    #[allow(clippy::must_use_candidate, reason = "often only the claim is wanted")]
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.is_success(), "FAILED: {}", self.reason());
        self
    }

    /// Returns the Reason of this failure.
    ///
    /// # Panics
    /// If the answer is a success.
    #[allow(clippy::must_use_candidate, reason = "often only the claim is wanted")]
    #[track_caller]
    pub fn failure(&self) -> &str {
        assert!(!self.is_success(), "unexpected SUCCESS: {}", self.0);
        self.reason()
    }
}
