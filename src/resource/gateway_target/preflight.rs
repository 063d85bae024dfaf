//! Refuses targets that would certainly fail, before a create or an update: on a gateway that does not accept them, or
//! for a runtime that does not accept the gateway's credentials.

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::{
    GatewayProtocolConfiguration, GatewayProtocolType, McpGatewayConfiguration,
};

use super::outbound::Outbound;
use super::properties::Properties;
use super::tool_source::ToolSource;
use crate::agentcore::gateway::Gateway;
use crate::agentcore::provisioned::Provisioned;
use crate::agentcore::runtime::Runtime;
use crate::agentcore::waiters::{Live, Phase, wait_settled};
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::mcp::url::region_and_account;
use crate::text::quote;

/// The header that a gateway with sessions of its own keeps to itself.
const SESSION_HEADER: &str = "mcp-session-id";

/// Returns the gateway, once it is READY, if it accepts a target like this.
pub(super) async fn gateway(job: &Job<'_>, properties: &Properties) -> Result<GetGatewayOutput, Error> {
    check_provider(job, properties)?;
    let id = &properties.gateway_id;
    let refusal = |gateway: &GetGatewayOutput| {
        let (status, reasons) = (gateway.status_name(), gateway.reasons());
        let problem = format!("names gateway {id}, which is {status}: {reasons}; repair it first");
        Error::property("GatewayIdentifier", problem)
    };
    let gateway = settled::<Gateway>(job, id, refusal).await?.ok_or_else(|| gateway_gone(id))?;
    if gateway.phase() != Phase::Ready {
        return Err(refusal(&gateway));
    }
    check_gateway(&gateway, properties)?;
    Ok(gateway)
}

/// Waits until what the target needs has left its transitional states. Returns `None` if it does not exist. A deletion is
/// not waited for, but refused with `refusal`.
async fn settled<P: Provisioned>(
    job: &Job<'_>,
    id: &P::Id,
    refusal: impl Fn(&P::Live) -> Error,
) -> Result<Option<P::Live>, Error> {
    wait_settled(job, &format!("{} {id}", P::NOUN), async || match P::get(job, id).await? {
        Some(live) if live.phase() == Phase::Deleting => Err(refusal(&live)),
        live => Ok(live),
    })
    .await
}

/// Refuses a credential provider that no gateway of this account and Region can use: the token vault is theirs.
fn check_provider(job: &Job<'_>, properties: &Properties) -> Result<(), Error> {
    let Some(arn) = properties.outbound.provider_arn() else { return Ok(()) };
    let own = region_and_account(&job.requester.stack_id);
    match own.filter(|own| region_and_account(arn) != Some(*own)) {
        None => Ok(()),
        Some((region, account)) => {
            let problem =
                format!("is {}; give a provider of account {account} in {region}, as the gateway's", quote(arn));
            Err(Error::property("CredentialProviderArn", problem))
        }
    }
}

/// Reports a gateway that does not exist.
pub(super) fn gateway_gone(id: &str) -> Error {
    let problem = format!("names gateway {id}, which does not exist in this account and Region; give another");
    Error::property("GatewayIdentifier", problem)
}

fn check_gateway(gateway: &GetGatewayOutput, properties: &Properties) -> Result<(), Error> {
    let protocol = gateway.protocol_type();
    if *protocol != GatewayProtocolType::Mcp {
        let problem = format!(
            "names gateway {}, whose protocol is {} and not MCP; give an MCP gateway",
            gateway.gateway_id(),
            protocol.as_str()
        );
        return Err(Error::property("GatewayIdentifier", problem));
    }
    let mcp = match gateway.protocol_configuration() {
        Some(GatewayProtocolConfiguration::Mcp(mcp)) => Some(mcp),
        _ => None,
    };
    if properties.tool_source == ToolSource::Dynamic && mcp.is_some_and(|mcp| mcp.search_type().is_some()) {
        let problem = "is DYNAMIC, and the gateway's semantic search does not work with such targets; use DEFAULT";
        return Err(Error::property("ListingMode", problem));
    }
    let has_sessions = mcp.and_then(McpGatewayConfiguration::session_configuration).is_some();
    let lists = [
        ("AllowedRequestHeaders", &properties.request_headers),
        ("AllowedResponseHeaders", &properties.response_headers),
    ];
    for (name, headers) in lists {
        if has_sessions && headers.iter().any(|header| header.eq_ignore_ascii_case(SESSION_HEADER)) {
            let problem = "lists Mcp-Session-Id, which the gateway's own sessions use; remove it";
            return Err(Error::property(name, problem));
        }
    }
    Ok(())
}

/// Compares the gateway's authorization with the one that the runtime at `Endpoint` accepts. An endpoint elsewhere, and
/// a runtime that cannot be read, are not compared.
pub(super) async fn runtime(job: &Job<'_>, gateway: &GetGatewayOutput, properties: &Properties) -> Result<(), Error> {
    let Some(runtime) = properties.endpoint.runtime_next_to(gateway.gateway_arn()) else { return Ok(()) };
    let id = runtime.id();
    let live = match wait_usable(job, &id.to_owned()).await {
        Ok(live) => live,
        Err(error) if error.is(ApiErrorKind::Denied) => return Ok(()),
        Err(error) => return Err(error),
    };
    match (live.authorizer_configuration(), &properties.outbound) {
        (Some(_), Outbound::GatewayIamRole { .. }) => Err(Error::property(
            "OutboundAuth",
            format!(
                "is GATEWAY_IAM_ROLE, and runtime {id} takes tokens and no signatures; set it to OAUTH with a \
                 `CredentialProviderArn`, or the runtime's `InboundAuth` to IAM"
            ),
        )),
        (None, Outbound::OAuth(_) | Outbound::ApiKey(_)) => {
            let kind = if matches!(properties.outbound, Outbound::OAuth(_)) { "OAUTH" } else { "API_KEY" };
            let problem = format!(
                "is {kind}, and runtime {id} takes signatures and nothing else; set it to GATEWAY_IAM_ROLE, or the \
                 runtime's `InboundAuth` to JWT"
            );
            Err(Error::property("OutboundAuth", problem))
        }
        // A long-lived token of the runtime's identity provider may be the key.
        (Some(_), Outbound::ApiKey(key))
            if !key.header().is_some_and(|header| header.eq_ignore_ascii_case("authorization")) =>
        {
            let problem = format!(
                "is API_KEY, and runtime {id} takes tokens in the header Authorization; set it to OAUTH with a \
                 `CredentialProviderArn`, or `ApiKeyParameterName` to Authorization"
            );
            Err(Error::property("OutboundAuth", problem))
        }
        _ => Ok(()),
    }
}

/// Waits until the runtime serves: as before, if its last update or deletion failed.
async fn wait_usable(job: &Job<'_>, id: &String) -> Result<GetAgentRuntimeOutput, Error> {
    let refuse = |problem: &str| Error::property("Endpoint", format!("calls runtime {id}, which {problem}"));
    let refusal = |live: &GetAgentRuntimeOutput| refuse(&format!("is {}; repair it first", live.status_name()));
    let live = settled::<Runtime>(job, id, refusal).await?.ok_or_else(|| refuse("does not exist"))?;
    if live.creation_failed() { Err(refusal(&live)) } else { Ok(live) }
}
