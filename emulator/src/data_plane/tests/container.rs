//! Starting containers, what they print and read, and the sessions they live in.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::container::{AnswerForm, Start};

const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

fn starting(start: Start) -> Behaviour {
    Behaviour { start, ..Behaviour::default() }
}

async fn timed(scene: &Scene, headers: &[(&'static str, &str)]) -> (Answer, Duration) {
    let begun = Instant::now();
    let answer = scene.list(headers).await;
    (answer, begun.elapsed().saturating_sub(scene.aws.settings().call_latency))
}

#[tokio::test(start_paused = true)]
async fn a_session_starts_once_and_a_fresh_one_anew() {
    let scene = Scene::new(starting(Start::Normal(Duration::from_secs(7)))).await;
    let (first, took) = timed(&scene, &[]).await;
    assert_eq!((first.status, took), (200, Duration::from_secs(7)));
    let session = first.session();
    assert_eq!((session.len(), first.header(SESSION)), (36, session.as_str()));
    let (again, took) = timed(&scene, &[("mcp-session-id", &session)]).await;
    assert_eq!((again.status, took, again.session()), (200, Duration::ZERO, session.clone()));
    let (fresh, took) = timed(&scene, &[]).await;
    assert_eq!((fresh.status, took), (200, Duration::from_secs(7)));
    assert_ne!(fresh.session(), session);
    assert_eq!(scene.aws.with(|world| world.containers.starts()), 2);
    tokio::time::sleep(Duration::from_secs(901)).await;
    let (_, took) = timed(&scene, &[("mcp-session-id", &session)]).await;
    assert_eq!(took, Duration::from_secs(7), "the session was idle for too long");
}

#[tokio::test(start_paused = true)]
async fn a_second_request_while_a_session_starts_is_a_conflict() {
    let scene = Scene::new(Behaviour::default()).await;
    let id = "s".repeat(40);
    let headers = [(SESSION, id.as_str())];
    let (one, two) = tokio::join!(scene.list(&headers), scene.list(&headers));
    let mut outcomes = [one, two].map(|answer| (answer.status, answer.error_code()));
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(200, -32005), (200, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_no_session_behind() {
    let scene = Scene::new(Behaviour::default()).await;
    let id = "s".repeat(40);
    let headers = [(SESSION, id.as_str())];
    assert!(tokio::time::timeout(Duration::from_secs(1), scene.list(&headers)).await.is_err());
    assert_eq!(scene.list(&headers).await.error_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_crash_looks_like_a_start_that_takes_too_long() {
    let scene = Scene::new(starting(Start::Crash("ImportError: no module".to_owned()))).await;
    let (answer, took) = timed(&scene, &[]).await;
    assert_eq!((answer.status, took), (424, Duration::from_secs(30)));
    assert!(answer.text.contains("Runtime initialization time exceeded"), "{}", answer.text);
    assert_eq!(answer.header("x-amzn-errortype"), "RuntimeClientError");
    assert_eq!(scene.lines().last().map(String::as_str), Some("ImportError: no module"));
    assert_eq!(scene.aws.calls().last().expect("a call").outcome, Err("RuntimeClientError"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_is_slow_once() {
    let scene = Scene::new(starting(Start::SlowOnce(Duration::from_secs(45)))).await;
    let (first, took) = timed(&scene, &[]).await;
    assert_eq!((first.status, took), (424, Duration::from_secs(30)));
    let (second, took) = timed(&scene, &[]).await;
    assert_eq!(second.status, 200);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

fn zscaler() -> (Behaviour, Value) {
    (Behaviour::zscaler(), json!({"environmentVariables": {"ZSCALER_SECRET_NAME": SECRET}}))
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_as_the_execution_role() {
    let values = r#"{"ZSCALER_CLIENT_ID": "id-1", "ZSCALER_CLIENT_SECRET": "s3cret", "OTHER": null}"#;
    let (behaviour, environment) = zscaler();
    let scene = Scene::with(behaviour, environment).await;
    scene.put_secret(values);
    assert_eq!(scene.list(&[]).await.status, 200);
    let reader = scene.aws.calls().into_iter().rfind(|call| call.operation == "GetSecretValue").expect("a call");
    assert_eq!(reader.principal, Principal::Role(EXECUTION_ROLE.to_owned()));
    let lines = scene.lines();
    assert!(lines.iter().all(|line| !line.contains("s3cret") && !line.contains("id-1")), "{lines:?}");
    let careless = Behaviour { prints_secret: true, ..Behaviour::zscaler() };
    scene.aws.with(|world| world.containers.behave(careless));
    assert_eq!(scene.list(&[]).await.status, 200);
    assert!(scene.lines().iter().any(|line| line.contains("s3cret")));
}

#[tokio::test(start_paused = true)]
async fn why_a_container_that_reads_a_secret_exits() {
    let denied = vec![execution_policy(true)];
    for (value, policies, line) in [
        (None, None, "SystemExit: No secret named 'team/server' in this account and Region."),
        (Some("{}"), Some(denied), "SystemExit: Access denied reading 'team/server'."),
        (Some("plain"), None, "SystemExit: The secret 'team/server' is not valid JSON: line 1 column 1"),
        (Some("[]"), None, "SystemExit: The secret 'team/server' is not a JSON object"),
        (
            Some(r#"{"ZSCALER_CLIENT_ID": " ", "ZSCALER_PRIVATE_KEY": "k"}"#),
            None,
            "SystemExit: Required credentials are missing from 'team/server': ZSCALER_CLIENT_ID",
        ),
    ] {
        let (behaviour, environment) = zscaler();
        let scene = Scene::with(behaviour, environment).await;
        if let Some(value) = value {
            scene.put_secret(value);
        }
        if let Some(policies) = policies {
            scene.put_execution_policies(policies);
        }
        assert_eq!(scene.list(&[]).await.status, 424, "{line}");
        let lines = scene.lines();
        assert!(lines.iter().any(|printed| printed.starts_with(line)), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_secret_to_read_the_environment_has_to_do() {
    let environment = json!({"environmentVariables": {"ZSCALER_CLIENT_ID": "id"}});
    let scene = Scene::with(Behaviour::zscaler(), environment).await;
    assert_eq!(scene.list(&[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_role_without_log_permissions_prints_nothing() {
    let scene = Scene::new(starting(Start::Crash("the cause".to_owned()))).await;
    scene.put_execution_policies(vec![execution_policy(false)]);
    assert_eq!(scene.list(&[]).await.status, 424);
    assert_eq!(scene.aws.with(|world| world.logs.groups().count()), 0);
}

#[tokio::test(start_paused = true)]
async fn the_log_group_outlives_the_runtime() {
    let scene = Scene::new(Behaviour::default()).await;
    assert_eq!(scene.list(&[]).await.status, 200);
    let input = json!({"agentRuntimeId": scene.id});
    scene
        .aws
        .call(&Principal::Administrator, ServiceId::AgentCoreControl, "DeleteAgentRuntime", input)
        .expect("an answer");
    tokio::time::sleep(Duration::from_mins(5)).await;
    let input = json!({"logGroupName": scene.group(), "startTime": 0});
    let answer = scene.aws.call(&Principal::Administrator, ServiceId::Logs, "FilterLogEvents", input).expect("events");
    let event = &answer["events"][0];
    assert_eq!(event["message"], "INFO: starting emulated-mcp-server 1.0.0");
    let stream = event["logStreamName"].as_str().expect("a name");
    assert!(stream.starts_with("2026/09/01/[runtime-logs]") && stream.len() == 25 + 36, "{stream}");
}

#[tokio::test(start_paused = true)]
async fn images_may_behave_differently() {
    let scene = Scene::new(starting(Start::Crash("no".to_owned()))).await;
    let html = Behaviour { answers: AnswerForm::Page("text/html; charset=utf-8"), ..Behaviour::default() };
    scene.aws.with(|world| world.containers.behave_as("111122223333.dkr.ecr.us-east-1.amazonaws.com/team/", html));
    let answer = scene.list(&[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(answer.text.starts_with("<!doctype html>"), "{}", answer.text);
}
