//! The words and headers of answers: their forms, their authors, and the parts that are quoted.

use serde_json::json;

use super::scripted::{Reply, Request, initialized, page, told, told_with};

const STREAM: &str = "text/event-stream";

#[tokio::test(flavor = "local", start_paused = true)]
async fn bodies_and_events_are_read_alike() {
    let tools = r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"café"}]}}"#.to_owned();
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
    for json in [tools.clone(), format!("\u{feff}{tools}"), format!("[{notification},{tools}]")] {
        let event = format!("data: {json}\n\n");
        for reply in [Reply::new(200, &json), Reply::new(200, &event).with("content-type", STREAM)] {
            // The server does not write UTF-8.
            let reply = reply.in_latin_1();
            let told = told(move |request: &Request<'_>| match request.method {
                "initialize" => initialized(json!({"tools": {}})),
                "tools/list" => reply.clone(),
                _ => Reply::error(404, -32_601, "Method not found"),
            })
            .await;
            assert_eq!((told.code(), told.tools()), ("PASSED", "1"), "{json}: {}", told.detail());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_malformed_error_is_an_error() {
    for (error, words) in [
        (json!({"code": -32000}), "-32000"),
        (json!({"code": -32000, "message": null}), "-32000"),
        (json!({"code": -32000, "message": {"why": "no licence"}}), "no licence"),
        (json!({"code": "invalid_licence", "message": "no licence"}), "no licence"),
        (json!({"code": 1.5, "message": "no licence"}), "no licence"),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 3, "error": error}).to_string();
        for reply in
            [Reply::new(200, &body), Reply::new(200, &format!("data: {body}\n\n")).with("content-type", STREAM)]
        {
            let told = told(move |request: &Request<'_>| match request.method {
                "initialize" => initialized(json!({"tools": {}})),
                "tools/list" => reply.clone(),
                _ => Reply::error(404, -32_601, "Method not found"),
            })
            .await;
            assert_eq!(told.code(), "FAILED:MCP_ERROR", "{body}: {}", told.detail());
            assert!(told.detail().contains(words), "{}", told.detail());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn headers_are_quoted_unless_nothing_may_be_quoted() {
    let long = format!("Bearer realm={}", "x".repeat(3000));
    for (reply, shown) in [
        (Reply::new(401, "no").with("www-authenticate", &long), "Bearer realm="),
        (Reply::new(200, "no").with("content-type", "text/strange"), "\"text/strange\""),
    ] {
        for secret in [None, Some("absent")] {
            let reply = reply.clone();
            let changes = secret.map_or_else(|| json!({}), |secret| json!({"SecretId": secret}));
            let told = told_with(changes, move |_: &Request<'_>| reply.clone()).await;
            assert_eq!(told.detail().contains(shown), secret.is_none(), "{}", told.detail());
            assert!(told.detail().len() < 900, "{}", told.detail());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_aws_refusal_to_the_server_is_the_servers_own_error() {
    for words in [
        "The security token included in the request is expired",
        "Rate exceeded",
        "Signature expired: 20260101T000000Z",
        "a service quota is used up",
        "x is not authorized to perform: bedrock-agentcore:GetWorkloadAccessToken",
    ] {
        let told = told(move |request: &Request<'_>| match request.method {
            "initialize" => initialized(json!({"tools": {}})),
            "tools/list" => Reply::error(200, -32_603, words),
            _ => Reply::error(404, -32_601, "Method not found"),
        })
        .await;
        assert_eq!(told.code(), "FAILED:SERVER_ERROR", "{}", told.detail());
        assert!(told.detail().contains(words), "{}", told.detail());
    }
    for code in [-32_001, -32_002, -32_004] {
        let told = told(move |request: &Request<'_>| match request.method {
            "initialize" => initialized(json!({"tools": {}})),
            "tools/list" => Reply::error(200, code, "not there"),
            _ => Reply::error(404, -32_601, "Method not found"),
        })
        .await;
        assert_eq!(told.code(), "FAILED:MCP_ERROR", "{}", told.detail());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn agentcores_other_errors_are_named_as_its_own() {
    for (status, name, words, code) in [
        (400, "ValidationException", "the runtime is not MMDSv2-enabled", "PLATFORM_REFUSED"),
        (404, "UnknownOperationException", "no such operation", "PLATFORM_REFUSED"),
        (500, "InternalServerException", "an internal error", "PLATFORM_FAILED"),
    ] {
        let body = json!({"message": words}).to_string();
        let told = told(move |_: &Request<'_>| Reply::new(status, &body).with("x-amzn-errortype", name)).await;
        assert_eq!(told.code(), format!("FAILED:{code}"), "{}", told.detail());
        assert!(told.detail().starts_with("AgentCore itself "), "{}", told.detail());
        assert!(told.detail().contains(name) && told.detail().contains(words), "{}", told.detail());
        assert_eq!(told.requests.len() == 4, status < 500, "one attempt in every revision: {:?}", told.requests);
    }
}

/// AgentCore in a Region may not know the newest revision.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_revision_that_agentcore_itself_refuses_is_not_the_last() {
    let told = told(|request: &Request<'_>| match request.method {
        "server/discover" => {
            let words = r#"{"message":"Value '2026-07-28' at 'mcpProtocolVersion' failed to satisfy constraint"}"#;
            Reply::new(400, words).with("x-amzn-errortype", "ValidationException")
        }
        "initialize" => initialized(json!({"tools": {}})),
        _ => page(1, None),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "1"), "{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refused_attempt_ends_its_session() {
    let told = told(|request: &Request<'_>| match (request.method, request.before) {
        ("initialize", 0..3) => Reply::new(500, "not yet").with("mcp-session-id", "s"),
        ("initialize", _) => initialized(json!({"tools": {}})),
        ("tools/list", _) => page(1, None),
        _ => Reply::error(404, -32_601, "Method not found"),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "1"), "{}", told.detail());
    assert_eq!(told.count("DELETE"), 1, "{:?}", told.requests);
}
