//! Policy documents: which statements apply to a request, and what follows.

use serde_json::{Map, Value};

use super::condition::{Applies, evaluate, texts};
use super::pattern::{matches, matches_ignoring_case};
use super::requirement::Context;

/// The decision of a set of policies about one action on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// No statement allows it. `unsupported` names what kept the emulator from evaluating one that might have.
    ImplicitDeny {
        /// A condition operator, a condition key, a policy variable or an element.
        unsupported: Option<String>,
    },
    /// A statement denies it, or may deny it as far as the emulator can tell.
    ExplicitDeny,
}

/// Decides one action on one resource: an explicit deny wins, then an allow, and what cannot be evaluated never allows.
pub(super) fn decide(documents: &[Value], action: &str, resource: &str, context: &Context) -> Decision {
    decide_by(documents, |statement| applies_to(statement, action, resource, context))
}

/// Decides as [`decide`] does, with another rule for the statements that apply.
pub(super) fn decide_by(documents: &[Value], applies_to: impl Fn(&Map<String, Value>) -> Applies) -> Decision {
    let mut allowed = false;
    let mut unsupported = None;
    for statement in documents.iter().flat_map(statements) {
        let applies = applies_to(statement);
        match (effect(statement), applies) {
            (_, Applies::No) => {}
            (Some(Effect::Allow), Applies::Yes) => allowed = true,
            (Some(Effect::Allow), Applies::Unknown(what)) => unsupported = Some(what),
            (Some(Effect::Deny) | None, _) => return Decision::ExplicitDeny,
        }
    }
    if allowed { Decision::Allowed } else { Decision::ImplicitDeny { unsupported } }
}

/// Returns true if a trust policy lets a service principal assume its role.
pub(super) fn service_may_assume(trust: &Value, service: &str, context: &Context) -> bool {
    let mut allowed = false;
    for statement in statements(trust) {
        let applies = all(&[
            &|| names_service(statement.get("Principal"), service),
            &|| on_action(statement, "sts:AssumeRole"),
            &|| on_condition(statement, context),
            &|| only(statement, &["Sid", "Effect", "Principal", "Action", "NotAction", "Condition"]),
        ]);
        match (effect(statement), applies) {
            (_, Applies::No) | (Some(Effect::Allow), Applies::Unknown(_)) => {}
            (Some(Effect::Allow), Applies::Yes) => allowed = true,
            (Some(Effect::Deny) | None, _) => return false,
        }
    }
    allowed
}

#[derive(Clone, Copy)]
enum Effect {
    Allow,
    Deny,
}

fn effect(statement: &Map<String, Value>) -> Option<Effect> {
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Some(Effect::Allow),
        Some("Deny") => Some(Effect::Deny),
        _ => None,
    }
}

/// Returns the statements of a document; a single one needs no list.
fn statements(document: &Value) -> Vec<&Map<String, Value>> {
    match document.get("Statement") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(single)) => vec![single],
        _ => Vec::new(),
    }
}

fn applies_to(statement: &Map<String, Value>, action: &str, resource: &str, context: &Context) -> Applies {
    all(&[
        &|| on_action(statement, action),
        &|| on_resource(statement, resource),
        &|| on_condition(statement, context),
        &|| only(statement, &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"]),
    ])
}

pub(super) fn on_action(statement: &Map<String, Value>, action: &str) -> Applies {
    listed(statement, "Action", "NotAction", |pattern| matches_ignoring_case(pattern, action))
}

pub(super) fn on_resource(statement: &Map<String, Value>, resource: &str) -> Applies {
    listed(statement, "Resource", "NotResource", |pattern| matches(pattern, resource))
}

pub(super) fn on_condition(statement: &Map<String, Value>, context: &Context) -> Applies {
    statement.get("Condition").map_or(Applies::Yes, |condition| evaluate(condition, context))
}

/// Combines parts that must all apply. The first part that does not apply decides, even if another one is unknown.
pub(super) fn all(parts: &[&dyn Fn() -> Applies]) -> Applies {
    let mut unknown = Applies::Yes;
    for part in parts {
        match part() {
            Applies::Yes => {}
            Applies::No => return Applies::No,
            cause @ Applies::Unknown(_) => unknown = cause,
        }
    }
    unknown
}

pub(super) fn only(statement: &Map<String, Value>, elements: &[&str]) -> Applies {
    statement
        .keys()
        .find(|key| !elements.contains(&key.as_str()))
        .map_or(Applies::Yes, |key| Applies::Unknown(format!("the element `{key}`")))
}

fn listed(statement: &Map<String, Value>, element: &str, negated: &str, hit: impl Fn(&str) -> bool) -> Applies {
    let (patterns, wanted) = match (statement.get(element), statement.get(negated)) {
        (Some(patterns), None) => (patterns, true),
        (None, Some(patterns)) => (patterns, false),
        _ => return Applies::Unknown(format!("a statement without exactly one of `{element}` and `{negated}`")),
    };
    let Some(patterns) = texts(patterns) else {
        return Applies::Unknown(format!("the element `{element}`"));
    };
    if let Some(variable) = patterns.iter().find(|pattern| pattern.contains("${")) {
        return Applies::Unknown(format!("the policy variable in `{variable}`"));
    }
    (patterns.iter().any(|pattern| hit(pattern)) == wanted).into()
}

fn names_service(principal: Option<&Value>, service: &str) -> Applies {
    match principal {
        Some(Value::String(everyone)) => (everyone == "*").into(),
        Some(Value::Object(kinds)) => {
            let services = kinds.get("Service").and_then(texts).unwrap_or_default();
            services.iter().any(|name| *name == service).into()
        }
        _ => Applies::Unknown("a trust statement without `Principal`".to_owned()),
    }
}
