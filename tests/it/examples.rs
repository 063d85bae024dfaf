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

use crate::provisioner_account::{EXISTING, PROVISIONER, ProvisionerAccount, SERVER, TEMPLATE_URL, input, read};
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
    let account = ProvisionerAccount::new(&[]).await;
    account.serve_with_secret();
    let (token, rotated) = (canary("token"), canary("rotated"));
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    let (created, updated) = account.live("examples/runtime.yaml", &parameters, &[("UpstreamToken", &rotated)]).await;
    assert!(created.output("AgentRuntimeArn").expect("an output").contains(":runtime/mcp_server-"));
    assert_eq!(created.output("AgentRuntimeArn"), updated.output("AgentRuntimeArn"));
    assert!(updated.output("Verification").expect("an output").starts_with("PASSED"));
    let renamed = [("Name", "mcp_renamed")];
    let (_, renamed) = account.live("examples/runtime.yaml", &parameters, &renamed).await;
    assert!(renamed.output("AgentRuntimeArn").expect("an output").contains(":runtime/mcp_renamed-"));
    assert_eq!(account.delete(PROVISIONER).await.status, StackStatus::DeleteComplete);
    account.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_with_an_existing_secret() {
    let account = ProvisionerAccount::empty();
    account.serve_with_secret();
    let secret = account.keep_secret();
    account.create(PROVISIONER, "provisioner.yaml", &[]).await;
    let parameters = [&SERVER[..], &[("ExistingSecretArn", &secret)]].concat();
    let example = "examples/existing-secret.yaml";
    account.refuse("tools", example, &parameters, "secretsmanager:GetSecretValue").await;
    let others = "arn:aws:secretsmanager:us-east-1:111122223333:secret:others/*";
    let readable = format!("{others}, {secret}");
    account.update(PROVISIONER, "provisioner.yaml", &[("ReadableSecretArns", &readable)]).await;
    account.live(example, &parameters, &[("Rotation", "1")]).await;
    assert!(account.aws.with(|world| world.secrets.secret(EXISTING).is_some_and(|it| it.deletion.is_none())));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_runtimes_on_a_secret_that_is_rotated() {
    let account = ProvisionerAccount::empty();
    account.serve_with_secret();
    let secret = account.keep_secret();
    account.create(PROVISIONER, "provisioner.yaml", &[("ReadableSecretArns", &*secret)]).await;
    let example = "examples/rotation.yaml";
    let parameters = [
        ("Name", "mcp_tools"),
        ("OrdersRepository", "orders"),
        ("StockRepository", "stock"),
        ("ImageTag", "1"),
        ("ExistingSecretArn", &*secret),
    ];
    let created = account.create("tools", example, &parameters).await;
    account.expect(&created, StackStatus::CreateComplete);
    let rotate = async |name: &str, token: &str| {
        let value = json!({"UPSTREAM_TOKEN": canary(name)}).to_string();
        let input = json!({"SecretId": EXISTING, "SecretString": value, "ClientRequestToken": token.repeat(32)});
        account.somebody(ServiceId::SecretsManager, "PutSecretValue", input);
        account.cloudformation.settled().await;
        let now = account.aws.clock().now();
        let newest = |runtime: &emulator::agentcore_control::Runtime| runtime.newest().number;
        account.aws.with(|world| world.agentcore.runtimes(now).map(newest).collect::<Vec<_>>())
    };
    // The provisioner does not let the rule in until its owner says so.
    assert_eq!(rotate("one", "1").await, [1, 1]);
    assert!(!account.cloudformation.event_deliveries()[0].permitted);
    let allowed = [("ReadableSecretArns", &*secret), ("RecycleOnRotation", "true")];
    let updated = account.update(PROVISIONER, "provisioner.yaml", &allowed).await;
    account.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(rotate("two", "2").await, [2, 2]);
    assert_eq!(rotate("three", "3").await, [3, 3]);
    let change = [&parameters[..3], &[("ImageTag", "2")], &parameters[4..]].concat();
    let updated = account.update("tools", example, &change).await;
    account.expect(&updated, StackStatus::UpdateComplete);
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
    account.check_nothing_is_left();
}

/// The function could read the secret, and the container could not.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_with_an_existing_secret_under_a_key_of_its_own() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let account = ProvisionerAccount::empty();
    account.serve_with_secret();
    let secret = account.keep_secret_under(Some(key));
    let allowed = [("ReadableSecretArns", &*secret), ("SecretKmsKeyArns", key)];
    account.create(PROVISIONER, "provisioner.yaml", &allowed).await;
    let parameters = [&SERVER[..], &[("ExistingSecretArn", &*secret), ("SecretKmsKeyArn", key)]].concat();
    account.live("examples/existing-secret.yaml", &parameters, &[("Rotation", "1")]).await;
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
fn serve_oauth_client(account: &ProvisionerAccount, secret: &str) {
    let required_keys = ["MCP_CLIENT_ID", "MCP_CLIENT_SECRET"].map(str::to_owned).to_vec();
    let upstream = Some(("MCP_CLIENT_SECRET".to_owned(), secret.to_owned()));
    let behaviour = Behaviour { reads_secret: true, required_keys, upstream, ..Behaviour::default() };
    account.aws.with(|world| world.containers.behave(behaviour));
}

const TOKEN_URL: (&str, &str) = ("TokenUrl", "https://auth.example.com/oauth2/token");

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_mcp_server_with_an_oauth_client() {
    let account = ProvisionerAccount::new(&[]).await;
    let (secret, example) = (canary("client"), "examples/mcp-server.yaml");
    serve_oauth_client(&account, &secret);
    let environment = r#"{"FINANCE_MCP_URL": "https://finance.example.com/mcp"}"#;
    let server =
        [&SERVER[..], &[TOKEN_URL, ("ExtraEnvironment", environment), ("VerifyWithTool", "tool_001")]].concat();
    let credentials = [("ClientId", "content-engine"), ("ClientSecret", &*secret)];
    let parameters = [&server[..], &credentials].concat();
    let created = account.create("tools", example, &parameters).await;
    account.expect(&created, StackStatus::CreateComplete);
    assert!(created.output("Verification").expect("an output").ends_with("a call of the tool \"tool_001\" succeeded"));
    let now = account.aws.clock().now();
    let variables = account
        .aws
        .with(|world| world.agentcore.runtimes(now).next().expect("a runtime").configuration().environment());
    assert_eq!(variables["AUTH_SERVER_TOKEN_URL"], TOKEN_URL.1);
    assert_eq!(variables["FINANCE_MCP_URL"], "https://finance.example.com/mcp");
    let held = account.aws.with(|world| {
        let name = &variables["SECRET_NAME"];
        world.secrets.secret(name).and_then(|secret| secret.current_text().map(str::to_owned))
    });
    let held: Value = serde_json::from_str(&held.expect("a secret")).expect("JSON");
    assert_eq!(held, json!({"MCP_CLIENT_ID": "content-engine", "MCP_CLIENT_SECRET": secret}));
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);

    let wrong = [&server[..], &[("ClientId", "content-engine"), ("ClientSecret", "cAnArY-wrong")]].concat();
    account.refuse("tools", example, &wrong, "the tool \"tool_001\" failed: \"the API answered HTTP 401").await;
    let replaced = [&parameters[..], &[("ExtraEnvironment", r#"{"AUTH_SERVER_TOKEN_URL": "x"}"#)]].concat();
    account
        .refuse("tools", example, &replaced, "sets \"AUTH_SERVER_TOKEN_URL\", which `EnvironmentVariables` names")
        .await;
    for (parameters, expected) in [
        (server.clone(), "Give ClientId and ClientSecret, or ExistingSecretArn"),
        ([&parameters[..], &[("ExistingSecretArn", SECRET_ARN)]].concat(), "Clear ClientId and ClientSecret"),
    ] {
        let refusal = account.cloudformation.create_stack(input("tools", example, &parameters)).await;
        assert!(refusal.expect_err("a Rule").message.contains(expected), "{expected}");
    }
}

const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:finance/mcp-AbCdEf";

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_mcp_server_with_the_oauth_client_of_an_existing_secret() {
    let account = ProvisionerAccount::empty();
    let secret = canary("client");
    serve_oauth_client(&account, &secret);
    let text = json!({"MCP_CLIENT_ID": "content-engine", "MCP_CLIENT_SECRET": secret}).to_string();
    let input = json!({"Name": EXISTING, "SecretString": text, "ClientRequestToken": "f".repeat(32)});
    let kept = account.somebody(ServiceId::SecretsManager, "CreateSecret", input);
    let arn = kept["ARN"].as_str().expect("text");
    account.create(PROVISIONER, "provisioner.yaml", &[("ReadableSecretArns", arn)]).await;
    let parameters = [&SERVER[..], &[TOKEN_URL, ("ExistingSecretArn", arn), ("VerifyWithTool", "tool_001")]].concat();
    account.live("examples/mcp-server.yaml", &parameters, &[("Rotation", "1")]).await;
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
    let account = ProvisionerAccount::new(&[("AllowVpc", "true")]).await;
    let (subnets, group) = ("subnet-0a1b2c3d,subnet-0a1b2c3e", "sg-0a1b2c3d");
    let network = [("VpcId", "vpc-0a1b2c3d"), ("Subnets", subnets), ("RuntimeSecurityGroup", group)];
    let network = [&network[..], &[("RouteTables", "rtb-0a1b2c3d,rtb-0a1b2c3e")]].concat();
    let endpoints = |switches: &[(&str, &str)]| {
        let parameters = [&network[..], switches].concat();
        input("endpoints", "examples/vpc-endpoints.yaml", &parameters)
    };
    let count = || {
        let resources = account.cloudformation.resources("endpoints").into_values();
        let endpoints = resources.filter(|it| it.type_name == "AWS::EC2::VPCEndpoint" && it.physical_id.is_some());
        endpoints.count()
    };
    let created = account.cloudformation.create_stack(endpoints(&[])).await.expect("a valid template");
    account.expect(&created, StackStatus::CreateComplete);
    assert_eq!(count(), 5, "all but AgentCore's");

    let parameters = [&SERVER[..], &[("Subnets", subnets), ("SecurityGroups", group)]].concat();
    let runtime = account.create("tools", "examples/vpc.yaml", &parameters).await;
    account.expect(&runtime, StackStatus::CreateComplete);
    assert!(runtime.output("Verification").expect("an output").starts_with("PASSED"));

    let all = ALL.map(|name| (name, "true"));
    let updated = account.cloudformation.update_stack(endpoints(&all)).await.expect("a valid template");
    account.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(count(), 6);
    for name in ALL {
        let one = [(name, "true")];
        let others: Vec<_> = ALL.iter().filter(|it| **it != name).map(|it| (*it, "false")).collect();
        let updated = account.cloudformation.update_stack(endpoints(&[&one[..], &others].concat())).await;
        account.expect(&updated.expect("a valid template"), StackStatus::UpdateComplete);
        assert_eq!(count(), 1, "{name}");
    }
    let refusal = account.cloudformation.update_stack(endpoints(&[("RouteTables", "")])).await;
    assert!(refusal.expect_err("a Rule").message.contains("S3Endpoint=true needs RouteTables"));
    for name in ["tools", "endpoints"] {
        account.expect(&account.delete(name).await, StackStatus::DeleteComplete);
    }
    account.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_in_a_vpc() {
    let parameters =
        [&SERVER[..], &[("Subnets", "subnet-0a1b2c3d"), ("SecurityGroups", "sg-0a1b2c3d,sg-0a1b2c3e")]].concat();
    let change = [("Subnets", "subnet-0a1b2c3d,subnet-0a1b2c3e")];
    ProvisionerAccount::new(&[("AllowVpc", "true")]).await.live("examples/vpc.yaml", &parameters, &change).await;
    let refusal = "not allowed to call bedrock-agentcore:CreateAgentRuntime";
    ProvisionerAccount::new(&[]).await.refuse("tools", "examples/vpc.yaml", &parameters, refusal).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_in_a_vpc_has_the_subnets_and_groups_that_its_provisioner_allows() {
    let here = [&SERVER[..], &[("Subnets", "subnet-0a1b2c3d"), ("SecurityGroups", "sg-0a1b2c3d")]].concat();
    let allowed =
        [("AllowVpc", "true"), ("SubnetIds", "subnet-0a1b2c3d, subnet-0a1b2c3e"), ("SecurityGroupIds", "sg-0a1b2c3d")];
    let account = ProvisionerAccount::new(&allowed).await;
    let refusal = "not allowed to call bedrock-agentcore:CreateAgentRuntime";
    for elsewhere in [("Subnets", "subnet-0a1b2c3d,subnet-0a1b2c3f"), ("SecurityGroups", "sg-0a1b2c3e")] {
        let there = [&here[..], &[elsewhere]].concat();
        account.refuse("tools", "examples/vpc.yaml", &there, refusal).await;
        let created = account.create("tools", "examples/vpc.yaml", &here).await;
        account.expect(&created, StackStatus::CreateComplete);
        let updated = account.update("tools", "examples/vpc.yaml", &there).await;
        account.expect(&updated, StackStatus::UpdateRollbackComplete);
        account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
    }
    let change = [("Subnets", "subnet-0a1b2c3e")];
    account.live("examples/vpc.yaml", &here, &change).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_runtimes_behind_one_gateway() {
    let account = ProvisionerAccount::new(&[]).await;
    let stock = Behaviour { tools: 5, ..Behaviour::default() };
    account.aws.with(|world| world.containers.behave_as(&format!("{IMAGES}stock"), stock));
    let parameters =
        [("Name", "mcp_tools"), ("OrdersRepository", "orders"), ("StockRepository", "stock"), ("ImageTag", "1")];
    let example = "examples/two-runtimes-one-gateway.yaml";
    let (created, updated) = account.live(example, &parameters, &[("ImageTag", "2")]).await;
    assert_eq!(created.output("GatewayUrl"), updated.output("GatewayUrl"));
    for stack in [created, updated] {
        assert_eq!((stack.output("OrdersToolCount"), stack.output("StockToolCount")), (Some("3"), Some("5")));
    }
    let gateways = account.somebody(ServiceId::AgentCoreControl, "ListGateways", json!({}));
    assert_eq!(gateways["items"], json!([]));
}

/// The key is rotated, and moves to another header.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_elsewhere_that_demands_a_key() {
    let account = ProvisionerAccount::new(&[]).await;
    let expect = |header: &str, value: String| {
        let behaviour = Behaviour { api_key: Some((header.to_owned(), value)), ..Behaviour::default() };
        account.aws.with(|world| world.mcp_servers.start("mcp.example.com", behaviour));
    };
    let (key, rotated) = ("cAnArY-key-of-a-server", "cAnArY-rotated-key-of-a-server");
    let parameters = [("Endpoint", "https://mcp.example.com/mcp"), ("ApiKey", key)];
    let example = "examples/external-server.yaml";
    expect("authorization", format!("Bearer {key}"));
    let created = account.create("tools", example, &parameters).await;
    account.expect(&created, StackStatus::CreateComplete);
    assert_eq!(created.output("ToolCount"), Some("3"));
    expect("x-api-key", rotated.to_owned());
    let changed = [("Endpoint", parameters[0].1), ("ApiKey", rotated), ("ApiKeyHeader", "X-Api-Key")];
    let updated = account.update("tools", example, &changed).await;
    account.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(updated.output("GatewayUrl"), created.output("GatewayUrl"));
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
    account.check_nothing_is_left();
    // The key is the one before.
    account.refuse("tools", example, &parameters, "HTTP 401").await;
}

/// Creates a gateway of somebody else. Returns it with the ARN and the name of its role.
async fn platform(account: &ProvisionerAccount) -> (Value, String) {
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
    let stack = account.cloudformation.create_stack(input).await.expect("a valid template");
    sleep(Duration::from_mins(1)).await;
    let input =
        json!({"name": "platform", "roleArn": stack.output("Arn"), "protocolType": "MCP", "authorizerType": "AWS_IAM"});
    let gateway = account.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
    sleep(Duration::from_mins(1)).await;
    (gateway, stack.output("Name").expect("an output").to_owned())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_on_an_existing_gateway() {
    let account = ProvisionerAccount::empty();
    let (gateway, role) = platform(&account).await;
    let text = |name: &str| gateway[name].as_str().expect("text").to_owned();
    let (id, arn) = (text("gatewayId"), text("gatewayArn"));
    let parameters = [&SERVER[..], &[("GatewayId", &id), ("GatewayRoleName", &role)]].concat();
    let example = "examples/attach.yaml";

    account.create(PROVISIONER, "provisioner.yaml", &[]).await;
    let refused = account.create("tools", example, &parameters).await;
    account.expect(&refused, StackStatus::RollbackComplete);
    let denied = format!("bedrock-agentcore:CreateGatewayTarget on resource: {arn}");
    assert!(account.reasons().iter().any(|it| it.contains(&denied)), "{:#?}", account.reasons());
    account.delete("tools").await;

    account.update(PROVISIONER, "provisioner.yaml", &[("GatewayArns", &arn)]).await;
    let created = account.create("tools", example, &parameters).await;
    account.expect(&created, StackStatus::CreateComplete);
    assert!(created.output("Verification").expect("an output").starts_with("PASSED"));
    let updated = account.update("tools", example, &[&parameters[..], &[("ImageTag", "2")]].concat()).await;
    account.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(created.output("TargetId"), updated.output("TargetId"));
    let targets =
        account.somebody(ServiceId::AgentCoreControl, "ListGatewayTargets", json!({ "gatewayIdentifier": id }));
    let name = targets["items"][0]["name"].as_str().expect("a name");
    // For any stack name: the server's longest tool name has 42 characters, and model APIs accept 64.
    assert!(name.starts_with("mcp-") && name.len() + 3 + 42 <= 64, "{name}");
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);

    let input = json!({ "gatewayIdentifier": id });
    let targets = account.somebody(ServiceId::AgentCoreControl, "ListGatewayTargets", input.clone());
    assert_eq!(targets["items"], json!([]));
    account.somebody(ServiceId::AgentCoreControl, "DeleteGateway", input);
    account.delete("platform").await;
    account.check_nothing_is_left();
}

/// Each server added a managed policy to the gateway's role, of which a role has ten.
#[tokio::test(flavor = "local", start_paused = true)]
async fn eleven_servers_on_one_gateway() {
    let account = ProvisionerAccount::empty();
    let (gateway, role) = platform(&account).await;
    let text = |name: &str| gateway[name].as_str().expect("text").to_owned();
    let (id, arn) = (text("gatewayId"), text("gatewayArn"));
    account.create(PROVISIONER, "provisioner.yaml", &[("GatewayArns", &arn)]).await;
    for number in 1..=11 {
        let name = format!("mcp_server{number}");
        let parameters = [
            ("Name", &*name),
            ("Repository", "tools/server"),
            ("ImageTag", "1"),
            ("GatewayId", &id),
            ("GatewayRoleName", &role),
        ];
        let created = account.create(&format!("tools-{number}"), "examples/attach.yaml", &parameters).await;
        account.expect(&created, StackStatus::CreateComplete);
    }
    for number in 1..=11 {
        account.expect(&account.delete(&format!("tools-{number}")).await, StackStatus::DeleteComplete);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_of_one_stack_serves_the_servers_of_another() {
    let account = ProvisionerAccount::new(&[]).await;
    let parameters =
        [("Name", "mcp_tools"), ("OrdersRepository", "orders"), ("StockRepository", "stock"), ("ImageTag", "1")];
    let shared = account.create("shared", "examples/two-runtimes-one-gateway.yaml", &parameters).await;
    account.expect(&shared, StackStatus::CreateComplete);
    let resources = account.cloudformation.resources("shared");
    let id = |name: &str| resources[name].physical_id.clone().expect("it exists");
    let (gateway, role) = (id("Gateway"), id("GatewayRole"));
    let parameters = [&SERVER[..], &[("GatewayId", &gateway), ("GatewayRoleName", &role)]].concat();
    let created = account.create("tools", "examples/attach.yaml", &parameters).await;
    account.expect(&created, StackStatus::CreateComplete);
    assert_eq!(created.output("GatewayUrl"), shared.output("GatewayUrl"));
    for name in ["tools", "shared"] {
        account.expect(&account.delete(name).await, StackStatus::DeleteComplete);
    }
    account.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_function_of_the_stacks_own() {
    let (token, rotated) = (canary("token"), canary("rotated"));
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    let refusal = ProvisionerAccount::empty()
        .cloudformation
        .create_stack(input("tools", "examples/standalone.yaml", &SERVER))
        .await;
    assert!(refusal.expect_err("no token").message.contains("UpstreamToken"));
    ProvisionerAccount::empty().live("examples/standalone.yaml", &parameters, &[("UpstreamToken", &rotated)]).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_template_as_a_child_of_another() {
    let account = ProvisionerAccount::empty();
    account.aws.with(|world| world.containers.behave(Behaviour::zscaler()));
    account.keep_secret();
    let parameters =
        [("TemplateUrl", TEMPLATE_URL), ("ECRImageUri", IMAGE), ("ExistingSecretName", EXISTING), ("RuntimeName", "")];
    let (created, updated) = account.live("examples/nested.yaml", &parameters, &[("RuntimeName", "renamed")]).await;
    assert_eq!(created.output("ToolCount"), Some("3"));
    let url = |stack: &Stack| stack.output("McpUrl").expect("an output").to_owned();
    assert!(url(&created).contains("mcp_") && url(&updated).contains("renamed"), "{} {}", url(&created), url(&updated));
    let without = [&parameters[..2], &[("ExistingSecretName", "")]].concat();
    account.refuse("tools", "examples/nested.yaml", &without, "CredentialSource=UseExisting needs").await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_provisioner_stays_while_a_stack_uses_it() {
    let account = ProvisionerAccount::new(&[]).await;
    let token = canary("token");
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    account.create("tools", "examples/runtime.yaml", &parameters).await;
    let stack = account.delete(PROVISIONER).await;
    account.expect(&stack, StackStatus::CreateComplete);
    let reason = stack.status_reason.expect("a reason");
    assert!(reason.starts_with("Export agentcore-provisioner-") && reason.ends_with("in use by tools"), "{reason}");
    let stack = account.update(PROVISIONER, "provisioner.yaml", &[("RolePath", "/other/")]).await;
    account.expect(&stack, StackStatus::UpdateRollbackComplete);
    let stack = account.update(PROVISIONER, "provisioner.yaml", &[("LogRetentionDays", "7")]).await;
    account.expect(&stack, StackStatus::UpdateComplete);
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
    account.expect(&account.delete(PROVISIONER).await, StackStatus::DeleteComplete);
    account.check_nothing_is_left();
}
