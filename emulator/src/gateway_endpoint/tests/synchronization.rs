//! Catalogues, read unattended.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::container::{AnswerForm, Start};

const REASON: &str = "Failed to connect and fetch tools from the provided MCP target server: ";

#[tokio::test(start_paused = true)]
async fn a_created_target_has_the_tools_of_its_server() {
    for (answers, stateful) in [(AnswerForm::Json, false), (AnswerForm::Sse, false), (AnswerForm::Sse, true)] {
        let scene = Scene::new(Behaviour { answers, stateful, tools: 7, page_size: 2, ..Behaviour::default() }).await;
        let begun = Instant::now();
        let answer = scene.control("CreateGatewayTarget", scene.target_input("zcc", Some(iam("bedrock-agentcore"))));
        assert_eq!(answer["status"], "CREATING");
        let target = scene.settled(&text(&answer, "targetId")).await;
        assert_eq!(scene.outcome(&target), ("READY", None));
        assert!(begun.elapsed() >= scene.aws.settings().target_transition);
        let names: Vec<_> = target.tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect();
        assert_eq!((names.len(), names[0], names[6]), (7, "tool_001", "tool_007"));
        let role = Principal::Role(GATEWAY_ROLE.to_owned());
        let calls = scene.aws.calls();
        assert!(calls.iter().any(|call| call.principal == role && call.operation == "InvokeAgentRuntime"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_role_needs_the_runtime_and_its_endpoint() {
    let scene = Scene::new(Behaviour::default()).await;
    let runtime = scene.runtime_arn.clone();
    let endpoint = format!("{runtime}/runtime-endpoint/DEFAULT");
    for (index, (resources, missing)) in [
        (vec![], Some(&runtime)),
        (vec![&runtime], Some(&endpoint)),
        (vec![&endpoint], Some(&runtime)),
        (vec![&runtime, &endpoint], None),
    ]
    .into_iter()
    .enumerate()
    {
        let resources = if resources.is_empty() { json!(["arn:aws:s3:::other"]) } else { json!(resources) };
        scene.put_gateway_policy(&json!([{"Effect": "Allow", "Action": "bedrock-agentcore:InvokeAgentRuntime",
            "Resource": resources}]));
        let input = scene.target_input(&format!("t{index}"), Some(iam("bedrock-agentcore")));
        let target = scene.create_target(input).await;
        let Some(missing) = missing else {
            assert_eq!(scene.outcome(&target), ("READY", None));
            continue;
        };
        let (status, reason) = scene.outcome(&target);
        let reason = reason.expect("a reason");
        assert_eq!(status, "FAILED");
        assert!(reason.starts_with(&format!("{REASON}HTTP 403: ")), "{reason}");
        assert!(reason.contains(&format!("InvokeAgentRuntime on resource: {missing} ")), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_runtime_does_not_want_fails() {
    let jwt = authorizer(json!({"allowedClients": ["gateway"]}));
    let scene = Scene::with(Behaviour::default(), jwt, json!({"authorizerType": "AWS_IAM"})).await;
    let target = scene.create_target(scene.target_input("signs", Some(iam("bedrock-agentcore")))).await;
    let (status, reason) = scene.outcome(&target);
    assert_eq!(status, "FAILED");
    assert!(reason.is_some_and(|reason| reason.contains("Authorization method mismatch.")), "{reason:?}");

    let scene = Scene::new(Behaviour::default()).await;
    for (name, credential, said) in [
        ("silent", None, "Missing Authentication Token"),
        ("elsewhere", Some(iam("lambda")), "Credential should be scoped to correct service"),
    ] {
        let target = scene.create_target(scene.target_input(name, credential)).await;
        let (status, reason) = scene.outcome(&target);
        assert_eq!(status, "FAILED");
        assert!(reason.is_some_and(|reason| reason.starts_with(REASON) && reason.contains(said)), "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_or_does_not_answer_fails() {
    let scene = Scene::new(Behaviour::default()).await;
    let mut input = scene.target_input("abroad", None);
    input["targetConfiguration"]["mcp"]["mcpServer"]["endpoint"] = json!("https://mcp.example.com/mcp");
    let target = scene.create_target(input).await;
    assert_eq!(scene.outcome(&target), ("FAILED", Some(&*format!("{REASON}no connection to mcp.example.com"))));

    for (start, answers, takes, said) in [
        (Start::Normal(Duration::from_secs(25)), AnswerForm::Json, 20, "no answer within 20 s"),
        (Start::Crash("ImportError".to_owned()), AnswerForm::Json, 20, "no answer within 20 s"),
        (
            Start::Normal(Duration::from_secs(1)),
            AnswerForm::Page("text/html; charset=utf-8"),
            3,
            "the answer to initialize is not MCP: <!doctype",
        ),
    ] {
        let scene = Scene::new(Behaviour { answers, start, ..Behaviour::default() }).await;
        let begun = Instant::now();
        let target = scene.create_target(scene.target_input("t", Some(iam("bedrock-agentcore")))).await;
        let (status, reason) = scene.outcome(&target);
        assert_eq!(status, "FAILED");
        assert!(reason.is_some_and(|reason| reason.starts_with(&format!("{REASON}{said}"))), "{reason:?}");
        assert_eq!(begun.elapsed().as_secs(), takes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_is_stale_until_it_is_synchronized_again() {
    let scene = Scene::new(Behaviour { tools: 2, ..Behaviour::default() }).await;
    let target = scene.ready_target("zcc").await;
    scene.aws.with(|world| world.containers.behave(Behaviour { tools: 4, ..Behaviour::default() }));
    assert_eq!(scene.list().await.names(), ["zcc___tool_001", "zcc___tool_002"]);
    let synchronize = || {
        let input = json!({"gatewayIdentifier": scene.gateway_id, "targetIdList": [target.id]});
        scene.control("SynchronizeGatewayTargets", input);
    };
    synchronize();
    assert_eq!(scene.outcome(&scene.target(&target.id)).0, "SYNCHRONIZING");
    assert_eq!(scene.list().await.names().len(), 2, "the old catalogue serves meanwhile");
    let again = scene.settled(&target.id).await;
    assert_eq!(scene.outcome(&again), ("READY", None));
    assert_eq!(scene.list().await.names().len(), 4);

    scene.put_gateway_policy(&json!([]));
    synchronize();
    let failed = scene.settled(&target.id).await;
    let (status, reason) = scene.outcome(&failed);
    assert_eq!(status, "SYNCHRONIZE_UNSUCCESSFUL");
    assert!(reason.is_some_and(|reason| reason.starts_with(REASON)), "{reason:?}");
}
