//! The call of one tool: it proves the credentials for what is behind the server, and it calls nothing that changes
//! something.

use emulator::aws::ServiceId;
use emulator::container::{Behaviour, Hints};
use emulator::faults::FaultEffect;
use serde_json::{Value, json};

use super::scripted::{Reply, Request, discovered, page, result, told_with};
use super::{behave, probe, runtime};
use crate::world::{CANARY, World, canary};

const RIGHT: &str = "right-credential";

/// Returns a server whose tools work with the right credential only, which is in its secret.
fn upstream() -> Behaviour {
    let upstream = Some(("API_SECRET".to_owned(), RIGHT.to_owned()));
    Behaviour { reads_secret: true, upstream, ..Behaviour::default() }
}

/// Creates the server's secret and runtime. Returns the properties of a probe that calls its first tool.
async fn scene(world: &mut World, credential: &str) -> (crate::world::Answer, Value) {
    let text = json!({"API_SECRET": credential}).to_string();
    let input = json!({"Name": "mcp/credentials", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    behave(world, upstream());
    let runtime = runtime(world, json!({"SecretId": "mcp/credentials"})).await;
    (runtime, json!({"SecretId": "mcp/credentials", "CallTool": "tool_001"}))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn wrong_credentials_for_what_is_behind_the_server_fail_the_probe() {
    let mut world = World::new();
    let (runtime, calls) = scene(&mut world, RIGHT).await;
    let answer = probe(&mut world, &runtime, calls).await.success();
    let expected = "the server answers and lists 3 tools; a call of the tool \"tool_001\" succeeded";
    assert_eq!(answer.attribute("Detail"), expected);

    let mut world = World::new();
    let (runtime, calls) = scene(&mut world, &canary("wrong")).await;
    probe(&mut world, &runtime, json!({"SecretId": "mcp/credentials"})).await.success();
    let answer = probe(&mut world, &runtime, calls.clone()).await;
    let expected = "the tool \"tool_001\" failed: \"the API answered HTTP 401: invalid client credentials\"; check \
    the server's credentials for its upstream API, and `CallArguments`";
    assert!(answer.failure().starts_with(expected), "{}", answer.reason());
    assert!(answer.reason().contains("(log group "), "{}", answer.reason());
    assert!(!answer.reason().contains(CANARY));
    let mut report = calls;
    report["Mode"] = json!("Report");
    let answer = probe(&mut world, &runtime, report).await.success();
    assert_eq!(answer.attribute("Result"), "FAILED:TOOL_FAILED");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn list_and_call_share_one_container() {
    for revision in emulator::container::REVISIONS {
        let mut world = World::new();
        behave(&world, Behaviour { revisions: vec![revision.to_owned()], stateful: true, ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let before = world.aws.with(|world| world.containers.starts());
        probe(&mut world, &runtime, json!({"CallTool": "tool_003", "CallArguments": {"a": "b"}})).await.success();
        let starts = world.aws.with(|world| world.containers.starts()) - before;
        assert!(starts <= 1, "{revision}: {starts}");
    }
}

/// Servers that check a call by the tool's schema refuse one without `arguments`, although MCP allows it.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_call_without_arguments_has_an_empty_object() {
    for (properties, expected) in [
        (json!({"CallTool": "tool_0"}), json!({})),
        (json!({"CallTool": "tool_0", "CallArguments": ""}), json!({})),
        (json!({"CallTool": "tool_0", "CallArguments": {}}), json!({})),
        (json!({"CallTool": "tool_0", "CallArguments": "{\"a\": 1}"}), json!({"a": 1})),
    ] {
        let told = told_with(properties, move |request: &Request<'_>| match request.method {
            "tools/list" => page(1, None),
            "tools/call" if request.params["arguments"] == expected => result(json!({"content": []})),
            "tools/call" => Reply::error(200, -32_602, "other arguments"),
            _ => discovered(json!({"tools": {}})),
        });
        let told = told.await;
        assert_eq!((told.code(), told.count("tools/call")), ("PASSED", 1), "{}", told.detail());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_that_says_that_it_changes_something_is_not_called() {
    let hints = |read_only, destructive| Hints { read_only, destructive };
    for (hints, is_called) in [
        (hints(None, None), true),
        (hints(Some(true), None), true),
        (hints(Some(true), Some(true)), true),
        (hints(Some(false), Some(false)), false),
        (hints(Some(false), None), false),
        (hints(None, Some(true)), false),
        (hints(None, Some(false)), true),
    ] {
        let mut world = World::new();
        behave(&world, Behaviour { hints, ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({"CallTool": "tool_001", "Mode": "Report"})).await.success();
        let expected = if is_called { "PASSED" } else { "FAILED:TOOL_NOT_READ_ONLY" };
        assert_eq!(answer.attribute("Result"), expected, "{hints:?}");
    }
    let told = told_with(json!({"CallTool": "tool_0"}), |request: &Request<'_>| match request.method {
        "tools/list" => {
            result(json!({"tools": [{"name": "tool_0", "annotations": {"readOnlyHint": false}}], "nextCursor": null}))
        }
        _ => discovered(json!({"tools": {}})),
    });
    let told = told.await;
    assert_eq!((told.code(), told.count("tools/call")), ("FAILED:TOOL_NOT_READ_ONLY", 0));
    assert!(told.detail().ends_with("that it changes something; name one that only reads"), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn no_tool_is_called_if_the_list_is_not_the_expected_one() {
    for (expectation, code) in [
        (json!({"ExpectedToolCount": 2}), "OTHER_TOOL_COUNT"),
        (json!({"MinimumTools": 2}), "TOO_FEW_TOOLS"),
        (json!({"ExpectedTools": "other"}), "TOOLS_MISSING"),
    ] {
        let mut changes = expectation.clone();
        changes["CallTool"] = json!("tool_0");
        let told = told_with(changes, calling(|_| result(json!({"content": []})))).await;
        let expected = (format!("FAILED:{code}"), 0);
        assert_eq!((told.code().to_owned(), told.count("tools/call")), expected, "{expectation}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_that_is_not_listed_is_answered_with_the_nearest() {
    for (name, expected) in [
        ("tool_01", "the server does not list \"tool_01\" of `CallTool`; it lists 3 tools; did you mean \"tool_001\"?"),
        ("zebra", "the server does not list \"zebra\" of `CallTool`; it lists 3 tools"),
    ] {
        let mut world = World::new();
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({"CallTool": name})).await;
        assert_eq!(answer.failure(), expected);
    }
}

/// Answers a call in this way.
fn calling(reply: impl Fn(usize) -> Reply + Send + Sync) -> impl Fn(&Request<'_>) -> Reply + Send + Sync {
    move |request| match request.method {
        "tools/list" => page(1, None),
        "tools/call" => reply(request.before),
        _ => discovered(json!({"tools": {}})),
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_answer_to_a_call_has_its_sentence() {
    let calls = json!({"CallTool": "tool_0"});
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let large = "x".repeat(3 << 20);
    let cases = [
        (
            Reply::error(200, -32_602, "missing `account`"),
            "TOOL_FAILED",
            "the call of \"tool_0\" (HTTP 200, MCP error -32602)",
        ),
        (Reply::error(200, -32_603, "Internal error"), "TOOL_FAILED", "MCP error -32603): \"Internal error\""),
        (Reply::error(400, -32_602, "Bad"), "TOOL_FAILED", "(HTTP 400, MCP error -32602): \"Bad\""),
        (Reply::new(401, "{}"), "SERVER_REFUSED", "check the server's credentials for its upstream API"),
        (Reply::new(503, "{}"), "SERVER_ERROR", "the server kept failing (HTTP 503)"),
        (Reply::new(200, "<html>").with("content-type", "text/html"), "NOT_MCP", "and not with MCP"),
        (Reply::Unreachable, "TIMED_OUT", "the server does not answer the call of tool \"tool_0\": "),
        (
            result(json!({"isError": true, "content": text("denied")})),
            "TOOL_FAILED",
            "\"tool_0\" failed: \"denied\"; check",
        ),
        (
            result(json!({"isError": true, "content": []})),
            "TOOL_FAILED",
            "\"tool_0\" failed; check the server's credentials",
        ),
        (result(json!({})), "TOOL_FAILED", "answers with a result without `content`"),
        (result(json!({"resultType": "input_required"})), "TOOL_FAILED", "asks for user input"),
        (result(json!({"content": text(&large)})), "TOOL_FAILED", "answers with more than the probe reads"),
    ];
    for (reply, code, expected) in cases {
        let shown = format!("{reply:.200?}");
        let told = told_with(calls.clone(), calling(move |_| reply.clone())).await;
        assert_eq!(told.code(), format!("FAILED:{code}"), "{shown}: {}", told.detail());
        assert!(told.detail().contains(expected), "{shown}: {}", told.detail());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_call_that_gets_no_answer_once_is_repeated() {
    let done = || result(json!({"content": [], "resultType": "complete"}));
    for broken in [Reply::Unreachable, Reply::new(503, ""), done().broken(), Reply::new(429, "")] {
        let shown = format!("{broken:?}");
        let reply = move |before| if before == 0 { broken.clone() } else { done() };
        let told = told_with(json!({"CallTool": "tool_0"}), calling(reply)).await;
        assert_eq!((told.code(), told.count("tools/call")), ("PASSED", 2), "{shown}: {}", told.detail());
    }
    let mut world = World::new();
    let runtime = runtime(&mut world, json!({})).await;
    // The last of the requests.
    world.fault("InvokeAgentRuntime", 3, 1, FaultEffect::ReplyLostAfter);
    probe(&mut world, &runtime, json!({"CallTool": "tool_001"})).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_of_a_call_are_refused_before_any_call() {
    for (changes, expected) in [
        (json!({"CallArguments": {"a": "b"}}), "`CallArguments` has no effect without `CallTool`"),
        (json!({"CallTool": "x", "CallArguments": "a=b"}), "`CallArguments` is a string, but not a JSON object"),
        (json!({"CallTool": "x", "CallArguments": "[]"}), "`CallArguments` is a string, but not a JSON object"),
        (json!({"CallTool": "x".repeat(129)}), "`CallTool` has 129 characters; use at most 128"),
        (json!({"CallTool": "x", "Auth": "ANONYMOUS"}), "`CallTool` has no effect when `Auth` is ANONYMOUS"),
    ] {
        let mut world = World::new();
        let runtime = runtime(&mut world, json!({})).await;
        let before = world.call_count();
        let answer = probe(&mut world, &runtime, changes).await;
        assert!(answer.failure().starts_with(expected), "{}", answer.reason());
        assert_eq!(world.calls_since(before), [""; 0]);
    }
}
