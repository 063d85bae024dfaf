//! OAuth2 credential providers: vendors, and where their client secrets are.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Account, DISCOVERY, with};
use crate::agentcore_control::{AgentCoreControl, ClientAuthentication, Discovery, RefusedAs};
use crate::service::{Call, Principal};
use crate::settings::Settings;

pub(super) fn provider(name: &str) -> Value {
    custom(name, &json!({"clientSecret": "hunter2"}))
}

pub(super) fn external(name: &str, secret_id: &str) -> Value {
    let reference = json!({"secretId": secret_id, "jsonKey": "key"});
    custom(name, &json!({"clientSecretSource": "EXTERNAL", "clientSecretConfig": reference}))
}

fn custom(name: &str, members: &Value) -> Value {
    let mut config = json!({"oauthDiscovery": {"discoveryUrl": DISCOVERY}, "clientId": "client"});
    for (member, value) in members.as_object().into_iter().flatten() {
        config[member] = value.clone();
    }
    vendor(name, "CustomOauth2", "customOauth2ProviderConfig", config)
}

fn vendor(name: &str, vendor: &str, member: &str, config: Value) -> Value {
    let mut input = json!({"name": name, "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": {}});
    input["oauth2ProviderConfigInput"][member] = config;
    input
}

fn metadata() -> Value {
    json!({"issuer": "https://idp.example.com", "authorizationEndpoint": "https://idp.example.com/a",
           "tokenEndpoint": "https://idp.example.com/t"})
}

impl Account {
    /// Creates a secret of the account's own. Returns its ARN.
    pub(super) fn put_secret(&mut self, value: &str) -> String {
        let input = json!({"Name": "own", "SecretString": value, "ClientRequestToken": "0".repeat(32)});
        let Value::Object(input) = input else { panic!("an input is an object") };
        let principal = Principal::Administrator;
        let call = Call { principal, operation: "CreateSecret", input, now: self.now, outcome: self.outcome.clone() };
        let made = self.secrets.call(&call).expect("a secret");
        made["ARN"].as_str().expect("an ARN").to_owned()
    }

    fn client_secret(&self, name: &str) -> Option<String> {
        let mut providers = self.service.credential_providers(self.now);
        providers.find(|provider| provider.name == name)?.secret.read(&self.secrets, self.now)
    }
}

#[test]
fn a_managed_secret_comes_changes_and_goes_with_its_provider() {
    let mut account = Account::new();
    let made = account.ok("CreateOauth2CredentialProvider", provider("idp"));
    assert_eq!((&made["status"], &made["clientSecretSource"]), (&json!("READY"), &json!("MANAGED")));
    let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/oauth2credentialprovider/idp";
    assert_eq!(made["credentialProviderArn"], arn);
    let name = "bedrock-agentcore-identity!default/oauth2/idp";
    let secret = account.secrets.secret(name).expect("a managed secret");
    assert_eq!(made["clientSecretArn"]["secretArn"], secret.arn);
    assert_eq!(account.client_secret("idp").as_deref(), Some("hunter2"));
    assert!(!made.to_string().contains("hunter2"));

    let mut change = custom("idp", &json!({"clientSecret": "hunter3"}));
    change["oauth2ProviderConfigInput"]["customOauth2ProviderConfig"]["clientId"] = json!("other");
    let answer = account.ok("UpdateOauth2CredentialProvider", change);
    assert_eq!(answer["callbackUrl"], made["callbackUrl"]);
    assert_eq!(account.client_secret("idp").as_deref(), Some("hunter3"));
    let changed = account.service.credential_provider_by_arn(arn, account.now).expect("made");
    assert_eq!((changed.client_id.as_str(), &changed.discovery), ("other", &Discovery::Url(DISCOVERY.to_owned())));
    let bare = custom("idp", &json!({}));
    assert_eq!(account.code("UpdateOauth2CredentialProvider", bare), "ValidationException");

    account.ok("DeleteOauth2CredentialProvider", json!({"name": "idp"}));
    assert!(account.secrets.secret(name).is_none());
    for operation in ["GetOauth2CredentialProvider", "DeleteOauth2CredentialProvider"] {
        assert_eq!(account.code(operation, json!({"name": "idp"})), "ResourceNotFoundException");
    }
    account.ok("CreateOauth2CredentialProvider", provider("idp"));
}

