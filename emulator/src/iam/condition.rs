//! The `Condition` element of a statement.

use std::borrow::Cow;

use serde_json::Value;

use super::pattern::{matches, matches_arn};
use super::requirement::Context;

/// The answer to the question if a statement, or a part of it, applies to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Applies {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The emulator cannot tell, because of this. Callers take it for whatever does not allow.
    Unknown(String),
}

impl From<bool> for Applies {
    fn from(applies: bool) -> Self {
        if applies { Self::Yes } else { Self::No }
    }
}

/// The condition keys that the emulator sets where AWS sets them. A key outside this list would always look absent,
/// which a negated operator treats as a match, so the statement is unknown instead.
const KEYS: [&str; 25] = [
    "aws:CalledViaLast",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:RequestTag/",
    "aws:RequestedRegion",
    "aws:ResourceTag/",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:TagKeys",
    "bedrock-agentcore:securityGroups",
    "bedrock-agentcore:subnets",
    "iam:AWSServiceName",
    "iam:PassedToService",
    "kms:CallerAccount",
    "kms:EncryptionContext:SecretARN",
    "kms:EncryptionContext:aws:bedrock-agentcore-gateway:arn",
    "kms:GrantConstraintType",
    "kms:GrantOperations",
    "kms:ViaService",
    "lambda:SourceFunctionArn",
    "s3:ResourceAccount",
    "secretsmanager:Name",
    "secretsmanager:ResourceTag/",
    "secretsmanager:SecretId",
];

#[derive(Clone, Copy)]
enum Quantifier {
    None,
    ForAllValues,
    ForAnyValue,
}

/// Evaluates a whole `Condition` element: every operator and every key in it must hold.
pub(super) fn evaluate(condition: &Value, context: &Context) -> Applies {
    let Some(operators) = condition.as_object() else {
        return Applies::Unknown("a `Condition` that is not an object".to_owned());
    };
    let mut unknown = None;
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object() else {
            return Applies::Unknown(format!("the condition operator `{operator}` without keys"));
        };
        for (key, values) in keys {
            match evaluate_key(operator, key, values, context) {
                Applies::Yes => {}
                Applies::No => return Applies::No,
                cause @ Applies::Unknown(_) => unknown = Some(cause),
            }
        }
    }
    unknown.unwrap_or(Applies::Yes)
}

fn evaluate_key(operator: &str, key: &str, values: &Value, context: &Context) -> Applies {
    let (quantifier, rest) = match operator.split_once(':') {
        None => (Quantifier::None, operator),
        Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
        Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
        Some(_) => return Applies::Unknown(format!("the condition operator `{operator}`")),
    };
    let (base, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |base| (base, true));
    if !known(key) {
        return Applies::Unknown(format!("the condition key `{key}`"));
    }
    let Some(wanted) = texts(values) else {
        return Applies::Unknown(format!("the values of the condition key `{key}`"));
    };
    if wanted.iter().any(|value| value.contains("${")) {
        return Applies::Unknown(format!("the policy variable in the condition key `{key}`"));
    }
    let present = context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| values.as_slice());
    let present = present.filter(|values| !values.is_empty());
    if base == "Null" {
        return wanted.iter().any(|value| (value == "true") == present.is_none()).into();
    }
    let Some((negated, equal)) = comparison(base) else {
        return Applies::Unknown(format!("the condition operator `{operator}`"));
    };
    let Some(present) = present else {
        return match quantifier {
            _ if if_exists => Applies::Yes,
            Quantifier::None => negated.into(),
            Quantifier::ForAllValues => Applies::Yes,
            Quantifier::ForAnyValue => Applies::No,
        };
    };
    let holds = |value: &String| wanted.iter().any(|wanted| equal(wanted, value)) != negated;
    // Without a quantifier, a negated operator must hold for every value.
    let every = match quantifier {
        Quantifier::ForAllValues => true,
        Quantifier::ForAnyValue => false,
        Quantifier::None => negated,
    };
    if every { present.iter().all(holds) } else { present.iter().any(holds) }.into()
}

fn known(key: &str) -> bool {
    KEYS.iter().any(|name| match name.strip_suffix('/') {
        Some(prefix) => {
            key.split_once('/').is_some_and(|(head, tail)| head.eq_ignore_ascii_case(prefix) && !tail.is_empty())
        }
        None => key.eq_ignore_ascii_case(name),
    })
}

type Comparison = fn(&str, &str) -> bool;

/// Returns true with the comparison of an operator if it is negated, and false if it is not.
fn comparison(base: &str) -> Option<(bool, Comparison)> {
    let equals: Comparison = |wanted, value| wanted == value;
    let ignoring_case: Comparison = |wanted, value| wanted.eq_ignore_ascii_case(value);
    Some(match base {
        "StringEquals" => (false, equals),
        "StringNotEquals" => (true, equals),
        "StringEqualsIgnoreCase" | "Bool" => (false, ignoring_case),
        "StringNotEqualsIgnoreCase" => (true, ignoring_case),
        "StringLike" => (false, matches),
        "StringNotLike" => (true, matches),
        "ArnEquals" | "ArnLike" => (false, matches_arn),
        "ArnNotEquals" | "ArnNotLike" => (true, matches_arn),
        _ => return None,
    })
}

/// Converts a value or a list of values to texts; returns `None` for anything else.
pub(super) fn texts(values: &Value) -> Option<Vec<Cow<'_, str>>> {
    fn text(value: &Value) -> Option<Cow<'_, str>> {
        match value {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Bool(flag) => Some(Cow::Owned(flag.to_string())),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }
    match values {
        Value::Array(items) => items.iter().map(text).collect(),
        single => Some(vec![text(single)?]),
    }
}
