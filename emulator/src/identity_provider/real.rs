//! A real identity provider, which listens on another address than that of its issuer's host.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::provider::authority_of;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A real identity provider. Requests for its issuer's host are passed on to it.
#[derive(Clone, Debug)]
pub struct RealProvider {
    issuer: String,
    /// Its address, `host:port`.
    address: String,
    configuration: Arc<ClientConfig>,
    /// Its discovery document and its keys, by URL, as authorizers read them.
    documents: BTreeMap<String, Value>,
}

impl RealProvider {
    /// Reads the documents of the provider of an issuer, which listens on `address`. Its certificate has to name the
    /// issuer's host, and to come from an authority in `authorities`, as PEM.
    ///
    /// # Errors
    /// A sentence, if the provider cannot be reached, or its documents are not an OpenID provider's.
    pub async fn connect(issuer: &str, address: &str, authorities: &[u8]) -> Result<Self, String> {
        let configuration = trusting(authorities).map_err(|problem| format!("the certificate authority: {problem}"))?;
        let (issuer, address) = (issuer.to_owned(), address.to_owned());
        let mut provider = Self { issuer, address, configuration, documents: BTreeMap::new() };
        let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let document = provider.fetch(&url).await?;
        if document["issuer"] != provider.issuer {
            return Err(format!("{url} names the issuer {}, not {}", document["issuer"], provider.issuer));
        }
        let keys = document["jwks_uri"].as_str().ok_or_else(|| format!("{url} names no `jwks_uri`"))?.to_owned();
        let key_set = provider.fetch(&keys).await?;
        provider.documents = BTreeMap::from([(url, document), (keys, key_set)]);
        Ok(provider)
    }

    /// Returns true if this is the host of its issuer, with its port unless that is 443.
    pub(super) fn is_at(&self, authority: &str) -> bool {
        authority_of(&self.issuer) == authority
    }

    /// Returns its issuer.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the document at a URL, as it was read last.
    pub(super) fn document(&self, url: &str) -> Option<Value> {
        self.documents.get(url).cloned()
    }

    /// Keeps a document that was read again, because a provider may change its keys.
    pub(super) fn note(&mut self, request: &Request<Vec<u8>>, response: &Response<Vec<u8>>) {
        let is_read = request.method() == Method::GET && response.status() == StatusCode::OK;
        let known = self.documents.get_mut(&request.uri().to_string()).filter(|_| is_read);
        if let (Some(known), Ok(document)) = (known, serde_json::from_slice(response.body())) {
            *known = document;
        }
    }

    async fn fetch(&self, url: &str) -> Result<Value, String> {
        let failed = |problem: String| format!("{url} at {}: {problem}", self.address);
        let uri: Uri = url.parse().map_err(|_| failed("not a URL".to_owned()))?;
        let request = Request::get(uri).body(Vec::new()).map_err(|problem| failed(problem.to_string()))?;
        let response = self.forward(&request).await.map_err(|problem| failed(problem.to_string()))?;
        if response.status() != StatusCode::OK {
            return Err(failed(format!("HTTP {}", response.status().as_u16())));
        }
        serde_json::from_slice(response.body()).map_err(|_| failed("the answer is not JSON".to_owned()))
    }

    /// Passes on a request, whose URI is absolute.
    pub(crate) async fn forward(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let authority = request.uri().authority().map_or("", http::uri::Authority::as_str);
        let stream = TcpStream::connect(&self.address).await?;
        let connector = TlsConnector::from(Arc::clone(&self.configuration));
        let stream = connector.connect(ServerName::try_from(host)?, stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender.
        tokio::spawn(connection);
        let mut forwarded = Request::new(Full::new(Bytes::from(request.body().clone())));
        *forwarded.method_mut() = request.method().clone();
        *forwarded.uri_mut() = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str).parse()?;
        *forwarded.headers_mut() = request.headers().clone();
        forwarded.headers_mut().insert(http::header::HOST, authority.parse()?);
        let (mut parts, body) = sender.send_request(forwarded).await?.into_parts();
        // The transport in front decides how the answer is framed.
        for name in [http::header::TRANSFER_ENCODING, http::header::CONNECTION, http::header::CONTENT_LENGTH] {
            parts.headers.remove(name);
        }
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes().to_vec()))
    }
}

fn trusting(authorities: &[u8]) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        roots.add(certificate?)?;
    }
    let configuration = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(configuration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_provider_that_cannot_be_reached_or_trusted_is_refused_in_a_sentence() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr()).expect("a port");
        let closed = RealProvider::connect("https://login.example.org", &free.to_string(), b"").await;
        let closed = closed.expect_err("nothing listens");
        let start = format!("https://login.example.org/.well-known/openid-configuration at {free}: ");
        assert!(closed.starts_with(&start) && closed.contains("refused"), "{closed}");
        let broken = b"-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n";
        let broken = RealProvider::connect("https://login.example.org", &free.to_string(), broken).await;
        assert!(broken.is_err_and(|sentence| sentence.starts_with("the certificate authority: ")));
    }
}
