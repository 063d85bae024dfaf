//! AgentCore's control plane: one module per noun with its calls, statuses and ids, and one engine that creates,
//! converges, finds and deletes all of them. No policy: what a template asks for is decided in `resource`.

use aws_smithy_types::error::operation::BuildError;

use crate::error::{ApiErrorKind, Error};

pub(crate) mod api_key_credential_provider;
mod conflict;
pub(crate) mod deletion;
pub(crate) mod engine;
pub(crate) mod gateway;
pub(crate) mod gateway_id;
pub(crate) mod gateway_target;
pub(crate) mod named_noun;
pub(crate) mod oauth2_credential_provider;
pub(crate) mod ownership;
mod provider_permissions;
pub(crate) mod provisioned;
pub(crate) mod put;
pub(crate) mod resource_policy;
pub(crate) mod runtime;
pub(crate) mod synchronization;
pub(crate) mod target_failure;
pub(crate) mod waiters;
pub(crate) mod workload_identity;

/// Returns the answer, or `None` if what the call named does not exist.
pub(crate) fn none_if_not_found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(ApiErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reports a request that lacks a required member, which is a defect of this function.
#[allow(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
pub(crate) fn unbuildable(error: BuildError) -> Error {
    Error::Bug(format!("a request could not be built: {error}"))
}
