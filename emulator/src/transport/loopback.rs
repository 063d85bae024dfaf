//! HTTP/1.1 on 127.0.0.1: every service is on one port, as behind one endpoint URL. The response bucket,
//! the gateways and an identity provider are under paths of their own.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::aws::Aws;
use crate::data_plane::is_data_plane;
use crate::gateway_endpoint::is_gateway_path;
use crate::identity_provider::{LOOPBACK_PATH, is_identity_provider_path};
use crate::reply::Reply;
use crate::response_bucket::LOOPBACK_PREFIX;

/// A listener. Dropping it closes it and its connections.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    task: JoinHandle<Infallible>,
}

impl Loopback {
    /// Returns the issuer of an identity provider on this listener.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}{LOOPBACK_PATH}", self.address)
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn open(aws: Aws, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let task = accept(listener, move |stream| connection(aws.clone(), stream));
        Ok(Self { address, task })
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves every connection that comes in, until the task is aborted.
pub(super) fn accept<F>(
    listener: TcpListener,
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> JoinHandle<Infallible>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            // An error is a client that went away again before it was accepted.
            if let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
            while connections.try_join_next().is_some() {}
        }
    })
}

async fn connection(aws: Aws, stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| answer(aws.clone(), request));
    // Ends with an error when the client goes away, and when a reply is lost on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(aws: Aws, request: Request<Incoming>) -> Result<http::Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    let request = Request::from_parts(parts, body);
    let path = request.uri().path();
    let reply = if path.starts_with(LOOPBACK_PREFIX) {
        aws.slowly(|aws| aws.serve_response_bucket(&request)).await
    } else if is_data_plane(path) {
        aws.serve_data_plane(&request).await
    } else if is_gateway_path(path) {
        aws.serve_gateway_endpoint(&request).await
    } else if is_identity_provider_path(path) {
        aws.serve_identity_provider(&absolute(request)?).await.unwrap_or(Reply::Lost)
    } else {
        aws.slowly(|aws| aws.serve(&request, None)).await
    };
    match reply {
        Reply::Sent(response) => Ok(response.map(|body| Full::new(Bytes::from(body)))),
        // hyper closes a connection whose service fails, without a word.
        Reply::Lost => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    }
}

/// Gives the request the absolute URL under which an identity provider is known.
fn absolute(mut request: Request<Vec<u8>>) -> io::Result<Request<Vec<u8>>> {
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.replacen("localhost:", "127.0.0.1:", 1);
    *request.uri_mut() = format!("http://{host}{}", request.uri()).parse().map_err(io::Error::other)?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::aws::ServiceId;
    use crate::faults::{ResponseFault, ResponseFaultEffect};
    use crate::iam::Role;
    use crate::identity_provider::{ClaimStyle, Client, Provider};
    use crate::service::Principal;
    use crate::settings::Settings;

    async fn raw(address: SocketAddr, request: String) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn the_bucket_and_the_services_share_the_port() {
        let aws = Aws::new(Settings::default());
        let listener = crate::transport::listen(&aws, 0).await.expect("a free port");
        let (address, now) = (listener.address(), aws.clock().now());
        let url = aws.with(|world| world.responses.presign_loopback(address, "id", now));
        let target = url.strip_prefix(&format!("http://{address}")).expect("its address").to_owned();
        let put = |extra: &str, body: &str| {
            format!("PUT {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{extra}\r\n{body}")
        };
        assert!(raw(address, put("content-length: 2\r\n", "{}")).await.starts_with("HTTP/1.1 200"));
        let chunked = raw(address, put("transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")).await;
        assert!(chunked.starts_with("HTTP/1.1 501"), "{chunked}");
        assert_eq!(aws.with(|world| world.responses.take_answer(&url)).as_deref(), Some(&b"{}"[..]));
        let unsigned = raw(address, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned()).await;
        assert!(
            unsigned.starts_with("HTTP/1.1 403") && unsigned.contains("Missing Authentication Token"),
            "{unsigned}"
        );
        let effect = ResponseFaultEffect::ReplyLostAfter;
        aws.faults().add_response(ResponseFault { nth: 1, count: 1, effect });
        assert_eq!(raw(address, put("content-length: 2\r\n", "{}")).await, "", "closed without a word");
        assert!(aws.with(|world| world.responses.take_answer(&url)).is_some());
        drop(listener);
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err(), "a dropped listener is closed");
    }

    /// Splits an answer into its status and its JSON body.
    fn read(answer: &str) -> (&str, Value) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (&head["HTTP/1.1 ".len()..][..3], serde_json::from_str(body).unwrap_or_default())
    }

    #[tokio::test]
    async fn an_identity_provider_shares_it_too_and_runtimes_may_trust_it() {
        let aws = Aws::new(Settings { call_latency: std::time::Duration::ZERO, ..Settings::default() });
        let listener = crate::transport::listen(&aws, 0).await.expect("a free port");
        let (address, issuer) = (listener.address(), listener.issuer());
        let provider = Provider::new(ClaimStyle::Standard, &issuer);
        let discovery_url = provider.discovery_url();
        let client = Client::new("secret").scopes(&["invoke"]).audiences(&["mcp"]);
        aws.with(|world| world.identity_providers.add(provider.with_client("app", client)));
        let get =
            |path: String| raw(address, format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"));
        let document = get(format!("{LOOPBACK_PATH}/.well-known/openid-configuration")).await;
        let (status, document) = read(&document);
        assert_eq!((status, &document["issuer"]), ("200", &json!(issuer)));
        let other = get(format!("/.well-known/oauth-authorization-server{LOOPBACK_PATH}")).await;
        assert_eq!(read(&other), ("200", document.clone()));
        let path = |member: &str| {
            let url = document[member].as_str().expect("a URL");
            url.strip_prefix(&format!("http://{address}")).expect("its own").to_owned()
        };
        assert!(read(&get(path("jwks_uri")).await).1["keys"].is_array());
        assert_eq!(read(&get(format!("{LOOPBACK_PATH}/nothing")).await).0, "404");
        let form = "grant_type=client_credentials&client_id=app&client_secret=secret&resource=http%3A%2F%2Fx%2Fmcp";
        let token_path = path("token_endpoint");
        let answer = raw(
            address,
            format!(
                "POST {token_path} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\ncontent-type: \
                 application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                address.port(),
                form.len()
            ),
        )
        .await;
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
        // Unless the emulator was told so, it wants https as AWS does.
        let gateway = || {
            let authorizer = json!({"discoveryUrl": discovery_url, "allowedClients": ["app"]});
            let input = json!({"name": "tools", "authorizerType": "CUSTOM_JWT",
                "roleArn": "arn:aws:iam::111122223333:role/gateway",
                "authorizerConfiguration": {"customJWTAuthorizer": authorizer}});
            let made = aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, "CreateGateway", input);
            made.map(drop).map_err(|error| error.message)
        };
        assert_eq!(gateway(), Err("discoveryUrl must be an https URL.".to_owned()));
        let trust = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}}]});
        let role = Role::new("arn:aws:iam::111122223333:role/gateway", std::time::UNIX_EPOCH, trust, Vec::new());
        aws.with(|world| {
            world.iam.put_role(role);
            world.agentcore.loopback_issuer = Some(issuer);
        });
        assert_eq!(gateway(), Ok(()));
    }
}
