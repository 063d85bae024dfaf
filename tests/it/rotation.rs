//! Secrets that are rotated outside of the stack: template.yaml's rule, the function, and what a client sees.

use std::time::Duration;

use cloudformation::EventDelivery;
use emulator::aws::ServiceId;
use emulator::container::{Behaviour, Start};
use emulator::faults::{Fault, FaultEffect};
use emulator::settings::Settings;
use emulator::stacks::{Stack, StackStatus};
use harness::Log;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use crate::deployment::{Deployment, EXISTING, NAME};
use crate::platform::{self, repeat_on_v2};
use crate::world::{CANARY, canary};

mod events;
mod provider;
mod redelivery;
mod reports;
mod superseded;
mod values;

const MARKER: &str = "AGENTCORE_PROVISIONER_SECRET_VERSION";

/// A deployment whose function's log is kept.
struct Scene {
    deployment: Deployment,
    log: Log,
    _subscriber: DefaultGuard,
    rotations: u32,
}

impl Scene {
    fn new(parameters: &[(&str, &str)]) -> Self {
        Self::with_settings(Settings::default(), parameters)
    }

    fn with_settings(settings: Settings, parameters: &[(&str, &str)]) -> Self {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let deployment = Deployment::with_settings(settings, parameters);
        Self { deployment, log, _subscriber: guard, rotations: 0 }
    }

    /// Creates the stack of a deployment that reads an existing secret.
    async fn create(parameters: &[(&str, &str)]) -> Self {
        let scene = Self::new(&[&[("CredentialSource", "UseExisting")], parameters].concat());
        let stack = scene.deployment.create().await;
        scene.deployment.expect(&stack, StackStatus::CreateComplete);
        scene
    }

    /// Stores a value in the existing secret under these labels, without waiting. Returns the id of its version.
    fn put(&mut self, value: &Value, labels: &[&str]) -> String {
        self.put_into(EXISTING, value, labels)
    }

    fn put_into(&mut self, secret: &str, value: &Value, labels: &[&str]) -> String {
        self.rotations += 1;
        put(&self.deployment, secret, value, labels, self.rotations)
    }

    /// Moves a label of the existing secret.
    fn move_label(&self, label: &str, from: &str, to: &str) {
        let input =
            json!({"SecretId": EXISTING, "VersionStage": label, "RemoveFromVersionId": from, "MoveToVersionId": to});
        self.deployment.somebody(ServiceId::SecretsManager, "UpdateSecretVersionStage", input);
    }

    /// Rotates the existing secret and waits until all events about it are handled. Returns the new version.
    async fn rotate(&mut self, name: &str) -> String {
        let version = self.put(&credentials(name), &["AWSCURRENT"]);
        self.settle().await;
        version
    }

    async fn settle(&self) {
        self.deployment.cloudformation.settled().await;
    }

    /// Returns the number of versions of the only runtime.
    fn versions(&self) -> u32 {
        let now = self.deployment.aws.clock().now();
        self.deployment.aws.with(|world| world.agentcore.runtimes(now).next().expect("a runtime").newest().number)
    }

