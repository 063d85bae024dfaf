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
pub(crate) mod resource_policy;
pub(crate) mod runtime;
pub(crate) mod synchronization;
pub(crate) mod target_failure;
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

/// Refuses a value that is not the ARN of a KMS key. An alias is not one.
pub(crate) fn check_kms_key(property: &str, arn: &str) -> Result<(), Error> {
    let parts: Vec<_> = arn.split(':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "kms", _region, account, key]
        if partition.starts_with("aws")
            && account.len() == 12
            && key.strip_prefix("key/").is_some_and(|id| id.len() == 36));
    if fits {
        return Ok(());
    }
    let problem = format!("is {}; use a key's ARN, `arn:aws:kms:<region>:<account>:key/<id>`, no alias", quote(arn));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_arn() {
        let id = "0a1b2c3d-0000-1111-2222-333344445555";
        assert!(check_kms_key("KmsKeyArn", &format!("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/{id}")).is_ok());
        for arn in [id.to_owned(), "arn:aws:kms:us-east-1:111122223333:alias/mcp".to_owned(), String::new()] {
            assert!(check_kms_key("KmsKeyArn", &arn).is_err(), "{arn}");
        }
    }
}
