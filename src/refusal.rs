//! The refusals that only AWS's message explains: neither their code nor their reason tells them from others.

use crate::error::{ApiErrorKind, Error};

/// The cause of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The name is taken. The documented error is ConflictException, and credential providers were seen to answer with a
    /// ValidationException: "Credential provider with name: … already exists".
    NameTaken,
    /// A role cannot be assumed or used yet: "Role validation failed for '…'. Please verify that the role exists and its
    /// trust policy allows assumption by this service", and "Access denied while validating ECR URI '…'", as
    /// terraform-provider-aws observed them for runtimes. For gateways the words are not known: any refusal that mentions
    /// assuming counts.
    RoleNotReady,
    /// A gateway has targets. The documented error is ConflictException, and a ValidationException would mean the same.
    TargetsLeft,
    /// The environment of a runtime is too large. The service's sentence is not documented.
    EnvironmentTooLarge,
    /// A secret, or another one with its name, is scheduled for deletion: "You can't create this secret because a secret
    /// with this name is already scheduled for deletion". AgentCore passes this on for the secret of a provider.
    SecretInDeletion,
    /// A secret has no value, or does not exist: "Secrets Manager can't find the specified secret value for staging
    /// label: AWSCURRENT".
    SecretWithoutValue,
}

impl Refusal {
    /// Returns true if this is the cause of the error.
    pub(crate) fn explains(self, error: &Error) -> bool {
        let Some(error) = error.api() else { return false };
        let message = error.message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        match (self, error.kind) {
            (Self::NameTaken, ApiErrorKind::Other) => says(&["already exists"]),
            (Self::RoleNotReady, ApiErrorKind::Other) => {
                says(&["role validation failed", "while validating ecr uri", "assume"]) && !error.is_final_denial()
            }
            (Self::TargetsLeft, ApiErrorKind::Other) => says(&["target"]),
            (Self::EnvironmentTooLarge, ApiErrorKind::Other) => {
                says(&["environment"]) && says(&["size", "exceed", "large", "limit", "bytes", "kb"])
            }
            (Self::SecretInDeletion, ApiErrorKind::InvalidState | ApiErrorKind::Other) => {
                says(&["deletion", "being deleted"])
            }
            (Self::SecretWithoutValue, ApiErrorKind::NotFound) => says(&["staging label"]),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    #[test]
    fn a_message_explains_errors_of_its_kind_only() {
        let table = [
            (Refusal::NameTaken, ApiErrorKind::Other, "Credential provider with name: a already exists"),
            (Refusal::RoleNotReady, ApiErrorKind::Other, "Role validation failed for 'r'. Please verify that …"),
            (Refusal::RoleNotReady, ApiErrorKind::Other, "Access denied while validating ECR URI 'u'"),
            (Refusal::TargetsLeft, ApiErrorKind::Other, "Gateway g has targets associated with it"),
            (Refusal::EnvironmentTooLarge, ApiErrorKind::Other, "Environment variables exceed 4 KB"),
            (Refusal::SecretInDeletion, ApiErrorKind::InvalidState, "… is already scheduled for deletion."),
            (Refusal::SecretInDeletion, ApiErrorKind::Other, "… is already scheduled for deletion."),
            (Refusal::SecretWithoutValue, ApiErrorKind::NotFound, "… for staging label: AWSCURRENT"),
        ];
        let error = |kind, message: &str| {
            Error::Api(ApiError { operation: "service:Operation", kind, code: None, message: message.to_owned() })
        };
        for (refusal, kind, message) in table {
            assert!(refusal.explains(&error(kind, message)), "{refusal:?}: {message}");
            assert!(!refusal.explains(&error(kind, "Invalid value")), "{refusal:?}");
            assert!(!refusal.explains(&error(ApiErrorKind::Denied, message)), "{refusal:?}: {message}");
        }
        let denied = "cannot assume the role with an explicit deny in a service control policy";
        assert!(!Refusal::RoleNotReady.explains(&error(ApiErrorKind::Other, denied)));
    }
}
