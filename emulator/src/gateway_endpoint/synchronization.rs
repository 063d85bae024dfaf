//! Reading the catalogues of targets, unattended: in the background of the calls that start it.

use serde_json::Value;

use super::client::{Connection, TARGET_TIMEOUT};
use crate::agentcore_control::{Gateway, GatewayTarget, Synchronization};
use crate::aws::Aws;
use crate::iam::Requirement;
use crate::service::Principal;

/// The beginning of a target's status reason [gh neo4j/mcp#204].
const REASON: &str = "Failed to connect and fetch tools from the provided MCP target server";

impl Aws {
    /// Reads a catalogue and ends its synchronization.
    pub(crate) async fn synchronize(self, synchronization: Synchronization) {
        let now = self.clock().now();
        let found = self.with(|world| {
            let gateway = world.agentcore.gateway(&synchronization.gateway_id, now)?;
            Some((gateway.clone(), gateway.target(&synchronization.target_id, now)?.clone()))
        });
        // A deleted target does not wait.
        let Some((gateway, target)) = found else { return };
        let tools = self.fetch_tools(&gateway, &target).await.map_err(|problem| format!("{REASON}: {problem}"));
        let wait = synchronization.not_before.duration_since(self.clock().now()).unwrap_or_default();
        tokio::time::sleep(wait).await;
        let now = self.clock().now();
        self.with(|world| world.agentcore.finish_synchronization(&synchronization, tools, now));
    }

    /// Fetches all tools of a target from its server now.
    pub(super) async fn fetch_tools(&self, gateway: &Gateway, target: &GatewayTarget) -> Result<Vec<Value>, String> {
        self.check_key(gateway)?;
        let fetching = async { self.connect(gateway, target).await?.tools().await };
        let gave_up = |_| Err(format!("no answer within {} s", TARGET_TIMEOUT.as_secs()));
        tokio::time::timeout(TARGET_TIMEOUT, fetching).await.unwrap_or_else(gave_up)
    }

    /// Checks that the gateway's role may use the gateway's key. The role calls KMS itself, so that the call has neither
    /// `kms:ViaService` nor an encryption context of the gateway (O: deployments with these conditions were denied).
    fn check_key(&self, gateway: &Gateway) -> Result<(), String> {
        let Some(key) = gateway.kms_key_arn() else { return Ok(()) };
        let role = Principal::Role(gateway.role_arn().to_owned());
        let requirements =
            ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey"].map(|it| Requirement::new(it, key));
        self.with(|world| world.iam.authorize(&role, &requirements)).map_err(|error| error.message)
    }

    pub(super) async fn connect(&self, gateway: &Gateway, target: &GatewayTarget) -> Result<Connection<'_>, String> {
        let outbound = self.outbound(gateway, target).await?;
        Connection::open(self, target, outbound).await
    }
}
