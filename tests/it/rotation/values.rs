//! Secrets whose values are copied into the runtime's environment.

use cloudformation::{StackInput, TemplateSource};

use super::*;

async fn create() -> Scene {
    let value = "EnvironmentVariables";
    Scene::create(&[("CredentialDelivery", value)]).await
}

/// Lets the server fail with the next version of the runtime: in its update on V2, and otherwise in the probe.
fn break_next_version(scene: &Scene) {
    if platform::current() == emulator::agentcore_control::PlatformVersion::V2 {
        scene.fault("UpdateAgentRuntime", 1, FaultEffect::BecomesFailed("The container exited".to_owned()));
    } else {
        let start = Start::Crash("SystemExit: the key was refused".to_owned());
        scene.deployment.aws.with(|world| world.containers.behave(Behaviour { start, ..Behaviour::zscaler() }));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn copied_values_are_read_again() {
    let mut scene = create().await;
    let before = scene.deployment.environment();
    let version = scene.rotate("rotated").await;
    let after = scene.deployment.environment();
    assert_eq!(after["ZSCALER_PRIVATE_KEY"], canary("rotated"));
    let changed: Vec<_> =
        after.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(|(key, _)| key).collect();
    assert_eq!(changed, [MARKER, "ZSCALER_PRIVATE_KEY"]);
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    // A key that the secret has from now on is added; one that is the template's own stays.
    let mut value = credentials("third");
    value["ZSCALER_MCP_PORT"] = json!("9000");
    value["ZSCALER_EXTRA"] = json!("more");
    scene.put(&value, &["AWSCURRENT"]);
    scene.settle().await;
    let after = scene.deployment.environment();
    assert_eq!((after["ZSCALER_MCP_PORT"].as_str(), after["ZSCALER_EXTRA"].as_str()), ("8000", "more"));
    assert_eq!(scene.metrics(), [(1, 0), (1, 0)]);
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn values_that_do_not_work_are_put_back() {
    let mut scene = create().await;
    let before = scene.deployment.environment();
    break_next_version(&scene);
    scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::ZERO, Duration::from_mins(30)]));
    let mut value = credentials("refused");
    value["ZSCALER_EXTRA"] = json!("of the version that is refused");
    let refused = scene.put(&value, &["AWSCURRENT"]);
    scene.settle().await;
    let reports = scene.reports();
    let reason = reports[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("; the previous values were restored; move the label AWSCURRENT"), "{reason}");
    assert_eq!(scene.last_report().1, "everything has the current version already", "a duplicate does not try again");
    let mut after = scene.deployment.environment();
    assert!(after[MARKER].starts_with(&format!("{} refused {refused} by ", before[MARKER])), "{}", after[MARKER]);
    let after_marker = before[MARKER].clone();
    after.insert(MARKER.to_owned(), after_marker.clone());
    assert_eq!((after, scene.versions()), (before, 3));
    scene.deployment.aws.with(|world| {
        world.event_bus.deliver_after(&[Duration::ZERO]);
        world.containers.behave(Behaviour::zscaler());
    });
    // The update of the stack does not bring the refused values back.
    scene.deployment.set(&[("EnableToolCallLogging", "false")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    let updated = scene.deployment.environment();
    assert_eq!(updated["ZSCALER_PRIVATE_KEY"], canary("key"));
    assert!(updated[MARKER].starts_with(&format!("{after_marker} refused {refused} by ")), "{}", updated[MARKER]);
    let version = scene.rotate("good").await;
    assert_eq!(scene.marker(), version);
    assert_eq!(scene.deployment.environment()["ZSCALER_PRIVATE_KEY"], canary("good"));
    scene.end().await;
}

/// The probe does not even send such a value.
#[tokio::test(flavor = "local", start_paused = true)]
async fn values_that_the_probe_cannot_use_are_put_back() {
    let mode =
        [("CredentialDelivery", "EnvironmentVariables"), ("McpAuthMode", "api-key"), ("RequireMcpCredentials", "true")];
    let mut scene = Scene::new(&[&[("CredentialSource", "UseExisting")], &mode[..]].concat());
    let value = |key: &str| {
        let mut value = credentials("key");
        value["ZSCALER_MCP_AUTH_API_KEY"] = json!(format!("cAnArY-{key}"));
        value
    };
    scene.put(&value("first"), &["AWSCURRENT"]);
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    scene.put(&value("with a line\nbreak"), &["AWSCURRENT"]);
    scene.settle().await;
    let (message, reason) = scene.last_report();
    assert!(message == "ROTATION FAILED" && reason.contains("cannot be sent as a header"), "{reason}");
    assert!(reason.contains("the previous values were restored"), "{reason}");
    assert_eq!(scene.deployment.environment()["ZSCALER_MCP_AUTH_API_KEY"], "cAnArY-first");
    scene.end().await;
}

/// Its probe might pass, because the update brings another image, or because nothing is probed.
#[tokio::test(flavor = "local", start_paused = true)]
async fn refused_values_stay_away_even_if_the_former_ones_are_forgotten() {
    for version_id in ["!Ref AWS::NoValue", "'1'", "!GetAtt Secret.VersionId"] {
        let mut scene =
            Scene::new(&[("CredentialSource", "UseExisting"), ("CredentialDelivery", "EnvironmentVariables")]);
        let copied = create_with_version_id(&mut scene, version_id).await;
        break_next_version(&scene);
        let refused = scene.rotate("refused").await;
        assert!(scene.last_report().1.contains("the previous values were restored"), "{:?}", scene.last_report());
        scene.move_label("AWSPREVIOUS", &copied, &refused);
        scene.deployment.aws.with(|world| {
            world.secrets.delete_deprecated_versions();
            world.containers.behave(Behaviour::zscaler());
        });
        let before = scene.deployment.environment();
        scene.deployment.set(&[("DisabledTools", "zia_delete")]);
        let update = scene.deployment.cloudformation.update_stack(with_version_id(&scene, version_id));
        let stack = update.await.expect("the template is valid");
        scene.deployment.expect(&stack, StackStatus::UpdateComplete);
        let mut after = scene.deployment.environment();
        assert_eq!(after.remove("ZSCALER_MCP_DISABLED_TOOLS").as_deref(), Some("zia_delete"), "{version_id}");
        assert_eq!(
            (after["ZSCALER_PRIVATE_KEY"].as_str(), after == before),
            (&*canary("missed"), true),
            "{version_id}"
        );
        // The next value is compared with what the runtime has, or is refused in plain words.
        scene.rotate("good").await;
        let (message, reason) = scene.last_report();
        assert!(message == "ROTATED" || reason.contains("update the stack"), "{version_id}: {reason}");
        scene.end().await;
    }
}

/// Such a rule would publish a version and undo it with each rotation.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rule_whose_probe_is_invalid_changes_nothing() {
    let mut scene = create().await;
    scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::from_hours(1)]));
    let version = scene.put(&credentials("good"), &["AWSCURRENT"]);
    let before = scene.deployment.environment();
    let input = scene.deliveries()[0].input.clone();
    for (property, value) in
        [("MinimumTools", "many"), ("Auth", "BEARER"), ("CallArguments", "{"), ("SecretHeaders", "no map")]
    {
        let mut invalid = input.clone();
        invalid["Runtimes"][0]["Verification"][property] = json!(value);
        assert_eq!(events::send(&scene, &invalid).await, Ok(()), "Lambda need not deliver it again");
        let (message, reason) = scene.last_report();
        assert!(message == "ROTATION FAILED" && reason.contains(property), "{property}: {reason}");
        assert_eq!((scene.deployment.environment(), scene.versions()), (before.clone(), 1), "{property}");
    }
    // The value is not refused.
    scene.settle().await;
    assert_eq!((scene.marker(), scene.versions()), (version, 2));
    scene.end().await;
}

