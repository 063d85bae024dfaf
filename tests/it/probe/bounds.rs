//! The bounds of what a server may send, and of what fits into an answer.

use std::time::Duration;

use emulator::container::{AnswerForm, Behaviour, Start};
use emulator::faults::FaultEffect;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use serde_json::json;

use super::{COGNITO, bearer, behave, jwt, probe, runtime};
use crate::world::World;

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_with_a_long_name_passes() {
    for (character, visible) in [("x", "x"), ("é", "é"), ("\u{1}", "\\u{1}"), ("\"", "\"")] {
        let mut world = World::new();
        let (server_name, server_version) = (character.repeat(3000), character.repeat(2000));
        behave(&world, Behaviour { server_name, server_version, ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await.success();
        for name in ["ServerName", "ServerVersion"] {
            let shown = answer.attribute(name);
            assert!(shown.starts_with(visible) && shown.ends_with('…'), "{name}: {shown:?}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_report_fits_whatever_the_container_printed() {
    for (character, visible) in [("x", "x"), ("é", "é"), ("\u{1}", "\\u{1}"), ("\"", "\""), ("😀", "😀")] {
        let mut world = World::new();
        let words = [character.repeat(900), character.repeat(900), character.repeat(900)].join("\n");
        behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({"Mode": "Report"})).await.success();
        assert_eq!(answer.attribute("Result"), "FAILED:CONTAINER_DID_NOT_START");
        assert!(answer.attribute("Detail").contains(visible), "{}", answer.attribute("Detail"));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_calls_itself_by_a_secret_is_masked() {
    // This is not a canary, because the MCP SDK logs the name at a level that the function does not have.
    let secret = "hunter2-hunter2";
    let mut world = World::new();
    let provider = Provider::new(ClaimStyle::Cognito, COGNITO).with_client("app", Client::new(secret));
    world.aws.with(|world| world.identity_providers.add(provider));
    behave(&world, Behaviour { server_name: format!("I am {secret}"), ..Behaviour::default() });
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({"ClientSecret": secret}))).await.success();
    assert_eq!(answer.attribute("ServerName"), "I am ****");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_sends_too_much_is_refused_in_a_sentence() {
    for (tools, page_size, expected) in [
        (40_000, 40_000, "the server answers with more than 2 MiB at once; let it list fewer tools on a page"),
        (12_000, 3000, "the server lists more than 10000 tools; enable fewer tools"),
        (1000, 4, "the server lists its tools on more than 200 pages; raise the server's page size"),
    ] {
        for answers in [AnswerForm::Json, AnswerForm::Sse] {
            let mut world = World::new();
            behave(&world, Behaviour { tools, page_size, answers, ..Behaviour::default() });
            let runtime = runtime(&mut world, json!({})).await;
            let started = world.aws.clock().elapsed();
            let answer = probe(&mut world, &runtime, json!({})).await;
            assert!(answer.failure().starts_with(expected), "{answers:?}: {}", answer.reason());
            assert!(world.aws.clock().elapsed() < started + Duration::from_secs(30), "once is enough");
        }
    }
}

/// The SDK would need hundreds of megabytes to read two million bytes like these.
#[tokio::test(flavor = "local", start_paused = true)]
async fn an_answer_of_very_many_values_is_not_read() {
    let page = format!(r#"{{"jsonrpc":"2.0","id":0,"result":{{"tools":[{}0]}}}}"#, "0,".repeat(900_000));
    let event = format!("data: {page}\n\n");
    for (content_type, page, expected) in [
        ("application/json", &page, "the server answers with more than 100000 values at once"),
        ("text/event-stream", &event, "the server answers with more than 100000 values at once"),
        ("text/html", &page, "the server answers with \"text/html\" and not with MCP"),
        ("text/html", &page.repeat(2), "the server answers with \"text/html\" and not with MCP"),
    ] {
        let mut world = World::new();
        let answers = AnswerForm::Page(content_type);
        behave(&world, Behaviour { answers, page: page.clone(), ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await;
        assert!(answer.failure().starts_with(expected), "{content_type}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn only_the_end_of_a_long_log_is_read() {
    let mut world = World::new();
    let words = (0..25_000).map(|number| format!("INFO: line {number}")).collect::<Vec<_>>().join("\n");
    behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({})).await;
    let before = world.call_count();
    let answer = probe(&mut world, &runtime, json!({})).await;
    let last = "container did not start: INFO: line 24997 | INFO: line 24998 | INFO: line 24999 (log group";
    assert!(answer.failure().starts_with(last), "{}", answer.reason());
    let reads = world.calls_since(before).iter().filter(|call| **call == "FilterLogEvents").count();
    assert_eq!(reads, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_log_that_cannot_be_read_does_not_hold_the_answer_up() {
    for (operation, secret_id, expected) in [
        ("FilterLogEvents", "", "; its log cannot be read (ran out of time calling logs:FilterLogEvents"),
        (
            "GetSecretValue",
            "mcp/credentials",
            "; no log line is quoted, because the secret values to mask could not \
        be read: ran out of time",
        ),
    ] {
        let mut world = World::new();
        behave(&world, Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        world.fault(operation, 1, u64::MAX, FaultEffect::Throttled);
        let started = world.aws.clock().elapsed();
        let answer = probe(&mut world, &runtime, json!({"SecretId": secret_id})).await;
        assert!(answer.failure().contains(expected), "{}", answer.reason());
        assert!(world.aws.clock().elapsed() < started + Duration::from_mins(2), "{operation}");
    }
}
