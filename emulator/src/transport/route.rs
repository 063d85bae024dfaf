//! Finds out who answers a request, by the name of its host.

use http::Request;

use crate::aws::Aws;
use crate::gateway_endpoint::is_gateway_host;
use crate::reply::Reply;
use crate::service::ServiceId;
use crate::settings::Settings;

/// Suffixes of hosts that serve IPv4 alone, and of those that serve both versions (botocore's partitions.json).
const DUAL_STACK_SUFFIXES: [(&str, &str); 7] = [
    ("amazonaws.com", "api.aws"),
    ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("amazonaws.eu", "api.amazonwebservices.eu"),
    ("c2s.ic.gov", "api.aws.ic.gov"),
    ("sc2s.sgov.gov", "api.aws.scloud"),
    ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

/// Returns true if something answers at a host, with its port unless that is 443.
pub(super) fn is_known(aws: &Aws, authority: &str) -> bool {
    aws.with(|world| world.responses.host() == authority || world.identity_providers.is_host(authority))
        || service(authority, aws.settings()).is_some()
        || is_gateway_host(authority, aws.settings())
}

/// Answers a request, whose URI is absolute. Returns `None` if nothing answers at its host.
pub(super) async fn serve(aws: &Aws, request: &Request<Vec<u8>>) -> Option<Reply> {
    let authority = request.uri().authority().map_or("", http::uri::Authority::as_str);
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    let is_bucket = aws.with(|world| world.responses.host() == host);
    match service(host, aws.settings()) {
        Some(ServiceId::AgentCore) => Some(aws.serve_data_plane(request).await),
        Some(service) => Some(aws.slowly(|aws| aws.serve(request, Some(service))).await),
        None if is_bucket => Some(aws.slowly(|aws| aws.serve_response_bucket(request)).await),
        None if is_gateway_host(host, aws.settings()) => Some(aws.serve_gateway_endpoint(request).await),
        None => aws.serve_identity_provider(request).await,
    }
}

/// Returns the service at a host: at its standard endpoint of the Region, or at its FIPS or dual-stack endpoint.
fn service(host: &str, settings: &Settings) -> Option<ServiceId> {
    let Settings { region, dns_suffix, .. } = settings;
    // FIPS endpoints are in the Regions of North America.
    let may_be_fips = ["us-", "ca-"].iter().any(|area| region.starts_with(area));
    let dual_stack = DUAL_STACK_SUFFIXES.iter().find(|(single, _)| single == dns_suffix).map(|(_, dual)| *dual);
    ServiceId::ALL.into_iter().find(|service| {
        // Secrets Manager has one host for both versions of IP.
        let suffixes = [Some(dns_suffix.as_str()), dual_stack.filter(|_| *service != ServiceId::SecretsManager)];
        suffixes.into_iter().flatten().any(|suffix| {
            let Some(name) = host.strip_suffix(&format!(".{region}.{suffix}")) else { return false };
            name == service.name() || (may_be_fips && name.strip_suffix("-fips") == Some(service.name()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_at_its_endpoints_of_the_region_and_nowhere_else() {
        let settings = Settings::default();
        for (host, expected) in [
            ("logs.us-east-1.amazonaws.com", Some(ServiceId::Logs)),
            ("logs-fips.us-east-1.amazonaws.com", Some(ServiceId::Logs)),
            ("logs.us-east-1.api.aws", Some(ServiceId::Logs)),
            ("logs-fips.us-east-1.api.aws", Some(ServiceId::Logs)),
            ("bedrock-agentcore-control-fips.us-east-1.api.aws", Some(ServiceId::AgentCoreControl)),
            ("bedrock-agentcore-fips.us-east-1.amazonaws.com", Some(ServiceId::AgentCore)),
            ("secretsmanager-fips.us-east-1.amazonaws.com", Some(ServiceId::SecretsManager)),
            ("secretsmanager.us-east-1.api.aws", None),
            ("logs.eu-west-1.amazonaws.com", None),
            ("logs.us-east-1.amazonaws.com.cn", None),
            ("s3.us-east-1.amazonaws.com", None),
        ] {
            assert_eq!(service(host, &settings), expected, "{host}");
        }
        let settings = Settings { region: "eu-central-1".to_owned(), ..settings };
        assert_eq!(service("logs.eu-central-1.amazonaws.com", &settings), Some(ServiceId::Logs));
        assert_eq!(service("logs-fips.eu-central-1.amazonaws.com", &settings), None);
    }
}
