//! Servers of every revision of MCP deploy, in every way to refuse a newer revision and in every way in which AgentCore
//! passes the refusal on. The tests prove the table in docs/reference.md line by line.

mod open_stream;

use std::fs;
use std::path::Path;

use emulator::container::{AnswerForm, Behaviour, REVISIONS, RefusalStyle};
use emulator::settings::{ContainerRefusals, Settings};
use serde_json::json;

use crate::gateway_target::Scene;
use crate::probe::{behave, probe, runtime};
use crate::world::{PROBE, World};

const HEADING: &str = "\n### Revisions and refusals\n";

/// The cost of one probe.
struct Cost {
    requests: usize,
    starts: u64,
}

/// Deploys a server and probes it. The probe has to pass in the server's newest revision.
async fn deploy(passing: ContainerRefusals, behaviour: Behaviour) -> Cost {
    let what = format!("{behaviour:?} {passing:?}");
    let newest = behaviour.revisions[0].clone();
    let mut world = World::with_settings(Settings { container_refusals: passing, ..Settings::default() });
    behave(&world, behaviour);
    let runtime = runtime(&mut world, json!({})).await;
    let before = world.call_count();
    let answer = probe(&mut world, &runtime, json!({})).await;
    assert!(answer.is_success(), "{what}: {}", answer.reason());
    assert_eq!((answer.attribute("ProtocolVersion"), answer.attribute("ToolCount")), (&*newest, "3"), "{what}");
    let calls = world.calls_since(before);
    assert!(calls.iter().all(|call| *call == "InvokeAgentRuntime"), "{what}: {calls:?}");
    Cost { requests: calls.len(), starts: world.aws.with(|world| world.containers.starts()) }
}

