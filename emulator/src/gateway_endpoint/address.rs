//! The address in a request's URL: the gateway and the document.

use http::{Method, Request};

use crate::settings::Settings;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The document that a request asks a gateway for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// To speak MCP with it.
    Mcp,
    /// The metadata that RFC 9728 describes.
    ResourceMetadata,
}

/// The target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The gateway's id, even if it does not exist.
    pub(super) gateway_id: String,
    pub(super) document: Document,
    /// The beginning of the gateway's URLs, as the caller sees it.
    base: String,
}

/// Returns true if a host is a gateway's.
pub(crate) fn is_gateway_host(host: &str, settings: &Settings) -> bool {
    id_of(host, settings).is_some()
}

impl Address {
    /// Reads the address of a request; returns `None` if a gateway has nothing there, or not for that method.
    pub(super) fn of(request: &Request<Vec<u8>>, settings: &Settings) -> Option<Self> {
        let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let (gateway_id, base) = (id_of(host, settings)?, format!("https://{host}"));
        let (document, methods) = match request.uri().path() {
            "/mcp" => (Document::Mcp, &[Method::POST, Method::GET, Method::DELETE][..]),
            WELL_KNOWN => (Document::ResourceMetadata, &[Method::GET][..]),
            _ => return None,
        };
        methods.contains(request.method()).then(|| Self { gateway_id: gateway_id.to_owned(), document, base })
    }

    /// Returns the URL at which the gateway speaks MCP.
    pub(super) fn url(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// Returns the URL of the gateway's metadata.
    pub(super) fn metadata_url(&self) -> String {
        format!("{}{WELL_KNOWN}", self.base)
    }
}

fn id_of<'h>(host: &'h str, settings: &Settings) -> Option<&'h str> {
    let host = host.strip_suffix(":443").unwrap_or(host);
    let (id, rest) = host.split_once(".gateway.")?;
    (rest == format!("bedrock-agentcore.{}.{}", settings.region, settings.dns_suffix)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(method: &str, host: &str, path: &str) -> Option<Address> {
        let request = Request::builder().method(method).uri(path).header("host", host).body(Vec::new());
        Address::of(&request.expect("a request"), &Settings::default())
    }

    #[test]
    fn a_gateway_has_a_host_of_its_own() {
        let host = "tools-abcdefghij.gateway.bedrock-agentcore.us-east-1.amazonaws.com";
        let in_memory = address("POST", host, "/mcp").expect("an address");
        assert_eq!((in_memory.gateway_id.as_str(), in_memory.document), ("tools-abcdefghij", Document::Mcp));
        assert_eq!(in_memory.url(), format!("https://{host}/mcp"));
        let path = "/.well-known/oauth-protected-resource";
        let metadata = address("GET", host, path).expect("an address");
        assert_eq!(metadata.document, Document::ResourceMetadata);
        assert_eq!(metadata.metadata_url(), format!("https://{host}{path}"));
    }

    #[test]
    fn elsewhere_is_nothing() {
        let host = "tools-abcdefghij.gateway.bedrock-agentcore.us-east-1.amazonaws.com";
        assert_eq!(address("PUT", host, "/mcp"), None);
        assert_eq!(address("POST", host, "/.well-known/oauth-protected-resource"), None);
        assert_eq!(address("POST", host, "/"), None);
        assert_eq!(address("POST", "127.0.0.1:4000", "/mcp"), None);
        let abroad = "tools-abcdefghij.gateway.bedrock-agentcore.eu-west-1.amazonaws.com";
        assert!(is_gateway_host(host, &Settings::default()) && !is_gateway_host(abroad, &Settings::default()));
    }
}
