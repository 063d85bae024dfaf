//! Policies of runtimes, runtime endpoints and gateways: `PutResourcePolicy`, `GetResourcePolicy`,
//! `DeleteResourcePolicy` [DG resource-based-policies]. They are evaluated where the resources are invoked, and an explicit
//! deny in one also where its resource is managed.
//!
//! AWS does not document if Get and Delete of a policy that does not exist are refused; here they are. It does not document
//! either in which form a Get shows a policy; here it is an equivalent one.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::access::need;
use super::endpoint::DEFAULT;
use super::errors::{invalid, not_found};
use super::runtime_configuration::Configuration;
use super::state::AgentCoreControl;
use super::status::Status;
use crate::iam::{Requirement, matches_ignoring_case};
use crate::input::required;
use crate::model::Model;
use crate::service::{Answer, ApiError, Call, ServiceId};

/// Actions on these resources that are not operations of the emulator's service models [SAR].
const PERMISSIONS: [&str; 6] = [
    "GetAgentCard",
    "InvokeAgentRuntimeCommand",
    "InvokeAgentRuntimeForUser",
    "InvokeAgentRuntimeWithWebSocketStream",
    "InvokeGateway",
    "StopRuntimeSession",
];

/// A resource that can have a policy.
struct Resource<'a> {
    tags: &'a BTreeMap<String, String>,
    /// True if callers come with tokens, so that there is not an IAM principal to name.
    takes_tokens: bool,
}

impl AgentCoreControl {
    /// Returns the policies in force, by the ARN of their resource.
    #[must_use]
    pub fn resource_policies(&self) -> &BTreeMap<String, Value> {
        &self.resource_policies
    }

    pub(super) fn put_resource_policy(&mut self, call: &Call) -> Answer {
        let (arn, resource) = self.resource(call)?;
        let text = required(&call.input, "policy");
        let policy: Value = serde_json::from_str(text).map_err(|_| malformed("it is not JSON"))?;
        check(&policy, arn, resource.takes_tokens)?;
        self.resource_policies.insert(arn.to_owned(), policy);
        Ok(json!({"policy": text}))
    }

    pub(super) fn get_resource_policy(&self, call: &Call) -> Answer {
        let (arn, _) = self.resource(call)?;
        let policy = self.resource_policies.get(arn).ok_or_else(|| no_policy(arn))?;
        Ok(json!({"policy": equivalent(policy).to_string()}))
    }

    pub(super) fn delete_resource_policy(&mut self, call: &Call) -> Answer {
        let (arn, _) = self.resource(call)?;
        self.resource_policies.remove(arn).ok_or_else(|| no_policy(arn))?;
        Ok(json!({}))
    }

    /// Returns the permission on the resource that has the policy.
    pub(super) fn on_policy(&self, call: &Call) -> Vec<Requirement> {
        let arn = required(&call.input, "resourceArn");
        let tags = self.tags_for_policy(arn, call.now);
        vec![need(call.operation, arn).with_resource_tags(tags)]
    }

    /// Returns the tags of the resource of an ARN, if it can have a policy and exists.
    fn tags_for_policy(&self, arn: &str, now: SystemTime) -> Option<&BTreeMap<String, String>> {
        self.find_resource(arn, now).map(|resource| resource.tags)
    }

    /// Forgets the policies of resources that are gone.
    pub(super) fn settle_resource_policies(&mut self, now: SystemTime) {
        let mut policies = std::mem::take(&mut self.resource_policies);
        policies.retain(|arn, _| self.find_resource(arn, now).is_some());
        self.resource_policies = policies;
    }

    fn resource<'c>(&self, call: &'c Call) -> Result<(&'c str, Resource<'_>), ApiError> {
        let arn = required(&call.input, "resourceArn");
        let prefix = self.arn("");
        let kind = arn.strip_prefix(&prefix).and_then(|path| path.split_once('/')).map(|(kind, _)| kind);
        if !matches!(kind, Some("runtime" | "gateway")) {
            return Err(invalid(format!("The resource '{arn}' is not a runtime, a runtime endpoint or a gateway.")));
        }
        let found = self.find_resource(arn, call.now);
        found.map(|resource| (arn, resource)).ok_or_else(|| not_found(format!("Resource '{arn}' was not found.")))
    }

    fn find_resource(&self, arn: &str, now: SystemTime) -> Option<Resource<'_>> {
        const NO_TAGS: &BTreeMap<String, String> = &BTreeMap::new();
        if let Some(gateway) = self.gateways(now).find(|gateway| gateway.arn == arn) {
            return Some(Resource { tags: &gateway.tags, takes_tokens: gateway.authorizer_type() != "AWS_IAM" });
        }
        let (runtime_arn, endpoint) = match arn.split_once("/runtime-endpoint/") {
            Some((runtime, endpoint)) => (runtime, Some(endpoint)),
            None => (arn, None),
        };
        let runtime = self.runtimes(now).find(|runtime| runtime.arn == runtime_arn)?;
        let tags = match endpoint {
            None => &runtime.tags,
            Some(DEFAULT) => NO_TAGS,
            Some(name) => {
                let endpoint = self.endpoint(&runtime.id, name, now)?;
                (endpoint.status(now) != Status::Gone).then_some(&endpoint.tags)?
            }
        };
        let version = self.served(runtime, endpoint.unwrap_or(DEFAULT), now).unwrap_or_else(|| runtime.newest());
        Some(Resource { tags, takes_tokens: Configuration::jwt_authorizer(&version.configuration).is_some() })
    }
}

