//! Any properties at all: one answer, within its size, and nothing made by a refusal.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::world::{EXECUTION_ROLE, Event, IMAGE, World};

const NAMES: [&str; 18] = [
    "AgentRuntimeName",
    "ContainerUri",
    "RoleArn",
    "Description",
    "EnvironmentVariables",
    "SecretId",
    "CredentialDelivery",
    "NetworkMode",
    "Subnets",
    "SecurityGroups",
    "InboundAuth",
    "Issuer",
    "AllowedAudience",
    "AllowedClients",
    "RequestHeaders",
    "MaxLifetime",
    "Tags",
    "Values",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        prop_oneof!["JWT", "VPC", "PUBLIC", "EnvironmentVariables", "subnet-0a1b2c3d", "a,b,,c", "https://a.auth0.com"]
            .prop_map(Value::from),
        "[\u{0}-\u{ff}]{0,5000}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_properties() -> impl Strategy<Value = Value> {
    let name = prop_oneof![9 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => ".{0,20}"];
    prop::collection::btree_map(name, any_value(), 0..8).prop_map(|map| {
        let mut properties = json!({"ServiceToken": "arn", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
        properties.as_object_mut().expect("a map").extend(map);
        properties
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_properties_get_one_answer(properties in any_properties(), secret in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build_local(tokio::runtime::LocalOptions::default());
        runtime.expect("a runtime").block_on(async {
            let mut world = World::new();
            let resource_type = if secret { "Custom::AgentCoreSecret" } else { "Custom::AgentCoreRuntime" };
            let create = Event::new("Create", resource_type, "Thing", properties);
            let answer = world.send(create.clone()).await;
            if !answer.is_success() {
                prop_assert!(world.runtime_names().is_empty(), "a refusal made something: {}", answer.reason());
            }
            let delete = create.with("RequestType", "Delete").with("PhysicalResourceId", answer.physical_id());
            world.send(delete).await.success();
            prop_assert!(world.runtime_names().is_empty());
            Ok(())
        })?;
    }
}
