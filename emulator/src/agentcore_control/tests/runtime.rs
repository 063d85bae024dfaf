//! States, versions, conflicts, client tokens, lists, endpoints, tags.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Mismatch, Status, Work};
use super::{Account, create, update, with};
use crate::service::Outcome;

const TOKEN: &str = "0123456789-0123456789-0123456789-01";

fn id_of(id: &str) -> Value {
    json!({"agentRuntimeId": id})
}

#[test]
fn from_creation_to_deletion() {
    let mut account = Account::new();
    let created = account.ok("CreateAgentRuntime", create("server"));
    let id = created["agentRuntimeId"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("server-") && id.len() == "server-".len() + 10);
    let arn = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/{id}");
    assert_eq!((&created["agentRuntimeArn"], &created["status"]), (&json!(arn), &json!("CREATING")));
    assert_eq!(created["createdAt"], "2026-09-01T00:01:00Z");
    account.pass(29);
    assert_eq!(account.status(&id), "CREATING");
    account.pass(1);
    let got = account.get(&id);
    assert_eq!((&got["status"], &got["agentRuntimeVersion"]), (&json!("READY"), &json!("1")));
    assert!(got["workloadIdentityDetails"]["workloadIdentityArn"].as_str().is_some_and(|arn| arn.ends_with(&id)));

    assert_eq!(account.ok("DeleteAgentRuntime", id_of(&id))["status"], "DELETING");
    account.pass(19);
    assert_eq!(account.status(&id), "DELETING");
    account.pass(1);
    let error = account.refused("GetAgentRuntime", id_of(&id));
    assert_eq!((error.status, error.code), (404, "ResourceNotFoundException"));
    assert_eq!(error.message, format!("Agent '{id}' was not found. Please check the agent ID and try again."));
    assert_eq!(account.service.runtimes(account.now).count(), 0);
    assert_eq!(account.service.deleted_runtimes(account.now).count(), 1);
}

#[test]
fn no_change_while_a_change_is_under_way() {
    let mut account = Account::new();
    let id = account.create(create("server"));
    assert_eq!(account.code("UpdateAgentRuntime", update(&id)), "ConflictException");
    assert_eq!(account.code("DeleteAgentRuntime", id_of(&id)), "ConflictException");
    account.pass(30);
    account.ok("UpdateAgentRuntime", with(update(&id), "description", json!("new")));
    assert_eq!(account.code("UpdateAgentRuntime", update(&id)), "ConflictException");
    assert_eq!(account.code("DeleteAgentRuntime", id_of(&id)), "ConflictException");
    account.pass(30);
    account.ok("DeleteAgentRuntime", id_of(&id));
    assert_eq!(account.code("UpdateAgentRuntime", update(&id)), "ConflictException");
    assert_eq!(account.code("DeleteAgentRuntime", id_of(&id)), "ConflictException");
}

#[test]
fn a_name_is_taken_until_its_runtime_is_gone() {
    let (mut account, id) = Account::with_runtime();
    assert_eq!(account.code("CreateAgentRuntime", create("server")), "ConflictException");
    account.ok("DeleteAgentRuntime", id_of(&id));
    account.pass(19);
    assert_eq!(account.code("CreateAgentRuntime", create("server")), "ConflictException");
    account.pass(1);
    assert_ne!(account.create(create("server")), id);
}

#[test]
fn operations_fail_or_hang_when_a_fault_says_so() {
    let mut account = Account::new();
    account.outcome = Outcome::Failed("the image is for another architecture".to_owned());
    let id = account.create(create("server"));
    account.pass(30);
    let got = account.get(&id);
    assert_eq!(got["status"], "CREATE_FAILED");
    assert_eq!(got["failureReason"], "the image is for another architecture");
    assert_eq!(account.code("UpdateAgentRuntime", update(&id)), "ConflictException");
    account.ok("DeleteAgentRuntime", id_of(&id));
    account.pass(20);
    assert_eq!(account.status(&id), "DELETE_FAILED");
    assert_eq!(account.service.take_work(), [], "the runtime keeps its sessions");
    account.outcome = Outcome::Stuck;
    account.ok("DeleteAgentRuntime", id_of(&id));
    account.pass(100_000);
    assert_eq!(account.status(&id), "DELETING");
    let stuck = account.create(create("other"));
    account.pass(100_000);
    assert_eq!(account.status(&stuck), "CREATING");
}

#[test]
fn a_failed_update_leaves_the_endpoint_on_the_old_version() {
    let (mut account, id) = Account::with_runtime();
    account.outcome = Outcome::Failed("no such tag".to_owned());
    let changed = with(update(&id), "description", json!("new"));
    account.ok("UpdateAgentRuntime", changed.clone());
    account.outcome = Outcome::Normal;
    account.pass(30);
    let got = account.get(&id);
    assert_eq!((&got["status"], &got["failureReason"]), (&json!("UPDATE_FAILED"), &json!("no such tag")));
    let endpoint = with(id_of(&id), "endpointName", json!("DEFAULT"));
    let shown = account.ok("GetAgentRuntimeEndpoint", endpoint.clone());
    assert_eq!((&shown["liveVersion"], &shown["targetVersion"]), (&json!("1"), &json!("2")));
    // The same configuration again is a new attempt.
    assert_eq!(account.ok("UpdateAgentRuntime", changed)["agentRuntimeVersion"], "3");
    account.pass(30);
    assert!(account.get(&id).get("failureReason").is_none());
    assert_eq!(account.ok("GetAgentRuntimeEndpoint", endpoint)["liveVersion"], "3");
}

