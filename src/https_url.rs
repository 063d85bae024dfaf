//! Reads the https URLs that templates, documents and events name.

use url::Url;

const NOT_HTTPS: &str = "is not an https URL";

/// Reads an https URL. The error completes "…, which": "is not an https URL".
///
/// Other programs read the same text: AgentCore, an identity provider, a person. A text that readers understand
/// differently is refused, although [`Url`] would repair it: a host in percent-encoding, a backslash, white space, a
/// missing slash.
pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
    if text.contains(char::is_whitespace) || text.contains(char::is_control) {
        return Err("has white space in it");
    }
    let is_https = text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let authority = text.get(8..).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if !is_https || authority.is_empty() || authority.starts_with(':') || text.contains('\\') {
        return Err(NOT_HTTPS);
    }
    if authority.contains('@') {
        return Err("names a user");
    }
    if authority.contains('%') {
        return Err("has a percent sign in its host");
    }
    Url::parse(text).map_err(|_| NOT_HTTPS)
}

/// Returns true if the host of an https URL is this domain, or is below it.
pub(crate) fn is_under(text: &str, domain: &str) -> bool {
    let below = |host: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    parse(text).is_ok_and(|url| url.domain().is_some_and(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_under_a_domain_by_whole_labels() {
        for url in ["https://auth0.com", "https://tenant.auth0.com/", "https://A.B.AUTH0.com:8443/x"] {
            assert!(is_under(url, "auth0.com"), "{url}");
        }
        for url in [
            "https://evilauth0.com/",
            "https://auth0.com.example.com/",
            "https://example.com/.auth0.com",
            "https://auth0.com@example.com/",
            "http://auth0.com/",
            "https://1.2.3.4/",
            "auth0.com",
        ] {
            assert!(!is_under(url, "auth0.com"), "{url}");
        }
    }

    #[test]
    fn a_host_is_what_the_http_client_connects_to() {
        for (text, host) in [
            ("https://idp.example.com", "idp.example.com"),
            ("HTTPS://IdP.Example.COM/Path", "idp.example.com"),
            ("https://idp.example.com:8443/", "idp.example.com"),
            ("https://idp.example.com./", "idp.example.com."),
            ("https://idp.example.com?x.amazonaws.com/mcp", "idp.example.com"),
            ("https://idp.example.com#x.amazonaws.com/mcp", "idp.example.com"),
            ("https://idp.example.com/@x.amazonaws.com/mcp", "idp.example.com"),
            ("https://bücher.example.com/", "xn--bcher-kva.example.com"),
            ("https://2130706433/", "127.0.0.1"),
            ("https://0x7f000001/", "127.0.0.1"),
            ("https://0177.1/", "127.0.0.1"),
            ("https://[::FFFF:127.0.0.1]/", "[::ffff:7f00:1]"),
        ] {
            assert_eq!(parse(text).unwrap().host_str(), Some(host), "{text}");
        }
    }

    #[test]
    fn a_text_that_readers_understand_differently_is_refused() {
        for (text, problem) in [
            ("http://idp.example.com", NOT_HTTPS),
            ("idp.example.com", NOT_HTTPS),
            ("https:idp.example.com", NOT_HTTPS),
            ("https:/idp.example.com", NOT_HTTPS),
            ("https://", NOT_HTTPS),
            ("https:///idp.example.com", NOT_HTTPS),
            ("https://:443/", NOT_HTTPS),
            ("https://?x", NOT_HTTPS),
            ("https://idp.example.com\\@evil.example.com/", NOT_HTTPS),
            ("https://idp.example.com:port/", NOT_HTTPS),
            ("https://idp.example.com:65536/", NOT_HTTPS),
            ("https://[::1/", NOT_HTTPS),
            ("https://256.1.1.1/", NOT_HTTPS),
            ("file:///etc/passwd", NOT_HTTPS),
            ("", NOT_HTTPS),
            ("https://user@idp.example.com/", "names a user"),
            ("https://amazonaws.com:pass@evil.example.com/", "names a user"),
            ("https://idp%2eexample.com/", "has a percent sign in its host"),
            ("https://idp.example.com%2f.amazonaws.com/", "has a percent sign in its host"),
            (" https://idp.example.com", "has white space in it"),
            ("https://idp.exam\tple.com", "has white space in it"),
            ("https://idp.example.com/\u{0}", "has white space in it"),
        ] {
            assert_eq!(parse(text), Err(problem), "{text:?}");
        }
    }
}
