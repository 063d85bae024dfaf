//! The control plane's errors.

use crate::service::ApiError;

/// The code of a refusal of which it is not settled which one AWS gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedAs {
    /// `ValidationException`.
    Validation,
    /// `ConflictException`.
    Conflict,
}

impl RefusedAs {
    pub(super) fn error(self, message: impl Into<String>) -> ApiError {
        match self {
            Self::Validation => invalid(message),
            Self::Conflict => conflict(message),
        }
    }
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError { reason: Some("FieldValidationFailed"), ..ApiError::new(400, "ValidationException", message) }
}

pub(super) fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ConflictException", message)
}

pub(super) fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", message)
}

pub(super) fn quota(message: impl Into<String>) -> ApiError {
    ApiError::new(402, "ServiceQuotaExceededException", message)
}
