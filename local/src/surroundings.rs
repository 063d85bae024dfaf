//! The surroundings of a stack: the secrets and the gateway that exist before it, images that behave like the servers
//! they are named after, and the identity providers that its parameters name.

use std::collections::BTreeMap;

use emulator::aws::Aws;
use emulator::container::Behaviour;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::service::{Principal, ServiceId};
use harness::put_role;
use serde_json::json;
use url::Url;

use crate::made_up;

/// Images that read their credentials from Secrets Manager when they start.
const ZSCALER_IMAGE: &str = "zscaler-mcp-server";
/// The gateway that exists before a stack which attaches to a gateway without naming it.
const EXISTING_GATEWAY: &str = "shared-tools";
/// The part of a discovery document's address that follows the issuer.
const WELL_KNOWN: &str = "/.well-known/";

/// Creates everything that the parameters refer to, and adds the parameters that are left open.
///
/// # Errors
/// AgentCore refuses the gateway to attach to.
pub(crate) async fn emulate(aws: &Aws, parameters: &mut BTreeMap<String, String>) -> Result<(), String> {
    aws.with(|world| {
        for value in parameters.values().filter(|value| value.contains(ZSCALER_IMAGE)) {
            world.containers.behave_as(value, Behaviour::zscaler());
        }
        for provider in providers(parameters) {
            world.identity_providers.add(provider);
        }
    });
    let attaches = parameters.get("GatewayMode").is_some_and(|mode| mode == "attach");
    if attaches && !parameters.contains_key("ExistingGatewayId") {
        let id = existing_gateway(aws, parameters).await?;
        parameters.insert("ExistingGatewayId".to_owned(), id);
    }
    Ok(())
}

/// Creates a secret that exists before the stack, from `NAME` or `NAME=JSON`.
///
/// # Errors
/// Secrets Manager refuses it.
pub(crate) fn create_secret(aws: &Aws, argument: &str) -> Result<(), String> {
    let (name, value) = argument.split_once('=').unwrap_or((argument, made_up::EXISTING_SECRET));
    let token = "00000000-0000-4000-8000-000000000000";
    let input = json!({ "Name": name, "SecretString": value, "ClientRequestToken": token });
    aws.call(&Principal::Administrator, ServiceId::SecretsManager, "CreateSecret", input)
        .map(|_| ())
        .map_err(|error| format!("the existing secret `{name}` cannot be created: {}", error.message))
}

/// Returns the identity providers that the parameters name, with their clients.
fn providers(parameters: &BTreeMap<String, String>) -> Vec<Provider> {
    let mut issuers: Vec<&str> = Vec::new();
    for (name, value) in parameters.iter().filter(|(_, value)| value.starts_with("https://")) {
        let named = match () {
            () if name.ends_with("Issuer") => Some(value.as_str()),
            () if name.ends_with("DiscoveryUrl") => value.split_once(WELL_KNOWN).map(|(issuer, _)| issuer),
            () => None,
        };
        // The same provider may be named with and without the slash at its end; the issuer's own spelling counts.
        let known = |issuer: &&str| issuers.iter().any(|it| it.trim_end_matches('/') == issuer.trim_end_matches('/'));
        issuers.extend(named.filter(|issuer| !known(issuer)));
    }
    if parameters.get("GatewayMode").is_some_and(|mode| mode == "attach") && issuers.is_empty() {
        issuers.push(made_up::ISSUER[0].1);
    }
    let list = |name: &str| -> Vec<&str> {
        let text = parameters.get(name).map_or("", String::as_str);
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    };
    let audiences = [list("GatewayInboundAllowedAudience"), list("JwtAudience"), vec![made_up::ISSUER[1].1]].concat();
    let scopes = [list("GatewayInboundAllowedScopes"), list("GatewayOAuthProviderScopes")].concat();
    let secret = parameters.get("GatewayOAuthClientSecret").map_or("", String::as_str);
    let client = Client::new(secret).scopes(&scopes).audiences(&audiences);
    issuers
        .into_iter()
        .map(|issuer| {
            list("GatewayOAuthClientId")
                .into_iter()
                .fold(Provider::new(style(issuer), issuer), |provider, id| provider.with_client(id, client.clone()))
        })
        .collect()
}

/// Creates a gateway of somebody else, whose role may do anything.
async fn existing_gateway(aws: &Aws, parameters: &BTreeMap<String, String>) -> Result<String, String> {
    let settings = aws.settings();
    let arn = format!("arn:{}:iam::{}:role/{EXISTING_GATEWAY}", settings.partition, settings.account_id);
    put_role(aws, &arn, "bedrock-agentcore.amazonaws.com");
    let mut input = json!({
        "name": EXISTING_GATEWAY,
        "roleArn": arn,
        "protocolType": "MCP",
        "protocolConfiguration": { "mcp": { "supportedVersions": ["2025-06-18", "2025-11-25", "2026-07-28"] } },
    });
    input["authorizerType"] = json!(parameters.get("GatewayAuthorizerType").map_or("CUSTOM_JWT", String::as_str));
    if input["authorizerType"] == "CUSTOM_JWT" {
        let provider = Provider::new(ClaimStyle::Auth0, made_up::ISSUER[0].1);
        input["authorizerConfiguration"] = json!({ "customJWTAuthorizer": {
            "discoveryUrl": provider.discovery_url(),
            "allowedAudience": [made_up::ISSUER[1].1],
        } });
    }
    let gateway = aws
        .call(&Principal::Administrator, ServiceId::AgentCoreControl, "CreateGateway", input)
        .map_err(|error| format!("the gateway to attach to cannot be created: {}", error.message))?;
    tokio::time::sleep(settings.gateway_transition).await;
    Ok(gateway["gatewayId"].as_str().unwrap_or_default().to_owned())
}

/// Guesses the product behind an issuer from its host.
fn style(issuer: &str) -> ClaimStyle {
    let url = Url::parse(issuer).ok();
    match url.as_ref().and_then(Url::host_str).unwrap_or_default() {
        host if host.starts_with("cognito-idp.") => ClaimStyle::Cognito,
        host if host.ends_with("okta.com") || host.ends_with("oktapreview.com") => ClaimStyle::Okta,
        "sts.windows.net" => ClaimStyle::EntraV1,
        "login.microsoftonline.com" => ClaimStyle::EntraV2,
        "accounts.google.com" => ClaimStyle::Google,
        _ if issuer.contains("/realms/") => ClaimStyle::Keycloak,
        _ => ClaimStyle::Auth0,
    }
}
