//! The two ways in: the SDK's HTTP connector, in memory, and HTTP on loopback; there, identity providers have a door of
//! their own, with TLS.

pub mod identity_provider;
pub mod loopback;
mod memory;

pub(crate) use memory::{http_client, http_connector};

/// What a door does with a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Sends this back.
    Sent(http::Response<Vec<u8>>),
    /// Breaks the connection.
    Lost,
}
