//! Refusals of a gateway target beyond the constraints of the service model.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::errors::invalid;
use super::gateway::Gateway;
use super::gateway_target::{
    GatewayTarget, POLICY_SESSION_HEADER, RESERVED_TAG, api_key, api_key_provider_arn, credential, is_dynamic,
    managed_vpc, oauth, provider_arn, server,
};
use super::headers;
use super::state::AgentCoreControl;
use super::status::Status;
use super::tool_schema;
use crate::input::{https_url, text_map, texts};
use crate::objects::Objects;
use crate::runtime_url;
use crate::service::ApiError;

/// The source of a target's catalogue.
pub(super) enum Catalogue {
    /// From the schema that came with the target: no synchronization.
    Given(Vec<Value>),
    /// From the server, for each request.
    Live,
    /// From the server, now, without anybody's help.
    Read,
    /// From the server, once a person has consented.
    Consent,
}

impl AgentCoreControl {
    /// Checks the members of a create or an update and says where the catalogue comes from.
    pub(super) fn check_target(
        &self,
        gateway: &Gateway,
        is_update: bool,
        members: &Map<String, Value>,
        objects: &Objects,
        now: SystemTime,
    ) -> Result<Catalogue, ApiError> {
        let server = server(members);
        if server.is_null() {
            return Err(invalid("the emulator's gateways have targets of the kind mcp.mcpServer only"));
        }
        check_endpoint(server["endpoint"].as_str().unwrap_or_default())?;
        self.check_credential(members, now)?;
        check_metadata(gateway, is_update, members)?;
        check_network(members)?;
        let consent = oauth_of(members).is_some_and(|oauth| oauth["grantType"] == "AUTHORIZATION_CODE");
        let tools = tool_schema::tools(server, objects)?;
        if is_dynamic(server) {
            // [DG gateway-target-MCPservers]; the stricter reading is that a schema is not allowed here either.
            let unfit = if gateway.is_semantic() {
                Some("a gateway with semantic search")
            } else if consent {
                Some("the grant type AUTHORIZATION_CODE")
            } else if tools.is_some() {
                Some("mcpToolSchema")
            } else {
                None
            };
            return match unfit {
                Some(unfit) => Err(invalid(format!("The listing mode DYNAMIC is not supported with {unfit}."))),
                None => Ok(Catalogue::Live),
            };
        }
        Ok(match tools {
            Some(tools) => Catalogue::Given(tools),
            None if consent => Catalogue::Consent,
            None => Catalogue::Read,
        })
    }

    /// Checks the outbound authorization of an MCP server [DG gateway-outbound-auth].
    fn check_credential(&self, members: &Map<String, Value>, now: SystemTime) -> Result<(), ApiError> {
        let Some(credential) = credential(members) else { return Ok(()) };
        let kind = credential["credentialProviderType"].as_str().unwrap_or_default();
        let given = credential.get("credentialProvider").and_then(Value::as_object);
        let given = given.and_then(|union| union.keys().next()).map(String::as_str);
        match (kind, given) {
            ("GATEWAY_IAM_ROLE", Some("iamCredentialProvider")) => Ok(()),
            // O: hashicorp/terraform-provider-aws#47628
            ("GATEWAY_IAM_ROLE", None) => {
                Err(invalid("IamCredentialProvider is required for mcpServer targets using IAM authentication"))
            }
            ("OAUTH", Some("oauthCredentialProvider")) => {
                let arn = provider_arn(members).unwrap_or_default();
                let found = self.credential_provider_by_arn(arn, now);
                match found.filter(|provider| provider.status(now) == Status::Ready) {
                    Some(_) => Ok(()),
                    None => Err(invalid(format!("The credential provider '{arn}' does not exist or is not ready."))),
                }
            }
            ("API_KEY", Some("apiKeyCredentialProvider")) => {
                check_api_key_place(api_key(credential).unwrap_or(&Value::Null))?;
                let arn = api_key_provider_arn(members).unwrap_or_default();
                match self.api_key_provider_by_arn(arn) {
                    Some(_) => Ok(()),
                    None => Err(invalid(format!("The credential provider '{arn}' does not exist."))),
                }
            }
            ("JWT_PASSTHROUGH" | "CALLER_IAM_CREDENTIALS", _) => {
                Err(invalid(format!("The credential provider type {kind} is not supported for mcpServer targets.")))
            }
            _ => Err(invalid(format!("The credential provider type {kind} does not go with its credentialProvider."))),
        }
    }
}