/// An update copies the present values, of which the next rotation has to know the version.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotation_that_nobody_noticed_does_not_end_the_later_ones() {
    let copied = ("CredentialDelivery", "EnvironmentVariables");
    let mut scene = Scene::create(&[copied, ("RecycleOnRotation", "false")]).await;
    let missed = scene.rotate("missed").await;
    scene.deployment.set(&[("RecycleOnRotation", "true"), ("EnableToolCallLogging", "false")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!(scene.deployment.environment()["ZSCALER_PRIVATE_KEY"], canary("missed"));
    assert_eq!(scene.marker(), missed);
    let noticed = scene.rotate("noticed").await;
    assert_eq!(scene.deployment.environment()["ZSCALER_PRIVATE_KEY"], canary("noticed"));
    assert_eq!(scene.marker(), noticed);
    scene.end().await;
}

/// Creates a stack whose runtime has this `SecretVersionId`, and rotates the secret after it was read for that property. Returns
/// the new version.
async fn create_with_version_id(scene: &mut Scene, version_id: &str) -> String {
    let input = with_version_id(scene, version_id);
    let mut creation = std::pin::pin!(scene.deployment.cloudformation.create_stack(input));
    loop {
        tokio::select! {
            biased;
            _ = &mut creation => panic!("the creation takes longer"),
            () = sleep(Duration::from_millis(1)) => {}
        }
        let resources = scene.deployment.cloudformation.resources(NAME);
        if resources.get("Secret").is_some_and(|secret| secret.attributes.contains_key("VersionId")) {
            break;
        }
    }
    let version = put(&scene.deployment, EXISTING, &credentials("missed"), &["AWSCURRENT"], 100);
    let stack = creation.await.expect("the template is valid");
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    version
}

fn with_version_id(scene: &Scene, version_id: &str) -> StackInput {
    let of_template = "SecretVersionId: !GetAtt Secret.VersionId";
    let template = include_str!("../../../template.yaml");
    assert_eq!(template.matches(of_template).count(), 1);
    let template = TemplateSource::Uploaded(template.replace(of_template, &format!("SecretVersionId: {version_id}")));
    StackInput { template, ..scene.deployment.input() }
}

/// The property may be older than the values, or not the id of a version at all.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_mark_is_the_version_whose_values_were_copied() {
    for (version_id, other) in [
        ("!GetAtt Secret.VersionId", None),
        ("!Sub '${Secret.VersionId}-1'", Some("!Sub '${Secret.VersionId}-2'")),
        ("'1'", Some("'2'")),
    ] {
        let mut scene =
            Scene::new(&[("CredentialSource", "UseExisting"), ("CredentialDelivery", "EnvironmentVariables")]);
        let copied = create_with_version_id(&mut scene, version_id).await;
        let state = |scene: &Scene| (scene.marker(), scene.deployment.environment()["ZSCALER_PRIVATE_KEY"].clone());
        assert_eq!(state(&scene), (copied, canary("missed")), "{version_id}");
        scene.deployment.set(&[("Tags", r#"{"team": "one"}"#)]);
        let update = scene.deployment.cloudformation.update_stack(with_version_id(&scene, version_id));
        let stack = update.await.expect("the template is valid");
        scene.deployment.expect(&stack, StackStatus::UpdateComplete);
        assert_eq!(scene.versions(), 1, "{version_id}: nothing is different");
        for name in ["second", "third"] {
            let version = scene.rotate(name).await;
            assert_eq!(state(&scene), (version, canary(name)), "{version_id}: {:?}", scene.last_report());
        }
        // A new text of the property copies the values again.
        if let Some(other) = other {
            scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::from_hours(1)]));
            let version = scene.put(&credentials("fourth"), &["AWSCURRENT"]);
            let update = scene.deployment.cloudformation.update_stack(with_version_id(&scene, other));
            let stack = update.await.expect("the template is valid");
            scene.deployment.expect(&stack, StackStatus::UpdateComplete);
            assert_eq!(state(&scene), (version, canary("fourth")), "{other}");
            scene.settle().await;
            assert_eq!(scene.last_report().1, "everything has the current version already");
        }
        scene.end().await;
    }
}

