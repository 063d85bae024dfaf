//! The outcome of a request for the transport that it came through.

use http::Response;

/// The outcome of a request for the transport.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The transport sends this response.
    Sent(Response<Vec<u8>>),
    /// The transport breaks the connection.
    Lost,
}
