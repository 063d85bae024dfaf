//! The URLs of AgentCore's data plane, at which runtimes and gateways are called.

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use url::Url;

use crate::arn::Arn;
use crate::endpoints::{AGENTCORE, Endpoints, Partition};
use crate::http::Connectors;
use crate::https_url::HttpsUrl;

/// The first label of the host of a runtime's URL; the third of a gateway's.
const DATA_PLANE: &str = "bedrock-agentcore";
/// The same for endpoints with FIPS 140 validated cryptography, which only runtimes have.
const FIPS_DATA_PLANE: &str = "bedrock-agentcore-fips";
/// The label between a gateway's id and the name above.
const GATEWAY: &str = "gateway";
/// The path at which a gateway speaks MCP: the end of its `gatewayUrl` (API reference, GetGateway).
const GATEWAY_PATH: &str = "/mcp";

/// The place of a server, as far as it decides who answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The server is behind AgentCore Runtime.
    Runtime,
    /// The server is a gateway.
    Gateway,
    /// The server is not on AgentCore.
    Elsewhere,
}

/// The URL of an MCP server, and what it tells about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    url: HttpsUrl,
    host: Option<DataPlaneHost>,
    runtime: Option<RuntimeInUrl>,
    place: Place,
}

impl From<HttpsUrl> for ServerUrl {
    /// Returns the server at a URL. The URL of a runtime gets the form that a gateway's target takes: the ARN in it is
    /// percent-encoded. Other URLs keep their text.
    fn from(url: HttpsUrl) -> Self {
        let host = DataPlaneHost::of(url.parsed());
        let runtime = host.as_ref().and_then(|host| RuntimeInUrl::of(host, url.parsed()));
        let place = match (&host, &runtime) {
            (_, Some(_)) => Place::Runtime,
            (Some(host), None) if host.is_gateway && url.parsed().path() == GATEWAY_PATH => Place::Gateway,
            // Other paths of the same hosts are other operations, such as StopRuntimeSession.
            _ => Place::Elsewhere,
        };
        let encoded = runtime.as_ref().map(|runtime| url.with_path(&runtime.path()));
        Self { url: encoded.unwrap_or(url), host, runtime, place }
    }
}

impl ServerUrl {
    /// Reads the https URL of a server. The error completes "…, which".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        HttpsUrl::parse(text).map(Self::from)
    }

    /// Returns the URL, which is not yet the one that is called: see [`Destination`].
    pub(crate) fn url(&self) -> &HttpsUrl {
        &self.url
    }

    /// Returns the place of the server.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Returns the runtime, if the server is behind one.
    pub(crate) fn runtime(&self) -> Option<&RuntimeInUrl> {
        self.runtime.as_ref()
    }

    /// Returns the runtime, if it is in the Region and account of the resource `arn`, as far as the URL tells. A runtime
    /// elsewhere cannot be read: its id means nothing here, or another runtime.
    pub(crate) fn runtime_next_to(&self, arn: &str) -> Option<&RuntimeInUrl> {
        self.runtime().filter(|runtime| runtime.is_in_account_and_region_of(arn))
    }

    /// Returns the Region of a runtime or a gateway, for which requests to the URL are signed. Returns `None` for an
    /// address at which AgentCore invokes neither.
    pub(crate) fn region(&self) -> Option<&str> {
        self.host.as_ref().filter(|_| self.place != Place::Elsewhere).map(DataPlaneHost::region)
    }

    /// Returns the destination of requests from a function in the Region `own`. A runtime is called at the endpoint of the
    /// kind that the function's environment asks for. A gateway has only the address that AgentCore gave it.
    pub(crate) fn destination(&self, endpoints: &Endpoints, own: &str) -> Destination {
        let url = self.url.parsed();
        let is_own = |host: &&DataPlaneHost| Partition::of(host.region()) == Partition::of(own);
        match self.host.as_ref().filter(is_own).and_then(|host| host.at_endpoint(url, endpoints)) {
            Some(url) => Destination { url, is_aws: true, signing_region: self.region().map(str::to_owned) },
            None => Destination { url: url.clone(), is_aws: false, signing_region: None },
        }
    }
}

/// A host of AgentCore's data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DataPlaneHost {
    /// True for the host of a gateway, which has one of its own.
    is_gateway: bool,
    first_label: String,
    /// The Region and the suffix of the partition.
    region_and_suffix: String,
}

