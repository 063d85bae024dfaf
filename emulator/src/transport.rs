//! Transports that lead to the account: the SDK's HTTP connector, in memory, and HTTP on loopback. Identity providers
//! have a loopback listener of their own, with TLS.

pub mod identity_provider;
pub mod loopback;
mod memory;

use std::io;

use self::identity_provider::IdentityProviderListener;
use self::loopback::Loopback;
pub use self::memory::http_connector;
use crate::aws::Aws;

/// Opens the account on `127.0.0.1:port`; port 0 picks a free one.
///
/// # Errors
/// If the port is not available.
pub async fn listen(aws: &Aws, port: u16) -> io::Result<Loopback> {
    Loopback::open(aws.clone(), port).await
}

/// Opens the identity providers on `https://localhost:port`; port 0 picks a free one. In memory the same URLs reach them.
///
/// # Errors
/// If the port is not available.
pub async fn listen_identity_provider(aws: &Aws, port: u16) -> io::Result<IdentityProviderListener> {
    IdentityProviderListener::open(aws.clone(), port).await
}
