//! The MCP server behind the data plane: revisions, forms, sessions, pages, headers.

use serde_json::json;

use super::*;
use crate::container::{AnswerForm, REVISIONS, RefusalStyle};

fn enveloped(method: &str, revision: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": revision,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}}}})
}

fn with(answers: AnswerForm, stateful: bool) -> Behaviour {
    Behaviour { answers, stateful, tools: 5, page_size: 2, ..Behaviour::default() }
}

/// Follows the pages of `tools/list`.
async fn names(scene: &Scene, headers: &[(&'static str, &str)]) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut message = list_tools();
        if cursor.is_string() {
            message["params"]["cursor"] = cursor;
        }
        let answer = scene.post(message, headers).await;
        let tools = answer.body["result"]["tools"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone();
        names.extend(tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()));
        cursor = answer.body["result"]["nextCursor"].clone();
        if cursor.is_null() {
            return names;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_revisions_with_a_handshake_in_every_form() {
    for revision in &REVISIONS[1..] {
        for (answers, stateful) in [(AnswerForm::Json, false), (AnswerForm::Sse, false), (AnswerForm::Sse, true)] {
            let scene = Scene::new(with(answers, stateful)).await;
            let answer = scene.post(initialize(revision), &[]).await;
            let result = &answer.body["result"];
            assert_eq!(result["protocolVersion"], *revision, "{}", answer.text);
            assert_eq!(result["serverInfo"]["name"], "emulated-mcp-server");
            let sse = answer.header("content-type").starts_with("text/event-stream");
            assert_eq!(sse, answers == AnswerForm::Sse);
            let session = answer.session();
            let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", revision)];
            let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            assert_eq!(scene.post(initialized, &headers).await.status, 202);
            let names = names(&scene, &headers).await;
            assert_eq!(names, ["tool_001", "tool_002", "tool_003", "tool_004", "tool_005"]);
            let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
                "params": {"name": "tool_004", "arguments": {}}});
            let called = scene.post(call, &headers).await;
            assert_eq!(called.body["result"]["content"][0]["text"], "tool_004 was called", "{}", called.text);
            assert_eq!(scene.aws.with(|world| world.containers.starts()), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_revision_without_a_handshake() {
    for stateful in [false, true] {
        let scene = Scene::new(with(AnswerForm::Json, stateful)).await;
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "server/discover")];
        let answer = scene.post(enveloped("server/discover", "2026-07-28"), &headers).await;
        assert_eq!(answer.body["result"]["supportedVersions"][0], "2025-03-26", "{}", answer.text);
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
        let answer = scene.post(enveloped("tools/list", "2026-07-28"), &headers).await;
        let result = &answer.body["result"];
        assert_eq!(result["tools"].as_array().map(Vec::len), Some(2), "{}", answer.text);
        assert!(result["resultType"].is_string() && result["nextCursor"].is_string(), "{}", answer.text);
        let answer = scene.post(enveloped("tools/list", "2026-07-28"), &headers[..1]).await;
        assert_eq!((answer.status, answer.error_code()), (400, -32020), "{}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_server_refuses_the_newest_revision() {
    let old = Behaviour { revisions: vec!["2025-06-18".to_owned()], ..Behaviour::default() };
    let scene = Scene::new(old).await;
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "server/discover")];
    let answer = scene.post(enveloped("server/discover", "2026-07-28"), &headers).await;
    assert_eq!((answer.status, answer.error_code()), (400, -32600), "{}", answer.text);
    let answer = scene.post(initialize("2025-11-25"), &[]).await;
    assert_eq!(answer.body["result"]["protocolVersion"], "2025-06-18", "it offers what it has: {}", answer.text);
    assert_eq!(scene.list(&[("mcp-protocol-version", "2025-11-25")]).await.status, 400);
    assert_eq!(scene.list(&[("mcp-protocol-version", "2025-06-18")]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_new_server_refuses_a_revision_with_its_list() {
    let new = Behaviour { revisions: vec!["2026-07-28".to_owned()], ..Behaviour::default() };
    let scene = Scene::new(new).await;
    let headers = [("mcp-protocol-version", "2027-01-01"), ("mcp-method", "server/discover")];
    let answer = scene.post(enveloped("server/discover", "2027-01-01"), &headers).await;
    assert_eq!((answer.status, answer.error_code()), (400, -32022), "{}", answer.text);
    let answer = scene.post(initialize("2025-11-25"), &[]).await;
    assert!(answer.body["error"].is_object(), "{}", answer.text);
    assert_eq!(scene.list(&[]).await.error_code(), -32020, "a request without a revision is not of an older one");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_an_unsupported_revision_names_those_that_are_supported() {
    let revisions = vec!["2025-06-18".to_owned(), "2025-03-26".to_owned()];
    let refusal = RefusalStyle::UnsupportedRevision;
    let scene = Scene::new(Behaviour { revisions, refusal, counters: false, ..Behaviour::default() }).await;
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "server/discover")];
    for (message, headers, requested) in [
        (enveloped("server/discover", "2026-07-28"), &headers[..], "2026-07-28"),
        (initialize("2025-11-25"), &[][..], "2025-11-25"),
    ] {
        let answer = scene.post(message, headers).await;
        assert_eq!((answer.status, answer.error_code()), (400, -32022), "{}", answer.text);
        let expected = json!({"requested": requested, "supported": ["2025-06-18", "2025-03-26"]});
        assert_eq!(answer.body["error"]["data"], expected, "{}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_revision_needs_its_envelope() {
    for stateful in [false, true] {
        let scene = Scene::new(with(AnswerForm::Json, stateful)).await;
        let parts = &enveloped("tools/list", "2026-07-28")["params"]["_meta"];
        let mut without_revision = parts.clone();
        without_revision["io.modelcontextprotocol/protocolVersion"].take();
        let mut without_capabilities = parts.clone();
        without_capabilities["io.modelcontextprotocol/clientCapabilities"].take();
        for method in ["server/discover", "tools/list"] {
            let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
            for params in [json!({}), json!({"_meta": without_revision}), json!({"_meta": without_capabilities})] {
                let message = json!({"jsonrpc": "2.0", "id": 17, "method": method, "params": params});
                let answer = scene.post(message, &headers).await;
                let seen = (answer.status, answer.error_code(), &answer.body["id"]);
                assert_eq!(seen, (400, -32602, &json!(17)), "{method} {params}: {}", answer.text);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stateful_server_wants_its_session() {
    let scene = Scene::new(with(AnswerForm::Sse, true)).await;
    let unknown = scene.list(&[("mcp-protocol-version", "2025-06-18")]).await;
    assert_eq!(unknown.status, 404, "the platform's id is none of the server's: {}", unknown.text);
    let session = scene.post(initialize("2025-06-18"), &[]).await.session();
    let headers = [("mcp-session-id", session.as_str())];
    assert_eq!(scene.list(&headers).await.status, 200);
    let mut delete = scene.request(&Value::Null);
    *delete.method_mut() = http::Method::DELETE;
    delete.headers_mut().insert("mcp-session-id", session.parse().expect("a header value"));
    let ended = scene.send_as(&Principal::Administrator, delete).await.status;
    assert!((200..300).contains(&ended), "{ended}");
    assert_eq!(scene.list(&headers).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn no_tools_and_no_such_tool() {
    let scene = Scene::new(Behaviour { tools: 0, ..Behaviour::default() }).await;
    assert_eq!(scene.list(&[]).await.body["result"]["tools"], json!([]));
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "x", "arguments": {}}});
    assert_eq!(scene.post(call, &[]).await.error_code(), -32602);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_arguments_fails_as_by_a_schema() {
    let scene = Scene::new(Behaviour::default()).await;
    let mut call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "tool_001"}});
    let answer = scene.post(call.clone(), &[]).await;
    assert_eq!(answer.body["result"]["isError"], true, "{}", answer.text);
    call["params"]["arguments"] = json!({});
    let answer = scene.post(call, &[]).await;
    assert_eq!(answer.body["result"]["content"][0]["text"], "tool_001 was called", "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn only_modelled_and_listed_headers_reach_the_container() {
    let scene = Scene::with(
        Behaviour::default(),
        json!({"requestHeaderConfiguration": {"requestHeaderAllowlist": ["X-Team", "mcp-method"]}}),
    )
    .await;
    // The container's refusals show what it receives: it needs `Mcp-Method` and the revision's header.
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    assert_eq!(scene.post(enveloped("tools/list", "2026-07-28"), &headers).await.status, 200);
    scene.aws.with(|world| world.containers.strip_mcp_headers(true));
    let answer = scene.post(enveloped("tools/list", "2026-07-28"), &headers).await;
    assert_eq!((answer.status, answer.error_code()), (400, -32020), "{}", answer.text);
    let long = "x".repeat(4097);
    assert_eq!(scene.list(&[("x-team", &long)]).await.error_code(), -32006);
    assert_eq!(scene.list(&[("x-other", &long)]).await.status, 200);
}

#[tokio::test]
async fn loopback_answers_in_the_same_way() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    tokio::time::pause();
    let scene = Scene::new(Behaviour::default()).await;
    tokio::time::resume();
    let listener = crate::transport::listen(&scene.aws, 0).await.expect("a free port");
    let host = listener.address().to_string();
    let mut request = scene.request(&list_tools());
    *request.uri_mut() = format!("https://{host}{}", scene.path()).parse().expect("a URI");
    request.headers_mut().insert("host", host.parse().expect("a header value"));
    let credentials = scene.aws.credentials(&Principal::Administrator);
    let request = signed(request, &credentials, "bedrock-agentcore", scene.aws.clock().now());
    let mut raw = format!("POST {} HTTP/1.1\r\nconnection: close\r\n", scene.path());
    for (name, value) in request.headers() {
        raw = format!("{raw}{name}: {}\r\n", value.to_str().expect("a text"));
    }
    raw = format!("{raw}content-length: {}\r\n\r\n", request.body().len());
    let mut stream = tokio::net::TcpStream::connect(listener.address()).await.expect("a connection");
    stream.write_all(&[raw.as_bytes(), request.body()].concat()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("tool_003"), "{answer}");
}
