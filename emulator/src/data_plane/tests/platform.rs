//! Platform version V2: a container started while the version is built, and sessions that begin with a copy of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::agentcore_control::PlatformVersion;
use crate::container::Start;

/// Creates an account with an image that behaves so, the secret, and a runtime on V2 that was asked for a moment ago.
async fn scene(behaviour: Behaviour, more: Value) -> Scene {
    let mut members = json!({"platformVersion": "V2", "environmentVariables": {"SECRET_NAME": SECRET}});
    members.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    let aws = Aws::new(Settings::default());
    Scene::in_account(aws, Behaviour { reads_secret: true, ..behaviour }, members, Some(r#"{"KEY":"one"}"#)).await
}

fn get(scene: &Scene) -> Value {
    let input = json!({"agentRuntimeId": scene.id});
    scene
        .aws
        .call(&Principal::Administrator, ServiceId::AgentCoreControl, "GetAgentRuntime", input)
        .expect("the runtime exists")
}

fn call(scene: &Scene, operation: &str, mut input: Value) -> Result<Value, &'static str> {
    input["agentRuntimeId"] = scene.id.as_str().into();
    scene.aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, operation, input).map_err(|error| error.code)
}

/// Updates the description, which creates a version. `more` is added.
fn update(scene: &Scene, description: &str, mut more: Value) -> Result<Value, &'static str> {
    let usual = json!({
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}},
        "roleArn": EXECUTION_ROLE,
        "networkConfiguration": {"networkMode": "PUBLIC"},
        "protocolConfiguration": {"serverProtocol": "MCP"},
        "environmentVariables": {"SECRET_NAME": SECRET},
        "metadataConfiguration": {"requireMMDSV2": true},
        "description": description,
    });
    for (member, value) in usual.as_object().expect("a map") {
        if more.get(member).is_none() {
            more[member] = value.clone();
        }
    }
    call(scene, "UpdateAgentRuntime", more)
}

/// Returns the version of the secret that the session of a request works with.
async fn secret_version(scene: &Scene) -> String {
    let answer = scene.list(&[]).await;
    assert_eq!((answer.status, answer.error_code()), (200, 0), "{}", answer.text);
    scene.aws.with(|world| {
        let versions = world.containers.secret_versions(&scene.arn);
        versions[answer.session().as_str()].expect("it has read one").to_owned()
    })
}

