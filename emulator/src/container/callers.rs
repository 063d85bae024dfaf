//! The demands of a server on its callers in addition to the platform's: the modes of the Zscaler MCP server that check
//! a header (its `security/auth.py`, 0.15.4).

use std::collections::BTreeMap;

use http::Request;

/// Headers that a request has to carry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    /// Lower-case names, and the values expected. A value that the server itself lacks admits nobody.
    headers: Vec<(&'static str, Option<String>)>,
    /// True if a request without any of them passes, because the platform has checked its caller.
    trusts_platform: bool,
}

impl Callers {
    /// Reads what the server's environment asks for.
    pub(crate) fn of(environment: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| environment.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let is_on = |name: &str| text(name).is_some_and(|it| ["true", "1", "yes"].contains(&&*it.to_lowercase()));
        let mode = text("ZSCALER_MCP_AUTH_MODE").filter(|_| is_on("ZSCALER_MCP_AUTH_ENABLED"));
        let expected: &[(&'static str, &str)] = match mode {
            Some("api-key") => &[("x-api-key", "ZSCALER_MCP_AUTH_API_KEY")],
            Some("zscaler") => {
                &[("x-zscaler-client-id", "ZSCALER_CLIENT_ID"), ("x-zscaler-client-secret", "ZSCALER_CLIENT_SECRET")]
            }
            _ => &[],
        };
        let headers = expected.iter().map(|(header, variable)| (*header, text(variable).map(str::to_owned))).collect();
        Self { headers, trusts_platform: is_on("ZSCALER_MCP_TRUST_PLATFORM_AUTH") }
    }

    /// Returns why a request is refused, or nothing.
    pub(super) fn refusal(&self, request: &Request<Vec<u8>>) -> Option<&'static str> {
        let sent = |name: &str| request.headers().get(name).map(http::HeaderValue::as_bytes);
        if self.headers.is_empty() {
            return None;
        }
        if !self.headers.iter().all(|(name, _)| sent(name).is_some()) {
            return (!self.trusts_platform).then_some("Credentials are required.");
        }
        let fits = |(name, value): &(&str, Option<String>)| sent(name) == value.as_ref().map(String::as_bytes);
        (!self.headers.iter().all(fits)).then_some("Invalid credentials.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(variables: &[(&str, &str)], headers: &[(&str, &str)]) -> Option<&'static str> {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut request = Request::new(Vec::new());
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        Callers::of(&environment).refusal(&request)
    }

    #[test]
    fn credentials_are_checked_where_they_are_sent_and_demanded_without_trust() {
        let api_key = [
            ("ZSCALER_MCP_AUTH_ENABLED", "true"),
            ("ZSCALER_MCP_AUTH_MODE", "api-key"),
            ("ZSCALER_MCP_AUTH_API_KEY", "k"),
            ("ZSCALER_MCP_TRUST_PLATFORM_AUTH", "true"),
        ];
        let (right, wrong) = ([("X-Api-Key", "k")], [("X-Api-Key", "x")]);
        assert_eq!(refusal(&api_key, &[]), None);
        assert_eq!(refusal(&api_key, &right), None);
        assert!(refusal(&api_key, &wrong).is_some());
        let strict = &api_key[..3];
        assert!(refusal(strict, &[]).is_some());
        assert_eq!(refusal(strict, &right), None);
        assert!(refusal(&strict[..2], &right).is_some(), "a server without a key admits nobody");
        let zscaler = [
            ("ZSCALER_MCP_AUTH_ENABLED", "true"),
            ("ZSCALER_MCP_AUTH_MODE", "zscaler"),
            ("ZSCALER_CLIENT_ID", "id"),
            ("ZSCALER_CLIENT_SECRET", "secret"),
        ];
        let both = [("X-Zscaler-Client-ID", "id"), ("X-Zscaler-Client-Secret", "secret")];
        assert_eq!(refusal(&zscaler, &both), None);
        assert!(refusal(&zscaler, &both[..1]).is_some());
        assert_eq!(refusal(&[("ZSCALER_MCP_AUTH_ENABLED", "false")], &[]), None);
    }
}
