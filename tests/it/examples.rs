//! examples/ as published, next to the stack of provisioner.yaml and under the policies of both.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cloudformation::{Capability, StackInput, TemplateSource, template_summary};
use emulator::aws::ServiceId;
use emulator::container::Behaviour;
use emulator::stacks::{Stack, StackStatus};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::estate::{EXISTING, Estate, PROVISIONER, SERVER, TEMPLATE_URL, input, read};
use crate::world::{IMAGE, canary};

const IMAGES: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/";

#[test]
fn every_example_is_tried_below() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(folder).expect("the folder");
    for name in entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")) {
        assert!(include_str!("examples.rs").contains(&format!("\"examples/{name}\"")), "{name}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_with_a_secret_of_its_own() {
    let estate = Estate::new(&[]).await;
    estate.serve_with_secret();
    let (token, rotated) = (canary("token"), canary("rotated"));
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    let (created, updated) = estate.live("examples/runtime.yaml", &parameters, &[("UpstreamToken", &rotated)]).await;
    assert!(created.output("AgentRuntimeArn").expect("an output").contains(":runtime/mcp_server-"));
    assert_eq!(created.output("AgentRuntimeArn"), updated.output("AgentRuntimeArn"));
    assert!(updated.output("Verification").expect("an output").starts_with("PASSED"));
    let renamed = [("Name", "mcp_renamed")];
    let (_, renamed) = estate.live("examples/runtime.yaml", &parameters, &renamed).await;
    assert!(renamed.output("AgentRuntimeArn").expect("an output").contains(":runtime/mcp_renamed-"));
    assert_eq!(estate.delete(PROVISIONER).await.status, StackStatus::DeleteComplete);
    estate.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_with_an_existing_secret() {
    let estate = Estate::empty();
    estate.serve_with_secret();
    let secret = estate.keep_secret();
    estate.create(PROVISIONER, "provisioner.yaml", &[]).await;
    let parameters = [&SERVER[..], &[("ExistingSecretArn", &secret)]].concat();
    let example = "examples/existing-secret.yaml";
    estate.refuse("tools", example, &parameters, "secretsmanager:GetSecretValue").await;
    let others = "arn:aws:secretsmanager:us-east-1:111122223333:secret:others/*";
    let readable = format!("{others}, {secret}");
    estate.update(PROVISIONER, "provisioner.yaml", &[("ReadableSecretArns", &readable)]).await;
    estate.live(example, &parameters, &[("Rotation", "1")]).await;
    assert!(estate.aws.with(|world| world.secrets.secret(EXISTING).is_some_and(|it| it.deletion.is_none())));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_runtimes_on_a_secret_that_is_rotated() {
    let estate = Estate::empty();
    estate.serve_with_secret();
    let secret = estate.keep_secret();
    estate.create(PROVISIONER, "provisioner.yaml", &[("ReadableSecretArns", &*secret)]).await;
    let example = "examples/rotation.yaml";
    let parameters = [
        ("Name", "mcp_tools"),
        ("OrdersRepository", "orders"),
        ("StockRepository", "stock"),
        ("ImageTag", "1"),
        ("ExistingSecretArn", &*secret),
    ];
    let created = estate.create("tools", example, &parameters).await;
    estate.expect(&created, StackStatus::CreateComplete);
    let rotate = async |name: &str, token: &str| {
        let value = json!({"UPSTREAM_TOKEN": canary(name)}).to_string();
        let input = json!({"SecretId": EXISTING, "SecretString": value, "ClientRequestToken": token.repeat(32)});
        estate.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
        estate.cloudformation.settled().await;
        let now = estate.aws.clock().now();
        let newest = |runtime: &emulator::agentcore_control::Runtime| runtime.newest().number;
        estate.aws.with(|world| world.agentcore.runtimes(now).map(newest).collect::<Vec<_>>())
    };
    // The provisioner does not let the rule in until its owner says so.
    assert_eq!(rotate("one", "1").await, [1, 1]);
    assert!(!estate.cloudformation.event_deliveries()[0].permitted);
    let allowed = [("ReadableSecretArns", &*secret), ("RecycleOnRotation", "true")];
    let updated = estate.update(PROVISIONER, "provisioner.yaml", &allowed).await;
    estate.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(rotate("two", "2").await, [2, 2]);
    assert_eq!(rotate("three", "3").await, [3, 3]);
    let change = [&parameters[..3], &[("ImageTag", "2")], &parameters[4..]].concat();
    let updated = estate.update("tools", example, &change).await;
    estate.expect(&updated, StackStatus::UpdateComplete);
    estate.expect(&estate.delete("tools").await, StackStatus::DeleteComplete);
    estate.check_nothing_is_left();
}

/// The function could read the secret, and the container could not.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_with_an_existing_secret_under_a_key_of_its_own() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let estate = Estate::empty();
    estate.serve_with_secret();
    let secret = estate.keep_secret_under(Some(key));
    let allowed = [("ReadableSecretArns", &*secret), ("SecretKmsKeyArns", key)];
    estate.create(PROVISIONER, "provisioner.yaml", &allowed).await;
    let parameters = [&SERVER[..], &[("ExistingSecretArn", &*secret), ("SecretKmsKeyArn", key)]].concat();
    estate.live("examples/existing-secret.yaml", &parameters, &[("Rotation", "1")]).await;
}

/// A default name collided with the name of the previous stack.
#[test]
fn every_runtime_is_named_by_whoever_deploys_it() {
    for example in
        ["runtime", "existing-secret", "mcp-server", "vpc", "attach", "two-runtimes-one-gateway", "standalone"]
    {
        let template = TemplateSource::Uploaded(read(&format!("examples/{example}.yaml")));
        assert_eq!(template_summary(&template).expect("a template")["Name"].default, None, "{example}");
    }
}

/// Behaves as a server whose tools call an API with the OAuth client in its secret.
fn serve_oauth_client(estate: &Estate, secret: &str) {
    let required_keys = ["MCP_CLIENT_ID", "MCP_CLIENT_SECRET"].map(str::to_owned).to_vec();
    let upstream = Some(("MCP_CLIENT_SECRET".to_owned(), secret.to_owned()));
    let behaviour = Behaviour { reads_secret: true, required_keys, upstream, ..Behaviour::default() };
    estate.aws.with(|world| world.containers.behave(behaviour));
}

const TOKEN_URL: (&str, &str) = ("TokenUrl", "https://auth.example.com/oauth2/token");

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_mcp_server_with_an_oauth_client() {
    let estate = Estate::new(&[]).await;
    let (secret, example) = (canary("client"), "examples/mcp-server.yaml");
    serve_oauth_client(&estate, &secret);
    let environment = r#"{"FINANCE_MCP_URL": "https://finance.example.com/mcp"}"#;
    let server =
        [&SERVER[..], &[TOKEN_URL, ("ExtraEnvironment", environment), ("VerifyWithTool", "tool_001")]].concat();
    let credentials = [("ClientId", "content-engine"), ("ClientSecret", &*secret)];
    let parameters = [&server[..], &credentials].concat();
    let created = estate.create("tools", example, &parameters).await;
    estate.expect(&created, StackStatus::CreateComplete);
    assert!(created.output("Verification").expect("an output").ends_with("a call of the tool \"tool_001\" succeeded"));
    let now = estate.aws.clock().now();
    let variables =
        estate.aws.with(|world| world.agentcore.runtimes(now).next().expect("a runtime").configuration().environment());
    assert_eq!(variables["AUTH_SERVER_TOKEN_URL"], TOKEN_URL.1);
    assert_eq!(variables["FINANCE_MCP_URL"], "https://finance.example.com/mcp");
    let held = estate.aws.with(|world| {
        let name = &variables["SECRET_NAME"];
        world.secrets.secret(name).and_then(|secret| secret.current_text().map(str::to_owned))
    });
    let held: Value = serde_json::from_str(&held.expect("a secret")).expect("JSON");
    assert_eq!(held, json!({"MCP_CLIENT_ID": "content-engine", "MCP_CLIENT_SECRET": secret}));
    estate.expect(&estate.delete("tools").await, StackStatus::DeleteComplete);

    let wrong = [&server[..], &[("ClientId", "content-engine"), ("ClientSecret", "cAnArY-wrong")]].concat();
    estate.refuse("tools", example, &wrong, "the tool \"tool_001\" failed: \"the API answered HTTP 401").await;
    let replaced = [&parameters[..], &[("ExtraEnvironment", r#"{"AUTH_SERVER_TOKEN_URL": "x"}"#)]].concat();
    estate
        .refuse("tools", example, &replaced, "sets \"AUTH_SERVER_TOKEN_URL\", which `EnvironmentVariables` names")
        .await;
    for (parameters, expected) in [
        (server.clone(), "Give ClientId and ClientSecret, or ExistingSecretArn"),
        ([&parameters[..], &[("ExistingSecretArn", SECRET_ARN)]].concat(), "Clear ClientId and ClientSecret"),
    ] {
        let refusal = estate.cloudformation.create_stack(input("tools", example, &parameters)).await;
        assert!(refusal.expect_err("a Rule").message.contains(expected), "{expected}");
    }
}

const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:finance/mcp-AbCdEf";

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_mcp_server_with_the_oauth_client_of_an_existing_secret() {
    let estate = Estate::empty();
    let secret = canary("client");
    serve_oauth_client(&estate, &secret);
    let text = json!({"MCP_CLIENT_ID": "content-engine", "MCP_CLIENT_SECRET": secret}).to_string();
    let input = json!({"Name": EXISTING, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    let kept = estate.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    let arn = kept["ARN"].as_str().expect("text");
    estate.create(PROVISIONER, "provisioner.yaml", &[("ReadableSecretArns", arn)]).await;
    let parameters = [&SERVER[..], &[TOKEN_URL, ("ExistingSecretArn", arn), ("VerifyWithTool", "tool_001")]].concat();
    estate.live("examples/mcp-server.yaml", &parameters, &[("Rotation", "1")]).await;
}

/// The endpoints are there before the runtime, and its network interfaces outlive it.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_in_a_vpc_without_internet_access() {
    const ALL: [&str; 6] = [
        "EcrApiEndpoint",
        "EcrDkrEndpoint",
        "S3Endpoint",
        "LogsEndpoint",
        "SecretsManagerEndpoint",
        "AgentCoreEndpoint",
    ];
    let estate = Estate::new(&[("AllowVpc", "true")]).await;
    let (subnets, group) = ("subnet-0a1b2c3d,subnet-0a1b2c3e", "sg-0a1b2c3d");
    let network = [("VpcId", "vpc-0a1b2c3d"), ("Subnets", subnets), ("RuntimeSecurityGroup", group)];
    let network = [&network[..], &[("RouteTables", "rtb-0a1b2c3d,rtb-0a1b2c3e")]].concat();
    let endpoints = |switches: &[(&str, &str)]| {
        let parameters = [&network[..], switches].concat();
        input("endpoints", "examples/vpc-endpoints.yaml", &parameters)
    };
    let count = || {
        let resources = estate.cloudformation.resources("endpoints").into_values();
        let endpoints = resources.filter(|it| it.type_name == "AWS::EC2::VPCEndpoint" && it.physical_id.is_some());
        endpoints.count()
    };
    let created = estate.cloudformation.create_stack(endpoints(&[])).await.expect("a valid template");
    estate.expect(&created, StackStatus::CreateComplete);
    assert_eq!(count(), 5, "all but AgentCore's");

    let parameters = [&SERVER[..], &[("Subnets", subnets), ("SecurityGroups", group)]].concat();
    let runtime = estate.create("tools", "examples/vpc.yaml", &parameters).await;
    estate.expect(&runtime, StackStatus::CreateComplete);
    assert!(runtime.output("Verification").expect("an output").starts_with("PASSED"));

    let all = ALL.map(|name| (name, "true"));
    let updated = estate.cloudformation.update_stack(endpoints(&all)).await.expect("a valid template");
    estate.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(count(), 6);
    for name in ALL {
        let one = [(name, "true")];
        let others: Vec<_> = ALL.iter().filter(|it| **it != name).map(|it| (*it, "false")).collect();
        let updated = estate.cloudformation.update_stack(endpoints(&[&one[..], &others].concat())).await;
        estate.expect(&updated.expect("a valid template"), StackStatus::UpdateComplete);
        assert_eq!(count(), 1, "{name}");
    }
    let refusal = estate.cloudformation.update_stack(endpoints(&[("RouteTables", "")])).await;
    assert!(refusal.expect_err("a Rule").message.contains("S3Endpoint=true needs RouteTables"));
    for name in ["tools", "endpoints"] {
        estate.expect(&estate.delete(name).await, StackStatus::DeleteComplete);
    }
    estate.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_in_a_vpc() {
    let parameters =
        [&SERVER[..], &[("Subnets", "subnet-0a1b2c3d"), ("SecurityGroups", "sg-0a1b2c3d,sg-0a1b2c3e")]].concat();
    let change = [("Subnets", "subnet-0a1b2c3d,subnet-0a1b2c3e")];
    Estate::new(&[("AllowVpc", "true")]).await.live("examples/vpc.yaml", &parameters, &change).await;
    let refusal = "not allowed to call bedrock-agentcore:CreateAgentRuntime";
    Estate::new(&[]).await.refuse("tools", "examples/vpc.yaml", &parameters, refusal).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_in_a_vpc_has_the_subnets_and_groups_that_its_provisioner_allows() {
    let here = [&SERVER[..], &[("Subnets", "subnet-0a1b2c3d"), ("SecurityGroups", "sg-0a1b2c3d")]].concat();
    let allowed =
        [("AllowVpc", "true"), ("SubnetIds", "subnet-0a1b2c3d, subnet-0a1b2c3e"), ("SecurityGroupIds", "sg-0a1b2c3d")];
    let estate = Estate::new(&allowed).await;
    let refusal = "not allowed to call bedrock-agentcore:CreateAgentRuntime";
    for elsewhere in [("Subnets", "subnet-0a1b2c3d,subnet-0a1b2c3f"), ("SecurityGroups", "sg-0a1b2c3e")] {
        let there = [&here[..], &[elsewhere]].concat();
        estate.refuse("tools", "examples/vpc.yaml", &there, refusal).await;
        let created = estate.create("tools", "examples/vpc.yaml", &here).await;
        estate.expect(&created, StackStatus::CreateComplete);
        let updated = estate.update("tools", "examples/vpc.yaml", &there).await;
        estate.expect(&updated, StackStatus::UpdateRollbackComplete);
        estate.expect(&estate.delete("tools").await, StackStatus::DeleteComplete);
    }
    let change = [("Subnets", "subnet-0a1b2c3e")];
    estate.live("examples/vpc.yaml", &here, &change).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_runtimes_behind_one_gateway() {
    let estate = Estate::new(&[]).await;
    let stock = Behaviour { tools: 5, ..Behaviour::default() };
    estate.aws.with(|world| world.containers.behave_as(&format!("{IMAGES}stock"), stock));
    let parameters =
        [("Name", "mcp_tools"), ("OrdersRepository", "orders"), ("StockRepository", "stock"), ("ImageTag", "1")];
    let example = "examples/two-runtimes-one-gateway.yaml";
    let (created, updated) = estate.live(example, &parameters, &[("ImageTag", "2")]).await;
    assert_eq!(created.output("GatewayUrl"), updated.output("GatewayUrl"));
    for stack in [created, updated] {
        assert_eq!((stack.output("OrdersToolCount"), stack.output("StockToolCount")), (Some("3"), Some("5")));
    }
    let gateways = estate.somebody(ServiceId::AgentCoreControl, "ListGateways", json!({}));
    assert_eq!(gateways["items"], json!([]));
}

/// The key is rotated, and moves to another header.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_elsewhere_that_demands_a_key() {
    let estate = Estate::new(&[]).await;
    let expect = |header: &str, value: String| {
        let behaviour = Behaviour { api_key: Some((header.to_owned(), value)), ..Behaviour::default() };
        estate.aws.with(|world| world.mcp_servers.start("mcp.example.com", behaviour));
    };
    let (key, rotated) = ("cAnArY-key-of-a-server", "cAnArY-rotated-key-of-a-server");
    let parameters = [("Endpoint", "https://mcp.example.com/mcp"), ("ApiKey", key)];
    let example = "examples/external-server.yaml";
    expect("authorization", format!("Bearer {key}"));
    let created = estate.create("tools", example, &parameters).await;
    estate.expect(&created, StackStatus::CreateComplete);
    assert_eq!(created.output("ToolCount"), Some("3"));
    expect("x-api-key", rotated.to_owned());
    let changed = [("Endpoint", parameters[0].1), ("ApiKey", rotated), ("ApiKeyHeader", "X-Api-Key")];
    let updated = estate.update("tools", example, &changed).await;
    estate.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(updated.output("GatewayUrl"), created.output("GatewayUrl"));
    estate.expect(&estate.delete("tools").await, StackStatus::DeleteComplete);
    estate.check_nothing_is_left();
    // The key is the one before.
    estate.refuse("tools", example, &parameters, "HTTP 401").await;
}

/// Creates a gateway of somebody else. Returns it with the ARN and the name of its role.
async fn platform(estate: &Estate) -> (Value, String) {
    let template = "
Resources:
  GatewayRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: bedrock-agentcore.amazonaws.com}, Action: 'sts:AssumeRole'}
Outputs:
  Arn: {Value: !GetAtt GatewayRole.Arn}
  Name: {Value: !Ref GatewayRole}
";
    let input = StackInput::new("platform", template).capability(Capability::Iam);
    let stack = estate.cloudformation.create_stack(input).await.expect("a valid template");
    sleep(Duration::from_mins(1)).await;
    let input =
        json!({"name": "platform", "roleArn": stack.output("Arn"), "protocolType": "MCP", "authorizerType": "AWS_IAM"});
    let gateway = estate.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
    sleep(Duration::from_mins(1)).await;
    (gateway, stack.output("Name").expect("an output").to_owned())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_on_an_existing_gateway() {
    let estate = Estate::empty();
    let (gateway, role) = platform(&estate).await;
    let text = |name: &str| gateway[name].as_str().expect("text").to_owned();
    let (id, arn) = (text("gatewayId"), text("gatewayArn"));
    let parameters = [&SERVER[..], &[("GatewayId", &id), ("GatewayRoleName", &role)]].concat();
    let example = "examples/attach.yaml";

    estate.create(PROVISIONER, "provisioner.yaml", &[]).await;
    let refused = estate.create("tools", example, &parameters).await;
    estate.expect(&refused, StackStatus::RollbackComplete);
    let denied = format!("bedrock-agentcore:CreateGatewayTarget on resource: {arn}");
    assert!(estate.reasons().iter().any(|it| it.contains(&denied)), "{:#?}", estate.reasons());
    estate.delete("tools").await;

    estate.update(PROVISIONER, "provisioner.yaml", &[("GatewayArns", &arn)]).await;
    let created = estate.create("tools", example, &parameters).await;
    estate.expect(&created, StackStatus::CreateComplete);
    assert!(created.output("Verification").expect("an output").starts_with("PASSED"));
    let updated = estate.update("tools", example, &[&parameters[..], &[("ImageTag", "2")]].concat()).await;
    estate.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(created.output("TargetId"), updated.output("TargetId"));
    let targets =
        estate.somebody(ServiceId::AgentCoreControl, "ListGatewayTargets", json!({ "gatewayIdentifier": id }));
    let name = targets["items"][0]["name"].as_str().expect("a name");
    // For any stack name: the server's longest tool name has 42 characters, and model APIs accept 64.
    assert!(name.starts_with("mcp-") && name.len() + 3 + 42 <= 64, "{name}");
    estate.expect(&estate.delete("tools").await, StackStatus::DeleteComplete);

    let input = json!({ "gatewayIdentifier": id });
    let targets = estate.somebody(ServiceId::AgentCoreControl, "ListGatewayTargets", input.clone());
    assert_eq!(targets["items"], json!([]));
    estate.somebody(ServiceId::AgentCoreControl, "DeleteGateway", input);
    estate.delete("platform").await;
    estate.check_nothing_is_left();
}

/// Each server added a managed policy to the gateway's role, of which a role has ten.
#[tokio::test(flavor = "local", start_paused = true)]
async fn eleven_servers_on_one_gateway() {
    let estate = Estate::empty();
    let (gateway, role) = platform(&estate).await;
    let text = |name: &str| gateway[name].as_str().expect("text").to_owned();
    let (id, arn) = (text("gatewayId"), text("gatewayArn"));
    estate.create(PROVISIONER, "provisioner.yaml", &[("GatewayArns", &arn)]).await;
    for number in 1..=11 {
        let name = format!("mcp_server{number}");
        let parameters = [
            ("Name", &*name),
            ("Repository", "tools/server"),
            ("ImageTag", "1"),
            ("GatewayId", &id),
            ("GatewayRoleName", &role),
        ];
        let created = estate.create(&format!("tools-{number}"), "examples/attach.yaml", &parameters).await;
        estate.expect(&created, StackStatus::CreateComplete);
    }
    for number in 1..=11 {
        estate.expect(&estate.delete(&format!("tools-{number}")).await, StackStatus::DeleteComplete);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_of_one_stack_serves_the_servers_of_another() {
    let estate = Estate::new(&[]).await;
    let parameters =
        [("Name", "mcp_tools"), ("OrdersRepository", "orders"), ("StockRepository", "stock"), ("ImageTag", "1")];
    let shared = estate.create("shared", "examples/two-runtimes-one-gateway.yaml", &parameters).await;
    estate.expect(&shared, StackStatus::CreateComplete);
    let resources = estate.cloudformation.resources("shared");
    let id = |name: &str| resources[name].physical_id.clone().expect("it exists");
    let (gateway, role) = (id("Gateway"), id("GatewayRole"));
    let parameters = [&SERVER[..], &[("GatewayId", &gateway), ("GatewayRoleName", &role)]].concat();
    let created = estate.create("tools", "examples/attach.yaml", &parameters).await;
    estate.expect(&created, StackStatus::CreateComplete);
    assert_eq!(created.output("GatewayUrl"), shared.output("GatewayUrl"));
    for name in ["tools", "shared"] {
        estate.expect(&estate.delete(name).await, StackStatus::DeleteComplete);
    }
    estate.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_function_of_the_stacks_own() {
    let (token, rotated) = (canary("token"), canary("rotated"));
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    let refusal =
        Estate::empty().cloudformation.create_stack(input("tools", "examples/standalone.yaml", &SERVER)).await;
    assert!(refusal.expect_err("no token").message.contains("UpstreamToken"));
    Estate::empty().live("examples/standalone.yaml", &parameters, &[("UpstreamToken", &rotated)]).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_template_as_a_child_of_another() {
    let estate = Estate::empty();
    estate.aws.with(|world| world.containers.behave(Behaviour::zscaler()));
    estate.keep_secret();
    let parameters =
        [("TemplateUrl", TEMPLATE_URL), ("ECRImageUri", IMAGE), ("ExistingSecretName", EXISTING), ("RuntimeName", "")];
    let (created, updated) = estate.live("examples/nested.yaml", &parameters, &[("RuntimeName", "renamed")]).await;
    assert_eq!(created.output("ToolCount"), Some("3"));
    let url = |stack: &Stack| stack.output("McpUrl").expect("an output").to_owned();
    assert!(url(&created).contains("mcp_") && url(&updated).contains("renamed"), "{} {}", url(&created), url(&updated));
    let without = [&parameters[..2], &[("ExistingSecretName", "")]].concat();
    estate.refuse("tools", "examples/nested.yaml", &without, "CredentialSource=UseExisting needs").await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_provisioner_stays_while_a_stack_uses_it() {
    let estate = Estate::new(&[]).await;
    let token = canary("token");
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    estate.create("tools", "examples/runtime.yaml", &parameters).await;
    let stack = estate.delete(PROVISIONER).await;
    estate.expect(&stack, StackStatus::CreateComplete);
    let reason = stack.status_reason.expect("a reason");
    assert!(reason.starts_with("Export agentcore-provisioner-") && reason.ends_with("in use by tools"), "{reason}");
    let stack = estate.update(PROVISIONER, "provisioner.yaml", &[("RolePath", "/other/")]).await;
    estate.expect(&stack, StackStatus::UpdateRollbackComplete);
    let stack = estate.update(PROVISIONER, "provisioner.yaml", &[("LogRetentionDays", "7")]).await;
    estate.expect(&stack, StackStatus::UpdateComplete);
    estate.expect(&estate.delete("tools").await, StackStatus::DeleteComplete);
    estate.expect(&estate.delete(PROVISIONER).await, StackStatus::DeleteComplete);
    estate.check_nothing_is_left();
}
