//! The credentials of a user of template.yaml's stack, by the names of its parameters.

use std::collections::BTreeMap;

use cloudformation::StackResource;
use emulator::aws::Aws;
use provisioner::oauth::ClientCredentials;
use provisioner::sensitive::Sensitive;
use serde_json::Value;

use crate::client::Credentials;

/// Returns what the parameters give a user of the stack's server or gateway.
#[must_use]
pub fn credentials(aws: &Aws, resource: &StackResource, parameters: &BTreeMap<String, String>) -> Credentials {
    Credentials { headers: demanded_headers(aws, resource, parameters), client: client(parameters) }
}

/// Returns the headers that the server demands by `RequireMcpCredentials`, with values from where its runtime has them:
/// the environment, or the secret that the environment names.
fn demanded_headers(
    aws: &Aws,
    resource: &StackResource,
    parameters: &BTreeMap<String, String>,
) -> Vec<(String, Sensitive)> {
    let given = |name: &str| parameters.get(name).map(String::as_str);
    let keys: &[(&str, &str)] = match given("McpAuthMode").filter(|_| given("RequireMcpCredentials") == Some("true")) {
        Some("api-key") => &[("x-api-key", "ZSCALER_MCP_AUTH_API_KEY")],
        Some("zscaler") => {
            &[("x-zscaler-client-id", "ZSCALER_CLIENT_ID"), ("x-zscaler-client-secret", "ZSCALER_CLIENT_SECRET")]
        }
        _ => return Vec::new(),
    };
    let now = aws.clock().now();
    let id = resource.physical_id.as_deref().unwrap_or_default();
    let (environment, secret) = aws.with(|world| {
        let runtime = world.agentcore.runtime(id, now);
        let environment = runtime.map(|it| it.configuration().environment()).unwrap_or_default();
        let secret = environment.get("ZSCALER_SECRET_NAME").and_then(|name| world.secrets.secret(name));
        let text = secret.and_then(|secret| secret.current_text());
        let secret = text.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
        (environment, secret)
    });
    let value = |key: &str| environment.get(key).map(String::as_str).or(secret[key].as_str()).map(Sensitive::new);
    keys.iter().filter_map(|(header, key)| Some(((*header).to_owned(), value(key)?))).collect()
}

/// Returns the first client among the parameters, if they give its secret.
fn client(parameters: &BTreeMap<String, String>) -> Option<ClientCredentials> {
    let given = |name: &str| parameters.get(name).map_or("", String::as_str);
    let list = |name: &str| given(name).split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
    let secret = Some(given("GatewayOAuthClientSecret")).filter(|secret| !secret.is_empty())?;
    let scopes: Vec<String> = list("GatewayInboundAllowedScopes").collect();
    Some(ClientCredentials {
        client_id: list("GatewayOAuthClientId").next()?,
        client_secret: Sensitive::new(secret),
        scopes: if scopes.is_empty() { list("GatewayOAuthProviderScopes").collect() } else { scopes },
        parameters: further(given("GatewayOAuthCustomParameters")),
    })
}

/// Parses further parameters of token requests, given as a JSON object.
fn further(json: &str) -> BTreeMap<String, Sensitive> {
    let parameters: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    parameters.into_iter().map(|(name, value)| (name, Sensitive::new(value))).collect()
}
