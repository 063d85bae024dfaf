//! The one HTTP client of the function, under the SDK and for everything else: one TLS configuration, proxies from the
//! environment, no redirects, no decompression.
//!
//! It consists of two clients of `reqwest`, because a client has one resolver for all of its requests: the guarded one
//! refuses names by their addresses, and the operator's own endpoints may be at any address.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tracing::warn;

use super::proxies::Proxies;
use crate::ssrf::{GuardedResolver, SystemLookup};
use crate::text::quote;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Certificates that the client trusts in addition to those of the platform.
#[derive(Clone, Debug, Default)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

impl ExtraRoots {
    /// Reads the certificates in the file that `AWS_CA_BUNDLE` names; `read` returns a variable's value, if it is set.
    ///
    /// # Errors
    /// The file cannot be read or holds no certificate: a sentence for people.
    pub fn from_environment(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let given = read(CA_BUNDLE).map(|path| path.trim().to_owned()).filter(|path| !path.is_empty());
        let Some(path) = given else { return Ok(Self::default()) };
        let unusable = |problem: &str| {
            format!(
                "the function's environment variable `{CA_BUNDLE}` is {}, {problem}; give a file of PEM certificates, or \
                 remove the variable",
                quote(&path)
            )
        };
        let read = |error| unusable(&format!("which cannot be read: {error}"));
        let certificates: Vec<_> = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect).map_err(read)?;
        if certificates.is_empty() {
            return Err(unusable("which holds no certificate"));
        }
        let (_, ignored) = RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
        if ignored > 0 {
            return Err(unusable(&format!("which holds {ignored} certificates that cannot be parsed")));
        }
        Ok(Self(certificates))
    }
}

/// The HTTP client. Clones share connections and the TLS configuration.
///
/// Reading the platform's certificates waits until the first request, so that the function is ready for its first event
/// sooner.
#[derive(Clone)]
pub struct HttpsClient(Arc<Shared>);

struct Shared {
    roots: ExtraRoots,
    proxies: Proxies,
    clients: OnceLock<Result<Clients, String>>,
}

struct Clients {
    /// Calls every address, through the proxy that the environment names.
    open: reqwest::Client,
    /// Calls no refused address, and no proxy.
    guarded: reqwest::Client,
    /// The resolver of `guarded`.
    resolver: GuardedResolver<SystemLookup>,
    /// The proxies that `open` uses.
    proxies: Matcher,
}

impl fmt::Debug for HttpsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsClient")
    }
}

impl HttpsClient {
    /// Creates the client. Opens no connection and reads no file.
    #[must_use]
    pub fn new(roots: ExtraRoots, proxies: Proxies) -> Self {
        Self(Arc::new(Shared { roots, proxies, clients: OnceLock::new() }))
    }

    /// Returns the connector for hosts that AWS or the operator names.
    #[must_use]
    pub fn open(&self) -> HttpsConnector {
        HttpsConnector { client: self.clone(), is_guarded: false }
    }

    /// Returns the connector for hosts that a template or a document names: refuses to connect to addresses that only
    /// the function can reach.
    pub(crate) fn guarded(&self) -> HttpsConnector {
        HttpsConnector { client: self.clone(), is_guarded: true }
    }

    fn clients(&self) -> Result<&Clients, ConnectorError> {
        let clients = self.0.clients.get_or_init(|| Clients::new(&self.0.roots, &self.0.proxies));
        clients.as_ref().map_err(|problem| ConnectorError::other(problem.clone().into(), None))
    }
}

impl Clients {
    fn new(roots: &ExtraRoots, proxies: &Proxies) -> Result<Self, String> {
        let tls = tls(roots).map_err(|error| error.to_string())?;
        let client = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(Policy::none())
                .referer(false)
                // The caller decides how long an answer may take: AgentCore needs 30 s to report that a container did
                // not start.
                .connect_timeout(CONNECT_TIMEOUT)
        };
        let resolver = GuardedResolver::new(SystemLookup);
        let open = proxies.add_to(client()).and_then(reqwest::ClientBuilder::build);
        let guarded = client().no_proxy().dns_resolver(Arc::new(resolver.clone())).build();
        let built = |client: reqwest::Result<_>| client.map_err(|error| error.to_string());
        Ok(Self { open: built(open)?, guarded: built(guarded)?, resolver, proxies: proxies.matcher() })
    }

    /// Returns the client that calls a host which a template or a document names. A proxy resolves the name itself, so
    /// that the name is looked up here only to be refused. A name that only the proxy knows is called.
    async fn guarded_for(&self, uri: &http::Uri) -> Result<&reqwest::Client, ConnectorError> {
        if self.proxies.intercept(uri).is_none() {
            return Ok(&self.guarded);
        }
        let refusal = self.resolver.refusal(uri.host().unwrap_or_default());
        match timeout(CONNECT_TIMEOUT, refusal).await {
            Ok(Some(refusal)) => Err(ConnectorError::user(refusal.into())),
            Ok(None) | Err(_) => Ok(&self.open),
        }
    }
}

