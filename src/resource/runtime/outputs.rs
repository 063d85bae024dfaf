//! What `Fn::GetAtt` offers of a runtime. Pure.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;
use aws_sdk_bedrockagentcorecontrol::types::WorkloadIdentityDetails;

use super::platform::V1;

/// The endpoint that follows the newest version by itself.
const ENDPOINT: &str = "DEFAULT";

/// The attributes of a runtime that is READY.
pub(super) fn attributes(live: &GetAgentRuntimeOutput) -> BTreeMap<&'static str, String> {
    let arn = live.agent_runtime_arn();
    let id = live.agent_runtime_id();
    let identity = live.workload_identity_details().map(WorkloadIdentityDetails::workload_identity_arn);
    BTreeMap::from([
        ("AgentRuntimeId", id.to_owned()),
        ("AgentRuntimeArn", arn.to_owned()),
        ("AgentRuntimeVersion", live.agent_runtime_version().to_owned()),
        ("McpUrl", mcp_url(arn)),
        ("WorkloadIdentityArn", identity.unwrap_or_default().to_owned()),
        ("LogGroupName", log_group_name(id)),
        ("PlatformVersion", live.platform_version().unwrap_or(V1).to_owned()),
    ])
}

/// Returns the log group to which the endpoint's containers print (developer guide, observability).
pub(super) fn log_group_name(id: &str) -> String {
    format!("/aws/bedrock-agentcore/runtimes/{id}-{ENDPOINT}")
}

/// The invocation URL, with the ARN percent-encoded (data plane API reference, InvokeAgentRuntime).
fn mcp_url(arn: &str) -> String {
    let mut parts = arn.split(':').skip(1);
    let partition = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or_default();
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    let suffix = dns_suffix(partition);
    format!("https://bedrock-agentcore.{region}.{suffix}/runtimes/{encoded}/invocations?qualifier={ENDPOINT}")
}

/// The domain of a partition's endpoints (the SDK's partition metadata).
fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_carries_the_encoded_arn() {
        let arn = "arn:aws-cn:bedrock-agentcore:cn-north-1:111122223333:runtime/mcp-AbCdEf1234";
        assert_eq!(
            mcp_url(arn),
            "https://bedrock-agentcore.cn-north-1.amazonaws.com.cn/runtimes/arn%3Aaws-cn%3Abedrock-agentcore%3A\
             cn-north-1%3A111122223333%3Aruntime%2Fmcp-AbCdEf1234/invocations?qualifier=DEFAULT"
        );
    }
}
