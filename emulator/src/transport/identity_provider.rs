//! Identity providers over HTTPS on 127.0.0.1, with a certificate from an authority of their own, for a function that
//! runs as a process of its own.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};

use super::loopback::accept;
use crate::aws::Aws;
use crate::reply::Reply;

/// A listener for the providers whose URLs begin with its origin. Dropping it closes it.
#[derive(Debug)]
pub struct IdentityProviderListener {
    address: SocketAddr,
    certificate_authority: String,
    task: JoinHandle<Infallible>,
}

impl IdentityProviderListener {
    /// Returns the origin for the issuers of its providers: `https://localhost:` and the port.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Returns the certificate of its authority, as PEM: the content of the file that `SSL_CERT_FILE` has to name. Each
    /// listener has a new authority, whose key is not kept.
    #[must_use]
    pub fn certificate_authority(&self) -> &str {
        &self.certificate_authority
    }

    pub(super) async fn open(aws: Aws, port: u16) -> io::Result<Self> {
        let (certificate_authority, config) = tls().map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let task = accept(listener, move |stream| connection(aws.clone(), acceptor.clone(), stream));
        Ok(Self { address, certificate_authority, task })
    }
}

impl Drop for IdentityProviderListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Creates an authority, and a server configuration with a certificate from it for `localhost`. Returns the authority's
/// certificate as PEM with the configuration.
fn tls() -> Result<(String, ServerConfig), Box<dyn std::error::Error + Send + Sync>> {
    let named = |names: &[&str], common_name: &str| {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        Ok::<_, rcgen::Error>(params)
    };
    let mut authority = named(&[], "Emulator's certificate authority")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut certificate = named(&["localhost"], "localhost")?;
    certificate.use_authority_key_identifier_extension = true;
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = certificate.signed_by(&key, &authority)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok((authority.pem(), config))
}

async fn connection(aws: Aws, acceptor: TlsAcceptor, stream: TcpStream) {
    // Fails when the client does not trust the certificate.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request: Request<Incoming>| answer(aws.clone(), request));
    // Ends with an error when the client goes away, and when nothing is answered on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(aws: Aws, request: Request<Incoming>) -> io::Result<http::Response<Full<Bytes>>> {
    let (mut parts, body) = request.into_parts();
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    parts.uri = format!("https://{host}{}", parts.uri).parse().map_err(io::Error::other)?;
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    match aws.serve_identity_provider(&Request::from_parts(parts, body)).await {
        Some(Reply::Sent(response)) => Ok(response.map(|body| Full::new(Bytes::from(body)))),
        // The port is open, so a connection that breaks is the closest to an unreachable provider.
        Some(Reply::Lost) | None => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::identity_provider::{ClaimStyle, Endpoint, Failure, Provider, ProviderFault};
    use crate::settings::Settings;

    async fn get(listener: &IdentityProviderListener, authority: &str, url: &str) -> io::Result<String> {
        let mut roots = RootCertStore::empty();
        let trusted = CertificateDer::from_pem_slice(authority.as_bytes()).expect("PEM");
        roots.add(trusted).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(listener.address).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (host, path) = url.strip_prefix("https://").and_then(|url| url.split_once('/')).expect("a URL");
        let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_provider_answers_a_client_that_trusts_its_authority() {
        let aws = Aws::new(Settings { call_latency: std::time::Duration::ZERO, ..Settings::default() });
        let listener = crate::transport::listen_identity_provider(&aws, 0).await.expect("a free port");
        let issuer = format!("{}/realms/test", listener.origin());
        let provider = Provider::new(ClaimStyle::Keycloak, &issuer);
        let url = provider.discovery_url();
        aws.with(|world| world.identity_providers.add(provider.clone()));
        let answer = get(&listener, listener.certificate_authority(), &url).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&issuer), "{answer}");
        let stranger = tls().expect("another authority").0;
        assert!(get(&listener, &stranger, &url).await.is_err(), "an unknown authority is not trusted");
        let fault = ProviderFault::At(Endpoint::Discovery, Failure::Unreachable);
        aws.with(|world| world.identity_providers.add(provider.with_fault(fault)));
        let broken = get(&listener, listener.certificate_authority(), &url).await;
        assert!(!broken.is_ok_and(|answer| answer.contains("HTTP")));
    }
}