/// Checks the VPC of a private endpoint [DG vpc-egress-private-endpoints].
fn check_network(members: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(vpc) = managed_vpc(members) else { return Ok(()) };
    if texts(vpc, "subnetIds").is_empty() {
        return Err(invalid("subnetIds must have at least one subnet."));
    }
    if text_map(vpc, "tags").contains_key(RESERVED_TAG) {
        return Err(invalid(format!("The tag key {RESERVED_TAG} is reserved.")));
    }
    Ok(())
}

/// Checks where a request carries an API key. AWS does not document what a query parameter without a name or with a prefix
/// means, so both are refused.
fn check_api_key_place(provider: &Value) -> Result<(), ApiError> {
    let is_given = |member: &str| provider.get(member).is_some();
    match provider["credentialLocation"] == "QUERY_PARAMETER" {
        true if !is_given("credentialParameterName") => {
            Err(invalid("credentialParameterName is required when credentialLocation is QUERY_PARAMETER."))
        }
        true if is_given("credentialPrefix") => {
            Err(invalid("credentialPrefix is not supported when credentialLocation is QUERY_PARAMETER."))
        }
        _ => Ok(()),
    }
}

fn oauth_of(members: &Map<String, Value>) -> Option<&Value> {
    credential(members).and_then(oauth)
}

/// Checks that an endpoint is an https URL, with the ARN in the URL of a runtime percent-encoded [DG
/// gateway-target-MCPservers].
fn check_endpoint(endpoint: &str) -> Result<(), ApiError> {
    let not_https = || invalid(format!("The endpoint '{endpoint}' is not an https URL."));
    let url = https_url(endpoint).ok_or_else(not_https)?;
    // On other hosts a path like a runtime's has no meaning.
    let is_runtime = url.host_str().is_some_and(|host| host.starts_with("bedrock-agentcore."))
        && url.path().starts_with("/runtimes/");
    if is_runtime && runtime_url::parts(url.path()).is_none_or(|(runtime, _)| runtime.contains(':')) {
        return Err(invalid(format!(
            "The endpoint '{endpoint}' is not the invocation URL of a runtime: the runtime's ARN must be \
             percent-encoded."
        )));
    }
    Ok(())
}

/// Checks that no target passes on what a gateway with sessions keeps to itself [DG gateway-sessions].
pub(super) fn check_sessions(gateway: &Gateway) -> Result<(), ApiError> {
    let passes = |target: &&GatewayTarget| {
        let names = METADATA.iter().flat_map(|list| passed_on(&target.members, list));
        names.into_iter().any(|name| name.eq_ignore_ascii_case(SESSION_HEADER))
    };
    match gateway.targets.iter().find(passes) {
        Some(target) => Err(invalid(format!(
            "sessionConfiguration cannot be added while target '{}' passes on Mcp-Session-Id.",
            target.id
        ))),
        None => Ok(()),
    }
}

/// The lists of what a gateway passes on, in `metadataConfiguration`.
const METADATA: [&str; 3] = ["allowedRequestHeaders", "allowedResponseHeaders", "allowedQueryParameters"];

/// It belongs to a gateway with sessions [DG gateway-sessions].
const SESSION_HEADER: &str = "mcp-session-id";

fn passed_on<'m>(members: &'m Map<String, Value>, list: &str) -> impl Iterator<Item = &'m str> + use<'m> {
    let names = members.get("metadataConfiguration").and_then(|it| it.get(list)).and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// Headers that the gateway may pass on. Which ones it never does is documented for runtimes only, and taken from there.
fn check_metadata(gateway: &Gateway, is_update: bool, members: &Map<String, Value>) -> Result<(), ApiError> {
    for list in METADATA {
        let restricted = list == "allowedRequestHeaders";
        let mut seen = BTreeSet::new();
        for name in passed_on(members, list) {
            let lower = name.to_ascii_lowercase();
            // Reserved as its kind, except in an update, which may send back the header that the service added.
            if restricted && !(lower == POLICY_SESSION_HEADER && is_update) {
                headers::check_name(name)?;
                if lower == "authorization" {
                    return Err(invalid("The header 'Authorization' belongs to the target's credential provider."));
                }
            }
            if lower == SESSION_HEADER && gateway.has_sessions() {
                return Err(invalid(format!("{list} must not have Mcp-Session-Id on a gateway with sessions.")));
            }
            if !seen.insert(lower) {
                return Err(invalid(format!("{list} has '{name}' more than once.")));
            }
        }
    }
    Ok(())
}
