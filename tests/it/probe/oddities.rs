//! Servers that work although they are unusual: other events before the answer, malformed tools, no tools, an ARN in
//! the URL without encoding.

use emulator::container::{AnswerForm, Behaviour};
use serde_json::json;

use super::{behave, probe, runtime};
use crate::world::World;

#[tokio::test(flavor = "local", start_paused = true)]
async fn events_that_are_not_the_answer_are_passed_over() {
    for revision in emulator::container::REVISIONS {
        let mut world = World::new();
        let noisy = Behaviour { answers: AnswerForm::Sse, noisy_events: true, ..Behaviour::default() };
        behave(&world, Behaviour { revisions: vec![revision.to_owned()], ..noisy });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await;
        assert!(answer.is_success(), "{revision}: {}", answer.reason());
        assert_eq!((answer.attribute("ToolCount"), answer.attribute("ProtocolVersion")), ("3", revision));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn malformed_tools_hide_no_others() {
    for answers in [AnswerForm::Json, AnswerForm::Sse] {
        let mut world = World::new();
        behave(&world, Behaviour { answers, malformed_tools: true, ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({"ExpectedTools": "tool_003,odd"})).await.success();
        assert_eq!(answer.attribute("ToolCount"), "4");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_without_tools_has_none() {
    for revision in emulator::container::REVISIONS {
        for minimum in ["0", "1"] {
            let mut world = World::new();
            let revisions = vec![revision.to_owned()];
            behave(&world, Behaviour { offers_tools: false, revisions, ..Behaviour::default() });
            let runtime = runtime(&mut world, json!({})).await;
            let answer = probe(&mut world, &runtime, json!({"MinimumTools": minimum})).await;
            if minimum == "0" {
                assert_eq!(answer.success().attribute("ToolCount"), "0", "{revision}");
            } else {
                assert!(answer.failure().starts_with("the server lists 0 tools where"), "{}", answer.reason());
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_arn_in_the_endpoint_is_encoded_as_a_targets_is() {
    let mut world = World::new();
    let runtime = runtime(&mut world, json!({})).await;
    let encoded = runtime.attribute("McpUrl").to_owned();
    for endpoint in [encoded.replace("%3A", ":").replace("%2F", "/"), encoded.replace("%3A", ":")] {
        assert_ne!(endpoint, encoded);
        let answer = probe(&mut world, &runtime, json!({"Endpoint": endpoint})).await;
        assert_eq!(answer.success().attribute("ToolCount"), "3");
    }
}
