//! The order of a call's path, and faults on it.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::faults::Fault;
use crate::sigv4::tests::{agentcore, secrets_manager, signed};

const ROLE: &str = "arn:aws:iam::111122223333:role/nobody";

fn fault(operation: &str, nth: u64, count: u64, effect: FaultEffect) -> Fault {
    Fault { service: None, operation: Some(operation.to_owned()), nth, count, effect }
}

fn send(aws: &Aws, principal: &Principal, request: http::Request<Vec<u8>>) -> Option<(u16, Value)> {
    let rest = request.headers()["content-type"] == "application/json";
    let name = if rest { "bedrock-agentcore" } else { "secretsmanager" };
    let request = signed(request, &aws.credentials(principal), name, aws.clock().now());
    match aws.serve(&request, None) {
        Reply::Sent(response) => {
            Some((response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null)))
        }
        Reply::Streamed(_) | Reply::Lost => None,
    }
}

fn create_secret(aws: &Aws, name: &str) -> Option<(u16, Value)> {
    let token = "0123456789abcdef0123456789abcdef";
    let body = json!({"Name": name, "SecretString": "{}", "ClientRequestToken": token}).to_string();
    send(aws, &Principal::Administrator, secrets_manager("CreateSecret", &body))
}

fn describe_secret(aws: &Aws, name: &str) -> u16 {
    let input = json!({"SecretId": name});
    match aws.call(&Principal::Administrator, ServiceId::SecretsManager, "DescribeSecret", input) {
        Ok(_) => 200,
        Err(error) => error.status,
    }
}

#[tokio::test]
async fn validation_comes_before_authorization_and_both_before_faults() {
    let aws = Aws::new(Settings::default());
    aws.faults().add(fault("GetAgentRuntime", 1, 1, FaultEffect::Throttled));
    let nobody = Principal::Role(ROLE.to_owned());
    let (status, body) = send(&aws, &nobody, agentcore("GET", "/runtimes/x/", "")).expect("an answer");
    assert_eq!((status, &body["reason"]), (400, &json!("FieldValidationFailed")));
    let get = || agentcore("GET", "/runtimes/weather-abcdefghij/", "");
    assert_eq!(send(&aws, &nobody, get()).map(|it| it.0), Some(403));
    assert_eq!(send(&aws, &Principal::Administrator, get()).map(|it| it.0), Some(429), "the first that got so far");
    assert_eq!(send(&aws, &Principal::Administrator, get()).map(|it| it.0), Some(404));
    let outcomes: Vec<_> = aws.calls().into_iter().map(|call| call.outcome).collect();
    let codes =
        ["ValidationException", "AccessDeniedException", "ThrottlingException", "ResourceNotFoundException"].map(Err);
    assert_eq!(outcomes, codes);
}

#[tokio::test]
async fn the_policy_of_a_runtime_denies_its_management_as_well() {
    let aws = Aws::new(Settings { runtime_transition: Duration::ZERO, ..Settings::default() });
    let (service, runtime_role) = ("bedrock-agentcore.amazonaws.com", "arn:aws:iam::111122223333:role/runtime");
    let everything = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let trust =
        json!({"Statement": {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}});
    aws.with(|world| {
        for role in [ROLE, runtime_role] {
            let created = SystemTime::UNIX_EPOCH;
            world.iam.put_role(crate::iam::Role::new(role, created, trust.clone(), vec![everything.clone()]));
        }
    });
    let call = |principal: &Principal, operation: &str, input: Value| {
        aws.call(principal, ServiceId::AgentCoreControl, operation, input).map_err(|error| error.message)
    };
    let (admin, role) = (Principal::Administrator, Principal::Role(ROLE.to_owned()));
    let image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:1";
    let created = call(
        &admin,
        "CreateAgentRuntime",
        json!({"agentRuntimeName": "server", "roleArn": runtime_role, "networkConfiguration": {"networkMode": "PUBLIC"},
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image}}}),
    );
    let created = created.expect("a runtime");
    let (id, arn) = (created["agentRuntimeId"].clone(), created["agentRuntimeArn"].clone());
    let get = || call(&role, "GetAgentRuntime", json!({"agentRuntimeId": id}));
    for (denied, refused) in [(ROLE, true), (runtime_role, false)] {
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Resource": arn,
            "Action": "bedrock-agentcore:*", "Condition": {"ArnEquals": {"aws:PrincipalArn": denied}}}]});
        let put = json!({"resourceArn": arn, "policy": policy.to_string()});
        call(&admin, "PutResourcePolicy", put).expect("a policy");
        let denial = get().err().unwrap_or_default();
        assert_eq!(denial.contains("explicit deny in a resource-based policy"), refused, "{denied}: {denial}");
    }
    assert!(get().is_ok());
}

