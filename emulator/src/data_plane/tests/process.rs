//! Runtimes whose containers are real processes, in real time.

use http_body_util::BodyExt as _;

use super::*;
use crate::container::process_tests::server;
use crate::container::{Port, Program};
use crate::reply::Reply;

const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

/// Creates an account with a runtime that is ready, whose image is the server of the tests for processes.
async fn scene(settings: Settings, more: Value) -> Scene {
    let scene = Scene::in_account(Aws::new(settings), Behaviour::default(), more, None).await;
    let network = [("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:1".to_owned())];
    let program = Program::command(&server(), Port::InVariables(vec!["PORT".to_owned()]), network);
    scene.aws.with(|world| world.containers.run(program));
    tokio::time::sleep(Duration::from_mins(1)).await;
    // From here on there are processes, which know no other time than the real one.
    tokio::time::resume();
    scene
}

fn call(method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method})
}

fn process(answer: &Answer) -> u64 {
    answer.body["result"]["process"].as_u64().unwrap_or_else(|| panic!("{}: {}", answer.status, answer.text))
}

fn is_running(process: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..200 {
        if is_so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_process_has_what_a_container_has() {
    let variables = json!({"environmentVariables": {"MODE": "strict", "MCP_PORT": "8000", "AWS_REGION": "mine"}});
    let scene = scene(Settings::default(), variables).await;
    let answer = scene.post(call("describe"), &[]).await;
    let result = &answer.body["result"];
    assert_eq!((&result["path"], &result["host"]), (&json!("/mcp"), &json!("localhost:8000")));
    assert_eq!(result["session"], json!(answer.session()));
    let environment = result["environment"].as_object().expect("variables");
    let value = |name: &str| environment.get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!((value("MODE"), value("AWS_REGION"), value("AWS_DEFAULT_REGION")), ("strict", "mine", "us-east-1"));
    assert!(value("PORT") != "8000" && value("MCP_PORT") == value("PORT"));
    assert_eq!(value("AWS_ENDPOINT_URL"), "http://127.0.0.1:1");
    let credentials = scene.aws.credentials(&Principal::Role(EXECUTION_ROLE.to_owned()));
    assert_eq!(value("AWS_SECRET_ACCESS_KEY"), credentials.secret_access_key);
    let foreign = environment.keys().find(|name| name.starts_with("CARGO"));
    assert_eq!(foreign, None, "the environment of this machine stays there");
    assert!(scene.lines().iter().any(|line| line.contains("running 1 test")), "{:?}", scene.lines());
    scene.aws.with(|world| world.containers.end_all());
}

#[tokio::test(start_paused = true)]
async fn each_session_has_a_process_until_its_runtime_is_deleted() {
    let scene = scene(Settings::default(), json!({})).await;
    let (one, two) = tokio::join!(scene.post(call("describe"), &[]), scene.post(call("describe"), &[]));
    assert_ne!(process(&one), process(&two));
    let session = one.session();
    let again = scene.post(call("describe"), &[(SESSION, &session)]).await;
    assert_eq!(process(&again), process(&one));
    let input = json!({"agentRuntimeId": scene.id});
    scene
        .aws
        .call(&Principal::Administrator, ServiceId::AgentCoreControl, "DeleteAgentRuntime", input)
        .expect("accepted");
    assert!(eventually(|| !is_running(process(&one)) && !is_running(process(&two))).await);
}

#[tokio::test(start_paused = true)]
async fn a_process_ends_with_its_session() {
    let lifecycle = json!({"lifecycleConfiguration": {"idleRuntimeSessionTimeout": 60, "maxLifetime": 60}});
    let scene = scene(Settings::default(), lifecycle).await;
    let process = process(&scene.post(call("describe"), &[]).await);
    assert!(is_running(process));
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert!(eventually(|| !is_running(process)).await);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_process_is_the_end_of_its_session() {
    let scene = scene(Settings::default(), json!({})).await;
    let first = scene.post(call("describe"), &[]).await;
    let session = first.session();
    let broken = scene.post(call("exit"), &[(SESSION, &session)]).await;
    assert!(broken.text.contains("Received error (502) from runtime"), "{}", broken.text);
    assert!(eventually(|| scene.lines().iter().any(|line| line == "the server has ended: exit status: 7")).await);
    let next = scene.post(call("describe"), &[(SESSION, &session)]).await;
    assert_ne!(process(&next), process(&first));
    scene.aws.with(|world| world.containers.end_all());
}

#[tokio::test(start_paused = true)]
async fn answers_stream_and_their_time_is_limited() {
    let settings = Settings {
        invocation_time: Duration::from_secs(3),
        streaming_time: Duration::from_secs(3),
        call_latency: Duration::ZERO,
        ..Settings::default()
    };
    let scene = scene(settings, json!({})).await;
    let late = scene.post(call("sleep"), &[]).await;
    assert!(late.text.contains("Received error (504) from runtime"), "{}", late.text);
    let credentials = scene.aws.credentials(&Principal::Administrator);
    let request = signed(scene.request(&call("stream")), &credentials, "bedrock-agentcore", scene.aws.clock().now());
    let Reply::Streamed(response) = scene.aws.serve_data_plane(&request).await else { panic!("a stream") };
    let mut body = response.into_body();
    let first = body.frame().await.expect("an event").expect("no error").into_data().expect("data");
    assert_eq!(&first[..], b"data: {}\n\n");
    assert!(body.frame().await.is_none(), "cut off");
    scene.aws.with(|world| world.containers.end_all());
}

#[tokio::test(start_paused = true)]
async fn a_version_on_v2_has_one_process() {
    let settings = Settings { snapshot_transition: Duration::ZERO, ..Settings::default() };
    let aws = Aws::new(settings);
    let program = Program::command(&server(), Port::InVariables(vec!["PORT".to_owned()]), []);
    aws.with(|world| world.containers.run(program));
    let scene = Scene::in_account(aws, Behaviour::default(), json!({"platformVersion": "V2"}), None).await;
    tokio::time::resume();
    assert!(
        eventually(|| {
            let now = scene.aws.clock().now();
            scene.aws.with(|world| world.agentcore.runtime(&scene.id, now).is_some_and(|it| it.live(now).is_some()))
        })
        .await
    );
    let (one, two) = (scene.post(call("describe"), &[]).await, scene.post(call("describe"), &[]).await);
    assert_eq!(process(&one), process(&two));
    assert_ne!(one.session(), two.session());
    assert_eq!(scene.aws.with(|world| world.containers.starts()), 1);
    scene.aws.with(|world| world.containers.end_all());
}
