//! Each test runs `test_bootstrap.py`, a bootstrap in a few lines of Python that does what the event says.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::*;
use crate::settings::Settings;

/// Returns the present time, because the processes read the real clock.
#[allow(clippy::disallowed_methods, reason = "this is the clock that an emulated one starts from")]
fn present() -> SystemTime {
    SystemTime::now()
}

fn function() -> RuntimeApi {
    let aws = Aws::new(Settings { start: present(), ..Settings::default() });
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lambda/runtime_api/test_bootstrap.py");
    RuntimeApi::new(&aws, [("HTTPS_PROXY", "http://127.0.0.1:9".to_owned())], bootstrap)
}

fn event(payload: &Value, seconds: f64) -> Invocation {
    Invocation {
        request_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        payload: payload.to_string().into_bytes(),
        deadline: present() + Duration::from_secs_f64(seconds),
        function_arn: "arn:aws:lambda:us-east-1:111122223333:function:stack-Provisioner-ABC".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/stack-ProvisionerRole-ABC".to_owned(),
        // The search path of a Lambda environment need not have this machine's python3.
        environment: [("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())].into(),
    }
}

/// Returns the lines that the bootstrap printed about the events that it got.
fn reports(function: &RuntimeApi) -> Vec<Value> {
    function.logs().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn a_process_answers_and_stays_warm_for_the_next_event() {
    let function = function();
    for _ in 0..3 {
        function.invoke(event(&json!({ "do": "answer" }), 20.0)).await.expect("the bootstrap answers");
    }
    assert!(function.peak_memory().expect("an invocation was measured") > 1024 * 1024);
    function.stop().await;
    let reports = reports(&function);
    assert_eq!(reports.len(), 3);
    assert!(reports.iter().all(|report| report["pid"] == reports[0]["pid"]), "{reports:?}");
    assert_eq!(function.starts().len(), 1);
}

#[tokio::test]
async fn the_process_sees_the_event_s_headers_and_only_lambda_s_environment() {
    let function = function();
    let mut event = event(&json!({ "do": "answer" }), 20.0);
    event.environment.insert("COLOUR".to_owned(), "blue".to_owned());
    function.invoke(event.clone()).await.expect("the bootstrap answers");
    function.stop().await;
    let report = &reports(&function)[0];
    assert_eq!(report["request_id"], event.request_id);
    assert_eq!(report["arn"], event.function_arn);
    let remaining = report["remaining"].as_f64().expect("a number of seconds");
    assert!((0.0..=20.0).contains(&remaining), "{remaining}");
    let environment = &report["environment"];
    assert_eq!(environment["COLOUR"], "blue");
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["HTTPS_PROXY"], "http://127.0.0.1:9");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "stack-Provisioner-ABC");
    assert!(environment["AWS_SESSION_TOKEN"].is_string(), "the role's credentials are temporary ones");
    assert_eq!(environment["HOME"], Value::Null, "nothing is inherited");
}

#[tokio::test]
async fn a_process_still_busy_at_the_deadline_is_killed() {
    let function = function();
    let started = tokio::time::Instant::now();
    let error = function.invoke(event(&json!({ "do": "sleep", "seconds": 60 }), 1.0)).await.expect_err("it is late");
    assert!(error.starts_with("Task timed out after 1.00 seconds") || error.starts_with("Task timed out after 0.9"));
    assert!(started.elapsed() < Duration::from_secs(20));
    function.invoke(event(&json!({ "do": "answer" }), 20.0)).await.expect("a new process answers");
    assert_eq!(function.starts().len(), 2);
}

#[tokio::test]
async fn a_crash_fails_the_invocation_and_the_next_one_starts_afresh() {
    let function = function();
    let error = function.invoke(event(&json!({ "do": "exit" }), 20.0)).await.expect_err("it exits");
    assert_eq!(error, "Runtime exited with error: exit status: 3");
    function.invoke(event(&json!({ "do": "answer" }), 20.0)).await.expect("a new process answers");
    assert_eq!(function.starts().len(), 2);
}

#[tokio::test]
async fn a_reported_error_fails_the_invocation_but_not_the_process() {
    let function = function();
    let error = function.invoke(event(&json!({ "do": "fail" }), 20.0)).await.expect_err("it reports an error");
    assert_eq!(error, "Oh.No: it failed");
    function.invoke(event(&json!({ "do": "answer" }), 20.0)).await.expect("the same process answers");
    assert_eq!(function.starts().len(), 1);
}

#[tokio::test]
async fn an_error_at_start_fails_the_invocation_with_its_message() {
    let function = function();
    let mut event = event(&json!({ "do": "answer" }), 20.0);
    event.environment.insert("FAIL_AT_INIT".to_owned(), "1".to_owned());
    assert_eq!(function.invoke(event.clone()).await, Err("Bad.Init: no luck".to_owned()));
    assert_eq!(function.invoke(event).await, Err("Bad.Init: no luck".to_owned()));
}

#[tokio::test]
async fn invocations_that_overlap_get_a_process_each() {
    let function = function();
    let busy = json!({ "do": "sleep", "seconds": 1 });
    let (first, second) = tokio::join!(function.invoke(event(&busy, 20.0)), function.invoke(event(&busy, 20.0)));
    assert_eq!((first, second), (Ok(()), Ok(())));
    assert_eq!(function.starts().len(), 2);
}

#[tokio::test]
async fn a_changed_configuration_ends_the_warm_process() {
    let function = function();
    let mut event = event(&json!({ "do": "answer" }), 20.0);
    function.invoke(event.clone()).await.expect("the bootstrap answers");
    event.environment.insert("COLOUR".to_owned(), "blue".to_owned());
    function.invoke(event).await.expect("a new process answers");
    assert_eq!(function.starts().len(), 2);
}

#[tokio::test]
async fn what_a_process_writes_is_kept_line_by_line() {
    let function = function();
    function.invoke(event(&json!({ "do": "say", "text": "one\ntwo" }), 20.0)).await.expect("the bootstrap answers");
    function.stop().await;
    let logs = function.logs();
    assert!(logs.contains(&"one".to_owned()) && logs.contains(&"two".to_owned()), "{logs:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let aws = Aws::new(Settings::default());
    let function = RuntimeApi::new(&aws, [], "/nowhere/bootstrap");
    let error = function.invoke(event(&json!({}), 20.0)).await.expect_err("there is no such file");
    assert!(error.starts_with("/nowhere/bootstrap cannot be started: "), "{error}");
}