fn rotate(scene: &Scene, token: &str) {
    let input = json!({"SecretId": SECRET, "SecretString": r#"{"KEY":"two"}"#, "ClientRequestToken": token});
    scene.aws.call(&Principal::Administrator, ServiceId::SecretsManager, "PutSecretValue", input).expect("a version");
}

#[tokio::test(start_paused = true)]
async fn a_version_takes_minutes_in_which_nothing_else_may_be_asked() {
    let scene = scene(Behaviour::default(), json!({})).await;
    tokio::time::sleep(Duration::from_mins(3)).await;
    assert_eq!((&get(&scene)["status"], &get(&scene)["platformVersion"]), (&json!("CREATING"), &json!("V2")));
    assert_eq!(update(&scene, "x", json!({})), Err("ConflictException"));
    assert_eq!(call(&scene, "DeleteAgentRuntime", json!({})), Err("ConflictException"));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(get(&scene)["status"], "READY");
    // An update that does not name the platform keeps it; the way back to V1 takes seconds.
    update(&scene, "x", json!({})).expect("accepted");
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!((&get(&scene)["status"], &get(&scene)["platformVersion"]), (&json!("READY"), &json!("V2")));
    update(&scene, "x", json!({"platformVersion": "V1"})).expect("accepted");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((&get(&scene)["status"], &get(&scene)["platformVersion"]), (&json!("READY"), &json!("V1")));
}

#[tokio::test(start_paused = true)]
async fn the_secret_is_read_once_for_a_version() {
    let scene = scene(Behaviour::default(), json!({})).await;
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!(scene.aws.with(|world| world.containers.starts()), 1, "while the version was built");
    let first = secret_version(&scene).await;
    let token = "f".repeat(32);
    rotate(&scene, &token);
    assert_eq!(secret_version(&scene).await, first, "a fresh session has the former value");
    update(&scene, "rotated", json!({})).expect("accepted");
    assert_eq!(secret_version(&scene).await, first, "as long as the new version is built");
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!(secret_version(&scene).await, token);
    assert_eq!(scene.aws.with(|world| world.containers.starts()), 2);
}

#[tokio::test(start_paused = true)]
async fn on_v1_every_session_reads_the_secret() {
    let scene = scene(Behaviour::default(), json!({"platformVersion": "V1"})).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let first = secret_version(&scene).await;
    let token = "f".repeat(32);
    rotate(&scene, &token);
    assert_ne!(secret_version(&scene).await, first);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_healthy_in_time_fails_the_operation() {
    for (start, last) in [
        (Start::Crash("SystemExit: no licence".to_owned()), "SystemExit: no licence"),
        (Start::Normal(Duration::from_secs(121)), "INFO: starting emulated-mcp-server 1.0.0"),
    ] {
        let scene = scene(Behaviour { start, ..Behaviour::default() }, json!({})).await;
        tokio::time::sleep(Duration::from_mins(4)).await;
        let failed = get(&scene);
        assert_eq!(failed["status"], "CREATE_FAILED");
        assert!(failed["failureReason"].as_str().is_some_and(|it| it.contains("health check")), "{failed}");
        assert_eq!(scene.lines().last().map(String::as_str), Some(last));
        call(&scene, "DeleteAgentRuntime", json!({})).expect("accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_leaves_the_former_version_in_service() {
    let scene = scene(Behaviour::default(), json!({})).await;
    tokio::time::sleep(Duration::from_mins(4)).await;
    let broken = Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() };
    scene.aws.with(|world| world.containers.behave(broken));
    update(&scene, "broken", json!({})).expect("accepted");
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!(get(&scene)["status"], "UPDATE_FAILED");
    let answer = scene.list(&[]).await;
    assert_eq!((answer.status, answer.error_code()), (200, 0), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_hook_is_called_once_and_decides() {
    for (elsewhere, status) in [(204, "READY"), (500, "CREATE_FAILED")] {
        let hook = json!({"hooksConfiguration": {"build": {"warmup": {"action": {"httpPost": {"path": "/warm"}}}}}});
        let scene = scene(Behaviour { elsewhere, ..Behaviour::default() }, hook).await;
        tokio::time::sleep(Duration::from_mins(4)).await;
        assert_eq!(get(&scene)["status"], status);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_platform_does_not_take_is_refused() {
    let aws = Aws::new(Settings { platform_version: PlatformVersion::V2, ..Settings::default() });
    let scene = Scene::in_account(aws, Behaviour::default(), json!({}), None).await;
    assert_eq!(get(&scene)["platformVersion"], "V2", "as the account has it for new runtimes");
    tokio::time::sleep(Duration::from_mins(4)).await;
    let hook = json!({"build": {"warmup": {"action": {"httpPost": {"path": "/warm"}}}}});
    let environment = |bytes: usize| json!({"A": "x".repeat(bytes - 1)});
    for (more, expected) in [
        (json!({"platformVersion": "V3"}), Err("ValidationException")),
        (json!({"platformVersion": "V1", "hooksConfiguration": hook}), Err("ValidationException")),
        (json!({"platformVersion": "V1", "environmentVariables": environment(4097)}), Err("ValidationException")),
        (json!({"environmentVariables": environment(2561)}), Err("ValidationException")),
        (json!({"environmentVariables": environment(2560)}), Ok(())),
    ] {
        assert_eq!(update(&scene, "x", more.clone()).map(|_| ()), expected, "{}", more.to_string().len());
    }
}
