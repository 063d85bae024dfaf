//! Refusals of a gateway beyond the constraints of the service model.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::Value;

use super::errors::invalid;
use super::gateway_configuration::{Configuration, VERSIONS};
use super::rules;
use crate::iam::Iam;
use crate::identity_provider::IdentityProviders;
use crate::service::ApiError;

impl Configuration {
    /// Checks a create or an update by itself.
    pub(super) fn check(&self, providers: &IdentityProviders, now: SystemTime) -> Result<(), ApiError> {
        self.check_authorizer(providers, now)?;
        let versions = self.supported_versions();
        if let Some(unknown) = versions.iter().find(|version| !VERSIONS.contains(&version.as_str())) {
            return Err(invalid(format!(
                "The MCP version '{unknown}' is not supported. Supported versions: {}.",
                VERSIONS.join(", ")
            )));
        }
        Ok(())
    }

    /// Refuses interceptors that cannot work: two at one point, or a function that the gateway's role may not invoke
    /// [DG gateway-interceptors].
    pub(super) fn check_interceptors(&self, iam: &Iam) -> Result<(), ApiError> {
        let interceptors =
            self.get("interceptorConfigurations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let role = iam.role(self.text("roleArn").unwrap_or_default());
        let mut points = BTreeSet::new();
        for interceptor in interceptors {
            let arn = interceptor["interceptor"]["lambda"]["arn"].as_str().unwrap_or_default();
            if !role.is_some_and(|role| role.allows("lambda:InvokeFunction", arn)) {
                return Err(invalid(format!("The gateway's role is not allowed to invoke the interceptor '{arn}'.")));
            }
            for point in interceptor["interceptionPoints"].as_array().into_iter().flatten() {
                if !points.insert(point.as_str()) {
                    return Err(invalid(format!("The interception point {point} has two interceptors.")));
                }
            }
        }
        Ok(())
    }

    fn check_authorizer(&self, providers: &IdentityProviders, now: SystemTime) -> Result<(), ApiError> {
        match (self.text("authorizerType"), self.jwt_authorizer()) {
            (Some("CUSTOM_JWT"), Some(authorizer)) => {
                rules::check_authorizer(authorizer)?;
                // The guide has it for runtimes only [DG runtime-oauth].
                if authorizer.get("allowedWorkloadConfiguration").is_some() {
                    return Err(invalid("allowedWorkloadConfiguration is not supported for gateways."));
                }
                let url = authorizer["discoveryUrl"].as_str().unwrap_or_default();
                match providers.read(url, now).and_then(|document| document.get("issuer").cloned()) {
                    Some(Value::String(_)) => Ok(()),
                    _ => Err(invalid(format!("The discovery document at '{url}' cannot be read or has no issuer."))),
                }
            }
            (Some("CUSTOM_JWT"), None) => {
                Err(invalid("authorizerConfiguration is required when authorizerType is CUSTOM_JWT."))
            }
            (Some("AWS_IAM" | "NONE"), None) => Ok(()),
            (Some("AWS_IAM" | "NONE"), Some(_)) => {
                Err(invalid("authorizerConfiguration is only allowed when authorizerType is CUSTOM_JWT."))
            }
            (other, _) => {
                Err(invalid(format!("the emulator's gateways have no authorizerType {}", other.unwrap_or_default())))
            }
        }
    }

    /// Checks an update against what is there.
    pub(super) fn may_become(&self, new: &Self) -> Result<(), ApiError> {
        if self.text("authorizerType") != new.text("authorizerType") {
            // O: aws-cloudformation/cloudformation-coverage-roadmap#2578
            return Err(invalid("Authorizer type cannot be updated for an existing gateway"));
        }
        // O: aws/aws-cli#10346: they can shrink and not grow.
        let supported = self.supported_versions();
        if let Some(added) = new.supported_versions().iter().find(|version| !supported.contains(version)) {
            return Err(invalid(format!("The MCP version '{added}' cannot be added to an existing gateway.")));
        }
        // It is not known if the API would change these. A caller that does not rely on it does not need to know.
        if self.mcp("searchType") != new.mcp("searchType") {
            return Err(invalid("The search type cannot be updated for an existing gateway."));
        }
        for member in ["protocolType", "kmsKeyArn"] {
            if self.get(member) != new.get(member) {
                return Err(invalid(format!("{member} cannot be updated for an existing gateway.")));
            }
        }
        Ok(())
    }
}