impl DataPlaneHost {
    /// Parses the host. Returns `None` for a host that is not exactly one of AgentCore's, or has a port of its own. A
    /// host with a Region that is none is another service's, and may be anybody's: `bedrock-agentcore.s3.amazonaws.com`
    /// is a bucket.
    fn of(url: &Url) -> Option<Self> {
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
        is_known.then(|| Self {
            is_gateway,
            first_label: first.to_owned(),
            region_and_suffix: region_and_suffix.to_owned(),
        })
    }

    fn region(&self) -> &str {
        self.region_and_suffix.split('.').next().unwrap_or_default()
    }

    /// Returns a URL of this host at the endpoint that the function's environment names or asks for.
    fn at_endpoint(&self, url: &Url, endpoints: &Endpoints) -> Option<Url> {
        let mut called = url.clone();
        called.set_fragment(None);
        if self.is_gateway {
            return Some(called);
        }
        let Some(endpoint) = endpoints.url(AGENTCORE) else {
            called.set_host(Some(&endpoints.host(&self.first_label, &self.region_and_suffix))).ok()?;
            return Some(called);
        };
        let base = endpoint.path().trim_end_matches('/');
        called = endpoint.clone();
        called.set_path(&format!("{base}{}", url.path()));
        called.set_query(url.query());
        Some(called)
    }
}

/// The runtime in an invocation URL (data plane API reference, InvokeAgentRuntime).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeInUrl {
    /// The runtime's ARN, or its id.
    name: String,
    /// The Region in the URL's host.
    region: String,
    /// The account in the URL's query.
    account: Option<String>,
}

impl RuntimeInUrl {
    /// Reads a runtime's URL. Returns `None` for every other URL. The ARN may be percent-encoded or not.
    fn of(host: &DataPlaneHost, url: &Url) -> Option<Self> {
        let name = url.path().strip_prefix("/runtimes/")?.strip_suffix("/invocations")?;
        let name = name.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
        // AWS decodes further encodings, too, so that a runtime's name would end where no reader sees it.
        if host.is_gateway || name.is_empty() || name.contains('%') {
            return None;
        }
        let account = url.query_pairs().find(|(name, _)| name == "accountId").map(|(_, account)| account.into_owned());
        Some(Self { name, region: host.region().to_owned(), account })
    }

    /// Returns the path of the runtime's URL, with the ARN percent-encoded.
    fn path(&self) -> String {
        format!("/runtimes/{}/invocations", self.name.replace(':', "%3A").replace('/', "%2F"))
    }

    /// Returns the runtime's id.
    pub(crate) fn id(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the runtime's ARN, if the URL names the runtime by its ARN.
    pub(crate) fn arn(&self) -> Option<&str> {
        self.name.starts_with("arn:").then_some(self.name.as_str())
    }

    fn is_in_account_and_region_of(&self, arn: &str) -> bool {
        let Some((region, account)) = region_and_account(arn) else { return false };
        let in_query = self.account.as_deref().map(|account| (region, account));
        let named = self.arn().and_then(region_and_account).or(in_query);
        self.region == region && named.is_none_or(|named| named == (region, account))
    }
}

/// Returns the Region and the account in an ARN.
pub(crate) fn region_and_account(arn: &str) -> Option<(&str, &str)> {
    Arn::parse(arn).map(|arn| (arn.region, arn.account))
}

/// The address to which requests for a URL are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The URL that is called, and signed.
    pub(crate) url: Url,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "us-east-1";
    const HOST: &str = "https://bedrock-agentcore.us-east-1.amazonaws.com";
    const ARN: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/mcp-AbCdEf1234";

    fn server(url: &str) -> ServerUrl {
        ServerUrl::parse(url).unwrap_or_else(|problem| panic!("{url} {problem}"))
    }

