//! Refusals of a runtime beyond the constraints of the service model.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::errors::invalid;
use super::runtime_configuration::Configuration;
use super::{headers, rules};
use crate::service::ApiError;

/// Checks a configuration, and the input it came from where the configuration no longer shows it.
pub(super) fn check(configuration: &Configuration, input: &Map<String, Value>) -> Result<(), ApiError> {
    check_network(input)?;
    configuration.jwt_authorizer().map_or(Ok(()), rules::check_authorizer)?;
    headers::check(configuration)?;
    let (idle, longest) = configuration.lifecycle();
    if idle > longest {
        return Err(invalid(format!(
            "idleRuntimeSessionTimeout ({idle}) must be less than or equal to maxLifetime ({longest})."
        )));
    }
    if input.get("metadataConfiguration").is_some_and(|metadata| metadata["requireMMDSV2"] == false) {
        // O: hashicorp/terraform-provider-aws#48874, for agents created after 15 February 2026.
        return Err(invalid("requireMMDSV2 cannot be set to false for this agent."));
    }
    if configuration.get("protocolConfiguration").is_some_and(|protocol| protocol["port"] == RESERVED_PORT) {
        return Err(invalid(format!("Port {RESERVED_PORT} is reserved.")));
    }
    check_ports(configuration)
}

const RESERVED_PORT: u64 = 8443;

fn check_network(input: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(network) = input.get("networkConfiguration") else { return Ok(()) };
    let vpc = network.get("networkModeConfig").filter(|config| !config.is_null());
    match (network["networkMode"].as_str(), vpc) {
        (Some("VPC"), None) => Err(invalid("networkModeConfig is required when networkMode is VPC.")),
        (Some("PUBLIC"), Some(_)) => Err(invalid("networkModeConfig is not allowed when networkMode is PUBLIC.")),
        _ => Ok(()),
    }
}

/// 2026-05-01T00:00:00Z.
const S3_ENDPOINT_NOT_REQUIRED: Duration = Duration::from_hours(24 * 20_574);

/// Checks the member that only runtimes older than May 2026 may have, and only in an update [API VpcConfig]. `created`
/// is the time of the runtime's creation; `None` in a create.
pub(super) fn check_s3_endpoint(input: &Map<String, Value>, created: Option<SystemTime>) -> Result<(), ApiError> {
    let vpc = input.get("networkConfiguration").and_then(|network| network.get("networkModeConfig"));
    let old = created.is_some_and(|created| created < SystemTime::UNIX_EPOCH + S3_ENDPOINT_NOT_REQUIRED);
    if !old && vpc.is_some_and(|vpc| vpc.get("requireServiceS3Endpoint").is_some()) {
        return Err(invalid("requireServiceS3Endpoint cannot be specified for this agent."));
    }
    Ok(())
}

/// Ports beyond the first: no overlap, and not the reserved one.
fn check_ports(configuration: &Configuration) -> Result<(), ApiError> {
    let ports = configuration.get("allowedPorts").and_then(Value::as_array).into_iter().flatten();
    let mut ranges: Vec<(u64, u64)> = ports
        .map(|port| match port.get("portRange") {
            Some(range) => (range["from"].as_u64().unwrap_or_default(), range["to"].as_u64().unwrap_or_default()),
            None => (port["port"].as_u64().unwrap_or_default(), port["port"].as_u64().unwrap_or_default()),
        })
        .collect();
    ranges.sort_unstable();
    let backwards = ranges.iter().any(|(from, to)| from > to);
    let overlap = ranges.windows(2).any(|pair| pair[0].1 >= pair[1].0);
    let reserved = ranges.iter().any(|(from, to)| (*from..=*to).contains(&RESERVED_PORT));
    if backwards || overlap || reserved {
        return Err(invalid(format!("allowedPorts must not overlap and must not include {RESERVED_PORT}.")));
    }
    Ok(())
}
