//! The policy of a runtime and of its endpoint: who may call it. AgentCore authorizes a call on both (developer guide,
//! resource-based policies).
//!
//! Calls: GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy; none for a runtime whose template never asked for a
//! policy.

use serde_json::{Map, Value, json};

use crate::agentcore::resource_policy;
use crate::agentcore::runtime::endpoint_arn;
use crate::arn::Arn;
use crate::aws::ROLE_ARN_VARIABLE;
use crate::error::Error;
use crate::job::Job;
use crate::properties::{PropertyReader, PropertySet};
use crate::text::{matches_pattern, quote};

const DOCUMENT: &str = "ResourcePolicy";
const CALLERS: &str = "AllowedCallers";
/// The version of IAM's policy language.
const VERSION: &str = "2012-10-17";
const SERVICE: &str = "bedrock-agentcore:";
const INVOKE: &str = "InvokeAgentRuntime";
/// The elements that a statement may have. `NotAction`, `NotPrincipal` and `NotResource` have no use where a condition
/// says the same.
const ELEMENTS: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
/// The calls on a runtime with which the function keeps it. A policy covers the management of a runtime as well.
const MANAGEMENT: [&str; 12] = [
    "GetAgentRuntime",
    "UpdateAgentRuntime",
    "DeleteAgentRuntime",
    "CreateAgentRuntimeEndpoint",
    "UpdateAgentRuntimeEndpoint",
    "DeleteAgentRuntimeEndpoint",
    "ListTagsForResource",
    "TagResource",
    "UntagResource",
    "GetResourcePolicy",
    "PutResourcePolicy",
    "DeleteResourcePolicy",
];

/// The properties of the policy.
#[derive(Debug, PropertySet)]
pub(super) struct PolicyFields {
    /// Policy of the runtime and of its endpoint, without `Resource`: the function adds the ARNs. A policy that denies the
    /// function's own role is refused. See [Locking down](#locking-down).
    #[property(name = "ResourcePolicy")]
    document: Option<Map<String, Value>>,
    /// ARNs of the roles and users that may call the runtime, the function's role among them. The policy that follows
    /// denies everybody else. `IAM` only; not together with `ResourcePolicy`.
    #[property(name = "AllowedCallers", default_text = "whom IAM allows")]
    callers: Vec<String>,
}

/// A policy, without the resource that it is put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePolicy {
    /// The property that asks for it.
    property: &'static str,
    statements: Vec<Map<String, Value>>,
}

impl ResourcePolicy {
    /// Reads the policy that the properties ask for, if any.
    pub(super) fn read(_: &PropertyReader<'_>, fields: PolicyFields) -> Result<Option<Self>, Error> {
        let PolicyFields { document, callers } = fields;
        match document {
            Some(_) if !callers.is_empty() => {
                let problem = format!("is given together with `{DOCUMENT}`, which says who may call; leave one out");
                Err(Error::property(CALLERS, problem))
            }
            Some(document) => Self::of_document(&document).map(Some),
            None if callers.is_empty() => Ok(None),
            None => Self::of_callers(&callers).map(Some),
        }
    }

    /// Builds the policy that lets in these principals and nobody else. The conditions name them, because a principal of
    /// the policy itself is replaced by an internal id, which a role that is created anew does not have.
    fn of_callers(callers: &[String]) -> Result<Self, Error> {
        callers.iter().try_for_each(|caller| check_caller(caller))?;
        // A condition on the caller also covers the sessions of a role. To run commands in the container or to act for a
        // user takes a permission of the caller's own.
        let allow = json!({"Sid": "AllowCallers", "Effect": "Allow", "Principal": "*",
            "Action": format!("{SERVICE}{INVOKE}"), "Condition": {"ArnEquals": {"aws:PrincipalArn": callers}}});
        let deny = json!({"Sid": "DenyOthers", "Effect": "Deny", "Principal": "*",
            "Action": format!("{SERVICE}Invoke*"), "Condition": {"ArnNotEquals": {"aws:PrincipalArn": callers}}});
        let statements = [allow, deny].into_iter().filter_map(|it| it.as_object().cloned()).collect();
        Ok(Self { property: CALLERS, statements })
    }

