//! The proxies that the function's environment names, by the variables that curl and most other programs honour.

use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Proxy};
use url::Url;

use crate::https_url::{self, Form};

/// The variables for each kind of URL, each in the order in which the first that is set counts.
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NONE: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxies of requests. The default is none.
#[derive(Default)]
pub struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    /// The hosts that are called without a proxy, separated by commas.
    none: String,
}

/// A proxy's URL may contain a password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}

impl Proxies {
    /// Reads the variables; `read` returns a variable's value, if it is set.
    ///
    /// # Errors
    /// A proxy's address cannot be used: a sentence for people. The HTTP client would ignore some of these addresses, and
    /// send requests past the proxy.
    pub fn from_environment(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let first = |names: [&'static str; 2]| {
            let (name, value) = names.into_iter().find_map(|name| Some((name, read(name)?)))?;
            let value = value.trim().to_owned();
            (!value.is_empty()).then_some((name, value))
        };
        let proxy = |names| match first(names) {
            None => Ok(None),
            // The value may contain a password, so that the sentence does not quote it.
            Some((name, value)) => parse(&value).map(Some).map_err(|_| {
                format!(
                    "the environment variable `{name}` is not the address of an HTTP proxy; use \
                     `http://<host>:<port>`, or remove the variable"
                )
            }),
        };
        let all = proxy(ALL)?;
        Ok(Self {
            http: proxy(HTTP)?.or_else(|| all.clone()),
            https: proxy(HTTPS)?.or(all),
            none: first(NONE).map(|(_, hosts)| hosts).unwrap_or_default(),
        })
    }

    /// Returns the rule by which [`Self::add_to`] decides which requests go through a proxy.
    pub(super) fn matcher(&self) -> Matcher {
        let text = |url: &Option<Url>| url.as_ref().map(Url::to_string).unwrap_or_default();
        Matcher::builder().http(text(&self.http)).https(text(&self.https)).no(self.none.as_str()).build()
    }

    /// Adds these proxies to a client.
    pub(super) fn add_to(&self, client: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let except = |proxy: Proxy| proxy.no_proxy(NoProxy::from_string(&self.none));
        let mut client = client.no_proxy();
        if let Some(url) = &self.http {
            client = client.proxy(except(Proxy::http(url.clone())?));
        }
        if let Some(url) = &self.https {
            client = client.proxy(except(Proxy::https(url.clone())?));
        }
        Ok(client)
    }
}

/// Parses a proxy's address. One without a scheme is an http address.
fn parse(text: &str) -> Result<Url, &'static str> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    https_url::parse(&text, Form::Proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Proxies, String> {
        Proxies::from_environment(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn proxy(variables: &[(&str, &str)], url: &'static str) -> Option<String> {
        let proxies = read(variables).unwrap();
        proxies.matcher().intercept(&http::Uri::from_static(url)).map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn a_request_goes_through_the_proxy_of_its_scheme_unless_its_host_is_excepted() {
        let (https, url) =
            (&[("HTTPS_PROXY", "http://one:3128"), ("NO_PROXY", "idp.example.com")][..], "https://x.test/");
        assert_eq!(proxy(https, url).as_deref(), Some("http://one:3128/"));
        assert_eq!(proxy(https, "http://x.test/"), None);
        assert_eq!(proxy(https, "https://idp.example.com/"), None);
        assert_eq!(proxy(https, "https://a.idp.example.com/"), None);
        for (variables, expected) in [
            (&[][..], None),
            (&[("https_proxy", "two:3128")], Some("http://two:3128/")),
            (&[("ALL_PROXY", "https://three")], Some("https://three/")),
            (&[("ALL_PROXY", "three"), ("HTTPS_PROXY", " one:1\n")], Some("http://one:1/")),
            // An empty variable is set, so that the one in lower case does not count.
            (&[("HTTPS_PROXY", ""), ("https_proxy", "two")], None),
        ] {
            assert_eq!(proxy(variables, url).as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn an_address_that_the_client_would_ignore_is_a_sentence_without_the_password() {
        for value in
            ["prox y:3128", "socks5://127.0.0.1:1080", "http://", "http://u:password@ho st", "ftp://proxy", "a:port"]
        {
            let problem = read(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert_eq!(
                problem,
                "the environment variable `HTTPS_PROXY` is not the address of an HTTP proxy; use \
                 `http://<host>:<port>`, or remove the variable",
                "{value}"
            );
        }
        assert!(read(&[("ALL_PROXY", "socks5://x")]).unwrap_err().contains("`ALL_PROXY`"));
        assert!(read(&[("https_proxy", "http://user:password@proxy:3128")]).is_ok());
    }
}
