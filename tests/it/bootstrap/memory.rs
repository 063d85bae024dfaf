//! The worst documents that a server, an identity provider or an event can send, against the memory that the templates
//! give the function.

use std::io::Write;

use emulator::container::AnswerForm;
use emulator::identity_provider::{Endpoint, Failure, ProviderFault};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The memory of the function in the templates.
const MEMORY_BYTES: u64 = 128 << 20;
/// The size of a document, just within what is read.
const DOCUMENT_BYTES: usize = (1 << 20) - 100;
const ISSUER: &str = "https://tenant.auth0.com/";
const SERVER: &str = "https://server.auth0.com/";

/// Returns JSON documents that take far more memory than text if they are read as trees.
fn worst() -> Vec<(&'static str, String)> {
    let nested = format!("{}1{}", "{\"\":".repeat(110), "}".repeat(110));
    let lists = format!("{}{}", "[".repeat(110), "]".repeat(110));
    let filled = |entry: &str| {
        let entries = vec![entry; DOCUMENT_BYTES / (entry.len() + 1)];
        format!("{{\"x\":[{}]}}", entries.join(","))
    };
    let entries = (0..DOCUMENT_BYTES / 10).map(|number| format!("\"{number:05x}\":1")).collect::<Vec<_>>();
    let keys: Vec<_> = (0..100_000).map(|number| format!("{{\"kid\":\"{number}\"}}")).collect();
    let mut keys = format!("{{\"keys\":[{}]", keys.join(","));
    keys.truncate(DOCUMENT_BYTES);
    vec![
        ("nested maps", filled(&nested)),
        ("nested lists", filled(&lists)),
        ("numbers", filled("1")),
        ("texts", filled("\"\"")),
        ("maps", filled("{\"\":1}")),
        ("members", format!("{{{}}}", entries.join(","))),
        ("a key set of 100000 keys", keys),
        ("an endless document", "[".repeat(3 << 20)),
    ]
}

fn provider(issuer: &str) -> Provider {
    let client = Client::new(&canary("client")).audiences(&["https://mcp.example.com"]);
    Provider::new(ClaimStyle::Auth0, issuer).with_client("app", client)
}

fn fail(aws: &Aws, issuer: &str, endpoint: Endpoint, failure: Failure) {
    let provider = provider(issuer).with_fault(ProviderFault::At(endpoint, failure));
    aws.with(|world| world.identity_providers.add(provider));
}

/// Sends one request to a fresh process. Returns its answer and the peak of its memory.
async fn peak(aws: &Aws, kind: &str, properties: Value) -> (Value, u64) {
    let proxy = transport::listen_proxy(aws, 0).await.expect("a port");
    let binary = RuntimeApi::new(aws, proxy.environment(), env!("CARGO_BIN_EXE_provisioner"));
    let answer = create(aws, &binary, (kind, "request"), properties, &[]).await.expect("answered");
    binary.stop().await;
    check_log(&binary.logs());
    (answer, binary.peak_memory().expect("the system reports it"))
}

async fn check(aws: &Aws, what: &str, kind: &str, properties: Value) {
    let (answer, bytes) = peak(aws, kind, properties).await;
    assert_eq!(answer["Status"], "FAILED", "{what}: {answer}");
    assert!(bytes < MEMORY_BYTES, "{what}: {bytes} bytes");
}

#[tokio::test]
async fn the_worst_documents_from_every_source_fit_into_the_functions_memory() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    aws.with(|world| world.identity_providers.add(provider(ISSUER)));
    let properties = json!({"AgentRuntimeName": "server", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE,
        "InboundAuth": "JWT", "Issuer": ISSUER, "AllowedAudience": "https://mcp.example.com"});
    let (runtime, _) = peak(&aws, RUNTIME.resource_type, properties.clone()).await;
    let probe = json!({"Endpoint": runtime["Data"]["McpUrl"], "Auth": "BEARER", "Issuer": ISSUER, "ClientId": "app",
        "ClientSecret": canary("client"), "CustomParameters": {"audience": "https://mcp.example.com"}});
    let anonymous = json!({"Endpoint": provider(SERVER).token_endpoint, "Auth": "ANONYMOUS"});
    for (what, document) in worst() {
        fail(&aws, ISSUER, Endpoint::Discovery, Failure::Document(document.clone()));
        check(&aws, &format!("a discovery document of {what}"), RUNTIME.resource_type, properties.clone()).await;
        fail(&aws, SERVER, Endpoint::Token, Failure::Challenge(provider(ISSUER).discovery_url()));
        check(&aws, &format!("resource metadata of {what}"), PROBE.resource_type, anonymous.clone()).await;
        fail(&aws, ISSUER, Endpoint::Token, Failure::Document(document.clone()));
        check(&aws, &format!("a token endpoint's answer of {what}"), PROBE.resource_type, probe.clone()).await;
        aws.with(|world| {
            world.identity_providers.add(provider(ISSUER));
            let start = Start::Normal(Duration::ZERO);
            let answers = AnswerForm::Page("application/json");
            let page = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{document}}}");
            world.containers.behave(Behaviour { start, answers, page, ..Behaviour::default() });
        });
        check(&aws, &format!("an MCP result of {what}"), PROBE.resource_type, probe.clone()).await;
        if let Ok(mut properties) = serde_json::from_str::<Value>(&document) {
            properties["ContainerUri"] = json!(IMAGE);
            check(&aws, &format!("properties of {what}"), RUNTIME.resource_type, properties).await;
        }
    }
}

/// The largest number of values that an event may have, each a map with one entry.
#[tokio::test]
async fn the_largest_event_fits_into_the_functions_memory() {
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    let nested = format!("{}1{}", "{\"\":".repeat(100), "}".repeat(100));
    let properties = format!("{{\"x\":[{}]}}", vec![nested; 490].join(","));
    let properties: Value = serde_json::from_str(&properties).expect("JSON");
    let (answer, bytes) = peak(&aws, RUNTIME.resource_type, properties).await;
    assert!(answer["Reason"].as_str().is_some_and(|reason| reason.starts_with("`x` is not a property")), "{answer}");
    assert!(bytes < MEMORY_BYTES, "{bytes} bytes");
}

/// A body of one megabyte that would take a gigabyte.
#[tokio::test]
async fn a_compressed_document_is_not_inflated() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..1024 {
        bomb.write_all(&vec![b' '; 1 << 20]).expect("memory");
    }
    let bomb = bomb.finish().expect("memory");
    assert!(bomb.len() < DOCUMENT_BYTES * 2);
    let aws = account();
    put_role(&aws, FUNCTION_ROLE, "lambda.amazonaws.com");
    put_role(&aws, EXECUTION_ROLE, "bedrock-agentcore.amazonaws.com");
    fail(&aws, ISSUER, Endpoint::Discovery, Failure::Compressed(bomb));
    let properties = json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE, "InboundAuth": "JWT", "Issuer": ISSUER,
        "AllowedAudience": "https://mcp.example.com"});
    check(&aws, "a compressed document", RUNTIME.resource_type, properties).await;
}
