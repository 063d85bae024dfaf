//! `Custom::AgentCoreOAuth2CredentialProvider`, in addition to the battery.

use std::time::Duration;

use emulator::agentcore_control::{ClientAuthentication, CredentialProvider, Discovery, ProviderSecret};
use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::settings::Settings;
use serde_json::{Value, json};

use crate::world::{CANARY, PROVIDER, STACK_ID, World, canary, merged};

/// The IdP before anything is created: its discovery document, its ways to authenticate a client, and the client's secret.
mod idp;
/// Ownership: deliveries repeated, replies lost, strangers, and tags that are not listed.
mod ownership;
/// Refusals, and their words.
mod refusals;
/// Another name, vendor or source of the secret, and the rollback.
mod replacement;

const NAME: &str = "mcp-client";
const ISSUER: &str = "https://tenant.auth0.com/";
const DISCOVERY_URL: &str = "https://tenant.auth0.com/.well-known/openid-configuration";

/// Creates a world whose IdP knows the client `app`.
fn world() -> World {
    with_idp(Settings::default(), idp())
}

fn with_idp(settings: Settings, idp: Provider) -> World {
    let world = World::with_settings(settings);
    world.aws.with(|world| world.identity_providers.add(idp));
    world
}

fn idp() -> Provider {
    Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", Client::new(&canary("client")))
}

/// Returns an IdP that accepts secrets as Basic credentials, in the form, or both.
fn taking(basic: bool, post: bool) -> Provider {
    let mut idp = idp();
    (idp.basic, idp.post) = (basic, post);
    idp
}

/// Changes the secret at the IdP.
fn rotate_at_the_idp(world: &World, secret: &str) {
    let idp = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", Client::new(secret));
    world.aws.with(|world| world.identity_providers.add(idp));
}

fn properties() -> Value {
    json!({"ServiceToken": "arn", "Issuer": ISSUER, "ClientId": "app", "ClientSecret": canary("client")})
}

fn with(changes: Value) -> Value {
    merged(properties(), changes)
}

fn named(changes: Value) -> Value {
    merged(with(changes), json!({"Name": NAME}))
}

/// Returns the properties with the secret in Secrets Manager.
fn stored(source: &str) -> Value {
    with(json!({"ClientSecret": "", "ClientSecretId": "mcp/client", "ClientSecretJsonKey": "client_secret",
                "ClientSecretSource": source}))
}

