//! Authorization of callers.

use serde_json::json;

use super::*;
use crate::faults::{Fault, FaultEffect};

fn jwt_gateway() -> Value {
    let rules = json!({"allowedClients": ["caller", "reader"], "allowedScopes": ["tools/invoke"]});
    merged(authorizer(rules), json!({"authorizerType": "CUSTOM_JWT"}))
}

async fn jwt_scene() -> Scene {
    let scene = Scene::with(Behaviour::default(), json!({}), jwt_gateway()).await;
    scene.ready_target("zcc").await;
    scene
}

async fn token(scene: &Scene, client: &str) -> String {
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret=secret");
    let url = scene.aws.with(|world| world.identity_providers.provider(ISSUER).map(|it| it.token_endpoint.clone()));
    let request = Request::post(url.expect("a provider"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into_bytes())
        .expect("a request");
    text(&scene.send(request).await.expect("an answer").body, "access_token")
}

fn bearer(mut request: Request<Vec<u8>>, token: &str) -> Request<Vec<u8>> {
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header value"));
    request
}

fn get(url: &str, host: &str) -> Request<Vec<u8>> {
    Request::get(url).header("host", host).body(Vec::new()).expect("a request")
}

#[tokio::test(start_paused = true)]
async fn a_gateway_with_an_authorizer_wants_a_token() {
    let scene = jwt_scene().await;
    let metadata = format!("https://{}/.well-known/oauth-protected-resource", scene.host());
    let missing = scene.send(scene.request(&list_tools())).await.expect("an answer");
    assert_eq!((missing.status, missing.error_code()), (401, -32001));
    assert_eq!(missing.header("www-authenticate"), format!("Bearer resource_metadata=\"{metadata}\""));
    let document = scene.send(get(&metadata, &scene.host())).await.expect("an answer").body;
    let resource = format!("https://{}/mcp", scene.host());
    let expected =
        json!({"resource": resource, "authorization_servers": [ISSUER], "scopes_supported": ["tools/invoke"]});
    assert_eq!(document, expected);

    let good = token(&scene, "caller").await;
    let answer = scene.send(bearer(scene.request(&list_tools()), &good)).await.expect("an answer");
    assert_eq!((answer.status, answer.names().len()), (200, 3));
    let call = scene.aws.calls().pop().expect("a call");
    assert_eq!((call.operation, call.outcome), ("InvokeGateway", Ok(())));
    assert!(matches!(call.principal, Principal::Bearer(_)));

    let scopeless = token(&scene, "reader").await;
    let answer = scene.send(bearer(scene.request(&list_tools()), &scopeless)).await.expect("an answer");
    assert_eq!((answer.status, answer.error_code()), (403, -32002));
    let challenge =
        format!("Bearer resource_metadata=\"{metadata}\", error=\"insufficient_scope\", scope=\"tools/invoke\"");
    assert_eq!(answer.header("www-authenticate"), challenge);
    let stranger = token(&scene, "gateway").await;
    for bad in ["not.a.token", stranger.as_str(), ""] {
        let answer = scene.send(bearer(scene.request(&list_tools()), bad)).await.expect("an answer");
        assert_eq!((answer.status, answer.error_code()), (401, -32001), "{}", answer.text);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    let answer = scene.list().await;
    assert_eq!(answer.status, 401, "a signature does not do");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_of_iam_wants_a_signature_and_the_permission() {
    let scene = Scene::new(Behaviour::default()).await;
    scene.control("TagResource", json!({"resourceArn": scene.gateway_arn, "tags": {"team": "red"}}));
    let missing = scene.send(scene.request(&list_tools())).await.expect("an answer");
    assert_eq!((missing.status, missing.header("www-authenticate")), (403, ""));
    let token = scene.send(bearer(scene.request(&list_tools()), "a.b.c")).await.expect("an answer");
    assert_eq!((token.status, token.error_code()), (403, -32002));
    let caller = Principal::Role(CALLER.to_owned());
    let allow = |resource: &str, team: &str| {
        json!({"Statement": [{"Effect": "Allow", "Action": "bedrock-agentcore:InvokeGateway", "Resource": resource,
            "Condition": {"StringEquals": {"aws:ResourceTag/team": team}}}]})
    };
    for (policy, status) in [
        (allow(&scene.gateway_arn, "red"), 200),
        (allow(&scene.gateway_arn, "blue"), 403),
        (allow("arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/other-*", "red"), 403),
    ] {
        scene.aws.with(|world| world.iam.put_role(Role::new(CALLER, aws_start(), json!({}), vec![policy])));
        let answer = scene.send_as(&caller, scene.request(&list_tools())).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let call = scene.aws.calls().pop().expect("a call");
        assert_eq!(
            (call.operation, call.outcome.is_ok(), call.principal),
            ("InvokeGateway", status == 200, caller.clone())
        );
    }
    let metadata = format!("https://{}/.well-known/oauth-protected-resource", scene.host());
    assert_eq!(scene.send(get(&metadata, &scene.host())).await.expect("an answer").status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_authorizer_lets_everybody_in() {
    let scene = Scene::with(Behaviour::default(), json!({}), json!({"authorizerType": "NONE"})).await;
    scene.ready_target("zcc").await;
    let answer = scene.send(scene.request(&list_tools())).await.expect("an answer");
    assert_eq!((answer.status, answer.names().len()), (200, 3));
}

#[tokio::test(start_paused = true)]
async fn only_a_gateway_that_is_usable_serves() {
    let mut scene = Scene::new(Behaviour::default()).await;
    scene.control("DeleteGateway", json!({"gatewayIdentifier": scene.gateway_id}));
    let leaving = scene.list().await;
    assert_eq!((leaving.status, leaving.error_code(), leaving.body["id"].as_i64()), (409, -32005, Some(2)));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.list().await.status, 404);
    scene.gateway_id = "other-abcdefghij".to_owned();
    assert_eq!(scene.list().await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn faults_hit_here_too() {
    let scene = Scene::new(Behaviour::default()).await;
    let fault = |effect| Fault {
        service: Some(ServiceId::AgentCore),
        operation: Some("InvokeGateway".to_owned()),
        nth: 1,
        count: 1,
        effect,
    };
    for (effect, status, code) in [
        (FaultEffect::Throttled, 429, -32003),
        (FaultEffect::InternalError, 500, -32603),
        (FaultEffect::Denied, 403, -32002),
    ] {
        scene.aws.faults().clear();
        scene.aws.faults().add(fault(effect));
        let answer = scene.list().await;
        assert_eq!((answer.status, answer.error_code()), (status, code), "{}", answer.text);
    }
    scene.aws.faults().clear();
    scene.aws.faults().add(fault(FaultEffect::ReplyLostAfter));
    let credentials = scene.aws.credentials(&Principal::Administrator);
    let request = signed(scene.request(&list_tools()), &credentials, "bedrock-agentcore", scene.aws.clock().now());
    assert!(scene.send(request).await.is_none());
    assert!(scene.aws.calls().last().expect("a call").lost);
}

#[tokio::test(start_paused = true)]
async fn the_gateways_own_policy_is_evaluated_too() {
    let put = |scene: &Scene, statements: Value| {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let input = json!({"resourceArn": scene.gateway_arn, "policy": policy.to_string()});
        scene.control("PutResourcePolicy", input);
    };
    let statement = |scene: &Scene, effect: &str, principal: Value| {
        json!({"Effect": effect, "Principal": principal, "Action": "bedrock-agentcore:InvokeGateway",
            "Resource": scene.gateway_arn})
    };
    let scene = Scene::new(Behaviour::default()).await;
    let role = Role::new(CALLER, aws_start(), trust(), Vec::new());
    scene.aws.with(|world| world.iam.put_role(role));
    let caller = Principal::Role(CALLER.to_owned());
    let list = || scene.send_as(&caller, scene.request(&list_tools()));
    assert_eq!(list().await.status, 403);
    put(&scene, json!([statement(&scene, "Allow", json!({"AWS": CALLER}))]));
    assert_eq!(list().await.status, 200, "one allow is enough within an account");
    put(&scene, json!([statement(&scene, "Allow", json!("*")), statement(&scene, "Deny", json!({"AWS": CALLER}))]));
    let refused = list().await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("explicit deny in a resource-based policy"), "{}", refused.text);
    assert_eq!(scene.list().await.status, 200, "somebody else may");

    let open = Scene::with(Behaviour::default(), json!({}), json!({"authorizerType": "NONE"})).await;
    assert_eq!(open.send(open.request(&list_tools())).await.expect("an answer").status, 200);
    put(&open, json!([statement(&open, "Deny", json!("*"))]));
    assert_eq!(open.send(open.request(&list_tools())).await.expect("an answer").status, 403);
}
