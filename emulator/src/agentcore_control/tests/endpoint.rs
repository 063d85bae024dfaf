//! Runtime endpoints besides `DEFAULT`: the version that they serve, and the obstacles to a deletion.

use serde_json::{Value, json};

use super::{Account, update, with};
use crate::service::Outcome;

const TOKEN: &str = "00000000-0000-0000-0000-000000000000";

fn named(id: &str, name: &str) -> Value {
    json!({"agentRuntimeId": id, "name": name})
}

fn at(id: &str, name: &str) -> Value {
    json!({"agentRuntimeId": id, "endpointName": name})
}

impl Account {
    /// Its status, its target version and its live version.
    fn endpoint(&mut self, id: &str, name: &str) -> (String, String, Option<String>) {
        let endpoint = self.ok("GetAgentRuntimeEndpoint", at(id, name));
        let text = |member: &str| endpoint[member].as_str().map(str::to_owned);
        (text("status").unwrap_or_default(), text("targetVersion").unwrap_or_default(), text("liveVersion"))
    }

    fn new_version(&mut self, id: &str, description: &str) {
        self.ok("UpdateAgentRuntime", with(update(id), "description", json!(description)));
        self.pass(30);
    }
}

fn endpoint(status: &str, target: &str, live: Option<&str>) -> (String, String, Option<String>) {
    (status.to_owned(), target.to_owned(), live.map(str::to_owned))
}

#[test]
fn an_endpoint_stays_at_its_version_until_it_is_moved() {
    let (mut account, id) = Account::with_runtime();
    let input = with(with(named(&id, "prod"), "description", json!("d")), "tags", json!({"k": "v"}));
    let made = account.ok("CreateAgentRuntimeEndpoint", input);
    let arn = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/{id}/runtime-endpoint/prod");
    assert_eq!((&made["agentRuntimeEndpointArn"], &made["targetVersion"]), (&json!(arn), &json!("1")));
    assert_eq!(account.endpoint(&id, "prod"), endpoint("CREATING", "1", None));
    account.pass(30);
    assert_eq!(account.endpoint(&id, "prod"), endpoint("READY", "1", Some("1")));
    assert_eq!(account.ok("GetAgentRuntimeEndpoint", at(&id, "prod"))["description"], "d");
    assert_eq!(account.ok("ListTagsForResource", json!({"resourceArn": arn})), json!({"tags": {"k": "v"}}));

    account.new_version(&id, "two");
    assert_eq!(account.endpoint(&id, "DEFAULT"), endpoint("READY", "2", Some("2")));
    assert_eq!(account.endpoint(&id, "prod"), endpoint("READY", "1", Some("1")));
    let moved = account.ok("UpdateAgentRuntimeEndpoint", with(at(&id, "prod"), "agentRuntimeVersion", json!("2")));
    assert_eq!((&moved["status"], &moved["liveVersion"]), (&json!("UPDATING"), &json!("1")));
    assert_eq!(account.endpoint(&id, "prod"), endpoint("UPDATING", "2", Some("1")));
    account.pass(30);
    assert_eq!(account.endpoint(&id, "prod"), endpoint("READY", "2", Some("2")));
    let reset = &account.ok("GetAgentRuntimeEndpoint", at(&id, "prod"))["description"];
    assert_eq!(*reset, Value::Null, "an update that leaves it out resets it");

    assert_eq!(account.ok("DeleteAgentRuntimeEndpoint", at(&id, "prod"))["status"], "DELETING");
    assert_eq!(account.endpoint(&id, "prod"), endpoint("DELETING", "2", None));
    account.pass(20);
    for operation in ["GetAgentRuntimeEndpoint", "UpdateAgentRuntimeEndpoint", "DeleteAgentRuntimeEndpoint"] {
        assert_eq!(account.code(operation, at(&id, "prod")), "ResourceNotFoundException");
    }
    assert_eq!(account.code("ListTagsForResource", json!({"resourceArn": arn})), "ResourceNotFoundException");
}

#[test]
fn an_update_that_fails_leaves_the_endpoint_where_it_was() {
    let (mut account, id) = Account::with_runtime();
    account.outcome = Outcome::Failed("no capacity".to_owned());
    account.ok("CreateAgentRuntimeEndpoint", named(&id, "broken"));
    account.pass(30);
    assert_eq!(account.endpoint(&id, "broken"), endpoint("CREATE_FAILED", "1", None));
    assert_eq!(account.ok("GetAgentRuntimeEndpoint", at(&id, "broken"))["failureReason"], "no capacity");
    assert_eq!(account.code("UpdateAgentRuntimeEndpoint", at(&id, "broken")), "ConflictException");
    account.outcome = Outcome::Normal;
    account.ok("CreateAgentRuntimeEndpoint", named(&id, "prod"));
    account.pass(30);
    account.new_version(&id, "two");
    account.outcome = Outcome::Failed("no capacity".to_owned());
    account.ok("UpdateAgentRuntimeEndpoint", at(&id, "prod"));
    account.pass(30);
    assert_eq!(account.endpoint(&id, "prod"), endpoint("UPDATE_FAILED", "2", Some("1")));
    account.outcome = Outcome::Normal;
    account.ok("UpdateAgentRuntimeEndpoint", at(&id, "prod"));
    account.pass(30);
    assert_eq!(account.endpoint(&id, "prod"), endpoint("READY", "2", Some("2")));
    account.ok("DeleteAgentRuntimeEndpoint", at(&id, "broken"));
}

