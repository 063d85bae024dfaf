//! One HTTP exchange that is no SDK call: the answer to CloudFormation, an identity provider, an MCP server's metadata.

use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use crate::error::root_cause;

/// Upper bound of a body that is read: discovery documents, tokens and key sets are far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Reply {
    /// A header's value; names are compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why the function does not call a URL that an identity provider or a server names; `None` if it does. What is asked
/// there may be secret, and a name from outside is no way to what only the function can reach. `allow_loopback`: AWS
/// itself is emulated there.
#[must_use]
pub fn objection(url: &str, allow_loopback: bool) -> Option<&'static str> {
    const NO_HTTPS: &str = "which is not an https URL";
    let uri: Option<Uri> = url.parse().ok();
    let Some(authority) = uri.as_ref().and_then(Uri::authority) else { return Some(NO_HTTPS) };
    let host = authority.host().trim_matches(['[', ']']).trim_end_matches('.');
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    let loopback = host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
    let link_local = address.is_some_and(|address| match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_unspecified(),
    });
    match uri.as_ref().and_then(Uri::scheme_str) {
        Some("http" | "https") if loopback && allow_loopback => None,
        Some("https") if authority.as_str().contains('@') => Some("which names a user"),
        Some("https") if loopback || link_local => Some("which is a local address"),
        Some("https") => None,
        _ => Some(NO_HTTPS),
    }
}

/// Sends one request and reads the whole reply. Follows no redirect and repeats nothing. The error is the reason, for
/// people, and never quotes the URL, which may be a secret.
pub async fn exchange(
    connector: &SharedHttpConnector,
    method: &str,
    url: &str,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
    limit: Duration,
) -> Result<Reply, String> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method).map_err(|error| error.to_string())?;
    request.set_uri(url).map_err(|_| "the URL is not usable".to_owned())?;
    for (name, value) in headers {
        request
            .headers_mut()
            .try_insert(*name, value.clone())
            .map_err(|_| format!("the header {name} is not usable"))?;
    }
    let exchanging = async { read(connector.call(request).await.map_err(|error| connection_problem(&error))?).await };
    timeout(limit, exchanging).await.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

/// Why there is no answer: "the connection failed: Connection refused (os error 111)". Never quotes the URL.
pub(crate) fn connection_problem(error: &ConnectorError) -> String {
    if error.is_timeout() {
        return "the connection timed out".to_owned();
    }
    format!("the connection failed: {}", root_cause(error))
}

async fn read(response: HttpResponse) -> Result<Reply, String> {
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|_| "the reply broke off or is too long".to_owned())?.to_bytes().to_vec();
    Ok(Reply { status, body, headers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::HttpsConnector;

    #[test]
    fn a_url_from_outside_is_called_by_https_and_not_at_home() {
        for url in ["https://idp.example.com/token", "https://10.0.0.1:8443/", "https://[2001:db8::1]/"] {
            assert_eq!(objection(url, false), None, "{url}");
        }
        for url in [
            "http://idp.example.com/token",
            "http://127.0.0.1:9001/",
            "https://localhost/",
            "https://LOCALHOST.:8443/",
            "https://127.1.2.3/",
            "https://169.254.169.254/latest",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[fe80::1]/",
            "https://user@idp.example.com/",
            "file:///etc/passwd",
            "/token",
            "",
        ] {
            assert!(objection(url, false).is_some(), "{url}");
        }
        for url in ["http://127.0.0.1:4000/mcp", "https://localhost:4001/token"] {
            assert_eq!(objection(url, true), None, "{url}");
        }
        assert!(objection("http://idp.example.com/", true).is_some());
    }

    /// The connector's own limit of 30 s was shorter than what a caller may want, and ended with the connection's words.
    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_as_long_as_the_caller_says() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("its address"));
        let connector = SharedHttpConnector::new(HttpsConnector::default());
        let problem = exchange(&connector, "GET", &url, &[], Vec::new(), Duration::from_secs(44)).await.unwrap_err();
        assert_eq!(problem, "no answer within 44 s");
    }

    #[tokio::test]
    async fn a_connection_that_fails_says_why_and_not_where() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/secret", listener.local_addr().expect("its address"));
        drop(listener);
        let connector = SharedHttpConnector::new(HttpsConnector::default());
        let problem = exchange(&connector, "GET", &url, &[], Vec::new(), Duration::from_secs(10)).await.unwrap_err();
        assert!(problem.starts_with("the connection failed: Connection refused"), "{problem}");
    }
}
