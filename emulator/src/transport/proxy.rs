//! An HTTP proxy on 127.0.0.1 that ends TLS for the real host names of AWS, of the response bucket and of the identity
//! providers: for a function that runs as a process of its own, and for every other client that honours `HTTPS_PROXY` and
//! `SSL_CERT_FILE`.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::certificates::Authority;
use super::loopback::accept;
use super::route;
use crate::aws::Aws;
use crate::reply::{Reply, Stream};

/// A listening proxy. Dropping it closes it and its connections, and deletes its file.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    certificate_file: PathBuf,
    task: JoinHandle<Infallible>,
}

impl Proxy {
    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the file with the certificate of the authority that vouches for the hosts, as PEM. Each proxy has a new
    /// authority.
    #[must_use]
    pub fn certificate_file(&self) -> &Path {
        &self.certificate_file
    }

    /// Returns the environment variables, with their values, by which a process calls the account at its real host names.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("HTTPS_PROXY", format!("http://{}", self.address)),
            ("SSL_CERT_FILE", self.certificate_file.display().to_string()),
        ]
    }

    pub(super) async fn open(aws: Aws, port: u16) -> io::Result<Self> {
        let authority = Arc::new(Authority::new().map_err(io::Error::other)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let name = format!("emulated-aws-{}-{}.pem", std::process::id(), address.port());
        let certificate_file = std::env::temp_dir().join(name);
        tokio::fs::write(&certificate_file, authority.pem()).await?;
        let task = accept(listener, move |stream| connection(aws.clone(), Arc::clone(&authority), stream));
        Ok(Self { address, certificate_file, task })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        // Whoever deleted the file before has done the same.
        let _ = std::fs::remove_file(&self.certificate_file);
    }
}

/// A tunnel that the proxy has agreed to: the host with its port, and the connection, once it carries the tunnel.
type Tunnel = (String, OnUpgrade);

async fn connection(aws: Aws, authority: Arc<Authority>, stream: TcpStream) {
    let (opened, mut tunnels) = mpsc::channel(1);
    let service = service_fn(|request: Request<Incoming>| {
        let response = connect(&aws, request, &opened);
        async move { Ok::<_, Infallible>(response) }
    });
    // Ends with an error when the client goes away.
    let ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    if let (Ok(()), Ok((target, upgrade))) = (ended, tunnels.try_recv())
        && let Ok(stream) = upgrade.await
    {
        // Fails when the client does not trust the certificate, and when a reply is lost on purpose.
        let _ = serve_tunnel(&aws, &authority, &target, TokioIo::new(stream)).await;
    }
}

/// Answers a request to the proxy itself: only tunnels to known hosts are opened.
fn connect(aws: &Aws, mut request: Request<Incoming>, opened: &mpsc::Sender<Tunnel>) -> Response<Full<Bytes>> {
    let target = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let refuse = |words: String| {
        let mut response = Response::new(Full::new(Bytes::from(words)));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    };
    if request.method() != Method::CONNECT {
        return refuse(format!("the emulated AWS speaks https only, and {target} was asked for by http\n"));
    }
    if !route::is_known(aws, without_default_port(&target)) {
        return refuse(format!("the emulated AWS does not have the host {target}\n"));
    }
    match opened.try_send((target, hyper::upgrade::on(&mut request))) {
        Ok(()) => Response::default(),
        Err(_) => refuse("one connection is one tunnel\n".to_owned()),
    }
}

fn without_default_port(authority: &str) -> &str {
    authority.strip_suffix(":443").unwrap_or(authority)
}

