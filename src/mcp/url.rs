//! The URLs of AgentCore's data plane, at which runtimes and gateways are called.

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use url::{Position, Url};

use crate::arn::Arn;
use crate::endpoints::{AGENTCORE, Endpoints, Partition};
use crate::http::Connectors;
use crate::https_url;

/// The first label of the host of a runtime's URL; the third of a gateway's.
const DATA_PLANE: &str = "bedrock-agentcore";
/// The same for endpoints with FIPS 140 validated cryptography, which only runtimes have.
const FIPS_DATA_PLANE: &str = "bedrock-agentcore-fips";
/// The label between a gateway's id and the name above.
const GATEWAY: &str = "gateway";
/// The path at which a gateway speaks MCP: the end of its `gatewayUrl` (API reference, GetGateway).
const GATEWAY_PATH: &str = "/mcp";

/// A host of AgentCore's data plane.
#[derive(Debug, PartialEq, Eq)]
struct DataPlaneHost<'u> {
    /// True for the host of a gateway, which has one of its own.
    is_gateway: bool,
    first_label: &'u str,
    region: &'u str,
    /// The Region and the suffix of the partition.
    region_and_suffix: &'u str,
}

impl<'u> DataPlaneHost<'u> {
    /// Parses the host. Returns `None` for a host that is not exactly one of AgentCore's, or has a port of its own. A
    /// host with a Region that is none is another service's, and may be anybody's: `bedrock-agentcore.s3.amazonaws.com`
    /// is a bucket.
    fn of(url: &'u Url) -> Option<Self> {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let host = url.host_str().filter(|_| url.port().is_none())?;
        let (first, rest) = host.split_once('.')?;
        let (is_gateway, region_and_suffix) = if [DATA_PLANE, FIPS_DATA_PLANE].contains(&first) {
            (false, rest)
        } else {
            (true, rest.strip_prefix(GATEWAY)?.strip_prefix('.')?.strip_prefix(DATA_PLANE)?.strip_prefix('.')?)
        };
        let (region, suffix) = region_and_suffix.split_once('.')?;
        let is_known =
            is_label(first) && Partition::of(region).is_some_and(|it| suffix == it.single || suffix == it.dual);
        is_known.then_some(Self { is_gateway, first_label: first, region, region_and_suffix })
    }
}

/// The parts of a runtime's invocation URL (data plane API reference, InvokeAgentRuntime).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RuntimeUrl {
    /// The Region in its host.
    pub(crate) region: String,
    /// The runtime's ARN, or its id.
    runtime: String,
    /// The whole URL, with the ARN percent-encoded.
    url: Url,
}

impl RuntimeUrl {
    /// Parses a runtime's URL. Returns `None` for every other URL. The ARN may be percent-encoded or not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of(&https_url::parse(text).ok()?)
    }

    fn of(url: &Url) -> Option<Self> {
        let host = DataPlaneHost::of(url).filter(|host| !host.is_gateway)?;
        let runtime = url.path().strip_prefix("/runtimes/")?.strip_suffix("/invocations")?;
        let runtime = runtime.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
        // AWS decodes further encodings, too, so that a runtime's name would end where no reader sees it.
        if runtime.is_empty() || runtime.contains('%') {
            return None;
        }
        let mut encoded = url.clone();
        encoded.set_path(&format!("/runtimes/{}/invocations", runtime.replace(':', "%3A").replace('/', "%2F")));
        encoded.set_fragment(None);
        Some(Self { region: host.region.to_owned(), runtime, url: encoded })
    }

    /// Returns the runtime's id.
    pub(crate) fn id(&self) -> &str {
        self.runtime.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the runtime's ARN, if the URL names the runtime by its ARN.
    pub(crate) fn arn(&self) -> Option<&str> {
        self.runtime.starts_with("arn:").then_some(self.runtime.as_str())
    }

    /// Returns true if the runtime is in the Region and account of the resource `arn`, as far as the URL tells. A
    /// runtime elsewhere cannot be read: its id means nothing here, or another runtime.
    pub(crate) fn is_in_account_and_region_of(&self, arn: &str) -> bool {
        let Some((region, account)) = region_and_account(arn) else { return false };
        let in_query = self.url.query_pairs().find(|(name, _)| name == "accountId").map(|(_, account)| account);
        let named = self.arn().and_then(region_and_account).or(in_query.as_deref().map(|account| (region, account)));
        self.region == region && named.is_none_or(|named| named == (region, account))
    }

    /// Returns the URL with the ARN percent-encoded, which is the form that a gateway's target takes.
    pub(crate) fn encoded(&self) -> String {
        self.url.to_string()
    }
}

