//! Both protocols, in both directions.

use http::Response;
use serde_json::{Value, json};

use super::*;
use crate::service::Answer;
use crate::sigv4::tests::{agentcore, secrets_manager};

fn routed(method: &str, target: &str, body: &str) -> Result<(&'static str, Value), String> {
    route(ServiceId::AgentCoreControl, &agentcore(method, target, body))
        .map(|routed| (routed.operation, Value::Object(routed.input)))
        .map_err(|error| format!("{}: {}", error.code, error.message))
}

#[test]
fn rest_members_are_gathered_from_label_query_and_body() {
    let id = json!({"agentRuntimeId": "weather-abcdefghij"});
    assert_eq!(routed("GET", "/runtimes/weather-abcdefghij/", ""), Ok(("GetAgentRuntime", id.clone())));
    assert_eq!(routed("GET", "/runtimes/weather-abcdefghij", ""), Ok(("GetAgentRuntime", id)));
    let update = routed("PUT", "/runtimes/weather-abcdefghij/", "{\"roleArn\":\"r\",\"description\":null}");
    let input = json!({"agentRuntimeId": "weather-abcdefghij", "roleArn": "r"});
    assert_eq!(update, Ok(("UpdateAgentRuntime", input)));
    let list = routed("POST", "/runtimes/?maxResults=5&nextToken=a%2Bb", "");
    assert_eq!(list, Ok(("ListAgentRuntimes", json!({"maxResults": 5, "nextToken": "a+b"}))));
    let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/weather-abcdefghij";
    let encoded = crate::runtime_url::encoded(arn);
    let untag = routed("DELETE", &format!("/tags/{encoded}?tagKeys=a&tagKeys=b%3Ac"), "");
    assert_eq!(untag, Ok(("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a", "b:c"]}))));
}

#[test]
fn rest_requests_that_fit_no_operation_are_refused() {
    let unknown = |method, target| routed(method, target, "").expect_err("no operation").contains("UnknownOperation");
    assert!(unknown("PATCH", "/runtimes/"));
    assert!(unknown("GET", "/runtimes//"));
    assert!(unknown("GET", "/runtimes/a/b/c/"));
    let wrong = |method, target, body| routed(method, target, body).expect_err("it should be refused");
    assert!(wrong("POST", "/runtimes/?maxresults=5", "").contains("no parameter 'maxresults'"));
    assert!(wrong("POST", "/runtimes/?maxResults=five", "").contains("'maxResults' has the wrong type"));
    assert!(wrong("POST", "/runtimes/?maxResults=5&maxResults=6", "").contains("given twice"));
    assert!(wrong("GET", "/runtimes/%zz/", "").contains("percent encoding"));
    assert!(wrong("PUT", "/runtimes/a/", "{\"agentRuntimeId\":\"b\"}").contains("does not belong in the body"));
    assert!(wrong("PUT", "/runtimes/", "[]").contains("must be a JSON object"));
    let broken = wrong("PUT", "/runtimes/", "{\"roleArn\": hunter2}");
    assert!(broken.contains("not JSON") && !broken.contains("hunter2"), "{broken}");
}

#[test]
fn json_requests_are_chosen_by_their_target() {
    let service = ServiceId::SecretsManager;
    let routed = route(service, &secrets_manager("GetSecretValue", "{\"SecretId\":\"a\"}")).expect("an operation");
    assert_eq!((routed.operation, json!(routed.input)), ("GetSecretValue", json!({"SecretId": "a"})));
    let unknown = |request| route(service, &request).expect_err("no operation").code;
    assert_eq!(unknown(secrets_manager("GetSecret", "{}")), "UnknownOperationException");
    let mut untyped = secrets_manager("ListSecrets", "{}");
    untyped.headers_mut().remove("content-type");
    assert_eq!(unknown(untyped), "UnknownOperationException");
}

fn body(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).expect("JSON")
}

#[test]
fn answers_have_the_protocols_form() {
    let output = json!({"agentRuntimes": []});
    let response = respond(ServiceId::AgentCoreControl, "ListAgentRuntimes", &Ok(output.clone()), "id-1");
    assert_eq!((response.status().as_u16(), body(&response)), (200, output));
    assert_eq!(response.headers()["x-amzn-requestid"], "id-1");
    assert_eq!(response.headers()["content-type"], "application/json");
    let response = respond(ServiceId::SecretsManager, "DescribeSecret", &Ok(json!({"Name": "n"})), "id-2");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    let response = respond(ServiceId::AgentCoreControl, "TagResource", &Ok(json!({})), "id-3");
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    let response = respond(ServiceId::AgentCoreControl, "DeleteAgentRuntime", &Ok(json!({"status": "DELETING"})), "id");
    assert_eq!(response.status(), 202);
}

#[test]
fn errors_have_the_protocols_form() {
    let mut error = ApiError::new(400, "ValidationException", "wrong");
    error.reason = Some("CannotParse");
    let response = respond(ServiceId::AgentCoreControl, "GetAgentRuntime", &Err(error), "id");
    assert_eq!(response.headers()["x-amzn-errortype"], "ValidationException");
    assert_eq!(body(&response), json!({"message": "wrong", "reason": "CannotParse"}));
    let error = ApiError::new(404, "ResourceNotFoundException", "gone");
    let response = respond(ServiceId::SecretsManager, "DescribeSecret", &Err(error), "id");
    assert_eq!(response.status(), 400, "awsJson knows one status for the caller's errors");
    assert_eq!(body(&response), json!({"__type": "ResourceNotFoundException", "Message": "gone"}));
}

#[test]
fn query_requests_are_chosen_by_their_action() {
    let service = ServiceId::CloudFormation;
    let routed = |form: &str| {
        let request = Request::post("/").body(form.as_bytes().to_vec()).expect("a request");
        route(service, &request).map(|routed| json!(routed.input)).map_err(|error| error.code)
    };
    let stack = routed("Action=DescribeStacks&Version=2010-05-15&StackName=arn%3Aaws%3Aa+b");
    assert_eq!(stack, Ok(json!({"StackName": "arn:aws:a b"})));
    assert_eq!(routed("Action=DescribeStack&Version=2010-05-15"), Err("UnknownOperationException"));
    assert_eq!(routed("Action=DescribeStacks&Version=2010-05-16"), Err("UnknownOperationException"));
    assert_eq!(routed("Action=DescribeStacks&Version=2010-05-15&Stack=x"), Err("SerializationException"));
}

#[test]
fn query_answers_are_xml() {
    let text = |answer: Answer| {
        let response = respond(ServiceId::CloudFormation, "DescribeStacks", &answer, "id");
        assert_eq!(response.headers()["content-type"], "text/xml");
        (response.status().as_u16(), String::from_utf8(response.into_body()).expect("text"))
    };
    let (status, xml) = text(Ok(json!({"Stacks": [{"StackName": "a<b"}, {"StackName": "c"}]})));
    let stacks = "<member><StackName>a&lt;b</StackName></member><member><StackName>c</StackName></member>";
    assert_eq!(status, 200);
    assert!(xml.contains(&format!("<DescribeStacksResult><Stacks>{stacks}</Stacks></DescribeStacksResult>")), "{xml}");
    let (status, xml) = text(Err(ApiError::new(403, "AccessDeniedException", "no")));
    assert_eq!(status, 403);
    assert!(xml.contains("<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>"), "{xml}");
}
