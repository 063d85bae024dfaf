//! Deliveries that end before their work does, and the next ones of the same event.

use super::events::send_within as send;
use super::*;

/// Creates a stack whose runtime takes this long for an update.
async fn create(update: Duration, parameters: &[(&str, &str)]) -> Scene {
    let settings = Settings { runtime_transition: update, ..Settings::default() };
    let scene = Scene::with_settings(settings, &[&[("CredentialSource", "UseExisting")], parameters].concat());
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    scene
}

fn crash(scene: &Scene) {
    let start = Start::Crash("SystemExit: the key was refused".to_owned());
    scene.deployment.aws.with(|world| world.containers.behave(Behaviour { start, ..Behaviour::zscaler() }));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_version_that_an_earlier_delivery_published_is_verified() {
    let mut scene = create(Duration::from_mins(16), &[]).await;
    let version = scene.rotate("rotated").await;
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    assert_eq!(scene.deliveries()[0].attempts.len(), 2);
    assert_eq!((scene.last_report().0.as_str(), scene.metrics()), ("ROTATED", vec![(1, 0)]));
    crash(&scene);
    let version = scene.rotate("refused").await;
    let (message, reason) = scene.last_report();
    assert_eq!((message.as_str(), scene.metrics().last()), ("ROTATION FAILED", Some(&(0, 1))));
    assert!(reason.contains("SystemExit: the key was refused"), "{reason}");
    assert_eq!((scene.versions(), scene.marker()), (3, version), "no version is published twice");
    scene.deployment.cloudformation.delete_stack(NAME).await.expect("it exists");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn values_that_an_earlier_delivery_copied_are_put_back() {
    for forgotten in [false, true] {
        let mut scene = create(Duration::from_mins(15), &[("CredentialDelivery", "EnvironmentVariables")]).await;
        let before = scene.deployment.environment();
        crash(&scene);
        let mut value = credentials("refused");
        value["ZSCALER_EXTRA"] = json!("of the version that is refused");
        // The first delivery publishes, the second one begins to restore, and the third one finds that done.
        let refused = scene.put(&value, &["AWSCURRENT"]);
        sleep(Duration::from_mins(14)).await;
        if forgotten {
            scene.move_label("AWSPREVIOUS", &before[MARKER], &refused);
            scene.deployment.aws.with(|world| world.secrets.delete_deprecated_versions());
        }
        scene.settle().await;
        let (message, reason) = scene.last_report();
        assert_eq!((message.as_str(), scene.metrics()), ("ROTATION FAILED", vec![(0, 1)]), "{reason}");
        let after = scene.deployment.environment();
        if forgotten {
            assert!(reason.contains("the previous values could not be restored (`SecretArn` is secret"), "{reason}");
            assert!(after[MARKER].starts_with(&refused) && after["ZSCALER_PRIVATE_KEY"] == canary("refused"));
        } else {
            assert!(reason.contains(&format!("version {refused} did not work in runtime")), "{reason}");
            assert!(after[MARKER].starts_with(&format!("{} refused {refused}", before[MARKER])), "{}", after[MARKER]);
            assert_eq!(
                (after.get("ZSCALER_EXTRA"), after.get("ZSCALER_PRIVATE_KEY")),
                (None, before.get("ZSCALER_PRIVATE_KEY"))
            );
        }
        scene.deployment.cloudformation.delete_stack(NAME).await.expect("it exists");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_version_whose_former_one_is_forgotten_is_not_copied() {
    let mut scene =
        Scene::create(&[("CredentialDelivery", "EnvironmentVariables"), ("RecycleOnRotation", "false")]).await;
    let before = scene.deployment.environment();
    scene.rotate("missed").await;
    scene.rotate("missed, too").await;
    scene.deployment.aws.with(|world| world.secrets.delete_deprecated_versions());
    scene.deployment.set(&[("RecycleOnRotation", "true")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    scene.rotate("noticed").await;
    let (message, reason) = scene.last_report();
    assert!(message == "ROTATION FAILED" && reason.contains("whose former version can no longer be read"), "{reason}");
    assert_eq!((scene.deployment.environment(), scene.metrics()), (before, vec![(0, 1)]));
    scene.end().await;
}

/// The refusal says nothing about the new value.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_probe_that_is_cut_short_is_repeated() {
    let mut scene = create(Duration::from_secs(3), &[]).await;
    // Two minutes of it would be final.
    scene.fault("InvokeAgentRuntime", 1000, FaultEffect::Denied);
    // A late event: the function is told of the rotation by hand.
    scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::from_hours(1)]));
    let version = scene.put(&credentials("rotated"), &["AWSCURRENT"]);
    let input = scene.deliveries()[0].input.clone();
    let cut = send(&scene, &input, Duration::from_mins(2)).await.expect_err("it is not at its end");
    assert!(cut.contains("ran out of time") && cut.contains("probing runtime"), "{cut}");
    assert_eq!((scene.reports().len(), scene.marker()), (0, version));
    scene.deployment.aws.faults().clear();
    assert_eq!(send(&scene, &input, Duration::from_mins(15)).await, Ok(()));
    assert_eq!((scene.last_report().0.as_str(), scene.metrics(), scene.versions()), ("ROTATED", vec![(1, 0)], 2));
    scene.settle().await;
    scene.end().await;
}

/// Such a failure says nothing about the value.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_is_not_refused_because_of_agentcore_or_the_network() {
    for effect in [FaultEffect::QuotaExceeded, FaultEffect::ReplyLostBefore] {
        let mut scene = create(Duration::from_secs(3), &[("CredentialDelivery", "EnvironmentVariables")]).await;
        scene.fault("InvokeAgentRuntime", 100_000, effect.clone());
        let version = scene.put(&credentials("good"), &["AWSCURRENT"]);
        while scene.deliveries().first().is_none_or(|delivery| delivery.attempts.is_empty()) {
            sleep(Duration::from_secs(1)).await;
        }
        let first = scene.deliveries()[0].attempts[0].outcome.clone();
        assert!(first.is_err() && scene.metrics().is_empty(), "{effect:?}: {first:?}, {:#?}", scene.reports());
        scene.deployment.aws.faults().clear();
        scene.settle().await;
        assert_eq!(
            (scene.versions(), scene.deployment.environment()["ZSCALER_PRIVATE_KEY"].clone()),
            (2, canary("good"))
        );
        assert_eq!((scene.marker(), scene.metrics()), (version, vec![(1, 0)]), "{effect:?}");
        scene.end().await;
    }
    // A refusal of the probe does not pass, and says as little.
    let mut scene = create(Duration::from_secs(3), &[("CredentialDelivery", "EnvironmentVariables")]).await;
    scene.fault("InvokeAgentRuntime", 100_000, FaultEffect::Denied);
    let version = scene.rotate("good").await;
    let (message, reason) = scene.last_report();
    assert!(
        message == "ROTATION FAILED" && reason.starts_with("AgentCore refused the probe's credentials"),
        "{reason}"
    );
    assert!(!reason.contains("restored"), "{reason}");
    assert_eq!((scene.versions(), scene.marker(), scene.metrics()), (2, version, vec![(0, 1)]));
    scene.end().await;
}

/// Shows the stack in this status to the function. CloudFormation itself does nothing.
fn set_status(scene: &Scene, status: StackStatus) {
    let id = scene.deployment.cloudformation.stack(NAME).expect("it").id;
    let start = std::time::SystemTime::UNIX_EPOCH;
    scene.deployment.aws.with(|world| world.stacks.put(Stack::bare(&id, status, start)));
}

/// The stack's own requests need executions of the function, and its owner may have reserved few.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_delivery_waits_for_the_stack_for_some_minutes_only() {
    let scene = Scene::create(&[]).await;
    set_status(&scene, StackStatus::UpdateInProgress);
    let version = put(&scene.deployment, EXISTING, &credentials("rotated"), &["AWSCURRENT"], 100);
    sleep(Duration::from_mins(10)).await;
    let attempts = scene.deliveries()[0].attempts.clone();
    let took = attempts[0].ended.duration_since(attempts[0].started).expect("it ends later");
    assert!(attempts[0].outcome.is_err() && took <= Duration::from_mins(6), "{took:?}");
    assert_eq!(scene.versions(), 1);
    set_status(&scene, StackStatus::UpdateComplete);
    scene.settle().await;
    assert_eq!((scene.versions(), scene.marker(), scene.metrics()), (2, version, vec![(1, 0)]));
    scene.end().await;
}

