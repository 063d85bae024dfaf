//! The URLs of AgentCore's data plane: where runtimes and gateways are called.

use std::sync::Arc;

use crate::aws::Context;
use crate::endpoints::{Endpoints, Service};

/// Stands before the Region in the host of a runtime's URL.
const RUNTIME_HOST: &str = "bedrock-agentcore.";
/// Stands between a gateway's id and the Region in the host of its URL.
const GATEWAY_HOST: &str = ".gateway.bedrock-agentcore.";
/// What AWS's hosts end in, partition by partition (botocore's partitions.json).
const DNS_SUFFIXES: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

/// The invocation URL of a runtime, taken apart (data plane API reference, InvokeAgentRuntime).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RuntimeUrl {
    /// The Region in its host.
    pub(crate) region: String,
    /// The runtime's ARN, or its id.
    runtime: String,
    host: String,
    query: String,
}

impl RuntimeUrl {
    /// `None` for the URL of anything else. The ARN may be percent-encoded or not.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let (region, _) = host.strip_prefix(RUNTIME_HOST)?.split_once('.')?;
        let (runtime, query) = path.strip_prefix("runtimes/")?.split_once("/invocations")?;
        let runtime = runtime.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
        (!runtime.is_empty()).then(|| Self {
            region: region.to_owned(),
            runtime,
            host: host.to_owned(),
            query: query.to_owned(),
        })
    }

    /// The runtime's id.
    pub(crate) fn id(&self) -> &str {
        self.runtime.rsplit('/').next().unwrap_or_default()
    }

    /// The runtime's ARN, if the URL names it by that.
    pub(crate) fn arn(&self) -> Option<&str> {
        self.runtime.starts_with("arn:").then_some(self.runtime.as_str())
    }

    /// Whether the runtime is in the Region and account of the resource `arn`, as far as the URL tells. One elsewhere
    /// cannot be looked at: its id means nothing here, or another runtime.
    pub(crate) fn is_beside(&self, arn: &str) -> bool {
        let Some((region, account)) = region_and_account(arn) else { return false };
        let in_query = self.query.split(['?', '&']).find_map(|pair| pair.strip_prefix("accountId="));
        let named = self.arn().and_then(region_and_account).or(in_query.map(|account| (region, account)));
        self.region == region && named.is_none_or(|named| named == (region, account))
    }

    /// The URL with the ARN percent-encoded, which is the form that a gateway's target takes.
    pub(crate) fn encoded(&self) -> String {
        let runtime = self.runtime.replace(':', "%3A").replace('/', "%2F");
        format!("https://{}/runtimes/{runtime}/invocations{}", self.host, self.query)
    }
}

fn region_and_account(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':').skip(3);
    Some((parts.next()?, parts.next()?))
}

/// The Region of a runtime's or gateway's URL, for which requests to it are signed. `None` for an address that is not
/// AgentCore's: whoever gets a signed request gets the role's session token, too.
pub(crate) fn region(url: &str) -> Option<&str> {
    let (host, _) = url.strip_prefix("https://")?.split_once('/')?;
    let rest = host.strip_prefix(RUNTIME_HOST).or_else(|| host.split_once(GATEWAY_HOST).map(|(_, rest)| rest))?;
    let (region, suffix) = rest.split_once('.')?;
    DNS_SUFFIXES.contains(&suffix).then_some(region)
}

/// The place of a server, as far as it decides who answers for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind AgentCore Runtime.
    Runtime,
    /// It is a gateway.
    Gateway,
    /// Not on AgentCore.
    Elsewhere,
}

impl Place {
    /// Returns where the server at a URL is.
    #[must_use]
    pub fn of(url: &str) -> Self {
        let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.contains(GATEWAY_HOST) {
            Self::Gateway
        } else if RuntimeUrl::parse(url).is_some() {
            Self::Runtime
        } else {
            Self::Elsewhere
        }
    }
}

/// Returns the URL that requests to `url` really go to. A runtime's go to the data plane's endpoint of the kind that
/// the function's environment asks for; a gateway has the one address that AgentCore gave it, unless one endpoint
/// serves all of AWS.
pub(crate) fn effective_url(context: &Context, url: &str) -> Arc<str> {
    let elsewhere = runtime_at(&context.endpoints, url).or_else(|| gateway_below(context.endpoints.url_of_all()?, url));
    elsewhere.unwrap_or_else(|| url.to_owned()).into()
}

fn runtime_at(endpoints: &Endpoints, url: &str) -> Option<String> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let region_and_suffix = host.strip_prefix(RUNTIME_HOST)?;
    Some(match endpoints.url(Service::AgentCore) {
        Some(endpoint) => format!("{}/{path}", endpoint.trim_end_matches('/')),
        None => format!("https://{}/{path}", endpoints.host(RUNTIME_HOST.trim_end_matches('.'), region_and_suffix)),
    })
}