#[test]
fn versions() {
    let (mut account, id) = Account::with_runtime();
    let same = account.ok("UpdateAgentRuntime", update(&id));
    assert_eq!((&same["agentRuntimeVersion"], &same["status"]), (&json!("1"), &json!("READY")));
    let changed = account.ok("UpdateAgentRuntime", with(update(&id), "description", json!("two")));
    assert_eq!((&changed["agentRuntimeVersion"], &changed["status"]), (&json!("2"), &json!("UPDATING")));
    let first = with(id_of(&id), "agentRuntimeVersion", json!("1"));
    assert_eq!(account.ok("GetAgentRuntime", first.clone())["status"], "READY");
    account.pass(30);
    assert_eq!(account.get(&id)["description"], "two");
    assert!(account.ok("GetAgentRuntime", first.clone()).get("description").is_none());
    let listed = account.ok("ListAgentRuntimeVersions", id_of(&id));
    assert_eq!(listed["agentRuntimes"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["agentRuntimes"][1]["description"], "two");

    let newest = with(id_of(&id), "agentRuntimeVersion", json!("2"));
    assert_eq!(account.code("DeleteAgentRuntime", newest), "ConflictException");
    assert_eq!(account.ok("DeleteAgentRuntime", first.clone())["agentRuntimeVersion"], "1");
    assert_eq!(account.code("GetAgentRuntime", first), "ResourceNotFoundException");
    assert_eq!(account.status(&id), "READY");
}

#[test]
fn a_repeated_token_gets_the_first_answer_for_ever() {
    let mut account = Account::new();
    let input = with(create("server"), "clientToken", json!(TOKEN));
    let first = account.ok("CreateAgentRuntime", input.clone());
    account.pass(30);
    assert_eq!(account.ok("CreateAgentRuntime", input.clone()), first);
    let other = with(input.clone(), "description", json!("other"));
    let error = account.refused("CreateAgentRuntime", other.clone());
    assert_eq!((error.code, error.reason), ("ValidationException", Some("IdempotentParameterMismatchException")));
    account.service.answer_mismatched_tokens_with(Mismatch::Conflict);
    assert_eq!(account.code("CreateAgentRuntime", other), "ConflictException");

    let id = first["agentRuntimeId"].as_str().expect("an id").to_owned();
    let delete = with(id_of(&id), "clientToken", json!(TOKEN));
    account.ok("DeleteAgentRuntime", delete.clone());
    assert_eq!(
        account.service.take_work(),
        [Work::EndRuntime(first["agentRuntimeArn"].as_str().expect("one").to_owned())]
    );
    account.pass(20);
    assert_eq!(account.ok("DeleteAgentRuntime", delete)["status"], "DELETING");
    assert_eq!(account.service.take_work(), [], "the sessions end once");
    assert_eq!(account.ok("CreateAgentRuntime", input), first);
    assert_eq!(account.code("GetAgentRuntime", id_of(&id)), "ResourceNotFoundException");
    // A call that was refused leaves its token unused.
    let refused = with(with(create("late"), "clientToken", json!(TOKEN.replace('0', "9"))), "roleArn", json!("arn:x"));
    account.refused("CreateAgentRuntime", refused.clone());
    account.ok("CreateAgentRuntime", with(refused, "roleArn", json!(super::ROLE)));
}

#[test]
fn lists_lag_and_are_paged() {
    let mut account = Account::new();
    for name in ["a", "b", "c"] {
        account.create(create(name));
    }
    let names = |answer: &Value| -> Vec<String> {
        let list = answer["agentRuntimes"].as_array().expect("a list");
        list.iter().map(|item| item["agentRuntimeName"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert!(names(&account.ok("ListAgentRuntimes", json!({}))).is_empty());
    account.pass(30);
    let first = account.ok("ListAgentRuntimes", json!({"maxResults": 2}));
    assert_eq!(names(&first), ["a", "b"]);
    // The token stays good when the runtime it ended with goes.
    let b = account.service.runtime_named("b", account.now).expect("made").id.clone();
    account.ok("DeleteAgentRuntime", id_of(&b));
    account.pass(30);
    let second = account.ok("ListAgentRuntimes", json!({"maxResults": 2, "nextToken": first["nextToken"]}));
    assert_eq!((names(&second), second.get("nextToken")), (vec!["c".to_owned()], None));
    assert_eq!(account.code("ListAgentRuntimes", json!({"nextToken": "?"})), "ValidationException");
    account.service.settings.list_page_max = 1;
    let short = account.ok("ListAgentRuntimes", json!({"maxResults": 2}));
    assert_eq!((names(&short).len(), short.get("nextToken").is_some()), (1, true), "the service decides");
    account.service.settings.list_page_max = usize::MAX;

    let a = account.service.runtime_named("a", account.now).expect("made").id.clone();
    account.ok("DeleteAgentRuntime", id_of(&a));
    account.pass(24);
    assert_eq!(account.code("GetAgentRuntime", id_of(&a)), "ResourceNotFoundException");
    let lingering = account.ok("ListAgentRuntimes", json!({}));
    assert_eq!(
        (names(&lingering), &lingering["agentRuntimes"][0]["status"]),
        (vec!["a".into(), "c".into()], &json!("DELETING"))
    );
    account.pass(1);
    assert_eq!(names(&account.ok("ListAgentRuntimes", json!({}))), ["c"]);
}

#[test]
fn gets_lag_behind_every_change() {
    let mut account = Account::new();
    account.service.settings.get_lag = Duration::from_secs(3);
    let id = account.create(create("server"));
    assert_eq!(account.code("GetAgentRuntime", id_of(&id)), "ResourceNotFoundException");
    account.pass(3);
    assert_eq!(account.status(&id), "CREATING");
    account.pass(27);
    account.ok("UpdateAgentRuntime", with(update(&id), "description", json!("two")));
    assert_eq!((account.status(&id), account.get(&id).get("description")), ("READY".to_owned(), None));
    account.pass(3);
    assert_eq!((account.status(&id), &account.get(&id)["agentRuntimeVersion"]), ("UPDATING".to_owned(), &json!("2")));
    account.pass(27);
    account.ok("DeleteAgentRuntime", id_of(&id));
    assert_eq!(account.status(&id), "READY");
    account.pass(3);
    assert_eq!(account.status(&id), "DELETING");
    account.pass(17);
    assert_eq!(account.code("GetAgentRuntime", id_of(&id)), "ResourceNotFoundException");
}

#[test]
fn endpoints_follow_the_runtime() {
    let mut account = Account::new();
    let id = account.create(create("server"));
    let endpoint = with(id_of(&id), "endpointName", json!("DEFAULT"));
    let shown = account.ok("GetAgentRuntimeEndpoint", endpoint.clone());
    assert_eq!((&shown["status"], shown.get("liveVersion")), (&json!("CREATING"), None));
    account.pass(30);
    let shown = account.ok("GetAgentRuntimeEndpoint", endpoint);
    assert_eq!((&shown["status"], &shown["liveVersion"]), (&json!("READY"), &json!("1")));
    assert!(shown["agentRuntimeEndpointArn"].as_str().is_some_and(|arn| arn.ends_with("/runtime-endpoint/DEFAULT")));
    let listed = account.ok("ListAgentRuntimeEndpoints", id_of(&id));
    assert_eq!(listed["runtimeEndpoints"][0]["name"], "DEFAULT");
    let other = with(id_of(&id), "endpointName", json!("other"));
    assert_eq!(account.code("GetAgentRuntimeEndpoint", other), "ResourceNotFoundException");
}

#[test]
fn tags_live_beside_the_versions() {
    let mut account = Account::new();
    let id = account.create(with(create("server"), "tags", json!({"a": "1"})));
    let arn = account.get(&id)["agentRuntimeArn"].clone();
    account.ok("TagResource", json!({"resourceArn": arn, "tags": {"b": "2"}}));
    account.ok("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a"]}));
    assert_eq!(account.ok("ListTagsForResource", json!({"resourceArn": arn})), json!({"tags": {"b": "2"}}));
    assert_eq!(account.get(&id)["agentRuntimeVersion"], "1");
    let reserved = json!({"resourceArn": arn, "tags": {"aws:x": ""}});
    assert_eq!(account.code("TagResource", reserved), "ValidationException");
    let many: serde_json::Map<String, Value> = (0..50).map(|n| (n.to_string(), json!(""))).collect();
    let error = account.refused("TagResource", json!({"resourceArn": arn, "tags": many}));
    assert_eq!((error.status, error.code), (402, "ServiceQuotaExceededException"));
    let none = json!({"resourceArn": format!("{}x", arn.as_str().unwrap_or_default())});
    assert_eq!(account.code("ListTagsForResource", none), "ResourceNotFoundException");
}

#[test]
fn the_state_can_be_read_at_any_time() {
    let (account, id) = Account::with_runtime();
    let runtime = account.service.runtime(&id, account.now).expect("made");
    assert_eq!(runtime.status(account.now), Status::Ready);
    assert_eq!(runtime.configuration().role_arn(), super::ROLE);
    assert_eq!(runtime.configuration().container_uri(), Some(super::IMAGE));
    assert!(runtime.configuration().environment().is_empty());
    assert!(account.service.service_linked_roles().contains("runtime-identity.bedrock-agentcore.amazonaws.com"));
}
