//! API key credential providers and workload identities.

use serde_json::{Value, json};

use super::{Account, create, with};
use crate::agentcore_control::ProviderSecret;

fn managed(name: &str, key: &str) -> Value {
    json!({"name": name, "apiKey": key})
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect()
}

#[test]
fn a_managed_api_key_comes_changes_and_goes_with_its_provider() {
    let mut account = Account::new();
    let made = account.ok("CreateApiKeyCredentialProvider", managed("search", "hunter2"));
    let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/apikeycredentialprovider/search";
    assert_eq!((&made["credentialProviderArn"], &made["apiKeySecretSource"]), (&json!(arn), &json!("MANAGED")));
    assert!(!made.to_string().contains("hunter2"));
    let secret = "bedrock-agentcore-identity!default/apikey/search";
    let value = |account: &Account| account.secrets.secret(secret)?.current_text().map(str::to_owned);
    assert_eq!(
        account.secrets.secret(secret).map(|it| json!(it.arn)),
        Some(made["apiKeySecretArn"]["secretArn"].clone())
    );
    let key = made["apiKeySecretJsonKey"].as_str().expect("a key");
    assert_eq!(value(&account), Some(json!({key: "hunter2"}).to_string()));

    account.pass(1);
    let changed = account.ok("UpdateApiKeyCredentialProvider", managed("search", "hunter3"));
    assert_eq!(changed["credentialProviderArn"], arn);
    assert_ne!(changed["createdTime"], changed["lastUpdatedTime"]);
    assert_eq!(value(&account), Some(json!({key: "hunter3"}).to_string()));
    assert_eq!(account.ok("GetApiKeyCredentialProvider", json!({"name": "search"})), changed);
    let holdings: Vec<String> = account.service.holdings(account.now).into_keys().collect();
    assert_eq!(holdings, ["API key credential provider search"]);
    assert_eq!(account.code("UpdateApiKeyCredentialProvider", json!({"name": "search"})), "ValidationException");
    assert_eq!(account.code("CreateApiKeyCredentialProvider", managed("search", "x")), "ValidationException");
    // The two kinds of providers have names of their own.
    account.ok("CreateOauth2CredentialProvider", super::oauth2_credential_provider::provider("search"));

    account.ok("DeleteApiKeyCredentialProvider", json!({"name": "search"}));
    assert_eq!(value(&account), None);
    for operation in ["GetApiKeyCredentialProvider", "DeleteApiKeyCredentialProvider"] {
        assert_eq!(account.code(operation, json!({"name": "search"})), "ResourceNotFoundException");
    }
    assert_eq!(account.code("UpdateApiKeyCredentialProvider", managed("search", "x")), "ResourceNotFoundException");
}

