//! Refusals, and their words.

use emulator::aws::ServiceId;
use serde_json::json;

use super::{DISCOVERY_URL, names, properties, stored, world};
use crate::world::{PROVIDER, REGION_ACCOUNT, canary, merged, refused_before_any_call};

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stored_secret_that_cannot_be_used_is_refused_before_anything_is_created() {
    for source in ["MANAGED", "EXTERNAL"] {
        for (changes, expected) in [
            (json!({"ClientSecretId": "missing"}), "`ClientSecretId` is \"missing\", and there is no such secret"),
            (json!({"ClientSecretJsonKey": "password"}), "`ClientSecretJsonKey` is \"password\""),
            (json!({"ClientSecretJsonKey": "long"}), "`ClientSecretJsonKey` names a value of 2049 characters"),
        ] {
            let mut world = world();
            let text = json!({"client_secret": canary("client"), "long": "x".repeat(2049)}).to_string();
            let input = json!({"Name": "mcp/client", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
            world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
            let answer = world.send(PROVIDER.create(merged(stored(source), changes))).await;
            assert!(answer.failure().starts_with(expected), "{}", answer.reason());
            assert!(world.calls_since(0).iter().all(|call| *call == "GetSecretValue"));
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_missing_permission_is_named_as_aws_names_it() {
    for action in ["secretsmanager:CreateSecret", "bedrock-agentcore:CreateTokenVault"] {
        let mut world = world();
        world.deny(action);
        let answer = world.send(PROVIDER.create(properties())).await;
        assert!(answer.failure().starts_with(&format!("not allowed to call {action}: ")), "{}", answer.reason());
        assert!(names(&world).is_empty());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let arn = format!("arn:aws:secretsmanager:{REGION_ACCOUNT}:secret:mcp/client-AbCdEf");
    let okta = json!({"Vendor": "OktaOauth2"});
    let cases = [
        (json!({"Name": "has space"}), "`Name` is \"has space\""),
        (json!({"Name": "x".repeat(129)}), "use at most 128 letters"),
        (json!({"Vendor": "GitLabOauth2"}), "use one of CustomOauth2, AtlassianOauth2, GithubOauth2"),
        (json!({"ClientId": ""}), "`ClientId` is missing"),
        (json!({"ClientId": "x".repeat(257)}), "`ClientId` has 257 characters"),
        (json!({"ClientSecret": ""}), "`ClientSecretId` is missing"),
        (json!({"ClientSecret": "x".repeat(2049)}), "`ClientSecret` has 2049 characters; use at most 2048"),
        (json!({"ClientSecretId": arn}), "`ClientSecretId` is given together with `ClientSecret`"),
        (json!({"ClientSecretJsonKey": "key"}), "`ClientSecretJsonKey` has no effect without `ClientSecretId`"),
        (json!({"ClientSecret": "", "ClientSecretId": arn}), "`ClientSecretJsonKey` is missing"),
        (
            json!({"ClientSecretSource": "EXTERNAL"}),
            "`ClientSecret` cannot be used when `ClientSecretSource` is EXTERNAL",
        ),
        (json!({"ClientSecretSource": "EXTERNAL", "ClientSecret": ""}), "`ClientSecretId` is missing"),
        (json!({"ClientSecretSource": "SOMEWHERE"}), "use one of MANAGED, EXTERNAL"),
        (json!({"ClientSecret": "{{resolve:secretsmanager:x}}"}), "does not resolve"),
        (json!({"Issuer": ""}), "`DiscoveryUrl` is missing"),
        (json!({"Issuer": "http://idp.example.com"}), "`Issuer` gives the discovery URL"),
        (json!({"DiscoveryUrl": "https://idp.example.com/"}), "`DiscoveryUrl` gives the discovery URL"),
        (
            json!({"TokenEndpointQuery": "?audience=x"}),
            "`TokenEndpointQuery` is \"?audience=x\", which cannot be a query",
        ),
        (json!({"TokenEndpointQuery": "audience"}), "write `key=value` pairs"),
        (
            json!({"ClientAuthenticationMethod": "PRIVATE_KEY_JWT"}),
            "use one of CLIENT_SECRET_BASIC, CLIENT_SECRET_POST",
        ),
        (json!({"TenantId": "x"}), "`TenantId` has no effect when `Vendor` is CustomOauth2"),
        (json!({"TokenEndpoint": "https://x"}), "`TokenEndpoint` has no effect when `Vendor` is CustomOauth2"),
        (json!({"Vendor": "GoogleOauth2"}), "`Issuer` has no effect when `Vendor` is GoogleOauth2"),
        (json!({"Vendor": "OktaOauth2", "Issuer": "idp"}), "`Issuer` is \"idp\", which is not an https URL; give"),
        (
            json!({"Vendor": "OktaOauth2", "Issuer": "https://user@idp.example.com"}),
            "`Issuer` is \"https://user@idp.example.com\", which names a user",
        ),
        (
            json!({"Vendor": "OktaOauth2", "TokenEndpoint": "https://127.0.0.1/t"}),
            "`TokenEndpoint` is \"https://127.0.0.1/t\", which is a local address",
        ),
        (
            json!({"Vendor": "OktaOauth2", "AuthorizationEndpoint": "https://0x7f.1/a"}),
            "`AuthorizationEndpoint` is \"https://0x7f.1/a\", which is a local address",
        ),
        (
            json!({"Vendor": "OktaOauth2", "TokenEndpoint": "https://idp.example.com/t#a"}),
            "`TokenEndpoint` is \"https://idp.example.com/t#a\", which has a fragment",
        ),
        (
            json!({"Vendor": "OktaOauth2", "DiscoveryUrl": DISCOVERY_URL}),
            "`DiscoveryUrl` has no effect when `Vendor` is Okta",
        ),
        (json!({"Vendor": "OktaOauth2", "TokenEndpointQuery": "a=b"}), "set `Vendor` to CustomOauth2"),
        (json!({"Vendor": "MicrosoftOauth2", "Issuer": "", "TenantId": "x".repeat(2049)}), "`TenantId` has 2049"),
        (
            json!({"Vendor": "MicrosoftOauth2", "Issuer": "", "AuthorizationEndpoint": "https://x"}),
            "such as OktaOauth2",
        ),
        (json!({"Tags": {"aws:x": "y"}}), "`Tags.aws:x` has the reserved prefix `aws:`"),
        (json!({"CallbackUrl": "x"}), "`CallbackUrl` is not a property"),
        (json!({"Vender": okta}), "did you mean `Vendor`?"),
    ];
    refused_before_any_call(PROVIDER, properties(), &cases).await;
}
