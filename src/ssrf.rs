//! Keeps requests to URLs that a template or a document names away from addresses that only the function can reach
//! (server-side request forgery, SSRF): itself, the services of its machine, and AWS's sources of credentials.
//!
//! Private addresses are allowed, because identity providers and servers inside a VPC have them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::{error, fmt, io};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::https_url::HttpsUrl;

const LOOPBACK: &str = "a loopback address";

/// Reads a URL that a template or a document names, if the function would call it, as far as the text tells: the host may
/// still resolve to a refused address. The error completes "…, which": "is a local address".
pub(crate) fn callable_url(text: impl Into<String>) -> Result<HttpsUrl, &'static str> {
    let url = HttpsUrl::parse(text)?;
    match refused_host(url.parsed()) {
        None => Ok(url),
        Some(_) => Err("is a local address"),
    }
}

/// A request that was not sent, because its host is or resolves to an address that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    host: String,
    /// The address that the host resolves to, if the host is a name.
    address: Option<IpAddr>,
    /// The kind of the address: "a loopback address".
    kind: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address, kind } = self;
        match address {
            Some(address) => {
                write!(f, "its host {host} resolves to {address}, {kind}, which the function does not call")
            }
            None => write!(f, "its host {host} is {kind}, which the function does not call"),
        }
    }
}

impl error::Error for Refusal {}

impl Refusal {
    /// Returns the refusal of a name with these addresses, if one of them is refused.
    fn of_resolved(host: &str, addresses: &[IpAddr]) -> Option<Self> {
        let (address, kind) = addresses.iter().find_map(|address| Some((*address, refused(*address)?)))?;
        Some(Self { host: host.to_owned(), address: Some(address), kind })
    }

    /// Returns the refusal among the causes of an error.
    pub(crate) fn among_causes<'e>(error: &'e (dyn error::Error + 'static)) -> Option<&'e Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
    }
}

/// A connector that sends nothing to a host that is a refused address. The HTTP client does not resolve such a host, so
/// that [`GuardedResolver`] does not see it.
#[derive(Clone, Debug)]
pub(crate) struct LiteralGuard(pub(crate) SharedHttpConnector);

impl HttpConnector for LiteralGuard {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // In the normal form of `Url`, decimal, octal and hexadecimal addresses are dotted ones.
        let refused = Url::parse(request.uri()).ok().and_then(|url| {
            let kind = refused_host(&url)?;
            Some(Refusal { host: url.host_str().unwrap_or_default().to_owned(), address: None, kind })
        });
        match refused {
            Some(refusal) => HttpConnectorFuture::ready(Err(ConnectorError::user(refusal.into()))),
            None => self.0.call(request),
        }
    }
}

/// Returns the kind of address that a URL's host is, if it is refused.
fn refused_host(url: &Url) -> Option<&'static str> {
    match url.host()? {
        Host::Ipv4(address) => refused_v4(address),
        Host::Ipv6(address) => refused_v6(address),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // RFC 6761, section 6.3: these names are loopback without being resolved.
            (name == "localhost" || name.ends_with(".localhost")).then_some(LOOPBACK)
        }
    }
}

/// Returns the kind of a refused address, `None` for an address that may be called.
fn refused(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refused_v4(address),
        IpAddr::V6(address) => refused_v6(address),
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [127, ..] => Some(LOOPBACK),
        [0, ..] => Some("an unspecified address"),
        // Instance metadata 169.254.169.254, credentials of containers 169.254.170.2 and 169.254.170.23.
        [169, 254, ..] => Some("a link-local address"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved or broadcast address"),
        _ => None,
    }
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let low = |address: Ipv6Addr| {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(LOOPBACK),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a site-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        // Instance metadata fd00:ec2::254, credentials of pods fd00:ec2::23, and AWS's other services of an instance.
        [0xfd00, 0x0ec2, ..] => Some("an address of AWS's instance services"),
        // Forms of an IPv4 address: compatible, mapped, translated (RFC 4291, section 2.5.5; RFC 2765, section 2.1); NAT64
        // (RFC 6052, section 2.1).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            refused_v4(low(address))
        }
        // The place of the IPv4 address is each network's own choice (RFC 8215, section 4).
        [0x64, 0xff9b, 1, ..] => Some("an address of a translator of the local network"),
        // 6to4 (RFC 3056, section 2).
        [0x2002, high, low, ..] => refused_v4(from(high, low)),
        // Teredo has the client's address inverted (RFC 4380, section 4).
        [0x2001, 0, .., high, low] => refused_v4(from(!high, !low)),
        _ => None,
    }
}

/// Looks up the addresses of a name.
pub(crate) trait Lookup: Send + Sync + 'static {
    /// Returns the addresses, in the order in which the client tries them.
    fn lookup(&self, name: String) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The lookup of the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    async fn lookup(&self, name: String) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A resolver for the HTTP client that refuses a name if one of its addresses is refused. The client connects to the
/// addresses that were checked, so that a second answer of the name server changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct GuardedResolver<L>(Arc<L>);

impl<L: Lookup> GuardedResolver<L> {
    pub(crate) fn new(lookup: L) -> Self {
        Self(Arc::new(lookup))
    }