    /// Returns the version of the secret that the runtime works with. Behind it stands what a rotation did.
    fn marker(&self) -> String {
        let marker = self.deployment.environment()[MARKER].clone();
        marker.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Returns the versions of the secret with which the runtime's sessions work.
    fn sessions(&self) -> Vec<String> {
        let now = self.deployment.aws.clock().now();
        self.deployment.aws.with(|world| {
            let arn = world.agentcore.runtimes(now).next().expect("a runtime").arn.clone();
            let versions = world.containers.secret_versions(&arn);
            versions.into_values().flatten().map(str::to_owned).collect()
        })
    }

    /// Returns the number of calls of an operation since call number `from`.
    fn calls(&self, operation: &str, from: usize) -> usize {
        self.deployment.aws.calls()[from..].iter().filter(|call| call.operation == operation).count()
    }

    fn call_count(&self) -> usize {
        self.deployment.aws.calls().len()
    }

    /// Returns the lines of the function's log that report a rotation.
    fn reports(&self) -> Vec<Value> {
        let lines = self.log.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let is_report = |line: &Value| {
            let message = line["fields"]["message"].as_str().unwrap_or_default();
            ["ROTATED", "ROTATION FAILED", "UNCHANGED: nothing to rotate"].contains(&message)
        };
        lines.filter(is_report).map(|line| line["fields"].clone()).collect()
    }

    /// Returns the last report's message and reason.
    #[track_caller]
    fn last_report(&self) -> (String, String) {
        let reports = self.reports();
        let report = reports.last().expect("a report");
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        (text("message"), text("reason"))
    }

    /// Returns the metrics so far: the numbers of rotations and of failures.
    fn metrics(&self) -> Vec<(u64, u64)> {
        let lines = self.log.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let metrics = lines.filter_map(|line| serde_json::from_str::<Value>(line["fields"]["message"].as_str()?).ok());
        let metrics = metrics.filter(|metric| metric["_aws"].is_object());
        metrics
            .map(|metric| {
                // Lambda drops lines below the function's level, and takes a line without a level for INFO.
                let level = if metric["RotationFailures"] == 1 { "ERROR" } else { "INFO" };
                assert_eq!(metric["level"], level);
                assert!(metric["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{metric}");
                let described = &metric["_aws"]["CloudWatchMetrics"][0];
                assert_eq!(described["Namespace"], "AgentCoreProvisioner");
                assert_eq!((&described["Dimensions"][0][0], &metric["StackName"]), (&json!("StackName"), &json!(NAME)));
                (metric["Rotations"].as_u64().expect("it"), metric["RotationFailures"].as_u64().expect("it"))
            })
            .collect()
    }

    fn fault(&self, operation: &str, count: u64, effect: FaultEffect) {
        let operation = Some(operation.to_owned());
        self.deployment.aws.faults().add(Fault { service: None, operation, nth: 1, count, effect });
    }

    /// Deletes the stack, and checks that nothing is left and no secret was said.
    async fn end(self) {
        self.deployment.delete().await;
        self.deployment.check_nothing_is_left();
        assert!(!self.log.lines().join("\n").contains(CANARY), "a secret was logged");
        for delivery in self.deployment.cloudformation.event_deliveries() {
            assert!(!delivery.input.to_string().contains(CANARY), "a secret is in the rule's input");
        }
    }

    fn deliveries(&self) -> Vec<EventDelivery> {
        self.deployment.cloudformation.event_deliveries()
    }
}

/// Stores a value in a secret under these labels. Returns the id of its version, which follows from `number`.
fn put(deployment: &Deployment, secret: &str, value: &Value, labels: &[&str], number: u32) -> String {
    let token = format!("00000000-0000-4000-8000-{number:012}");
    let input = json!({"SecretId": secret, "SecretString": value.to_string(), "ClientRequestToken": token,
        "VersionStages": labels});
    deployment.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
    token
}

/// Returns a value of the existing secret that has every required key.
fn credentials(name: &str) -> Value {
    json!({"ZSCALER_CLIENT_ID": "id", "ZSCALER_PRIVATE_KEY": canary(name), "ZSCALER_VANITY_DOMAIN": "acme",
        "ZSCALER_CUSTOMER_ID": "1", "ZSCALER_MCP_AUTH_API_KEY": canary("api")})
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotated_secret_is_used_by_the_next_session() {
    let mut scene = Scene::create(&[]).await;
    let rule = scene.deployment.cloudformation.stack(NAME).expect("it").output("RotationRuleName").map(str::to_owned);
    assert!(rule.is_some_and(|rule| rule.starts_with("zscaler-mcp-RotationRule-")));
    let version = scene.rotate("rotated").await;
    assert_eq!((scene.versions(), scene.marker()), (2, version.clone()));
    assert!(scene.sessions().contains(&version), "the probe's session has the new value");
    let (message, _) = scene.last_report();
    assert_eq!((message.as_str(), scene.metrics()), ("ROTATED", vec![(1, 0)]));
    let [delivery] = &scene.deliveries()[..] else { panic!("one event") };
    assert!(delivery.permitted && delivery.attempts.len() == 1 && delivery.attempts[0].outcome.is_ok());
    scene.end().await;
}

/// The probe sends what the server demands, with the new values.
#[tokio::test(flavor = "local", start_paused = true)]
async fn every_mode_is_probed_again() {
    for mode in ["api-key", "zscaler"] {
        let mut scene = Scene::new(&[("CredentialSource", "UseExisting"), ("McpAuthMode", mode)]);
        let value = |name: &str| {
            let mut value = credentials(name);
            value["ZSCALER_CLIENT_SECRET"] = json!("cAnArY-client-secret");
            value["ZSCALER_MCP_AUTH_API_KEY"] = json!(format!("cAnArY-{name}"));
            value
        };
        scene.put(&value("first"), &["AWSCURRENT"]);
        scene.deployment.set(&[("RequireMcpCredentials", "true")]);
        let stack = scene.deployment.create().await;
        scene.deployment.expect(&stack, StackStatus::CreateComplete);
        let version = scene.put(&value("second"), &["AWSCURRENT"]);
        scene.settle().await;
        assert_eq!((scene.marker(), scene.metrics()), (version, vec![(1, 0)]), "{mode}: {:?}", scene.last_report());
        scene.end().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_stacks_own_secret_may_be_rotated_too() {
    let mut scene = Scene::new(&[]);
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    let name = stack.output("SecretName").expect("an output").to_owned();
    let value = json!({"ZSCALER_CLIENT_ID": "client-id", "ZSCALER_CLIENT_SECRET": canary("new"),
        "ZSCALER_VANITY_DOMAIN": "acme", "ZSCALER_CUSTOMER_ID": "216199618143191040"});
    let version = scene.put_into(&name, &value, &["AWSCURRENT"]);
    scene.settle().await;
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn one_rotation_publishes_one_version_whatever_comes() {
    let mut scene = Scene::create(&[]).await;
    let former = scene.marker();
    scene.deployment.aws.with(|world| {
        let times = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_mins(20)];
        world.event_bus.deliver_after(&times);
    });
    // As Secrets Manager's own rotation does it.
    let version = scene.put(&credentials("rotated"), &["AWSPENDING"]);
    scene.move_label("AWSCURRENT", &former, &version);
    scene.move_label("AWSPENDING", &version, &former);
    scene.settle().await;
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    assert_eq!(scene.deliveries().len(), 3, "only AWSCURRENT has events that match");
    assert_eq!(scene.metrics(), [(1, 0)], "{:#?}", scene.reports());
    // Two in a row, whose events are late.
    scene.put(&credentials("second"), &["AWSCURRENT"]);
    let last = scene.put(&credentials("third"), &["AWSCURRENT"]);
    scene.settle().await;
    assert_eq!((scene.versions(), scene.marker()), (3, last));
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_deliveries_at_once_publish_one_version() {
    let mut scene = Scene::create(&[]).await;
    for rotations in 1..=3 {
        scene.deployment.aws.with(|world| {
            let apart = Duration::from_millis(100 * u64::from(rotations - 1));
            world.event_bus.deliver_after(&[Duration::ZERO, apart]);
        });
        let version = scene.rotate("rotated").await;
        assert_eq!((scene.versions(), scene.marker()), (1 + rotations, version));
    }
    assert!(scene.metrics().iter().all(|metric| *metric == (1, 0)), "{:#?}", scene.reports());
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_label_that_moves_back_is_a_rotation() {
    let mut scene = Scene::create(&[]).await;
    let former = scene.marker();
    let version = scene.rotate("rotated").await;
    scene.move_label("AWSCURRENT", &version, &former);
    scene.settle().await;
    assert_eq!((scene.versions(), scene.marker()), (3, former));
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_update_of_a_stack_keeps_what_a_rotation_has_set() {
    let mut scene = Scene::create(&[]).await;
    let version = scene.rotate("rotated").await;
    scene.deployment.set(&[("AgentDescription", "Another one")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!((scene.versions(), scene.marker()), (3, version.clone()));
    // Nothing changes: CloudFormation sends no event, or one without a difference.
    scene.deployment.set(&[("LogRetentionDays", "7")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!((scene.versions(), scene.marker()), (3, version.clone()));
    // The secret's resource is updated, and answers with the version that is current now.
    scene.fault("UpdateAgentRuntime", 1, FaultEffect::BecomesFailed("the image is broken".to_owned()));
    scene.deployment.set(&[("AgentDescription", "A third one")]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateRollbackComplete);
    assert_eq!(scene.marker(), version);
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_update_that_changes_the_secret_is_no_rotation() {
    let mut scene = Scene::new(&[]);
    let stack = scene.deployment.create().await;
    scene.deployment.expect(&stack, StackStatus::CreateComplete);
    let secret = canary("changed");
    scene.deployment.set(&[("ZscalerClientSecret", &secret)]);
    let stack = scene.deployment.update().await;
    scene.deployment.expect(&stack, StackStatus::UpdateComplete);
    scene.settle().await;
    assert_eq!(scene.versions(), 2);
    assert_eq!((scene.last_report().0.as_str(), scene.metrics()), ("UNCHANGED: nothing to rotate", Vec::new()));
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotation_during_an_update_waits_for_its_end() {
    let mut scene = Scene::create(&[]).await;
    for (round, after) in [(1, 10), (2, 1000), (3, 3000)] {
        scene.deployment.set(&[("AgentDescription", &format!("Number {round}"))]);
        let mut update = std::pin::pin!(scene.deployment.update());
        tokio::select! {
            biased;
            _ = &mut update => panic!("the update takes longer"),
            () = sleep(Duration::from_millis(after)) => {}
        }
        let version = put(&scene.deployment, EXISTING, &credentials("during"), &["AWSCURRENT"], 100 + round);
        let stack = update.await;
        scene.deployment.expect(&stack, StackStatus::UpdateComplete);
        scene.settle().await;
        assert_eq!((scene.versions(), scene.marker()), (1 + 2 * round, version), "{after}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_during_a_rotation_loses_nothing() {
    let mut scene = Scene::create(&[]).await;
    for after in [0, 520, 700, 1500, 4000, 6000] {
        let version = scene.put(&credentials("rotated"), &["AWSCURRENT"]);
        sleep(Duration::from_millis(after)).await;
        let tools = format!("zia_delete_{after}");
        scene.deployment.set(&[("DisabledTools", &tools)]);
        let stack = scene.deployment.update().await;
        scene.deployment.expect(&stack, StackStatus::UpdateComplete);
        scene.settle().await;
        assert_eq!(scene.marker(), version, "{after}");
        assert_eq!(scene.deployment.environment()["ZSCALER_MCP_DISABLED_TOOLS"], tools, "{after}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_without_a_required_key_changes_nothing() {
    let mut scene = Scene::create(&[]).await;
    let former = scene.marker();
    scene.put(&json!({"ZSCALER_CLIENT_ID": "id", "ZSCALER_VANITY_DOMAIN": canary("domain")}), &["AWSCURRENT"]);
    scene.settle().await;
    assert_eq!((scene.versions(), scene.marker(), scene.metrics()), (1, former, vec![(0, 1)]));
    let (message, reason) = scene.last_report();
    assert_eq!(message, "ROTATION FAILED");
    let lacks =
        "lacks non-empty values: `ZSCALER_CLIENT_SECRET` or `ZSCALER_PRIVATE_KEY`; `ZSCALER_CUSTOMER_ID`; add what";
    assert!(
        reason.starts_with("`SecretArn` is secret zscaler/mcp/credentials, which") && reason.contains(lacks),
        "{reason}"
    );
    // The next good value is used.
    let version = scene.rotate("good").await;
    assert_eq!((scene.versions(), scene.marker()), (2, version));
    scene.end().await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_does_not_start_with_the_new_value_is_reported() {
    let mut scene = Scene::create(&[]).await;
    let broken =
        Behaviour { start: Start::Crash("SystemExit: the key was refused".to_owned()), ..Behaviour::zscaler() };
    scene.deployment.aws.with(|world| world.containers.behave(broken));
    let started = scene.deployment.aws.clock().elapsed();
    scene.rotate("refused").await;
    let (message, reason) = scene.last_report();
    assert_eq!((message.as_str(), scene.metrics()), ("ROTATION FAILED", vec![(0, 1)]));
    assert!(reason.contains("SystemExit: the key was refused"), "{reason}");
    assert!(reason.contains("the container reads the secret itself, so move the label AWSCURRENT"), "{reason}");
    assert!(scene.deployment.aws.clock().elapsed() < started + Duration::from_mins(15));
    scene.end().await;
}

/// The server starts and lists its tools with any credentials.
#[tokio::test(flavor = "local", start_paused = true)]
async fn credentials_that_are_refused_behind_the_server_are_reported_if_a_tool_is_called() {
    for (tool, message) in [("tool_001", "ROTATION FAILED"), ("", "ROTATED")] {
        let mut scene = Scene::new(&[("CredentialSource", "UseExisting"), ("VerifyWithTool", tool)]);
        let upstream = Some(("ZSCALER_PRIVATE_KEY".to_owned(), canary("key")));
        scene.deployment.aws.with(|world| world.containers.behave(Behaviour { upstream, ..Behaviour::zscaler() }));
        let stack = scene.deployment.create().await;
        scene.deployment.expect(&stack, StackStatus::CreateComplete);
        scene.rotate("refused").await;
        let (reported, reason) = scene.last_report();
        assert_eq!(reported, message, "{reason}");
        assert_eq!(reason.contains("the tool \"tool_001\" failed"), !tool.is_empty(), "{reason}");
        scene.end().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_the_rule_a_rotation_is_not_noticed() {
    let mut scene = Scene::create(&[("RecycleOnRotation", "false")]).await;
    let former = scene.marker();
    scene.rotate("unnoticed").await;
    assert_eq!((scene.versions(), scene.marker(), scene.deliveries().len()), (1, former, 0));
    scene.end().await;
}

/// A rotation costs the runtime's update and a moment. Nothing is called if nothing rotates.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotation_is_fast_and_calls_little() {
    let mut scene = Scene::create(&[("VerifyDeployment", "Off")]).await;
    let calls = scene.call_count();
    sleep(Duration::from_hours(1)).await;
    assert_eq!(scene.call_count(), calls, "nothing polls");
    scene.rotate("rotated").await;
    let attempt = scene.deliveries()[0].attempts[0].clone();
    let took = attempt.ended.duration_since(attempt.started).expect("it ends later");
    let settings = scene.deployment.aws.settings();
    let update = match platform::current() {
        emulator::agentcore_control::PlatformVersion::V1 => settings.runtime_transition,
        emulator::agentcore_control::PlatformVersion::V2 => settings.snapshot_transition,
    };
    // Polls of a long operation are five seconds apart.
    let poll = if update > Duration::from_mins(1) { 5 } else { 0 };
    assert!(took < update + Duration::from_secs(2 + poll), "{took:?}");
    for (operation, count) in [
        ("DescribeStacks", 2),
        ("GetSecretValue", if poll == 0 { 2 } else { 3 }),
        ("ListTagsForResource", 2),
        ("UpdateAgentRuntime", 1),
    ] {
        assert_eq!(scene.calls(operation, calls + 1), count, "{operation}");
    }
    scene.end().await;
}

repeat_on_v2!("rotation.rs":
    a_rotated_secret_is_used_by_the_next_session
    every_mode_is_probed_again
    the_stacks_own_secret_may_be_rotated_too
    one_rotation_publishes_one_version_whatever_comes
    two_deliveries_at_once_publish_one_version
    a_label_that_moves_back_is_a_rotation
    the_update_of_a_stack_keeps_what_a_rotation_has_set
    a_stack_update_that_changes_the_secret_is_no_rotation
    a_rotation_during_an_update_waits_for_its_end
    an_update_during_a_rotation_loses_nothing
    a_value_without_a_required_key_changes_nothing
    a_server_that_does_not_start_with_the_new_value_is_reported
    credentials_that_are_refused_behind_the_server_are_reported_if_a_tool_is_called
    without_the_rule_a_rotation_is_not_noticed
    a_rotation_is_fast_and_calls_little
);
