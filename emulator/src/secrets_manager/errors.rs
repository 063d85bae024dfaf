//! Secrets Manager's errors, in its own words. Every client error has status 400.

use super::secret::Deletion;
use crate::service::ApiError;

pub(super) fn not_found() -> ApiError {
    resource_not_found("Secrets Manager can't find the specified secret.")
}

pub(super) fn resource_not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidRequestException", message)
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

pub(super) fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ResourceExistsException", message)
}

pub(super) fn too_many_versions() -> ApiError {
    ApiError::new(400, "LimitExceededException", "You've exceeded the number of versions that a secret can have.")
}

/// Creates the error for a secret that waits for its deletion. O: both texts are quoted in issues of
/// hashicorp/terraform-provider-aws and external-secrets/external-secrets.
pub(super) fn marked_for_deletion(deletion: &Deletion) -> ApiError {
    let how = if deletion.forced { "was deleted" } else { "was marked for deletion" };
    invalid_request(format!("You can't perform this operation on the secret because it {how}."))
}
