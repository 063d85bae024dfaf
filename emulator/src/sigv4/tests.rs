//! Requests signed as the SDKs sign them, and what is refused.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;

use crate::aws::{Aws, Credentials, ServiceId};
use crate::reply::Reply;
use crate::service::Principal;
use crate::settings::Settings;

/// Returns a call of a Secrets Manager operation, not signed yet.
pub(crate) fn secrets_manager(operation: &str, body: &str) -> Request<Vec<u8>> {
    Request::post("https://secretsmanager.us-east-1.amazonaws.com/")
        .header("host", "secretsmanager.us-east-1.amazonaws.com")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .body(body.as_bytes().to_vec())
        .expect("a request")
}

/// Returns a call of an AgentCore operation, not signed yet.
pub(crate) fn agentcore(method: &str, target: &str, body: &str) -> Request<Vec<u8>> {
    Request::builder()
        .method(method)
        .uri(format!("https://bedrock-agentcore-control.us-east-1.amazonaws.com{target}"))
        .header("host", "bedrock-agentcore-control.us-east-1.amazonaws.com")
        .header("content-type", "application/json")
        .body(body.as_bytes().to_vec())
        .expect("a request")
}

/// Signs all headers, as the SDKs do.
pub(crate) fn signed(
    mut request: Request<Vec<u8>>,
    credentials: &Credentials,
    name: &str,
    now: SystemTime,
) -> Request<Vec<u8>> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        Some(credentials.session_token.clone()),
        None,
        "test",
    )
    .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(name)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .expect("every parameter is set")
        .into();
    let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = SignableBody::Bytes(request.body());
    let signable =
        SignableRequest::new(request.method().as_str(), request.uri().to_string(), headers, body).expect("signable");
    let (instructions, _) = sign(signable, &parameters).expect("a signature").into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}

/// Returns the status and the body of the answer.
pub(crate) fn answer(aws: &Aws, request: &Request<Vec<u8>>, endpoint: Option<ServiceId>) -> (u16, String) {
    match aws.serve(request, endpoint) {
        Reply::Sent(response) => (response.status().as_u16(), String::from_utf8(response.into_body()).expect("a text")),
        Reply::Streamed(_) | Reply::Lost => panic!("no fault is in force"),
    }
}

struct Scene {
    aws: Aws,
    credentials: Credentials,
    now: SystemTime,
}

impl Scene {
    fn new() -> Self {
        let aws = Aws::new(Settings::default());
        let credentials = aws.credentials(&Principal::Administrator);
        let now = aws.clock().now();
        Self { aws, credentials, now }
    }

    fn list_secrets(&self) -> Request<Vec<u8>> {
        signed(secrets_manager("ListSecrets", "{}"), &self.credentials, "secretsmanager", self.now)
    }

    fn refused(&self, request: &Request<Vec<u8>>, code: &str) {
        let (status, body) = answer(&self.aws, request, None);
        assert!(status == 400 && body.contains(&format!("\"__type\":\"{code}\"")), "{code}: {status} {body}");
    }
}

#[tokio::test]
async fn what_the_sdks_sign_is_accepted() {
    let scene = Scene::new();
    let (status, body) = answer(&scene.aws, &scene.list_secrets(), Some(ServiceId::SecretsManager));
    assert_eq!((status, body.as_str()), (200, "{\"SecretList\":[]}"));
    let arn = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2Fweather-abcdefghij";
    let request = agentcore("DELETE", &format!("/tags/{arn}?tagKeys=b%20c&tagKeys=a"), "");
    let request = signed(request, &scene.credentials, "bedrock-agentcore", scene.now);
    let (status, body) = answer(&scene.aws, &request, None);
    assert!(status == 404 && !body.contains("Signature"), "it gets as far as the missing runtime: {status} {body}");
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let scene = Scene::new();
    let wrong = "InvalidSignatureException";
    let mut other = scene.credentials.clone();
    other.secret_access_key.push('x');
    let request = signed(secrets_manager("ListSecrets", "{}"), &other, "secretsmanager", scene.now);
    scene.refused(&request, wrong);

    let mut request = scene.list_secrets();
    *request.body_mut() = b"{\"MaxResults\":1}".to_vec();
    scene.refused(&request, wrong);

    let mut request = scene.list_secrets();
    request.headers_mut().insert("x-amz-target", http::HeaderValue::from_static("secretsmanager.GetSecretValue"));
    scene.refused(&request, wrong);

    let mut request = scene.list_secrets();
    request.headers_mut().insert("x-amz-late", http::HeaderValue::from_static("not signed"));
    scene.refused(&request, wrong);

    let mut request = scene.list_secrets();
    *request.uri_mut() = http::Uri::from_static("https://secretsmanager.us-east-1.amazonaws.com/?x=1");
    scene.refused(&request, wrong);
    assert_eq!(scene.aws.calls(), [], "none of them became a call");
}

#[tokio::test]
async fn unknown_keys_and_tokens_are_refused() {
    let scene = Scene::new();
    let stranger = Credentials { access_key_id: "ASIASTRANGER".to_owned(), ..scene.credentials.clone() };
    let request = signed(secrets_manager("ListSecrets", "{}"), &stranger, "secretsmanager", scene.now);
    scene.refused(&request, "UnrecognizedClientException");
    let other = Credentials { session_token: "other".to_owned(), ..scene.credentials.clone() };
    let request = signed(secrets_manager("ListSecrets", "{}"), &other, "secretsmanager", scene.now);
    scene.refused(&request, "UnrecognizedClientException");
    let unsigned = secrets_manager("ListSecrets", "{}");
    let (status, body) = answer(&scene.aws, &unsigned, None);
    assert!(status == 403 && body.contains("Missing Authentication Token"), "{status} {body}");
}

#[tokio::test(start_paused = true)]
async fn a_signature_lives_for_five_minutes() {
    let scene = Scene::new();
    let request = scene.list_secrets();
    tokio::time::advance(Duration::from_mins(5)).await;
    assert_eq!(answer(&scene.aws, &request, None).0, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    scene.refused(&request, "InvalidSignatureException");
    let (_, body) = answer(&scene.aws, &request, None);
    assert!(body.contains("Signature expired: 20260901T000000Z is now earlier than 20260901T000001Z"), "{body}");
    let ahead = scene.aws.clock().now() + Duration::from_secs(302);
    let request = signed(secrets_manager("ListSecrets", "{}"), &scene.credentials, "secretsmanager", ahead);
    scene.refused(&request, "InvalidSignatureException");
}

#[tokio::test]
async fn the_scope_must_fit_the_endpoint() {
    let scene = Scene::new();
    let (status, body) = answer(&scene.aws, &scene.list_secrets(), Some(ServiceId::AgentCoreControl));
    assert!(status == 403 && body.contains("correct service: 'bedrock-agentcore'"), "{status} {body}");
    let request = signed(secrets_manager("ListSecrets", "{}"), &scene.credentials, "sqs", scene.now);
    assert_eq!(answer(&scene.aws, &request, None).0, 403);
    let elsewhere = Aws::new(Settings { region: "eu-west-1".to_owned(), ..Settings::default() });
    let credentials = elsewhere.credentials(&Principal::Administrator);
    let request = signed(secrets_manager("ListSecrets", "{}"), &credentials, "secretsmanager", scene.now);
    assert!(answer(&elsewhere, &request, None).1.contains("valid region"));
}
