//! Performs HTTP exchanges that are not SDK calls: with CloudFormation, an identity provider, an MCP server's metadata.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use url::Url;

use crate::error::root_cause;
use crate::ssrf::{LiteralGuard, Refusal};

mod client;
mod proxies;

pub use client::{ExtraRoots, HttpsClient};
pub use proxies::Proxies;

/// The maximum size of a body that is read: discovery documents, tokens and key sets are far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Reply {
    /// Returns the values of a header, which may come more than once. Names are compared without case.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Returns the target of a redirect, or an empty text if the reply is one without a target. Returns `None` for a reply
    /// that is not a redirect.
    pub(crate) fn redirect(&self) -> Option<&str> {
        (300..400).contains(&self.status).then(|| self.headers("location").next().unwrap_or_default())
    }
}

/// The connectors of one function instance. Every request goes through one of the two.
#[derive(Clone, Debug)]
pub struct Connectors {
    /// The connector for AWS's endpoints and the response URL.
    pub aws: SharedHttpConnector,
    /// The connector for URLs that a template or a document names: it sends nothing to an address that only the
    /// function can reach (the SSRF guard).
    pub guarded: SharedHttpConnector,
}

impl Connectors {
    /// Creates the connectors for both kinds of URLs. `guarded` checks the addresses that names resolve to. Addresses
    /// that stand in a URL are checked here.
    pub(crate) fn new(aws: impl HttpConnector + 'static, guarded: impl HttpConnector + 'static) -> Self {
        let guarded = LiteralGuard(SharedHttpConnector::new(guarded));
        Self { aws: SharedHttpConnector::new(aws), guarded: SharedHttpConnector::new(guarded) }
    }

    /// Uses one connector for both kinds of URLs, which reaches only the addresses that it knows.
    pub fn single(connector: impl HttpConnector + 'static) -> Self {
        let connector = SharedHttpConnector::new(connector);
        Self::new(connector.clone(), connector)
    }
}

impl From<&HttpsClient> for Connectors {
    fn from(client: &HttpsClient) -> Self {
        Self::new(client.open(), client.guarded())
    }
}

/// The reason why a request has no reply. Never quotes the URL, which may be a secret.
#[derive(Clone, Debug)]
pub(crate) enum NoReply {
    /// The function does not call the host, now or later.
    Refused(Refusal),
    /// No reply came, in these words: "the connection failed: Connection refused (os error 111)".
    Silence(String),
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Silence(words) => f.write_str(words),
        }
    }
}

impl From<&ConnectorError> for NoReply {
    fn from(error: &ConnectorError) -> Self {
        match Refusal::among_causes(error) {
            Some(refusal) => Self::Refused(refusal.clone()),
            None if error.is_timeout() => Self::Silence("the connection timed out".to_owned()),
            None => Self::Silence(format!("the connection failed: {}", root_cause(error))),
        }
    }
}

/// Sends one request and reads the whole reply. Follows no redirect and repeats nothing.
pub(crate) async fn exchange(
    connector: &SharedHttpConnector,
    method: &str,
    url: &Url,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
    limit: Duration,
) -> Result<Reply, NoReply> {
    let request = request(method, url, headers.iter().map(|(name, value)| (*name, value.clone())), body)?;
    let exchanging = async { read(connector.call(request).await.map_err(|error| NoReply::from(&error))?).await };
    let late = || NoReply::Silence(format!("no answer within {} s", limit.as_secs()));
    timeout(limit, exchanging).await.unwrap_or_else(|_| Err(late()))
}

/// Builds a request.
pub(crate) fn request(
    method: &str,
    url: &Url,
    headers: impl IntoIterator<Item = (impl Into<String>, String)>,
    body: Vec<u8>,
) -> Result<HttpRequest, NoReply> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method).map_err(|error| NoReply::Silence(error.to_string()))?;
    request.set_uri(url.as_str()).map_err(|_| NoReply::Silence("the URL is not usable".to_owned()))?;
    for (name, value) in headers {
        let name = name.into();
        let inserted = request.headers_mut().try_insert(name.clone(), value);
        inserted.map_err(|_| NoReply::Silence(format!("the header {name} is not usable")))?;
    }
    Ok(request)
}

async fn read(response: HttpResponse) -> Result<Reply, NoReply> {
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|_| NoReply::Silence("the reply broke off or is too long".to_owned()))?;
    Ok(Reply { status, body: body.to_bytes().to_vec(), headers })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use futures_util::StreamExt;
    use futures_util::stream::repeat;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// Answers with a body that never ends: a megabyte after each pause.
    #[derive(Debug)]
    struct Endless(Duration);

    impl HttpConnector for Endless {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let pause = self.0;
            let frames = repeat(()).then(move |()| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, Infallible>(Frame::data(vec![b' '; 1 << 20].into()))
            });
            let body = SdkBody::from_body_1_x(StreamBody::new(Box::pin(frames)));
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().expect("a status"), body)))
        }
    }

    #[test]
    fn a_url_is_sent_in_its_normal_form() {
        let headers: [(&str, String); 0] = [];
        // A host in other letters than ASCII can be sent, too.
        let url = Url::parse("https://bücher.example.com/é?q=ü").unwrap();
        let request = request("GET", &url, headers, Vec::new()).unwrap();
        assert_eq!(request.uri(), "https://xn--bcher-kva.example.com/%C3%A9?q=%C3%BC");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up_by_its_size_or_by_the_time() {
        for (pause, problem) in [(0, "the reply broke off or is too long"), (60, "no answer within 10 s")] {
            let connector = SharedHttpConnector::new(Endless(Duration::from_secs(pause)));
            let url = Url::parse("https://idp.example.com").unwrap();
            let limit = Duration::from_secs(10);
            let reply = exchange(&connector, "GET", &url, &[], Vec::new(), limit).await;
            assert_eq!(reply.expect_err("no reply").to_string(), problem);
        }
    }
}
