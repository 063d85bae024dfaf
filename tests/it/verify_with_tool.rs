//! The parameter `VerifyWithTool` of template.yaml: the verification calls a tool, directly and through the gateway.

use emulator::container::Behaviour;
use emulator::stacks::StackStatus;

use crate::deployment::Deployment;

/// Lets the server's tools work with this client secret only.
fn accept(deployment: &Deployment, secret: &str) {
    let upstream = Some(("ZSCALER_CLIENT_SECRET".to_owned(), secret.to_owned()));
    deployment.aws.with(|world| world.containers.behave(Behaviour { upstream, ..Behaviour::zscaler() }));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn wrong_credentials_of_the_server_fail_the_deployment() {
    for mode in ["none", "api-key"] {
        let mut deployment = Deployment::new(&[("VerifyWithTool", "tool_001"), ("McpAuthMode", mode)]);
        deployment.set(&[("ZscalerClientSecret", "cAnArY-of-the-parameter")]);
        accept(&deployment, "cAnArY-another");
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        let failures: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("CREATE_FAILED")).collect();
        assert_eq!(failures.len(), 1, "one clear Reason: {failures:#?}");
        assert!(failures[0].contains("the tool \"tool_001\" failed: \"the API answered HTTP 401"), "{failures:?}");
        deployment.delete().await;
        accept(&deployment, "cAnArY-of-the-parameter");
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::CreateComplete);
        let result = stack.output("VerificationResult").expect("a result");
        assert!(result.ends_with("3 tools; a call of the tool \"tool_001\" succeeded"), "{result}");
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_is_called_with_the_tool_too() {
    let gateway = [("EnableAgentCoreGateway", "true"), ("GatewayAuthorizerType", "AWS_IAM")];
    let deployment = Deployment::new(&[&gateway[..], &[("VerifyWithTool", "tool_002")]].concat());
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    for output in ["VerificationResult", "GatewayVerificationResult"] {
        let result = stack.output(output).expect("a result");
        assert!(result.ends_with("; a call of the tool \"tool_002\" succeeded"), "{output}: {result}");
    }
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_that_nobody_could_call_is_refused_at_once() {
    let jwt = [
        ("VerifyWithTool", "tool_001"),
        ("McpAuthMode", "jwt"),
        ("JwtIssuer", "https://tenant.auth0.com/"),
        ("JwtAudience", "https://mcp.example.com"),
        ("JwtJwksUri", "https://tenant.auth0.com/.well-known/jwks.json"),
    ];
    let off = [("VerifyWithTool", "tool_001"), ("VerifyDeployment", "Off")];
    for (parameters, expected) in [
        (&jwt[..], "VerifyWithTool needs credentials to call the server with"),
        (&off[..], "VerifyWithTool has no effect with VerifyDeployment=Off"),
    ] {
        let deployment = Deployment::new(parameters);
        let refusal = deployment.cloudformation.create_stack(deployment.input()).await.expect_err("it has no effect");
        assert!(refusal.message.contains(expected), "{}", refusal.message);
    }
}