    fn of_document(document: &Map<String, Value>) -> Result<Self, Error> {
        let refuse = |problem: String| Err(Error::property(DOCUMENT, problem));
        if let Some(unknown) = document.keys().find(|member| !["Version", "Statement"].contains(&member.as_str())) {
            return refuse(format!("has the member {}; use Version and Statement", quote(unknown)));
        }
        if let Some(version) = document.get("Version").filter(|version| *version != VERSION) {
            return refuse(format!("has the Version {version}; use {VERSION}"));
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.clone(),
            Some(single @ Value::Object(_)) => vec![single.clone()],
            _ => Vec::new(),
        };
        if statements.is_empty() {
            return refuse("has no Statement; give it at least one".to_owned());
        }
        let mut read = Vec::new();
        for statement in statements {
            let Value::Object(mut statement) = statement else {
                return refuse(
                    "has a statement that is not an object; write each as `Effect: …`, `Action: …`".to_owned(),
                );
            };
            if let Some(problem) = statement_problem(&statement) {
                return refuse(format!("has a statement {problem}"));
            }
            statement.remove("Resource");
            read.push(statement);
        }
        Ok(Self { property: DOCUMENT, statements: read })
    }

    /// Refuses a policy that a runtime whose callers bring tokens cannot have: a token has no name in IAM.
    pub(super) fn check_for_tokens(&self) -> Result<(), Error> {
        if self.property == CALLERS {
            let problem = "has no effect when `InboundAuth` is JWT, where callers bring tokens; use `AllowedClients`";
            return Err(Error::property(CALLERS, problem));
        }
        if self.statements.iter().any(|statement| statement["Principal"] != "*") {
            let problem = "names principals, but with `InboundAuth` JWT callers bring tokens; write `Principal: \"*\"`";
            return Err(Error::property(DOCUMENT, problem));
        }
        let lets_in = |statement: &Map<String, Value>| {
            statement["Effect"] == "Allow" && has_action(statement, INVOKE) && may_apply(statement, &Caller::Token)
        };
        if !self.statements.iter().any(lets_in) {
            let problem = format!(
                "admits no token, because no statement allows `{SERVICE}{INVOKE}` to `*`; add one for callers with tokens"
            );
            return Err(Error::property(DOCUMENT, problem));
        }
        Ok(())
    }

    /// Refuses a policy that denies the function an action that it needs on the runtime: it could neither verify nor change
    /// the runtime, and not even remove the policy. A condition about anything but the caller, such as a VPC endpoint, counts
    /// as not met for the probe, which shows its effect. For the calls that remove the policy, it counts as met.
    pub(super) fn check_own_access(&self, role: Option<&str>, takes_tokens: bool) -> Result<(), Error> {
        let denials = self.statements.iter().filter(|statement| statement["Effect"] == "Deny");
        for statement in denials {
            let Some(role) = role else {
                let problem = format!(
                    "the function does not know its own role, so that it cannot tell if `{}` locks it out; give it the \
                     environment variable {ROLE_ARN_VARIABLE} with the role's ARN",
                    self.property
                );
                return Err(Error::Misconfigured { problem });
            };
            let probe = if takes_tokens { Caller::Token } else { Caller::Role(role) };
            let invoke = [(INVOKE, probe)];
            let mut uses = MANAGEMENT.map(|action| (action, Caller::Role(role))).into_iter().chain(invoke);
            let denied = uses.find(|(action, caller)| {
                let applies = if *action == INVOKE { applies } else { may_apply };
                has_action(statement, action) && applies(statement, caller)
            });
            if let Some((action, caller)) = denied {
                return Err(self.locks_out(action, &caller, role));
            }
        }
        Ok(())
    }

    fn locks_out(&self, action: &str, caller: &Caller<'_>, role: &str) -> Error {
        if self.property == CALLERS {
            let problem = format!("leaves out the function's own role, which verifies the runtime; add {role}");
            return Error::property(CALLERS, problem);
        }
        let (whom, advice) = match caller {
            Caller::Role(role) => (
                format!("the function's own role {role}"),
                "exempt that role from the statement by the condition key aws:PrincipalArn",
            ),
            Caller::Token => ("every caller with a token".to_owned(), "narrow the statement"),
        };
        Error::property(DOCUMENT, format!("denies {whom} the action `{SERVICE}{action}`; {advice}"))
    }

