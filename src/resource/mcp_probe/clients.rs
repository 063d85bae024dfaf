//! Finds what keeps MCP clients from connecting to a server that asks for tokens, although AgentCore accepts the tokens
//! (MCP 2025-11-25, authorization). A finding is a part of `Detail`, and never fails a probe: which clients there will
//! be is not known.

use url::{Position, Url};

use crate::https_url::HttpsUrl;
use crate::oauth::Metadata;
use crate::text::quote;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Returns the URLs at which clients look for the metadata of an endpoint whose challenge names none (RFC 9728, section
/// 3.1).
pub(super) fn well_known_urls(endpoint: &HttpsUrl) -> Vec<HttpsUrl> {
    let url = endpoint.parsed();
    let (origin, path) = (&url[..Position::BeforePath], &url[Position::BeforePath..Position::AfterQuery]);
    let paths = [path.trim_end_matches('/'), ""].into_iter();
    let mut urls: Vec<_> =
        paths.filter_map(|path| HttpsUrl::parse(format!("{origin}{WELL_KNOWN}{path}")).ok()).collect();
    urls.dedup();
    urls
}

/// Compares the metadata's `resource` with the endpoint. Clients send it to the IdP as the audience of the token that
/// they ask for, and refuse one that is not the server they talk to: the endpoint, or the beginning of its path.
pub(super) fn resource_finding(endpoint: &HttpsUrl, resource: Option<&str>) -> Option<String> {
    let Some(resource) = resource else {
        return Some("the protected-resource metadata has no `resource`, which clients need".to_owned());
    };
    let covers = |resource: &Url, endpoint: &Url| {
        let path = resource.path().trim_end_matches('/');
        let below = endpoint.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let queries_fit = resource.query().is_none_or(|query| endpoint.query() == Some(query));
        resource.origin() == endpoint.origin() && below && queries_fit
    };
    let fits = HttpsUrl::parse(resource).is_ok_and(|resource| covers(resource.parsed(), endpoint.parsed()));
    (!fits).then(|| {
        format!(
            "the `resource` of the protected-resource metadata is {}, and strict clients refuse it for this endpoint",
            quote(resource)
        )
    })
}

/// Compares the authorization servers with the issuer as strict clients do: character by character (RFC 8414, section
/// 3.3).
pub(super) fn issuer_finding(servers: &[String], issuer: &str) -> Option<String> {
    let other = servers.iter().find(|server| server.trim_end_matches('/') == issuer.trim_end_matches('/'))?;
    (!servers.iter().any(|server| server == issuer)).then(|| {
        format!(
            "the endpoint names the issuer {}, and the IdP itself {}: strict clients refuse an issuer that differs in the \
             slash at its end",
            quote(other),
            quote(issuer)
        )
    })
}

/// Says which clients cannot sign a user in at an IdP.
pub(super) fn sign_in_findings(idp: &Metadata) -> Vec<String> {
    let issuer = quote(idp.issuer.as_str());
    if idp.authorization_endpoint.is_none() {
        return vec![format!("users cannot sign in at {issuer}, whose document has no `authorization_endpoint`")];
    }
    let mut findings = Vec::new();
    if !idp.sign_in.registers_clients && !idp.sign_in.takes_client_documents {
        findings.push(format!(
            "a client needs a client id that is registered at {issuer}, whose document has neither \
             `registration_endpoint` nor `client_id_metadata_document_supported`"
        ));
    }
    if !idp.sign_in.lists_s256 {
        findings.push(format!(
            "clients that follow MCP do not sign users in at {issuer}, whose document does not list S256 in \
             `code_challenge_methods_supported`"
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_between_host_and_path_and_at_the_host() {
        let host = "https://mcp.example.com";
        for (endpoint, first) in [
            ("/mcp", Some("/.well-known/oauth-protected-resource/mcp")),
            ("/a/mcp/?b=c", Some("/.well-known/oauth-protected-resource/a/mcp/?b=c")),
            ("/", None),
            ("", None),
        ] {
            let expected = first.into_iter().chain(["/.well-known/oauth-protected-resource"]);
            let expected: Vec<_> = expected.map(|path| format!("{host}{path}")).collect();
            let urls = well_known_urls(&HttpsUrl::parse(format!("{host}{endpoint}")).unwrap());
            assert_eq!(urls.iter().map(HttpsUrl::as_str).collect::<Vec<_>>(), expected, "{endpoint}");
        }
    }

    #[test]
    fn a_resource_is_the_endpoint_or_above_it() {
        let endpoint = &HttpsUrl::parse("https://mcp.example.com/a/mcp?qualifier=DEFAULT").unwrap();
        for resource in [
            endpoint.as_str(),
            "https://mcp.example.com/a/mcp",
            "https://mcp.example.com/a/mcp/",
            "https://mcp.example.com/a",
            "https://mcp.example.com",
            "HTTPS://MCP.example.com:443/",
        ] {
            assert_eq!(resource_finding(endpoint, Some(resource)), None, "{resource}");
        }
        for resource in [
            "https://mcp.example.com/a/mc",
            "https://mcp.example.com/a/mcp/b",
            "https://mcp.example.com/a/mcp?qualifier=OTHER",
            "https://mcp.example.com/A/mcp",
            "https://example.com/a/mcp",
            "http://mcp.example.com/a/mcp",
            "https://mcp.example.com:8443/a/mcp",
            "mcp",
        ] {
            let finding = resource_finding(endpoint, Some(resource)).expect(resource);
            assert!(finding.contains(&format!("is {resource:?}, and strict clients")), "{finding}");
        }
        assert!(resource_finding(endpoint, None).is_some_and(|it| it.contains("has no `resource`")));
    }

    #[test]
    fn issuers_are_compared_exactly() {
        let servers = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(issuer_finding(&servers(&["https://a/"]), "https://a/"), None);
        assert_eq!(issuer_finding(&servers(&["https://a", "https://a/"]), "https://a/"), None);
        let finding = issuer_finding(&servers(&["https://b", "https://a"]), "https://a/").expect("a slash");
        assert!(finding.starts_with("the endpoint names the issuer \"https://a\", and the IdP itself \"https://a/\""));
    }
}
