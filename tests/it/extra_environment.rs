//! The parameter `ExtraEnvironment` of template.yaml: further variables for the container, which replace no other.

use emulator::stacks::StackStatus;

use crate::deployment::Deployment;

#[tokio::test(flavor = "local", start_paused = true)]
async fn further_variables_come_change_and_go_in_place() {
    let mut deployment = Deployment::new(&[("ExtraEnvironment", r#"{"LOG_LEVEL": "debug", "WORKERS": 4}"#)]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    let shown = |deployment: &Deployment| {
        let environment = deployment.environment();
        ["LOG_LEVEL", "WORKERS"].map(|name| environment.get(name).cloned())
    };
    assert_eq!(shown(&deployment), [Some("debug".to_owned()), Some("4".to_owned())]);
    let count = deployment.environment().len();
    for (value, expected) in [(r#"{"LOG_LEVEL": "info"}"#, [Some("info".to_owned()), None]), ("", [None, None])] {
        deployment.set(&[("ExtraEnvironment", value)]);
        let updated = deployment.update().await;
        deployment.expect(&updated, StackStatus::UpdateComplete);
        assert_eq!(updated.output("AgentRuntimeId"), stack.output("AgentRuntimeId"));
        assert_eq!(shown(&deployment), expected);
    }
    assert_eq!(deployment.environment().len(), count - 2);
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// The template sets some variables only if a parameter has a value.
#[tokio::test(flavor = "local", start_paused = true)]
async fn variables_of_the_template_are_refused_by_name() {
    for name in [
        "ZSCALER_MCP_WRITE_ENABLED",
        "ZSCALER_MCP_TOOLSETS",
        "ZSCALER_MCP_TRUST_PLATFORM_AUTH",
        "ZSCALER_SECRET_NAME",
        "AWS_REGION",
        "AGENTCORE_PROVISIONER_SECRET_VERSION",
    ] {
        let extra = format!(r#"{{"{name}": "x"}}"#);
        let deployment = Deployment::new(&[("ExtraEnvironment", &extra)]);
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        let sentence = format!("`ExtraEnvironmentVariables` sets \"{name}\", which ");
        assert!(deployment.reasons().iter().any(|it| it.contains(&sentence)), "{:#?}", deployment.reasons());
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_key_of_an_injected_secret_is_refused_by_name() {
    let extra = ("ExtraEnvironment", r#"{"ZSCALER_CLIENT_SECRET": "of-the-parameter"}"#);
    let mut deployment = Deployment::new(&[extra, ("CredentialDelivery", "EnvironmentVariables")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::RollbackComplete);
    let sentence = "sets \"ZSCALER_CLIENT_SECRET\", which the secret of `SecretId` sets; remove it";
    assert!(deployment.reasons().iter().any(|it| it.contains(sentence)), "{:#?}", deployment.reasons());
    deployment.delete().await;
    deployment.set(&[("ExtraEnvironment", r#"{"LOG_LEVEL": "debug"}"#)]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(deployment.environment()["LOG_LEVEL"], "debug");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_environment_beyond_the_platforms_limit_is_refused_with_the_limit() {
    for (platform, bytes, limit) in [("V1", 3800, "at most 4096 on"), ("V2", 2300, "at most 2560 on")] {
        let extra = format!(r#"{{"LONG": "{}"}}"#, "x".repeat(bytes));
        let deployment = Deployment::new(&[("ExtraEnvironment", &extra), ("PlatformVersion", platform)]);
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        assert!(deployment.reasons().iter().any(|it| it.contains(limit)), "{:#?}", deployment.reasons());
    }
    let many: Vec<_> = (0..50).map(|number| format!(r#""V{number}": "x""#)).collect();
    let deployment = Deployment::new(&[("ExtraEnvironment", &format!("{{{}}}", many.join(", ")))]);
    deployment.create().await;
    let sentence = "with the extra ones and the secret's; AgentCore takes at most 50: remove some";
    assert!(deployment.reasons().iter().any(|it| it.contains(sentence)), "{:#?}", deployment.reasons());
}
