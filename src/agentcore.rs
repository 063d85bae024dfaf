//! AgentCore's control plane: one module per noun with its calls, statuses and ids, and one engine that creates,
//! converges, finds and deletes all of them. No policy: what a template asks for is decided in `resource`.

use aws_smithy_types::error::operation::BuildError;

use crate::error::{ApiErrorKind, Error};
use crate::text::quote;

pub(crate) mod api_key_credential_provider;
pub(crate) mod deletion;
pub(crate) mod engine;
pub(crate) mod gateway;
pub(crate) mod gateway_target;
pub(crate) mod named;
pub(crate) mod oauth2_credential_provider;
pub(crate) mod ownership;
mod permissions;
pub(crate) mod provisioned;
pub(crate) mod put;
mod refusal;
pub(crate) mod runtime;
pub(crate) mod waiters;
pub(crate) mod workload_identity;

/// Refuses a value that is not the ARN of a role.
pub(crate) fn check_role(property: &str, arn: &str) -> Result<(), Error> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws")
            && account.len() == 12
            && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
    if fits {
        return Ok(());
    }
    let problem = format!("is {}; use a role's ARN, `arn:aws:iam::<account>:role/<name>`", quote(arn));
    Err(Error::property(property, problem))
}

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
