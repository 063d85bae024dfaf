//! What a stack meets in the account and beyond: images that behave like the servers they are named after, and the
//! identity providers that its parameters name.

use std::collections::BTreeMap;

use emulator::aws::Aws;
use emulator::container::Behaviour;
use emulator::identity_provider::{ClaimStyle, Provider};

/// Images that read their credentials from Secrets Manager when they start.
const ZSCALER_IMAGE: &str = "zscaler-mcp-server";

/// Makes what the parameters refer to.
pub(crate) fn emulate(aws: &Aws, parameters: &BTreeMap<String, String>) {
    aws.with(|world| {
        for (name, value) in parameters {
            if value.contains(ZSCALER_IMAGE) {
                world.containers.behave_as(value, Behaviour::zscaler());
            }
            if name.ends_with("Issuer") && value.starts_with("https://") {
                world.identity_providers.add(Provider::new(style(value), value));
            }
        }
    });
}

/// The product behind an issuer, by its host.
fn style(issuer: &str) -> ClaimStyle {
    let host = issuer.trim_start_matches("https://").split('/').next().unwrap_or_default();
    match host {
        _ if host.starts_with("cognito-idp.") => ClaimStyle::Cognito,
        _ if host.ends_with("okta.com") || host.ends_with("oktapreview.com") => ClaimStyle::Okta,
        "sts.windows.net" => ClaimStyle::EntraV1,
        "login.microsoftonline.com" => ClaimStyle::EntraV2,
        "accounts.google.com" => ClaimStyle::Google,
        _ if issuer.contains("/realms/") => ClaimStyle::Keycloak,
        _ => ClaimStyle::Auth0,
    }
}
