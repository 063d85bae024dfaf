//! Other changes of the secret, the runtime or the stack while a rotation verifies its version.

use super::*;

fn crash(scene: &Scene) {
    let start = Start::Crash("SystemExit: the key was refused".to_owned());
    scene.deployment.aws.with(|world| world.containers.behave(Behaviour { start, ..Behaviour::zscaler() }));
}

fn work(scene: &Scene) {
    scene.deployment.aws.with(|world| world.containers.behave(Behaviour::zscaler()));
}

/// The verdict about the former value comes while the newer one is being published.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_newer_value_is_not_put_back_with_the_one_before() {
    let transition = Duration::from_mins(5);
    let settings = Settings { runtime_transition: transition, snapshot_transition: transition, ..Settings::default() };
    let parameters = [("CredentialSource", "UseExisting"), ("CredentialDelivery", "EnvironmentVariables")];
    let mut scene = Scene::with_settings(settings, &parameters);
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    crash(&scene);
    scene.put(&credentials("refused"), &["AWSCURRENT"]);
    sleep(transition + Duration::from_secs(10)).await;
    let version = scene.put(&credentials("good"), &["AWSCURRENT"]);
    sleep(Duration::from_secs(290)).await;
    work(&scene);
    scene.settle().await;
    assert_eq!((scene.marker(), scene.versions()), (version, 3), "{:#?}", scene.reports());
    assert_eq!(scene.deployment.environment()["ZSCALER_PRIVATE_KEY"], canary("good"));
    assert_eq!(scene.metrics(), [(1, 0)], "{:#?}", scene.reports());
    scene.end().await;
}

/// The probe fails because of the update, and the good value is verified after it.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_update_that_breaks_the_server_is_not_blamed_on_the_value() {
    for delivery in ["EnvironmentVariables", "ContainerRetrieval"] {
        let mut scene = Scene::create(&[("CredentialDelivery", delivery)]).await;
        crash(&scene);
        let version = scene.put(&credentials("good"), &["AWSCURRENT"]);
        sleep(Duration::from_secs(10)).await;
        scene.deployment.set(&[("AgentDescription", "Another one")]);
        let stack = scene.deployment.update().await;
        scene.deployment.expect(&stack, StackStatus::UpdateRollbackComplete);
        work(&scene);
        scene.settle().await;
        let marker = scene.deployment.environment()[MARKER].clone();
        assert!(marker.starts_with(&version) && !marker.contains("refused"), "{delivery}: {marker}");
        assert_eq!((scene.last_report().0.as_str(), scene.metrics()), ("ROTATED", vec![(1, 0)]), "{delivery}");
        scene.end().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_values_of_another_secret_are_not_replaced_by_those_of_the_former_one() {
    let mut scene = Scene::create(&[("CredentialDelivery", "EnvironmentVariables")]).await;
    let other = "zscaler/mcp/other";
    let input = json!({"Name": other, "SecretString": credentials("other").to_string(),
        "ClientRequestToken": "e".repeat(32)});
    scene.deployment.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    crash(&scene);
    scene.put(&credentials("refused"), &["AWSCURRENT"]);
    sleep(Duration::from_secs(10)).await;
    scene.deployment.set(&[("ExistingSecretName", other), ("VerifyDeployment", "Off")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    scene.settle().await;
    assert_eq!(scene.deployment.environment()["ZSCALER_PRIVATE_KEY"], canary("other"), "{:?}", scene.last_report());
    assert_eq!(scene.marker(), "e".repeat(32));
    scene.deployment.somebody(ServiceId::SecretsManager, "DeleteSecret", json!({"SecretId": other}));
    scene.end().await;
}
