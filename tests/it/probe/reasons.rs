//! The reason that is reported if a server answers several requests, each differently.

use std::time::Duration;

use serde_json::json;

use super::scripted::{Reply, Request, discovered, initialized, page, result, told};

fn unknown() -> Reply {
    Reply::error(404, -32_601, "Method not found")
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_of_the_newest_revision_is_judged_by_what_it_says_in_it() {
    for (status, code, says) in [
        (401, "SERVER_REFUSED", "the server itself refused the probe (HTTP 401)"),
        (403, "SERVER_REFUSED", "the server itself refused the probe (HTTP 403)"),
        (503, "SERVER_ERROR", "the server kept failing (HTTP 503)"),
        (429, "THROTTLED", "AgentCore throttled every attempt"),
    ] {
        for initialize in [unknown(), Reply::error(400, -32_022, "Unsupported protocol version")] {
            let told = told(move |request: &Request<'_>| match request.method {
                "server/discover" => discovered(json!({"tools": {}})),
                "tools/list" => Reply::new(status, r#"{"error":"bad upstream key"}"#),
                _ => initialize.clone(),
            })
            .await;
            assert_eq!(told.code(), format!("FAILED:{code}"), "{}", told.detail());
            assert!(told.detail().starts_with(says), "{}", told.detail());
            assert!(told.detail().contains("bad upstream key"), "{}", told.detail());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_discovery_that_fails_is_not_hidden_by_an_older_revision_that_is_refused() {
    for (first, code) in [
        (Reply::new(503, "down"), "PASSED"),
        (Reply::new(429, "slowly"), "PASSED"),
        (discovered(json!({"tools": {}})).broken(), "PASSED"),
    ] {
        let told = told(move |request: &Request<'_>| match (request.method, request.before) {
            ("server/discover", 0) => first.clone(),
            ("server/discover", _) => discovered(json!({"tools": {}})),
            ("tools/list", _) => page(2, None),
            _ => unknown(),
        })
        .await;
        assert_eq!((told.code(), told.tools()), (code, "2"), "{}", told.detail());
        assert_eq!(told.count("server/discover"), 2);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_older_revision_that_fails_does_not_mean_that_there_are_no_tools() {
    for prevented in [
        Reply::new(429, r#"{"message":"Rate exceeded"}"#).with("x-amzn-errortype", "ThrottlingException"),
        Reply::Unreachable,
        page(0, None).after(Duration::from_secs(100)),
    ] {
        let told = told(move |request: &Request<'_>| match request.method {
            "server/discover" => discovered(json!({"tools": {}})),
            "tools/list" => unknown(),
            _ => prevented.clone(),
        })
        .await;
        assert_ne!(told.code(), "PASSED", "{}", told.detail());
    }
    // A server that refuses every older revision does not have tools.
    let told = told(|request: &Request<'_>| match request.method {
        "server/discover" => discovered(json!({"tools": {}})),
        _ => unknown(),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "0"), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_slow_answer_is_not_judged_by_the_answer_before_it() {
    let told = told(|request: &Request<'_>| match (request.method, request.before) {
        ("initialize", 0) => unknown().after(Duration::from_mins(1)),
        ("initialize", _) => initialized(json!({"tools": {}})),
        ("tools/list", _) => page(1, None),
        _ => Reply::new(404, "Not Found"),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "1"), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_stops_answering_is_named() {
    let told = told(|request: &Request<'_>| match request.method {
        "initialize" => unknown().after(Duration::from_mins(1)),
        _ => Reply::new(404, "Not Found"),
    })
    .await;
    assert_eq!(told.code(), "FAILED:TIMED_OUT");
    assert_eq!(told.detail(), "the server stopped answering: no answer within 45 s");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_error_on_a_later_page_does_not_take_the_tools_away() {
    for capabilities in [json!({}), json!({"tools": {}})] {
        let told = told(move |request: &Request<'_>| match (request.method, request.params["cursor"].as_str()) {
            ("initialize", _) => initialized(capabilities.clone()),
            ("tools/list", None) => page(30, Some("2")),
            _ => unknown(),
        })
        .await;
        assert_eq!(told.code(), "FAILED:MCP_ERROR", "{}", told.detail());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failure_does_not_prove_that_a_server_has_no_tools() {
    for (reply, code) in [
        (Reply::new(503, "down"), "SERVER_ERROR"),
        (Reply::new(401, "bad upstream key"), "SERVER_REFUSED"),
        (Reply::new(403, "bad upstream key"), "SERVER_REFUSED"),
        (Reply::new(429, "slowly"), "THROTTLED"),
        (Reply::error(200, -32_603, "upstream is down"), "SERVER_ERROR"),
        (Reply::error(200, -32_001, "Request timed out"), "MCP_ERROR"),
        (Reply::new(200, "<html>").with("content-type", "text/html"), "NOT_MCP"),
        (Reply::new(200, "{\"jsonrpc\":\"2.0\",\"id\":").broken(), "TIMED_OUT"),
    ] {
        for newest in [false, true] {
            let failing = reply.clone();
            let told = told(move |request: &Request<'_>| match request.method {
                "server/discover" if newest => discovered(json!({})),
                "initialize" if !newest => initialized(json!({})),
                "tools/list" => failing.clone(),
                _ => unknown(),
            })
            .await;
            assert_eq!(told.code(), format!("FAILED:{code}"), "{reply:?}: {}", told.detail());
        }
    }
    for reply in [unknown(), Reply::error(200, -32_601, "x"), Reply::error(200, -32_000, "x"), Reply::new(405, "")] {
        let told = told(move |request: &Request<'_>| match request.method {
            "initialize" => initialized(json!({})),
            "tools/list" => reply.clone(),
            _ => unknown(),
        })
        .await;
        assert_eq!((told.code(), told.tools()), ("PASSED", "0"), "{}", told.detail());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_only_discovers_without_naming_tools_is_asked_in_an_older_revision() {
    let told = told(|request: &Request<'_>| match (request.method, request.before) {
        ("server/discover", _) => discovered(json!({})),
        ("initialize", _) => initialized(json!({"tools": {}})),
        ("tools/list", 0) => Reply::error(200, -32_000, "not in this revision"),
        ("tools/list", _) => page(3, None),
        _ => result(json!({})),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "3"), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let half = "event: message\ndata: {\"jsonrpc\":\"2.0\",";
    for broken in [
        page(1, None).broken(),
        Reply::new(200, half).with("content-type", "text/event-stream").broken(),
        Reply::new(200, ": open\n\n").with("content-type", "text/event-stream"),
    ] {
        for method in ["initialize", "tools/list"] {
            let broken = broken.clone();
            let told = told(move |request: &Request<'_>| match (request.method, request.before) {
                (asked, 0) if asked == method => broken.clone(),
                ("initialize", 1..4) if method == "initialize" => unknown(),
                ("initialize", _) => initialized(json!({"tools": {}})),
                ("tools/list", _) => page(1, None),
                _ => unknown(),
            })
            .await;
            assert_eq!((told.code(), told.tools()), ("PASSED", "1"), "{method}: {}", told.detail());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_session_that_the_server_has_lost_is_started_again() {
    let told = told(|request: &Request<'_>| match (request.method, request.before) {
        ("initialize", _) => initialized(json!({"tools": {}})).with("mcp-session-id", "s"),
        ("tools/list", 0) => Reply::error(404, -32_001, "Session not found"),
        ("tools/list", _) => page(1, None),
        _ => unknown(),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "1"), "{}", told.detail());
    // A server that loses every session fails.
    let told = super::scripted::told(|request: &Request<'_>| match request.method {
        "initialize" => initialized(json!({"tools": {}})).with("mcp-session-id", "s"),
        "tools/list" => Reply::error(404, -32_001, "Session not found"),
        _ => unknown(),
    })
    .await;
    assert_eq!(told.code(), "FAILED:MCP_ERROR", "{}", told.detail());
    assert!(told.took < Duration::from_mins(3), "{:?}", told.took);
}
