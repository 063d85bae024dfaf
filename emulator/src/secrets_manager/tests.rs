//! The semantics of Secrets Manager, call by call.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{SecretValue, SecretsManager};
use crate::iam::Requirement;
use crate::model::Model;
use crate::service::{ApiError, Call, Outcome, Principal, ServiceId};
use crate::settings::Settings;

const T1: &str = "11111111-1111-1111-1111-111111111111";
const T2: &str = "22222222-2222-2222-2222-222222222222";
const T3: &str = "33333333-3333-3333-3333-333333333333";
const DAY: u64 = 24 * 60 * 60;

struct Account {
    service: SecretsManager,
    now: SystemTime,
}

impl Account {
    fn new() -> Self {
        let settings = Settings { secret_force_deletion: Duration::from_secs(10), ..Settings::default() };
        Self { service: SecretsManager::new(&settings), now: settings.start }
    }

    fn with_secret() -> Self {
        let mut account = Self::new();
        account.ok("CreateSecret", json!({"Name": "app/x", "SecretString": "one", "ClientRequestToken": T1}));
        account
    }

    fn request(&self, operation: &'static str, input: Value) -> Call {
        let Value::Object(input) = input else { panic!("an input is an object") };
        Call { principal: Principal::Administrator, operation, input, now: self.now, outcome: Outcome::Normal }
    }

    fn call(&mut self, operation: &'static str, input: Value) -> Result<Value, ApiError> {
        let call = self.request(operation, input);
        let answer = self.service.call(&call);
        let model = Model::of(ServiceId::SecretsManager);
        let (_, modelled) = model.operation(operation).expect("the model has the operation");
        if let (Ok(output), Some(shape)) = (&answer, &modelled.output) {
            assert_eq!(model.validate(shape, output), [], "the answer to {operation} should fit the model");
        }
        answer
    }

    fn ok(&mut self, operation: &'static str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    fn refused(&mut self, operation: &'static str, input: Value) -> (&'static str, String) {
        let error = self.call(operation, input).expect_err("the call should be refused");
        assert_eq!(error.status, 400);
        (error.code, error.message)
    }

