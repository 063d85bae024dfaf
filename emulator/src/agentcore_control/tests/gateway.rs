//! Gateways: their configuration, their life, and the obstacles to their deletion.

use serde_json::{Value, json};

use super::gateway_target::{server, target};
use super::{Account, DISCOVERY, ROLE, with};
use crate::agentcore_control::{RefusedAs, Status};
use crate::iam::Role;
use crate::service::Outcome;

const TOKEN: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn gateway(name: &str) -> Value {
    json!({"name": name, "roleArn": ROLE, "protocolType": "MCP", "authorizerType": "AWS_IAM"})
}

fn jwt(members: &Value) -> Value {
    let mut authorizer = json!({"discoveryUrl": DISCOVERY, "allowedAudience": ["a"]});
    for (member, value) in members.as_object().into_iter().flatten() {
        authorizer[member] = value.clone();
    }
    json!({"customJWTAuthorizer": authorizer})
}

fn custom_jwt(name: &str, authorizer: Value) -> Value {
    with(with(gateway(name), "authorizerType", json!("CUSTOM_JWT")), "authorizerConfiguration", authorizer)
}

fn versions(list: &[&str]) -> Value {
    json!({"mcp": {"supportedVersions": list}})
}

fn id_of(id: &str) -> Value {
    json!({"gatewayIdentifier": id})
}

fn update(id: &str, input: Value) -> Value {
    with(input, "gatewayIdentifier", json!(id))
}

impl Account {
    pub(super) fn create_gateway(&mut self, input: Value) -> String {
        self.ok("CreateGateway", input)["gatewayId"].as_str().expect("an id").to_owned()
    }

    /// Creates an account with a gateway that is ready. Returns the gateway's id with it.
    pub(super) fn with_gateway() -> (Self, String) {
        let mut account = Self::new();
        let id = account.create_gateway(gateway("Tools"));
        account.pass(30);
        (account, id)
    }

    fn get_gateway(&mut self, id: &str) -> Value {
        self.ok("GetGateway", id_of(id))
    }
}

#[test]
fn an_interceptor_has_a_point_of_its_own_and_is_invoked_as_the_gateways_role() {
    let mut account = Account::new();
    let interceptor = |name: &str, points: &[&str]| {
        let arn = format!("arn:aws:lambda:us-east-1:111122223333:function:{name}");
        json!({"interceptor": {"lambda": {"arn": arn}}, "interceptionPoints": points})
    };
    let with_two = |first: &[&str], second: &[&str]| {
        with(gateway("mcp"), "interceptorConfigurations", json!([interceptor("a", first), interceptor("b", second)]))
    };
    let both = with_two(&["REQUEST", "RESPONSE"], &["RESPONSE"]);
    assert_eq!(account.code("CreateGateway", both), "ValidationException");
    let each = with_two(&["REQUEST"], &["RESPONSE"]);
    let allowed = account.iam.role(ROLE).expect("the role").clone();
    account.iam.put_role(Role { policies: Vec::new(), ..allowed.clone() });
    assert_eq!(account.code("CreateGateway", each.clone()), "ValidationException");
    account.iam.put_role(allowed);
    account.create_gateway(each);
}

