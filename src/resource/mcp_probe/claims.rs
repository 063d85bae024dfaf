//! A token compared with the runtime's JWT authorizer before anybody is called: which claim does not match, and which
//! property to change.

use aws_sdk_bedrockagentcorecontrol::types::AuthorizerConfiguration;

use crate::authorizer::comparison;
use crate::error::Error;
use crate::job::Job;
use crate::oauth::{self, Token};

/// Says why the runtime behind `endpoint` would not accept the token. An endpoint that is no runtime's is not checked.
pub(super) async fn check(job: &Job<'_>, endpoint: &str, client_id: &str, token: &Token) -> Result<(), Error> {
    let claims = comparison::verifiable(token)?;
    let Some(id) = runtime_id(endpoint) else { return Ok(()) };
    let request = job.context.agentcore.get_agent_runtime().agent_runtime_id(id);
    let live = job.call("bedrock-agentcore:GetAgentRuntime", || request.clone().send()).await?;
    match live.authorizer_configuration() {
        Some(AuthorizerConfiguration::CustomJwtAuthorizer(authorizer)) => {
            let issuer = oauth::discover(job.context, "DiscoveryUrl", authorizer.discovery_url()).await?.issuer;
            comparison::compare(authorizer, &issuer, client_id, claims, "runtime")
        }
        _ => Err(Error::unverified(
            "UNAUTHORIZED",
            "the runtime takes signatures and no tokens; set the probe's `Auth` to IAM, or the runtime's `InboundAuth` to JWT",
        )),
    }
}

/// The id in an invocation URL: `…/runtimes/arn%3A…%3Aruntime%2F<id>/invocations…`.
fn runtime_id(endpoint: &str) -> Option<&str> {
    let (_, rest) = endpoint.split_once("/runtimes/")?;
    let (arn, _) = rest.split_once("/invocations")?;
    Some(arn.rsplit_once("%2F").map_or(arn, |(_, id)| id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_is_named_by_its_endpoint() {
        let arn = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2Fmcp-AbCdEf1234";
        let url =
            format!("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{arn}/invocations?qualifier=DEFAULT");
        assert_eq!(runtime_id(&url), Some("mcp-AbCdEf1234"));
        assert_eq!(runtime_id("https://gateway.example.com/mcp"), None);
    }
}
