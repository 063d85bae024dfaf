//! MCP through the gateway: revisions, names, pages, search, forwarded calls.

use serde_json::json;

use super::*;

fn gateway(mcp: &Value, more: Value) -> Value {
    merged(json!({"authorizerType": "AWS_IAM", "protocolConfiguration": {"mcp": mcp}}), more)
}

fn initialize(revision: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": revision,
        "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
}

fn enveloped(method: &str, revision: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": revision,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}}}})
}

#[tokio::test(start_paused = true)]
async fn revisions_are_those_the_gateway_was_created_for() {
    let mcp = json!({"supportedVersions": ["2025-03-26", "2025-06-18"], "instructions": "Ask first."});
    let scene = Scene::with(Behaviour::default(), json!({}), gateway(&mcp, json!({}))).await;
    for (asked, agreed) in [("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-06-18")] {
        let answer = scene.post(initialize(asked), &[]).await;
        let result = &answer.body["result"];
        assert_eq!(
            (result["protocolVersion"].as_str(), result["instructions"].as_str()),
            (Some(agreed), Some("Ask first."))
        );
        assert_eq!(result["serverInfo"]["name"], "Tools");
    }
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(scene.post(initialized, &[("mcp-protocol-version", "2025-06-18")]).await.status, 202);
    let ping = json!({"jsonrpc": "2.0", "id": 5, "method": "ping"});
    assert_eq!(scene.post(ping, &[]).await.body["result"], json!({}));
    for (message, version) in [(enveloped("server/discover", "2026-07-28"), "2026-07-28"), (list_tools(), "2025-11-25")]
    {
        let answer = scene.post(message, &[("mcp-protocol-version", version), ("mcp-method", "server/discover")]).await;
        assert_eq!((answer.status, answer.error_code()), (400, -32022), "{}", answer.text);
        assert_eq!(answer.body["error"]["data"]["supported"], json!(["2025-03-26", "2025-06-18"]));
    }
    let get = Request::get(format!("https://{}/mcp", scene.host())).header("host", scene.host()).body(Vec::new());
    assert_eq!(scene.send_as(&Principal::Administrator, get.expect("a request")).await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn the_newest_revision_needs_no_handshake() {
    let scene = Scene::new(Behaviour::default()).await;
    scene.ready_target("zcc").await;
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "server/discover")];
    let answer = scene.post(enveloped("server/discover", "2026-07-28"), &headers).await;
    assert_eq!(answer.body["result"]["supportedVersions"], json!(VERSIONS), "{}", answer.text);
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    let answer = scene.post(enveloped("tools/list", "2026-07-28"), &headers).await;
    assert_eq!((answer.names().len(), answer.body["result"]["resultType"].is_string()), (3, true), "{}", answer.text);
    let answer = scene.post(enveloped("tools/list", "2026-07-28"), &headers[..1]).await;
    assert_eq!((answer.status, answer.error_code()), (400, -32020), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_comes_in_pages_of_thirty_with_the_search_tool_first() {
    let mcp = json!({"supportedVersions": VERSIONS, "searchType": "SEMANTIC"});
    let behaviour = Behaviour { tools: 40, ..Behaviour::default() };
    let scene = Scene::with(behaviour, json!({}), gateway(&mcp, json!({}))).await;
    scene.ready_target("one").await;
    scene.ready_target("two").await;
    let mut names: Vec<String> = Vec::new();
    let mut pages = Vec::new();
    let mut message = list_tools();
    loop {
        let answer = scene.post(message.clone(), &[]).await;
        pages.push(answer.names().len());
        names.extend(answer.names().into_iter().map(str::to_owned));
        let cursor = &answer.body["result"]["nextCursor"];
        if cursor.is_null() {
            break;
        }
        message["params"]["cursor"] = cursor.clone();
    }
    assert_eq!(pages, [30, 30, 21]);
    assert_eq!(names[0], "x_amz_bedrock_agentcore_search");
    assert_eq!(
        [&names[1], &names[40], &names[41], &names[80]],
        ["one___tool_001", "one___tool_040", "two___tool_001", "two___tool_040"]
    );
    message["params"]["cursor"] = json!("beyond");
    assert_eq!(scene.post(message, &[]).await.error_code(), -32602);

    let search = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call",
        "params": {"name": "x_amz_bedrock_agentcore_search", "arguments": {"query": "call Tool_007 please"}}});
    let answer = scene.post(search, &[]).await;
    let found: Value = serde_json::from_str(answer.said().0).expect("JSON");
    let found: Vec<_> = found["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].as_str()).collect();
    assert_eq!(found, [Some("one___tool_007"), Some("two___tool_007")]);
    assert_eq!(scene.call("x_amz_bedrock_agentcore_search").await.error_code(), -32602, "a search needs a query");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_pagination_lists_everything_at_once() {
    for (disabled, expected) in [(true, 41), (false, 30)] {
        let mcp = json!({"supportedVersions": VERSIONS, "searchType": "SEMANTIC",
            "disableMcpListToolsPagination": disabled});
        let behaviour = Behaviour { tools: 40, ..Behaviour::default() };
        let scene = Scene::with(behaviour, json!({}), gateway(&mcp, json!({}))).await;
        scene.ready_target("one").await;
        let answer = scene.post(list_tools(), &[]).await;
        assert_eq!(answer.names().len(), expected);
        assert_eq!(answer.body["result"]["nextCursor"].is_null(), disabled);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_forwarded() {
    let scene = Scene::new(Behaviour::default()).await;
    scene.ready_target("zcc").await;
    assert_eq!(scene.call("zcc___tool_002").await.said(), ("tool_002 was called", false));
    for unknown in ["zcc___tool_009", "other___tool_002", "tool_002", "x_amz_bedrock_agentcore_search"] {
        let answer = scene.call(unknown).await;
        assert_eq!((answer.status, answer.error_code()), (200, -32602), "{}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_behind_the_gateway_are_told_in_debug_only() {
    let mcp = json!({"supportedVersions": VERSIONS});
    for (more, debug) in [(json!({}), false), (json!({"exceptionLevel": "DEBUG"}), true)] {
        let scene = Scene::with(Behaviour::default(), json!({}), gateway(&mcp, more)).await;
        scene.ready_target("zcc").await;
        scene.put_gateway_policy(&json!([]));
        let answer = scene.call("zcc___tool_001").await;
        let (said, failed) = answer.said();
        assert!(failed);
        assert_eq!(said.contains("InvokeAgentRuntime"), debug, "{said}");
        assert_eq!(said == "An internal error occurred. Please retry later.", !debug, "{said}");
        assert_eq!(scene.list().await.names().len(), 3, "the catalogue proves nothing about what is behind it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_target_is_listed_live() {
    let scene = Scene::new(Behaviour { tools: 2, ..Behaviour::default() }).await;
    let mut input = scene.target_input("live", Some(iam("bedrock-agentcore")));
    input["targetConfiguration"]["mcp"]["mcpServer"]["listingMode"] = json!("DYNAMIC");
    let target = scene.create_target(input).await;
    assert_eq!(scene.outcome(&target), ("READY", None));
    assert_eq!(scene.list().await.names().len(), 2);
    scene.aws.with(|world| world.containers.behave(Behaviour { tools: 5, ..Behaviour::default() }));
    assert_eq!(scene.list().await.names().len(), 5);
    assert_eq!(scene.call("live___tool_005").await.said(), ("tool_005 was called", false));
    scene.put_gateway_policy(&json!([]));
    let refused = scene.list().await;
    assert_eq!((refused.status, refused.error_code()), (200, -32603), "{}", refused.text);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_ready_offers_nothing() {
    let scene = Scene::new(Behaviour::default()).await;
    let answer = scene.control("CreateGatewayTarget", scene.target_input("zcc", Some(iam("bedrock-agentcore"))));
    assert_eq!(scene.list().await.names(), Vec::<&str>::new(), "it is being created");
    let target = scene.settled(&text(&answer, "targetId")).await;
    assert_eq!(scene.list().await.names().len(), 3);
    scene.control("DeleteGatewayTarget", json!({"gatewayIdentifier": scene.gateway_id, "targetId": target.id}));
    assert_eq!(scene.list().await.names(), Vec::<&str>::new(), "it is being deleted");
    assert_eq!(scene.call("zcc___tool_001").await.error_code(), -32602);
}

/// Sends a request of revision 2026-07-28, which needs no handshake and describes its client itself.
async fn modern(scene: &Scene, method: &str, mut params: Value) -> Answer {
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}});
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    if !name.is_empty() {
        headers.push(("mcp-name", &name));
    }
    scene.post(json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}), &headers).await
}

#[tokio::test(start_paused = true)]
async fn every_result_of_the_newest_revision_says_that_it_is_complete() {
    let semantic = json!({"authorizerType": "AWS_IAM", "protocolConfiguration": {"mcp": {
        "supportedVersions": VERSIONS, "searchType": "SEMANTIC"}}});
    let scene = Scene::with(Behaviour::default(), json!({}), semantic).await;
    scene.ready_target("zcc").await;
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({"name": "zcc___tool_001", "arguments": {}})),
        ("tools/call", json!({"name": "x_amz_bedrock_agentcore_search", "arguments": {"query": "tool"}})),
    ] {
        let answer = modern(&scene, method, params).await;
        assert_eq!((answer.status, &answer.body["result"]["resultType"]), (200, &json!("complete")), "{}", answer.text);
    }
    // The target cannot be reached now: an error of the tool is a result like any other.
    scene.put_gateway_policy(&json!([]));
    let failed = modern(&scene, "tools/call", json!({"name": "zcc___tool_001", "arguments": {}})).await;
    assert_eq!((failed.said().1, &failed.body["result"]["resultType"]), (true, &json!("complete")));
    let older = scene.post(list_tools(), &[("mcp-protocol-version", "2025-11-25")]).await;
    assert_eq!(older.body["result"].get("resultType"), None, "older revisions do not know it");
}
