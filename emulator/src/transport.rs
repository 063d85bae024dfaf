//! Transports that lead to the account: the SDK's HTTP connector in memory, HTTP on loopback as behind one endpoint
//! URL, and a proxy to the real host names with TLS.

mod certificates;
pub mod loopback;
mod memory;
pub mod proxy;
mod route;

use std::io;

use self::loopback::Loopback;
pub use self::memory::http_connector;
use self::proxy::Proxy;
use crate::aws::Aws;

/// Opens the services and the data plane on `127.0.0.1:port`; port 0 picks a free one.
///
/// # Errors
/// If the port is not available.
pub async fn listen(aws: &Aws, port: u16) -> io::Result<Loopback> {
    Loopback::open(aws.clone(), port).await
}

/// Opens a proxy on `127.0.0.1:port` that leads to the account's real host names; port 0 picks a free one.
///
/// # Errors
/// If the port is not available, or the temporary folder cannot be written to.
pub async fn listen_proxy(aws: &Aws, port: u16) -> io::Result<Proxy> {
    Proxy::open(aws.clone(), port).await
}
