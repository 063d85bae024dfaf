//! The hosts that identity providers may have, if whoever runs the function limits them.

use crate::https_url::HttpsUrl;
use crate::text::quote;

/// Environment variable of the function with the hosts, separated by commas. Absent or empty: any host.
pub const IDENTITY_PROVIDER_HOSTS_VARIABLE: &str = "IDENTITY_PROVIDER_HOSTS";

/// The hosts that identity providers may have: `idp.example.com`, or `*.example.com` for everything below a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityProviderHosts(Vec<String>);

impl IdentityProviderHosts {
    /// Reads a list of hosts.
    ///
    /// # Errors
    /// Says which entry is not a host. The list then allows nothing that the writer meant.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let host = |entry: &str| {
            let host = entry.to_ascii_lowercase();
            let domain = host.strip_prefix("*.").unwrap_or(&host);
            let is_name = !domain.contains('*');
            let is_host = |url: HttpsUrl| url.parsed().domain() == Some(domain);
            let is_domain = is_name && HttpsUrl::parse(format!("https://{domain}/")).is_ok_and(is_host);
            is_domain.then_some(host).ok_or_else(|| {
                format!(
                    "the function's environment variable `{IDENTITY_PROVIDER_HOSTS_VARIABLE}` has the entry {}, which is \
                     not a host; use names such as `idp.example.com` or `*.example.com`",
                    quote(entry)
                )
            })
        };
        entries.map(host).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the reason why a URL must not be called, as the end of a sentence, or `None` if it may be.
    pub(crate) fn problem(&self, url: &HttpsUrl) -> Option<String> {
        let host = url.parsed().host_str().unwrap_or_default();
        let is_host = |allowed: &String| match allowed.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == allowed,
        };
        if self.0.is_empty() || self.0.iter().any(is_host) {
            return None;
        }
        Some(format!(
            "its host {host} is not one that this provisioner allows for identity providers ({}); use one of them, or ask \
             whoever runs the provisioner to add it to `{IDENTITY_PROVIDER_HOSTS_VARIABLE}`",
            self.0.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_by_its_name_or_by_the_domain_above_it() {
        let hosts = IdentityProviderHosts::parse(" IdP.example.com, *.okta.com ,").unwrap();
        let problem = |url: &str| hosts.problem(&HttpsUrl::parse(url).unwrap());
        for url in
            ["https://idp.example.com/a", "https://idp.EXAMPLE.com:8443", "https://a.okta.com", "https://a.b.okta.com"]
        {
            assert_eq!(problem(url), None, "{url}");
        }
        for url in [
            "https://okta.com",
            "https://evilokta.com",
            "https://a.okta.com.example.org",
            "https://x.idp.example.com",
            "https://example.org/?idp.example.com",
            "https://idp.example.com@example.org",
            "https://[::1]/",
            "no URL",
        ] {
            assert!(HttpsUrl::parse(url).map_or(true, |url| hosts.problem(&url).is_some()), "{url}");
        }
        let problem = problem("https://example.org").unwrap();
        assert!(problem.starts_with("its host example.org is not one that"), "{problem}");
        let any = IdentityProviderHosts::parse(" , ").unwrap();
        assert_eq!(any.problem(&HttpsUrl::parse("https://example.org").unwrap()), None);
    }

    #[test]
    fn an_entry_that_is_not_a_host_is_named() {
        for entry in
            ["https://idp.example.com", "idp.example.com/a", "*", "*.*.com", "a b", "10.0.0.1", "idp.example.com:443"]
        {
            let problem = IdentityProviderHosts::parse(&format!("ok.example.com,{entry}")).unwrap_err();
            assert!(problem.contains(&format!("{entry:?}, which is not a host")), "{problem}");
        }
    }
}
