//! The gateway between the probe and the server: its demands on callers, the target's tools among its own, and if it
//! has them from the server itself.
//!
//! A gateway answers tools/list from the list of the target's last synchronization (developer guide, MCP server
//! targets). An answer alone therefore proves nothing about the server.

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway_target::GetGatewayTargetOutput;
use aws_sdk_bedrockagentcorecontrol::types::{AuthorizerType, CustomJwtAuthorizerConfiguration, ListingMode};

use crate::agentcore::gateway as agentcore_gateway;
use crate::agentcore::gateway_target::{self, GatewayTarget, TargetRef};
use crate::agentcore::provisioned::{self, Provisioned};
use crate::agentcore::synchronization;
use crate::agentcore::target_failure;
use crate::agentcore::waiters::{Live, Phase};
use crate::authorizer::custom_jwt;
use crate::code::Code;
use crate::error::Error;
use crate::job::Job;
use crate::mcp::{Catalogue, ServerUrl};

/// The separator between a target's name and a tool's (developer guide, gateway tool naming).
const SEPARATOR: &str = "___";

/// A gateway and the one target of it that is probed.
pub(super) struct Gateway {
    front: GetGatewayOutput,
    target: TargetRef,
    live: GetGatewayTargetOutput,
}

impl Gateway {
    /// Reads both, once the target has left its transitional states.
    pub(super) async fn read(job: &Job<'_>, target: &TargetRef) -> Result<Self, Error> {
        let missing = |what: &str| {
            let problem = format!("is {target}, and there is no such {what} in this account and Region; give another");
            Error::property("GatewayTargetId", problem)
        };
        let gateway =
            agentcore_gateway::Gateway::get(job, &target.gateway_id).await?.ok_or_else(|| missing("gateway"))?;
        let live = provisioned::wait_settled::<GatewayTarget>(job, target).await?.ok_or_else(|| missing("target"))?;
        if !gateway_target::has_tools(&live) {
            let sentence = target_failure::failure(job, target, &live).await.to_string();
            return Err(Error::unverified(Code::TargetNotReady, sentence));
        }
        Ok(Self { front: gateway, target: target.clone(), live })
    }

    /// Returns the address for MCP clients. Returns `None` if AgentCore reports none.
    pub(super) fn url(&self) -> Option<ServerUrl> {
        self.front.gateway_url().and_then(|url| ServerUrl::parse(url).ok())
    }

    /// Returns the authorizer type of the gateway.
    pub(super) fn authorizer_type(&self) -> &AuthorizerType {
        self.front.authorizer_type()
    }

    /// Returns the conditions that a token has to meet, if the gateway accepts tokens.
    pub(super) fn authorizer(&self) -> Option<&CustomJwtAuthorizerConfiguration> {
        custom_jwt(self.front.authorizer_configuration())
    }

    /// Returns the URL of the server behind the target.
    pub(super) fn server(&self) -> Option<ServerUrl> {
        gateway_target::server_url(&self.live)
    }

    /// Returns the target's name.
    pub(super) fn target_name(&self) -> &str {
        self.live.name()
    }

    /// Returns the name under which the gateway lists a tool of the target.
    pub(super) fn listed_name(&self, tool: &str) -> String {
        format!("{}{tool}", self.prefix())
    }

    /// Returns the beginning of the names under which the gateway lists the target's tools.
    pub(super) fn prefix(&self) -> String {
        format!("{}{SEPARATOR}", self.live.name())
    }

    /// Returns the tools of the target, under the server's own names. The search tool and other targets' tools do not
    /// count.
    pub(super) fn own(&self, catalogue: Catalogue) -> Catalogue {
        let prefix = self.prefix();
        let own =
            |names: &[String]| names.iter().filter_map(|tool| tool.strip_prefix(&prefix)).map(str::to_owned).collect();
        Catalogue { tools: own(&catalogue.tools), changing: own(&catalogue.changing), ..catalogue }
    }

    /// Returns true if the gateway has not read the target's tools from the server, although it could.
    pub(super) fn is_unproven(&self) -> bool {
        let proven = self.live.phase() == Phase::Ready && self.live.last_synchronized_at().is_some();
        self.can_synchronize() && !proven
    }

    /// Returns true if the gateway keeps a list of its own that can be synchronized.
    pub(super) fn can_synchronize(&self) -> bool {
        synchronization::can_synchronize(&self.live)
    }

    /// Lets the gateway read the target's tools from the server. A target that was deleted meanwhile is an error of its
    /// own: it says nothing about the server.
    pub(super) async fn synchronize(&mut self, job: &Job<'_>) -> Result<(), Error> {
        self.live = synchronization::attempt(job, &self.target).await?;
        if self.live.phase() == Phase::Ready {
            return Ok(());
        }
        let sentence = target_failure::failure(job, &self.target, &self.live).await.to_string();
        Err(Error::unverified(Code::TargetNotSynchronized, sentence))
    }

    /// Returns the remedy for unexpected tools, after a synchronization if the target allows one.
    pub(super) fn remedy(&self) -> &'static str {
        let server = gateway_target::mcp_server(&self.live);
        if self.can_synchronize() {
            "synchronizing the target did not help: check that the target's `Endpoint` is the intended server, and \
             read the server's log"
        } else if server.is_some_and(|server| server.listing_mode() == Some(&ListingMode::Dynamic)) {
            "the gateway asks the server every time: check that the target's `Endpoint` is the intended server, and \
             read the server's log"
        } else {
            "the gateway has the tools from the target's `ToolSchema` or `ToolSchemaS3Uri`: bring that up to date"
        }
    }
}