#[test]
fn an_external_secret_is_read_where_it_is() {
    let mut account = Account::new();
    let arn = account.put_secret(r#"{"key": "hunter2", "number": 1}"#);
    let made = account.ok("CreateOauth2CredentialProvider", external("idp", &arn));
    assert_eq!((&made["clientSecretArn"]["secretArn"], &made["clientSecretJsonKey"]), (&json!(arn), &json!("key")));
    assert_eq!(account.client_secret("idp").as_deref(), Some("hunter2"));
    assert_eq!(account.secrets.secrets().count(), 1, "nothing is copied");
    assert_eq!(account.code("UpdateOauth2CredentialProvider", provider("idp")), "ValidationException");
    let reference = |secret: &str, key: &str| json!({"secretId": secret, "jsonKey": key});
    for members in [
        json!({"clientSecretSource": "EXTERNAL", "clientSecretConfig": reference("own", "key")}),
        json!({"clientSecretSource": "EXTERNAL", "clientSecretConfig": reference(&arn, "number")}),
        json!({"clientSecretSource": "EXTERNAL", "clientSecretConfig": reference(&arn, "nothing")}),
        json!({"clientSecretSource": "EXTERNAL", "clientSecretConfig": reference(&arn.replace("own", "none"), "key")}),
        json!({"clientSecretSource": "EXTERNAL"}),
        json!({"clientSecretSource": "EXTERNAL", "clientSecret": "x", "clientSecretConfig": reference(&arn, "key")}),
        json!({"clientSecretConfig": reference(&arn, "key")}),
    ] {
        let code = account.code("CreateOauth2CredentialProvider", custom("other", &members));
        assert_eq!(code, "ValidationException", "{members}");
    }
    account.ok("DeleteOauth2CredentialProvider", json!({"name": "idp"}));
    assert!(account.secrets.secret("own").is_some(), "it is not the provider's");
}

#[test]
fn an_authorization_server_has_https_urls() {
    let mut account = Account::new();
    for url in ["http://idp.example.com/t", "https://", "https://@/t", "https://user@idp.example.com/t", "https:/t"] {
        let config = json!({"clientId": "client", "clientSecret": "hunter2",
            "oauthDiscovery": {"authorizationServerMetadata": with(metadata(), "tokenEndpoint", json!(url))}});
        let vendor = vendor("idp", "CustomOauth2", "customOauth2ProviderConfig", config);
        let error = account.refused("CreateOauth2CredentialProvider", vendor);
        assert_eq!(error.message, "tokenEndpoint must be an https URL.", "{url}");
    }
}

#[test]
fn each_vendor_has_its_member() {
    let mut account = Account::new();
    let secret = json!({"clientId": "client", "clientSecret": "hunter2"});
    let included = with(with(metadata(), "clientId", json!("client")), "clientSecret", json!("hunter2"));
    for (name, product, member, config) in [
        ("google", "GoogleOauth2", "googleOauth2ProviderConfig", secret.clone()),
        ("microsoft", "MicrosoftOauth2", "microsoftOauth2ProviderConfig", with(secret.clone(), "tenantId", json!("t"))),
        ("auth0", "Auth0Oauth2", "includedOauth2ProviderConfig", included),
    ] {
        let made = account.ok("CreateOauth2CredentialProvider", vendor(name, product, member, config));
        assert_eq!(made["oauth2ProviderConfigOutput"][member]["clientId"], "client");
    }
    let output = account.ok("GetOauth2CredentialProvider", json!({"name": "microsoft"}));
    let discovery = &output["oauth2ProviderConfigOutput"]["microsoftOauth2ProviderConfig"]["oauthDiscovery"];
    let url = "https://login.microsoftonline.com/t/v2.0/.well-known/openid-configuration";
    assert_eq!(discovery["discoveryUrl"], url);
    for input in [
        vendor("x", "GoogleOauth2", "githubOauth2ProviderConfig", secret.clone()),
        vendor("x", "Auth0Oauth2", "includedOauth2ProviderConfig", secret.clone()),
        vendor("x", "OktaOauth2", "customOauth2ProviderConfig", secret),
    ] {
        assert_eq!(account.code("CreateOauth2CredentialProvider", input.clone()), "ValidationException", "{input}");
    }
    let switched = custom("google", &json!({"clientSecret": "hunter2"}));
    assert_eq!(account.code("UpdateOauth2CredentialProvider", switched), "ValidationException");
}

#[test]
fn the_client_authenticates_in_one_way() {
    let mut account = Account::new();
    let with_methods = |methods: Value| {
        let metadata = with(metadata(), "tokenEndpointAuthMethods", methods);
        json!({"clientSecret": "s", "oauthDiscovery": {"authorizationServerMetadata": metadata}})
    };
    let posted = with_methods(json!(["client_secret_post"]));
    let both = with(posted.clone(), "clientAuthenticationMethod", json!("CLIENT_SECRET_POST"));
    assert_eq!(account.code("CreateOauth2CredentialProvider", custom("a", &both)), "ValidationException");
    let post = json!({"clientSecret": "s", "clientAuthenticationMethod": "CLIENT_SECRET_POST"});
    let key = json!({"clientSecret": "s", "clientAuthenticationMethod": "PRIVATE_KEY_JWT"});
    assert_eq!(account.code("CreateOauth2CredentialProvider", custom("a", &key)), "ValidationException");
    for (name, members, expected) in [
        ("a", post, ClientAuthentication::Post),
        ("b", posted, ClientAuthentication::Post),
        ("c", json!({"clientSecret": "s"}), ClientAuthentication::Basic),
    ] {
        account.ok("CreateOauth2CredentialProvider", custom(name, &members));
        let made = account.service.credential_providers(account.now).find(|it| it.name == name).expect("made");
        assert_eq!(made.client_authentication, expected, "{name}");
    }
}

#[test]
fn a_name_is_taken_once_and_lists_have_pages_of_twenty() {
    let mut account = Account::new();
    for number in 0..50 {
        account.ok("CreateOauth2CredentialProvider", provider(&format!("p{number}")));
    }
    let quota = account.refused("CreateOauth2CredentialProvider", provider("late"));
    assert_eq!((quota.status, quota.code), (402, "ServiceQuotaExceededException"));
    let error = account.refused("CreateOauth2CredentialProvider", provider("p1"));
    assert_eq!(error.code, "ValidationException");
    assert!(error.message.ends_with("already exists"), "{}", error.message);
    account.service.answer_taken_provider_names_with(RefusedAs::Conflict);
    assert_eq!(account.code("CreateOauth2CredentialProvider", provider("p1")), "ConflictException");
    account.pass(5);
    let page = account.ok("ListOauth2CredentialProviders", json!({}));
    assert_eq!(page["credentialProviders"].as_array().map(Vec::len), Some(20));
    assert!(page["nextToken"].is_string());
}

#[test]
fn tags_of_providers_can_be_refused() {
    let mut account = Account::new();
    let made = account.ok("CreateOauth2CredentialProvider", with(provider("idp"), "tags", json!({"k": "v"})));
    let arn = json!({"resourceArn": made["credentialProviderArn"]});
    assert_eq!(account.ok("ListTagsForResource", arn.clone()), json!({"tags": {"k": "v"}}));
    account.service.refuse_identity_tags = true;
    assert_eq!(account.code("ListTagsForResource", arn), "ValidationException");
}

#[test]
fn a_provider_may_take_its_time() {
    let mut account = Account::new();
    let settings = Settings { provider_transition: Duration::from_secs(10), ..Settings::default() };
    account.service = AgentCoreControl::new(&settings);
    assert_eq!(account.ok("CreateOauth2CredentialProvider", provider("idp"))["status"], "CREATING");
    assert_eq!(account.code("UpdateOauth2CredentialProvider", provider("idp")), "ConflictException");
    account.pass(10);
    assert_eq!(account.ok("UpdateOauth2CredentialProvider", provider("idp"))["status"], "UPDATING");
    account.pass(10);
    account.ok("DeleteOauth2CredentialProvider", json!({"name": "idp"}));
    assert_eq!(account.ok("GetOauth2CredentialProvider", json!({"name": "idp"}))["status"], "DELETING");
    account.pass(10);
    assert_eq!(account.code("GetOauth2CredentialProvider", json!({"name": "idp"})), "ResourceNotFoundException");
}
