//! `Custom::AgentCoreWorkloadIdentity`, in addition to the battery.

use std::time::Duration;

use emulator::agentcore_control::WorkloadIdentity;
use emulator::aws::ServiceId;
use emulator::settings::Settings;
use serde_json::json;

use crate::world::{EXECUTION_ROLE, IDENTITY, IMAGE, RUNTIME, World, refused_before_any_call};

const URLS: [&str; 2] = ["app://done", "https://example.com/back"];

fn identities(world: &World) -> Vec<WorkloadIdentity> {
    world.aws.with(|world| world.agentcore.workload_identities().to_vec())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn create_returns_ref_and_attribute() {
    let mut world = World::new();
    let created = world.send(IDENTITY.create(json!({"AllowedResourceOauth2ReturnUrls": URLS}))).await.success();
    let [identity] = &identities(&world)[..] else { panic!("one identity") };
    assert!(created.physical_id().starts_with("mcp-11111111-"), "{}", created.physical_id());
    assert_eq!(
        (created.physical_id(), created.attribute("WorkloadIdentityArn")),
        (identity.name.clone(), &*identity.arn)
    );
    assert_eq!(
        (&identity.return_urls, &*identity.tags["agentcore-provisioner:logical-id"]),
        (&Some(json!(URLS)), "Identity")
    );
    assert_eq!(world.calls_since(0), ["CreateWorkloadIdentity"]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_replaces_the_urls_and_removes_dropped_ones() {
    let mut world = World::new();
    let old = json!({"AllowedResourceOauth2ReturnUrls": URLS});
    let id = world.send(IDENTITY.create(old.clone())).await.success().physical_id();
    let before = world.call_count();
    // Another order is not another list.
    world
        .send(IDENTITY.update(&id, json!({"AllowedResourceOauth2ReturnUrls": [URLS[1], URLS[0]]}), old.clone()))
        .await
        .success();
    assert_eq!(world.calls_since(before), ["GetWorkloadIdentity", "ListTagsForResource"]);
    world.send(IDENTITY.update(&id, json!({}), old)).await.success();
    assert_eq!(identities(&world)[0].return_urls, Some(json!([])));
}

/// The identity of a runtime or a gateway carries no tag of ours, whatever its name.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_identity_of_a_runtime_is_never_ours() {
    for listed in [true, false] {
        let mut world = World::new();
        world.aws.with(|world| world.agentcore.refuse_identity_tags = !listed);
        let runtime = json!({"AgentRuntimeName": "mcp", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
        let runtime = world.send(RUNTIME.create(runtime)).await.success();
        let named = json!({"Name": runtime.physical_id(), "AllowedResourceOauth2ReturnUrls": URLS});
        let before = world.call_count();
        let refused = world.send(IDENTITY.create(named.clone())).await;
        assert!(refused.failure().starts_with("a workload identity named mcp-"), "{}", refused.reason());
        for request in [
            IDENTITY.update(&runtime.physical_id(), named.clone(), named.clone()),
            IDENTITY.delete(&runtime.physical_id(), named),
        ] {
            let refused = world.send(request).await;
            assert!(refused.failure().contains("belongs to someone else"), "{}", refused.reason());
        }
        let calls = world.calls_since(before);
        let changes = |call: &&&str| ["Update", "Delete", "Tag", "Untag"].iter().any(|verb| call.starts_with(verb));
        assert_eq!(calls.iter().find(changes), None, "{calls:?}");
        assert_eq!(identities(&world)[0].return_urls, None);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_cannot_be_chosen_if_tags_are_not_listed() {
    // A Get that lags does not show what the create has to undo.
    for get_lag in [0, 10].map(Duration::from_secs) {
        let mut world = World::with_settings(Settings { get_lag, ..Settings::default() });
        world.aws.with(|world| world.agentcore.refuse_identity_tags = true);
        let answer = world.send(IDENTITY.create(json!({"Name": "mcp-agent"}))).await;
        let expected = "`Name` cannot be chosen where AgentCore does not list the tags of a workload identity";
        assert!(answer.failure().starts_with(expected), "{}", answer.reason());
        assert!(identities(&world).is_empty(), "{get_lag:?}");
        // A derived name is the proof.
        let id = world.send(IDENTITY.create(json!({}))).await.success().physical_id();
        world.send(IDENTITY.delete(&id, json!({}))).await.success();
        assert!(identities(&world).is_empty(), "{get_lag:?}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_properties_are_refused_before_any_call() {
    let url = |url: &str| json!({"AllowedResourceOauth2ReturnUrls": [url]});
    let cases = [
        (json!({"Name": "ab"}), "`Name` is \"ab\"; use 3 to 255 letters, digits"),
        (json!({"Name": "x".repeat(256)}), "use 3 to 255 letters"),
        (json!({"Name": "a/b"}), "`Name` is \"a/b\""),
        (url("example.com/back"), "`AllowedResourceOauth2ReturnUrls` contains \"example.com/back\"; use URLs"),
        (url("https://"), "contains \"https://\""),
        (url("https://a b"), "contains \"https://a b\""),
        (url("https://?"), "contains \"https://?\"; use URLs without white space, user and fragment"),
        (url("http://:80/"), "contains \"http://:80/\"; use URLs"),
        (url("https://user@evil.example.com/"), "contains \"https://user@evil.example.com/\"; use URLs"),
        (url("https://a.example.com\\@b.example.com/"), "; use URLs without white space"),
        (url("https://a.example.com/#b"), "contains \"https://a.example.com/#b\"; use URLs"),
        (url("javascript:alert(1)"), "contains \"javascript:alert(1)\"; use URLs"),
        (url("JavaScript:alert(1)"), "contains \"JavaScript:alert(1)\"; use URLs"),
        (url("data:text/html,x"), "contains \"data:text/html,x\"; use URLs"),
        (url(&format!("https://{}", "x".repeat(2041))), "of at most 2048 characters"),
        (json!({"Tags": {"aws:x": "y"}}), "`Tags.aws:x` has the reserved prefix"),
        (json!({"ReturnUrls": "x"}), "`ReturnUrls` is not a property"),
    ];
    let world = refused_before_any_call(IDENTITY, json!({}), &cases).await;
    assert_eq!(world.calls_since(0), [""; 0], "the Deletes have nothing to look for");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_missing_permission_is_named() {
    let mut world = World::new();
    world.deny("bedrock-agentcore:CreateWorkloadIdentity");
    let answer = world.send(IDENTITY.create(json!({}))).await;
    assert!(
        answer.failure().starts_with("not allowed to call bedrock-agentcore:CreateWorkloadIdentity: "),
        "{}",
        answer.reason()
    );
    assert_eq!(
        world.somebody(ServiceId::AgentCoreControl, "ListWorkloadIdentities", json!({}))["workloadIdentities"],
        json!([])
    );
}
