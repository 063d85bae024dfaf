//! The service's checks of the role of a runtime or a gateway before it accepts a create or an update.

use std::time::SystemTime;

use super::errors::invalid;
use super::runtime_configuration::Configuration;
use crate::iam::{Context, Iam, Role};
use crate::service::ApiError;
use crate::settings::Settings;

/// Checks that a runtime's execution role is [`assumable`] and able to pull a private image (O:
/// awslabs/agentcore-samples#154).
pub(super) fn check(
    configuration: &Configuration,
    runtime_arn: &str,
    iam: &Iam,
    settings: &Settings,
    now: SystemTime,
) -> Result<(), ApiError> {
    let role = assumable(configuration.role_arn(), runtime_arn, iam, settings, now)?;
    match configuration.container_uri() {
        Some(uri) if !may_pull(role, uri, settings) => Err(invalid(format!(
            "Access denied while validating ECR URI '{uri}'. The execution role requires permissions for \
             ecr:GetAuthorizationToken, ecr:BatchGetImage, and ecr:GetDownloadUrlForLayer operations."
        ))),
        _ => Ok(()),
    }
}

/// Finds a role that exists, is visible already, and trusts the service for this resource.
///
/// The text is what AWS answers (O: hashicorp/terraform-provider-aws, `internal/service/bedrockagentcore`).
pub(super) fn assumable<'a>(
    arn: &str,
    resource_arn: &str,
    iam: &'a Iam,
    settings: &Settings,
    now: SystemTime,
) -> Result<&'a Role, ApiError> {
    let context = Context::from([
        ("aws:SourceAccount".to_owned(), vec![settings.account_id.clone()]),
        ("aws:SourceArn".to_owned(), vec![resource_arn.to_owned()]),
    ]);
    let service = format!("bedrock-agentcore.{}", principal_suffix(settings));
    iam.role(arn)
        .filter(|role| role.created + settings.role_propagation <= now)
        .filter(|role| role.trusts(&service, &context))
        .ok_or_else(|| {
            invalid(format!(
                "Role validation failed for '{arn}'. Please verify that the role exists and its trust policy allows \
                 assumption by this service"
            ))
        })
}

/// Returns the end of service principals: `amazonaws.com` in every partition.
fn principal_suffix(settings: &Settings) -> &str {
    settings.dns_suffix.strip_suffix(".cn").unwrap_or(&settings.dns_suffix)
}

/// Images of ECR Public need no permission.
fn may_pull(role: &Role, uri: &str, settings: &Settings) -> bool {
    let Some((registry, image)) = uri.split_once('/').filter(|(registry, _)| registry.contains(".dkr.ecr.")) else {
        return true;
    };
    let mut parts = registry.split('.');
    let (account, region) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    let repository = image.split(['@', ':']).next().unwrap_or_default();
    let arn = format!("arn:{}:ecr:{region}:{account}:repository/{repository}", settings.partition);
    role.allows("ecr:GetAuthorizationToken", "*")
        && role.allows("ecr:BatchGetImage", &arn)
        && role.allows("ecr:GetDownloadUrlForLayer", &arn)
}