/// Creates the TLS configuration, which trusts the platform's root certificates: `SSL_CERT_FILE` works.
fn tls(roots: &ExtraRoots) -> Result<ClientConfig, rustls::Error> {
    let platform = rustls_native_certs::load_native_certs();
    for error in &platform.errors {
        warn!(%error, "a root certificate of the platform cannot be read");
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(platform.certs);
    store.add_parsable_certificates(roots.0.iter().cloned());
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth())
}

/// A connector of the SDK over [`HttpsClient`]. The body of an answer is a stream.
#[derive(Clone, Debug)]
pub struct HttpsConnector {
    client: HttpsClient,
    is_guarded: bool,
}

impl HttpConnector for HttpsConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { client, is_guarded } = self.clone();
        HttpConnectorFuture::new(async move {
            let clients = client.clients()?;
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let client = if is_guarded { clients.guarded_for(request.uri()).await? } else { &clients.open };
            let request = request.map(|body| match body.content_length() {
                Some(0) => reqwest::Body::default(),
                _ => reqwest::Body::wrap(body),
            });
            let request = request.try_into().map_err(|error: reqwest::Error| ConnectorError::user(error.into()))?;
            let response: http::Response<reqwest::Body> = client.execute(request).await.map_err(classify)?.into();
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Classifies an error in the way that the SDK does, without the URL, which may be a secret.
fn classify(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() {
        // The only limit that the client has of its own.
        ConnectorError::timeout(format!("HTTP connect timeout occurred after {CONNECT_TIMEOUT:?}").into())
    } else if error.is_connect() {
        ConnectorError::io(error.into()).never_connected()
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::http::SharedHttpConnector;
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::http::{NoReply, exchange, request};

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    fn open() -> SharedHttpConnector {
        SharedHttpConnector::new(HttpsClient::new(ExtraRoots::default(), Proxies::default()).open())
    }

    async fn get(connector: &SharedHttpConnector, url: &str, limit: Duration) -> Result<super::super::Reply, NoReply> {
        exchange(connector, "GET", &url.parse().unwrap(), &[], Vec::new(), limit).await
    }

    /// Reads a request's head from the next connection.
    async fn next_request(listener: &TcpListener) -> (TcpStream, String) {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a request"));
        }
        (stream, String::from_utf8(head).expect("text").to_lowercase())
    }

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        (listener, origin)
    }

    /// The connector's own limit of 30 s was shorter than what a caller may want, and ended with the connection's
    /// words.
    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_as_long_as_the_caller_says() {
        let (_listener, origin) = listener().await;
        let problem = get(&open(), &origin, Duration::from_secs(44)).await.unwrap_err();
        assert_eq!(problem.to_string(), "no answer within 44 s");
    }

    #[tokio::test]
    async fn a_connection_that_fails_says_why_and_not_where() {
        let (listener, origin) = listener().await;
        drop(listener);
        let problem = get(&open(), &format!("{origin}/secret"), Duration::from_secs(10)).await.unwrap_err().to_string();
        assert_eq!(problem, "the connection failed: Connection refused (os error 111)");
    }

    #[tokio::test]
    async fn a_server_without_tls_is_a_failed_connection() {
        let (listener, origin) = listener().await;
        let client = open();
        let url = origin.replace("http://", "https://");
        let asking = get(&client, &url, HALF_A_MINUTE);
        let answering = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("an answer");
            stream.shutdown().await.expect("the end");
            stream
        };
        let (problem, _stream) = tokio::join!(asking, answering);
        let problem = problem.unwrap_err().to_string();
        assert!(problem.starts_with("the connection failed: received corrupt message"), "{problem}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_compressed_answer_not_asked_for() {
        let (listener, origin) = listener().await;
        let client = open();
        let asking = get(&client, &origin, HALF_A_MINUTE);
        let answering = async {
            let (mut stream, head) = next_request(&listener).await;
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: {origin}/elsewhere\r\ncontent-encoding: gzip\r\n\
                 content-length: 2\r\n\r\n{{}}"
            );
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            (stream, head)
        };
        let (reply, (_stream, head)) = tokio::join!(asking, answering);
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (307, &b"{}"[..]));
        assert_eq!(reply.redirect(), Some(format!("{origin}/elsewhere").as_str()));
        assert!(!head.contains("accept-encoding") && !head.contains("referer"), "{head}");
        let more = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(more.is_err(), "a second request");
    }

    #[tokio::test]
    async fn an_answer_is_read_while_it_still_comes() {
        let (listener, origin) = listener().await;
        let client = open();
        let asking = async {
            let url = origin.parse().unwrap();
            let request = request("POST", &url, [("accept", "text/event-stream".to_owned())], b"{}".to_vec());
            let mut body = client.call(request.unwrap()).await.unwrap().into_body();
            body.frame().await.unwrap().unwrap().into_data().unwrap()
        };
        let answering = async {
            let (mut stream, head) = next_request(&listener).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n";
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            (stream, head)
        };
        let (first, (_stream, head)) = tokio::join!(asking, answering);
        assert_eq!(&first[..], b"data: {}\n\n");
        assert!(head.contains("content-length: 2\r\n") && !head.contains("chunked"), "{head}");
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_refused_address_is_not_called() {
        let (listener, origin) = listener().await;
        let url = origin.replace("127.0.0.1", "localhost");
        let guarded = SharedHttpConnector::new(HttpsClient::new(ExtraRoots::default(), Proxies::default()).guarded());
        let problem = get(&guarded, &url, HALF_A_MINUTE).await.unwrap_err();
        assert!(matches!(problem, NoReply::Refused(_)), "{problem}");
        assert!(problem.to_string().starts_with("its host localhost resolves to "), "{problem}");
        assert!(tokio::time::timeout(Duration::from_millis(100), listener.accept()).await.is_err(), "called");
    }

    /// Returns the guarded connector of a function whose proxy listens at `origin`.
    fn guarded_behind(origin: &str, excepted: &str) -> SharedHttpConnector {
        let read = |name: &str| match name {
            "HTTPS_PROXY" => Some(origin.to_owned()),
            "NO_PROXY" => Some(excepted.to_owned()),
            _ => None,
        };
        let proxies = Proxies::from_environment(read).expect("a proxy");
        SharedHttpConnector::new(HttpsClient::new(ExtraRoots::default(), proxies).guarded())
    }

    #[tokio::test]
    async fn a_proxy_is_not_asked_for_a_name_that_resolves_to_a_refused_address() {
        let (listener, origin) = listener().await;
        for excepted in ["", "localhost"] {
            let connector = guarded_behind(&origin, excepted);
            let problem = get(&connector, "https://localhost:1/", HALF_A_MINUTE).await.unwrap_err();
            assert!(problem.to_string().starts_with("its host localhost resolves to "), "{problem}");
        }
        assert!(tokio::time::timeout(Duration::from_millis(100), listener.accept()).await.is_err(), "called");
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_a_name_that_only_it_knows() {
        let (listener, origin) = listener().await;
        let connector = guarded_behind(&origin, "excepted.invalid");
        let asking = get(&connector, "https://known-to-the-proxy.invalid/", HALF_A_MINUTE);
        let answering = async {
            let (mut stream, head) = next_request(&listener).await;
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.expect("an answer");
            head
        };
        let (problem, head) = tokio::join!(asking, answering);
        assert!(head.starts_with("connect known-to-the-proxy.invalid:443 "), "{head}");
        assert!(matches!(problem, Err(NoReply::Silence(_))), "{problem:?}");
        let problem = get(&connector, "https://excepted.invalid/", HALF_A_MINUTE).await.unwrap_err();
        assert!(matches!(problem, NoReply::Silence(_)), "{problem}");
        assert!(tokio::time::timeout(Duration::from_millis(100), listener.accept()).await.is_err(), "called");
    }

    #[test]
    fn a_bundle_of_certificates_that_cannot_be_used_is_a_sentence() {
        let read = |path: &str| ExtraRoots::from_environment(|name| (name == CA_BUNDLE).then(|| path.to_owned()));
        assert!(read("").unwrap().0.is_empty());
        let problem = read("/does/not/exist.pem").unwrap_err();
        assert!(
            problem.starts_with(
                "the function's environment variable `AWS_CA_BUNDLE` is \"/does/not/exist.pem\", which cannot be read: "
            ) && problem.ends_with("; give a file of PEM certificates, or remove the variable"),
            "{problem}"
        );
        let problem = read("/dev/null").unwrap_err();
        assert!(problem.contains("which holds no certificate"), "{problem}");
        let junk = std::env::temp_dir().join(format!("junk-{}.pem", std::process::id()));
        std::fs::write(&junk, "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n").expect("a file");
        let problem = read(&format!(" {}\n", junk.display())).unwrap_err();
        std::fs::remove_file(&junk).expect("the file");
        assert!(problem.contains("which holds 1 certificates that cannot be parsed"), "{problem}");
    }
}
