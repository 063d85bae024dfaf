//! Refusals that several nouns share, beyond the constraints of the service model.

use std::collections::BTreeMap;

use serde_json::Value;

use super::errors::{invalid, quota};
use crate::service::ApiError;
use crate::tags::{self, MAX_TAGS};

/// Checks the JWT authorizer of a runtime or a gateway.
pub(super) fn check_authorizer(authorizer: &Value) -> Result<(), ApiError> {
    let kinds = ["allowedAudience", "allowedClients", "allowedScopes", "customClaims"];
    if !kinds.iter().any(|kind| authorizer.get(kind).and_then(Value::as_array).is_some_and(|list| !list.is_empty())) {
        return Err(invalid(
            "customJWTAuthorizer requires at least one of allowedAudience, allowedClients, allowedScopes, customClaims.",
        ));
    }
    check_advertised_scopes(authorizer)?;
    check_workloads(authorizer.get("allowedWorkloadConfiguration"))?;
    for claim in authorizer.get("customClaims").and_then(Value::as_array).into_iter().flatten() {
        let wanted = &claim["authorizingClaimMatchValue"];
        let value = &wanted["claimMatchValue"];
        let one = value.get("matchValueString").is_some();
        let fits = match (claim["inboundTokenClaimValueType"].as_str(), wanted["claimMatchOperator"].as_str()) {
            (Some("STRING"), Some("EQUALS")) | (Some("STRING_ARRAY"), Some("CONTAINS")) => one,
            (Some("STRING_ARRAY"), Some("CONTAINS_ANY")) => !one,
            _ => false,
        };
        if !fits {
            return Err(invalid(format!(
                "The custom claim {} combines a value type, an operator and a match value that do not go together.",
                claim["inboundTokenClaimName"]
            )));
        }
    }
    Ok(())
}

/// Checks the advertised names of scopes, each of which maps a scope from `allowedScopes` [API AdvertisedScopeMappingType].
fn check_advertised_scopes(authorizer: &Value) -> Result<(), ApiError> {
    let allowed = authorizer.get("allowedScopes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mapping = authorizer.get("advertisedScopeMapping").and_then(Value::as_object);
    match mapping.into_iter().flat_map(|mapping| mapping.keys()).find(|scope| !allowed.iter().any(|it| it == *scope)) {
        Some(scope) => {
            Err(invalid(format!("advertisedScopeMapping maps the scope '{scope}', which is not in allowedScopes.")))
        }
        None => Ok(()),
    }
}

/// Checks the callers that a runtime is restricted to. The only hosting environment is a gateway [API HostingEnvironment].
fn check_workloads(allowed: Option<&Value>) -> Result<(), ApiError> {
    let Some(allowed) = allowed.and_then(Value::as_object) else { return Ok(()) };
    if !["hostingEnvironments", "workloadIdentities"].iter().any(|list| allowed.contains_key(*list)) {
        return Err(invalid(
            "allowedWorkloadConfiguration requires at least one of hostingEnvironments, workloadIdentities.",
        ));
    }
    let environments = allowed.get("hostingEnvironments").and_then(Value::as_array).into_iter().flatten();
    let arns = environments.map(|environment| environment["arn"].as_str().unwrap_or_default());
    let is_gateway = |arn: &str| arn.split(':').nth(2) == Some("bedrock-agentcore") && arn.contains(":gateway/");
    match arns.into_iter().find(|arn| !is_gateway(arn)) {
        Some(arn) => Err(invalid(format!("The hosting environment '{arn}' is not the ARN of a gateway."))),
        None => Ok(()),
    }
}

/// Checks tags that a call brings.
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    match tags::reserved(tags) {
        Some(key) => Err(invalid(format!("The tag key '{key}' is reserved: it starts with aws:."))),
        None => Ok(()),
    }
}

/// Checks how many tags a resource would have.
pub(super) fn check_tag_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(quota(format!("A resource can have at most {MAX_TAGS} tags.")));
    }
    Ok(())
}