    /// Returns the policy for one resource, which it has to name (developer guide, resource-based policies).
    fn document(&self, arn: &str) -> Value {
        let with_resource = |statement: &Map<String, Value>| {
            let mut statement = statement.clone();
            statement.insert("Resource".to_owned(), arn.into());
            statement
        };
        let statements: Vec<_> = self.statements.iter().map(with_resource).collect();
        json!({"Version": VERSION, "Statement": statements})
    }
}

/// Brings the policies of a runtime and its endpoint to the desired state. `former` is the policy before an update.
pub(super) async fn converge(
    job: &Job<'_>,
    runtime_arn: &str,
    wanted: Option<&ResourcePolicy>,
    former: Option<&ResourcePolicy>,
) -> Result<(), Error> {
    for arn in [runtime_arn.to_owned(), endpoint_arn(runtime_arn)] {
        let document = |policy: &ResourcePolicy| policy.document(&arn);
        let (wanted, former) = (wanted.map(document), former.map(document));
        resource_policy::converge(job, &arn, wanted.as_ref(), former.as_ref()).await?;
    }
    Ok(())
}

/// Refuses a caller that is not the ARN of one role or user. The sessions of a role are covered by its ARN.
fn check_caller(arn: &str) -> Result<(), Error> {
    let is_principal = |arn: Arn<'_>| {
        let is_named = |kind| arn.resource.strip_prefix(kind).is_some_and(|name| !name.is_empty());
        arn.is_in_account()
            && arn.region.is_empty()
            && (is_named("role/") || is_named("user/"))
            && !arn.resource.contains(['*', '?', '$'])
    };
    if Arn::of_service("iam", arn).is_some_and(is_principal) {
        return Ok(());
    }
    let advice = "use ARNs of roles and users, `arn:aws:iam::<account>:role/<name>`, without wildcards";
    Err(Error::property(CALLERS, format!("contains {}; {advice}", quote(arn))))
}

/// Returns why AgentCore would refuse a statement, as the end of a sentence.
fn statement_problem(statement: &Map<String, Value>) -> Option<String> {
    if let Some(unknown) = statement.keys().find(|element| !ELEMENTS.contains(&element.as_str())) {
        return Some(format!("with the element {}; use {}", quote(unknown), ELEMENTS.join(", ")));
    }
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Some("whose Effect is neither Allow nor Deny; give it one of them".to_owned());
    }
    let actions = statement.get("Action").map(texts).unwrap_or_default();
    if actions.is_empty() || !actions.iter().all(|action| action.starts_with(SERVICE)) {
        return Some(format!("whose Action is not of AgentCore; use actions such as `{SERVICE}{INVOKE}`"));
    }
    let has_principal = match statement.get("Principal") {
        Some(Value::String(everybody)) => everybody == "*",
        Some(Value::Object(kinds)) => !kinds.is_empty() && kinds.values().all(|names| !texts(names).is_empty()),
        _ => false,
    };
    if !has_principal {
        return Some("without a Principal; write `Principal: \"*\"` or `Principal: {AWS: <ARN>}`".to_owned());
    }
    if statement.get("Resource").is_some_and(|resource| texts(resource) != ["*"]) {
        return Some("with a Resource; leave it out, because the function adds the runtime's ARN".to_owned());
    }
    let is_object = |condition: &Value| condition.as_object().is_some_and(|it| it.values().all(Value::is_object));
    (!statement.get("Condition").is_none_or(is_object))
        .then(|| "whose Condition does not have the form `{<operator>: {<key>: <values>}}`; correct it".to_owned())
}

/// The caller of a request that a policy decides about.
enum Caller<'a> {
    /// The function, by its role's ARN.
    Role(&'a str),
    /// Anybody with a token, whom IAM does not know.
    Token,
}

