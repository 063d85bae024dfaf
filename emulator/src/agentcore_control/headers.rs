//! The rules for request headers that are passed on to a runtime or a gateway target [DG runtime-header-allowlist].

use std::collections::BTreeSet;

use super::errors::invalid;
use super::runtime_configuration::Configuration;
use crate::service::ApiError;

/// Lower case, in the order of the guide's table.
const RESTRICTED: &str = "proxy-authorization www-authenticate \
    accept accept-charset accept-encoding accept-language content-type content-length content-encoding \
    content-language content-location content-range \
    cache-control etag expires if-match if-modified-since if-none-match if-range if-unmodified-since last-modified \
    pragma vary \
    connection keep-alive proxy-connection upgrade \
    host user-agent referer from \
    range accept-ranges transfer-encoding te trailer \
    server date location retry-after \
    set-cookie cookie \
    content-security-policy content-security-policy-report-only strict-transport-security x-content-type-options \
    x-frame-options x-xss-protection referrer-policy permissions-policy cross-origin-embedder-policy \
    cross-origin-opener-policy cross-origin-resource-policy \
    access-control-allow-origin access-control-allow-methods access-control-allow-headers \
    access-control-allow-credentials access-control-expose-headers access-control-max-age \
    access-control-request-method access-control-request-headers origin \
    accept-ch accept-ch-lifetime dpr width viewport-width downlink ect rtt save-data \
    clear-site-data feature-policy expect-ct public-key-pins public-key-pins-report-only \
    via forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip x-requested-with x-csrf-token \
    true-client-ip x-client-ip x-cluster-client-ip x-originating-ip x-source-ip x-original-url x-original-host \
    x-rewrite-url \
    cf-ray cf-connecting-ip x-cache x-served-by \
    link \
    sec-websocket-key sec-websocket-accept sec-websocket-version sec-websocket-protocol sec-websocket-extensions";

const CUSTOM_PREFIX: &str = "x-amzn-bedrock-agentcore-runtime-custom-";

/// Checks one name.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let lower = name.to_ascii_lowercase();
    if RESTRICTED.split_whitespace().any(|restricted| restricted == lower) || lower.starts_with("x-forwarded-") {
        return Err(invalid(format!("The header '{name}' is restricted and cannot be passed on.")));
    }
    let reserved = lower.starts_with("x-amz-") || lower.starts_with("x-amzn-");
    if reserved && !lower.starts_with(CUSTOM_PREFIX) {
        return Err(invalid(format!("The header '{name}' starts with a prefix that is reserved.")));
    }
    Ok(())
}

/// Checks the whole allowlist.
pub(super) fn check(configuration: &Configuration) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    for name in configuration.request_headers() {
        check_name(name)?;
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" && configuration.jwt_authorizer().is_none() {
            return Err(invalid("The Authorization header needs a customJWTAuthorizer on the runtime."));
        }
        if !seen.insert(lower) {
            return Err(invalid(format!("The header '{name}' appears more than once; names are case-insensitive.")));
        }
    }
    Ok(())
}
