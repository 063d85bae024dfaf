//! Endpoints besides `DEFAULT`, and policies of runtimes and their endpoints.

use std::time::Duration;

use serde_json::json;

use super::access::{bearer, jwt_scene, token};
use super::*;

impl Scene {
    fn control(&self, operation: &str, input: Value) -> Value {
        let answer = self.aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, operation, input);
        answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// Lists the tools through an endpoint of this name.
    async fn list_at(&self, qualifier: &str) -> Answer {
        let mut request = self.request(&list_tools());
        let uri = request.uri().to_string().replace("qualifier=DEFAULT", &format!("qualifier={qualifier}"));
        *request.uri_mut() = uri.parse().expect("a URI");
        self.send_as(&Principal::Administrator, request).await
    }

    fn endpoint_arn(&self, name: &str) -> String {
        format!("{}/runtime-endpoint/{name}", self.arn)
    }

    fn put_policy(&self, arn: &str, statements: &[Value]) {
        let statements: Vec<Value> = statements.iter().map(|it| merged(it, &json!({"Resource": arn}))).collect();
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        self.control("PutResourcePolicy", json!({"resourceArn": arn, "policy": policy.to_string()}));
    }

    async fn list_as_caller(&self, allowed: bool) -> Answer {
        let everything = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let policies = if allowed { vec![everything] } else { Vec::new() };
        let now = self.aws.clock().now();
        self.aws.with(|world| world.iam.put_role(Role::new(CALLER, now, json!({}), policies)));
        self.send_as(&Principal::Role(CALLER.to_owned()), self.request(&list_tools())).await
    }
}

fn merged(into: &Value, members: &Value) -> Value {
    let mut merged = into.clone();
    merged.as_object_mut().expect("an object").extend(members.as_object().cloned().unwrap_or_default());
    merged
}

fn statement(effect: &str, principal: &Value) -> Value {
    json!({"Effect": effect, "Principal": principal, "Action": "bedrock-agentcore:InvokeAgentRuntime"})
}

/// Returns the number of tools in an answer.
fn tools(answer: &Answer) -> usize {
    answer.body["result"]["tools"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).len()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_of_ones_own_serves_its_version() {
    let scene = Scene::new(Behaviour { tools: 1, ..Behaviour::default() }).await;
    let at = json!({"agentRuntimeId": scene.id, "endpointName": "prod"});
    scene.control("CreateAgentRuntimeEndpoint", json!({"agentRuntimeId": scene.id, "name": "prod"}));
    assert_eq!(scene.list_at("prod").await.status, 404, "it serves nothing yet");
    tokio::time::sleep(Duration::from_mins(1)).await;
    let image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:2";
    scene.aws.with(|world| world.containers.behave_as(image, Behaviour { tools: 2, ..Behaviour::default() }));
    scene.control(
        "UpdateAgentRuntime",
        json!({"agentRuntimeId": scene.id, "roleArn": EXECUTION_ROLE, "networkConfiguration": {"networkMode": "PUBLIC"},
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image}},
            "protocolConfiguration": {"serverProtocol": "MCP"}, "metadataConfiguration": {"requireMMDSV2": true}}),
    );
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!((tools(&scene.list_at("DEFAULT").await), tools(&scene.list_at("prod").await)), (2, 1));
    let group = format!("/aws/bedrock-agentcore/runtimes/{}-prod", scene.id);
    assert!(scene.aws.with(|world| !world.logs.lines(&group).is_empty()), "it has a log group of its own");
    scene.control("UpdateAgentRuntimeEndpoint", merged(&at, &json!({"agentRuntimeVersion": "2"})));
    assert_eq!(tools(&scene.list_at("prod").await), 1, "until the update is done");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(tools(&scene.list_at("prod").await), 2);
    scene.control("DeleteAgentRuntimeEndpoint", at);
    let gone = scene.list_at("prod").await;
    assert_eq!(gone.status, 404);
    assert!(gone.text.contains("No endpoint or agent found with qualifier 'prod'"), "{}", gone.text);
    assert_eq!(scene.list_at("other").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn an_explicit_deny_of_a_resource_wins() {
    let scene = Scene::new(Behaviour::default()).await;
    for arn in [scene.arn.clone(), scene.endpoint_arn("DEFAULT")] {
        assert_eq!(scene.list_as_caller(true).await.status, 200);
        for principal in [json!("*"), json!({"AWS": CALLER}), json!({"AWS": ["111122223333"]})] {
            scene.put_policy(&arn, &[statement("Allow", &json!("*")), statement("Deny", &principal)]);
            let refused = scene.list_as_caller(true).await;
            assert_eq!(refused.status, 403, "{principal}");
            assert!(refused.text.contains("with an explicit deny in a resource-based policy"), "{}", refused.text);
        }
        // Everybody but one, the administrator included.
        let others = json!({"Condition": {"ArnNotEquals": {"aws:PrincipalArn": CALLER}}});
        scene.put_policy(&arn, &[merged(&statement("Deny", &json!("*")), &others)]);
        assert_eq!(scene.list_as_caller(true).await.status, 200);
        assert_eq!(scene.list(&[]).await.status, 403);
        scene.put_policy(&arn, &[statement("Deny", &json!({"AWS": "arn:aws:iam::111122223333:role/other"}))]);
        assert_eq!(scene.list_as_caller(true).await.status, 200);
        scene.control("DeleteResourcePolicy", json!({"resourceArn": arn}));
    }
}

#[tokio::test(start_paused = true)]
async fn an_allow_has_to_be_on_the_runtime_and_on_its_endpoint() {
    let scene = Scene::new(Behaviour::default()).await;
    let endpoint = scene.endpoint_arn("DEFAULT");
    assert_eq!(scene.list_as_caller(false).await.status, 403);
    scene.put_policy(&scene.arn, &[statement("Allow", &json!({"AWS": CALLER}))]);
    assert_eq!(scene.list_as_caller(false).await.status, 403, "the endpoint has no policy");
    scene.put_policy(&endpoint, &[statement("Allow", &json!({"AWS": CALLER}))]);
    assert_eq!(scene.list_as_caller(false).await.status, 200);
    // To allow the account leaves it to the role's policies.
    scene.put_policy(&endpoint, &[statement("Allow", &json!({"AWS": "arn:aws:iam::111122223333:root"}))]);
    assert_eq!(scene.list_as_caller(false).await.status, 403);
    assert_eq!(scene.list_as_caller(true).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_needs_a_policys_leave_where_there_is_one() {
    let scene = jwt_scene().await;
    let token = token(&scene, "api://tools").await;
    let list = || bearer(scene.request(&list_tools()), &token);
    assert_eq!(scene.send(list()).await.expect("an answer").status, 200);
    scene.put_policy(&scene.arn, &[statement("Deny", &json!("*"))]);
    assert_eq!(scene.send(list()).await.expect("an answer").status, 403);
    let other = json!({"Action": "bedrock-agentcore:StopRuntimeSession"});
    scene.put_policy(&scene.arn, &[merged(&statement("Allow", &json!("*")), &other)]);
    let refused = scene.send(list()).await.expect("an answer");
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("because no resource-based policy allows"), "{}", refused.text);
    scene.put_policy(&scene.arn, &[statement("Allow", &json!("*"))]);
    assert_eq!(scene.send(list()).await.expect("an answer").status, 200);
}
