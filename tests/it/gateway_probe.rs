//! `Custom::AgentCoreMcpProbe` behind a gateway: whose tools count, which failures a synchronization repairs, and the
//! exact sentence for the others.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::container::{Behaviour, Hints, Start};
use emulator::faults::FaultEffect;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::service::Principal;
use emulator::settings::Settings;
use harness::{FUNCTION_ARN, handler};
use provisioner::endpoints::Endpoints;
use provisioner::handler::Invocation;
use serde_json::{Value, json};

use crate::gateway_target::{COGNITO, NAME, Scene, create_gateway, jwt_gateway};
use crate::world::{Answer, FUNCTION_ROLE, PROBE, canary, merged, refused_before_any_call};

/// Probes the gateway for one target of it.
async fn probe(scene: &mut Scene, target: &Answer, changes: Value) -> Answer {
    let properties = json!({"Endpoint": target.attribute("GatewayUrl"), "GatewayTargetId": target.physical_id()});
    scene.world.send(PROBE.create(merged(properties, changes))).await
}

fn client(changes: Value) -> Value {
    merged(json!({"ClientId": "app", "ClientSecret": canary("client")}), changes)
}

fn synchronizations(scene: &Scene, before: usize) -> usize {
    scene.world.calls_since(before).iter().filter(|call| **call == "SynchronizeGatewayTargets").count()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn only_the_targets_own_tools_count_to_the_last_page() {
    let semantic = json!({"protocolConfiguration": {"mcp": {"searchType": "SEMANTIC",
        "supportedVersions": emulator::container::REVISIONS}}});
    let mut scene = Scene::with(Settings::default(), semantic, json!({})).await;
    scene.behave(Behaviour { tools: 75, ..Behaviour::default() });
    scene.somebodys_target("server-2");
    let target = scene.target(json!({})).await;
    let before = scene.world.call_count();
    let expectations = json!({"ExpectedToolCount": 75, "ExpectedTools": "tool_001,tool_075"});
    let answer = probe(&mut scene, &target, expectations).await.success();
    assert_eq!((answer.attribute("Result"), answer.attribute("ToolCount")), ("PASSED", "75"));
    assert_eq!(answer.attribute("Detail"), "the gateway answers and lists 75 tools of target server");
    assert_eq!(answer.attribute("ServerName"), "shared");
    let calls = scene.world.calls_since(before);
    assert_eq!(calls[..2], ["GetGateway", "GetGatewayTarget"]);
    assert!(calls[2..].iter().all(|call| *call == "InvokeGateway"), "{calls:?}");
}

/// Nobody says if gateways have endpoints with FIPS 140 validated cryptography.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_that_is_called_at_its_only_endpoint_is_named_if_fips_is_asked_for() {
    let mut scene = Scene::with(Settings::default(), json!({}), json!({})).await;
    let target = scene.target(json!({})).await;
    let mut context = handler::context(&scene.world.aws, &Principal::Role(FUNCTION_ROLE.to_owned()));
    let fips = |name: &str| (name == "AWS_USE_FIPS_ENDPOINT").then(|| "true".to_owned());
    context.endpoints = Endpoints::from_environment(fips).expect("endpoints");
    let properties = json!({"Endpoint": target.attribute("GatewayUrl"), "GatewayTargetId": target.physical_id()});
    let event = scene.world.address(PROBE.create(properties));
    let payload = event.payload();
    let deadline = scene.world.aws.clock().now() + Duration::from_mins(15);
    let invocation = Invocation { request_id: "r", payload: &payload, deadline, function_arn: FUNCTION_ARN };
    provisioner::handler::handle(invocation, &context).await.expect("answered");
    let url = event.0["ResponseURL"].as_str().expect("a URL").to_owned();
    let answer = scene.world.aws.with(|world| world.responses.take_answer(&url)).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let detail = answer["Data"]["Detail"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let remark = "; `AWS_USE_FIPS_ENDPOINT` is true, and the gateway was called at the endpoint that AgentCore gave it";
    assert!(detail.ends_with(remark), "{detail}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_revision_that_a_gateway_may_be_limited_to_is_spoken() {
    for revision in emulator::container::REVISIONS {
        let limited = json!({"protocolConfiguration": {"mcp": {"supportedVersions": [revision]}}});
        let mut scene = Scene::with(Settings::default(), limited, json!({})).await;
        let target = scene.target(json!({})).await;
        let answer = probe(&mut scene, &target, json!({})).await;
        assert!(answer.is_success(), "{revision}: {}", answer.reason());
        assert_eq!(answer.attribute("ProtocolVersion"), revision);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_jwt_gateway_is_called_with_a_token_or_asked_for_its_issuer() {
    let mut scene = Scene::with(Settings::default(), jwt_gateway(), json!({})).await;
    let target = scene.target(json!({})).await;
    for changes in [client(json!({})), client(json!({"Auth": "BEARER"})), client(json!({"Issuer": COGNITO}))] {
        let answer = probe(&mut scene, &target, changes).await.success();
        assert_eq!(answer.attribute("ToolCount"), "3");
    }
    for changes in [json!({}), json!({"Auth": "ANONYMOUS", "Issuer": COGNITO})] {
        let answer = probe(&mut scene, &target, changes).await.success();
        assert_eq!((answer.attribute("Result"), answer.attribute("ToolCount")), ("PASSED", "0"));
        assert!(answer.attribute("Detail").contains(COGNITO), "{}", answer.attribute("Detail"));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_token_is_compared_with_the_gateway_before_it_is_called() {
    let mut scene = Scene::with(Settings::default(), jwt_gateway(), json!({})).await;
    let target = scene.target(json!({})).await;
    let stranger = Client::new(&canary("client")).scopes(&["mcp/read"]);
    let provider = Provider::new(ClaimStyle::Cognito, COGNITO).with_client("stranger", stranger);
    scene.world.aws.with(|world| world.identity_providers.add(provider));
    let before = scene.world.call_count();
    let answer = probe(&mut scene, &target, client(json!({"ClientId": "stranger"}))).await;
    let expected = "the token's `client_id` is \"stranger\" and the gateway's `AllowedClients` is \"app\"";
    assert!(answer.failure().contains(expected), "{}", answer.reason());
    assert!(!scene.world.calls_since(before).contains(&"InvokeGateway"), "claims before callers");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_wrong_kind_of_credentials_is_named() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({})).await;
    let answer = probe(&mut scene, &target, client(json!({"Auth": "BEARER", "Issuer": COGNITO}))).await;
    let expected = "the gateway takes signatures and no tokens; set the probe's `Auth` to IAM, or the gateway's";
    assert!(answer.failure().starts_with(expected), "{}", answer.reason());
    // A client that the gateway does not need does no harm.
    probe(&mut scene, &target, client(json!({}))).await.success();
    let mut scene = Scene::with(Settings::default(), jwt_gateway(), json!({})).await;
    let target = scene.target(json!({})).await;
    let answer = probe(&mut scene, &target, json!({"Auth": "IAM"})).await;
    assert!(
        answer.failure().contains("the gateway takes tokens: set the probe's `Auth` to BEARER"),
        "{}",
        answer.reason()
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn missing_tools_are_looked_for_in_a_synchronization() {
    for (expectation, passes) in [
        (json!({"ExpectedToolCount": 5}), true),
        (json!({"ExpectedTools": "tool_005"}), true),
        (json!({"MinimumTools": 4}), true),
        (json!({"ExpectedToolCount": 6}), false),
    ] {
        let mut scene = Scene::new().await;
        let target = scene.target(json!({})).await;
        scene.behave(Behaviour { tools: 5, ..Behaviour::default() });
        let before = scene.world.call_count();
        let answer = probe(&mut scene, &target, expectation.clone()).await;
        assert_eq!(answer.is_success(), passes, "{expectation}: {}", answer.reason());
        assert_eq!(synchronizations(&scene, before), 1, "{expectation}");
        if passes {
            assert_eq!(answer.attribute("ToolCount"), "5");
        } else {
            let expected = "the gateway lists 5 tools of target server where `ExpectedToolCount` is 6; synchronizing \
                            the target did not help: check that the target's `Endpoint` is the intended server";
            assert!(answer.reason().starts_with(expected), "{}", answer.reason());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_count_of_zero_is_not_compared() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({})).await;
    let before = scene.world.call_count();
    probe(&mut scene, &target, json!({"ExpectedToolCount": "0"})).await.success();
    assert_eq!(synchronizations(&scene, before), 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_list_from_a_schema_or_a_live_list_is_not_synchronized() {
    let tool = json!({"name": "one", "description": "d", "inputSchema": {"type": "object"}});
    for (listing, count, remedy) in [
        (json!({"ToolSchema": {"tools": [tool]}}), 1, "bring that up to date"),
        (json!({"ListingMode": "DYNAMIC"}), 3, "the gateway asks the server every time"),
    ] {
        let mut scene = Scene::new().await;
        let target = scene.target(listing).await;
        let before = scene.world.call_count();
        let answer = probe(&mut scene, &target, json!({"ExpectedToolCount": count})).await.success();
        assert_eq!(answer.attribute("ToolCount"), count.to_string());
        let answer = probe(&mut scene, &target, json!({"ExpectedToolCount": 9})).await;
        let expected = format!("the gateway lists {count} tools of target server where `ExpectedToolCount` is 9; ");
        assert!(answer.failure().starts_with(&expected) && answer.reason().contains(remedy), "{}", answer.reason());
        assert_eq!(synchronizations(&scene, before), 0);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn attempts_before_and_after_a_synchronization_share_their_time() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({})).await;
    // The gateway is throttled for three minutes, then lists its tools without the expected one, then is throttled
    // permanently.
    scene.world.fault("InvokeGateway", 1, 20, FaultEffect::Throttled);
    scene.world.fault("InvokeGateway", 26, u64::MAX, FaultEffect::Throttled);
    let started = scene.world.aws.clock().elapsed();
    let before = scene.world.call_count();
    let answer = probe(&mut scene, &target, json!({"ExpectedToolCount": 5})).await;
    assert!(answer.failure().contains("throttled"), "{}", answer.reason());
    assert_eq!(synchronizations(&scene, before), 1);
    let took = scene.world.aws.clock().elapsed().saturating_sub(started);
    assert!(took > Duration::from_mins(3) && took < Duration::from_mins(5), "{took:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_synchronization_is_repeated_or_named() {
    let crash = Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() };
    for (after, passes) in [(Behaviour::default(), true), (crash.clone(), false)] {
        let mut scene = Scene::new().await;
        let target = scene.target(json!({})).await;
        scene.behave(crash.clone());
        let list = json!({"gatewayIdentifier": scene.gateway_id, "targetIdList": [target.attribute("TargetId")]});
        scene.world.somebody(ServiceId::AgentCoreControl, "SynchronizeGatewayTargets", list);
        tokio::time::sleep(Duration::from_mins(1)).await;
        scene.behave(after);
        let before = scene.world.call_count();
        let answer = probe(&mut scene, &target, json!({})).await;
        assert_eq!(answer.is_success(), passes, "{}", answer.reason());
        assert_eq!(synchronizations(&scene, before), if passes { 1 } else { 3 });
        if !passes {
            let expected = "ended in SYNCHRONIZE_UNSUCCESSFUL: Failed to connect and fetch tools";
            assert!(answer.reason().contains(expected), "{}", answer.reason());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn report_mode_records_tools_that_a_synchronization_does_not_bring() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({})).await;
    scene.behave(Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() });
    let changes = json!({"Mode": "Report", "ExpectedToolCount": 5});
    let answer = probe(&mut scene, &target, changes).await.success();
    assert_eq!(answer.attribute("Result"), "FAILED:TARGET_NOT_SYNCHRONIZED");
    assert!(answer.attribute("Detail").contains("read the server's log"), "{}", answer.attribute("Detail"));
}

/// The report is about the server, of which a target that is gone says nothing.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_is_deleted_meanwhile_is_told_as_gone_in_every_mode() {
    for mode in ["Strict", "Report"] {
        let mut scene = Scene::new().await;
        let target = scene.target(json!({})).await;
        scene.world.fault("InvokeGateway", 1, 3, FaultEffect::Throttled);
        let ids = json!({"gatewayIdentifier": scene.gateway_id, "targetId": target.attribute("TargetId")});
        let aws = scene.world.aws.clone();
        let deleting = tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, "DeleteGatewayTarget", ids)
        });
        let answer = probe(&mut scene, &target, json!({"Mode": mode})).await;
        deleting.await.expect("ran").expect("deleted");
        let expected = "ended in not found: it was deleted while this request worked on it; repeat the operation";
        assert!(!answer.is_success() && answer.reason().contains(expected), "{mode}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_permission_is_waited_for_and_a_missing_one_is_named() {
    for (granted_after, passes) in [(20, true), (10_000, false)] {
        let mut scene = Scene::new().await;
        let target = scene.target(json!({})).await;
        let role = scene.world.aws.with(|world| world.iam.role(FUNCTION_ROLE).expect("it").clone());
        scene.world.deny("bedrock-agentcore:InvokeGateway");
        let aws = scene.world.aws.clone();
        let granting = tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_secs(granted_after)).await;
            aws.with(|world| world.iam.put_role(role));
        });
        let answer = probe(&mut scene, &target, json!({})).await;
        granting.abort();
        assert_eq!(answer.is_success(), passes, "{}", answer.reason());
        if !passes {
            let advice = "allow the function's role bedrock-agentcore:InvokeGateway on the gateway";
            assert!(answer.reason().contains(advice), "{}", answer.reason());
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_that_hides_the_reason_is_named_with_the_property_that_shows_it() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({"ListingMode": "DYNAMIC"})).await;
    scene.behave(Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() });
    let answer = probe(&mut scene, &target, json!({})).await;
    assert!(answer.failure().contains("An internal error occurred"), "{}", answer.reason());
    assert!(answer.reason().contains("set the gateway's `ExceptionLevel` to DEBUG"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_is_not_there_or_does_not_work_is_named() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({})).await;
    let id = target.physical_id();
    for (other, expected) in [
        (id.replace("shared-", "other-"), "and there is no such gateway"),
        (format!("{}/AAAAAAAAAA", scene.gateway_id), "and there is no such target"),
    ] {
        let answer = probe(&mut scene, &target, json!({"GatewayTargetId": other})).await;
        assert!(
            answer.failure().starts_with(&format!("`GatewayTargetId` is {other}, {expected}")),
            "{}",
            answer.reason()
        );
    }
    let update = scene.update(&id, json!({"Description": "new"}), json!({}));
    scene.world.fault("UpdateGatewayTarget", 1, 3, FaultEffect::BecomesFailed("no such server.".to_owned()));
    scene.world.send(update).await.failure();
    let answer = probe(&mut scene, &target, json!({})).await;
    assert!(answer.failure().contains("ended in UPDATE_UNSUCCESSFUL: no such server; allow"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_being_changed_is_waited_for() {
    let settings = Settings { target_transition: Duration::from_secs(30), ..Settings::default() };
    let mut scene = Scene::with(settings, json!({}), json!({})).await;
    let target = scene.target(json!({})).await;
    scene.behave(Behaviour { tools: 5, ..Behaviour::default() });
    let list = json!({"gatewayIdentifier": scene.gateway_id, "targetIdList": [target.attribute("TargetId")]});
    scene.world.somebody(ServiceId::AgentCoreControl, "SynchronizeGatewayTargets", list);
    let before = scene.world.call_count();
    let answer = probe(&mut scene, &target, json!({"ExpectedToolCount": 5})).await.success();
    assert_eq!((answer.attribute("ToolCount"), synchronizations(&scene, before)), ("5", 0));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let cases = [
        (json!({"GatewayTargetId": "server"}), "`GatewayTargetId` is \"server\"; give `<gatewayId>/<targetId>`"),
        (json!({"ClientId": "app"}), "`ClientSecretId` is missing; `ClientId` needs it"),
        (json!({"Auth": "IAM", "ClientId": "app"}), "`ClientId` has no effect when `Auth` is IAM"),
    ];
    let base = json!({"Endpoint": "https://example.com/mcp", "GatewayTargetId": "shared-abcdefghij/AAAAAAAAAA"});
    refused_before_any_call(PROBE, base, &cases).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn one_of_two_gateways_is_probed_by_its_own_url() {
    let mut scene = Scene::new().await;
    let other = create_gateway(&scene.world, "other", json!({}));
    let here = scene.target(json!({})).await;
    let there = scene.target(json!({"GatewayIdentifier": other, "TargetName": "elsewhere"})).await;
    probe(&mut scene, &there, json!({"ExpectedToolCount": 3})).await.success();
    let answer = probe(&mut scene, &here, json!({"Endpoint": there.attribute("GatewayUrl")})).await;
    assert!(answer.failure().starts_with("the gateway lists 0 tools of target server"), "{}", answer.reason());
    assert_eq!(here.attribute("TargetName"), NAME);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn names_that_model_apis_refuse_are_counted() {
    // "server", three underscores, the tool's name, an underscore and three digits.
    for (length, long) in [(51, false), (52, true)] {
        let mut scene = Scene::new().await;
        scene.behave(Behaviour { tool_name: "x".repeat(length), ..Behaviour::default() });
        let target = scene.target(json!({})).await;
        let answer = probe(&mut scene, &target, json!({})).await.success();
        let expected = "; 3 of their names (`<target>___<tool>`) exceed 64 characters, which many model APIs refuse, and the \
                        longest, ";
        let detail = answer.attribute("Detail");
        assert_eq!(detail.contains(expected), long, "{detail}");
        let ends = format!("\"server___{}_003\", has 65: shorten the target's name", "x".repeat(length));
        assert_eq!(detail.ends_with(&ends), long, "{detail}");
    }
}

/// The tool has the server's name in the property, and the gateway's in the call.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_is_called_through_the_gateway() {
    let mut scene = Scene::new().await;
    let target = scene.target(json!({})).await;
    let answer = probe(&mut scene, &target, json!({"CallTool": "tool_002"})).await.success();
    let expected = "the gateway answers and lists 3 tools of target server; a call of the tool \"tool_002\" succeeded";
    assert_eq!(answer.attribute("Detail"), expected);
    let answer = probe(&mut scene, &target, json!({"CallTool": "server___tool_002"})).await;
    let expected = "the gateway does not list \"server___tool_002\" of `CallTool`; it lists 3 tools of target server";
    assert!(answer.failure().starts_with(expected), "{}", answer.reason());

    // The gateway goes on listing the tools of a server that no longer works.
    let upstream = Some(("API_SECRET".to_owned(), "right".to_owned()));
    scene.behave(Behaviour { upstream, ..Behaviour::default() });
    probe(&mut scene, &target, json!({})).await.success();
    let answer = probe(&mut scene, &target, json!({"CallTool": "tool_002"})).await;
    let expected = "the tool \"server___tool_002\" failed: \"the API answered HTTP 401";
    assert!(answer.failure().starts_with(expected), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_is_called_once_and_after_the_list_is_the_expected_one() {
    let stale = async || {
        let mut scene = Scene::new().await;
        let target = scene.target(json!({})).await;
        scene.behave(Behaviour { tools: 5, ..Behaviour::default() });
        (scene, target)
    };
    let mut invocations = Vec::new();
    for changes in [json!({}), json!({"CallTool": "tool_002"})] {
        let (mut scene, target) = stale().await;
        let before = scene.world.call_count();
        probe(&mut scene, &target, merged(json!({"ExpectedToolCount": 5}), changes)).await.success();
        let calls = scene.world.calls_since(before);
        invocations.push(calls.into_iter().filter(|call| *call == "InvokeGateway").count());
    }
    assert_eq!(invocations[1], invocations[0] + 1, "the tool's call comes on top");

    let (mut scene, target) = stale().await;
    let upstream = Some(("API_SECRET".to_owned(), "right".to_owned()));
    scene.behave(Behaviour { tools: 5, upstream, ..Behaviour::default() });
    let answer = probe(&mut scene, &target, json!({"ExpectedToolCount": 6, "CallTool": "tool_002"})).await;
    let expected = "the gateway lists 5 tools of target server where `ExpectedToolCount` is 6";
    assert!(answer.failure().starts_with(expected), "the failing tool is not called: {}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_that_changes_something_is_not_called_through_the_gateway() {
    let mut scene = Scene::new().await;
    let hints = Hints { read_only: Some(false), destructive: None };
    scene.behave(Behaviour { hints, ..Behaviour::default() });
    let target = scene.target(json!({})).await;
    let answer = probe(&mut scene, &target, json!({"CallTool": "tool_002"})).await;
    assert!(answer.failure().starts_with("the tool \"tool_002\" of `CallTool` was not called"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_call_through_a_gateway_for_tokens_needs_a_client() {
    let mut scene = Scene::with(Settings::default(), jwt_gateway(), json!({})).await;
    let target = scene.target(json!({})).await;
    let answer = probe(&mut scene, &target, json!({"CallTool": "tool_002"})).await;
    assert!(answer.failure().starts_with("`CallTool` needs a token"), "{}", answer.reason());
    probe(&mut scene, &target, client(json!({"CallTool": "tool_002"}))).await.success();
}