fn server(revision: &str, refusal: RefusalStyle) -> Behaviour {
    Behaviour { revisions: vec![revision.to_owned()], refusal, ..Behaviour::default() }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_combination_deploys_with_one_container_start() {
    for revision in REVISIONS {
        for (passing, _) in ContainerRefusals::ALL {
            for (refusal, _) in RefusalStyle::ALL {
                // The oldest revision is offered last.
                let both: &[bool] = if revision == "2025-03-26" { &[true, false] } else { &[true] };
                for &counters in both {
                    let cost = deploy(passing, Behaviour { counters, ..server(revision, refusal) }).await;
                    // An older revision costs server/discover, then initialize, its notification, a page, and the end.
                    let is_named = refusal == RefusalStyle::UnsupportedRevision && passing == ContainerRefusals::Plain;
                    let offers = if counters || is_named { 0 } else { 2 };
                    let requests = if revision == "2026-07-28" { 2 } else { 1 + 4 + offers };
                    let what = format!("{revision} {passing:?} {refusal:?} counters: {counters}");
                    assert_eq!((cost.requests, cost.starts), (requests, 1), "{what}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn stateful_servers_deploy_with_one_container_start() {
    for revision in &REVISIONS[1..] {
        for (passing, _) in ContainerRefusals::ALL {
            for answers in [AnswerForm::Json, AnswerForm::Sse] {
                let stateful = Behaviour { stateful: true, tools: 3, page_size: 2, answers, ..Behaviour::default() };
                let behaviour = Behaviour { revisions: vec![(*revision).to_owned()], ..stateful };
                let cost = deploy(passing, behaviour).await;
                assert_eq!((cost.requests, cost.starts), (1 + 5, 1), "{revision} {passing:?} {answers:?}");
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_only_discovers_in_the_newest_revision_is_asked_in_an_older_one() {
    for (passing, _) in ContainerRefusals::ALL {
        for (refusal, _) in RefusalStyle::ALL {
            let mut world = World::with_settings(Settings { container_refusals: passing, ..Settings::default() });
            behave(&world, Behaviour { discovers_only: true, refusal, ..Behaviour::default() });
            let runtime = runtime(&mut world, json!({})).await;
            let answer = probe(&mut world, &runtime, json!({})).await;
            assert!(answer.is_success(), "{passing:?} {refusal:?}: {}", answer.reason());
            assert_eq!(answer.attribute("ProtocolVersion"), "2025-11-25");
            assert_eq!(world.aws.with(|world| world.containers.starts()), 1);
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn headers_that_do_not_reach_the_server_do_not_fail_it() {
    for revision in ["2025-06-18", "2025-03-26"] {
        let mut world = World::new();
        behave(&world, server(revision, RefusalStyle::MethodNotFound));
        world.aws.with(|world| world.containers.strip_mcp_headers(true));
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await;
        assert!(answer.is_success(), "{revision}: {}", answer.reason());
    }
    // The newest revision requires the headers. The server's older revisions do not.
    let mut world = World::new();
    world.aws.with(|world| world.containers.strip_mcp_headers(true));
    let runtime = runtime(&mut world, json!({"RequestHeaders": ""})).await;
    let answer = probe(&mut world, &runtime, json!({})).await.success();
    assert_eq!(answer.attribute("ToolCount"), "3");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_refuses_every_revision_is_named_at_once() {
    for (passing, _) in ContainerRefusals::ALL {
        for refusal in [RefusalStyle::InvalidRequest, RefusalStyle::UnsupportedRevision, RefusalStyle::Empty] {
            let mut world = World::with_settings(Settings { container_refusals: passing, ..Settings::default() });
            behave(&world, Behaviour { counters: false, ..server("2024-10-07", refusal) });
            let runtime = runtime(&mut world, json!({})).await;
            let answer = probe(&mut world, &runtime, json!({})).await;
            let said = answer.failure();
            assert!(said.starts_with("the server refuses every revision of MCP that the probe speaks: "), "{said}");
            for revision in REVISIONS {
                assert!(said.contains(&format!("{revision} (HTTP 400")), "{said}");
            }
            assert_eq!(world.aws.with(|world| world.containers.starts()), 1, "{said}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_revision_that_is_not_offered_is_spoken_with_a_server_that_names_it() {
    let behaviour = server("2024-11-05", RefusalStyle::UnsupportedRevision);
    let cost = deploy(ContainerRefusals::Plain, Behaviour { counters: false, ..behaviour }).await;
    assert_eq!((cost.requests, cost.starts), (1 + 4, 1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_reads_the_tools_of_servers_that_name_no_revision() {
    for revision in ["2025-06-18", "2025-03-26"] {
        let limited = json!({"protocolConfiguration": {"mcp": {"supportedVersions": ["2025-03-26"]}}});
        let mut scene = Scene::with(Settings::default(), limited, json!({})).await;
        scene.behave(Behaviour { counters: false, ..server(revision, RefusalStyle::ServerError) });
        let target = scene.target(json!({})).await;
        let properties = json!({"Endpoint": target.attribute("GatewayUrl"), "GatewayTargetId": target.physical_id()});
        let answer = scene.world.send(PROBE.create(properties)).await;
        assert_eq!(answer.success().attribute("ProtocolVersion"), "2025-03-26");
    }
}

/// The documented table has a line for each way to refuse that the test above runs, and a column for each way to pass
/// the refusal on.
#[test]
fn the_documented_table_is_tested() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md")).expect("a page");
    let (_, section) = page.split_once(HEADING).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut lines = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let passings = ContainerRefusals::ALL.map(|(_, name)| name).join(" | ");
    assert_eq!(lines.next(), Some(format!("The server refuses with | {passings} |").trim_end_matches(" |")));
    let [newest, older @ ..] = REVISIONS;
    let older = older.iter().rev().copied().collect::<Vec<_>>().join(", ");
    assert!(section.contains(&format!("all four are {older} and {newest}.")));
    let covered = "all four";
    let documented: Vec<_> = lines.collect();
    let tested = RefusalStyle::ALL.map(|(_, name)| format!("{name} | {covered} | {covered} | {covered}"));
    assert_eq!(documented, tested);
}