#[test]
fn a_gateway_is_created_updated_and_deleted() {
    let mut account = Account::new();
    let made = account.ok("CreateGateway", with(gateway("My-Tools"), "clientToken", json!(TOKEN)));
    let id = made["gatewayId"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("my-tools-") && id.len() == "my-tools-".len() + 10, "{id}");
    assert_eq!(made["status"], "CREATING");
    assert_eq!(made["gatewayUrl"], format!("https://{id}.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp"));
    let identity = made["workloadIdentityDetails"]["workloadIdentityArn"].as_str().unwrap_or_default().to_owned();
    assert!(identity.ends_with(&format!("workload-identity-directory/default/workload-identity/{id}")));
    assert_eq!(account.ok("CreateGateway", with(gateway("My-Tools"), "clientToken", json!(TOKEN))), made);
    assert_eq!(account.code("CreateGateway", gateway("MY-TOOLS")), "ConflictException");
    for operation in ["UpdateGateway", "DeleteGateway"] {
        let input = if operation == "DeleteGateway" { id_of(&id) } else { update(&id, gateway("My-Tools")) };
        assert_eq!(account.code(operation, input), "ConflictException", "{operation} while it is created");
    }
    account.pass(30);
    assert_eq!(account.get_gateway(&id)["status"], "READY");
    let full = with(with(gateway("My-Tools"), "description", json!("d")), "exceptionLevel", json!("DEBUG"));
    assert_eq!(account.ok("UpdateGateway", update(&id, full))["status"], "UPDATING");
    account.pass(30);
    let gateway_state = account.service.gateway(&id, account.now).expect("made");
    assert!(gateway_state.is_debug() && !gateway_state.is_semantic());
    assert_eq!((gateway_state.role_arn(), gateway_state.authorizer_type()), (ROLE, "AWS_IAM"));
    account.ok("UpdateGateway", update(&id, gateway("My-Tools")));
    let got = account.get_gateway(&id);
    assert!(got.get("description").is_none() && got.get("exceptionLevel").is_none(), "what is left out is reset");
    account.pass(30);
    assert_eq!(account.ok("DeleteGateway", id_of(&id))["status"], "DELETING");
    assert_eq!(account.code("CreateGateway", gateway("my-tools")), "ConflictException", "its name is still taken");
    account.pass(20);
    assert_eq!(account.code("GetGateway", id_of(&id)), "ResourceNotFoundException");
    assert_eq!(account.service.deleted_gateways(account.now).count(), 1);
    assert_ne!(account.create_gateway(gateway("my-tools")), id);
}

#[test]
fn failures_end_in_their_own_states() {
    let mut account = Account::new();
    account.outcome = Outcome::Failed("no".to_owned());
    let id = account.create_gateway(gateway("tools"));
    account.pass(30);
    let got = account.get_gateway(&id);
    assert_eq!((&got["status"], &got["statusReasons"]), (&json!("FAILED"), &json!(["no"])));
    assert_eq!(account.code("UpdateGateway", update(&id, gateway("tools"))), "ConflictException");
    account.outcome = Outcome::Normal;
    account.ok("DeleteGateway", id_of(&id));
    account.pass(20);

    let id = account.create_gateway(gateway("tools"));
    account.pass(30);
    account.outcome = Outcome::Failed("no".to_owned());
    account.ok("UpdateGateway", update(&id, with(gateway("tools"), "description", json!("d"))));
    account.pass(30);
    let got = account.get_gateway(&id);
    assert_eq!((&got["status"], &got["description"]), (&json!("UPDATE_UNSUCCESSFUL"), &json!("d")));
    account.outcome = Outcome::Stuck;
    account.ok("UpdateGateway", update(&id, gateway("tools")));
    account.pass(10_000);
    assert_eq!(account.get_gateway(&id)["status"], "UPDATING");
}

#[test]
fn what_the_model_cannot_express_is_refused() {
    let mut account = Account::new();
    for input in [
        with(gateway("a"), "authorizerType", json!("CUSTOM_JWT")),
        with(gateway("a"), "authorizerType", json!("AUTHENTICATE_ONLY")),
        with(gateway("a"), "authorizerConfiguration", jwt(&json!({}))),
        custom_jwt("a", jwt(&json!({"discoveryUrl": DISCOVERY.replace("idp", "nobody")}))),
        custom_jwt("a", json!({"customJWTAuthorizer": {"discoveryUrl": DISCOVERY}})),
        custom_jwt("a", jwt(&json!({"advertisedScopeMapping": {"b": "c"}}))),
        custom_jwt("a", jwt(&json!({"allowedScopes": ["c"], "advertisedScopeMapping": {"b": "c"}}))),
        custom_jwt("a", jwt(&json!({"allowedWorkloadConfiguration": {"workloadIdentities": ["abc"]}}))),
        with(gateway("a"), "protocolConfiguration", versions(&["2024-11-05"])),
        with(gateway("a"), "roleArn", json!("arn:aws:iam::111122223333:role/other")),
        with(gateway("a"), "tags", json!({"aws:x": ""})),
    ] {
        let error = account.refused("CreateGateway", input.clone());
        assert_eq!((error.code, error.reason), ("ValidationException", Some("FieldValidationFailed")), "{input}");
    }
    let mapped = json!({"allowedScopes": ["b", "c"], "advertisedScopeMapping": {"b": "d"}});
    let id = account.create_gateway(custom_jwt("a", jwt(&mapped)));
    let made = account.service.gateway(&id, account.now).expect("made");
    assert_eq!(made.jwt_authorizer().map(|it| &it["allowedAudience"]), Some(&json!(["a"])));
    assert_eq!(made.supported_versions(), ["2025-03-26", "2025-06-18"]);
}

