//! What `Fn::GetAtt` offers of a gateway. Pure.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::WorkloadIdentityDetails;

use crate::authorizer::Authorizer;

/// The attributes of a gateway that is READY.
pub(super) fn attributes(live: &GetGatewayOutput) -> BTreeMap<&'static str, String> {
    let identity = live.workload_identity_details().map(WorkloadIdentityDetails::workload_identity_arn);
    let authorizer = live.authorizer_configuration().map(Authorizer::from_api);
    let claim = authorizer.as_ref().and_then(Authorizer::client_claim);
    BTreeMap::from([
        ("GatewayId", live.gateway_id().to_owned()),
        ("GatewayArn", live.gateway_arn().to_owned()),
        ("GatewayUrl", live.gateway_url().unwrap_or_default().to_owned()),
        ("WorkloadIdentityArn", identity.unwrap_or_default().to_owned()),
        ("RoleArn", live.role_arn().unwrap_or_default().to_owned()),
        ("ClientClaimName", claim.unwrap_or_default().to_owned()),
    ])
}