    fn destination(url: &str, own: &str) -> Destination {
        server(url).destination(&Endpoints::default(), own)
    }

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
            let server = server(&url);
            let runtime = server.runtime().unwrap();
            assert_eq!((runtime.id(), runtime.arn()), ("mcp-AbCdEf1234", Some(ARN)), "{url}");
            assert_eq!((server.region(), server.url().as_str()), (Some("us-east-1"), encoded.as_str()));
        }
        let by_id = server(&format!("{HOST}/runtimes/mcp-AbCdEf1234/invocations?accountId=1"));
        let by_id = by_id.runtime().unwrap();
        assert_eq!((by_id.id(), by_id.arn()), ("mcp-AbCdEf1234", None));
        for other in ["https://Example.com/mcp", "https://example.com/runtimes/x/invocations", HOST] {
            let server = server(other);
            assert_eq!((server.runtime(), server.url().as_str()), (None, other));
        }
        assert!(ServerUrl::parse("").is_err());
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
            let server = server(&format!("{place}/invocations?qualifier=DEFAULT"));
            assert!(server.runtime().is_some());
            assert_eq!(server.runtime_next_to(stack).is_some(), beside, "{place}");
        }
        for (account, beside) in [("111122223333", true), ("999999999999", false)] {
            let url = format!("{HOST}/runtimes/mcp-AbCdEf1234/invocations?qualifier=DEFAULT&accountId={account}");
            assert_eq!(server(&url).runtime_next_to(stack).is_some(), beside);
        }
        assert_eq!(server(&format!("{HOST}/runtimes/x/invocations")).region(), Some("us-east-1"));
        let gateway = "https://a-b.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp";
        assert_eq!(server(gateway).region(), Some("eu-west-1"));
        for elsewhere in [
            "https://example.com/mcp",
            "https://bedrock-agentcore.us-east-1.amazonaws.com.example.com/runtimes/x/invocations",
            "https://bedrock-agentcore.us-east-1.example.com/runtimes/x/invocations",
            "https://a-b.gateway.bedrock-agentcore.us-east-1.example.com/mcp",
            "https://bedrock-agentcore.us-east-1.amazonaws.com:8443/runtimes/x/invocations",
        ] {
            assert_eq!(server(elsewhere).region(), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_runtime_is_called_where_the_environment_says_and_a_gateway_where_it_is() {
        let aws = |url: &str, variables: &[(&str, &str)]| {
            let read = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
            let destination = server(url).destination(&Endpoints::from_environment(read).unwrap(), OWN);
            assert!(destination.is_aws, "{url}");
            destination.url.to_string()
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
        assert_eq!((server(&fips).place(), server(&fips).region()), (Place::Runtime, Some("us-east-1")));
        let own = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")];
        assert_eq!(aws(&runtime, &own), "http://127.0.0.1:1/runtimes/x/invocations?qualifier=DEFAULT");
        let gateway = "https://mcp-abcdefghij.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp";
        for variables in [&[][..], &both, &own] {
            assert_eq!(aws(gateway, variables), gateway);
        }
        assert_eq!((server(gateway).place(), server(HOST).place()), (Place::Gateway, Place::Elsewhere));
        assert_eq!(server(&runtime).place(), Place::Runtime);
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
                // Some of these are refused before that.
                let Ok(server) = ServerUrl::parse(&url) else { continue };
                assert_eq!(
                    (server.place(), server.region(), server.runtime()),
                    (Place::Elsewhere, None, None),
                    "{url}"
                );
                assert!(!server.destination(&Endpoints::default(), OWN).is_aws, "{url}");
            }
            // The same host in another spelling, and the port that https has anyway.
            for url in [format!("https://{}/{path}", host.to_uppercase()), format!("HTTPS://{host}:443/{path}")] {
                assert_eq!(server(&url).region(), Some("us-east-1"), "{url}");
                assert_eq!(destination(&url, OWN).url.as_str(), format!("https://{host}/{path}"), "{url}");
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
                    let destination = destination(&url, own);
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
                    assert_eq!((server(&url).place(), server(&url).region()), (Place::Elsewhere, None), "{url}");
                    let destination = destination(&url, own);
                    assert_eq!((destination.signing_region, destination.is_aws), (None, false), "{url}");
                }
            }
        }
    }

    #[test]
    fn a_request_is_signed_for_the_functions_own_partition() {
        let signed = |region: &str, suffix: &str| {
            let url = format!("https://x.gateway.bedrock-agentcore.{region}.{suffix}/mcp");
            destination(&url, OWN).signing_region
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
            let destination = destination(&url, OWN);
            assert_eq!((destination.signing_region, destination.is_aws), (None, true), "{url}");
            assert_eq!((server(&url).place(), server(&url).region()), (Place::Elsewhere, None), "{url}");
        }
    }

    #[test]
    fn the_path_that_is_signed_is_the_path_that_is_sent() {
        let url = format!("{HOST}/runtimes/x/invocations/../../secret?a=b#c");
        assert_eq!(destination(&url, OWN).url.as_str(), format!("{HOST}/runtimes/secret?a=b"));
        assert_eq!(server(&url).place(), Place::Elsewhere);
        let url = Url::parse("https://example.com/b").unwrap();
        let elsewhere = Destination { url, is_aws: false, signing_region: None };
        assert_eq!(destination("https://Example.COM/a/../b", OWN), elsewhere);
    }
}
