//! template.yaml as a whole: every mode deploys, updates and deletes under the template's own policies.

use std::time::Duration;

use emulator::aws::ServiceId;
use emulator::container::{Behaviour, Start};
use emulator::faults::{Fault, FaultEffect};
use emulator::service::Principal;
use emulator::stacks::{Stack, StackStatus};
use harness::handler;
use provisioner::mcp::{Access, Credential, ServerUrl};
use provisioner::sensitive::Sensitive;
use serde_json::json;
use tokio::time::sleep;

use crate::deployment::{Deployment, EXISTING};
use crate::world::{CANARY, IMAGE, canary};

/// Returns the parameters that each authentication mode needs.
fn mode(name: &str, create_new: bool) -> Vec<(&str, &str)> {
    let mut parameters = vec![("McpAuthMode", name)];
    match name {
        "jwt" => parameters.extend([
            ("JwtIssuer", "https://tenant.auth0.com/"),
            ("JwtAudience", "https://mcp.example.com"),
            ("JwtJwksUri", "https://tenant.auth0.com/.well-known/jwks.json"),
        ]),
        "api-key" if create_new => parameters.push(("ApiKey", "cAnArY-api-key-of-the-parameters")),
        _ => {}
    }
    parameters
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_mode_deploys_updates_and_deletes_under_its_own_policies() {
    for auth in ["none", "api-key", "zscaler", "jwt"] {
        for source in ["CreateNew", "UseExisting"] {
            for network in ["PUBLIC", "VPC"] {
                let mut parameters = mode(auth, source == "CreateNew");
                parameters.extend([("CredentialSource", source), ("NetworkMode", network)]);
                if network == "VPC" {
                    parameters.extend([
                        ("VpcSubnetIds", "subnet-0a1b2c3d,subnet-0a1b2c3e"),
                        ("VpcSecurityGroupIds", "sg-0a1b2c3d"),
                    ]);
                }
                let mut deployment = Deployment::new(&parameters);
                let stack = deployment.create().await;
                deployment.expect(&stack, StackStatus::CreateComplete);
                let environment = deployment.environment();
                assert!(!format!("{environment:?}").contains(CANARY));
                assert_eq!(Some(environment["ZSCALER_SECRET_NAME"].as_str()), stack.output("SecretName"));
                assert_eq!(environment.contains_key("ZSCALER_MCP_AUTH_ISSUER"), auth == "jwt");
                assert!(environment.values().all(|value| !value.is_empty()), "absent, not empty: {environment:?}");

                let verified = stack.output("VerificationResult").expect("a result");
                assert!(verified.starts_with("PASSED"), "{verified}");
                assert_eq!(stack.output("ToolCount"), Some(if auth == "jwt" { "0" } else { "3" }));

                deployment.set(&[("EnableWriteTools", "true"), ("WriteToolsAllowlist", "zpa_create_*")]);
                let updated = deployment.update().await;
                deployment.expect(&updated, StackStatus::UpdateComplete);
                assert_eq!(updated.output("AgentRuntimeId"), stack.output("AgentRuntimeId"));
                assert_eq!(updated.output("AgentRuntimeVersion"), Some("2"));

                let deleted = deployment.delete().await;
                deployment.expect(&deleted, StackStatus::DeleteComplete);
                deployment.check_nothing_is_left();
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_containers_log_belongs_to_the_stack_if_it_has_a_retention() {
    let mut deployment = Deployment::new(&[("ContainerLogRetentionDays", "30")]);
    let groups = |deployment: &Deployment| -> Vec<(String, Option<u64>)> {
        deployment.aws.with(|world| {
            let days = |name: &str| world.logs.group(name).and_then(|group| group.retention_days);
            let of_runtimes = world.logs.groups().filter(|name| name.starts_with("/aws/bedrock-agentcore/"));
            of_runtimes.map(|name| (name.to_owned(), days(name))).collect()
        })
    };
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    let name = format!("/aws/bedrock-agentcore/runtimes/{}-DEFAULT", stack.output("AgentRuntimeId").expect("an id"));
    assert_eq!(groups(&deployment), [(name.clone(), Some(30))]);
    for (days, kept) in [("7", Some(7)), ("", None)] {
        deployment.set(&[("ContainerLogRetentionDays", days)]);
        let updated = deployment.update().await;
        deployment.expect(&updated, StackStatus::UpdateComplete);
        assert_eq!(groups(&deployment), [(name.clone(), kept)], "{days}");
    }
    // A rollback takes the retention back, too.
    deployment.set(&[("ContainerLogRetentionDays", "7"), ("VerifyWithTool", "no_such_tool")]);
    let failed = deployment.update().await;
    deployment.expect(&failed, StackStatus::UpdateRollbackComplete);
    assert_eq!(groups(&deployment), [(name.clone(), None)]);
    deployment.set(&[("VerifyWithTool", "")]);
    let updated = deployment.update().await;
    deployment.expect(&updated, StackStatus::UpdateComplete);
    let deleted = deployment.delete().await;
    deployment.expect(&deleted, StackStatus::DeleteComplete);
    deployment.check_nothing_is_left();
    assert_eq!(deployment.aws.with(|world| world.logs.groups().count()), 0);
}

/// Lists the tools with these headers, signed as somebody who may call the runtime. Returns the number of tools, or the
/// HTTP status of the refusal.
async fn call_status(deployment: &Deployment, url: &str, headers: &[(&str, &str)]) -> Result<usize, u16> {
    let context = handler::context(&deployment.aws, &Principal::Administrator);
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Sensitive::new(*value))).collect();
    let access = Access { credential: Credential::SigV4, headers, caller: String::new() };
    let catalogue = provisioner::mcp::catalogue(&context, &ServerUrl::parse(url).expect("a URL"), access).await;
    catalogue.map(|it| it.tools.len()).map_err(|refusal| refusal.seen.map_or(0, |seen| seen.status))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn keys_and_credentials_are_optional_unless_they_are_required() {
    let api_key = [("x-api-key", "cAnArY-key")];
    let zscaler = [("x-zscaler-client-id", "client-id"), ("x-zscaler-client-secret", "cAnArY-secret")];
    for (mode, right) in [("api-key", &api_key[..]), ("zscaler", &zscaler[..])] {
        for require in ["false", "true"] {
            let mut deployment = Deployment::new(&[("McpAuthMode", mode), ("RequireMcpCredentials", require)]);
            deployment.set(&[("ZscalerClientSecret", "cAnArY-secret")]);
            if mode == "api-key" {
                deployment.set(&[("ApiKey", "cAnArY-key")]);
            }
            let stack = deployment.create().await;
            deployment.expect(&stack, StackStatus::CreateComplete);
            assert!(stack.output("VerificationResult").is_some_and(|it| it.starts_with("PASSED")));
            let trusts = if require == "true" { "false" } else { "true" };
            assert_eq!(deployment.environment()["ZSCALER_MCP_TRUST_PLATFORM_AUTH"], trusts);
            let url = stack.output("RuntimeMcpUrl").expect("an output");
            let wrong: Vec<_> = right.iter().map(|(name, _)| (*name, "wrong")).collect();
            assert_eq!(call_status(&deployment, url, right).await, Ok(3), "{mode} {require}");
            assert!(call_status(&deployment, url, &wrong).await.is_err(), "{mode} {require}");
            assert_eq!(call_status(&deployment, url, &[]).await.is_ok(), require == "false", "{mode} {require}");
            let command = stack.output("InvokeCommand").expect("an output");
            assert_eq!(command.contains("before-sign"), require == "true", "{command}");
            deployment.delete().await;
            deployment.check_nothing_is_left();
        }
    }
}

/// Covers a generated key, a switch in place, and a secret whose only credential is a private key.
#[tokio::test(flavor = "local", start_paused = true)]
async fn required_credentials_come_from_the_secret() {
    let mut deployment = Deployment::new(&[("McpAuthMode", "api-key")]);
    let stack = deployment.create().await;
    deployment.set(&[("RequireMcpCredentials", "true")]);
    let updated = deployment.update().await;
    deployment.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(updated.output("AgentRuntimeId"), stack.output("AgentRuntimeId"));
    assert!(call_status(&deployment, updated.output("RuntimeMcpUrl").expect("it"), &[]).await.is_err());
    deployment.delete().await;
    deployment.check_nothing_is_left();

    let existing = [("CredentialSource", "UseExisting"), ("McpAuthMode", "zscaler"), ("RequireMcpCredentials", "true")];
    let deployment = Deployment::new(&existing);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::RollbackComplete);
    let lacks = |reason: &String| reason.contains("lacks non-empty values: `ZSCALER_CLIENT_SECRET`");
    assert!(deployment.reasons().iter().any(lacks), "{:#?}", deployment.reasons());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rotated_credential_recycles_the_runtime() {
    let mut deployment = Deployment::new(&[]);
    deployment.create().await;
    let before = deployment.environment();
    let rotated = canary("rotated");
    deployment.set(&[("ZscalerClientSecret", &rotated)]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!(stack.output("AgentRuntimeVersion"), Some("2"));
    assert_ne!(deployment.environment(), before);
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_credential_source_switches_in_both_directions() {
    let mut deployment = Deployment::new(&[("CredentialSource", "UseExisting")]);
    deployment.create().await;
    let existing = deployment.parameters.clone();
    deployment.set(&[
        ("CredentialSource", "CreateNew"),
        ("ExistingSecretName", ""),
        ("ZscalerClientId", "client-id"),
        ("ZscalerClientSecret", "cAnArY-switched"),
        ("ZscalerVanityDomain", "acme"),
        ("ZscalerCustomerId", "1"),
    ]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_ne!(stack.output("SecretName"), Some(EXISTING));
    deployment.parameters = existing;
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!(stack.output("SecretName"), Some(EXISTING));
    deployment.delete().await;
    deployment.check_nothing_is_left();
    assert!(deployment.aws.with(|world| world.secrets.secret(EXISTING).is_some_and(|it| it.deletion.is_none())));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_update_rolls_back_to_the_working_configuration() {
    let mut deployment = Deployment::new(&[]);
    let stack = deployment.create().await;
    let before = deployment.environment();
    let effect = FaultEffect::BecomesFailed("the image is broken".to_owned());
    let operation = Some("UpdateAgentRuntime".to_owned());
    deployment.aws.faults().add(Fault { service: None, operation, nth: 1, count: 1, effect });
    deployment.set(&[("EnableWriteTools", "true"), ("WriteToolsAllowlist", "zpa_create_*")]);
    let rolled_back = deployment.update().await;
    deployment.expect(&rolled_back, StackStatus::UpdateRollbackComplete);
    assert!(deployment.reasons().iter().any(|reason| reason.contains("the image is broken")));
    assert_eq!(rolled_back.output("AgentRuntimeId"), stack.output("AgentRuntimeId"));
    let mut after = deployment.environment();
    // The rollback keeps the secret's new version.
    let version = "AGENTCORE_PROVISIONER_SECRET_VERSION";
    after.insert(version.to_owned(), before[version].clone());
    assert_eq!(after, before);
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_failed_create_rolls_back_and_leaves_nothing() {
    for effect in [FaultEffect::BecomesFailed("no arm64 image".to_owned()), FaultEffect::Denied] {
        let deployment = Deployment::new(&[]);
        let operation = Some("CreateAgentRuntime".to_owned());
        deployment.aws.faults().add(Fault { service: None, operation, nth: 1, count: u64::MAX, effect });
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        let failures = deployment.cloudformation.events().into_iter();
        let failures: Vec<_> = failures.filter(|event| event.status.as_str() == "CREATE_FAILED").collect();
        assert_eq!(failures.len(), 1, "one clear Reason: {failures:#?}");
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_container_that_does_not_start_fails_the_deployment_with_its_last_words() {
    let line = "SystemExit: made to exit";
    for (mode, status) in [("Strict", StackStatus::RollbackComplete), ("Report", StackStatus::CreateComplete)] {
        let deployment = Deployment::new(&[("VerifyDeployment", mode)]);
        let behaviour = Behaviour { start: Start::Crash(line.to_owned()), ..Behaviour::zscaler() };
        deployment.aws.with(|world| world.containers.behave(behaviour));
        let stack = deployment.create().await;
        deployment.expect(&stack, status);
        if mode == "Strict" {
            let failures: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("CREATE_FAILED")).collect();
            assert_eq!(failures.len(), 1, "one clear Reason: {failures:#?}");
            assert!(failures[0].contains("container did not start") && failures[0].contains(line), "{failures:?}");
        } else {
            let result = stack.output("VerificationResult").expect("a result");
            assert!(result.starts_with("FAILED:CONTAINER_DID_NOT_START"), "{result}");
        }
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_platform_is_a_parameter_that_may_change_and_an_output() {
    let mut deployment = Deployment::new(&[("PlatformVersion", "V2")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    let shown = |stack: &Stack| {
        let output = |name: &str| stack.output(name).expect("an output").to_owned();
        (output("PlatformVersion"), output("AgentRuntimeVersion"))
    };
    assert_eq!(shown(&stack), ("V2".to_owned(), "1".to_owned()));
    for (platform, logging, expected) in
        [("Default", "false", ("V2", "2")), ("V1", "false", ("V1", "3")), ("V2", "true", ("V2", "4"))]
    {
        deployment.set(&[("PlatformVersion", platform), ("EnableToolCallLogging", logging)]);
        let stack = deployment.update().await;
        deployment.expect(&stack, StackStatus::UpdateComplete);
        assert_eq!(shown(&stack), (expected.0.to_owned(), expected.1.to_owned()));
    }
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// This holds without verification, too: the deployment itself fails, and the function may read the reason.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_container_that_never_becomes_healthy_on_v2_fails_the_deployment_with_its_last_words() {
    for mode in ["Strict", "Report", "Off"] {
        for source in ["CreateNew", "UseExisting"] {
            let parameters = [("VerifyDeployment", mode), ("CredentialSource", source), ("PlatformVersion", "V2")];
            let deployment = Deployment::new(&parameters);
            let line = "SystemExit: made to exit";
            let behaviour = Behaviour { start: Start::Crash(line.to_owned()), ..Behaviour::zscaler() };
            deployment.aws.with(|world| world.containers.behave(behaviour));
            let stack = deployment.create().await;
            deployment.expect(&stack, StackStatus::RollbackComplete);
            let failures: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("CREATE_FAILED")).collect();
            assert_eq!(failures.len(), 1, "one clear Reason: {failures:#?}");
            assert!(failures[0].contains("health check") && failures[0].contains(line), "{failures:?}");
            deployment.delete().await;
            deployment.check_nothing_is_left();
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_update_to_v2_that_fails_goes_back_to_v1() {
    let mut deployment = Deployment::new(&[]);
    deployment.create().await;
    let behaviour = Behaviour { start: Start::Crash("SystemExit: made to exit".to_owned()), ..Behaviour::zscaler() };
    deployment.aws.with(|world| world.containers.behave(behaviour));
    deployment.set(&[("PlatformVersion", "V2")]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateRollbackComplete);
    assert_eq!(stack.output("PlatformVersion"), Some("V1"));
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// Returns the ids of the stack's runtimes.
fn runtimes(deployment: &Deployment) -> Vec<String> {
    let now = deployment.aws.clock().now();
    deployment.aws.with(|world| world.agentcore.runtimes(now).map(|runtime| runtime.id.clone()).collect())
}

/// The policy names the runtime. That of the former name has to stay until the former runtime is deleted.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_renamed_runtime_is_replaced_and_the_former_one_deleted() {
    let mut deployment = Deployment::new(&[("AgentRuntimeName", "mcp")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    for name in ["renamed", ""] {
        deployment.set(&[("AgentRuntimeName", name)]);
        let stack = deployment.update().await;
        deployment.expect(&stack, StackStatus::UpdateComplete);
        let prefix = if name.is_empty() { "mcp_" } else { "renamed-" };
        let runtimes = runtimes(&deployment);
        assert!(runtimes.len() == 1 && runtimes[0].starts_with(prefix), "{runtimes:?} {:#?}", deployment.reasons());
    }
    let before = runtimes(&deployment);
    let effect = FaultEffect::BecomesFailed("the image is broken".to_owned());
    let operation = Some("CreateAgentRuntime".to_owned());
    deployment.aws.faults().add(Fault { service: None, operation, nth: 1, count: 1, effect });
    deployment.set(&[("AgentRuntimeName", "broken")]);
    let rolled_back = deployment.update().await;
    deployment.expect(&rolled_back, StackStatus::UpdateRollbackComplete);
    assert_eq!(runtimes(&deployment), before, "{:#?}", deployment.reasons());
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// Not even if it carries the stack's own tag. The names of both begin with the same letters.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_of_another_name_is_out_of_reach() {
    let deployment = Deployment::new(&[("AgentRuntimeName", "mcp")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    let execution_role = stack.output("ExecutionRoleArn").expect("an output");
    let tags = json!({"agentcore-provisioner:stack-id": stack.id});
    let theirs = json!({"agentRuntimeName": "mcp_theirs", "roleArn": execution_role, "tags": tags,
        "networkConfiguration": {"networkMode": "PUBLIC"},
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}}});
    let theirs = deployment.somebody(ServiceId::AgentCoreControl, "CreateAgentRuntime", theirs);
    sleep(Duration::from_mins(1)).await;
    let (id, arn) = (&theirs["agentRuntimeId"], &theirs["agentRuntimeArn"]);
    let endpoint = json!({"agentRuntimeId": id, "endpointName": "DEFAULT"});
    for (operation, input) in [
        ("GetAgentRuntime", json!({"agentRuntimeId": id})),
        ("GetAgentRuntimeEndpoint", endpoint.clone()),
        ("CreateAgentRuntimeEndpoint", json!({"agentRuntimeId": id, "name": "blue"})),
        ("UpdateAgentRuntimeEndpoint", endpoint.clone()),
        ("DeleteAgentRuntimeEndpoint", endpoint),
        ("DeleteAgentRuntime", json!({"agentRuntimeId": id})),
        ("ListTagsForResource", json!({"resourceArn": arn})),
        ("TagResource", json!({"resourceArn": arn, "tags": tags})),
        ("UntagResource", json!({"resourceArn": arn, "tagKeys": ["agentcore-provisioner:stack-id"]})),
        ("CreateWorkloadIdentity", json!({"name": "theirs"})),
        ("DeleteWorkloadIdentity", json!({"name": id})),
    ] {
        deployment.denied(ServiceId::AgentCoreControl, operation, input);
    }
}

/// The Delete asked for a secret named after the logical id, which the role's policy denies, so that the stack could
/// not be deleted.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_refused_for_its_properties_leaves_a_stack_that_can_be_deleted() {
    let mut deployment = Deployment::new(&[]);
    deployment.set(&[("ZscalerClientSecret", "{{resolve:secretsmanager:x}}")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::RollbackComplete);
    assert!(deployment.reasons().iter().any(|reason| reason.contains("does not resolve")));
    let deleted = deployment.delete().await;
    deployment.expect(&deleted, StackStatus::DeleteComplete);
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn verification_can_be_switched_off_and_on() {
    let mut deployment = Deployment::new(&[("VerifyDeployment", "Off")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(stack.output("VerificationResult"), None);
    deployment.set(&[("VerifyDeployment", "Strict")]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    assert_eq!(stack.output("ToolCount"), Some("3"));
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bad_parameter_combinations_are_refused_before_anything_is_created() {
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("ZscalerClientSecret", "")], "ZscalerClientSecret"),
        (&[("McpAuthMode", "jwt")], "JwtIssuer"),
        (&[("NetworkMode", "VPC")], "VpcSubnetIds"),
        (&[("VpcSubnetIds", "subnet-0a1b2c3d")], "NetworkMode=VPC"),
        (&[("ApiKey", "0123456789abcdef0123456789abcdef")], "api-key"),
        (&[("AgentRuntimeName", "has-hyphen")], "AgentRuntimeName"),
        (&[("ECRImageUri", "docker.io/library/x")], "ECRImageUri"),
        (&[("ExistingSecretName", "x")], "UseExisting"),
        (&[("EnableWriteTools", "true")], "needs WriteToolsAllowlist"),
        (&[("RequireMcpCredentials", "true")], "McpAuthMode=api-key or zscaler"),
        (
            &[
                ("RequireMcpCredentials", "true"),
                ("McpAuthMode", "api-key"),
                ("EnableAgentCoreGateway", "true"),
                ("GatewayAuthorizerType", "AWS_IAM"),
            ],
            "does not work with a gateway",
        ),
    ];
    for (parameters, expected) in cases {
        let mut deployment = Deployment::new(&[]);
        deployment.set(parameters);
        let error = deployment.cloudformation.create_stack(deployment.input()).await.expect_err("refused");
        assert!(error.message.contains(expected), "{parameters:?}: {}", error.message);
        assert!(deployment.cloudformation.events().is_empty());
    }
}

crate::platform::repeat_on_v2! {
    "template.rs":
    every_mode_deploys_updates_and_deletes_under_its_own_policies
    the_containers_log_belongs_to_the_stack_if_it_has_a_retention
    keys_and_credentials_are_optional_unless_they_are_required
    required_credentials_come_from_the_secret
    a_rotated_credential_recycles_the_runtime
    the_credential_source_switches_in_both_directions
    a_failed_update_rolls_back_to_the_working_configuration
    a_failed_create_rolls_back_and_leaves_nothing
    a_renamed_runtime_is_replaced_and_the_former_one_deleted
    a_secret_refused_for_its_properties_leaves_a_stack_that_can_be_deleted
    verification_can_be_switched_off_and_on
    ; not a_runtime_of_another_name_is_out_of_reach
    a_container_that_does_not_start_fails_the_deployment_with_its_last_words
    the_platform_is_a_parameter_that_may_change_and_an_output
    a_container_that_never_becomes_healthy_on_v2_fails_the_deployment_with_its_last_words
    an_update_to_v2_that_fails_goes_back_to_v1
    bad_parameter_combinations_are_refused_before_anything_is_created
}
