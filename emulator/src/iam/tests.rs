use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::policy::{Decision, decide};
use super::{Context, Guardrail, Iam, Requirement, Role};
use crate::service::Principal;
use crate::settings::Settings;

fn statement(effect: &str, action: &str, resource: &str, condition: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition}]})
}

fn context(values: &[(&str, &[&str])]) -> Context {
    values.iter().map(|(key, values)| ((*key).to_owned(), values.iter().map(|v| (*v).to_owned()).collect())).collect()
}

fn allowed_under(condition: &Value, context: &Context) -> bool {
    decide(&[statement("Allow", "*", "*", condition)], "s:Do", "arn", context) == Decision::Allowed
}

#[test]
fn explicit_deny_wins() {
    let allow = json!({"Statement": {"Effect": "Allow", "Action": "s:*", "Resource": "*"}});
    let deny = json!({"Statement": [{"Effect": "Deny", "Action": ["s:Do"], "Resource": "arn:x*"}]});
    assert_eq!(decide(&[allow.clone(), deny.clone()], "s:Do", "arn:x1", &Context::new()), Decision::ExplicitDeny);
    assert_eq!(decide(&[allow, deny], "s:Do", "arn:y1", &Context::new()), Decision::Allowed);
}

#[test]
fn nothing_is_allowed_by_default() {
    assert_eq!(decide(&[], "s:Do", "*", &Context::new()), Decision::ImplicitDeny { unsupported: None });
}

#[test]
fn not_action_and_not_resource() {
    let policy = [json!({"Statement": {"Effect": "Allow", "NotAction": "s:Delete*", "NotResource": ["arn:secret"]}})];
    assert_eq!(decide(&policy, "s:Do", "arn:other", &Context::new()), Decision::Allowed);
    assert_ne!(decide(&policy, "s:DeleteAll", "arn:other", &Context::new()), Decision::Allowed);
    assert_ne!(decide(&policy, "s:Do", "arn:secret", &Context::new()), Decision::Allowed);
}

#[test]
fn condition_operators() {
    let tag = context(&[("aws:ResourceTag/team", &["blue"])]);
    let none = Context::new();
    for (condition, under_tag, without) in [
        (json!({"StringEquals": {"aws:resourcetag/team": "blue"}}), true, false),
        (json!({"StringEquals": {"aws:ResourceTag/team": ["red", "blue"]}}), true, false),
        (json!({"StringEquals": {"aws:ResourceTag/team": "Blue"}}), false, false),
        (json!({"StringEqualsIgnoreCase": {"aws:ResourceTag/team": "Blue"}}), true, false),
        (json!({"StringNotEquals": {"aws:ResourceTag/team": "red"}}), true, true),
        (json!({"StringNotEquals": {"aws:ResourceTag/team": "blue"}}), false, true),
        (json!({"StringLike": {"aws:ResourceTag/team": "b*"}}), true, false),
        (json!({"StringNotLike": {"aws:ResourceTag/team": "b*"}}), false, true),
        (json!({"StringEqualsIfExists": {"aws:ResourceTag/team": "red"}}), false, true),
        (json!({"Null": {"aws:ResourceTag/team": "true"}}), false, true),
        (json!({"Null": {"aws:ResourceTag/team": false}}), true, false),
        (json!({"StringEquals": {"aws:ResourceTag/team": "blue"}, "Null": {"aws:TagKeys": "true"}}), true, false),
    ] {
        assert_eq!(allowed_under(&condition, &tag), under_tag, "{condition} with the tag");
        assert_eq!(allowed_under(&condition, &none), without, "{condition} without the tag");
    }
}

#[test]
fn set_operators_look_at_every_value() {
    let keys = context(&[("aws:TagKeys", &["a", "b"])]);
    assert!(allowed_under(&json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}}), &keys));
    assert!(!allowed_under(&json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}), &keys));
    assert!(allowed_under(&json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}), &keys));
    assert!(!allowed_under(&json!({"ForAnyValue:StringLike": {"aws:TagKeys": ["c*"]}}), &keys));
    let none = Context::new();
    assert!(allowed_under(&json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}), &none));
    assert!(!allowed_under(&json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}), &none));
}

#[test]
fn what_cannot_be_evaluated_never_allows() {
    let none = Context::new();
    for condition in [
        json!({"DateGreaterThan": {"aws:TagKeys": "2026-01-01T00:00:00Z"}}),
        json!({"ForSomeValues:StringEquals": {"aws:TagKeys": "a"}}),
        json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
        json!({"StringEqualsIfExists": {"aws:ResourceTag/x": "${aws:PrincipalTag/x}"}}),
    ] {
        let allow = statement("Allow", "*", "*", &condition);
        assert!(
            matches!(decide(&[allow], "s:Do", "arn", &none), Decision::ImplicitDeny { unsupported: Some(_) }),
            "{condition} must not allow"
        );
        let deny = statement("Deny", "*", "*", &condition);
        let everything = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
        assert_eq!(decide(&[everything, deny], "s:Do", "arn", &none), Decision::ExplicitDeny, "{condition} may deny");
    }
    let misplaced = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}});
    assert_ne!(decide(&[misplaced], "s:Do", "arn", &none), Decision::Allowed);
}

