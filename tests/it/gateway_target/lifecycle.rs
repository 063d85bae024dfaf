//! Create, update, replace and delete, without faults.

use std::time::Duration;

use emulator::agentcore_control::Status;
use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use emulator::settings::Settings;
use serde_json::json;

use super::{MARKER, NAME, Scene, create_provider, jwt_runtime};
use crate::world::{REGION_ACCOUNT, TARGET, merged};

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_answers_when_ready_and_with_true_attributes() {
    let mut scene = Scene::new().await;
    let before = scene.world.call_count();
    let answer = scene.target(json!({"Description": "what it is for", "Tags": {"team": "one"}})).await;
    let id = answer.physical_id();
    let gateway_id = scene.gateway_id.clone();
    assert_eq!(id, format!("{gateway_id}/{}", answer.attribute("TargetId")));
    assert_eq!((answer.attribute("GatewayId"), answer.attribute("TargetName")), (gateway_id.as_str(), NAME));
    assert_eq!(
        answer.attribute("GatewayArn"),
        format!("arn:aws:bedrock-agentcore:{REGION_ACCOUNT}:gateway/{gateway_id}")
    );
    assert_eq!(
        answer.attribute("GatewayUrl"),
        format!("https://{gateway_id}.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp")
    );
    let now = scene.world.aws.clock().now();
    scene.look(&id, |target| {
        assert_eq!((target.status(now), target.tools.len()), (Status::Ready, 3));
        let description = target.description.as_deref().expect("one");
        assert!(description.starts_with(&format!("what it is for {MARKER}")), "{description}");
        let provider = json!({"iamCredentialProvider": {"service": "bedrock-agentcore", "region": "us-east-1"}});
        let credential = json!({"credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider": provider});
        assert_eq!(target.credential(), Some(&credential));
        assert_eq!(target.metadata(), None);
    });
    let calls = scene.world.calls_since(before);
    assert_eq!(calls[..3], ["GetGateway", "GetAgentRuntime", "CreateGatewayTarget"]);
    assert!(calls[3..].iter().all(|call| *call == "GetGatewayTarget"), "{calls:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_is_derived_and_an_unencoded_endpoint_and_an_arn_are_accepted() {
    let mut scene = Scene::new().await;
    let arn = scene.runtime.attribute("AgentRuntimeArn").to_owned();
    let plain =
        format!("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{arn}/invocations?qualifier=DEFAULT");
    let gateway = format!("arn:aws:bedrock-agentcore:{REGION_ACCOUNT}:gateway/{}", scene.gateway_id);
    let answer = scene.target(json!({"TargetName": "", "Endpoint": plain, "GatewayIdentifier": gateway})).await;
    assert!(answer.attribute("TargetName").starts_with("mcp-"), "{}", answer.attribute("TargetName"));
    let endpoint = scene.look(&answer.physical_id(), |target| target.endpoint().to_owned());
    assert_eq!(endpoint, scene.runtime.attribute("McpUrl"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_property_reaches_the_target() {
    let mut scene = Scene::with(Settings::default(), json!({}), jwt_runtime()).await;
    let provider_arn = create_provider(&scene.world, "idp");
    for parameters in [json!({"audience": "api", "empty": ""}), json!(r#"{"audience": "api"}"#)] {
        let changes = json!({
            "OutboundAuth": "OAUTH",
            "CredentialProviderArn": provider_arn,
            "Scopes": "mcp/read",
            "CustomParameters": parameters,
            "AllowedRequestHeaders": ["X-Api-Key", "Mcp-Protocol-Version"],
            "AllowedResponseHeaders": "X-Request-Id",
        });
        let answer = scene.target(changes).await;
        scene.look(&answer.physical_id(), |target| {
            let oauth = json!({"providerArn": provider_arn, "scopes": ["mcp/read"],
                "grantType": "CLIENT_CREDENTIALS", "customParameters": {"audience": "api"}});
            assert_eq!(target.oauth(), Some(&oauth));
            let metadata = json!({"allowedRequestHeaders": ["Mcp-Protocol-Version", "X-Api-Key"],
                "allowedResponseHeaders": ["X-Request-Id"]});
            assert_eq!(target.metadata(), Some(&metadata));
            assert_eq!(target.tools.len(), 3, "read with a token");
        });
        let delete = scene.delete(&answer.physical_id());
        scene.world.send(delete).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn tools_may_come_from_a_schema_or_be_listed_live() {
    let mut scene = Scene::with(Settings::default(), json!({}), jwt_runtime()).await;
    let provider_arn = create_provider(&scene.world, "idp");
    let tool = json!({"name": "one", "description": "d", "inputSchema": {"type": "object"}});
    let text = json!({"tools": [tool]}).to_string();
    scene.world.aws.with(|world| world.objects.put("s3://bucket/tools.json", text.clone()));
    for (listing, tools) in [
        (json!({"ToolSchema": text}), 1),
        (json!({"ToolSchema": {"tools": [tool]}}), 1),
        (json!({"ToolSchemaS3Uri": "s3://bucket/tools.json"}), 1),
        // Nobody has to sign in for the tools of a schema.
        (json!({"ToolSchema": text, "GrantType": "AUTHORIZATION_CODE"}), 1),
        (json!({"ListingMode": "DYNAMIC"}), 0),
    ] {
        let oauth = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": provider_arn});
        let changes = merged(oauth, listing);
        let answer = scene.target(changes.clone()).await;
        assert_eq!(scene.look(&answer.physical_id(), |target| target.tools.len()), tools, "{changes}");
        let before = scene.world.call_count();
        let new = merged(changes.clone(), json!({"SynchronizeOn": "2"}));
        let update = scene.update(&answer.physical_id(), new, changes.clone());
        scene.world.send(update).await.success();
        assert_eq!(scene.world.calls_since(before), ["GetGateway", "GetGatewayTarget"], "{changes}");
        let delete = scene.delete(&answer.physical_id());
        scene.world.send(delete).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn update_replaces_everything_in_place_and_clears_dropped_properties() {
    let mut scene = Scene::new().await;
    let old = json!({"Description": "old", "AllowedRequestHeaders": "X-Api-Key"});
    let created = scene.target(old.clone()).await;
    let new = json!({"TargetName": "renamed", "ListingMode": "DYNAMIC"});
    let update = scene.update(&created.physical_id(), new, old);
    let updated = scene.world.send(update).await.success();
    assert_eq!(updated.physical_id(), created.physical_id());
    assert_eq!(updated.attribute("TargetName"), "renamed");
    scene.look(&created.physical_id(), |target| {
        assert_eq!((target.name.as_str(), target.is_dynamic()), ("renamed", true));
        assert!(target.description.as_deref().expect("one").starts_with(MARKER), "{:?}", target.description);
        assert_eq!(target.metadata(), Some(&json!({})));
    });
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_value_of_synchronize_on_lists_the_tools_again_once() {
    let mut scene = Scene::new().await;
    let created = scene.target(json!({"SynchronizeOn": "1"})).await;
    scene.behave(Behaviour { tools: 5, ..Behaviour::default() });
    let event = scene.update(&created.physical_id(), json!({"SynchronizeOn": "2"}), json!({"SynchronizeOn": "1"}));
    let event = scene.world.address(event);
    let before = scene.world.call_count();
    for _ in 0..2 {
        let updated = scene.world.deliver(&event).await.expect("answered").success();
        assert_eq!(updated.physical_id(), created.physical_id());
    }
    let calls = scene.world.calls_since(before);
    assert_eq!(calls.iter().filter(|call| **call == "SynchronizeGatewayTargets").count(), 1, "{calls:?}");
    assert!(!calls.contains(&"UpdateGatewayTarget"), "{calls:?}");
    assert_eq!(scene.look(&created.physical_id(), |target| target.tools.len()), 5);
    // If an update is due, it lists the tools as well.
    scene.behave(Behaviour { tools: 7, ..Behaviour::default() });
    let before = scene.world.call_count();
    let new = json!({"SynchronizeOn": "3", "Description": "new"});
    let update = scene.update(&created.physical_id(), new, json!({"SynchronizeOn": "2"}));
    scene.world.send(update).await.success();
    let calls = scene.world.calls_since(before);
    assert!(!calls.contains(&"SynchronizeGatewayTargets"), "{calls:?}");
    assert_eq!(scene.look(&created.physical_id(), |target| target.tools.len()), 7);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_deleted_behind_our_back_is_named_and_deleting_its_target_succeeds() {
    let mut scene = Scene::new().await;
    let created = scene.target(json!({})).await;
    scene.somebody("DeleteGatewayTarget", &created.physical_id(), json!({}));
    tokio::time::sleep(Duration::from_mins(1)).await;
    let gateway = json!({"gatewayIdentifier": scene.gateway_id});
    scene.world.somebody(ServiceId::AgentCoreControl, "DeleteGateway", gateway);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let update = scene.update(&created.physical_id(), json!({}), json!({}));
    let answer = scene.world.send(update).await;
    assert!(answer.failure().starts_with("`GatewayIdentifier` names gateway shared-"), "{}", answer.reason());
    assert_eq!(answer.physical_id(), created.physical_id());
    for id in [created.physical_id(), "pending:server".to_owned(), TARGET.invented_id()] {
        let delete = scene.delete(&id);
        scene.world.send(delete).await.success();
    }
}
