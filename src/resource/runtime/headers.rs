//! Which request headers AgentCore passes to a container (developer guide, runtime header allowlist).

use std::collections::BTreeSet;

use crate::error::Error;
use crate::properties::quote;

const NAME: &str = "RequestHeaders";
const HEADERS_MAX: usize = 20;
/// The one family of `x-amzn-` headers that may be listed.
const CUSTOM_PREFIX: &str = "x-amzn-bedrock-agentcore-runtime-custom-";
/// Headers that are AgentCore's, HTTP's or a proxy's own, by the kind of thing they say.
const RESTRICTED: &str = "accept cache-control connection clear-site-data cookie date downlink dpr ect etag expires \
    expect expect-ct feature-policy forwarded from host keep-alive last-modified link location origin \
    permissions-policy pragma range referer referrer-policy retry-after rtt save-data server set-cookie \
    strict-transport-security te trailer transfer-encoding true-client-ip upgrade user-agent vary via viewport-width \
    width www-authenticate x-cache x-client-ip x-cluster-client-ip x-content-type-options x-csrf-token \
    x-frame-options x-original-host x-original-url x-originating-ip x-real-ip x-requested-with x-rewrite-url \
    x-served-by x-source-ip x-xss-protection";
const RESTRICTED_PREFIXES: [&str; 11] = [
    "accept-",
    "access-control-",
    "cf-",
    "content-",
    "cross-origin-",
    "if-",
    "proxy-",
    "public-key-pins",
    "sec-",
    "x-amz-",
    "x-forwarded-",
];

/// Refuses a list that AgentCore would refuse.
pub(super) fn check(headers: &[String], jwt: bool) -> Result<(), Error> {
    let refuse = |problem: String| Err(Error::property(NAME, problem));
    if headers.len() > HEADERS_MAX {
        return refuse(format!("has {} entries; AgentCore passes at most {HEADERS_MAX}", headers.len()));
    }
    let mut seen = BTreeSet::new();
    for header in headers {
        let lower = header.to_ascii_lowercase();
        let fits = header.len() <= 256
            && header.starts_with(|c: char| c.is_ascii_alphabetic())
            && header.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !fits {
            return refuse(format!("contains {}; header names have letters, digits, - and _", quote(header)));
        }
        if !seen.insert(lower.clone()) {
            return refuse(format!("lists {} twice; names differ by more than case", quote(header)));
        }
        if lower == "authorization" && !jwt {
            let advice = "set `InboundAuth` to JWT or remove it";
            return refuse(format!("lists `Authorization`, which only a JWT runtime passes on; {advice}"));
        }
        let restricted = RESTRICTED.split_whitespace().any(|restricted| restricted == lower)
            || RESTRICTED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
            || (lower.starts_with("x-amzn-") && !lower.starts_with(CUSTOM_PREFIX));
        if restricted {
            return refuse(format!("lists {}, which AgentCore does not pass on; remove it", quote(header)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_agentcore_refuses() {
        let check = |names: &[&str], jwt| check(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), jwt);
        assert!(
            check(&["X-Api-Key", "Mcp-Session-Id", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant"], false).is_ok()
        );
        assert!(check(&["Authorization"], true).is_ok());
        for names in [
            &["Authorization"][..],
            &["A", "a"],
            &["x-amz-date"],
            &["X-Amzn-Trace-Id"],
            &["Host"],
            &["Range"],
            &["If-Match"],
            &["X-Csrf-Token"],
            &["bad header"],
        ] {
            assert!(check(names, false).is_err(), "{names:?}");
        }
    }
}
