//! Any properties at all, of every type: one answer within its size, nothing created by a refusal, and nothing left by
//! the Delete.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use provisioner::resource::ResourceKind;
use serde_json::{Map, Value, json};

use crate::gateway_target::{COGNITO, Scene};
use crate::world::{EXECUTION_ROLE, IMAGE, LogicalResource, World, canary, merged};

/// Words that have a meaning for some property.
const WORDS: [&str; 26] = [
    "JWT",
    "VPC",
    "PUBLIC",
    "EnvironmentVariables",
    "subnet-0a1b2c3d",
    "a,b,,c",
    "https://a.auth0.com",
    COGNITO,
    "app",
    "AWS_IAM",
    "CUSTOM_JWT",
    "NONE",
    "SEMANTIC",
    "2025-06-18",
    "OktaOauth2",
    "EXTERNAL",
    "CLIENT_SECRET_POST",
    "OAUTH",
    "API_KEY",
    "QUERY_PARAMETER",
    "DYNAMIC",
    "{\"tools\": []}",
    "BEARER",
    "ANONYMOUS",
    "Report",
    "0",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => ".{0,40}".prop_map(Value::from),
        4 => select(&WORDS[..]).prop_map(Value::from),
        1 => "[\u{0}-\u{ff}]{0,5000}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Returns properties that are enough for a resource of this type.
fn sufficient(kind: ResourceKind, scene: &Scene) -> Value {
    let client = json!({"Issuer": COGNITO, "ClientId": "app", "ClientSecret": canary("client")});
    match kind {
        ResourceKind::Secret => json!({"Values": {"KEY": canary("value")}}),
        ResourceKind::Runtime => json!({"ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE}),
        ResourceKind::OAuth2CredentialProvider => client,
        ResourceKind::ApiKeyCredentialProvider => json!({"ApiKey": canary("key")}),
        ResourceKind::WorkloadIdentity => json!({}),
        ResourceKind::Gateway => merged(client, json!({"RoleArn": EXECUTION_ROLE, "AllowedClients": "app"})),
        ResourceKind::GatewayTarget => scene.properties(json!({})),
        ResourceKind::McpProbe => json!({"Endpoint": scene.runtime.attribute("McpUrl")}),
    }
}

/// Returns a resource of the type.
fn logical(kind: ResourceKind) -> LogicalResource {
    LogicalResource { resource_type: kind.type_name(), logical_id: "Thing" }
}

/// Returns the names of the type's properties, as the refusal of an unknown one lists them.
async fn names(world: &mut World, kind: ResourceKind) -> Vec<String> {
    let refused = world.send(logical(kind).create(json!({"?": "?"}))).await;
    let (_, names) = refused.failure().split_once("known properties: ").expect("a list");
    names.split(", ").map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 240, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_properties_get_one_answer(
        kind in select(ResourceKind::ALL),
        known in prop::collection::vec((any::<Index>(), any_value()), 0..5),
        unknown in prop::option::weighted(0.1, (".{0,20}", any_value())),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build_local(tokio::runtime::LocalOptions::default());
        runtime.expect("a runtime").block_on(async {
            let mut scene = Scene::new().await;
            let names = names(&mut scene.world, kind).await;
            let mut properties = sufficient(kind, &scene);
            let known = known.into_iter().map(|(index, value)| (index.get(&names).clone(), value));
            properties.as_object_mut().expect("a map").extend(known.chain(unknown));
            let before = scene.world.things();
            let create = logical(kind).create(properties);
            let answer = scene.world.send(create.clone()).await;
            if answer.physical_id().starts_with("pending:") {
                prop_assert!(!answer.is_success());
                prop_assert_eq!(scene.world.things(), before.clone(), "a refusal created something: {}", answer.reason());
            }
            let delete = create.with("RequestType", "Delete").with("PhysicalResourceId", answer.physical_id());
            scene.world.send(delete).await.success();
            prop_assert_eq!(scene.world.things(), before);
            Ok(())
        })?;
    }
}