/// Whoever may describe a runtime sees its variables.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rule_cannot_make_variables_of_a_secret_that_the_runtime_has_not_copied() {
    for (delivery, reason) in [
        ("ContainerRetrieval", "the container reads the secret itself; set it to ContainerRetrieval"),
        ("EnvironmentVariables", "; name the secret whose values the runtime has"),
    ] {
        let mut scene = Scene::create(&[("CredentialDelivery", delivery)]).await;
        scene.deployment.aws.with(|world| world.event_bus.deliver_after(&[Duration::from_hours(1)]));
        scene.put(&credentials("rotated"), &["AWSCURRENT"]);
        let input =
            events::with(&scene.deliveries()[0].input, "/Runtimes/0/CredentialDelivery", json!("EnvironmentVariables"));
        if delivery == "EnvironmentVariables" {
            set_environment(&scene, &json!({MARKER: scene.marker(), "ZSCALER_CLIENT_ID": "of the template"}));
        }
        let before = (scene.deployment.environment(), scene.versions());
        assert_eq!(events::send(&scene, &input).await, Ok(()));
        let (message, said) = scene.last_report();
        assert!(message == "ROTATION FAILED" && said.contains(reason), "{said}");
        assert_eq!((scene.deployment.environment(), scene.versions()), before);
        scene.settle().await;
        scene.end().await;
    }
}

/// Replaces the environment of the runtime from outside of the stack.
fn set_environment(scene: &Scene, environment: &Value) {
    let control = ServiceId::AgentCoreControl;
    let id = scene.deployment.cloudformation.resources(NAME)["Runtime"].physical_id.clone().expect("an id");
    let live = scene.deployment.somebody(control, "GetAgentRuntime", json!({"agentRuntimeId": id}));
    let mut input = json!({"agentRuntimeId": id, "environmentVariables": environment});
    for member in ["agentRuntimeArtifact", "roleArn", "networkConfiguration", "protocolConfiguration"] {
        input[member] = live[member].clone();
    }
    scene.deployment.somebody(control, "UpdateAgentRuntime", input);
}

repeat_on_v2!("values.rs":
    a_rotation_that_nobody_noticed_does_not_end_the_later_ones
    a_rule_cannot_make_variables_of_a_secret_that_the_runtime_has_not_copied
    a_rule_whose_probe_is_invalid_changes_nothing
    copied_values_are_read_again
    refused_values_stay_away_even_if_the_former_ones_are_forgotten
    the_mark_is_the_version_whose_values_were_copied
    values_that_do_not_work_are_put_back
    values_that_the_probe_cannot_use_are_put_back
);