#[tokio::test]
async fn the_second_and_third_calls_fail_with_what_the_service_would_say() {
    let aws = Aws::new(Settings::default());
    aws.faults().add(fault("CreateSecret", 2, 1, FaultEffect::InternalError));
    aws.faults().add(fault("CreateSecret", 3, 1, FaultEffect::Throttled));
    aws.faults().add(fault("CreateSecret", 4, 1, FaultEffect::Denied));
    let answers: Vec<_> = ["a", "b", "c", "d", "e"].iter().filter_map(|name| create_secret(&aws, name)).collect();
    let statuses: Vec<_> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 500, 400, 400, 200]);
    assert_eq!(answers[1].1["__type"], "InternalServiceError");
    assert_eq!(answers[2].1["__type"], "ThrottlingException");
    assert_eq!(answers[3].1["__type"], "AccessDeniedException");
    assert_ne!(describe_secret(&aws, "b"), 200, "a failed call has no effect");
}

#[tokio::test]
async fn a_reply_lost_after_the_effect_leaves_the_effect() {
    let aws = Aws::new(Settings::default());
    aws.faults().add(fault("CreateSecret", 1, 1, FaultEffect::ReplyLostBefore));
    aws.faults().add(fault("CreateSecret", 2, 1, FaultEffect::ReplyLostAfter));
    assert_eq!(create_secret(&aws, "before"), None);
    assert_eq!(create_secret(&aws, "after"), None);
    assert_ne!(describe_secret(&aws, "before"), 200);
    assert_eq!(describe_secret(&aws, "after"), 200);
    let lost: Vec<_> = aws.calls().iter().map(|call| (call.operation, call.lost)).collect();
    assert_eq!(lost[..2], [("CreateSecret", true), ("CreateSecret", true)]);
    assert!(!lost[2].1);
}

#[tokio::test(start_paused = true)]
async fn a_started_operation_fails_or_hangs_as_told() {
    let aws = Aws::new(Settings { role_propagation: Duration::ZERO, ..Settings::default() });
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}}]});
    let ecr = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let now = aws.clock().now();
    aws.with(|world| world.iam.put_role(crate::iam::Role::new(ROLE, now, trust, vec![ecr])));
    aws.faults().add(fault("CreateAgentRuntime", 1, 1, FaultEffect::BecomesFailed("no such image".to_owned())));
    aws.faults().add(fault("CreateAgentRuntime", 2, 1, FaultEffect::Stuck));
    let mut ends = Vec::new();
    for name in ["failing", "stuck", "fine"] {
        let body = json!({"agentRuntimeName": name, "roleArn": ROLE, "agentRuntimeArtifact": {"containerConfiguration":
            {"containerUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/weather:1"}},
            "networkConfiguration": {"networkMode": "PUBLIC"}});
        let request = agentcore("PUT", "/runtimes/", &body.to_string());
        let (status, created) = send(&aws, &Principal::Administrator, request).expect("an answer");
        assert_eq!(status, 202, "{created}");
        tokio::time::advance(aws.settings().runtime_transition * 2).await;
        let id = created["agentRuntimeId"].as_str().unwrap_or_default();
        let request = agentcore("GET", &format!("/runtimes/{id}/"), "");
        let (_, got) = send(&aws, &Principal::Administrator, request).expect("an answer");
        assert!(got["createdAt"].as_str().is_some_and(|text| text.starts_with("2026-09-01T00:00:")), "{got}");
        ends.push((got["status"].clone(), got["failureReason"].clone()));
    }
    assert_eq!(ends[0], (json!("CREATE_FAILED"), json!("no such image")));
    assert_eq!(ends[1], (json!("CREATING"), Value::Null));
    assert_eq!(ends[2], (json!("READY"), Value::Null));
}