    fn needs(&self, operation: &'static str, input: Value) -> Vec<Requirement> {
        self.service.requirements(&self.request(operation, input))
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

#[test]
fn create_and_read() {
    let mut account = Account::new();
    let created = account.ok(
        "CreateSecret",
        json!({"Name": "app/x", "SecretString": "{\"k\":\"ü\\n\"}", "ClientRequestToken": T1, "Description": "d",
               "KmsKeyId": "alias/mine", "Tags": [{"Key": "a", "Value": "b"}]}),
    );
    let arn = created["ARN"].as_str().expect("an ARN").to_owned();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:111122223333:secret:app/x-"));
    assert_eq!(
        (arn.len(), &created["VersionId"]),
        ("arn:aws:secretsmanager:us-east-1:111122223333:secret:app/x-".len() + 6, &json!(T1))
    );

    let read = account.ok("GetSecretValue", json!({"SecretId": arn}));
    assert_eq!(read["SecretString"], "{\"k\":\"ü\\n\"}");
    assert_eq!(read["VersionStages"], json!(["AWSCURRENT"]));
    assert!(read["CreatedDate"].is_number());

    let described = account.ok("DescribeSecret", json!({"SecretId": "app/x"}));
    assert_eq!(described["Tags"], json!([{"Key": "a", "Value": "b"}]));
    assert_eq!((&described["KmsKeyId"], &described["Description"]), (&json!("alias/mine"), &json!("d")));
    assert_eq!(described["VersionIdsToStages"], json!({T1: ["AWSCURRENT"]}));
    assert!(described.get("DeletedDate").is_none());
    assert_eq!(account.service.secret("app/x").and_then(|s| s.current_text()), Some("{\"k\":\"ü\\n\"}"));
}

#[test]
fn identifiers() {
    let mut account = Account::with_secret();
    let arn = account.service.secret("app/x").expect("made").arn.clone();
    let partial = arn[..arn.len() - 7].to_owned();
    for id in ["app/x", &arn, &partial] {
        account.ok("DescribeSecret", json!({"SecretId": id}));
    }
    let wrong_suffix = format!("{partial}-AAAAAA");
    let elsewhere = arn.replace("us-east-1", "us-west-2");
    for id in ["app", "app/x-", &arn[38..], &wrong_suffix, &elsewhere] {
        assert_eq!(account.refused("DescribeSecret", json!({"SecretId": id})).0, "ResourceNotFoundException", "{id}");
    }
    // A name that ends like a suffix is not found by partial ARN.
    account.ok("CreateSecret", json!({"Name": "app-prod01"}));
    let arn = account.service.secret("app-prod01").expect("made").arn.clone();
    account.ok("DescribeSecret", json!({"SecretId": arn}));
    account.ok("DescribeSecret", json!({"SecretId": "app-prod01"}));
    account.refused("DescribeSecret", json!({"SecretId": arn[..arn.len() - 7]}));
}

#[test]
fn a_repeated_create_is_recognised_by_its_token() {
    let mut account = Account::with_secret();
    let again = json!({"Name": "app/x", "SecretString": "one", "ClientRequestToken": T1});
    assert_eq!(account.ok("CreateSecret", again)["VersionId"], T1);
    let other_value = json!({"Name": "app/x", "SecretString": "two", "ClientRequestToken": T1});
    let (code, message) = account.refused("CreateSecret", other_value);
    assert_eq!(code, "ResourceExistsException");
    assert!(
        message.starts_with(&format!("You can't use ClientRequestToken {T1} because that value is already in use"))
    );
    let other_token = json!({"Name": "app/x", "SecretString": "one", "ClientRequestToken": T2});
    assert_eq!(
        account.refused("CreateSecret", other_token),
        ("ResourceExistsException", "The operation failed because the secret app/x already exists.".to_owned())
    );
}

#[test]
fn new_versions_move_the_staging_labels() {
    let mut account = Account::with_secret();
    let put =
        |value: &str, token: &str| json!({"SecretId": "app/x", "SecretString": value, "ClientRequestToken": token});
    let answer = account.ok("PutSecretValue", put("two", T2));
    assert_eq!((&answer["VersionId"], &answer["VersionStages"]), (&json!(T2), &json!(["AWSCURRENT"])));
    let updated = account.ok("UpdateSecret", put("three", T3));
    assert_eq!(updated["VersionId"], T3);
    let stages = &account.ok("DescribeSecret", json!({"SecretId": "app/x"}))["VersionIdsToStages"];
    assert_eq!(*stages, json!({T2: ["AWSPREVIOUS"], T3: ["AWSCURRENT"]}));

    let previous = account.ok("GetSecretValue", json!({"SecretId": "app/x", "VersionStage": "AWSPREVIOUS"}));
    assert_eq!(previous["SecretString"], "two");
    // A deprecated version can be read by its id until it is removed.
    let first = account.ok("GetSecretValue", json!({"SecretId": "app/x", "VersionId": T1}));
    assert_eq!(first["SecretString"], "one");
    assert!(first.get("VersionStages").is_none());
    let mismatch = json!({"SecretId": "app/x", "VersionId": T1, "VersionStage": "AWSCURRENT"});
    assert_eq!(account.refused("GetSecretValue", mismatch).0, "InvalidRequestException");
    let missing = json!({"SecretId": "app/x", "VersionStage": "AWSPENDING"});
    assert_eq!(
        account.refused("GetSecretValue", missing),
        (
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSPENDING".to_owned()
        )
    );

    // An own label leaves AWSCURRENT alone.
    let pending = "44444444-4444-4444-4444-444444444444";
    let mut fourth = put("four", pending);
    fourth["VersionStages"] = json!(["AWSPENDING"]);
    account.ok("PutSecretValue", fourth);
    assert_eq!(account.ok("GetSecretValue", json!({"SecretId": "app/x"}))["SecretString"], "three");
}

#[test]
fn tokens_of_writes() {
    let mut account = Account::with_secret();
    let put =
        |value: &str, token: &str| json!({"SecretId": "app/x", "SecretString": value, "ClientRequestToken": token});
    account.ok("PutSecretValue", put("two", T2));
    // The same value again changes nothing, even when the version is no longer current.
    assert_eq!(account.ok("PutSecretValue", put("one", T1))["VersionStages"], json!(["AWSPREVIOUS"]));
    assert_eq!(account.service.secret("app/x").and_then(|s| s.current_text()), Some("two"));
    assert_eq!(account.refused("PutSecretValue", put("other", T2)).0, "ResourceExistsException");
    assert_eq!(account.refused("UpdateSecret", put("two", T2)).0, "ResourceExistsException");
    let without = json!({"SecretId": "app/x", "SecretString": "x"});
    assert_eq!(account.refused("PutSecretValue", without).0, "InvalidRequestException");
    let empty = json!({"SecretId": "app/x", "ClientRequestToken": T3});
    assert_eq!(account.refused("PutSecretValue", empty).0, "InvalidRequestException");
}

#[test]
fn a_secret_has_a_hundred_versions_that_are_younger_than_a_day() {
    let mut account = Account::with_secret();
    let put = |number: u64| {
        let token = format!("00000000-0000-0000-0000-{number:012}");
        json!({"SecretId": "app/x", "SecretString": number.to_string(), "ClientRequestToken": token})
    };
    account.now += Duration::from_hours(1);
    for number in 2..=100 {
        account.ok("PutSecretValue", put(number));
    }
    for operation in ["PutSecretValue", "UpdateSecret"] {
        assert_eq!(account.refused(operation, put(101)).0, "LimitExceededException", "{operation}");
    }
    account.ok("PutSecretValue", put(100));
    account.now += Duration::from_hours(23);
    account.ok("PutSecretValue", put(101));
    let first = json!({"SecretId": "app/x", "VersionId": T1});
    assert_eq!(account.refused("GetSecretValue", first).0, "ResourceNotFoundException", "the oldest is gone");
    assert_eq!(account.refused("UpdateSecret", put(102)).0, "LimitExceededException", "the next is an hour younger");
    account.now += Duration::from_hours(1);
    account.ok("UpdateSecret", put(102));
}

#[test]
fn metadata_updates_create_no_version() {
    let mut account = Account::with_secret();
    let answer = account.ok("UpdateSecret", json!({"SecretId": "app/x", "Description": "new", "KmsKeyId": "k"}));
    assert!(answer.get("VersionId").is_none());
    let secret = account.service.secret("app/x").expect("made");
    assert_eq!((secret.description.as_deref(), secret.kms_key_id.as_deref()), (Some("new"), Some("k")));
    assert_eq!(secret.versions.len(), 1);
    account.ok("UpdateSecret", json!({"SecretId": "app/x", "Description": "", "KmsKeyId": ""}));
    let secret = account.service.secret("app/x").expect("made");
    assert_eq!((&secret.description, &secret.kms_key_id), (&None, &None));
}

#[test]
fn values_and_names_are_checked() {
    let mut account = Account::new();
    let create = |value: &str| json!({"Name": "x", "SecretString": value, "ClientRequestToken": T1});
    // 65,536 bytes, not characters.
    assert_eq!(account.refused("CreateSecret", create(&"ü".repeat(32_769))).0, "InvalidParameterException");
    account.ok("CreateSecret", create(&"ü".repeat(32_768)));
    let both = json!({"Name": "y", "SecretString": "a", "SecretBinary": "YQ==", "ClientRequestToken": T1});
    assert_eq!(account.refused("CreateSecret", both).0, "InvalidParameterException");
    assert_eq!(account.refused("CreateSecret", json!({"Name": "no spaces"})).0, "ValidationException");
    account.ok("CreateSecret", json!({"Name": "b", "SecretBinary": "YQ==", "ClientRequestToken": T1}));
    let read = account.ok("GetSecretValue", json!({"SecretId": "b"}));
    assert_eq!((&read["SecretBinary"], read.get("SecretString")), (&json!("YQ=="), None));
    let value = SecretValue::Text("hidden".to_owned());
    assert_eq!(format!("{value:?}"), "SecretValue(***)");
    account.ok("CreateSecret", json!({"Name": "empty"}));
    assert_eq!(account.refused("GetSecretValue", json!({"SecretId": "empty"})).0, "ResourceNotFoundException");
}

#[test]
fn a_deleted_secret_waits_out_its_window() {
    let mut account = Account::with_secret();
    let arn = account.service.secret("app/x").expect("made").arn.clone();
    for days in [6, 31] {
        let input = json!({"SecretId": "app/x", "RecoveryWindowInDays": days});
        assert_eq!(account.refused("DeleteSecret", input).0, "InvalidParameterException");
    }
    account.ok("DeleteSecret", json!({"SecretId": "app/x", "RecoveryWindowInDays": 7}));
    let marked = "You can't perform this operation on the secret because it was marked for deletion.";
    for (operation, input) in [
        ("GetSecretValue", json!({"SecretId": "app/x"})),
        ("PutSecretValue", json!({"SecretId": "app/x", "SecretString": "z", "ClientRequestToken": T2})),
        ("UpdateSecret", json!({"SecretId": "app/x", "Description": "z"})),
        ("TagResource", json!({"SecretId": "app/x", "Tags": []})),
        ("UntagResource", json!({"SecretId": "app/x", "TagKeys": []})),
    ] {
        assert_eq!(account.refused(operation, input), ("InvalidRequestException", marked.to_owned()), "{operation}");
    }
    assert_eq!(account.refused("DeleteSecret", json!({"SecretId": "app/x"})).0, "InvalidRequestException");
    let create = json!({"Name": "app/x", "SecretString": "one", "ClientRequestToken": T1});
    let (code, message) = account.refused("CreateSecret", create.clone());
    assert_eq!(code, "InvalidRequestException");
    assert!(message.ends_with("a secret with this name is already scheduled for deletion."));
    assert!(account.ok("DescribeSecret", json!({"SecretId": "app/x"}))["DeletedDate"].is_number());

    account.pass(7 * DAY - 1);
    account.ok("RestoreSecret", json!({"SecretId": "app/x"}));
    assert_eq!(account.ok("GetSecretValue", json!({"SecretId": "app/x"}))["SecretString"], "one");

    account.ok("DeleteSecret", json!({"SecretId": "app/x"}));
    account.pass(30 * DAY);
    assert_eq!(account.refused("RestoreSecret", json!({"SecretId": "app/x"})).0, "ResourceNotFoundException");
    assert_eq!(account.service.purged().len(), 1);
    account.ok("CreateSecret", create);
    assert_ne!(account.service.secret("app/x").expect("made again").arn, arn, "the suffix differs");
    assert_eq!(account.refused("DescribeSecret", json!({"SecretId": arn})).0, "ResourceNotFoundException");
}

#[test]
fn deletion_by_force_lingers_a_while() {
    let mut account = Account::with_secret();
    let force = json!({"SecretId": "app/x", "ForceDeleteWithoutRecovery": true});
    let both = json!({"SecretId": "app/x", "ForceDeleteWithoutRecovery": true, "RecoveryWindowInDays": 7});
    assert_eq!(account.refused("DeleteSecret", both).0, "InvalidParameterException");
    account.ok("DeleteSecret", force.clone());
    account.ok("DeleteSecret", force.clone());
    let create = json!({"Name": "app/x", "SecretString": "two", "ClientRequestToken": T2});
    assert_eq!(account.refused("CreateSecret", create.clone()).0, "InvalidRequestException");
    let deleted = "You can't perform this operation on the secret because it was deleted.";
    for operation in ["RestoreSecret", "GetSecretValue"] {
        assert_eq!(account.refused(operation, json!({"SecretId": "app/x"})).1, deleted);
    }
    account.pass(10);
    assert_eq!(account.refused("DescribeSecret", json!({"SecretId": "app/x"})).0, "ResourceNotFoundException");
    account.ok("DeleteSecret", force.clone());
    assert_eq!(account.refused("DeleteSecret", json!({"SecretId": "app/x"})).0, "ResourceNotFoundException");
    account.ok("CreateSecret", create);
    // Force also ends a window that runs.
    account.ok("DeleteSecret", json!({"SecretId": "app/x"}));
    account.ok("DeleteSecret", force);
    account.pass(10);
    assert!(account.service.secrets().all(|secret| secret.gone(account.now)));
}

#[test]
fn tags() {
    let mut account = Account::with_secret();
    let tag = |keys: &[&str]| json!(keys.iter().map(|k| json!({"Key": k, "Value": "v"})).collect::<Vec<_>>());
    account.ok("TagResource", json!({"SecretId": "app/x", "Tags": tag(&["a", "b"])}));
    account.ok("UntagResource", json!({"SecretId": "app/x", "TagKeys": ["a", "unknown"]}));
    assert_eq!(account.service.secret("app/x").expect("made").tags, BTreeMap::from([("b".into(), "v".into())]));
    for keys in [vec!["aws:x"], vec!["AWS:x"], vec!["a", "a"]] {
        let input = json!({"SecretId": "app/x", "Tags": tag(&keys)});
        assert_eq!(account.refused("TagResource", input).0, "InvalidParameterException");
    }
    let many: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let input = json!({"SecretId": "app/x", "Tags": tag(&many)});
    assert_eq!(account.refused("TagResource", input).0, "InvalidParameterException");
    account.ok("CreateSecret", json!({"Name": "y", "Tags": tag(&many)}));
}

#[test]
fn lists_are_paged_and_filtered() {
    let mut account = Account::new();
    for name in ["a", "b", "c", "other"] {
        account.ok("CreateSecret", json!({"Name": name, "Tags": [{"Key": "k", "Value": name}]}));
        account.pass(1);
    }
    let names = |answer: &Value| -> Vec<String> {
        let list = answer["SecretList"].as_array().expect("a list");
        list.iter().map(|secret| secret["Name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let first = account.ok("ListSecrets", json!({"MaxResults": 3}));
    assert_eq!(names(&first), ["a", "b", "c"]);
    let second = account.ok("ListSecrets", json!({"MaxResults": 3, "NextToken": first["NextToken"]}));
    assert_eq!((names(&second), second.get("NextToken")), (vec!["other".to_owned()], None));
    assert_eq!(account.refused("ListSecrets", json!({"NextToken": "?"})).0, "InvalidNextTokenException");
    account.ok("DeleteSecret", json!({"SecretId": "b"}));
    assert_eq!(names(&account.ok("ListSecrets", json!({"SortOrder": "desc"}))), ["other", "c", "a"]);
    let filter = json!({"Filters": [{"Key": "name", "Values": ["!o"]}], "IncludePlannedDeletion": true});
    assert_eq!(names(&account.ok("ListSecrets", filter)), ["a", "b", "c"]);
    let filter = json!({"Filters": [{"Key": "tag-key", "Values": ["k"]}, {"Key": "tag-value", "Values": ["c", "o"]}]});
    assert_eq!(names(&account.ok("ListSecrets", filter)), ["c", "other"]);
}

#[test]
fn requirements_name_the_arn_that_aws_evaluates() {
    let mut account = Account::new();
    let create = json!({"Name": "app/x", "SecretString": "v", "ClientRequestToken": T1, "KmsKeyId": "some-key",
                        "Tags": [{"Key": "stack", "Value": "s"}]});
    let needed = account.needs("CreateSecret", create.clone());
    let actions: Vec<&str> = needed.iter().map(|need| need.action.as_str()).collect();
    assert_eq!(
        actions,
        ["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:GenerateDataKey", "kms:Decrypt"]
    );
    assert_eq!(needed[0].context["aws:RequestTag/stack"], ["s"]);
    assert_eq!(needed[2].resource, "arn:aws:kms:us-east-1:111122223333:key/some-key");
    assert_eq!(needed[2].context["kms:ViaService"], ["secretsmanager.us-east-1.amazonaws.com"]);
    let arn = account.ok("CreateSecret", create)["ARN"].as_str().expect("an ARN").to_owned();
    assert_eq!(needed[0].resource, arn, "the suffix is known before the secret exists");

    let needed = account.needs("GetSecretValue", json!({"SecretId": "app/x"}));
    assert_eq!((needed[0].resource.as_str(), needed[1].action.as_str()), (arn.as_str(), "kms:Decrypt"));
    assert_eq!(needed[0].context["aws:ResourceTag/stack"], ["s"]);
    let missing = account.needs("GetSecretValue", json!({"SecretId": "app/none"}));
    assert_eq!((missing.len(), missing[0].resource.as_str()), (1, "app/none"));
    let untag = account.needs("UntagResource", json!({"SecretId": arn, "TagKeys": ["stack"]}));
    assert_eq!(untag[0].context["aws:TagKeys"], ["stack"]);
    let rekeyed = account.needs("UpdateSecret", json!({"SecretId": arn, "KmsKeyId": "arn:aws:kms:us-east-1:1:key/k"}));
    assert_eq!(rekeyed[1].resource, "arn:aws:kms:us-east-1:1:key/k");
    assert!(account.needs("UpdateSecret", json!({"SecretId": arn, "KmsKeyId": ""})).len() == 1);
    let alias = account.needs("UpdateSecret", json!({"SecretId": arn, "KmsKeyId": "alias/mine"}));
    assert!(alias[1].resource.starts_with("arn:aws:kms:us-east-1:111122223333:key/"));
    assert_eq!(account.needs("ListSecrets", json!({}))[0].resource, "*");
}

#[test]
fn labels_move_as_a_rotation_moves_them_and_have_events() {
    let mut account = Account::with_secret();
    let events = |account: &mut Account| -> Vec<(String, String)> {
        let events = account.service.take_events();
        let text = |detail: &Value, member: &str| detail[member].as_str().expect("text").to_owned();
        events.iter().map(|it| (text(&it.detail, "labelUpdated"), text(&it.detail, "versionId"))).collect()
    };
    let moved = |label: &str, version: &str| vec![(label.to_owned(), version.to_owned())];
    assert_eq!(events(&mut account), moved("AWSCURRENT", T1));
    let pending = json!({"SecretId": "app/x", "SecretString": "two", "ClientRequestToken": T2,
        "VersionStages": ["AWSPENDING"]});
    account.ok("PutSecretValue", pending);
    assert_eq!(events(&mut account), []);
    let to_second = |label: &str, from: Option<&str>| {
        let mut input = json!({"SecretId": "app/x", "VersionStage": label, "MoveToVersionId": T2});
        if let Some(from) = from {
            input["RemoveFromVersionId"] = json!(from);
        }
        input
    };
    assert_eq!(
        account.refused("UpdateSecretVersionStage", to_second("AWSCURRENT", None)).0,
        "InvalidParameterException"
    );
    account.ok("UpdateSecretVersionStage", to_second("AWSCURRENT", Some(T1)));
    assert_eq!(events(&mut account), moved("AWSCURRENT", T2));
    let secret = account.service.secret("app/x").expect("it exists");
    assert_eq!(secret.staged("AWSPREVIOUS").map(|version| version.id.as_str()), Some(T1));
    account.ok("UpdateSecretVersionStage", to_second("OWN", None));
    assert_eq!(events(&mut account), moved("OWN", T2));
    let remove = |label: &str| json!({"SecretId": "app/x", "VersionStage": label, "RemoveFromVersionId": T2});
    account.ok("UpdateSecretVersionStage", remove("AWSPENDING"));
    assert_eq!(account.refused("UpdateSecretVersionStage", remove("AWSCURRENT")).0, "InvalidParameterException");
    let mut unknown = to_second("OWN", Some(T2));
    unknown["MoveToVersionId"] = json!(T3);
    assert_eq!(account.refused("UpdateSecretVersionStage", unknown).0, "ResourceNotFoundException");
    assert_eq!(events(&mut account), []);
}