#[test]
fn default_and_busy_endpoints_and_runtimes_refuse() {
    let mut account = Account::new();
    let id = account.create(super::create("server"));
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", named(&id, "early")), "ConflictException");
    account.pass(30);
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", named(&id, "DEFAULT")), "ConflictException");
    for operation in ["UpdateAgentRuntimeEndpoint", "DeleteAgentRuntimeEndpoint"] {
        assert_eq!(account.code(operation, at(&id, "DEFAULT")), "ConflictException");
    }
    let stranger = id.replace("server", "nobody");
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", named(&stranger, "x")), "ResourceNotFoundException");
    let version = with(named(&id, "x"), "agentRuntimeVersion", json!("7"));
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", version), "ResourceNotFoundException");

    let create = with(named(&id, "one"), "clientToken", json!(TOKEN));
    let made = account.ok("CreateAgentRuntimeEndpoint", create.clone());
    assert_eq!(account.ok("CreateAgentRuntimeEndpoint", create), made, "a repetition is not another call");
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", named(&id, "one")), "ConflictException");
    for operation in ["UpdateAgentRuntimeEndpoint", "DeleteAgentRuntimeEndpoint"] {
        assert_eq!(account.code(operation, at(&id, "one")), "ConflictException", "{operation} while it is created");
    }
    account.pass(30);
    account.outcome = Outcome::Failed("broken".to_owned());
    account.ok("UpdateAgentRuntime", with(update(&id), "description", json!("two")));
    account.pass(30);
    let broken = with(named(&id, "x"), "agentRuntimeVersion", json!("2"));
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", broken), "ValidationException", "version 2 never worked");
}

#[test]
fn endpoints_keep_their_runtime_and_their_version() {
    let (mut account, id) = Account::with_runtime();
    account.ok("CreateAgentRuntimeEndpoint", named(&id, "prod"));
    account.pass(30);
    account.new_version(&id, "two");
    account.new_version(&id, "three");
    let version = |number: &str| json!({"agentRuntimeId": id, "agentRuntimeVersion": number});
    assert_eq!(account.code("DeleteAgentRuntime", version("1")), "ConflictException");
    account.ok("DeleteAgentRuntime", version("2"));
    assert_eq!(account.code("DeleteAgentRuntime", json!({"agentRuntimeId": id})), "ConflictException");
    let left = account.service.holdings(account.now).into_keys().collect::<Vec<_>>();
    assert_eq!(left, [format!("endpoint prod of runtime {id}"), format!("runtime {id}")]);
    account.ok("DeleteAgentRuntimeEndpoint", at(&id, "prod"));
    account.pass(20);
    account.ok("DeleteAgentRuntime", json!({"agentRuntimeId": id}));
}

#[test]
fn endpoints_are_listed_late_and_ten_are_enough() {
    let (mut account, id) = Account::with_runtime();
    for number in 1..10 {
        account.ok("CreateAgentRuntimeEndpoint", named(&id, &format!("e{number}")));
    }
    assert_eq!(account.code("CreateAgentRuntimeEndpoint", named(&id, "late")), "ServiceQuotaExceededException");
    let names = |account: &mut Account, input: Value| {
        let list = account.ok("ListAgentRuntimeEndpoints", input);
        let endpoints = list["runtimeEndpoints"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> =
            endpoints.iter().map(|it| it["name"].as_str().unwrap_or_default().to_owned()).collect();
        (names, list["nextToken"].clone())
    };
    let list = json!({"agentRuntimeId": id});
    assert_eq!(names(&mut account, list.clone()).0, ["DEFAULT"]);
    account.pass(30);
    let (first, token) = names(&mut account, with(list.clone(), "maxResults", json!(6)));
    let (second, _) = names(&mut account, with(list.clone(), "nextToken", token));
    assert_eq!((first.len(), second), (6, ["e6", "e7", "e8", "e9"].map(str::to_owned).to_vec()));
    account.ok("DeleteAgentRuntimeEndpoint", at(&id, "e9"));
    account.pass(20);
    assert_eq!(names(&mut account, list.clone()).0.len(), 10, "a deleted one lingers");
    account.pass(5);
    assert_eq!(names(&mut account, list).0.len(), 9);
}

#[test]
fn endpoint_calls_need_the_runtime_and_the_endpoint() {
    let (mut account, id) = Account::with_runtime();
    account.ok("CreateAgentRuntimeEndpoint", with(named(&id, "prod"), "tags", json!({"k": "v"})));
    let runtime = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/{id}");
    let endpoint = format!("{runtime}/runtime-endpoint/prod");
    let needed = account.needs("CreateAgentRuntimeEndpoint", with(named(&id, "prod"), "tags", json!({"k": "v"})));
    let needed: Vec<_> = needed.iter().map(|need| (need.action.as_str(), need.resource.as_str())).collect();
    let create = ("bedrock-agentcore:CreateAgentRuntimeEndpoint", runtime.as_str());
    assert_eq!(needed, [create, ("bedrock-agentcore:TagResource", endpoint.as_str())]);
    for operation in ["UpdateAgentRuntimeEndpoint", "DeleteAgentRuntimeEndpoint"] {
        let needed = account.needs(operation, at(&id, "prod"));
        let resources: Vec<_> = needed.iter().map(|need| need.resource.as_str()).collect();
        assert_eq!(resources, [runtime.as_str(), endpoint.as_str()], "{operation}");
        assert_eq!(needed[1].context["aws:ResourceTag/k"], ["v"]);
    }
}