#[tokio::test]
async fn a_principal_has_the_same_credentials_in_every_account() {
    let (one, other) = (Aws::new(Settings::default()), Aws::new(Settings::default()));
    let role = Principal::Role(ROLE.to_owned());
    assert_eq!(one.credentials(&role), other.credentials(&role));
    assert_ne!(one.credentials(&role), one.credentials(&Principal::Administrator));
    assert!(!format!("{:?}", one.credentials(&role)).contains(&one.credentials(&role).secret_access_key));
}

/// Returns the answer to a request that is signed for this service: status, content type and text.
fn answer(aws: &Aws, principal: &Principal, service: &str, request: http::Request<Vec<u8>>) -> (u16, String, String) {
    let request = signed(request, &aws.credentials(principal), service, aws.clock().now());
    let Reply::Sent(response) = aws.serve(&request, None) else { panic!("a reply") };
    let content_type = response.headers()["content-type"].to_str().expect("a text").to_owned();
    let status = response.status().as_u16();
    (status, content_type, String::from_utf8_lossy(response.body()).into_owned())
}

fn form(body: &str) -> http::Request<Vec<u8>> {
    let request = http::Request::post("https://sts.us-east-1.amazonaws.com/");
    let request = request.header("host", "sts.us-east-1.amazonaws.com");
    let request = request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    request.body(body.as_bytes().to_vec()).expect("a request")
}

#[tokio::test]
async fn a_caller_may_ask_who_it_is() {
    let aws = Aws::new(Settings::default());
    let identity = || form("Action=GetCallerIdentity&Version=2011-06-15");
    for (principal, name) in [(Principal::Administrator, "Administrator"), (Principal::Role(ROLE.to_owned()), "nobody")]
    {
        let (status, content_type, xml) = answer(&aws, &principal, "sts", identity());
        assert_eq!((status, content_type.as_str()), (200, "text/xml"), "{xml}");
        let arn = format!("<Arn>arn:aws:sts::111122223333:assumed-role/{name}/emulator</Arn>");
        assert!(xml.contains(&arn) && xml.contains("<Account>111122223333</Account>"), "{xml}");
    }
    let (status, _, xml) = answer(&aws, &Principal::Administrator, "sts", form("Action=Other&Version=2011-06-15"));
    assert!(status == 404 && xml.contains("<Code>InvalidAction</Code>"), "{status} {xml}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_in_the_protocol_that_was_spoken() {
    let aws = Aws::new(Settings::default());
    let get = |headers: &[(&'static str, &str)]| {
        let mut request =
            http::Request::get("https://x.us-east-1.amazonaws.com/").header("host", "x.us-east-1.amazonaws.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Vec::new()).expect("a request")
    };
    for (service, request, content_type, begin) in [
        ("ec2", form("Action=DescribeVpcs"), "text/xml", "<ErrorResponse><Error>"),
        ("s3", get(&[]), "text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>"),
        ("dynamodb", get(&[("x-amz-target", "X.Y")]), "application/x-amz-json-1.1", "{\"__type\":"),
        ("lambda", get(&[]), "application/json", "{\"message\":"),
        ("monitoring", get(&[("smithy-protocol", "rpc-v2-cbor")]), "application/cbor", ""),
    ] {
        let (status, told, text) = answer(&aws, &Principal::Administrator, service, request);
        assert!(status >= 400 && told == content_type && text.contains(begin), "{service}: {status} {told} {text}");
        assert!(text.contains(&format!("the emulator has no service `{service}`")), "{service}: {text}");
    }
}