/// Returns the Region and the account in an ARN.
pub(crate) fn region_and_account(arn: &str) -> Option<(&str, &str)> {
    Arn::parse(arn).map(|arn| (arn.region, arn.account))
}

/// Returns the Region of a runtime's or gateway's URL, for which requests to the URL are signed. Returns `None` for an
/// address at which AgentCore invokes neither.
pub(crate) fn region(text: &str) -> Option<String> {
    let url = https_url::parse(text).ok()?;
    DataPlaneHost::of(&url).filter(|_| Place::at(&url) != Place::Elsewhere).map(|host| host.region.to_owned())
}

/// The place of a server, as far as it decides who answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The server is behind AgentCore Runtime.
    Runtime,
    /// The server is a gateway.
    Gateway,
    /// The server is not on AgentCore.
    Elsewhere,
}

impl Place {
    /// Returns the place of the server at a URL.
    #[must_use]
    pub fn of(url: &str) -> Self {
        https_url::parse(url).map_or(Self::Elsewhere, |url| Self::at(&url))
    }

    /// Other paths of the same hosts are other operations, such as StopRuntimeSession.
    fn at(url: &Url) -> Self {
        match DataPlaneHost::of(url) {
            Some(host) if host.is_gateway && url.path() == GATEWAY_PATH => Self::Gateway,
            Some(_) if RuntimeUrl::of(url).is_some() => Self::Runtime,
            _ => Self::Elsewhere,
        }
    }
}

/// The address to which requests for a URL are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The URL that is called, and signed.
    pub(crate) url: String,
    /// True if the host is AgentCore's own, or the endpoint that the function's environment names in its place. Any
    /// other host is named by a template or a document, and may only be called through the SSRF guard.
    pub(crate) is_aws: bool,
    /// The Region for which a request is signed. `None` if it must not be signed, because its receiver gets the role's
    /// session token, too: only a runtime and a gateway of the function's partition may.
    pub(crate) signing_region: Option<String>,
}