impl Caller<'_> {
    /// Returns what a condition key says in a request of this caller.
    fn value(&self, key: &str) -> KeyValue<'_> {
        let known = |value: Option<_>| value.map_or(KeyValue::Absent, KeyValue::Present);
        let arn = match self {
            Self::Role(arn) => Some(*arn),
            Self::Token => None,
        };
        match key.to_ascii_lowercase().as_str() {
            "aws:principalarn" => known(arn),
            "aws:principalaccount" => known(arn.and_then(account)),
            "aws:securetransport" => KeyValue::Present("true"),
            _ => KeyValue::Unknown,
        }
    }

    fn is_named_by(&self, principal: &Value) -> bool {
        let names = match principal {
            Value::Object(kinds) => kinds.get("AWS").map(texts).unwrap_or_default(),
            single => texts(single),
        };
        // A deny to the account is one to everybody in it.
        let of_account = |name: &str, arn: &str| {
            let root = Arn::of_service("iam", name).filter(|name| name.resource == "root");
            Some(root.map_or(name, |root| root.account)) == account(arn)
        };
        names.into_iter().any(|name| match self {
            _ if name == "*" => true,
            Self::Token => false,
            Self::Role(arn) => name == *arn || of_account(name, arn) || is_session_of(name, arn),
        })
    }
}

/// The value of a condition key in a request.
enum KeyValue<'a> {
    Present(&'a str),
    Absent,
    /// Nothing is known about the key here.
    Unknown,
}

/// Returns true for the ARN of a session of this role, `arn:…:sts::<account>:assumed-role/<name>/<session>`, which has the
/// role's name without its path (IAM user guide, principals of role sessions).
fn is_session_of(arn: &str, role: &str) -> bool {
    let session = Arn::of_service("sts", arn).and_then(|arn| arn.resource.strip_prefix("assumed-role/"));
    let name = session.and_then(|session| session.split('/').next());
    name.is_some() && name == role.rsplit('/').next() && account(arn) == account(role)
}

/// Returns the account in an ARN.
fn account(arn: &str) -> Option<&str> {
    Arn::parse(arn).map(|arn| arn.account)
}

fn has_action(statement: &Map<String, Value>, action: &str) -> bool {
    let action = format!("{SERVICE}{action}").to_ascii_lowercase();
    texts(&statement["Action"]).iter().any(|pattern| matches_pattern(&pattern.to_ascii_lowercase(), &action))
}

/// Returns true if a statement is certain to apply to a caller.
fn applies(statement: &Map<String, Value>, caller: &Caller<'_>) -> bool {
    caller.is_named_by(&statement["Principal"]) && conditions(statement, caller).all(|holds| holds == Some(true))
}

/// Returns true unless a statement is certain not to apply to a caller.
fn may_apply(statement: &Map<String, Value>, caller: &Caller<'_>) -> bool {
    caller.is_named_by(&statement["Principal"]) && conditions(statement, caller).all(|holds| holds != Some(false))
}

/// Evaluates the conditions of a statement one by one. `None` stands for one that cannot be evaluated here.
fn conditions<'a>(
    statement: &'a Map<String, Value>,
    caller: &'a Caller<'_>,
) -> impl Iterator<Item = Option<bool>> + 'a {
    let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(|(key, wanted)| holds(operator, &caller.value(key), &texts(wanted)))
    })
}

/// Evaluates one condition on a key with this value. Returns `None` if that cannot be done here.
fn holds(operator: &str, value: &KeyValue<'_>, wanted: &[&str]) -> Option<bool> {
    let (operator, if_exists) = operator.strip_suffix("IfExists").map_or((operator, false), |base| (base, true));
    let (negated, compare): (bool, fn(&str, &str) -> bool) = match operator {
        "StringEquals" => (false, |wanted, value| wanted == value),
        "StringNotEquals" => (true, |wanted, value| wanted == value),
        "StringEqualsIgnoreCase" | "Bool" => (false, str::eq_ignore_ascii_case),
        "StringNotEqualsIgnoreCase" => (true, str::eq_ignore_ascii_case),
        "StringLike" | "ArnEquals" | "ArnLike" => (false, matches_pattern),
        "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => (true, matches_pattern),
        _ => return None,
    };
    if wanted.iter().any(|wanted| wanted.contains("${")) {
        return None;
    }
    match value {
        KeyValue::Present(value) => Some(wanted.iter().any(|wanted| compare(wanted, value)) != negated),
        // A key that is absent differs from everything.
        KeyValue::Absent => Some(negated || if_exists),
        KeyValue::Unknown => None,
    }
}

/// Returns the texts of a text or of a list of texts; none of anything else.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(entries) => entries.iter().map(Value::as_str).collect::<Option<_>>().unwrap_or_default(),
        _ => Vec::new(),
    }
}
