//! Faults of an identity provider.

use std::time::Duration;

/// The time that a request waits if it is never answered.
pub(crate) const HANGS_FOR: Duration = Duration::from_mins(10);

/// One of a provider's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The discovery document, in whichever form.
    Discovery,
    /// The key set.
    Jwks,
    /// The token endpoint.
    Token,
}

/// The way in which an address fails, whatever is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With an HTTP status and nothing that explains it.
    Status(u16),
    /// With a redirect (302) to this URL.
    Redirect(String),
    /// As a protected resource does (RFC 9728): with status 401 and a challenge that points to this URL.
    Challenge(String),
    /// With status 200 and a page for people.
    HtmlPage,
    /// With status 200 and this document.
    Document(String),
    /// With status 200 and this body, which the headers call a JSON document compressed by gzip.
    Compressed(Vec<u8>),
    /// With status 200 and a body that is cut off in the middle.
    BrokenJson,
    /// Nothing listens there: the connection is refused.
    Unreachable,
    /// The connection is accepted, and no answer comes.
    NoAnswer,
}

/// Something wrong with a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    /// An address fails.
    At(Endpoint, Failure),
    /// The discovery document lacks this member.
    DiscoveryWithout(&'static str),
    /// The discovery document has an empty text for this member.
    DiscoveryEmpty(&'static str),
    /// The discovery document names this issuer. Tokens name the right one.
    DiscoveryIssuer(String),
    /// Tokens name this issuer. The discovery document names the right one.
    TokenIssuer(String),
    /// The provider signs with its clients' secrets and publishes no keys: documents and tokens say so.
    SignsWithSecrets,
    /// Tokens are signed with HS256, although the documents announce RS256.
    Hs256Token,
    /// Access tokens are not JWTs.
    OpaqueToken,
    /// Access tokens lack this claim.
    TokenWithout(&'static str),
    /// The token endpoint answers an error that quotes the request's credentials and body.
    QuotesRequest,
    /// The token endpoint answers this error (RFC 6749, section 5.2).
    TokenError {
        /// HTTP status.
        status: u16,
        /// The member `error`.
        error: &'static str,
        /// The member `error_description`.
        description: &'static str,
    },
}

impl ProviderFault {
    /// Returns true if a request to this address meets the fault.
    pub(super) fn concerns(&self, endpoint: Endpoint) -> bool {
        match self {
            Self::At(at, _) => *at == endpoint,
            Self::DiscoveryWithout(_) | Self::DiscoveryEmpty(_) | Self::DiscoveryIssuer(_) => {
                endpoint == Endpoint::Discovery
            }
            Self::SignsWithSecrets => true,
            Self::TokenIssuer(_)
            | Self::Hs256Token
            | Self::OpaqueToken
            | Self::TokenWithout(_)
            | Self::QuotesRequest
            | Self::TokenError { .. } => endpoint == Endpoint::Token,
        }
    }
}