#[test]
fn some_things_cannot_be_updated() {
    let mut account = Account::new();
    let versioned = |list: &[&str]| with(gateway("tools"), "protocolConfiguration", versions(list));
    let id = account.create_gateway(versioned(&["2025-06-18", "2025-11-25"]));
    account.pass(30);
    let message = account.refused("UpdateGateway", update(&id, custom_jwt("tools", jwt(&json!({}))))).message;
    assert_eq!(message, "Authorizer type cannot be updated for an existing gateway");
    let semantic = json!({"mcp": {"searchType": "SEMANTIC", "supportedVersions": ["2025-06-18"]}});
    let key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000";
    let mut protocol_less = versioned(&["2025-06-18"]);
    protocol_less.as_object_mut().expect("an object").remove("protocolType");
    for refused in [
        gateway("other"),
        gateway("tools"),
        versioned(&["2025-06-18", "2026-07-28"]),
        with(gateway("tools"), "protocolConfiguration", semantic),
        with(versioned(&["2025-06-18"]), "kmsKeyArn", json!(key)),
        protocol_less,
    ] {
        assert_eq!(account.code("UpdateGateway", update(&id, refused.clone())), "ValidationException", "{refused}");
    }
    account.ok("UpdateGateway", update(&id, versioned(&["2025-06-18"])));
    account.pass(30);
    let grown = versioned(&["2025-06-18", "2025-11-25"]);
    assert_eq!(account.code("UpdateGateway", update(&id, grown)), "ValidationException", "it cannot grow back");
}

#[test]
fn a_gateway_with_targets_cannot_be_deleted() {
    let (mut account, id) = Account::with_gateway();
    let made = account.ok("CreateGatewayTarget", target(&id, "one", &server(&json!({"listingMode": "DYNAMIC"}))));
    account.pass(10);
    let error = account.refused("DeleteGateway", id_of(&id));
    assert_eq!((error.status, error.code), (409, "ConflictException"));
    account.service.answer_gateways_in_use_with(RefusedAs::Validation);
    assert_eq!(account.code("DeleteGateway", id_of(&id)), "ValidationException");
    account.ok("DeleteGatewayTarget", json!({"gatewayIdentifier": id, "targetId": made["targetId"]}));
    account.pass(10);
    account.refused("DeleteGateway", id_of(&id));
    account.pass(4);
    account.refused("DeleteGateway", id_of(&id));
    account.pass(1);
    account.ok("DeleteGateway", id_of(&id));
    let gone = account.service.gateway(&id, account.now).map(|gateway| gateway.status(account.now));
    assert_eq!(gone, Some(Status::Deleting));
}

#[test]
fn lists_lag_and_are_paged_and_gateways_have_tags() {
    let mut account = Account::new();
    let first = account.create_gateway(with(gateway("a"), "tags", json!({"k": "v"})));
    account.create_gateway(gateway("b"));
    assert_eq!(account.ok("ListGateways", json!({}))["items"], json!([]));
    account.pass(30);
    let page = account.ok("ListGateways", json!({"maxResults": 1}));
    assert_eq!(page["items"][0]["gatewayId"], first);
    let rest = account.ok("ListGateways", json!({"maxResults": 1, "nextToken": page["nextToken"]}));
    assert_eq!((&rest["items"][0]["name"], rest.get("nextToken")), (&json!("b"), None));
    let arn = account.get_gateway(&first)["gatewayArn"].clone();
    assert_eq!(account.ok("ListTagsForResource", json!({"resourceArn": arn})), json!({"tags": {"k": "v"}}));
    account.ok("DeleteGateway", id_of(&first));
    account.pass(24);
    assert_eq!(account.ok("ListGateways", json!({}))["items"][0]["status"], "DELETING");
    account.pass(1);
    assert_eq!(account.ok("ListGateways", json!({}))["items"][0]["name"], "b");
}
