//! Gateway targets: the source of their catalogue, their configuration, and refusals.

use serde_json::{Value, json};

use super::gateway::gateway;
use super::oauth2_credential_provider::provider;
use super::{Account, with};
use crate::agentcore_control::{Synchronization, Work};
use crate::service::Outcome;

pub(super) const RUNTIME: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/\
    arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2Fserver-abcdefghij/invocations?qualifier=DEFAULT";

pub(super) fn server(members: &Value) -> Value {
    let mut server = json!({"endpoint": RUNTIME});
    for (member, value) in members.as_object().into_iter().flatten() {
        server[member] = value.clone();
    }
    json!({"mcp": {"mcpServer": server}})
}

pub(super) fn target(gateway: &str, name: &str, configuration: &Value) -> Value {
    json!({"gatewayIdentifier": gateway, "name": name, "targetConfiguration": configuration})
}

pub(super) fn oauth(provider_arn: &str, grant: &str) -> Value {
    json!([{"credentialProviderType": "OAUTH", "credentialProvider": {"oauthCredentialProvider":
        {"providerArn": provider_arn, "scopes": [], "grantType": grant}}}])
}

fn schema(tools: &Value) -> Value {
    json!({"mcpToolSchema": {"inlinePayload": json!({"tools": tools}).to_string()}})
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "d", "inputSchema": {"type": "object"}})
}

impl Account {
    fn create_target(&mut self, input: Value) -> String {
        self.ok("CreateGatewayTarget", input)["targetId"].as_str().expect("an id").to_owned()
    }

    fn target(&mut self, gateway: &str, id: &str) -> Value {
        self.ok("GetGatewayTarget", json!({"gatewayIdentifier": gateway, "targetId": id}))
    }

    fn tools(&self, gateway: &str, id: &str) -> Vec<Value> {
        let gateway = self.service.gateway(gateway, self.now).expect("a gateway");
        gateway.target(id, self.now).expect("a target").tools.clone()
    }

    fn taken(&mut self) -> Synchronization {
        match self.service.take_work().as_slice() {
            [Work::Synchronize(synchronization)] => synchronization.clone(),
            other => panic!("one synchronization should be pending: {other:?}"),
        }
    }

    fn finish(&mut self, synchronization: &Synchronization, result: Result<Vec<Value>, &str>) {
        self.service.finish_synchronization(synchronization, result.map_err(str::to_owned), self.now);
    }
}

