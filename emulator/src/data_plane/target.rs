//! The target of a request, read from its URI: the runtime, the endpoint and the document.

use http::{Method, Request};

use super::failure::{Failure, invalid};
use crate::service::ApiError;
use crate::settings::Settings;
use crate::{runtime_url, wire};

const WELL_KNOWN: &str = ".well-known/oauth-protected-resource";

/// Returns true if a path belongs to the data plane: on loopback it shares the port with the control plane.
pub(crate) fn is_data_plane(path: &str) -> bool {
    parts(path).is_some()
}

/// The document that a request asks an endpoint for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// To invoke it.
    Invocation,
    /// The metadata that RFC 9728 describes.
    ResourceMetadata,
}

/// The target of a request.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The runtime's ARN, even if it does not exist.
    pub(super) arn: String,
    /// The endpoint's name.
    pub(super) qualifier: String,
    pub(super) document: Document,
    /// `https://host`, as the caller sees it.
    pub(super) base: String,
}

impl Target {
    pub(super) fn of(request: &Request<Vec<u8>>, settings: &Settings) -> Result<Self, Failure> {
        let unknown = || ApiError::new(404, "UnknownOperationException", "the request's method or path is unknown");
        let (runtime, document) = parts(request.uri().path()).ok_or_else(|| Failure::front(unknown()))?;
        let known = match document {
            Document::Invocation => [Method::POST, Method::GET, Method::DELETE].contains(request.method()),
            Document::ResourceMetadata => request.method() == Method::GET,
        };
        if !known {
            return Err(Failure::front(unknown()));
        }
        let runtime = wire::decode(runtime).map_err(Failure::front)?;
        let mut qualifier = "DEFAULT".to_owned();
        let mut account = None;
        for pair in request.uri().query().unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("qualifier", name)) => qualifier = wire::decode(name).map_err(Failure::front)?,
                Some(("accountId", id)) => account = Some(id),
                // The model has no others; validation says so.
                _ => {}
            }
        }
        let arn = match (runtime.starts_with("arn:"), account) {
            (true, _) => runtime,
            (false, Some(account)) => {
                let Settings { partition, region, .. } = settings;
                format!("arn:{partition}:bedrock-agentcore:{region}:{account}:runtime/{runtime}")
            }
            (false, None) => {
                let message = "accountId is required when the agent is given by its ID.";
                return Err(Failure::front(invalid(message.to_owned())));
            }
        };
        let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let aws = format!("bedrock-agentcore.{}.{}", settings.region, settings.dns_suffix);
        let scheme = if host == aws { "https" } else { "http" };
        Ok(Self { arn, qualifier, document, base: format!("{scheme}://{host}") })
    }

    /// Returns the runtime's id, which is unique as far as the ARN is one of this account's.
    pub(super) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the endpoint's ARN.
    pub(super) fn endpoint_arn(&self) -> String {
        format!("{}/runtime-endpoint/{}", self.arn, self.qualifier)
    }

    /// Returns the URL at which the endpoint is invoked.
    pub(super) fn url(&self) -> String {
        self.url_of("")
    }

    /// Returns the URL of the endpoint's metadata.
    pub(super) fn metadata_url(&self) -> String {
        self.url_of(&format!("/{WELL_KNOWN}"))
    }

    fn url_of(&self, document: &str) -> String {
        let runtime = runtime_url::encoded(&self.arn);
        format!("{}/runtimes/{runtime}/invocations{document}?qualifier={}", self.base, self.qualifier)
    }
}

/// Returns the runtime, still percent-encoded, and the document.
fn parts(path: &str) -> Option<(&str, Document)> {
    let (runtime, rest) = runtime_url::parts(path)?;
    match rest.trim_matches('/') {
        "" => Some((runtime, Document::Invocation)),
        WELL_KNOWN => Some((runtime, Document::ResourceMetadata)),
        _ => None,
    }
}
