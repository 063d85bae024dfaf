//! A client of an OAuth2 identity provider: discovery, a token by client credentials, and the token's claims about its
//! bearer.

pub mod client;
mod discovery;
mod request;
mod token;

pub(crate) use discovery::DiscoveryFields;
pub use discovery::{Discovery, Metadata, discover, discovery_url};
pub(crate) use request::{RETRY_TIMEOUT, is_passing};
pub use token::{Claims, ClientCredentials, Token, mint};
