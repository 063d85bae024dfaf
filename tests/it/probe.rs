//! `Custom::AgentCoreMcpProbe` against a real MCP server in the emulated data plane: which servers pass, which do not,
//! and the exact sentence.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::container::{AnswerForm, Behaviour, Start};
use emulator::faults::FaultEffect;
use emulator::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};
use serde_json::{Value, json};

use crate::world::{
    Answer, CANARY, EXECUTION_ROLE, IMAGE, PROBE, RUNTIME, STACK_ID, World, canary, merged, refused_before_any_call,
};

mod bounds;
mod call;
mod clients;
mod elsewhere;
mod masking;
mod named_revisions;
mod oddities;
mod reasons;
mod refusals;
mod scripted;
mod secret_headers;
mod words;

const ISSUER: &str = "https://tenant.auth0.com/";
const COGNITO: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";

/// Creates a runtime, which is READY then, and returns the answer with its attributes.
pub(crate) async fn runtime(world: &mut World, changes: Value) -> Answer {
    let properties = json!({"AgentRuntimeName": "mcp", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    world.send(RUNTIME.create(merged(properties, changes))).await.success()
}

/// Returns the JWT settings of a runtime.
fn jwt(issuer: &str, rules: Value) -> Value {
    merged(json!({"InboundAuth": "JWT", "Issuer": issuer}), rules)
}

pub(crate) async fn probe(world: &mut World, runtime: &Answer, changes: Value) -> Answer {
    let properties =
        json!({"Endpoint": runtime.attribute("McpUrl"), "LogGroupName": runtime.attribute("LogGroupName")});
    world.send(PROBE.create(merged(properties, changes))).await
}

/// Returns the properties of a probe with client credentials.
fn bearer(issuer: &str, changes: Value) -> Value {
    let properties = json!({"Auth": "BEARER", "Issuer": issuer, "ClientId": "app", "ClientSecret": canary("client")});
    merged(properties, changes)
}

fn provider(style: ClaimStyle, issuer: &str) -> Provider {
    let client = Client::new(&canary("client")).scopes(&["mcp/read"]).audiences(&["https://mcp.example.com"]);
    Provider::new(style, issuer).with_client("app", client)
}

pub(crate) fn behave(world: &World, behaviour: Behaviour) {
    world.aws.with(|world| world.containers.behave(behaviour));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_kind_of_server_is_read_to_its_last_page() {
    for revision in emulator::container::REVISIONS {
        for answers in [AnswerForm::Json, AnswerForm::Sse] {
            for stateful in [false, true] {
                let mut world = World::new();
                let behaviour = Behaviour {
                    tools: 75,
                    page_size: 30,
                    stateful,
                    answers,
                    revisions: vec![revision.to_owned()],
                    ..Behaviour::default()
                };
                behave(&world, behaviour);
                let runtime = runtime(&mut world, json!({})).await;
                let what = format!("{revision} {answers:?} stateful: {stateful}");
                let answer = probe(&mut world, &runtime, json!({"ExpectedTools": ["tool_001", "tool_075"]})).await;
                assert!(answer.is_success(), "{what}: {}", answer.reason());
                assert_eq!((answer.attribute("Result"), answer.attribute("ToolCount")), ("PASSED", "75"), "{what}");
                assert_eq!(answer.attribute("ProtocolVersion"), revision, "{what}");
                assert_eq!(answer.attribute("ServerName"), "emulated-mcp-server", "{what}");
                assert!(answer.physical_id().starts_with("probe:"));
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_passing_probe_costs_at_most_two_round_trips_more_than_a_client_written_by_hand() {
    for (revision, by_hand) in [("2026-07-28", 2), ("2025-11-25", 3), ("2025-06-18", 3), ("2025-03-26", 3)] {
        for stateful in [false, true] {
            let mut world = World::new();
            let revisions = vec![revision.to_owned()];
            behave(&world, Behaviour { revisions, stateful, ..Behaviour::default() });
            let runtime = runtime(&mut world, json!({})).await;
            let before = world.call_count();
            probe(&mut world, &runtime, json!({})).await.success();
            let calls = world.calls_since(before);
            assert!(calls.iter().all(|call| *call == "InvokeAgentRuntime"), "{calls:?}");
            assert!(calls.len() <= by_hand + 2, "{revision} stateful: {stateful}: {}", calls.len());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_newest_revision_is_used_if_the_server_knows_it() {
    let mut world = World::new();
    let runtime = runtime(&mut world, json!({})).await;
    let answer = probe(&mut world, &runtime, json!({})).await.success();
    assert_eq!(answer.attribute("ProtocolVersion"), "2026-07-28");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_container_that_exits_at_start_is_quoted_from_its_log() {
    let mut world = World::new();
    let line = "SystemExit: No secret named mcp/credentials";
    behave(&world, Behaviour { start: Start::Crash(line.to_owned()), ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({})).await;
    let answer = probe(&mut world, &runtime, json!({})).await;
    let group = runtime.attribute("LogGroupName");
    assert_eq!(answer.failure(), format!("container did not start: {line} (log group {group})"));
}

/// A function that several teams share may read all their logs, and each team sees the answers to its own probes.
#[tokio::test(flavor = "local", start_paused = true)]
async fn no_line_of_anothers_log_is_quoted() {
    const LINE: &str = "SystemExit: a line of another team";
    let mut world = World::new();
    behave(&world, Behaviour { start: Start::Crash(LINE.to_owned()), ..Behaviour::default() });
    let theirs = json!({"AgentRuntimeName": "theirs", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    let theirs = RUNTIME.create(theirs);
    let theirs = theirs.with("StackId", STACK_ID.replace("11111111", "99999999"));
    let theirs = world.send(theirs).await.success();
    // It fills the log.
    let answer = probe(&mut world, &theirs, json!({"LogGroupName": ""})).await;
    assert_eq!(answer.failure(), "container did not start");
    let ours = runtime(&mut world, json!({})).await;
    let not_behind =
        "; no log line is quoted, because `LogGroupName` is not the log group of the runtime behind `Endpoint`";
    let not_ours = "; no log line is quoted, because no tag says that this stack created the runtime; see ";
    let their_group = theirs.attribute("LogGroupName");
    let endpoint = theirs.attribute("McpUrl").replace("theirs-", "other-");
    for (runtime, changes, ending) in [
        (&theirs, json!({}), format!("{not_ours}{their_group}")),
        (&ours, json!({"LogGroupName": their_group}), not_behind.to_owned()),
        (&ours, json!({"LogGroupName": "/aws/lambda/payroll"}), not_behind.to_owned()),
        (&theirs, json!({"Endpoint": endpoint}), String::new()),
    ] {
        let answer = probe(&mut world, runtime, changes.clone()).await;
        assert!(answer.failure().ends_with(&ending), "{changes}: {}", answer.reason());
        assert!(!answer.reason().contains(LINE), "{changes}: {}", answer.reason());
    }
    let answer = probe(&mut world, &ours, json!({})).await;
    assert!(answer.failure().contains(LINE), "the stack's own log: {}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn log_lines_are_quoted_in_the_order_of_their_times() {
    for (words, expected) in [
        // The words are printed two seconds after the first line of the start.
        ("SystemExit: no licence", "SystemExit: no licence"),
        // The words are within one millisecond, over several pages.
        (
            &*(0..250).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n"),
            "line 247 | line 248 | line 249",
        ),
    ] {
        let mut world = World::new();
        world.aws.with(|world| world.logs.answer_out_of_order());
        behave(&world, Behaviour { start: Start::Crash(words.to_owned()), ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await;
        let expected = format!("container did not start: {expected} (log group");
        assert!(answer.failure().starts_with(&expected), "{}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_that_the_execution_role_may_not_read_is_named() {
    let mut world = World::new();
    let text = json!({"KEY": canary("key")}).to_string();
    let input = json!({"Name": "mcp/credentials", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    world.deny_role(EXECUTION_ROLE, "secretsmanager:GetSecretValue");
    behave(&world, Behaviour { reads_secret: true, ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({"SecretId": "mcp/credentials"})).await;
    let answer = probe(&mut world, &runtime, json!({"SecretId": "mcp/credentials"})).await;
    assert!(answer.failure().starts_with("container did not start: "), "{}", answer.reason());
    assert!(answer.reason().contains("The execution role needs secretsmanager:GetSecretValue"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_in_the_containers_log_is_masked() {
    let mut world = World::new();
    let text = json!({"KEY": canary("key"), "OTHER": "cAnArY-other"}).to_string();
    let input = json!({"Name": "mcp/credentials", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    let behaviour = Behaviour {
        reads_secret: true,
        prints_secret: true,
        required_keys: vec!["MISSING".to_owned()],
        ..Behaviour::default()
    };
    behave(&world, behaviour);
    let runtime = runtime(&mut world, json!({"SecretId": "mcp/credentials"})).await;
    let answer = probe(&mut world, &runtime, json!({"SecretId": "mcp/credentials"})).await;
    assert!(answer.failure().contains("****"), "{}", answer.reason());
    assert!(!answer.reason().contains(CANARY), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_start_that_takes_too_long_once_is_waited_through() {
    let mut world = World::new();
    behave(&world, Behaviour { start: Start::SlowOnce(Duration::from_secs(40)), ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({})).await;
    probe(&mut world, &runtime, json!({})).await.success();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_does_not_speak_mcp_is_named() {
    let mut world = World::new();
    behave(&world, Behaviour { answers: AnswerForm::Page("text/html; charset=utf-8"), ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({})).await;
    let answer = probe(&mut world, &runtime, json!({})).await;
    assert!(
        answer.failure().starts_with("the server answers with \"text/html\" and not with MCP"),
        "{}",
        answer.reason()
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_catalogue_that_is_not_what_was_expected_fails_with_the_difference() {
    for (tools, expectation, expected) in [
        (0, json!({}), "the server lists 0 tools where `MinimumTools` is 1"),
        (3, json!({"ExpectedToolCount": 4}), "the server lists 3 tools where `ExpectedToolCount` is 4"),
        (3, json!({"ExpectedTools": "tool_001,absent"}), "the server does not list `absent` of `ExpectedTools`"),
    ] {
        let mut world = World::new();
        behave(&world, Behaviour { tools, ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, expectation).await;
        assert!(answer.failure().starts_with(expected), "{}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn names_that_model_apis_refuse_are_counted() {
    for (length, long) in [(60, false), (61, true)] {
        let mut world = World::new();
        behave(&world, Behaviour { tool_name: "x".repeat(length), ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await.success();
        let detail = answer.attribute("Detail");
        assert_eq!(detail.contains("; 3 of their names exceed 64 characters"), long, "{detail}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn report_mode_records_the_failure_and_succeeds() {
    let mut world = World::new();
    behave(&world, Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({})).await;
    let answer = probe(&mut world, &runtime, json!({"Mode": "Report"})).await.success();
    assert_eq!((answer.attribute("Result"), answer.attribute("ToolCount")), ("FAILED:CONTAINER_DID_NOT_START", "0"));
    assert!(answer.attribute("Detail").contains("boom"), "{}", answer.attribute("Detail"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_throttled_data_plane_is_waited_through_and_named_when_it_lasts() {
    for (count, passes) in [(3, true), (u64::MAX, false)] {
        let mut world = World::new();
        let runtime = runtime(&mut world, json!({})).await;
        world.fault("InvokeAgentRuntime", 1, count, FaultEffect::Throttled);
        let started = world.aws.clock().elapsed();
        let answer = probe(&mut world, &runtime, json!({})).await;
        assert_eq!(answer.is_success(), passes, "{}", answer.reason());
        assert!(world.aws.clock().elapsed() < started + Duration::from_mins(5), "the budget leaves time to answer");
        if !passes {
            assert!(answer.reason().contains("throttled"), "{}", answer.reason());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_token_by_client_credentials_lists_the_tools_of_a_jwt_runtime() {
    for (style, issuer, rules, extra) in [
        (
            ClaimStyle::Auth0,
            ISSUER,
            json!({"AllowedAudience": "https://mcp.example.com", "AllowedClients": "app"}),
            json!({"CustomParameters": {"audience": "https://mcp.example.com"}}),
        ),
        (ClaimStyle::Cognito, COGNITO, json!({"AllowedClients": "app"}), json!({"Scopes": "mcp/read"})),
    ] {
        let mut world = World::new();
        world.aws.with(|world| world.identity_providers.add(provider(style, issuer)));
        let runtime = runtime(&mut world, jwt(issuer, rules)).await;
        let answer = probe(&mut world, &runtime, bearer(issuer, extra)).await;
        assert!(answer.is_success(), "{issuer}: {}", answer.reason());
        assert_eq!(answer.attribute("ToolCount"), "3");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_claim_that_does_not_match_is_named_with_the_property_to_change() {
    let audience = json!({"CustomParameters": {"audience": "https://mcp.example.com"}});
    let cases = [
        (
            ClaimStyle::Auth0,
            ISSUER,
            json!({"AllowedAudience": "other"}),
            audience.clone(),
            "the token's `aud` is \"https://mcp.example.com\" and the runtime's `AllowedAudience` is \"other\"",
        ),
        (ClaimStyle::Cognito, COGNITO, json!({"AllowedAudience": "other"}), json!({}), "the token has no `aud` claim"),
        (
            ClaimStyle::Auth0,
            ISSUER,
            json!({"AllowedClients": "app", "ClientClaimName": "client_id"}),
            audience.clone(),
            "set the runtime's `ClientClaimName` to azp",
        ),
        (
            ClaimStyle::Cognito,
            COGNITO,
            json!({"AllowedClients": "other"}),
            json!({}),
            "the token's `client_id` is \"app\" and the runtime's `AllowedClients` is \"other\"",
        ),
        (
            ClaimStyle::Auth0,
            ISSUER,
            json!({"AllowedClients": "other"}),
            audience.clone(),
            "the token's `azp` is \"app\" and the runtime requires \"other\"",
        ),
        (
            ClaimStyle::Cognito,
            COGNITO,
            json!({"AllowedScopes": "mcp/write"}),
            json!({"Scopes": "mcp/read"}),
            "request one of them in `Scopes`",
        ),
    ];
    for (style, issuer, rules, extra, expected) in cases {
        let mut world = World::new();
        world.aws.with(|world| world.identity_providers.add(provider(style, issuer)));
        let runtime = runtime(&mut world, jwt(issuer, rules)).await;
        let before = world.call_count();
        let answer = probe(&mut world, &runtime, bearer(issuer, extra)).await;
        assert!(answer.failure().contains(expected), "{}", answer.reason());
        assert!(!world.calls_since(before).contains(&"InvokeAgentRuntime"), "claims before callers");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_identity_provider_that_fails_is_named() {
    let discovery = |failure| ProviderFault::At(Endpoint::Discovery, failure);
    let token = |failure| ProviderFault::At(Endpoint::Token, failure);
    let slash = format!("{COGNITO}/");
    let cases: Vec<(ProviderFault, &str)> = vec![
        (discovery(Failure::Status(500)), "which answers HTTP 500"),
        (discovery(Failure::Unreachable), "which cannot be reached"),
        (discovery(Failure::NoAnswer), "no answer within 10 s"),
        (discovery(Failure::Redirect("https://elsewhere.example.com/".to_owned())), "which redirects to"),
        (discovery(Failure::HtmlPage), "which is not a JSON document"),
        (discovery(Failure::BrokenJson), "which is not a JSON document"),
        (ProviderFault::DiscoveryWithout("token_endpoint"), "whose document has no `token_endpoint`"),
        (ProviderFault::DiscoveryWithout("jwks_uri"), "whose document has no `jwks_uri`"),
        (ProviderFault::DiscoveryWithout("issuer"), "whose document has no `issuer`"),
        (ProviderFault::DiscoveryIssuer("https://other.example.com".to_owned()), "whose document names another issuer"),
        (ProviderFault::SignsWithSecrets, "the IdP signed the token with \"HS256\", and AgentCore verifies RS256"),
        (token(Failure::Unreachable), "cannot be reached"),
        (
            token(Failure::Redirect("https://elsewhere.example.com/t/".to_owned())),
            "redirects to \"https://elsewhere.example.com/t/\" (HTTP 302), and a client secret is not sent on; let",
        ),
        (token(Failure::Status(500)), "gave client \"app\" no token (HTTP 500)"),
        (ProviderFault::OpaqueToken, "the IdP gave an opaque or encrypted token"),
        (ProviderFault::Hs256Token, "the IdP signed the token with \"HS256\""),
        (ProviderFault::TokenIssuer(slash), "they differ only in the trailing slash"),
        (
            ProviderFault::TokenError { status: 400, error: "unauthorized_client", description: "" },
            "allow the client the client_credentials grant",
        ),
    ];
    for (fault, expected) in cases {
        let mut world = World::new();
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO).with_fault(fault)));
        let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({}))).await;
        assert!(answer.failure().contains(expected), "{expected}: {}", answer.reason());
    }
    for (changes, expected) in [
        (json!({"ClientSecret": "cAnArY-wrong"}), "check `ClientId` and the client secret"),
        (json!({"Scopes": "unheard/of"}), "check `Scopes`"),
    ] {
        let mut world = World::new();
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
        let answer = probe(&mut world, &runtime, bearer(COGNITO, changes)).await;
        assert!(answer.failure().contains(expected), "{}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_endpoint_without_a_client_must_ask_for_the_right_token() {
    for (issuer, passes) in [(ISSUER, true), ("https://other.example.com", false)] {
        let mut world = World::new();
        world.aws.with(|world| {
            world.identity_providers.add(provider(ClaimStyle::Auth0, ISSUER));
            world.identity_providers.add(provider(ClaimStyle::Keycloak, "https://other.example.com"));
        });
        let runtime = runtime(&mut world, jwt(ISSUER, json!({"AllowedAudience": "x"}))).await;
        let answer = probe(&mut world, &runtime, json!({"Auth": "ANONYMOUS", "Issuer": issuer})).await;
        assert_eq!(answer.is_success(), passes, "{}", answer.reason());
        if !passes {
            assert!(answer.reason().contains("make them the same IdP"), "{}", answer.reason());
        }
    }
    let mut world = World::new();
    let runtime = runtime(&mut world, json!({})).await;
    let answer = probe(&mut world, &runtime, json!({"Auth": "ANONYMOUS"})).await;
    assert!(answer.failure().contains("set the probe's `Auth` to IAM"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_challenge_that_points_anywhere_but_to_a_public_https_address_is_not_followed() {
    let endpoint = "https://tenant.auth0.com/oauth/token";
    for (metadata_url, followed) in [
        ("http://tenant.auth0.com/.well-known/openid-configuration", false),
        ("https://169.254.169.254/latest/meta-data", false),
        ("https://localhost/metadata", false),
        ("https://tenant.auth0.com/.well-known/openid-configuration", true),
    ] {
        let mut world = World::new();
        let fault = ProviderFault::At(Endpoint::Token, Failure::Challenge(metadata_url.to_owned()));
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Auth0, ISSUER).with_fault(fault)));
        let properties = json!({"Endpoint": endpoint, "Auth": "ANONYMOUS"});
        let answer = world.send(PROBE.create(properties)).await;
        let expected = if followed { "names no `authorization_servers`" } else { "so that it was not followed" };
        assert!(answer.failure().contains(expected), "{metadata_url}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stored_client_secret_is_read_and_a_wrong_key_is_named() {
    let mut world = World::new();
    world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
    let text = json!({"client_secret": canary("client")}).to_string();
    let input = json!({"Name": "mcp/client", "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let stored = |key: &str| {
        json!({"Auth": "BEARER", "Issuer": COGNITO, "ClientId": "app", "ClientSecretId": "mcp/client",
               "ClientSecretJsonKey": key})
    };
    probe(&mut world, &runtime, stored("client_secret")).await.success();
    let answer = probe(&mut world, &runtime, stored("secret")).await;
    assert!(answer.failure().starts_with("`ClientSecretJsonKey` is \"secret\""), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let cases = [
        (json!({"Endpoint": ""}), "`Endpoint` is missing"),
        (json!({"Endpoint": "http://x"}), "`Endpoint` is \"http://x\""),
        (json!({"Auth": "BEARER"}), "`ClientSecretId` is missing"),
        (json!({"Auth": "BEARER", "ClientSecret": "s3cr3t", "ClientId": "x"}), "`DiscoveryUrl` is missing"),
        (
            json!({"Auth": "BEARER", "ClientSecret": "s3cr3t", "ClientId": "x",
                   "DiscoveryUrl": "http://idp.example.com/.well-known/openid-configuration"}),
            "`DiscoveryUrl` gives the discovery URL \"http://idp.example.com",
        ),
        (json!({"ClientId": "x"}), "`ClientId` has no effect when `Auth` is IAM"),
        (json!({"Auth": "NONE"}), "use one of IAM, BEARER, ANONYMOUS"),
        (json!({"MinimumTools": "many"}), "whole number"),
        (json!({"Mode": "Off"}), "use one of Strict, Report"),
    ];
    refused_before_any_call(PROBE, json!({"Endpoint": "https://example.com/mcp"}), &cases).await;
}