#[test]
fn a_catalogue_is_read_on_create_update_and_on_demand() {
    let (mut account, gateway) = Account::with_gateway();
    let id = account.create_target(target(&gateway, "one", &server(&json!({}))));
    assert!(id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{id}");
    let first = account.taken();
    assert!(account.service.take_work().is_empty(), "it is taken once");
    account.pass(10_000);
    assert_eq!(account.target(&gateway, &id)["status"], "CREATING");
    account.finish(&first, Ok(vec![tool("a")]));
    let got = account.target(&gateway, &id);
    assert_eq!((&got["status"], &got["credentialProviderConfigurations"]), (&json!("READY"), &json!([])));
    assert!(got["lastSynchronizedAt"].is_string());
    assert_eq!(account.tools(&gateway, &id), [tool("a")]);

    let change = with(target(&gateway, "two", &server(&json!({}))), "targetId", json!(id));
    account.ok("UpdateGatewayTarget", change.clone());
    let second = account.taken();
    account.finish(&first, Ok(vec![]));
    assert_eq!(account.target(&gateway, &id)["status"], "UPDATING", "the first ticket is stale");
    account.finish(&second, Err("unreachable"));
    assert_eq!(account.target(&gateway, &id)["status"], "UPDATING", "it takes its time even so");
    account.pass(10);
    let got = account.target(&gateway, &id);
    assert_eq!((&got["status"], &got["statusReasons"]), (&json!("UPDATE_UNSUCCESSFUL"), &json!(["unreachable"])));
    assert_eq!((account.tools(&gateway, &id).len(), &got["name"]), (1, &json!("two")));

    account.ok("UpdateGatewayTarget", change.clone());
    let long = account.taken();
    account.pass(10);
    account.finish(&long, Ok(vec![tool(&"a".repeat(257))]));
    let got = account.target(&gateway, &id);
    let reason = "Tool 1 of the target needs a name of 1 to 256 characters.";
    assert_eq!((&got["status"], &got["statusReasons"]), (&json!("UPDATE_UNSUCCESSFUL"), &json!([reason])));

    let synchronize = json!({"gatewayIdentifier": gateway, "targetIdList": [id]});
    let answer = account.ok("SynchronizeGatewayTargets", synchronize.clone());
    assert_eq!(answer["targets"][0]["status"], "SYNCHRONIZING");
    assert_eq!(account.code("SynchronizeGatewayTargets", synchronize.clone()), "ConflictException");
    assert_eq!(account.code("UpdateGatewayTarget", change), "ConflictException");
    let third = account.taken();
    account.pass(10);
    account.finish(&third, Err("unreachable"));
    assert_eq!(account.target(&gateway, &id)["status"], "SYNCHRONIZE_UNSUCCESSFUL");
    account.outcome = Outcome::Failed("no".to_owned());
    account.ok("SynchronizeGatewayTargets", synchronize);
    assert!(account.service.take_work().is_empty(), "a fault needs no server");
}

#[test]
fn a_failed_create_can_only_be_deleted() {
    let (mut account, gateway) = Account::with_gateway();
    let id = account.create_target(target(&gateway, "one", &server(&json!({}))));
    let taken = account.taken();
    account.pass(20);
    account.finish(&taken, Err("Failed to connect"));
    assert_eq!(account.target(&gateway, &id)["status"], "FAILED");
    let change = with(target(&gateway, "one", &server(&json!({}))), "targetId", json!(id));
    assert_eq!(account.code("UpdateGatewayTarget", change), "ConflictException");
    let delete = json!({"gatewayIdentifier": gateway, "targetId": id});
    account.ok("DeleteGatewayTarget", delete.clone());
    assert_eq!(account.code("DeleteGatewayTarget", delete.clone()), "ConflictException");
    account.pass(10);
    assert_eq!(account.code("DeleteGatewayTarget", delete), "ResourceNotFoundException");
    account.create_target(target(&gateway, "one", &server(&json!({}))));
}

#[test]
fn a_schema_or_a_live_list_needs_no_synchronization() {
    let (mut account, gateway) = Account::with_gateway();
    let given = account.create_target(target(&gateway, "given", &server(&schema(&json!([tool("a"), tool("b")])))));
    account.objects.put("s3://bucket/tools.json", json!({"tools": [tool("c")]}).to_string());
    let s3 = json!({"mcpToolSchema": {"s3": {"uri": "s3://bucket/tools.json"}}});
    let stored = account.create_target(target(&gateway, "stored", &server(&s3)));
    let live = account.create_target(target(&gateway, "live", &server(&json!({"listingMode": "DYNAMIC"}))));
    assert!(account.service.take_work().is_empty());
    assert_eq!(account.target(&gateway, &given)["status"], "CREATING");
    account.pass(10);
    for (id, tools) in [(&given, 2), (&stored, 1), (&live, 0)] {
        assert_eq!(account.target(&gateway, id)["status"], "READY");
        assert_eq!(account.tools(&gateway, id).len(), tools);
        let synchronize = json!({"gatewayIdentifier": gateway, "targetIdList": [id]});
        assert_eq!(account.code("SynchronizeGatewayTargets", synchronize), "ValidationException");
    }
    assert_eq!(account.target(&gateway, &live)["targetConfiguration"]["mcp"]["mcpServer"]["resourcePriority"], 1000);
}

#[test]
fn what_the_model_cannot_express_is_refused() {
    let (mut account, id) = Account::with_gateway();
    let plain = || target(&id, "one", &server(&json!({})));
    let kind =
        |kind: &str| with(plain(), "credentialProviderConfigurations", json!([{"credentialProviderType": kind}]));
    let unencoded = RUNTIME.replace("%3A", ":").replace("%2F", "/");
    let nobody = "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/oauth2credentialprovider/nobody";
    let headers = |names: Value| with(plain(), "metadataConfiguration", json!({"allowedRequestHeaders": names}));
    let mut nameless = plain();
    nameless.as_object_mut().expect("an object").remove("name");
    let lambda = json!({"mcp": {"lambda": {"lambdaArn": "arn:aws:lambda:us-east-1:111122223333:function:f",
                                           "toolSchema": {"inlinePayload": []}}}});
    let signed = json!([{"credentialProviderType": "OAUTH",
                         "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}}}]);
    let s3 = json!({"mcpToolSchema": {"s3": {"uri": "s3://bucket/missing"}}});
    for input in [
        kind("JWT_PASSTHROUGH"),
        kind("CALLER_IAM_CREDENTIALS"),
        kind("OAUTH"),
        with(plain(), "credentialProviderConfigurations", signed),
        with(plain(), "credentialProviderConfigurations", oauth(nobody, "CLIENT_CREDENTIALS")),
        target(&id, "one", &server(&json!({"endpoint": unencoded}))),
        target(&id, "one", &server(&json!({"endpoint": "https:///mcp"}))),
        target(&id, "one", &server(&json!({"endpoint": "https://@"}))),
        target(&id, "one", &server(&json!({"endpoint": "https://user@example.com/mcp"}))),
        target(&id, "one", &lambda),
        target(&id, "one", &server(&json!({"mcpToolSchema": {"inlinePayload": "{"}}))),
        target(&id, "one", &server(&json!({"mcpToolSchema": {"inlinePayload": "[]"}}))),
        target(&id, "one", &server(&schema(&json!([{"name": "a", "inputSchema": {}}])))),
        target(&id, "one", &server(&json!({"mcpToolSchema": {"inlinePayload": " ".repeat(1024 * 1024 + 1)}}))),
        target(&id, "one", &server(&s3)),
        headers(json!(["Cookie"])),
        headers(json!(["Authorization"])),
        headers(json!(["X-A", "x-a"])),
        nameless,
    ] {
        let error = account.refused("CreateGatewayTarget", input.clone());
        assert_eq!((error.code, error.reason), ("ValidationException", Some("FieldValidationFailed")), "{input}");
    }
    let message = account.refused("CreateGatewayTarget", kind("GATEWAY_IAM_ROLE")).message;
    assert_eq!(message, "IamCredentialProvider is required for mcpServer targets using IAM authentication");
    let iam = json!([{"credentialProviderType": "GATEWAY_IAM_ROLE",
                      "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}}}]);
    let made = account.create_target(with(plain(), "credentialProviderConfigurations", iam));
    let gateway = account.service.gateway(&id, account.now).expect("a gateway");
    let target = gateway.target(&made, account.now).expect("a target");
    assert_eq!(target.credential().map(|it| &it["credentialProviderType"]), Some(&json!("GATEWAY_IAM_ROLE")));
    assert_eq!((target.endpoint(), target.is_dynamic()), (RUNTIME, false));
    assert_eq!(account.code("CreateGatewayTarget", plain()), "ConflictException", "the name is taken");
}

#[test]
fn a_persons_consent_is_waited_for_without_end() {
    let (mut account, gateway) = Account::with_gateway();
    let arn = account.ok("CreateOauth2CredentialProvider", provider("idp"))["credentialProviderArn"].clone();
    let arn = arn.as_str().expect("an ARN");
    let consent = |configuration: &Value| {
        let target = target(&gateway, "consent", configuration);
        with(target, "credentialProviderConfigurations", oauth(arn, "AUTHORIZATION_CODE"))
    };
    let dynamic = consent(&server(&json!({"listingMode": "DYNAMIC"})));
    assert_eq!(account.code("CreateGatewayTarget", dynamic), "ValidationException");
    let id = account.create_target(consent(&server(&json!({}))));
    account.pass(10_000);
    let got = account.target(&gateway, &id);
    assert_eq!(got["status"], "CREATE_PENDING_AUTH");
    assert!(got["authorizationData"]["oauth2"]["authorizationUrl"].is_string());
    let one = json!({"gatewayIdentifier": gateway, "targetId": id});
    assert_eq!(account.code("DeleteGatewayTarget", one), "ConflictException");
    let update = with(consent(&server(&json!({}))), "targetId", json!(id));
    assert_eq!(account.code("UpdateGatewayTarget", update), "ConflictException");
    let list = json!({"gatewayIdentifier": gateway, "targetIdList": [id]});
    assert_eq!(account.code("SynchronizeGatewayTargets", list), "ConflictException");
    let schema = with(consent(&server(&schema(&json!([tool("a")])))), "name", json!("schema"));
    let id = account.create_target(schema);
    account.pass(10);
    assert_eq!(account.target(&gateway, &id)["status"], "READY");
}

#[test]
fn an_update_resets_what_it_leaves_out() {
    let (mut account, gateway) = Account::with_gateway();
    let live = || target(&gateway, "one", &server(&json!({"listingMode": "DYNAMIC"})));
    let full = with(live(), "description", json!("d"));
    let full = with(full, "metadataConfiguration", json!({"allowedRequestHeaders": ["X-A"]}));
    let id = account.create_target(full);
    account.pass(10);
    let mut bare = with(live(), "targetId", json!(id));
    bare.as_object_mut().expect("an object").remove("name");
    account.ok("UpdateGatewayTarget", bare);
    let got = account.target(&gateway, &id);
    assert!(got.get("description").is_none() && got.get("metadataConfiguration").is_none());
    assert_eq!(got["name"], "one", "there is no default for a name");
}

#[test]
fn a_gateway_must_be_ready_and_takes_five_operations_at_once() {
    let mut account = Account::new();
    let id = account.create_gateway(gateway("tools"));
    let live = |name: &str| target(&id, name, &server(&json!({"listingMode": "DYNAMIC"})));
    assert_eq!(account.code("CreateGatewayTarget", live("early")), "ConflictException");
    account.pass(30);
    for name in ["a", "b", "c", "d", "e"] {
        account.create_target(live(name));
    }
    assert_eq!(account.code("CreateGatewayTarget", live("f")), "ConflictException");
    account.pass(10);
    account.create_target(live("f"));
    let semantic = json!({"mcp": {"searchType": "SEMANTIC"}});
    let id = account.create_gateway(with(gateway("semantic"), "protocolConfiguration", semantic));
    account.pass(30);
    let dynamic = target(&id, "one", &server(&json!({"listingMode": "DYNAMIC"})));
    assert_eq!(account.code("CreateGatewayTarget", dynamic), "ValidationException");
}

#[test]
fn lists_lag_and_are_paged() {
    let (mut account, id) = Account::with_gateway();
    let live = |name: &str| target(&id, name, &server(&json!({"listingMode": "DYNAMIC"})));
    let token = "0".repeat(36);
    let first = account.ok("CreateGatewayTarget", with(live("a"), "clientToken", json!(token)));
    assert_eq!(account.ok("CreateGatewayTarget", with(live("a"), "clientToken", json!(token))), first);
    account.create_target(live("b"));
    let list = json!({"gatewayIdentifier": id});
    assert_eq!(account.ok("ListGatewayTargets", list.clone())["items"], json!([]));
    account.pass(10);
    let page = account.ok("ListGatewayTargets", with(list.clone(), "maxResults", json!(1)));
    assert_eq!((&page["items"][0]["name"], page["nextToken"].is_string()), (&json!("a"), true));
    account.ok("DeleteGatewayTarget", with(list.clone(), "targetId", first["targetId"].clone()));
    account.pass(14);
    assert_eq!(account.ok("ListGatewayTargets", list.clone())["items"][0]["status"], "DELETING");
    account.pass(1);
    assert_eq!(account.ok("ListGatewayTargets", list)["items"][0]["name"], "b");
}

#[test]
fn an_update_may_have_what_the_service_adds_and_what_mcp_leaves_open() {
    let (mut account, gateway) = Account::with_gateway();
    let id = account.create_target(target(&gateway, "one", &server(&json!({"listingMode": "DYNAMIC"}))));
    account.pass(10);
    let update =
        |members: &Value| json!({"gatewayIdentifier": gateway, "targetId": id, "targetConfiguration": members});
    let live = server(&json!({"listingMode": "DYNAMIC"}));
    let headers = json!({"allowedRequestHeaders": ["X-Amzn-Bedrock-AgentCore-Policy-Session-Id", "X-A"]});
    account.ok("UpdateGatewayTarget", with(update(&live), "metadataConfiguration", headers.clone()));
    assert_eq!(account.target(&gateway, &id)["metadataConfiguration"], headers);
    account.pass(10);
    let reserved = json!({"allowedRequestHeaders": ["X-Amzn-Other"]});
    let refused = with(update(&live), "metadataConfiguration", reserved);
    assert_eq!(account.code("UpdateGatewayTarget", refused), "ValidationException");
    let elsewhere = json!({"endpoint": "https://example.com/runtimes/a:b/mcp", "listingMode": "DYNAMIC"});
    account.ok("UpdateGatewayTarget", update(&server(&elsewhere)));
    account.pass(10);
    let bare = |tool: Value| update(&server(&schema(&json!([tool]))));
    account.ok("UpdateGatewayTarget", bare(json!({"name": "a", "inputSchema": {"type": "object"}})));
    account.pass(10);
    let number = json!({"name": "a", "description": 1, "inputSchema": {"type": "object"}});
    assert_eq!(account.code("UpdateGatewayTarget", bare(number)), "ValidationException");
}

#[test]
fn a_gateway_gets_no_sessions_while_a_target_passes_on_their_header() {
    let (mut account, gateway_id) = Account::with_gateway();
    let live = target(&gateway_id, "one", &server(&json!({"listingMode": "DYNAMIC"})));
    let headers = json!({"allowedResponseHeaders": ["Mcp-Session-Id"]});
    let id = account.create_target(with(live.clone(), "metadataConfiguration", headers));
    account.pass(10);
    let got = account.ok("GetGateway", json!({"gatewayIdentifier": gateway_id}));
    let mut with_sessions = with(gateway("tools"), "name", got["name"].clone());
    with_sessions["gatewayIdentifier"] = json!(gateway_id);
    let mcp = json!({"sessionConfiguration": {"sessionTimeoutInSeconds": 900},
        "supportedVersions": got["protocolConfiguration"]["mcp"]["supportedVersions"]});
    with_sessions["protocolConfiguration"] = json!({"mcp": mcp});
    let message = account.refused("UpdateGateway", with_sessions.clone()).message;
    assert_eq!(message, format!("sessionConfiguration cannot be added while target '{id}' passes on Mcp-Session-Id."));
    account.ok("UpdateGatewayTarget", with(live, "targetId", json!(id)));
    account.pass(10);
    account.ok("UpdateGateway", with_sessions);
}