    /// Returns the refusal of a name, if it resolves to a refused address. Returns `None` if nobody knows the name.
    pub(crate) async fn refusal(&self, host: &str) -> Option<Refusal> {
        let addresses = self.0.lookup(host.to_owned()).await.ok()?;
        Refusal::of_resolved(host, &addresses)
    }
}

impl<L: Lookup> Resolve for GuardedResolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let addresses = lookup.lookup(host.clone()).await?;
            if let Some(refusal) = Refusal::of_resolved(&host, &addresses) {
                return Err(refusal.into());
            }
            // The client replaces port 0 by the port of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A network whose every name resolves to the function's own machine.
    #[derive(Debug)]
    pub(crate) struct Home;

    impl HttpConnector for Home {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let host = request.uri().split('/').nth(2).unwrap_or_default().to_owned();
            let refusal = Refusal { host, address: Some(Ipv4Addr::LOCALHOST.into()), kind: LOOPBACK };
            HttpConnectorFuture::ready(Err(ConnectorError::io(refusal.into())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// Addresses in every form in which they mean the machine of the function or a service of that machine.
    const REFUSED: [&str; 39] = [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.1.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "::127.0.0.1",
        "::169.254.169.254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::ffff:255.255.255.255",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::0.0.0.0",
        "64:ff9b:1::169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1::203.0.113.9",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:e000:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "::0.0.0.2",
        "::ffff:224.0.0.1",
    ];
    const ALLOWED: [&str; 11] = [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "203.0.113.9",
        "2001:db8::1",
        "fd12:3456::1",
        "::ffff:10.0.0.1",
        "64:ff9b::203.0.113.9",
        "2002:cb00:7109::1",
        "2600:1f18::1",
    ];

    #[test]
    fn addresses_of_the_machine_are_refused_in_every_form() {
        for text in REFUSED {
            let address: IpAddr = text.parse().unwrap();
            assert!(refused(address).is_some(), "{text}");
        }
        for text in ALLOWED {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(refused(address), None, "{text}");
        }
    }

    #[test]
    fn a_url_from_outside_is_called_by_https_and_not_at_home() {
        for url in ["https://idp.example.com/token", "https://10.0.0.1:8443/", "https://[2001:db8::1]/"] {
            assert!(callable_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://idp.example.com/token",
            "http://127.0.0.1:9001/",
            "https://localhost/",
            "https://LOCALHOST.:8443/",
            "https://idp.localhost/",
            "https://127.1.2.3/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7F.1/",
            "https://017700000001/",
            "https://0251.0376.0251.0376/",
            "https://１２７.0.0.1/",
            "https://127.0.0.1./",
            "https://169.254.169.254/latest",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::127.0.0.1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://user@idp.example.com/",
            "file:///etc/passwd",
            "/token",
            "",
        ] {
            assert!(callable_url(url).is_err(), "{url}");
        }
    }

    /// A lookup that knows one name and counts its calls.
    struct One(Vec<IpAddr>, AtomicUsize);

    impl Lookup for One {
        async fn lookup(&self, _: String) -> io::Result<Vec<IpAddr>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(self.0.clone())
        }
    }

    async fn resolve(addresses: &[&str]) -> Result<Vec<SocketAddr>, String> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let resolver = GuardedResolver::new(One(addresses, AtomicUsize::default()));
        let answer = resolver.resolve("idp.example.com".parse().unwrap()).await;
        assert_eq!(resolver.0.1.load(Ordering::Relaxed), 1);
        answer.map(Iterator::collect).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_is_refused_by_the_addresses_that_it_resolves_to() {
        for address in REFUSED {
            let problem = resolve(&[address]).await.unwrap_err();
            assert!(problem.starts_with("its host idp.example.com resolves to "), "{problem}");
        }
        for address in ALLOWED {
            assert_eq!(resolve(&[address]).await.unwrap().len(), 1, "{address}");
        }
        // One refused address is enough, at any place.
        let problem = resolve(&["203.0.113.9", "127.0.0.1"]).await.unwrap_err();
        assert_eq!(
            problem,
            "its host idp.example.com resolves to 127.0.0.1, a loopback address, which the function does not call"
        );
        assert_eq!(resolve(&["203.0.113.9", "2001:db8::1"]).await.unwrap().len(), 2);
    }

    /// Fails if it is called.
    #[derive(Debug)]
    struct Never;

    impl HttpConnector for Never {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            panic!("{} was called", request.uri())
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_to_a_refused_address_in_a_url() {
        let guard = LiteralGuard(SharedHttpConnector::new(Never));
        for url in
            ["https://127.0.0.1/", "https://0x7f000001/", "https://[::ffff:7f00:1]:8443/", "https://a.localhost/"]
        {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_uri(url).unwrap();
            let error = guard.call(request).await.unwrap_err();
            let refusal = Refusal::among_causes(&error).unwrap_or_else(|| panic!("{url}: {error:?}"));
            assert!(
                refusal.to_string().ends_with("is a loopback address, which the function does not call"),
                "{refusal}"
            );
        }
    }
}
