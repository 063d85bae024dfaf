//! Explains why a gateway could not work with the server behind a target, and what to do about that.

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::CredentialProviderType;

use super::gateway::Gateway;
use super::gateway_target::{GatewayTarget, TargetRef, server_url};
use super::provisioned::Provisioned;
use super::waiters::{Live, Phase};
use crate::denial::Denial;
use crate::error::Error;
use crate::job::Job;
use crate::mcp::ServerUrl;

/// Explains the failure of a target's last operation.
pub(crate) async fn failure(job: &Job<'_>, target: &TargetRef, live: &GetGatewayTargetOutput) -> Error {
    let reasons = if live.phase() == Phase::AwaitingConsent {
        "it waits for a person to sign in, which nobody does in a deployment; use `GrantType` CLIENT_CREDENTIALS, or name \
         the tools in `ToolSchema`"
            .to_owned()
    } else {
        format!("{}; {}", live.reasons(), advice(job, target, live).await)
    };
    let status = live.status_name();
    Error::TerminalStatus { what: GatewayTarget::title(target, live), status, reasons }
}

async fn advice(job: &Job<'_>, target: &TargetRef, live: &GetGatewayTargetOutput) -> String {
    let denial = Denial::read(&live.reasons());
    if denial.is_final() {
        return denial.advice_for("the gateway's");
    }
    if live.reasons().contains("internal error") {
        return "set the gateway's `ExceptionLevel` to DEBUG for details".to_owned();
    }
    let outbound = live.credential_provider_configurations().first();
    let outbound = outbound.map(|configuration| configuration.credential_provider_type().clone());
    let server = server_url(live);
    match (outbound, server.as_ref().and_then(ServerUrl::runtime)) {
        (Some(CredentialProviderType::GatewayIamRole), Some(runtime)) => {
            // The gateway is read for the sentence only: without it, the role stays unnamed.
            let gateway = Gateway::get(job, &target.gateway_id).await.ok().flatten();
            let role = gateway.and_then(|gateway| gateway.role_arn).map(|arn| format!(" {arn}")).unwrap_or_default();
            let runtime = runtime.arn().unwrap_or(runtime.id());
            format!(
                "allow the gateway's role{role} bedrock-agentcore:InvokeAgentRuntime on {runtime} and on \
                 {runtime}/runtime-endpoint/*, or read the server's log"
            )
        }
        (Some(CredentialProviderType::GatewayIamRole), None) => {
            "check `IamService` and `IamRegion`, allow the gateway's role to call the server, or read the server's \
             log"
            .to_owned()
        }
        (Some(CredentialProviderType::ApiKey), _) => "check the credential provider, `ApiKeyLocation`, \
                                                      `ApiKeyParameterName` and `ApiKeyPrefix`, or read the server's log"
        .to_owned(),
        (None, _) => "check that the server takes calls without credentials, or read the server's log".to_owned(),
        (Some(CredentialProviderType::Oauth), _) => {
            "check the credential provider, `Scopes` and `CustomParameters`, or read the server's log".to_owned()
        }
        _ => "read the server's log".to_owned(),
    }
}
