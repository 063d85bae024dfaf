//! Authorization of callers, and refusals before a container is asked.

use std::time::Duration;

use http::{Method, Request};
use serde_json::json;

use super::*;
use crate::faults::{Fault, FaultEffect};
use crate::identity_provider::{ClaimStyle, Client, Provider};

const ISSUER: &str = "https://tenant.us.auth0.com/";

fn with_authorizer() -> Value {
    json!({"authorizerConfiguration": {"customJWTAuthorizer": {
        "discoveryUrl": format!("{ISSUER}.well-known/openid-configuration"), "allowedAudience": ["api://tools"]}}})
}

pub(super) async fn jwt_scene() -> Scene {
    let scene = Scene::with(Behaviour::default(), with_authorizer()).await;
    let client = Client::new("secret").audiences(&["api://tools", "api://others"]);
    scene.aws.with(|world| {
        world.identity_providers.add(Provider::new(ClaimStyle::Auth0, ISSUER).with_client("client", client));
    });
    scene
}

pub(super) async fn token(scene: &Scene, audience: &str) -> String {
    let body = json!({"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret",
        "audience": audience});
    let url = scene.aws.with(|world| world.identity_providers.provider(ISSUER).map(|it| it.token_endpoint.clone()));
    let pairs = body
        .as_object()
        .expect("members")
        .iter()
        .map(|(key, value)| format!("{key}={}", crate::runtime_url::encoded(value.as_str().expect("a text"))));
    let request = Request::post(url.expect("a provider"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(pairs.collect::<Vec<_>>().join("&").into_bytes())
        .expect("a request");
    let answer = scene.send(request).await.expect("an answer");
    answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

pub(super) fn bearer(mut request: Request<Vec<u8>>, token: &str) -> Request<Vec<u8>> {
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header value"));
    request
}

#[tokio::test(start_paused = true)]
async fn a_runtime_without_authorizer_wants_a_signature() {
    let scene = Scene::new(Behaviour::default()).await;
    let missing = scene.send(scene.request(&list_tools())).await.expect("an answer");
    assert_eq!((missing.status, missing.header("www-authenticate")), (403, ""));
    assert!(missing.text.contains("Missing Authentication Token"), "{}", missing.text);
    let wrong = scene.send(bearer(scene.request(&list_tools()), "a.b.c")).await.expect("an answer");
    assert_eq!(wrong.status, 403);
    assert!(wrong.text.contains("Authorization method mismatch."), "{}", wrong.text);
    let mut forged = scene.aws.credentials(&Principal::Administrator);
    forged.secret_access_key.push('x');
    let forged = signed(scene.request(&list_tools()), &forged, "bedrock-agentcore", scene.aws.clock().now());
    assert_eq!(scene.send(forged).await.expect("an answer").status, 403);
    assert_eq!(scene.list(&[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_runtime_and_its_endpoint_are_both_authorized() {
    let scene = Scene::new(Behaviour::default()).await;
    let endpoint = format!("{}/runtime-endpoint/DEFAULT", scene.arn);
    for (resources, user, status) in [
        (vec![scene.arn.clone()], false, 403),
        (vec![endpoint.clone()], false, 403),
        (vec![scene.arn.clone(), endpoint.clone()], false, 200),
        (vec![scene.arn.clone(), endpoint], true, 403),
    ] {
        let policy = json!({"Statement": [{"Effect": "Allow", "Action": "bedrock-agentcore:InvokeAgentRuntime",
            "Resource": resources}]});
        let now = scene.aws.clock().now();
        scene.aws.with(|world| world.iam.put_role(Role::new(CALLER, now, json!({}), vec![policy])));
        let mut request = scene.request(&list_tools());
        if user {
            let header = "x-amzn-bedrock-agentcore-runtime-user-id";
            request.headers_mut().insert(header, "somebody".parse().expect("a header value"));
        }
        let answer = scene.send_as(&Principal::Role(CALLER.to_owned()), request).await;
        assert_eq!(answer.status, status, "{resources:?} {user} {}", answer.text);
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_runtime_with_an_authorizer_wants_a_token() {
    let scene = jwt_scene().await;
    let missing = scene.send(scene.request(&list_tools())).await.expect("an answer");
    assert_eq!((missing.status, missing.error_code()), (401, -32001), "{}", missing.text);
    let metadata = missing.header("www-authenticate").strip_prefix("Bearer resource_metadata=\"").expect("a challenge");
    let metadata = metadata.strip_suffix('"').expect("a URL").to_owned();
    let escaped = crate::runtime_url::encoded(&scene.arn);
    let invocations = format!("https://{HOST}/runtimes/{escaped}/invocations");
    assert_eq!(metadata, format!("{invocations}/.well-known/oauth-protected-resource?qualifier=DEFAULT"));
    let get = Request::get(metadata).header("host", HOST).body(Vec::new()).expect("a request");
    let document = scene.send(get).await.expect("an answer");
    let authorization_servers = json!(["https://tenant.us.auth0.com"]);
    let resource = format!("{invocations}?qualifier=DEFAULT");
    assert_eq!(document.body, json!({"authorization_servers": authorization_servers, "resource": resource}));

    assert_eq!(scene.list(&[]).await.status, 403, "a signature does not do");
    let good = token(&scene, "api://tools").await;
    let answer = scene.send(bearer(scene.request(&list_tools()), &good)).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(matches!(&scene.aws.calls().last().expect("a call").principal, Principal::Bearer(_)));
    let other = token(&scene, "api://others").await;
    for bad in ["not.a.token", other.as_str(), ""] {
        let answer = scene.send(bearer(scene.request(&list_tools()), bad)).await.expect("an answer");
        assert_eq!((answer.status, answer.error_code()), (401, -32001), "{}", answer.text);
        assert!(answer.header("www-authenticate").contains("resource_metadata="));
    }
}

#[tokio::test(start_paused = true)]
async fn a_signed_runtime_has_no_resource_metadata() {
    let scene = Scene::new(Behaviour::default()).await;
    let path = scene.path().replace("/invocations", "/invocations/.well-known/oauth-protected-resource");
    let get = Request::get(format!("https://{HOST}{path}")).header("host", HOST).body(Vec::new()).expect("a request");
    assert_eq!(scene.send(get).await.expect("an answer").status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_runtime_may_be_named_by_its_id() {
    let mut scene = Scene::new(Behaviour::default()).await;
    let known = scene.arn.clone();
    let status = async |id: &str, query: &str| {
        let mut request = scene.request(&list_tools());
        let uri = format!("https://{HOST}/runtimes/{id}/invocations{query}");
        *request.uri_mut() = uri.parse().expect("a URI");
        scene.send_as(&Principal::Administrator, request).await.status
    };
    let id = known.rsplit('/').next().expect("an id").to_owned();
    assert_eq!(status(&id, "?accountId=111122223333").await, 200);
    assert_eq!(status(&id, "?accountId=111122223333&qualifier=DEFAULT").await, 200);
    assert_eq!(status(&id, "").await, 400);
    assert_eq!(status(&id, "?accountId=444455556666").await, 404);
    assert_eq!(status(&id, "?accountId=111122223333&qualifier=other").await, 404);
    assert_eq!(status(&id, "?accountId=111122223333&colour=red").await, 400);
    assert_eq!(status("other-abcdefghij", "?accountId=111122223333").await, 404);
    scene.arn.push('x');
    assert_eq!(scene.list(&[]).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn what_the_platform_refuses() {
    let scene = Scene::new(Behaviour::default()).await;
    let session = "x-amzn-bedrock-agentcore-runtime-session-id";
    assert_eq!(scene.list(&[(session, "short")]).await.status, 400);
    assert_eq!(scene.list(&[(session, &"s".repeat(33))]).await.status, 200);
    assert_eq!(scene.list(&[(session, &"s".repeat(257))]).await.status, 400);
    for accept in ["application/json", "text/event-stream", "*/*"] {
        let answer = scene.list(&[("accept", accept)]).await;
        assert_eq!((answer.status, answer.error_code()), (406, -32011), "{accept}");
    }
    let get = Request::get(format!("https://{HOST}{}", scene.path())).header("host", HOST).body(Vec::new());
    let get = scene.send_as(&Principal::Administrator, get.expect("a request")).await;
    assert_eq!(get.status, 405);
    let mut put = scene.request(&list_tools());
    *put.method_mut() = Method::PUT;
    assert_eq!(scene.send_as(&Principal::Administrator, put).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_is_not_ready_is_a_conflict() {
    let scene = Scene::new(Behaviour::default()).await;
    let call = |operation: &str, input: Value| {
        scene.aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, operation, input).expect("an answer")
    };
    // Leaves `metadataConfiguration` out.
    let update = json!({"agentRuntimeId": scene.id, "roleArn": EXECUTION_ROLE,
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
        "networkConfiguration": {"networkMode": "PUBLIC"}, "protocolConfiguration": {"serverProtocol": "MCP"}});
    call("UpdateAgentRuntime", update);
    assert_eq!(scene.list(&[]).await.status, 200, "the old version serves while the new one is built");
    tokio::time::sleep(Duration::from_mins(1)).await;
    let refused = scene.list(&[]).await;
    assert_eq!((refused.status, refused.error_code()), (200, -32006));
    assert!(refused.text.contains("not MMDSv2-enabled"), "{}", refused.text);
    call("DeleteAgentRuntime", json!({"agentRuntimeId": scene.id}));
    let leaving = scene.list(&[]).await;
    assert_eq!((leaving.status, leaving.error_code(), leaving.body["id"].as_i64()), (200, -32005, Some(2)));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.list(&[]).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn faults_come_as_json_rpc_errors_and_otherwise_with_a_status() {
    let scene = Scene::new(Behaviour::default()).await;
    let fault = |effect| Fault {
        service: Some(ServiceId::AgentCore),
        operation: Some("InvokeAgentRuntime".to_owned()),
        nth: 1,
        count: 1,
        effect,
    };
    for (effect, code, status) in [
        (FaultEffect::Throttled, -32003, 429),
        (FaultEffect::InternalError, -32603, 500),
        (FaultEffect::Denied, -32002, 403),
    ] {
        scene.aws.faults().add(fault(effect.clone()));
        let answer = scene.list(&[]).await;
        assert_eq!((answer.status, answer.error_code(), answer.body["id"].as_i64()), (200, code, Some(2)));
        scene.aws.faults().clear();
        scene.aws.faults().add(fault(effect));
        let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(scene.post(notification, &[]).await.status, status, "nobody waits for its answer");
    }
    scene.aws.faults().clear();
    scene.aws.faults().add(fault(FaultEffect::ReplyLostAfter));
    let credentials = scene.aws.credentials(&Principal::Administrator);
    let request = signed(scene.request(&list_tools()), &credentials, "bedrock-agentcore", scene.aws.clock().now());
    assert!(scene.send(request).await.is_none());
    assert!(scene.aws.calls().last().expect("a call").lost);
}
