//! The credential, the headers and the caller of the requests to a server.

use crate::sensitive::Sensitive;

/// The way in which requests are authorized.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Requests are signed as the function's role.
    SigV4,
    /// Requests carry a token.
    Bearer(Sensitive),
    /// Requests are not authorized.
    Nothing,
}

/// The credential, the headers and the caller with which a server is asked.
#[derive(Clone, Debug)]
pub struct Access {
    /// The credential that authorizes each request.
    pub credential: Credential,
    /// Further headers of each request, with lower-case names. Their values are secret.
    pub headers: Vec<(String, Sensitive)>,
    /// The caller, so that two callers at the same time do not share a session.
    pub caller: String,
}

impl From<&Credential> for Access {
    fn from(credential: &Credential) -> Self {
        Self { credential: credential.clone(), headers: Vec::new(), caller: String::new() }
    }
}