/// The rest of a delivery is for the update and the probe.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_version_is_published_while_enough_time_is_left() {
    let scene = Scene::create(&[]).await;
    let calls = scene.call_count();
    set_status(&scene, StackStatus::UpdateInProgress);
    let version = put(&scene.deployment, EXISTING, &credentials("rotated"), &["AWSCURRENT"], 100);
    sleep(Duration::from_secs(350)).await;
    set_status(&scene, StackStatus::UpdateComplete);
    scene.fault("GetAgentRuntime", 25, FaultEffect::Throttled);
    scene.settle().await;
    let attempts = scene.deliveries()[0].attempts.clone();
    let cut = attempts[0].outcome.clone().expect_err("it is late");
    assert!(cut.contains("ran out of time preparing a version"), "{cut}");
    assert_eq!((attempts.len(), scene.calls("UpdateAgentRuntime", calls)), (2, 1));
    assert_eq!((scene.versions(), scene.marker(), scene.metrics()), (2, version, vec![(1, 0)]));
    scene.end().await;
}

/// The mark of a rotation is not a difference that another version is needed for.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_that_learns_of_a_rotated_version_publishes_none() {
    let mut scene = Scene::create(&[]).await;
    let version = scene.rotate("rotated").await;
    scene.deployment.set(&[("Tags", r#"{"team": "one"}"#)]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    scene.end().await;
}
