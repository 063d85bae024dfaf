//! Servers that refuse a revision by error -32022 and name those that they support (MCP 2026-07-28).

use serde_json::{Value, json};

use super::scripted::{Reply, Request, Told, discovered, initialized, page, told};

const FALLBACK: [&str; 4] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"];

/// Returns an error that names these revisions.
fn refusal(code: i64, supported: &Value) -> Reply {
    let data = json!({"requested": "x", "supported": supported});
    let error = json!({"code": code, "message": "Unsupported protocol version", "data": data});
    Reply::new(400, &json!({"jsonrpc": "2.0", "id": 1, "error": error}).to_string())
}

fn unsupported(supported: &Value) -> Reply {
    refusal(-32_022, supported)
}

/// Asserts in which revisions a server was asked that refused all of them.
fn assert_asked(told: &Told, code: i64, revisions: &[&str]) {
    let asked: Vec<_> = revisions.iter().map(|it| format!("{it} (HTTP 400, error {code})")).collect();
    let expected = format!("the server refuses every revision of MCP that the probe speaks: {}: ", asked.join(", "));
    assert!(told.detail().starts_with(&expected), "{expected}\n{}", told.detail());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_newest_common_revision_is_tried_next_and_once() {
    for (supported, asked) in [
        (json!(["2026-07-28"]), &["2026-07-28", "2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"][..]),
        (json!(["2025-03-26", "2025-06-18"]), &["2026-07-28", "2025-06-18", "2025-11-25", "2025-03-26"]),
        (json!([7, "2024-11-05"]), &["2026-07-28", "2024-11-05", "2025-11-25", "2025-06-18", "2025-03-26"]),
    ] {
        let told = told(move |_: &Request<'_>| unsupported(&supported)).await;
        assert_asked(&told, -32_022, asked);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refusal_that_names_no_common_revision_changes_no_order() {
    for supported in [json!(["2027-01-01", "2024-10-07"]), json!([]), json!([2025]), json!("2025-06-18"), json!(null)] {
        let told = told(move |_: &Request<'_>| unsupported(&supported)).await;
        assert_asked(&told, -32_022, &FALLBACK);
    }
    let bare = told(|_: &Request<'_>| Reply::error(400, -32_022, "Unsupported protocol version")).await;
    assert_asked(&bare, -32_022, &FALLBACK);
    let other = told(|_: &Request<'_>| refusal(-32_602, &json!(["2025-03-26"]))).await;
    assert_asked(&other, -32_602, &FALLBACK);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_refuses_the_newest_revision_once_and_names_it_is_asked_in_it_again() {
    let told = told(|request: &Request<'_>| match (request.method, request.before) {
        ("server/discover", 0) => unsupported(&json!(["2026-07-28"])),
        ("server/discover", _) => discovered(json!({"tools": {}})),
        _ => page(2, None),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "2"), "{}", told.detail());
    assert_eq!(told.requests, ["server/discover", "server/discover", "tools/list"]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refused_list_and_a_refused_offer_name_a_revision_too() {
    let told = told(|request: &Request<'_>| match (request.method, request.params["protocolVersion"].as_str()) {
        ("server/discover", _) => discovered(json!({"tools": {}})),
        ("initialize", Some("2025-06-18")) => initialized(json!({"tools": {}})),
        ("tools/list", _) if request.before > 0 => page(2, None),
        // The newest revision has led to nothing before.
        _ => unsupported(&json!(["2026-07-28", "2025-06-18"])),
    })
    .await;
    assert_eq!((told.code(), told.tools()), ("PASSED", "2"), "{}", told.detail());
    let expected = ["server/discover", "tools/list", "initialize", "notifications/initialized", "tools/list"];
    assert_eq!(told.requests, expected);
}
