//! Endpoints of other Regions and accounts, and runtimes that cannot be read: the probe compares what it can read, and
//! calls the server anyway.

use emulator::faults::FaultEffect;
use emulator::identity_provider::{ClaimStyle, Endpoint, Failure, ProviderFault};
use emulator::service::Principal;
use emulator::settings::Settings;
use harness::handler;
use provisioner::mcp::{Credential, ServerUrl, catalogue};
use serde_json::json;

use super::{COGNITO, bearer, jwt, probe, provider, runtime};
use crate::world::{EXECUTION_ROLE, IMAGE, RUNTIME, STACK_ID, World};

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_in_another_region_or_account_is_not_looked_up() {
    let arn = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2F";
    for (there, code) in [
        (("us-east-1", "eu-west-1"), "UNREACHABLE"),
        (("111122223333", "999999999999"), "NOT_FOUND"),
        ((arn, ""), "NOT_FOUND"),
    ] {
        let mut world = World::new();
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
        // The runtime would refuse the token.
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "other"}))).await;
        let endpoint = runtime.attribute("McpUrl").replace(there.0, there.1);
        let endpoint = if there.0 == arn { format!("{endpoint}&accountId=999999999999") } else { endpoint };
        let before = world.call_count();
        let answer =
            probe(&mut world, &runtime, bearer(COGNITO, json!({"Endpoint": endpoint, "Mode": "Report"}))).await;
        assert_eq!(answer.success().attribute("Result"), format!("FAILED:{code}"), "{endpoint}");
        assert!(!world.calls_since(before).contains(&"GetAgentRuntime"), "{endpoint}");
    }
}

/// The call was repeated for four minutes, and the target of the redirect was not named.
#[tokio::test(flavor = "local", start_paused = true)]
async fn an_endpoint_that_redirects_names_its_target_without_a_client_too() {
    let mut world = World::new();
    world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let redirect = Failure::Redirect("https://mcp.example.com/mcp/".to_owned());
    let fault = ProviderFault::At(Endpoint::Discovery, redirect);
    world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO).with_fault(fault)));
    let endpoint = format!("{COGNITO}/.well-known/openid-configuration");
    let answer = probe(&mut world, &runtime, json!({"Auth": "ANONYMOUS", "Endpoint": endpoint})).await;
    let expected = "the endpoint redirects to \"https://mcp.example.com/mcp/\" (HTTP 30";
    assert!(answer.failure().contains(expected), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_that_is_gone_is_reported() {
    let mut world = World::new();
    world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let endpoint = runtime.attribute("McpUrl").replace(&runtime.physical_id(), "gone-AbCdEf1234");
    let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({"Endpoint": endpoint, "Mode": "Report"}))).await;
    let answer = answer.success();
    assert_eq!(answer.attribute("Result"), "FAILED:NOT_FOUND", "{}", answer.attribute("Detail"));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtime_that_the_role_may_not_read_is_probed_all_the_same() {
    let mut world = World::new();
    world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    world.fault("GetAgentRuntime", 1, u64::MAX, FaultEffect::Denied);
    let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({}))).await.success();
    assert_eq!(answer.attribute("ToolCount"), "3");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn requests_are_signed_for_the_region_of_the_endpoint() {
    let mut world = World::with_settings(Settings { region: "eu-west-1".to_owned(), ..Settings::default() });
    let properties = json!({"AgentRuntimeName": "mcp", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE});
    let event = RUNTIME.create(properties);
    let event = event.with("StackId", STACK_ID.replace("us-east-1", "eu-west-1"));
    let runtime = world.send(event).await.success();
    let mut context = handler::context(&world.aws, &Principal::Administrator);
    context.region = "us-east-1".to_owned();
    let server = ServerUrl::parse(runtime.attribute("McpUrl")).expect("a URL");
    let catalogue = catalogue(&context, &server, &Credential::SigV4).await;
    assert_eq!(catalogue.map(|it| it.tools.len()).map_err(|it| it.seen), Ok(3));
}

/// A signed request contains the session token of the function's role.
#[tokio::test(flavor = "local", start_paused = true)]
async fn nothing_is_signed_for_an_address_that_is_not_agentcores() {
    for endpoint in [
        "https://mcp.example.com/mcp",
        "https://bedrock-agentcore.us-east-1.example.com/runtimes/x/invocations",
        "https://bedrock-agentcore.us-east-1.amazonaws.com.example.com/runtimes/x/invocations",
        "https://bedrock-agentcore.s3.amazonaws.com/runtimes/x/invocations",
        "https://x.gateway.bedrock-agentcore.us-east-1.amazonaws.com.cn/mcp",
        "https://bedrock-agentcore.us-gov-west-1.amazonaws.com/runtimes/x/invocations",
        "https://bedrock-agentcore.us-east-1.amazonaws.com/memories/m-1/events",
        "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/x/stopruntimesession",
    ] {
        let mut world = World::new();
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({"Endpoint": endpoint})).await;
        let sentence = "`Endpoint` is not the address of a runtime or a gateway in this partition";
        assert!(answer.failure().contains(sentence), "{endpoint}: {}", answer.reason());
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_that_agentcore_keeps_is_not_read() {
    let mut world = World::new();
    world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let name = "bedrock-agentcore-identity!default/oauth2/mcp-other";
    for secret_id in [name, &format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{name}-AbCdEf")] {
        let changes = json!({"ClientSecret": "", "ClientSecretId": secret_id, "ClientSecretJsonKey": "client_secret"});
        let before = world.call_count();
        let answer = probe(&mut world, &runtime, bearer(COGNITO, changes)).await;
        assert!(answer.failure().contains("which AgentCore manages for a credential provider"), "{}", answer.reason());
        assert!(!world.calls_since(before).contains(&"GetSecretValue"));
    }
}
