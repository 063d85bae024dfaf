//! Reads the https URLs that templates, documents and events name, and the addresses that the environment names.

use std::fmt;

use url::{Position, Url};

const NOT_HTTPS: &str = "is not an https URL";

/// The URLs that a place accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// https, without a user.
    Https,
    /// http or https, without a user.
    Http,
    /// http or https, also with a user and a password.
    Proxy,
}

/// Reads a URL. The error completes "…, which": "is not an https URL".
///
/// Other programs read the same text: AgentCore, an identity provider, a person. A text that readers understand
/// differently is refused, although [`Url`] would repair it: a host in percent-encoding, a backslash, white space, a
/// missing slash.
pub(crate) fn parse(text: &str, form: Form) -> Result<Url, &'static str> {
    if text.contains(char::is_whitespace) || text.contains(char::is_control) {
        return Err("has white space in it");
    }
    let other = if form == Form::Https { NOT_HTTPS } else { "is not an http or https URL" };
    let (scheme, rest) = text.split_once("://").ok_or(other)?;
    let is_accepted =
        scheme.eq_ignore_ascii_case("https") || (form != Form::Https && scheme.eq_ignore_ascii_case("http"));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if !is_accepted || host.is_empty() || host.starts_with(':') || text.contains('\\') {
        return Err(other);
    }
    if user.is_some() && form != Form::Proxy {
        return Err("names a user");
    }
    if host.contains('%') {
        return Err("has a percent sign in its host");
    }
    Url::parse(text).map_err(|_| other)
}

/// An https URL: the text as it was written, and the URL that an HTTP client reads in it.
///
/// The text is what AWS gets and what sentences quote, and two URLs are equal if their texts are: issuers are compared
/// character by character (RFC 8414, section 3.3). Requests go to the parsed URL, and hosts are compared there.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    written: String,
    parsed: Url,
}

/// A query may hold a credential, such as a signature.
impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parsed[..Position::AfterPath])
    }
}

impl From<HttpsUrl> for String {
    fn from(url: HttpsUrl) -> Self {
        url.written
    }
}

impl HttpsUrl {
    /// Reads a URL. The error completes "…, which".
    pub(crate) fn parse(text: impl Into<String>) -> Result<Self, &'static str> {
        let written = text.into();
        parse(&written, Form::Https).map(|parsed| Self { written, parsed })
    }

    /// Returns the text as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the URL as an HTTP client reads it.
    pub(crate) fn parsed(&self) -> &Url {
        &self.parsed
    }

    /// Returns true if the host is this domain, or is below it.
    pub(crate) fn is_under(&self, domain: &str) -> bool {
        let below = |host: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        self.parsed.domain().is_some_and(below)
    }

    /// Returns the URL with more pairs in its query, which are percent-encoded already, and without a fragment.
    pub(crate) fn with_query(&self, pairs: &str) -> Self {
        let query = self.parsed.query().map_or_else(|| pairs.to_owned(), |query| format!("{query}&{pairs}"));
        let mut parsed = self.parsed.clone();
        parsed.set_query(Some(&query));
        parsed.set_fragment(None);
        let written = self.written.split('#').next().unwrap_or_default();
        let joint = if self.parsed.query().is_some() { '&' } else { '?' };
        Self { written: format!("{written}{joint}{pairs}"), parsed }
    }

    /// Returns the URL with another path, and without a fragment. The written text is the normal form.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut parsed = self.parsed.clone();
        parsed.set_path(path);
        parsed.set_fragment(None);
        Self { written: parsed.to_string(), parsed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_under_a_domain_by_whole_labels() {
        let is_under = |url: &str| HttpsUrl::parse(url).is_ok_and(|url| url.is_under("auth0.com"));
        for url in ["https://auth0.com", "https://tenant.auth0.com/", "https://A.B.AUTH0.com:8443/x"] {
            assert!(is_under(url), "{url}");
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
            assert!(!is_under(url), "{url}");
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
            assert_eq!(HttpsUrl::parse(text).unwrap().parsed().host_str(), Some(host), "{text}");
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
            assert_eq!(HttpsUrl::parse(text), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn a_url_keeps_its_text_and_prints_without_its_query() {
        let url = HttpsUrl::parse("HTTPS://IdP.Example.com:443/a?b=c#d").unwrap();
        assert_eq!(url.as_str(), "HTTPS://IdP.Example.com:443/a?b=c#d");
        assert_eq!(url.parsed().as_str(), "https://idp.example.com/a?b=c#d");
        assert_eq!(format!("{url:?}"), "https://idp.example.com/a");
        assert_ne!(url, HttpsUrl::parse(url.parsed().as_str()).unwrap(), "issuers are compared as texts");
    }

    #[test]
    fn pairs_are_added_to_the_query_and_not_to_the_fragment() {
        for (text, expected) in [
            ("https://IdP/token", "https://IdP/token?x=1"),
            ("https://IdP/token?a=b", "https://IdP/token?a=b&x=1"),
            ("https://IdP/token#what?", "https://IdP/token?x=1"),
        ] {
            let url = HttpsUrl::parse(text).unwrap().with_query("x=1");
            assert_eq!(url.as_str(), expected, "{text}");
            assert_eq!(Ok(url.parsed()), Url::parse(expected).as_ref(), "{text}");
        }
    }

    #[test]
    fn what_no_url_may_have_is_refused_in_every_form() {
        for (text, form, problem) in [
            ("http://own.example.com/", Form::Http, None),
            ("HTTP://own.example.com:1/", Form::Proxy, None),
            ("http://user:p%40ss@proxy:3128", Form::Proxy, None),
            ("http://user:word@own.example.com/", Form::Http, Some("names a user")),
            ("http://@own.example.com/", Form::Http, Some("names a user")),
            ("http://user@/", Form::Proxy, Some("is not an http or https URL")),
            ("ftp://own.example.com/", Form::Proxy, Some("is not an http or https URL")),
            ("http:///own.example.com", Form::Http, Some("is not an http or https URL")),
            ("http://own.example.com\\x", Form::Http, Some("is not an http or https URL")),
            ("http://own%2eexample.com/", Form::Proxy, Some("has a percent sign in its host")),
            ("http://own.exam ple.com/", Form::Http, Some("has white space in it")),
        ] {
            assert_eq!(parse(text, form).err(), problem, "{text}");
        }
    }
}