impl Destination {
    /// Returns the connector for this destination.
    pub(crate) fn connector<'c>(&self, connectors: &'c Connectors) -> &'c SharedHttpConnector {
        if self.is_aws { &connectors.aws } else { &connectors.guarded }
    }

    /// Returns the destination of requests for `text` from a function in the Region `own`. A runtime is called at the
    /// endpoint of the kind that the function's environment asks for. A gateway has only the address that AgentCore
    /// gave it.
    pub(crate) fn of(text: &str, endpoints: &Endpoints, own: &str) -> Self {
        let elsewhere = |url: String| Self { url, is_aws: false, signing_region: None };
        let Ok(url) = https_url::parse(text) else { return elsewhere(text.to_owned()) };
        let host = DataPlaneHost::of(&url).filter(|host| Partition::of(host.region) == Partition::of(own));
        let Some(host) = host else { return elsewhere(url.into()) };
        let signing_region = (Place::at(&url) != Place::Elsewhere).then(|| host.region.to_owned());
        if host.is_gateway {
            return Self { url: url.into(), is_aws: true, signing_region };
        }
        let origin = match endpoints.url(AGENTCORE) {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}", endpoints.host(host.first_label, host.region_and_suffix)),
        };
        let url = format!("{origin}{}", &url[Position::BeforePath..Position::AfterQuery]);
        Self { url, is_aws: true, signing_region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "us-east-1";
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
    fn a_runtime_is_in_the_account_and_region_that_its_url_names() {
        let stack = "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/1";
        for (place, beside) in [
            (format!("{HOST}/runtimes/{ARN}"), true),
            (format!("{HOST}/runtimes/mcp-AbCdEf1234"), true),
            (format!("{HOST}/runtimes/{}", ARN.replace("111122223333", "999999999999")), false),
            (format!("{HOST}/runtimes/{}", ARN.replace("us-east-1", "eu-west-1")), false),
            (format!("{}/runtimes/mcp-AbCdEf1234", HOST.replace("us-east-1", "eu-west-1")), false),
        ] {
            let url = RuntimeUrl::parse(&format!("{place}/invocations?qualifier=DEFAULT")).unwrap();
            assert_eq!(url.is_in_account_and_region_of(stack), beside, "{place}");
        }
        for (account, beside) in [("111122223333", true), ("999999999999", false)] {
            let url = format!("{HOST}/runtimes/mcp-AbCdEf1234/invocations?qualifier=DEFAULT&accountId={account}");
            assert_eq!(RuntimeUrl::parse(&url).unwrap().is_in_account_and_region_of(stack), beside);
        }
        assert_eq!(region(&format!("{HOST}/runtimes/x/invocations")).as_deref(), Some("us-east-1"));
        let gateway = "https://a-b.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp";
        assert_eq!(region(gateway).as_deref(), Some("eu-west-1"));
        for elsewhere in [
            "https://example.com/mcp",
            "https://bedrock-agentcore.us-east-1.amazonaws.com.example.com/runtimes/x/invocations",
            "https://bedrock-agentcore.us-east-1.example.com/runtimes/x/invocations",
            "https://a-b.gateway.bedrock-agentcore.us-east-1.example.com/mcp",
            "https://bedrock-agentcore.us-east-1.amazonaws.com:8443/runtimes/x/invocations",
        ] {
            assert_eq!(region(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_runtime_is_called_where_the_environment_says_and_a_gateway_where_it_is() {
        let aws = |url: &str, variables: &[(&str, &str)]| {
            let read = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
            let destination = Destination::of(url, &Endpoints::from_environment(read).unwrap(), OWN);
            assert!(destination.is_aws, "{url}");
            destination.url
        };
        let runtime = format!("{HOST}/runtimes/x/invocations?qualifier=DEFAULT");
        assert_eq!(aws(&runtime, &[]), runtime);
        let both = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
        assert_eq!(
            aws(&runtime, &both),
            "https://bedrock-agentcore-fips.us-east-1.api.aws/runtimes/x/invocations?qualifier=DEFAULT"
        );
        let fips = runtime.replace("agentcore.", "agentcore-fips.");
        assert_eq!(aws(&fips, &[]), fips, "an endpoint of this kind that is named is not replaced by another");
        assert_eq!(aws(&fips, &both[..1]), fips);
        assert_eq!((Place::of(&fips), region(&fips).as_deref()), (Place::Runtime, Some("us-east-1")));
        let own = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")];
        assert_eq!(aws(&runtime, &own), "http://127.0.0.1:1/runtimes/x/invocations?qualifier=DEFAULT");
        let gateway = "https://mcp-abcdefghij.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp";
        for variables in [&[][..], &both, &own] {
            assert_eq!(aws(gateway, variables), gateway);
        }
        assert_eq!((Place::of(gateway), Place::of(HOST)), (Place::Gateway, Place::Elsewhere));
        assert_eq!(Place::of(&runtime), Place::Runtime);
    }

    /// The receiver of a signed request gets the role's session token.
    #[test]
    fn a_host_is_agentcores_by_its_whole_name_or_not_at_all() {
        let (runtime, gateway) =
            ("bedrock-agentcore.us-east-1.amazonaws.com", "a-b.gateway.bedrock-agentcore.us-east-1.amazonaws.com");
        for (host, path) in [(runtime, "runtimes/x/invocations"), (gateway, "mcp")] {
            for url in [
                format!("https://evil.example.com?x.{host}/{path}"),
                format!("https://evil.example.com/?x.{host}/{path}"),
                format!("https://evil.example.com#x.{host}/{path}"),
                format!("https://evil.example.com:443?.{host}/{path}"),
                format!("https://evil.example.com\\.{host}/{path}"),
                format!("https://evil.example.com/.{host}/{path}"),
                format!("https://{host}@evil.example.com/{path}"),
                format!("https://user@{host}/{path}"),
                format!("https://user:password@{host}/{path}"),
                format!("https://{host}:8443/{path}"),
                format!("https://{host}./{path}"),
                format!("https://{host}.example.com/{path}"),
                format!("https://{}/{path}", host.replace("bedrock-agentcore", "evil-bedrock-agentcore")),
                format!("https://x.{host}/{path}"),
                format!("https://{}/{path}", host.replace("amazonaws.com", "example.com")),
                format!("https://{}/{path}", host.replace("amazonaws.com", "amazonaws.com.cn.example.com")),
                format!("https://{}/{path}", host.replace("us-east-1.", "")),
                format!("https://{}/{path}", host.replace("us-east-1", "")),
                format!("https://{}/{path}", host.replace('.', "%2e")),
                format!("https://{}/{path}", host.replace("bedrock", "bedrock%2d")),
                format!("http://{host}/{path}"),
                format!("https:{host}/{path}"),
                format!("//{host}/{path}"),
            ] {
                assert_eq!((Place::of(&url), region(&url)), (Place::Elsewhere, None), "{url}");
                assert!(RuntimeUrl::parse(&url).is_none(), "{url}");
                assert!(!Destination::of(&url, &Endpoints::default(), OWN).is_aws, "{url}");
            }
            // The same host in another spelling, and the port that https has anyway.
            for url in [format!("https://{}/{path}", host.to_uppercase()), format!("HTTPS://{host}:443/{path}")] {
                assert_eq!(region(&url).as_deref(), Some("us-east-1"), "{url}");
                assert_eq!(
                    Destination::of(&url, &Endpoints::default(), OWN).url,
                    format!("https://{host}/{path}"),
                    "{url}"
                );
            }
        }
    }

    #[test]
    fn a_region_is_one_of_the_partition_that_its_suffix_belongs_to() {
        for (own, suffixes) in [
            ("us-east-1", ["amazonaws.com", "api.aws"]),
            ("us-gov-west-1", ["amazonaws.com", "api.aws"]),
            ("cn-north-1", ["amazonaws.com.cn", "api.amazonwebservices.com.cn"]),
            ("eusc-de-east-1", ["amazonaws.eu", "api.amazonwebservices.eu"]),
        ] {
            let hosts = ["bedrock-agentcore", "x.gateway.bedrock-agentcore"];
            for (name, path) in hosts.into_iter().zip(["runtimes/x/invocations", "mcp"]) {
                for suffix in suffixes {
                    let url = format!("https://{name}.{own}.{suffix}/{path}");
                    let destination = Destination::of(&url, &Endpoints::default(), own);
                    assert_eq!((destination.signing_region.as_deref(), destination.is_aws), (Some(own), true), "{url}");
                }
                for (region, suffix) in [
                    // Other services, whose names under them anybody may own.
                    ("s3", "amazonaws.com"),
                    ("elb", "amazonaws.com"),
                    ("s3-us-west-2", "amazonaws.com"),
                    ("cloudfront", "amazonaws.com"),
                    ("s3", "api.aws"),
                    ("region-1", suffixes[0]),
                    // Regions of another partition.
                    ("us-east-1", "amazonaws.com.cn"),
                    ("us-east-1", "amazonaws.eu"),
                    ("cn-north-1", "amazonaws.com"),
                    ("eusc-de-east-1", "api.aws"),
                ] {
                    let url = format!("https://{name}.{region}.{suffix}/{path}");
                    assert_eq!((Place::of(&url), super::region(&url)), (Place::Elsewhere, None), "{url}");
                    let destination = Destination::of(&url, &Endpoints::default(), own);
                    assert_eq!((destination.signing_region, destination.is_aws), (None, false), "{url}");
                }
            }
        }
    }

    #[test]
    fn a_request_is_signed_for_the_functions_own_partition() {
        let signed = |region: &str, suffix: &str| {
            let url = format!("https://x.gateway.bedrock-agentcore.{region}.{suffix}/mcp");
            Destination::of(&url, &Endpoints::default(), OWN).signing_region
        };
        assert_eq!(signed("eu-west-1", "amazonaws.com").as_deref(), Some("eu-west-1"));
        for (region, suffix) in
            [("us-gov-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn"), ("eusc-de-east-1", "amazonaws.eu")]
        {
            assert_eq!(signed(region, suffix), None, "{region}");
        }
    }

    /// The data plane has the operations of memories, browsers and sessions at the same hosts.
    #[test]
    fn only_what_invokes_a_runtime_or_a_gateway_is_signed() {
        let gateway = "https://x.gateway.bedrock-agentcore.us-east-1.amazonaws.com";
        for url in [
            format!("{HOST}/memories/m-1/events"),
            format!("{HOST}/runtimes/x/stopruntimesession"),
            format!("{HOST}/runtimes/x/invocations/"),
            format!("{HOST}/runtimes/x/invocationsx"),
            format!("{HOST}/runtimes/x/invocations/.well-known/oauth-protected-resource"),
            format!("{HOST}/runtimes/x%2Fstopruntimesession%3F/invocations"),
            format!("{HOST}/runtimes//invocations"),
            format!("{HOST}/mcp"),
            "https://bedrock-agentcore-fips.us-east-1.amazonaws.com/mcp".to_owned(),
            format!("{gateway}/"),
            format!("{gateway}/mcp/"),
            format!("{gateway}/runtimes/x/invocations"),
        ] {
            let destination = Destination::of(&url, &Endpoints::default(), OWN);
            assert_eq!((destination.signing_region, destination.is_aws), (None, true), "{url}");
            assert_eq!((Place::of(&url), region(&url)), (Place::Elsewhere, None), "{url}");
        }
    }

    #[test]
    fn the_path_that_is_signed_is_the_path_that_is_sent() {
        let url = format!("{HOST}/runtimes/x/invocations/../../secret?a=b#c");
        assert_eq!(Destination::of(&url, &Endpoints::default(), OWN).url, format!("{HOST}/runtimes/secret?a=b"));
        assert_eq!(Place::of(&url), Place::Elsewhere);
        let elsewhere = Destination::of("https://Example.COM/a b", &Endpoints::default(), OWN);
        let url = "https://Example.COM/a b".to_owned();
        assert_eq!(elsewhere, Destination { url, is_aws: false, signing_region: None });
    }
}