async fn serve_tunnel(
    aws: &Aws,
    authority: &Authority,
    target: &str,
    stream: TokioIo<hyper::upgrade::Upgraded>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (host, _) = target.rsplit_once(':').unwrap_or((target, ""));
    let acceptor = TlsAcceptor::from(authority.configuration(host)?);
    let stream = acceptor.accept(stream).await?;
    let service = service_fn(|request: Request<Incoming>| answer(aws, without_default_port(target), request));
    Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

async fn answer(aws: &Aws, authority: &str, request: Request<Incoming>) -> io::Result<Response<Stream>> {
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("https://{authority}{}", parts.uri).parse().map_err(io::Error::other)?;
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    // hyper closes a connection whose service fails, without a word. That is the nearest to a host that cannot be
    // reached, too.
    route::serve(aws, &Request::from_parts(parts, body)).await.unwrap_or(Reply::Lost).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::faults::{ResponseFault, ResponseFaultEffect};
    use crate::iam::Role;
    use crate::identity_provider::{ClaimStyle, Client, Endpoint, Failure, Provider, ProviderFault};
    use crate::service::{Principal, ServiceId};
    use crate::settings::Settings;
    use crate::transport;

    const BUCKET: &str = "cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com";

    /// Asks the proxy for a tunnel. Returns the answer's head, and the connection.
    async fn tunnel(proxy: &Proxy, target: &str) -> io::Result<(String, TcpStream)> {
        let mut stream = TcpStream::connect(proxy.address).await?;
        stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n").as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        Ok((String::from_utf8(head).map_err(io::Error::other)?, stream))
    }

    /// Sends a request through a tunnel, trusting one authority.
    async fn send(proxy: &Proxy, authority: &str, method: &str, url: &str, rest: &str) -> io::Result<String> {
        let (host, path) = url.strip_prefix("https://").and_then(|url| url.split_once('/')).expect("a URL");
        let (head, stream) = tunnel(proxy, &format!("{host}:443")).await?;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).expect("PEM")).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).expect("a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let request = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{rest}");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    fn account() -> Aws {
        Aws::new(Settings { call_latency: Duration::ZERO, ..Settings::default() })
    }

    #[tokio::test]
    async fn aws_answers_at_its_host_names_to_clients_that_trust_the_authority() {
        let aws = account();
        let proxy = transport::listen_proxy(&aws, 0).await.expect("a free port");
        let authority = std::fs::read_to_string(proxy.certificate_file()).expect("its file");
        let unsigned = send(&proxy, &authority, "GET", "https://logs-fips.us-east-1.api.aws/", "\r\n").await;
        assert!(unsigned.expect("an answer").contains("Missing Authentication Token"));
        let now = aws.clock().now();
        let url = aws.with(|world| world.responses.presign("id", now));
        assert!(url.starts_with(&format!("https://{BUCKET}/")));
        let put = send(&proxy, &authority, "PUT", &url, "content-length: 2\r\n\r\n{}").await.expect("an answer");
        assert!(put.starts_with("HTTP/1.1 200"), "{put}");
        assert_eq!(aws.with(|world| world.responses.take_answer(&url)).as_deref(), Some(&b"{}"[..]));
        let chunked = "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        let chunked = send(&proxy, &authority, "PUT", &url, chunked).await.expect("an answer");
        assert!(chunked.starts_with("HTTP/1.1 501"), "{chunked}");
        let effect = ResponseFaultEffect::ReplyLostAfter;
        aws.faults().add_response(ResponseFault { nth: 1, count: 1, effect });
        let lost = send(&proxy, &authority, "PUT", &url, "content-length: 2\r\n\r\n{}").await;
        assert!(!lost.is_ok_and(|answer| answer.contains("HTTP")), "closed without a word");
        assert!(aws.with(|world| world.responses.take_answer(&url)).is_some());
        let stranger = Authority::new().expect("another authority").pem();
        assert!(send(&proxy, &stranger, "PUT", &url, "content-length: 2\r\n\r\n{}").await.is_err());
        let (address, file) = (proxy.address(), proxy.certificate_file().to_owned());
        drop(proxy);
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err() && !file.exists(), "a dropped proxy is closed");
    }

    #[tokio::test]
    async fn a_provider_answers_at_its_own_host_name_and_breaks_the_connection_when_it_cannot_be_reached() {
        let aws = account();
        let proxy = transport::listen_proxy(&aws, 0).await.expect("a free port");
        let authority = std::fs::read_to_string(proxy.certificate_file()).expect("its file");
        let provider = Provider::new(ClaimStyle::Keycloak, "https://sso.example.com/realms/test");
        let url = provider.discovery_url();
        aws.with(|world| world.identity_providers.add(provider.clone()));
        let answer = send(&proxy, &authority, "GET", &url, "\r\n").await.expect("an answer");
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("https://sso.example.com/realms/test"),
            "{answer}"
        );
        let fault = ProviderFault::At(Endpoint::Discovery, Failure::Unreachable);
        aws.with(|world| world.identity_providers.add(provider.with_fault(fault)));
        let broken = send(&proxy, &authority, "GET", &url, "\r\n").await;
        assert!(!broken.is_ok_and(|answer| answer.contains("HTTP")));
    }

    /// Splits an answer into its status and its JSON body.
    fn read(answer: &str) -> (&str, Value) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (&head["HTTP/1.1 ".len()..][..3], serde_json::from_str(body).unwrap_or_default())
    }

    #[tokio::test]
    async fn runtimes_may_trust_the_tokens_of_a_provider_behind_the_proxy() {
        let aws = account();
        let proxy = transport::listen_proxy(&aws, 0).await.expect("a free port");
        let authority = std::fs::read_to_string(proxy.certificate_file()).expect("its file");
        let issuer = "https://idp.example.com/identity";
        let provider = Provider::new(ClaimStyle::Standard, issuer);
        let discovery_url = provider.discovery_url();
        let client = Client::new("secret").scopes(&["invoke"]).audiences(&["mcp"]);
        aws.with(|world| world.identity_providers.add(provider.with_client("app", client)));
        let get = async |url: &str| send(&proxy, &authority, "GET", url, "\r\n").await.expect("an answer");
        let document = get(&discovery_url).await;
        let (status, document) = read(&document);
        assert_eq!((status, &document["issuer"]), ("200", &json!(issuer)));
        let other = get("https://idp.example.com/.well-known/oauth-authorization-server/identity").await;
        assert_eq!(read(&other), ("200", document.clone()));
        let url = |member: &str| document[member].as_str().expect("a URL").to_owned();
        assert!(read(&get(&url("jwks_uri")).await).1["keys"].is_array());
        assert_eq!(read(&get(&format!("{issuer}/nothing")).await).0, "404");
        let form = "grant_type=client_credentials&client_id=app&client_secret=secret&resource=http%3A%2F%2Fx%2Fmcp";
        let rest =
            format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}", form.len());
        let answer = send(&proxy, &authority, "POST", &url("token_endpoint"), &rest).await.expect("an answer");
        let (status, answer) = read(&answer);
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{status} {answer}"));
        for rule in [
            json!({"allowedAudience": ["mcp"]}),
            json!({"allowedAudience": ["http://x/mcp"]}),
            json!({"allowedClients": ["app"]}),
            json!({"allowedScopes": ["invoke"]}),
        ] {
            let mut authorizer = rule.clone();
            authorizer["discoveryUrl"] = json!(discovery_url);
            let now = aws.clock().now();
            let verified = aws.with(|world| crate::jwt::verify(&authorizer, token, &world.identity_providers, now));
            assert!(verified.is_ok(), "{rule}");
        }
        let gateway = |discovery_url: &str| {
            let authorizer = json!({"discoveryUrl": discovery_url, "allowedClients": ["app"]});
            let input = json!({"name": "tools", "authorizerType": "CUSTOM_JWT",
                "roleArn": "arn:aws:iam::111122223333:role/gateway",
                "authorizerConfiguration": {"customJWTAuthorizer": authorizer}});
            let created = aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, "CreateGateway", input);
            created.map(drop).map_err(|error| error.message)
        };
        let trust = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}}]});
        let role = Role::new("arn:aws:iam::111122223333:role/gateway", std::time::UNIX_EPOCH, trust, Vec::new());
        aws.with(|world| world.iam.put_role(role));
        let by_http = discovery_url.replace("https://", "http://");
        assert_eq!(gateway(&by_http), Err("discoveryUrl must be an https URL.".to_owned()));
        assert_eq!(gateway(&discovery_url), Ok(()));
    }

    #[tokio::test]
    async fn other_hosts_are_refused_by_name() {
        let proxy = transport::listen_proxy(&account(), 0).await.expect("a free port");
        for target in [
            "example.com:443",
            "logs.eu-west-1.amazonaws.com:443",
            "logs.us-east-1.amazonaws.com:8443",
            "127.0.0.1:9001",
            "localhost:443",
        ] {
            let (head, mut stream) = tunnel(&proxy, target).await.expect("an answer");
            let mut body = vec![0; 200];
            let read = stream.read(&mut body).await.expect("a body");
            let body = String::from_utf8_lossy(&body[..read]).into_owned();
            assert!(head.starts_with("HTTP/1.1 502") && body.contains(target), "{head}{body}");
        }
        let mut stream = TcpStream::connect(proxy.address).await.expect("a connection");
        let request = "GET http://logs.us-east-1.amazonaws.com/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("https only"), "{answer}");
    }
}
