//! Networks: security groups and VPC endpoints. They connect nothing here; what EC2 would refuse is refused.

use emulator::ids::alphanumeric;
use serde_json::{Map, Value, json};

use super::place::{Others, Place, PutResult, attributes};
use super::schema::integer;
use crate::intrinsics::{list, text};

/// Services with an interface endpoint, as far as a runtime needs them, behind `com.amazonaws.<region>.`.
const INTERFACES: [&str; 9] = [
    "bedrock-agentcore",
    "bedrock-agentcore-control",
    "bedrock-agentcore.gateway",
    "bedrock-runtime",
    "ecr.api",
    "ecr.dkr",
    "logs",
    "secretsmanager",
    "sts",
];
/// Services with a gateway endpoint.
const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];

/// Creates or updates a security group of a VPC.
pub(super) fn put_security_group(place: &Place<'_>, properties: &Map<String, Value>, others: &mut Others) -> PutResult {
    let vpc = properties.get("VpcId").and_then(text).unwrap_or_default();
    check_id("vpc-", &vpc)?;
    for name in ["SecurityGroupIngress", "SecurityGroupEgress"] {
        properties.get(name).map(list).unwrap_or_default().iter().try_for_each(check_rule)?;
    }
    let id = id("sg-", place);
    let attributes = attributes(json!({"GroupId": id, "Id": id, "VpcId": vpc}));
    Ok((others.remember(place, id)?, attributes))
}

/// Refuses a rule of a security group without a protocol, without ports for TCP and UDP, or without exactly one peer.
fn check_rule(rule: &Value) -> Result<(), String> {
    const PEERS: [&str; 8] = [
        "CidrIp",
        "CidrIpv6",
        "DestinationPrefixListId",
        "DestinationSecurityGroupId",
        "SourcePrefixListId",
        "SourceSecurityGroupId",
        "SourceSecurityGroupName",
        "SourceSecurityGroupOwnerId",
    ];
    const OTHERS: [&str; 4] = ["Description", "FromPort", "IpProtocol", "ToPort"];
    let rule = rule.as_object().ok_or("a rule of a security group must be an object")?;
    if let Some(unknown) = rule.keys().find(|name| !PEERS.contains(&name.as_str()) && !OTHERS.contains(&name.as_str()))
    {
        return Err(format!("Encountered unsupported property {unknown}"));
    }
    let protocol = rule.get("IpProtocol").and_then(text).ok_or("a rule of a security group needs IpProtocol")?;
    let has_ports = ["FromPort", "ToPort"].iter().all(|name| rule.get(*name).and_then(integer).is_some());
    if matches!(protocol.as_str(), "tcp" | "udp" | "6" | "17") && !has_ports {
        return Err(format!("Invalid value 'Must specify both from and to ports with {protocol}' for portRange."));
    }
    match PEERS.iter().filter(|name| rule.contains_key(**name)).count() {
        1 => Ok(()),
        count => Err(format!("a rule of a security group needs exactly one peer, and this one has {count}")),
    }
}

/// Creates or updates a VPC endpoint of AWS's own services.
pub(super) fn put_vpc_endpoint(place: &Place<'_>, properties: &Map<String, Value>, others: &mut Others) -> PutResult {
    let given = |name: &str| properties.get(name).and_then(text).unwrap_or_default();
    let ids = |name: &str| -> Vec<String> {
        properties.get(name).map(list).unwrap_or_default().iter().filter_map(text).collect()
    };
    let (vpc, service) = (given("VpcId"), given("ServiceName"));
    check_id("vpc-", &vpc)?;
    let kind = properties.get("VpcEndpointType").and_then(text).unwrap_or_else(|| "Gateway".to_owned());
    let (known, wanted, unwanted): (&[&str], &[(&str, &str)], &[&str]) = match kind.as_str() {
        "Gateway" => (&GATEWAYS, &[("RouteTableIds", "rtb-")], &["SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled"]),
        "Interface" => (&INTERFACES, &[("SubnetIds", "subnet-"), ("SecurityGroupIds", "sg-")], &["RouteTableIds"]),
        _ => return Err(format!("VpcEndpointType {kind} is not known to the emulator")),
    };
    let prefix = format!("com.amazonaws.{}.", place.aws.settings().region);
    let short = service.strip_prefix(&prefix).filter(|short| known.contains(short));
    let Some(short) = short else { return Err(format!("The Vpc Endpoint Service '{service}' does not exist")) };
    if let Some(name) = unwanted.iter().find(|name| properties.contains_key(**name)) {
        return Err(format!("{name} is not supported for an endpoint of the type {kind}"));
    }
    for (name, prefix) in wanted {
        let ids = ids(name);
        if ids.is_empty() {
            return Err(format!("an endpoint of the type {kind} needs {name}"));
        }
        ids.iter().try_for_each(|id| check_id(prefix, id))?;
    }
    let id = id("vpce-", place);
    // Two endpoints cannot answer for the same host names, or for the same routes, of one VPC.
    others.claim(&id, format!("{short} in {vpc}"))?;
    let attributes = attributes(json!({
        "Id": id,
        "CreationTimestamp": "2026-10-01T12:00:00Z",
        "DnsEntries": [],
        "NetworkInterfaceIds": [],
    }));
    Ok((others.remember(place, id)?, attributes))
}

/// Returns the id that the resource of this name has.
fn id(prefix: &str, place: &Place<'_>) -> String {
    if place.exists {
        return place.name.clone();
    }
    format!("{prefix}0{}", alphanumeric(&place.name, 16).to_ascii_lowercase())
}

/// Refuses what is not the id of a network resource.
fn check_id(prefix: &str, id: &str) -> Result<(), String> {
    let digits = id.strip_prefix(prefix).unwrap_or_default();
    let fits = (8..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(()) } else { Err(format!("Invalid id: \"{id}\" (expecting \"{prefix}...\")")) }
}
