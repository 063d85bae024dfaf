//! Platform versions: the version that a runtime gets and keeps, and the requirements of V2. It takes minutes, and
//! needs a healthy container, a smaller environment, and a new version for every rotated secret.

use std::time::Duration;

use emulator::agentcore_control::PlatformVersion;
use emulator::aws::ServiceId;
use emulator::container::{Behaviour, Start};
use emulator::faults::FaultEffect;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};

use super::{properties, secret, status, with};
use crate::battery::deliver;
use crate::world::{CANARY, Event, PROBE, RUNTIME, World, canary, merged};

/// Returns properties on V2.
fn on_v2(changes: Value) -> Value {
    merged(with(json!({"PlatformVersion": "V2"})), changes)
}

/// Creates an account whose new runtimes get this platform.
fn world(platform_version: PlatformVersion) -> World {
    crate::platform::on(platform_version, || World::with_settings(Settings::default()))
}

fn platform(world: &World, id: &str) -> &'static str {
    world.runtime(id, |runtime| runtime.configuration().platform().as_str())
}

fn behave(world: &World, behaviour: Behaviour) {
    world.aws.with(|world| world.containers.behave(behaviour));
}

fn crash(words: &str) -> Behaviour {
    Behaviour { start: Start::Crash(words.to_owned()), ..Behaviour::default() }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_platform_is_chosen_changed_kept_and_answered() {
    for default in PlatformVersion::ALL {
        let mut world = world(default);
        for empty in [properties(), with(json!({"PlatformVersion": ""}))] {
            let created = world.send(RUNTIME.create(empty.clone())).await.success();
            assert_eq!(created.attribute("PlatformVersion"), default.as_str());
            world.send(RUNTIME.delete(&created.physical_id(), empty)).await.success();
        }
        let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
        let mut old = properties();
        for (change, expected, version) in [
            (json!({"PlatformVersion": "V2"}), "V2", if default == PlatformVersion::V2 { "1" } else { "2" }),
            (json!({"PlatformVersion": "V1"}), "V1", if default == PlatformVersion::V2 { "2" } else { "3" }),
            (json!({"PlatformVersion": "V2"}), "V2", if default == PlatformVersion::V2 { "3" } else { "4" }),
            (json!({"Description": "kept"}), "V2", if default == PlatformVersion::V2 { "4" } else { "5" }),
            (json!({"Description": "kept"}), "V2", if default == PlatformVersion::V2 { "4" } else { "5" }),
        ] {
            let new = with(change);
            let updated = world.send(RUNTIME.update(&id, new.clone(), old)).await.success();
            assert_eq!((updated.attribute("PlatformVersion"), platform(&world, &id)), (expected, expected));
            assert_eq!(updated.attribute("AgentRuntimeVersion"), version, "{new}");
            old = new;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_platform_that_does_not_exist_is_refused() {
    let mut world = World::new();
    let answer = world.send(RUNTIME.create(with(json!({"PlatformVersion": "V3"})))).await;
    assert!(answer.failure().contains("`PlatformVersion` is \"V3\"; use one of V1, V2"), "{}", answer.reason());
    assert!(world.calls_since(0).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_container_that_never_becomes_healthy_fails_the_create_with_its_last_words_and_is_cleaned_up() {
    for (start, said) in [
        (Start::Crash("SystemExit: no licence".to_owned()), "SystemExit: no licence"),
        (Start::Normal(Duration::from_mins(10)), "INFO: starting emulated-mcp-server 1.0.0"),
    ] {
        let mut world = World::new();
        behave(&world, Behaviour { start, ..Behaviour::default() });
        let answer = world.send(RUNTIME.create(on_v2(json!({})))).await;
        let id = answer.physical_id();
        let sentence = format!(
            "runtime {id} ended in CREATE_FAILED: The container failed its health check: it did not become healthy \
             within 120 seconds: {said} (log group /aws/bedrock-agentcore/runtimes/{id}-DEFAULT)"
        );
        assert_eq!(answer.failure(), sentence);
        world.send(RUNTIME.delete(&id, on_v2(json!({})))).await.success();
        assert!(world.runtime_names().is_empty());
    }
}

/// The service measures in its own way: an environment that it has accepted is not too large.
#[tokio::test(flavor = "local", start_paused = true)]
async fn an_environment_that_the_runtime_has_is_not_refused() {
    let settings = Settings { environment_surplus: 500, ..Settings::default() };
    let mut world = crate::platform::on(PlatformVersion::V2, || World::with_settings(settings));
    // Without `PlatformVersion` the limit of V1 is checked, and the service chooses V2.
    let large = |changes: Value| merged(with(json!({"EnvironmentVariables": {"LARGE": "x".repeat(2600)}})), changes);
    let created = world.send(RUNTIME.create(large(json!({})))).await.success();
    assert_eq!(created.attribute("PlatformVersion"), "V2");
    let id = created.physical_id();
    let described = large(json!({"Description": "another"}));
    world.send(RUNTIME.update(&id, described.clone(), large(json!({})))).await.success();
    let larger = large(json!({"EnvironmentVariables": {"LARGE": "x".repeat(2601)}}));
    let answer = world.send(RUNTIME.update(&id, larger, described)).await;
    assert!(answer.failure().contains("come to 2606 bytes"), "{}", answer.reason());
}

/// Sessions of the present version go on printing while the next version is built.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_secret_before_an_update_is_masked_too() {
    let mut world = World::new();
    for name in ["former", "next"] {
        secret(&world, &format!("mcp/{name}"), &json!({"KEY": format!("{CANARY}{name}")}).to_string());
    }
    let on_secret = |name: &str| on_v2(json!({"SecretId": name}));
    let id = world.send(RUNTIME.create(on_secret("mcp/former"))).await.success().physical_id();
    behave(&world, crash(&format!("ERROR: {CANARY}former and {CANARY}next")));
    let answer = world.send(RUNTIME.update(&id, on_secret("mcp/next"), on_secret("mcp/former"))).await;
    assert!(answer.failure().contains("ERROR: **** and ****"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_container_that_prints_its_secrets_is_masked_in_the_sentence() {
    for delivery in ["ContainerRetrieval", "EnvironmentVariables"] {
        let mut world = World::new();
        let text = json!({"KEY": canary("key"), "OTHER": "cAnArY-other"}).to_string();
        secret(&world, "mcp/credentials", &text);
        let words =
            format!("ERROR: KEY={} OTHER=cAnArY-other GIVEN=cAnArY-given", "cAnArY-key-\"quoted\"-back\\slash-new");
        let behaviour = Behaviour {
            reads_secret: true,
            prints_secret: true,
            required_keys: vec!["MISSING".to_owned()],
            start: if delivery == "ContainerRetrieval" { Start::Normal(Duration::ZERO) } else { Start::Crash(words) },
            ..Behaviour::default()
        };
        behave(&world, behaviour);
        let given = json!({"SecretId": "mcp/credentials", "CredentialDelivery": delivery,
            "EnvironmentVariables": {"GIVEN": "cAnArY-given"}});
        let answer = world.send(RUNTIME.create(on_v2(given))).await;
        assert!(answer.failure().contains("****"), "{}", answer.reason());
        assert!(!answer.reason().contains(CANARY), "{}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failure_without_a_container_quotes_no_log() {
    let mut world = World::new();
    world.fault("CreateAgentRuntime", 1, 1, FaultEffect::BecomesFailed("the image has no manifest".to_owned()));
    let answer = world.send(RUNTIME.create(on_v2(json!({})))).await;
    assert!(answer.failure().ends_with("CREATE_FAILED: the image has no manifest"), "{}", answer.reason());
    assert!(!world.calls_since(0).contains(&"FilterLogEvents"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_to_a_container_that_is_not_healthy_is_undone() {
    // The platform may come from the update that fails, from the account, or from the former template.
    for (account, old, new) in [
        (PlatformVersion::V1, json!({}), json!({"PlatformVersion": "V2", "Description": "new"})),
        (PlatformVersion::V1, json!({"PlatformVersion": "V1"}), json!({"PlatformVersion": "V2"})),
        (PlatformVersion::V2, json!({}), json!({"Description": "new"})),
        (PlatformVersion::V1, json!({"PlatformVersion": "V2"}), json!({"PlatformVersion": "V2", "Description": "new"})),
    ] {
        let mut world = world(account);
        let (old, new) = (with(old), with(new));
        let id = world.send(RUNTIME.create(old.clone())).await.success().physical_id();
        let before = platform(&world, &id);
        behave(&world, crash("SystemExit: no licence"));
        let answer = world.send(RUNTIME.update(&id, new.clone(), old.clone())).await;
        assert!(answer.failure().contains("ended in UPDATE_FAILED: "), "{}", answer.reason());
        assert!(answer.reason().contains("health check") && answer.reason().contains("SystemExit: no licence"));
        assert_eq!(answer.physical_id(), id);
        // The old image is healthy, unless it does not work on the platform.
        if before == "V2" {
            behave(&world, Behaviour::default());
        }
        world.stack_status(StackStatus::UpdateRollbackInProgress);
        let restored = world.send(RUNTIME.update(&id, old, new)).await.success();
        assert_eq!(restored.attribute("PlatformVersion"), before);
        assert_eq!((status(&world, &id).as_str(), platform(&world, &id)), ("READY", before));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_finished_update_is_rolled_back_and_unset_properties_are_kept() {
    for (stack, expected) in [(StackStatus::UpdateRollbackInProgress, "V1"), (StackStatus::UpdateInProgress, "V2")] {
        let mut world = World::new();
        // The environment is too large for V2.
        let large = with(json!({"EnvironmentVariables": {"A": "x".repeat(if expected == "V1" { 3000 } else { 300 })}}));
        let id = world.send(RUNTIME.create(large.clone())).await.success().physical_id();
        world.send(RUNTIME.update(&id, on_v2(json!({})), large.clone())).await.success();
        world.stack_status(stack);
        let restored = world.send(RUNTIME.update(&id, large, on_v2(json!({})))).await.success();
        assert_eq!(restored.attribute("PlatformVersion"), expected);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_environment_that_is_too_large_is_refused_before_the_call_where_the_platform_is_known() {
    let environment = |bytes: usize| json!({"LONG": "x".repeat(bytes - 4)});
    let sentence = |bytes: usize, most: usize, platform: &str, or_v1: &str| {
        format!(
            "`EnvironmentVariables` come to {bytes} bytes, where AgentCore takes at most {most} on platform version \
             {platform} (names and values, with the extra ones and the secret's); use fewer or shorter variables, leave values in \
             the secret with `CredentialDelivery` ContainerRetrieval{or_v1}"
        )
    };
    let or_v1 = ", or set `PlatformVersion` to V1";
    for (platform, bytes, expected) in [
        (json!("V1"), 4096, None),
        (json!("V1"), 4097, Some(sentence(4097, 4096, "V1", ""))),
        (json!("V2"), 2560, None),
        (json!("V2"), 2561, Some(sentence(2561, 2560, "V2", or_v1))),
        (json!("V2"), 4097, Some(sentence(4097, 2560, "V2", ""))),
        (json!(""), 4096, None),
        (json!(""), 4097, Some(sentence(4097, 4096, "V1", ""))),
    ] {
        let mut world = World::new();
        let changes = with(json!({"PlatformVersion": platform, "EnvironmentVariables": environment(bytes)}));
        let answer = world.send(RUNTIME.create(changes.clone())).await;
        match &expected {
            None => drop(answer.success()),
            Some(expected) => {
                assert_eq!(answer.failure(), expected);
                assert!(world.calls_since(0).is_empty(), "{:?}", world.calls_since(0));
            }
        }
        // An update uses the platform of the present runtime.
        let mut world = World::new();
        let small = with(json!({"PlatformVersion": platform}));
        let id = world.send(RUNTIME.create(small.clone())).await.success().physical_id();
        let before = world.call_count();
        let kept = with(json!({"EnvironmentVariables": environment(bytes)}));
        let answer = world.send(RUNTIME.update(&id, kept, small)).await;
        match &expected {
            None => drop(answer.success()),
            Some(expected) => {
                assert_eq!(answer.failure(), expected);
                assert!(!world.calls_since(before).contains(&"UpdateAgentRuntime"));
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_environment_that_only_the_service_knows_to_be_too_large_is_explained() {
    let mut world = world(PlatformVersion::V2);
    let answer = world.send(RUNTIME.create(with(json!({"EnvironmentVariables": {"LONG": "x".repeat(3000)}})))).await;
    let begins = "`EnvironmentVariables` come to 3004 bytes, which AgentCore refuses (\"The total size of environment \
                  variables must not exceed 2560 bytes for platform version V2.\"); it was seen to take 4096 bytes on \
                  platform version V1 and 2560 on V2";
    assert!(answer.failure().starts_with(begins), "{}", answer.reason());
    assert!(answer.reason().ends_with("or set `PlatformVersion` to V1"), "{}", answer.reason());
    assert!(world.runtime_names().is_empty());
}

/// On V2 a session never reads the secret. Only a new version of the runtime does.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_new_secret_version_is_in_use_after_the_update() {
    let mut world = World::new();
    behave(&world, Behaviour { reads_secret: true, ..Behaviour::default() });
    secret(&world, "mcp/credentials", &json!({"KEY": canary("one")}).to_string());
    let old = on_v2(json!({"SecretId": "mcp/credentials", "SecretVersionId": "f".repeat(32)}));
    let created = world.send(RUNTIME.create(old.clone())).await.success();
    let token = "e".repeat(32);
    let value = json!({"KEY": canary("two")}).to_string();
    let input = json!({"SecretId": "mcp/credentials", "SecretString": value, "ClientRequestToken": token});
    world.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
    let new = on_v2(json!({"SecretId": "mcp/credentials", "SecretVersionId": token}));
    for (properties, expected) in [(old.clone(), "f".repeat(32)), (new, token.clone())] {
        let updated = world.send(RUNTIME.update(&created.physical_id(), properties, old.clone())).await.success();
        let probe = json!({"Endpoint": updated.attribute("McpUrl")});
        world.send(PROBE.create(probe)).await.success();
        let arn = created.attribute("AgentRuntimeArn");
        let versions: Vec<_> = world
            .aws
            .with(|world| world.containers.secret_versions(arn).into_values().flatten().map(str::to_owned).collect());
        assert!(versions.contains(&expected), "{versions:?} without {expected}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn half_an_hour_is_waited_through_with_calls_that_fail_for_minutes() {
    let half_hour = Settings { snapshot_transition: Duration::from_mins(30), ..Settings::default() };
    for effect in [FaultEffect::Throttled, FaultEffect::InternalError, FaultEffect::ReplyLostBefore] {
        let mut world = World::with_settings(half_hour.clone());
        // The faults begin some minutes into the wait and last some minutes: one delivery has about 200 Gets in it.
        world.fault("GetAgentRuntime", 230, 90, effect.clone());
        let id = deliver(&mut world, RUNTIME.create(on_v2(json!({}))), None).await.success().physical_id();
        world.aws.faults().clear();
        world.fault("GetAgentRuntime", 150, 90, effect);
        let change = RUNTIME.update(&id, on_v2(json!({"Description": "new"})), on_v2(json!({})));
        let updated = deliver(&mut world, change, None).await.success();
        assert_eq!(updated.attribute("AgentRuntimeVersion"), "2");
        assert_eq!(world.runtime_names().len(), 1);
    }
}

/// A Delete that begins late in a long create has deliveries of its own.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_delete_waits_through_the_rest_of_a_long_create_and_of_a_long_update() {
    let long = Settings { snapshot_transition: Duration::from_mins(40), ..Settings::default() };
    for early in [true, false] {
        let mut world = World::with_settings(long.clone());
        give_up(&mut world, RUNTIME.create(on_v2(json!({}))), 20).await;
        // CloudFormation invents an id if no answer came.
        let now = world.aws.clock().now();
        let id = world.aws.with(|it| it.agentcore.runtimes(now).next().map(|it| it.id.clone()));
        let id = if early { RUNTIME.invented_id() } else { id.expect("a runtime") };
        deliver(&mut world, RUNTIME.delete(&id, on_v2(json!({}))), None).await.success();
        assert!(world.runtime_names().is_empty());
    }

    let mut world = World::with_settings(long);
    let id = deliver(&mut world, RUNTIME.create(on_v2(json!({}))), None).await.success().physical_id();
    give_up(&mut world, RUNTIME.update(&id, on_v2(json!({"Description": "new"})), on_v2(json!({}))), 20).await;
    deliver(&mut world, RUNTIME.delete(&id, on_v2(json!({}))), None).await.success();
    assert!(world.runtime_names().is_empty());
}

/// Delivers an event, kills the function, and waits so many minutes while the operation goes on by itself.
async fn give_up(world: &mut World, event: Event, minutes: u64) {
    let event = world.address(event);
    let begun = tokio::time::Instant::now();
    let killed = tokio::time::timeout(Duration::from_mins(1), world.deliver(&event)).await;
    assert!(killed.is_err(), "it takes longer");
    tokio::time::sleep_until(begun + Duration::from_mins(minutes)).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_waits_for_one_that_began_long_before_it() {
    let long = Settings { snapshot_transition: Duration::from_mins(20), ..Settings::default() };
    let mut world = World::with_settings(long);
    let id = deliver(&mut world, RUNTIME.create(on_v2(json!({}))), None).await.success().physical_id();
    give_up(&mut world, RUNTIME.update(&id, on_v2(json!({"Description": "new"})), on_v2(json!({}))), 5).await;
    // CloudFormation rolls back the update that it did not wait for.
    let undo = RUNTIME.update(&id, on_v2(json!({"Description": "old"})), on_v2(json!({"Description": "new"})));
    let undone = deliver(&mut world, undo, None).await.success();
    assert_eq!(undone.attribute("AgentRuntimeVersion"), "3");
    assert_eq!(world.runtime(&id, |it| it.configuration().description().to_owned()), "old");
}