fn store_secret(world: &World, value: &str) -> String {
    let text = json!({"client_secret": value, "other": "x"}).to_string();
    let input = json!({"Name": "mcp/client", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input)["ARN"].as_str().expect("an ARN").to_owned()
}

/// Creates a provider of this name as somebody else.
pub(crate) fn somebodys_provider(world: &World, name: &str) {
    let input = json!({
        "name": name,
        "credentialProviderVendor": "CustomOauth2",
        "oauth2ProviderConfigInput": {"customOauth2ProviderConfig": {
            "oauthDiscovery": {"discoveryUrl": DISCOVERY_URL}, "clientId": "theirs", "clientSecret": "theirs"}},
    });
    world.somebody(ServiceId::AgentCoreControl, "CreateOauth2CredentialProvider", input);
}

fn names(world: &World) -> Vec<String> {
    let now = world.aws.clock().now();
    world.aws.with(|world| world.agentcore.credential_providers(now).map(|it| it.name.clone()).collect())
}

#[track_caller]
fn provider(world: &World, name: &str) -> CredentialProvider {
    let now = world.aws.clock().now();
    let found = world.aws.with(|world| world.agentcore.credential_providers(now).find(|it| it.name == name).cloned());
    found.unwrap_or_else(|| panic!("no credential provider {name}"))
}

/// Returns the client secret with which AgentCore would ask for tokens.
fn client_secret(world: &World, name: &str) -> Option<String> {
    let provider = provider(world, name);
    let now = world.aws.clock().now();
    world.aws.with(|world| provider.secret.read(&world.secrets, now))
}

fn refuse_tags(world: &World) {
    world.aws.with(|world| world.agentcore.refuse_identity_tags = true);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_answers_with_true_attributes_after_one_call() {
    let mut world = world();
    let answer = world.send(PROVIDER.create(with(json!({"Tags": {"team": "one"}})))).await.success();
    let name = answer.physical_id();
    assert!(name.starts_with("mcp-11111111-") && name.len() == 19, "{name}");
    let live = provider(&world, &name);
    assert_eq!(answer.attribute("CredentialProviderArn"), live.arn);
    assert_eq!(answer.attribute("CallbackUrl"), live.callback_url);
    assert_eq!(answer.attribute("ClientSecretArn"), live.secret.secret_arn());
    assert_eq!((live.vendor.as_str(), live.client_id.as_str()), ("CustomOauth2", "app"));
    assert_eq!(live.discovery, Discovery::Url(DISCOVERY_URL.to_owned()));
    assert_eq!(live.client_authentication, ClientAuthentication::Basic);
    assert_eq!(client_secret(&world, &name), Some(canary("client")), "to the letter");
    assert_eq!(live.tags["agentcore-provisioner:stack-id"], STACK_ID);
    assert_eq!(
        (live.tags["agentcore-provisioner:logical-id"].as_str(), live.tags["team"].as_str()),
        ("Provider", "one")
    );
    assert!(!format!("{live:?}").contains(CANARY));
    assert_eq!(world.calls_since(0), ["CreateOauth2CredentialProvider"]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_vendor_is_created_with_its_members() {
    let known =
        ["AtlassianOauth2", "GithubOauth2", "GoogleOauth2", "LinkedinOauth2", "SalesforceOauth2", "SlackOauth2"];
    let included = [
        "XOauth2",
        "OktaOauth2",
        "OneLoginOauth2",
        "PingOneOauth2",
        "FacebookOauth2",
        "YandexOauth2",
        "RedditOauth2",
        "ZoomOauth2",
        "TwitchOauth2",
        "SpotifyOauth2",
        "DropboxOauth2",
        "NotionOauth2",
        "HubspotOauth2",
        "CyberArkOauth2",
        "FusionAuthOauth2",
        "Auth0Oauth2",
        "CognitoOauth2",
    ];
    let endpoints = json!({"Issuer": "https://idp.example.com", "AuthorizationEndpoint": "https://idp.example.com/a",
                           "TokenEndpoint": "https://idp.example.com/t"});
    let without = json!({"Issuer": ""});
    let microsoft = json!({"Issuer": "", "TenantId": "tenant"});
    let cases = known.map(|vendor| (vendor, &without)).into_iter();
    let cases = cases.chain(included.map(|vendor| (vendor, &endpoints))).chain([("MicrosoftOauth2", &microsoft)]);
    for (vendor, changes) in cases {
        let mut world = World::new();
        let mut properties = with(changes.clone());
        properties["Vendor"] = json!(vendor);
        let answer = world.send(PROVIDER.create(properties.clone())).await;
        assert!(answer.is_success(), "{vendor}: {}", answer.reason());
        let live = provider(&world, &answer.physical_id());
        assert_eq!((live.vendor.as_str(), live.client_id.as_str()), (vendor, "app"));
        assert_eq!(client_secret(&world, &live.name), Some(canary("client")));
        match (vendor, live.discovery) {
            ("MicrosoftOauth2", Discovery::Url(url)) => assert!(url.contains("/tenant/"), "{url}"),
            (_, Discovery::Metadata { token_endpoint, .. }) if included.contains(&vendor) => {
                assert_eq!(token_endpoint, "https://idp.example.com/t");
            }
            (_, discovery) => assert!(known.contains(&vendor), "{vendor} {discovery:?}"),
        }
        world.send(PROVIDER.update(&live.name, properties.clone(), properties.clone())).await.success();
        world.send(PROVIDER.delete(&live.name, properties)).await.success();
        assert!(names(&world).is_empty());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_writes_the_whole_configuration_and_a_rotated_secret() {
    let mut world = world();
    let old = with(json!({"Tags": {"team": "one", "gone": "x"}}));
    let created = world.send(PROVIDER.create(old.clone())).await.success();
    rotate_at_the_idp(&world, &canary("rotated"));
    let before = world.call_count();
    let new = with(json!({"ClientSecret": canary("rotated"), "Tags": {"team": "two"}}));
    let updated = world.send(PROVIDER.update(&created.physical_id(), new, old)).await.success();
    assert_eq!(updated.physical_id(), created.physical_id());
    assert_eq!(updated.attribute("CallbackUrl"), created.attribute("CallbackUrl"));
    assert_eq!(client_secret(&world, &updated.physical_id()), Some(canary("rotated")));
    let tags = provider(&world, &updated.physical_id()).tags;
    assert_eq!((tags["team"].as_str(), tags.len()), ("two", 3));
    let calls = world.calls_since(before);
    let expected = [
        "GetOauth2CredentialProvider",
        "ListTagsForResource",
        "UpdateOauth2CredentialProvider",
        "TagResource",
        "UntagResource",
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stored_secret_is_read_again_with_every_update() {
    let mut world = world();
    store_secret(&world, &canary("client"));
    let created = world.send(PROVIDER.create(stored("MANAGED"))).await.success();
    assert_eq!(client_secret(&world, &created.physical_id()), Some(canary("client")));
    let text = json!({"client_secret": canary("rotated")}).to_string();
    let input = json!({"SecretId": "mcp/client", "SecretString": text, "ClientRequestToken": "e".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
    world.send(PROVIDER.update(&created.physical_id(), stored("MANAGED"), stored("MANAGED"))).await.success();
    assert_eq!(client_secret(&world, &created.physical_id()), Some(canary("rotated")));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stored_secret_is_read_once() {
    for source in ["MANAGED", "EXTERNAL"] {
        let mut world = world();
        store_secret(&world, &canary("client"));
        world.send(PROVIDER.create(stored(source))).await.success();
        let reads = world.calls_since(0).into_iter().filter(|call| *call == "GetSecretValue").count();
        assert_eq!(reads, 1, "{source}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_external_secret_is_referred_to_by_its_arn() {
    let mut world = world();
    let arn = store_secret(&world, &canary("client"));
    for id in ["mcp/client", &arn] {
        let mut properties = stored("EXTERNAL");
        properties["ClientSecretId"] = json!(id);
        let created = world.send(PROVIDER.create(properties.clone())).await.success();
        let live = provider(&world, &created.physical_id());
        let expected = ProviderSecret::External { secret_id: arn.clone(), json_key: "client_secret".to_owned() };
        assert_eq!(live.secret, expected);
        assert_eq!(created.attribute("ClientSecretArn"), arn);
        world.send(PROVIDER.update(&live.name, properties.clone(), properties.clone())).await.success();
        world.send(PROVIDER.delete(&live.name, properties)).await.success();
        assert!(world.has_secret("mcp/client"), "the user's own");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_create_delivered_again_is_answered_with_the_same_failure() {
    let settings = Settings { provider_transition: Duration::from_secs(2), ..Settings::default() };
    let mut world = with_idp(settings, idp());
    world.fault("CreateOauth2CredentialProvider", 1, 1, FaultEffect::BecomesFailed("no key".to_owned()));
    let event = world.address(PROVIDER.create(properties()));
    for _ in 0..2 {
        let answer = world.deliver(&event).await.expect("answered");
        assert!(answer.failure().contains("CREATE_FAILED: no key"), "{}", answer.reason());
        assert!(answer.physical_id().starts_with("mcp-11111111-"));
        assert_eq!(names(&world), [answer.physical_id()]);
    }
    let name = names(&world).remove(0);
    world.send(PROVIDER.delete(&name, properties())).await.success();
    assert!(names(&world).is_empty());
}