/// The place of a gateway below an endpoint that serves all of AWS.
fn gateway_below(endpoint: &str, url: &str) -> Option<String> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let (gateway_id, _) = host.split_once(GATEWAY_HOST)?;
    Some(format!("{}/gateway-endpoints/{gateway_id}/{path}", endpoint.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com";
    const ARN: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/mcp-AbCdEf1234";

    #[test]
    fn a_runtime_is_named_by_its_url_in_any_form() {
        let encoded = format!(
            "{HOST}/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A111122223333%3Aruntime%2Fmcp-AbCdEf1234/\
             invocations?qualifier=DEFAULT"
        );
        for url in [
            encoded.clone(),
            format!("{HOST}/runtimes/{ARN}/invocations?qualifier=DEFAULT"),
            encoded.replace("%3A", "%3a").replace("%2F", "%2f"),
        ] {
            let parsed = RuntimeUrl::parse(&url).unwrap();
            assert_eq!((parsed.id(), parsed.arn()), ("mcp-AbCdEf1234", Some(ARN)), "{url}");
            assert_eq!((parsed.region.as_str(), parsed.encoded()), ("us-east-1", encoded.clone()));
        }
        let by_id = RuntimeUrl::parse(&format!("{HOST}/runtimes/mcp-AbCdEf1234/invocations?accountId=1")).unwrap();
        assert_eq!((by_id.id(), by_id.arn()), ("mcp-AbCdEf1234", None));
        for other in ["https://example.com/mcp", "https://example.com/runtimes/x/invocations", HOST, ""] {
            assert_eq!(RuntimeUrl::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_runtime_is_beside_what_is_in_its_region_and_account() {
        let stack = "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/1";
        for (place, beside) in [
            (format!("{HOST}/runtimes/{ARN}"), true),
            (format!("{HOST}/runtimes/mcp-AbCdEf1234"), true),
            (format!("{HOST}/runtimes/{}", ARN.replace("111122223333", "999999999999")), false),
            (format!("{HOST}/runtimes/{}", ARN.replace("us-east-1", "eu-west-1")), false),
            (format!("{}/runtimes/mcp-AbCdEf1234", HOST.replace("us-east-1", "eu-west-1")), false),
        ] {
            let url = RuntimeUrl::parse(&format!("{place}/invocations?qualifier=DEFAULT")).unwrap();
            assert_eq!(url.is_beside(stack), beside, "{place}");
        }
        for (account, beside) in [("111122223333", true), ("999999999999", false)] {
            let url = format!("{HOST}/runtimes/mcp-AbCdEf1234/invocations?qualifier=DEFAULT&accountId={account}");
            assert_eq!(RuntimeUrl::parse(&url).unwrap().is_beside(stack), beside);
        }
        assert_eq!(region(&format!("{HOST}/runtimes/x")), Some("us-east-1"));
        assert_eq!(region("https://a-b.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp"), Some("eu-west-1"));
        for elsewhere in [
            "https://example.com/mcp",
            "https://bedrock-agentcore.us-east-1.amazonaws.com.example.com/runtimes/x",
            "https://bedrock-agentcore.us-east-1.example.com/runtimes/x",
            "https://a-b.gateway.bedrock-agentcore.us-east-1.example.com/mcp",
            "https://bedrock-agentcore.us-east-1.amazonaws.com:8443/runtimes/x",
        ] {
            assert_eq!(region(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn an_emulated_aws_serves_runtimes_and_gateways_below_one_endpoint() {
        let read = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:1/".to_owned());
        let endpoints = Endpoints::from_environment(read).unwrap();
        let below = |url: &str| runtime_at(&endpoints, url).or_else(|| gateway_below(endpoints.url_of_all()?, url));
        assert_eq!(below(&format!("{HOST}/runtimes/x")).as_deref(), Some("http://127.0.0.1:1/runtimes/x"));
        let gateway = "https://mcp-abcdefghij.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp";
        assert_eq!(below(gateway).as_deref(), Some("http://127.0.0.1:1/gateway-endpoints/mcp-abcdefghij/mcp"));
        assert_eq!((Place::of(gateway), Place::of(HOST)), (Place::Gateway, Place::Elsewhere));
        assert_eq!(Place::of(&format!("{HOST}/runtimes/x/invocations")), Place::Runtime);
        assert_eq!(below("https://example.com/mcp"), None);

        let fips = Endpoints::from_environment(|name| name.starts_with("AWS_USE_").then(|| "true".to_owned())).unwrap();
        assert_eq!(
            runtime_at(&fips, &format!("{HOST}/runtimes/x")).as_deref(),
            Some("https://bedrock-agentcore-fips.us-east-1.api.aws/runtimes/x")
        );
    }
}
