//! Transports that lead to the account: the SDK's HTTP connector, in memory, and HTTP on loopback. Identity providers
//! have a loopback listener of their own, with TLS.

pub mod identity_provider;
pub mod loopback;
mod memory;

pub(crate) use memory::{http_client, http_connector};

/// The outcome of a request for the transport.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The transport sends this response.
    Sent(http::Response<Vec<u8>>),
    /// The transport breaks the connection.
    Lost,
}
