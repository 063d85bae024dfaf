//! A gateway shared with other people: their targets, their operations, and the owner of a name.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use serde_json::json;

use super::{GATEWAY_ROLE, NAME, Scene};
use crate::world::TARGET;

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_does_not_take_the_name_of_a_strangers_target() {
    let settings = Settings { list_lag: Duration::from_secs(10), ..Settings::default() };
    let mut scene = Scene::with(settings, json!({}), json!({})).await;
    scene.somebodys_target(NAME);
    let create = scene.create(json!({}));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().starts_with("a target named server ("), "{}", answer.reason());
    let advice = "exists and belongs to someone else; choose another `TargetName`";
    assert!(answer.reason().ends_with(advice), "{}", answer.reason());
    let created = scene.target(json!({"TargetName": "ours"})).await;
    let rename = scene.update(&created.physical_id(), json!({}), json!({"TargetName": "ours"}));
    let answer = scene.world.send(rename).await;
    assert!(answer.failure().ends_with(advice), "{}", answer.reason());
    let mut names = scene.names();
    names.sort();
    assert_eq!(names, ["ours", NAME]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn other_peoples_operations_are_waited_through() {
    let settings = Settings { target_transition: Duration::from_secs(90), ..Settings::default() };
    let mut scene = Scene::with(settings, json!({}), json!({})).await;
    let others: Vec<_> = (1..=5).map(|number| scene.somebodys_target(&format!("other-{number}"))).collect();
    let created = scene.target(json!({})).await;
    let busy = |scene: &Scene| {
        for other in &others {
            let list = json!({"gatewayIdentifier": scene.gateway_id, "targetIdList": [other]});
            scene.world.somebody(ServiceId::AgentCoreControl, "SynchronizeGatewayTargets", list);
        }
    };
    busy(&scene);
    let update = scene.update(&created.physical_id(), json!({"Description": "new"}), json!({}));
    scene.world.send(update).await.success();
    busy(&scene);
    let synchronize = json!({"Description": "new", "SynchronizeOn": "2"});
    let update = scene.update(&created.physical_id(), synchronize, json!({"Description": "new"}));
    scene.world.send(update).await.success();
    busy(&scene);
    let delete = scene.delete(&created.physical_id());
    scene.world.send(delete).await.success();
    assert_eq!(scene.names().len(), 5);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_at_its_quota_is_named_within_three_minutes() {
    let mut scene = Scene::new().await;
    for number in 1..=100 {
        scene.somebodys_target(&format!("other-{number}"));
        if number % 5 == 0 {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    }
    let started = scene.world.aws.clock().elapsed();
    let create = scene.create(json!({}));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().contains("ServiceQuotaExceededException"), "{}", answer.reason());
    assert!(scene.world.aws.clock().elapsed() < started + Duration::from_mins(3));
    assert_eq!(scene.names().len(), 100);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_delete_finds_ours_by_the_marker_and_nothing_without_a_gateway() {
    // The list shows the other one first.
    let settings = Settings { list_lag: Duration::from_secs(20), list_page_max: 1, ..Settings::default() };
    let mut scene = Scene::with(settings, json!({}), json!({})).await;
    scene.somebodys_target("other");
    for id in ["pending:server", &TARGET.invented_id()] {
        scene.target(json!({})).await;
        let delete = scene.delete(id);
        scene.world.send(delete).await.success();
        assert_eq!(scene.names(), ["other"], "{id}");
    }
    let before = scene.world.call_count();
    for properties in [json!({}), json!({"GatewayIdentifier": "no gateway at all"})] {
        scene.world.send(TARGET.delete(&TARGET.invented_id(), properties)).await.success();
    }
    assert_eq!(scene.world.calls_since(before), [""; 0]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_waits_for_a_person_is_explained() {
    let mut scene = Scene::new().await;
    let created = scene.target(json!({})).await;
    let provider_arn = super::create_provider(&scene.world, "idp");
    let oauth = json!({"providerArn": provider_arn, "scopes": [], "grantType": "AUTHORIZATION_CODE"});
    let description = scene.look(&created.physical_id(), |target| target.description.clone());
    let changes = json!({"name": NAME, "description": description, "targetConfiguration":
        {"mcp": {"mcpServer": {"endpoint": scene.runtime.attribute("McpUrl")}}}, "credentialProviderConfigurations":
        [{"credentialProviderType": "OAUTH", "credentialProvider": {"oauthCredentialProvider": oauth}}]});
    scene.somebody("UpdateGatewayTarget", &created.physical_id(), changes);
    let update = scene.update(&created.physical_id(), json!({}), json!({}));
    let answer = scene.world.send(update).await;
    assert!(answer.failure().contains("UPDATE_PENDING_AUTH: it waits for a person to sign in"), "{}", answer.reason());
    let delete = scene.delete(&created.physical_id());
    let answer = scene.world.send(delete).await;
    assert!(answer.failure().contains("sign in, or wait ten minutes"), "{}", answer.reason());
    // A refusal of the call itself is told as what it is.
    scene.world.fault("DeleteGatewayTarget", 1, u64::MAX, FaultEffect::Denied);
    let delete = scene.delete(&created.physical_id());
    let answer = scene.world.send(delete).await;
    assert!(answer.failure().starts_with("not allowed to call"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_being_created_is_waited_for_and_one_being_deleted_is_named() {
    let settings = Settings { gateway_deletion: Duration::from_mins(5), ..Settings::default() };
    let mut scene = Scene::with(settings, json!({}), json!({})).await;
    let late = super::create_gateway(&scene.world, "late", json!({}));
    let created = scene.target(json!({"GatewayIdentifier": late})).await;
    assert!(created.physical_id().starts_with(&late));
    let gateway = json!({"gatewayIdentifier": scene.gateway_id});
    scene.world.somebody(ServiceId::AgentCoreControl, "DeleteGateway", gateway);
    let create = scene.create(json!({}));
    let answer = scene.world.send(create).await;
    assert!(answer.failure().contains("which is DELETING: the service gives no reason"), "{}", answer.reason());
}

/// A gateway created without a protocol takes HTTP targets in addition to MCP ones (API reference, CreateGateway).
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_without_a_protocol_takes_mcp_servers_too() {
    let mut scene = Scene::new().await;
    let input = json!({"name": "mixed", "roleArn": GATEWAY_ROLE, "authorizerType": "AWS_IAM"});
    let gateway = scene.world.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let create = scene.create(json!({"GatewayIdentifier": gateway["gatewayId"]}));
    scene.world.send(create).await.success();
}
