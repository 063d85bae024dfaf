//! Refusals by a server or AgentCore, in every form: the answer says who refused, in its words, and what to do.

use std::time::Duration;

use emulator::container::{AnswerForm, Behaviour, RefusalStyle, Start};
use emulator::faults::FaultEffect;
use emulator::iam::Guardrail;
use emulator::settings::{ContainerRefusals, Settings};
use serde_json::json;

use super::{behave, probe, runtime};
use crate::world::World;

/// Returns the probe's sentence about a server with this behaviour, the number of containers that were started, and the
/// duration.
async fn told(passing: ContainerRefusals, behaviour: Behaviour) -> (String, u64, Duration) {
    let mut world = World::with_settings(Settings { container_refusals: passing, ..Settings::default() });
    behave(&world, behaviour);
    let runtime = runtime(&mut world, json!({})).await;
    let started = world.aws.clock().elapsed();
    let said = probe(&mut world, &runtime, json!({})).await.failure().to_owned();
    (said, world.aws.with(|world| world.containers.starts()), world.aws.clock().elapsed().saturating_sub(started))
}

fn always(answers: AnswerForm, page: &str) -> Behaviour {
    Behaviour { answers, page: page.to_owned(), ..Behaviour::default() }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refusal_by_the_server_itself_is_final_and_quoted_with_its_log() {
    let words = r#"{"error":{"code":-32000,"message":"upstream says invalid_client"}}"#;
    for (status, expected) in [
        (401, "the server itself refused the probe (HTTP 401)"),
        (403, "the server itself refused the probe (HTTP 403)"),
        (404, "the server has nothing at the path that it is called at (HTTP 404, asked in MCP 2026-07-28, 2025-11-25"),
        (406, "the server requires a content type that MCP does not use (HTTP 406"),
        (421, "the server refuses the host name that it is called by (HTTP 421)"),
    ] {
        for (passing, _) in ContainerRefusals::ALL {
            let (said, starts, took) = told(passing, always(AnswerForm::Status(status), words)).await;
            assert!(said.starts_with(expected), "{passing:?}: {said}");
            assert_eq!(starts, 1, "{said}");
            assert!(took < Duration::from_secs(30), "{said}: {took:?}");
            let quoted = if passing == ContainerRefusals::Plain { "upstream says" } else { "Received error" };
            assert!(said.contains(quoted), "{said}");
            let has_log = said.contains("serving streamable HTTP on 0.0.0.0:8000/mcp (log group");
            assert!(has_log || status == 404, "{said}");
            assert!(!said.contains("InvokeAgentRuntime"), "{said}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_redirect_is_named_with_its_target_and_not_followed() {
    for (passing, _) in ContainerRefusals::ALL {
        let (said, starts, _) = told(passing, always(AnswerForm::Redirect("/mcp/"), "")).await;
        let target = if passing == ContainerRefusals::Plain { " to \"/mcp/\"" } else { "" };
        assert!(said.starts_with(&format!("the server redirects{target} (HTTP 307)")), "{said}");
        assert_eq!(starts, 1, "{said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_keeps_failing_is_named_within_the_budget() {
    for (passing, _) in ContainerRefusals::ALL {
        let (said, _, took) = told(passing, always(AnswerForm::Status(500), "oops")).await;
        assert!(said.starts_with("the server kept failing (HTTP 500)"), "{said}");
        assert!(took < Duration::from_mins(5), "{took:?}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_quota_is_not_throttling() {
    for (passing, _) in ContainerRefusals::ALL {
        let mut world = World::with_settings(Settings { container_refusals: passing, ..Settings::default() });
        let runtime = runtime(&mut world, json!({})).await;
        world.fault("InvokeAgentRuntime", 1, u64::MAX, FaultEffect::QuotaExceeded);
        let answer = probe(&mut world, &runtime, json!({})).await;
        let said = answer.failure();
        assert!(said.starts_with("AgentCore starts no further session, because a quota"), "{said}");
        assert!(said.contains("Maximum number of active sessions") && !said.contains("throttled"), "{said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_that_forbids_for_good_is_named_at_once_by_its_kind() {
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": "*"}]});
    for (kind, who) in [
        (Guardrail::ServiceControl, "service control policy"),
        (Guardrail::ResourceControl, "resource control policy"),
        (Guardrail::PermissionsBoundary, "permissions boundary"),
        (Guardrail::VpcEndpoint, "VPC endpoint"),
        (Guardrail::Resource, "policy of the resource"),
        (Guardrail::Session, "session"),
    ] {
        let mut world = World::new();
        let runtime = runtime(&mut world, json!({})).await;
        world.aws.with(|world| world.iam.put_guardrail(kind, vec![deny.clone()]));
        let before = world.call_count();
        let answer = probe(&mut world, &runtime, json!({})).await;
        let said = answer.failure();
        assert!(said.starts_with("AgentCore refused the probe's credentials (HTTP 403)"), "{kind:?}: {said}");
        assert!(
            said.contains(who) && !said.contains("allow the function's role bedrock-agentcore"),
            "{kind:?}: {said}"
        );
        assert_eq!(world.calls_since(before), ["InvokeAgentRuntime"], "{kind:?}");
    }
}

/// A sentence is for people and does not contain names of a program's types and modules.
#[tokio::test(flavor = "local", start_paused = true)]
async fn no_sentence_names_a_type_of_the_program() {
    let mut sentences = Vec::new();
    for (passing, _) in ContainerRefusals::ALL {
        for (refusal, _) in RefusalStyle::ALL {
            let revisions = vec!["2024-10-07".to_owned()];
            let never = Behaviour { refusal, revisions, counters: false, ..Behaviour::default() };
            sentences.push(told(passing, never).await.0);
        }
        for status in [302, 400, 401, 405, 409, 418, 429, 503] {
            sentences.push(told(passing, always(AnswerForm::Status(status), "")).await.0);
        }
        let crash = Behaviour { start: Start::Crash("boom".to_owned()), ..Behaviour::default() };
        sentences.push(told(passing, crash).await.0);
    }
    for content_type in ["application/json", "text/event-stream", "text/html"] {
        for page in ["", "{}", "[]", "null", "data: {\n\n", "event: x\ndata: y\n\n", "{\"jsonrpc\":\"2.0\"}"] {
            sentences.push(told(ContainerRefusals::Plain, always(AnswerForm::Page(content_type), page)).await.0);
        }
    }
    for effect in [
        FaultEffect::Throttled,
        FaultEffect::QuotaExceeded,
        FaultEffect::InternalError,
        FaultEffect::Denied,
        FaultEffect::ReplyLostBefore,
        FaultEffect::ReplyLostAfter,
    ] {
        let mut world = World::new();
        let runtime = runtime(&mut world, json!({})).await;
        world.fault("InvokeAgentRuntime", 1, u64::MAX, effect);
        sentences.push(probe(&mut world, &runtime, json!({})).await.failure().to_owned());
    }
    for sentence in &sentences {
        assert!(!sentence.contains("::"), "{sentence}");
        assert!(sentence.len() > 30 && sentence.starts_with(|c: char| c.is_lowercase() || c == 'A'), "{sentence}");
    }
}
