//! The IdP is checked before a gateway trusts it: which settings pass, which do not, and the exact sentences.

use emulator::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};
use emulator::stacks::StackStatus;
use serde_json::{Value, json};

use super::{COGNITO, add_provider, count, gateway, jwt, names, provider, with, world};
use crate::world::{GATEWAY, World, canary, merged};

const AUTH0: &str = "https://tenant.auth0.com/";
const OKTA: &str = "https://dev-1.okta.com/oauth2/default";
/// The issuer of an Okta behind a custom domain.
const CUSTOM_DOMAIN: &str = "https://login.example.com/oauth2/default";
const ENTRA_V1: &str = "https://sts.windows.net/tenant/";
const ENTRA_V2: &str = "https://login.microsoftonline.com/tenant/v2.0";
const KEYCLOAK: &str = "https://sso.example.com/realms/mcp";

/// Returns the properties of the client `app`.
fn client(changes: Value) -> Value {
    merged(json!({"ClientId": "app", "ClientSecret": canary("client")}), changes)
}

/// Returns the only claim rule of a gateway.
fn rule(world: &World, id: &str) -> Option<(String, String)> {
    let authorizer = gateway(world, id, |gateway| gateway.jwt_authorizer().cloned()).expect("one");
    let rule = authorizer.get("customClaims")?.as_array()?.first()?.clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let value = &rule["authorizingClaimMatchValue"]["claimMatchValue"]["matchValueString"];
    Some((text(&rule["inboundTokenClaimName"])?, text(value)?))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_claim_comes_from_the_template_then_from_a_token_then_from_the_idp() {
    let audience = json!({"CustomParameters": {"audience": "https://mcp.example.com"}});
    let cases = [
        (ClaimStyle::Cognito, COGNITO, None, "client_id"),
        (ClaimStyle::Auth0, AUTH0, None, "azp"),
        (ClaimStyle::Okta, OKTA, None, "cid"),
        (ClaimStyle::Okta, CUSTOM_DOMAIN, None, "azp"),
        (ClaimStyle::Okta, CUSTOM_DOMAIN, Some(json!({"Scopes": "mcp/read"})), "cid"),
        (ClaimStyle::Okta, CUSTOM_DOMAIN, Some(json!({"Scopes": "mcp/read", "ClientClaimName": "sub"})), "sub"),
        (ClaimStyle::Auth0, AUTH0, Some(audience), "azp"),
        (ClaimStyle::Keycloak, KEYCLOAK, Some(json!({})), "azp"),
        (ClaimStyle::Cognito, COGNITO, Some(json!({})), "client_id"),
    ];
    for (style, issuer, credentials, claim) in cases {
        let mut world = World::new();
        add_provider(&world, provider(style, issuer));
        let properties = jwt(issuer, json!({"AllowedClients": "app"}));
        let properties = merged(properties, credentials.map_or(json!({}), client));
        let answer = world.send(GATEWAY.create(properties)).await.success();
        assert_eq!(answer.attribute("ClientClaimName"), claim, "{issuer}");
        let rule = rule(&world, &answer.physical_id());
        assert_eq!(rule, (claim != "client_id").then(|| (claim.to_owned(), "app".to_owned())), "{issuer}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_idp_passes_as_its_guide_says() {
    for (style, issuer, discovery_url, rules, credentials) in [
        (
            ClaimStyle::EntraV1,
            ENTRA_V1,
            "https://login.microsoftonline.com/tenant/.well-known/openid-configuration",
            json!({"AllowedAudience": "https://mcp.example.com", "AllowedClients": "app"}),
            json!({"CustomParameters": {"resource": "https://mcp.example.com"}}),
        ),
        (
            ClaimStyle::EntraV2,
            ENTRA_V2,
            "https://login.microsoftonline.com/tenant/v2.0/.well-known/openid-configuration",
            json!({"AllowedAudience": "https://mcp.example.com", "AllowedClients": "app"}),
            json!({"Scopes": "https://mcp.example.com/.default"}),
        ),
        (
            ClaimStyle::Okta,
            OKTA,
            "https://dev-1.okta.com/oauth2/default/.well-known/oauth-authorization-server",
            json!({"AllowedAudience": "api://default", "AllowedScopes": "mcp/read"}),
            json!({"Scopes": "mcp/read"}),
        ),
    ] {
        let mut world = World::new();
        add_provider(&world, provider(style, issuer));
        let properties = merged(with(json!({"AuthorizerType": "", "DiscoveryUrl": discovery_url})), rules);
        let answer = world.send(GATEWAY.create(merged(properties, client(credentials)))).await;
        assert!(answer.is_success(), "{issuer}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn several_clients_with_a_custom_claim_are_refused_with_the_evidence() {
    let mut world = World::new();
    add_provider(&world, provider(ClaimStyle::Okta, CUSTOM_DOMAIN));
    let properties = jwt(CUSTOM_DOMAIN, json!({"AllowedClients": "app,other", "AllowedAudience": "api://default"}));
    let answer = world.send(GATEWAY.create(merged(properties, client(json!({"Scopes": "mcp/read"}))))).await;
    assert!(answer.failure().contains("which this IdP puts into the claim `cid`"), "{}", answer.reason());
    assert!(answer.reason().contains("use `AllowedAudience`"), "{}", answer.reason());
    assert!(names(&world).is_empty());
}

/// Sends Creates of gateways that these IdPs' tokens would not open, with these rules and credentials and for these
/// reasons. They must be refused before any call.
async fn refused(cases: Vec<(Provider, Value, Value, &str)>) {
    for (provider, rules, credentials, expected) in cases {
        let mut world = World::new();
        let discovery_url = provider.discovery_url();
        let entra_v1 = provider.issuer == ENTRA_V1;
        let issuer = provider.issuer.clone();
        add_provider(&world, provider);
        let properties = if entra_v1 {
            with(json!({"AuthorizerType": "CUSTOM_JWT", "DiscoveryUrl": discovery_url}))
        } else {
            jwt(&issuer, json!({}))
        };
        let answer = world.send(GATEWAY.create(merged(merged(properties, rules), client(credentials)))).await;
        assert!(answer.failure().contains(expected), "{expected}: {}", answer.reason());
        assert_eq!(world.calls_since(0), [""; 0], "{expected}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_authorizer_that_admits_nobody_is_refused_with_advice_for_its_idp() {
    let app = json!({"AllowedClients": "app"});
    let audience = json!({"AllowedAudience": "https://mcp.example.com"});
    let none = || json!({});
    refused(vec![
        (provider(ClaimStyle::Auth0, AUTH0), audience.clone(), none(), "with Auth0 by setting `audience`"),
        (
            provider(ClaimStyle::Auth0, AUTH0).with_fault(ProviderFault::TokenError {
                status: 403,
                error: "access_denied",
                description: "No audience parameter was provided, and no default audience has been configured",
            }),
            audience.clone(),
            none(),
            "set `audience` in `CustomParameters` to the API's identifier",
        ),
        (
            provider(ClaimStyle::EntraV2, ENTRA_V2).with_fault(ProviderFault::TokenIssuer(ENTRA_V1.to_owned())),
            audience.clone(),
            json!({"Scopes": "https://mcp.example.com/.default"}),
            "`DiscoveryUrl` to `https://login.microsoftonline.com/tenant/.well-known/openid-configuration`, or \
             `requestedAccessTokenVersion` to 2",
        ),
        (
            provider(ClaimStyle::EntraV1, ENTRA_V1).with_fault(ProviderFault::TokenIssuer(ENTRA_V2.to_owned())),
            audience.clone(),
            json!({"CustomParameters": {"resource": "https://mcp.example.com"}}),
            "`DiscoveryUrl` to `https://login.microsoftonline.com/tenant/v2.0/.well-known/openid-configuration`, or \
             `requestedAccessTokenVersion` to 1",
        ),
        (provider(ClaimStyle::EntraV2, ENTRA_V2), audience.clone(), none(), "application id URI with `/.default`"),
        (
            provider(ClaimStyle::Okta, OKTA),
            merged(app.clone(), json!({"ClientClaimName": "client_id"})),
            json!({"Scopes": "mcp/read"}),
            "set the gateway's `ClientClaimName` to cid",
        ),
        (provider(ClaimStyle::Okta, OKTA), app.clone(), none(), "Okta: a scope of the authorization server"),
    ])
    .await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_authorizer_that_admits_nobody_is_refused_before_anything_is_created() {
    let app = json!({"AllowedClients": "app"});
    let audience = json!({"AllowedAudience": "https://mcp.example.com"});
    let none = || json!({});
    refused(vec![
        (
            provider(ClaimStyle::Keycloak, KEYCLOAK)
                .with_fault(ProviderFault::DiscoveryIssuer("https://keycloak.internal/realms/mcp".to_owned())),
            app.clone(),
            none(),
            "names another issuer, \"https://keycloak.internal/realms/mcp\"",
        ),
        (
            provider(ClaimStyle::Keycloak, KEYCLOAK)
                .with_fault(ProviderFault::TokenIssuer("https://keycloak.internal/realms/mcp".to_owned())),
            app.clone(),
            none(),
            "they differ in the host name only",
        ),
        (
            provider(ClaimStyle::Cognito, COGNITO)
                .with_fault(ProviderFault::At(Endpoint::Discovery, Failure::Unreachable)),
            app.clone(),
            none(),
            "which cannot be reached: the connection failed: no such host: cognito-idp",
        ),
        (
            provider(ClaimStyle::Cognito, COGNITO).with_fault(ProviderFault::DiscoveryWithout("jwks_uri")),
            app.clone(),
            none(),
            "whose document has no `jwks_uri`",
        ),
        (
            provider(ClaimStyle::Cognito, COGNITO).with_fault(ProviderFault::SignsWithSecrets),
            app.clone(),
            none(),
            "the IdP signed the token with \"HS256\", and AgentCore verifies RS256",
        ),
        (
            provider(ClaimStyle::Cognito, COGNITO),
            app.clone(),
            json!({"ClientSecret": "cAnArY-wrong"}),
            "check `ClientId` and the client secret",
        ),
        (
            provider(ClaimStyle::Cognito, COGNITO),
            json!({"AllowedClients": "other"}),
            none(),
            "the token's `client_id` is \"app\" and the gateway's `AllowedClients` is \"other\"",
        ),
        (provider(ClaimStyle::Cognito, COGNITO), audience, none(), "the token has no `aud` claim"),
    ])
    .await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_idp_that_restarts_is_waited_for() {
    let mut world = World::new();
    let mut provider = provider(ClaimStyle::Cognito, COGNITO);
    provider.fail_next(3, ProviderFault::At(Endpoint::Discovery, Failure::Status(503)));
    add_provider(&world, provider);
    world.send(GATEWAY.create(jwt(COGNITO, json!({"AllowedClients": "app"})))).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_idp_is_asked_only_when_the_authorizer_is_about_to_change() {
    let mut world = World::new();
    add_provider(&world, provider(ClaimStyle::Okta, CUSTOM_DOMAIN));
    let requests = |world: &World| world.aws.with(|world| world.identity_providers.requests().len());
    let old = merged(jwt(CUSTOM_DOMAIN, json!({"AllowedClients": "app"})), client(json!({"Scopes": "mcp/read"})));
    let created = world.send(GATEWAY.create(old.clone())).await.success();
    assert_eq!(requests(&world), 2);
    let described = merged(old.clone(), json!({"Description": "new"}));
    let updated = world.send(GATEWAY.update(&created.physical_id(), described.clone(), old.clone())).await.success();
    assert_eq!((requests(&world), updated.attribute("ClientClaimName")), (2, "cid"));
    // A rollback must not depend on an IdP whose answer does not change anything.
    let broken = provider(ClaimStyle::Okta, CUSTOM_DOMAIN)
        .with_fault(ProviderFault::At(Endpoint::Discovery, Failure::Unreachable));
    add_provider(&world, broken);
    let stricter = merged(described.clone(), json!({"AllowedScopes": "mcp/read"}));
    let refused = world.send(GATEWAY.update(&created.physical_id(), stricter.clone(), described.clone())).await;
    assert!(refused.failure().contains("cannot be reached"), "{}", refused.reason());
    world.send(GATEWAY.update(&created.physical_id(), described.clone(), stricter.clone())).await.success();
    add_provider(&world, provider(ClaimStyle::Okta, CUSTOM_DOMAIN));
    let before = requests(&world);
    world.send(GATEWAY.update(&created.physical_id(), stricter, described)).await.success();
    assert_eq!(requests(&world), before + 2);
    assert_eq!(count(&world.calls_since(0), &["CreateGateway"]), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_claim_that_the_template_drops_is_looked_up_again() {
    let mut world = World::new();
    add_provider(&world, provider(ClaimStyle::Okta, CUSTOM_DOMAIN));
    let new = merged(jwt(CUSTOM_DOMAIN, json!({"AllowedClients": "app"})), client(json!({"Scopes": "mcp/read"})));
    let old = merged(new.clone(), json!({"ClientClaimName": "sub"}));
    let created = world.send(GATEWAY.create(old.clone())).await.success();
    assert_eq!(created.attribute("ClientClaimName"), "sub");
    let updated = world.send(GATEWAY.update(&created.physical_id(), new, old)).await.success();
    assert_eq!(updated.attribute("ClientClaimName"), "cid");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_that_the_idp_no_longer_takes_does_not_break_a_rollback() {
    for (status, passes) in [(StackStatus::UpdateInProgress, false), (StackStatus::UpdateRollbackInProgress, true)] {
        let mut world = world();
        let old = jwt(COGNITO, client(json!({"AllowedClients": "app"})));
        let new = jwt(COGNITO, client(json!({"AllowedClients": "app,other"})));
        let created = world.send(GATEWAY.create(old.clone())).await.success();
        world.send(GATEWAY.update(&created.physical_id(), new.clone(), old.clone())).await.success();
        add_provider(&world, Provider::new(ClaimStyle::Cognito, COGNITO).with_client("app", Client::new("rotated")));
        world.stack_status(status);
        let answer = world.send(GATEWAY.update(&created.physical_id(), old, new)).await;
        assert_eq!(answer.is_success(), passes, "{status}: {}", answer.reason());
        assert_eq!(answer.physical_id(), created.physical_id());
    }
}
