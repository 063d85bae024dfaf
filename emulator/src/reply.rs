//! The outcome of a request for the transport that it came through.

use std::io;

use futures_util::StreamExt as _;
use http::Response;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use hyper::body::Bytes;
use tokio::time::Instant;

/// The body of an answer that may still be on its way. An error breaks the connection.
pub(crate) type Stream = BoxBody<Bytes, io::Error>;

/// The outcome of a request for the transport.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The transport sends this response.
    Sent(Response<Vec<u8>>),
    /// The transport sends this response as it comes.
    Streamed(Response<Stream>),
    /// The transport breaks the connection.
    Lost,
}

impl Reply {
    /// Returns the response.
    ///
    /// # Errors
    /// The connection breaks instead.
    pub(crate) fn into_response(self) -> io::Result<Response<Stream>> {
        match self {
            Self::Sent(response) => Ok(response.map(whole)),
            Self::Streamed(response) => Ok(response),
            Self::Lost => {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "the connection was closed before the reply"))
            }
        }
    }
}

/// Creates a body that is complete.
pub(crate) fn whole(body: Vec<u8>) -> Stream {
    Full::new(Bytes::from(body)).map_err(|impossible| match impossible {}).boxed()
}

/// Cuts a body off at this time, as if it ended there.
pub(crate) fn until(body: Stream, end: Instant) -> Stream {
    BoxBody::new(StreamBody::new(BodyStream::new(body).take_until(tokio::time::sleep_until(end))))
}

/// Waits for the end of a response.
///
/// # Errors
/// The connection broke.
pub(crate) async fn collected(response: Response<Stream>) -> io::Result<Response<Vec<u8>>> {
    let (parts, body) = response.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes().to_vec()))
}