fn check(policy: &Value, arn: &str, takes_tokens: bool) -> Result<(), ApiError> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(malformed("it has no statement")),
    };
    let known = ["Id", "Statement", "Version"];
    if let Some(element) = policy.as_object().and_then(|it| it.keys().find(|name| !known.contains(&name.as_str()))) {
        return Err(malformed(&format!("the element {element} is not supported")));
    }
    if policy["Version"] != "2012-10-17" {
        return Err(malformed("its Version is not 2012-10-17"));
    }
    for statement in statements {
        let statement = statement.as_object().ok_or_else(|| malformed("a statement is not an object"))?;
        check_statement(statement, arn, takes_tokens)?;
    }
    Ok(())
}

fn check_statement(statement: &Map<String, Value>, arn: &str, takes_tokens: bool) -> Result<(), ApiError> {
    let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    if let Some(element) = statement.keys().find(|element| !known.contains(&element.as_str())) {
        return Err(malformed(&format!("the element {element} is not supported")));
    }
    if !statement.get("Effect").is_some_and(|effect| effect == "Allow" || effect == "Deny") {
        return Err(malformed("an Effect is neither Allow nor Deny"));
    }
    match statement.get("Principal") {
        Some(Value::String(everybody)) if everybody == "*" => {}
        Some(Value::Object(_)) if takes_tokens => {
            return Err(malformed("the Principal must be * because the resource authorizes with tokens"));
        }
        Some(Value::Object(kinds)) => check_principals(kinds)?,
        _ => return Err(malformed("a statement has no Principal")),
    }
    let actions = one_or_more(statement.get("Action"));
    if actions.is_empty() || !actions.into_iter().all(is_known) {
        return Err(malformed("an Action is not one of bedrock-agentcore"));
    }
    if one_or_more(statement.get("Resource")) != [arn] {
        return Err(malformed("the Resource must be the exact ARN of the resource that has the policy"));
    }
    match statement.get("Condition") {
        None => Ok(()),
        Some(Value::Object(operators)) if operators.values().all(Value::is_object) => Ok(()),
        Some(_) => Err(malformed("a Condition does not have the form {operator: {key: values}}")),
    }
}

fn check_principals(kinds: &Map<String, Value>) -> Result<(), ApiError> {
    let known = ["AWS", "CanonicalUser", "Federated", "Service"];
    let is_named = |(kind, names): (&String, &Value)| {
        let names = one_or_more(Some(names));
        known.contains(&kind.as_str()) && !names.is_empty() && names.iter().all(|name| !name.is_empty())
    };
    if kinds.is_empty() || !kinds.iter().all(is_named) {
        return Err(malformed("a Principal names nobody"));
    }
    Ok(())
}

/// Returns true if a pattern stands for at least one action of the service.
fn is_known(pattern: &str) -> bool {
    let Some(("bedrock-agentcore", pattern)) = pattern.split_once(':') else { return false };
    let models = [ServiceId::AgentCoreControl, ServiceId::AgentCore].map(Model::of);
    let operations = models.into_iter().flat_map(|model| model.operations.keys()).map(String::as_str);
    operations.chain(PERMISSIONS).any(|action| matches_ignoring_case(pattern, action))
}

/// Returns a policy that says the same: lists of one entry are that entry, other lists are reversed, and every statement
/// has an id.
fn equivalent(policy: &Value) -> Value {
    match policy {
        Value::Array(entries) => match entries.as_slice() {
            [single] => equivalent(single),
            entries => entries.iter().rev().map(equivalent).collect(),
        },
        Value::Object(members) => {
            let mut same: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), equivalent(value))).collect();
            if members.contains_key("Effect") {
                same.entry("Sid").or_insert_with(|| "Statement".into());
            }
            same.into()
        }
        other => other.clone(),
    }
}

/// Returns the texts of a text or a list of texts; none of any other value.
fn one_or_more(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().unwrap_or_default()).collect(),
        _ => Vec::new(),
    }
}

fn malformed(problem: &str) -> ApiError {
    invalid(format!("The resource policy is not valid: {problem}."))
}

fn no_policy(arn: &str) -> ApiError {
    not_found(format!("No resource policy was found for the resource '{arn}'."))
}
