//! Made-up values for what a template needs, so that a run needs no arguments.

use std::collections::BTreeMap;

/// Values for the parameters that template.yaml requires and that have no default.
const REQUIRED: [(&str, &str); 1] =
    [("ECRImageUri", "111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/zscaler-mcp-server:latest")];
/// Credentials for a new secret. An existing one has its own.
const CREDENTIALS: [(&str, &str); 4] = [
    ("ZscalerClientId", "made-up-client-id"),
    ("ZscalerClientSecret", "made-up-client-secret-7f3a9c51"),
    ("ZscalerVanityDomain", "made-up"),
    ("ZscalerCustomerId", "72057594037927936"),
];
/// An identity provider for servers that take tokens. The run emulates it at this address.
pub(crate) const ISSUER: [(&str, &str); 3] = [
    ("JwtIssuer", "https://made-up.us.auth0.com/"),
    ("JwtAudience", "https://mcp.made-up.example.com"),
    ("JwtJwksUri", "https://made-up.us.auth0.com/.well-known/jwks.json"),
];
/// The same for gateways that take tokens, and a client for gateways that call with them.
const AUDIENCE: [(&str, &str); 2] =
    [("GatewayInboundIssuer", ISSUER[0].1), ("GatewayInboundAllowedAudience", ISSUER[1].1)];
const CLIENT: [(&str, &str); 3] = [
    ("GatewayOAuthClientId", "made-up-gateway-client"),
    ("GatewayOAuthClientSecret", "made-up-gateway-secret-90ac4e6d"),
    ("GatewayOAuthCustomParameters", r#"{"audience":"https://mcp.made-up.example.com"}"#),
];
/// The value of an existing secret unless the command line gives another. A real server refuses keys of less than 32
/// bytes.
pub(crate) const EXISTING_SECRET: &str = r#"{"ZSCALER_CLIENT_ID": "made-up-client-id", "ZSCALER_CLIENT_SECRET":
    "made-up-client-secret-7f3a9c51", "ZSCALER_VANITY_DOMAIN": "made-up", "ZSCALER_CUSTOMER_ID": "72057594037927936",
    "ZSCALER_MCP_AUTH_API_KEY": "made-up-api-key-2b8e60d45a71c3f9e0826b4d7f13a9c5",
    "ZSCALER_MCP_REQUEST_STATE_KEYS": "made-up-state-key-c41f07aa93be52d8641f0c7e8a2b5d90"}"#;

/// Returns made-up values for the parameters that a deployment with the given ones needs, even for those that are given.
pub(crate) fn values(given: &BTreeMap<String, String>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let existing = given.get("CredentialSource").is_some_and(|source| source == "UseExisting");
    let credentials = if existing { &[][..] } else { &CREDENTIALS[..] };
    let is = |name: &str, value: &str| given.get(name).is_some_and(|it| it == value);
    let takes_tokens = is("McpAuthMode", "jwt");
    let issuer = if takes_tokens { &ISSUER[..] } else { &[] };
    let has_gateway = is("EnableAgentCoreGateway", "true");
    let gateway_takes_tokens = has_gateway && !is("GatewayAuthorizerType", "AWS_IAM");
    let issuer_given = ["GatewayInboundIssuer", "GatewayInboundDiscoveryUrl", "JwtIssuer"];
    let issuer_given = issuer_given.into_iter().any(|name| given.contains_key(name));
    let audience = gateway_takes_tokens && !is("GatewayMode", "attach") && !issuer_given;
    let audience = if audience { &AUDIENCE[..] } else { &[] };
    let client_given = ["GatewayOAuthClientId", "GatewayOAuthProviderArn"].into_iter().any(|it| given.contains_key(it));
    let client = (gateway_takes_tokens || (has_gateway && takes_tokens)) && !client_given && !issuer_given;
    let client = if client { &CLIENT[..] } else { &[] };
    REQUIRED.iter().chain(credentials).chain(issuer).chain(audience).chain(client).copied()
}