#[test]
fn an_external_api_key_stays_where_it_is() {
    let mut account = Account::new();
    let arn = account.put_secret(r#"{"key": "hunter2", "number": 1}"#);
    let external = |key: &str| {
        json!({"name": "search", "apiKeySecretSource": "EXTERNAL",
               "apiKeySecretConfig": {"secretId": arn, "jsonKey": key}})
    };
    for input in [
        external("number"),
        external("nothing"),
        with(external("key"), "apiKey", json!("x")),
        json!({"name": "search", "apiKeySecretSource": "EXTERNAL"}),
        json!({"name": "search", "apiKeySecretConfig": {"secretId": arn, "jsonKey": "key"}}),
        json!({"name": "search"}),
        json!({"name": "search", "apiKey": ""}),
    ] {
        assert_eq!(account.code("CreateApiKeyCredentialProvider", input.clone()), "ValidationException", "{input}");
    }
    let made = account.ok("CreateApiKeyCredentialProvider", external("key"));
    assert_eq!((&made["apiKeySecretArn"]["secretArn"], &made["apiKeySecretJsonKey"]), (&json!(arn), &json!("key")));
    assert_eq!(account.secrets.secrets().count(), 1, "nothing is copied");
    let [provider] = account.service.api_key_providers() else { panic!("one provider") };
    assert!(matches!(provider.secret, ProviderSecret::External { .. }));
    assert_eq!(provider.secret.read(&account.secrets, account.now).as_deref(), Some("hunter2"));
    assert_eq!(account.code("UpdateApiKeyCredentialProvider", managed("search", "x")), "ValidationException");
    account.ok("DeleteApiKeyCredentialProvider", json!({"name": "search"}));
    assert!(account.secrets.secret("own").is_some(), "it is not the provider's");
}

#[test]
fn api_key_providers_have_tags_pages_and_a_quota() {
    let mut account = Account::new();
    let made = account.ok("CreateApiKeyCredentialProvider", with(managed("p0", "x"), "tags", json!({"k": "v"})));
    let arn = json!({"resourceArn": made["credentialProviderArn"]});
    assert_eq!(account.ok("ListTagsForResource", arn), json!({"tags": {"k": "v"}}));
    for number in 1..50 {
        account.ok("CreateApiKeyCredentialProvider", managed(&format!("p{number}"), "x"));
    }
    assert_eq!(account.code("CreateApiKeyCredentialProvider", managed("late", "x")), "ServiceQuotaExceededException");
    account.pass(5);
    let page = account.ok("ListApiKeyCredentialProviders", json!({}));
    assert_eq!(names(&page["credentialProviders"]).len(), 20);
    let next = json!({"nextToken": page["nextToken"], "maxResults": 100});
    assert_eq!(names(&account.ok("ListApiKeyCredentialProviders", next)["credentialProviders"]).len(), 30);
}

#[test]
fn a_runtime_and_a_gateway_bring_their_identities_and_take_them_along() {
    let (mut account, runtime) = Account::with_runtime();
    let gateway = account.create_gateway(super::gateway::gateway("tools"));
    account.pass(30);
    account.ok("CreateWorkloadIdentity", json!({"name": "own"}));
    account.pass(5);
    let list = |account: &mut Account| {
        let list = account.ok("ListWorkloadIdentities", json!({}));
        names(&list["workloadIdentities"]).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list(&mut account), [runtime.as_str(), gateway.as_str(), "own"]);
    let of_runtime = account.get(&runtime)["workloadIdentityDetails"]["workloadIdentityArn"].clone();
    let identity = account.ok("GetWorkloadIdentity", json!({"name": runtime}));
    assert_eq!(identity["workloadIdentityArn"], of_runtime);
    let urls = json!(["https://example.com/back"]);
    let change = json!({"name": runtime, "allowedResourceOauth2ReturnUrls": urls});
    assert_eq!(account.ok("UpdateWorkloadIdentity", change)["allowedResourceOauth2ReturnUrls"], urls);
    assert_eq!(account.ok("GetWorkloadIdentity", json!({"name": runtime}))["allowedResourceOauth2ReturnUrls"], urls);
    assert_eq!(account.code("DeleteWorkloadIdentity", json!({"name": runtime})), "ValidationException");
    assert_eq!(account.code("CreateWorkloadIdentity", json!({"name": runtime})), "ValidationException");
    account.ok("DeleteAgentRuntime", json!({"agentRuntimeId": runtime}));
    assert_eq!(list(&mut account).len(), 3, "while it is being deleted");
    account.pass(20);
    assert_eq!(account.code("GetWorkloadIdentity", json!({"name": runtime})), "ResourceNotFoundException");
    account.pass(5);
    assert_eq!(list(&mut account), [gateway.as_str(), "own"]);
    account.ok("DeleteGateway", json!({"gatewayIdentifier": gateway}));
    account.pass(25);
    assert_eq!(list(&mut account), ["own"]);
    let holdings = account.service.holdings(account.now);
    assert_eq!(holdings.into_keys().collect::<Vec<_>>(), ["workload identity own"]);
}

#[test]
fn an_identity_of_ones_own_lives_by_its_calls() {
    let mut account = Account::new();
    let urls = json!(["https://example.com/back", "app://done"]);
    let input = json!({"name": "agent.one", "allowedResourceOauth2ReturnUrls": urls, "tags": {"k": "v"}});
    let made = account.ok("CreateWorkloadIdentity", input);
    let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:workload-identity-directory/default/workload-identity/agent.one";
    assert_eq!(made, json!({"name": "agent.one", "workloadIdentityArn": arn, "allowedResourceOauth2ReturnUrls": urls}));
    let resource = json!({"resourceArn": arn});
    assert_eq!(account.ok("ListTagsForResource", resource.clone()), json!({"tags": {"k": "v"}}));
    account.ok("UntagResource", with(resource.clone(), "tagKeys", json!(["k"])));
    assert_eq!(account.ok("ListTagsForResource", resource), json!({"tags": {}}));
    assert_eq!(account.code("CreateWorkloadIdentity", json!({"name": "agent.one"})), "ValidationException");
    account.pass(1);
    let changed = account.ok("UpdateWorkloadIdentity", json!({"name": "agent.one"}));
    assert_eq!(changed["allowedResourceOauth2ReturnUrls"], Value::Null, "what an update leaves out is reset");
    account.ok("DeleteWorkloadIdentity", json!({"name": "agent.one"}));
    for operation in ["GetWorkloadIdentity", "UpdateWorkloadIdentity", "DeleteWorkloadIdentity"] {
        assert_eq!(account.code(operation, json!({"name": "agent.one"})), "ResourceNotFoundException");
    }
    for number in 0..21 {
        account.ok("CreateWorkloadIdentity", json!({"name": format!("agent-{number}")}));
    }
    account.pass(5);
    let page = account.ok("ListWorkloadIdentities", json!({}));
    assert_eq!(names(&page["workloadIdentities"]).len(), 20);
    let next = account.ok("ListWorkloadIdentities", json!({"nextToken": page["nextToken"]}));
    assert_eq!(names(&next["workloadIdentities"]), ["agent-20"]);
}

#[test]
fn lists_show_creates_and_deletes_late() {
    let one = json!({"name": "one"});
    let oauth2 = ["CreateOauth2CredentialProvider", "DeleteOauth2CredentialProvider", "ListOauth2CredentialProviders"];
    let api_key = ["CreateApiKeyCredentialProvider", "DeleteApiKeyCredentialProvider", "ListApiKeyCredentialProviders"];
    let identity = ["CreateWorkloadIdentity", "DeleteWorkloadIdentity", "ListWorkloadIdentities"];
    for ([create, delete, list], member, input) in [
        (oauth2, "credentialProviders", super::oauth2_credential_provider::provider("one")),
        (api_key, "credentialProviders", managed("one", "x")),
        (identity, "workloadIdentities", one.clone()),
    ] {
        let mut account = Account::new();
        let listed = |account: &mut Account| names(&account.ok(list, json!({}))[member]).len();
        account.ok(create, input);
        assert_eq!(listed(&mut account), 0, "{list}");
        account.pass(5);
        assert_eq!(listed(&mut account), 1, "{list}");
        account.ok(delete, one.clone());
        account.pass(4);
        assert_eq!(account.code(delete, one.clone()), "ResourceNotFoundException", "{list}");
        assert_eq!(listed(&mut account), 1, "{list}");
        account.pass(1);
        assert_eq!(listed(&mut account), 0, "{list}");
    }
}

#[test]
fn identity_calls_need_the_resource_and_what_it_is_in() {
    let mut account = Account::new();
    account.create(create("server"));
    let needs = |account: &Account, operation, input| -> Vec<String> {
        let needed = account.needs(operation, input).into_iter();
        needed.map(|need| format!("{} {}", need.action, need.resource.rsplit(':').next().unwrap_or_default())).collect()
    };
    let directory = "workload-identity-directory/default";
    assert_eq!(
        needs(&account, "CreateWorkloadIdentity", json!({"name": "own", "tags": {"k": "v"}})),
        [
            format!("bedrock-agentcore:CreateWorkloadIdentity {directory}"),
            format!("bedrock-agentcore:CreateWorkloadIdentity {directory}/workload-identity/own"),
            format!("bedrock-agentcore:TagResource {directory}/workload-identity/own"),
        ]
    );
    let created = needs(&account, "CreateApiKeyCredentialProvider", managed("search", "x"));
    let provider = "token-vault/default/apikeycredentialprovider/search";
    for needed in [
        format!("bedrock-agentcore:CreateApiKeyCredentialProvider {provider}"),
        "bedrock-agentcore:CreateApiKeyCredentialProvider token-vault/default".to_owned(),
        "bedrock-agentcore:CreateTokenVault token-vault/default".to_owned(),
    ] {
        assert!(created.contains(&needed), "{needed}: {created:?}");
    }
    let keeps = |needed: &[String], action: &str| {
        let secret = "bedrock-agentcore-identity!default/apikey/search-";
        needed.iter().any(|it| it.starts_with(&format!("secretsmanager:{action} {secret}")))
    };
    assert!(keeps(&created, "CreateSecret"), "{created:?}");
    account.ok("CreateApiKeyCredentialProvider", managed("search", "x"));
    assert!(keeps(&needs(&account, "UpdateApiKeyCredentialProvider", managed("search", "y")), "PutSecretValue"));
    assert!(keeps(&needs(&account, "DeleteApiKeyCredentialProvider", json!({"name": "search"})), "DeleteSecret"));
    assert_eq!(needs(&account, "GetApiKeyCredentialProvider", json!({"name": "search"})).len(), 2);
}
