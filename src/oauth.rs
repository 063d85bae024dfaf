//! A client of an OAuth2 identity provider: discovery, a token by client credentials, and the token's claims about its
//! bearer.

pub(crate) mod client;
mod discovery;
mod request;
mod token;

pub use discovery::{Discovery, discover};
pub(crate) use discovery::{DiscoveryFields, Metadata, discovery_url, live_url};
pub(crate) use request::{RETRY_TIMEOUT, is_passing};
pub(crate) use token::{Claims, Token};
pub use token::{ClientCredentials, mint};