#[test]
fn trust_policy_conditions_are_evaluated() {
    let trust = json!({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": "arn:aws:bedrock-agentcore:us-east-1:111122223333:*"}}}]});
    let role = Role::new("arn:aws:iam::111122223333:role/path/name", SystemTime::UNIX_EPOCH, trust, vec![]);
    assert_eq!(role.name, "name");
    let source = |account: &str, arn: &str| context(&[("aws:SourceAccount", &[account]), ("aws:SourceArn", &[arn])]);
    let runtime = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/a-0123456789";
    assert!(role.trusts("bedrock-agentcore.amazonaws.com", &source("111122223333", runtime)));
    assert!(!role.trusts("lambda.amazonaws.com", &source("111122223333", runtime)));
    assert!(!role.trusts("bedrock-agentcore.amazonaws.com", &source("999999999999", runtime)));
    assert!(!role.trusts("bedrock-agentcore.amazonaws.com", &source("111122223333", "arn:aws:other:::x")));
}

#[test]
fn denials_are_worded_as_aws_words_them() {
    let mut iam = Iam::new(&Settings::default());
    let arn = "arn:aws:iam::111122223333:role/function";
    let principal = Principal::Role(arn.to_owned());
    let get =
        Requirement::new("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:111122223333:secret:x-1");
    let error = iam.authorize(&principal, std::slice::from_ref(&get)).expect_err("the role does not exist");
    assert_eq!((error.status, error.code), (400, "AccessDeniedException"));
    assert_eq!(
        error.message,
        "User: arn:aws:sts::111122223333:assumed-role/function/emulator is not authorized to perform: \
         secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:x-1 because no \
         identity-based policy allows the secretsmanager:GetSecretValue action"
    );
    assert_eq!(iam.authorize(&Principal::Administrator, std::slice::from_ref(&get)), Ok(()));

    let policy = json!({"Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "bedrock-agentcore:Delete*", "Resource": "*"}]});
    iam.put_role(Role::new(arn, SystemTime::UNIX_EPOCH, json!({}), vec![policy]));
    assert_eq!(iam.authorize(&principal, &[get]), Ok(()));
    let delete = Requirement::new("bedrock-agentcore:DeleteAgentRuntime", "*");
    let error = iam.authorize(&principal, &[delete]).expect_err("denied");
    assert_eq!(error.status, 403);
    assert!(error.message.ends_with("DeleteAgentRuntime with an explicit deny in an identity-based policy"));
    iam.delete_role("function");
    assert!(iam.role(arn).is_none());
}

#[test]
fn a_guardrail_denies_what_the_role_allows_and_is_named() {
    let arn = "arn:aws:iam::111122223333:role/function";
    let principal = Principal::Role(arn.to_owned());
    let everything = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let deny = json!({"Statement": {"Effect": "Deny", "Action": "logs:*", "Resource": "*"}});
    let other = json!({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}});
    let read = Requirement::new("logs:FilterLogEvents", "*");
    for kind in Guardrail::ALL {
        let mut iam = Iam::new(&Settings::default());
        iam.put_role(Role::new(arn, SystemTime::UNIX_EPOCH, json!({}), vec![everything.clone()]));
        let mut ask = |documents: &[&serde_json::Value]| {
            iam.put_guardrail(kind, documents.iter().copied().cloned().collect());
            iam.authorize(&principal, std::slice::from_ref(&read)).map_err(|error| error.message)
        };
        assert_eq!(ask(&[&everything]), Ok(()));
        let message = ask(&[&everything, &deny]).expect_err("denied");
        assert!(message.ends_with(&format!(" with an explicit deny in a {}", kind.name())), "{message}");
        let implicit = ask(&[&other]);
        if matches!(kind, Guardrail::Resource | Guardrail::ResourceControl) {
            assert_eq!(implicit, Ok(()));
        } else {
            let message = implicit.expect_err("not allowed");
            let cause = format!(" because no {} allows the logs:FilterLogEvents action", kind.name());
            assert!(message.ends_with(&cause), "{message}");
        }
        assert_eq!(ask(&[]), Ok(()));
    }
}

#[test]
fn tags_become_condition_keys() {
    let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    let requirement = Requirement::new("s:Create", "*").with_request_tags(&tags).with_tags("aws:ResourceTag", &tags);
    assert_eq!(requirement.context["aws:RequestTag/team"], ["blue"]);
    assert_eq!(requirement.context["aws:ResourceTag/team"], ["blue"]);
    assert_eq!(requirement.context["aws:TagKeys"], ["team"]);
}
