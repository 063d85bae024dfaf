//! HTTP/1.1 on 127.0.0.1: every service is on one port, as behind one endpoint URL (`AWS_ENDPOINT_URL`). Hosts that are
//! not services' are behind the proxy alone.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::aws::Aws;
use crate::data_plane::is_data_plane;
use crate::reply::Stream;

/// A listener. Dropping it closes it and its connections.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    task: JoinHandle<Infallible>,
}

impl Loopback {
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
                // Waiting to fill a packet would only show as latency.
                let _ = stream.set_nodelay(true);
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

async fn answer(aws: Aws, request: Request<Incoming>) -> io::Result<http::Response<Stream>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    let request = Request::from_parts(parts, body);
    let reply = if is_data_plane(request.uri().path()) {
        aws.serve_data_plane(&request).await
    } else {
        aws.slowly(|aws| aws.serve(&request, None)).await
    };
    // hyper closes a connection whose service fails, without a word.
    reply.into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::settings::Settings;

    #[tokio::test]
    async fn the_services_share_the_port() {
        let aws = Aws::new(Settings::default());
        let listener = crate::transport::listen(&aws, 0).await.expect("a free port");
        let address = listener.address();
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("a request");
        let mut unsigned = String::new();
        stream.read_to_string(&mut unsigned).await.expect("an answer");
        assert!(
            unsigned.starts_with("HTTP/1.1 403") && unsigned.contains("Missing Authentication Token"),
            "{unsigned}"
        );
        drop(listener);
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err(), "a dropped listener is closed");
    }
}
