//! The loopback door: HTTP/1.1 on 127.0.0.1, every service on one port as behind one endpoint URL. The response bucket
//! and the gateways are under paths of their own.

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

use super::Reply;
use crate::aws::Aws;
use crate::data_plane::is_data_plane;
use crate::gateway_endpoint::is_gateway_path;
use crate::response_bucket::LOOPBACK_PREFIX;

/// A listening door. Dropping it closes it and its connections.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    task: JoinHandle<Infallible>,
}

impl Loopback {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn open(aws: Aws, port: u16) -> io::Result<Self> {
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
    } else {
        aws.slowly(|aws| aws.serve(&request, None)).await
    };
    match reply {
        Reply::Sent(response) => Ok(response.map(|body| Full::new(Bytes::from(body)))),
        // hyper closes a connection whose service fails, without a word.
        Reply::Lost => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::faults::{ResponseFault, ResponseFaultEffect};
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
        let door = aws.listen(0).await.expect("a free port");
        let (address, now) = (door.address(), aws.clock().now());
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
        drop(door);
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err(), "a dropped door is closed");
    }
}
