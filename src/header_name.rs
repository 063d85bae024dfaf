//! Knows the names of request headers that AgentCore passes on to a container (developer guide, runtime header
//! allowlist).

/// A header name has at most this many characters.
const CHARS_MAX: usize = 256;
/// The one family of `x-amzn-` headers that may be listed.
const CUSTOM_PREFIX: &str = "x-amzn-bedrock-agentcore-runtime-custom-";
/// Headers that belong to AgentCore, HTTP or a proxy, by the kind of their content.
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

/// Says why AgentCore would not pass a header of this name on, after "lists" or "gives" and the quoted name. Returns
/// `None` if it would. `Authorization` is not decided here, because it depends on the runtime's callers.
pub(crate) fn header_name_problem(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let fits = name.len() <= CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !fits {
        return Some("which is not a header name; it begins with a letter and has letters, digits, - and _");
    }
    let restricted = RESTRICTED.split_whitespace().any(|restricted| restricted == lower)
        || RESTRICTED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
        || is_service_header(name);
    restricted.then_some("which AgentCore does not pass on; remove it")
}

/// Decides whether a name is one of AgentCore's own headers, which nobody else can list except for the custom ones.
pub(crate) fn is_service_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with("x-amzn-") && !lower.starts_with(CUSTOM_PREFIX)
}
