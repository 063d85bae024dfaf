//! The parts that both kinds of credential providers share: the name, and the source of the secret.

use aws_sdk_bedrockagentcorecontrol::types::{SecretReference, SecretSourceType};
use aws_smithy_types::error::operation::BuildError;

use crate::agentcore::named_noun::{PROVIDER_NAME_CHARS_MAX, is_provider_name};
use crate::error::Error;
use crate::job::Job;
use crate::properties::Choice;
use crate::sensitive::Sensitive;
use crate::stored_secret;
use crate::text::quote;

/// The maximum lengths of the API reference, in characters.
pub(crate) const SECRET_ID_CHARS_MAX: usize = 2048;
pub(crate) const SECRET_KEY_CHARS_MAX: usize = 128;

/// The names and the bounds of the properties that give the secret.
#[derive(Debug)]
pub(crate) struct SecretProperties {
    /// The value itself.
    pub(crate) given: &'static str,
    /// The secret that holds it.
    pub(crate) id: &'static str,
    /// Its key in that secret's JSON object.
    pub(crate) key: &'static str,
    /// `MANAGED` or `EXTERNAL`.
    pub(crate) source: &'static str,
    /// The maximum length of the value, in characters.
    pub(crate) chars_max: usize,
    /// True if the whole value of the secret is taken if there is no key.
    pub(crate) may_be_whole: bool,
}

/// The source from which AgentCore takes the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// The template: AgentCore keeps a copy.
    Given(Sensitive),
    /// A secret of the user's, read by the function with every update: AgentCore keeps a copy.
    Stored {
        /// Name or ARN.
        secret_id: String,
        /// The key in its JSON object. `None` takes the whole value.
        key: Option<String>,
    },
    /// A secret of the user's, read by AgentCore whenever it needs the value.
    External {
        /// Name or ARN.
        secret_id: String,
        /// The key in its JSON object.
        key: String,
    },
}

/// The secret in the form that the service gets.
#[derive(Debug)]
pub(crate) enum ResolvedSecret {
    /// The value, which the service keeps.
    Managed(Sensitive),
    /// The place from which the service reads the value.
    External {
        /// The ARN, because the API does not accept a name.
        arn: String,
        key: String,
    },
}

/// The members of a request for source, value and reference.
pub(crate) type SecretMembers = (SecretSourceType, Option<String>, Option<SecretReference>);

impl Choice for SecretSourceType {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("MANAGED", Self::Managed), ("EXTERNAL", Self::External)].into_iter()
    }
}

impl Secret {
    /// Returns the source that the properties ask for.
    pub(crate) fn new(
        names: &SecretProperties,
        given: Option<Sensitive>,
        secret_id: Option<String>,
        key: Option<String>,
        source: &SecretSourceType,
    ) -> Result<Self, Error> {
        let SecretProperties { given: given_name, id: id_name, key: key_name, source: source_name, .. } = names;
        let external = *source == SecretSourceType::External;
        match (given, secret_id, key) {
            (Some(_), Some(_), _) => {
                let problem = format!("is given together with `{given_name}`; give one of them");
                Err(Error::property(*id_name, problem))
            }
            (_, None, Some(_)) => {
                let problem = format!("has no effect without `{id_name}`; add it or leave this out");
                Err(Error::property(*key_name, problem))
            }
            (Some(_), None, None) if external => {
                let problem = format!(
                    "cannot be used when `{source_name}` is EXTERNAL; store it in a secret and give `{id_name}` and \
                     `{key_name}`, or set `{source_name}` to MANAGED"
                );
                Err(Error::property(*given_name, problem))
            }
            (Some(value), None, None) => Ok(Self::Given(value)),
            (None, Some(secret_id), Some(key)) if external => Ok(Self::External { secret_id, key }),
            (None, Some(secret_id), key) if !external && (key.is_some() || names.may_be_whole) => {
                Ok(Self::Stored { secret_id, key })
            }
            (None, Some(_), _) => Err(Error::missing_property(key_name)),
            (None, None, None) if external => {
                let problem = format!("is missing; `{source_name}` EXTERNAL needs it and `{key_name}`");
                Err(Error::property(*id_name, problem))
            }
            (None, None, None) => {
                let problem = format!("is missing; give it and `{key_name}`, or the secret itself in `{given_name}`");
                Err(Error::property(*id_name, problem))
            }
        }
    }

    /// Returns the API's word for the source.
    pub(crate) fn source(&self) -> SecretSourceType {
        match self {
            Self::Given(_) | Self::Stored { .. } => SecretSourceType::Managed,
            Self::External { .. } => SecretSourceType::External,
        }
    }

    /// Returns the secret in the form that the service gets, and its value. Reads a stored one.
    pub(crate) async fn read(
        &self,
        job: &Job<'_>,
        names: &SecretProperties,
    ) -> Result<(ResolvedSecret, Sensitive), Error> {
        let (resolved, value, property) = match self {
            Self::Given(value) => (ResolvedSecret::Managed(value.clone()), value.clone(), names.given),
            Self::Stored { secret_id, key: None } => {
                let value = stored_secret::read_whole(job, names.id, secret_id).await?;
                (ResolvedSecret::Managed(value.clone()), value, names.id)
            }
            Self::Stored { secret_id, key: Some(key) } => {
                let value = stored_secret::read(job, names.id, secret_id).await?.value(job, names.key, key)?;
                (ResolvedSecret::Managed(value.clone()), value, names.key)
            }
            Self::External { secret_id, key } => {
                let stored = stored_secret::read(job, names.id, secret_id).await?;
                let value = stored.value(job, names.key, key)?;
                (ResolvedSecret::External { arn: stored.arn, key: key.clone() }, value, names.key)
            }
        };
        if names.may_be_whole {
            stored_secret::mask_whole(job, &value);
        }
        // The length of a value in the template was checked when it was read. A stored one was not known then.
        let (chars, chars_max) = (value.expose().chars().count(), names.chars_max);
        if chars > chars_max {
            let problem = format!("names a value of {chars} characters; AgentCore takes at most {chars_max}");
            return Err(Error::property(property, problem));
        }
        Ok((resolved, value))
    }
}

impl ResolvedSecret {
    /// Returns the members of a request.
    pub(crate) fn to_api(&self) -> Result<SecretMembers, BuildError> {
        Ok(match self {
            Self::Managed(value) => (SecretSourceType::Managed, Some(value.expose().to_owned()), None),
            Self::External { arn, key } => {
                let reference = SecretReference::builder().secret_id(arn).json_key(key).build()?;
                (SecretSourceType::External, None, Some(reference))
            }
        })
    }
}

/// Refuses another source than the one that the provider `name` was created with, because AgentCore does not change it.
pub(crate) fn check_source(
    names: &SecretProperties,
    name: &str,
    wanted: &SecretSourceType,
    live: &SecretSourceType,
) -> Result<(), Error> {
    if wanted == live {
        return Ok(());
    }
    Err(fixed(names.source, name, wanted.as_str(), live.as_str()))
}

/// Returns the refusal of a change that AgentCore does not make to the provider `name`.
pub(crate) fn fixed(property: &str, name: &str, wanted: &str, created_with: &str) -> Error {
    let problem = format!(
        "is {wanted}, and the credential provider named {name} was created with {created_with}, which AgentCore does not \
         change; give another `Name`, or none so that one is generated, and it will be replaced"
    );
    Error::property(property, problem)
}

/// Refuses a name that AgentCore does not accept.
pub(crate) fn check_name(property: &str, name: &str) -> Result<(), Error> {
    if is_provider_name(name) {
        return Ok(());
    }
    let problem =
        format!("is {}; use at most {PROVIDER_NAME_CHARS_MAX} letters, digits, hyphens and underscores", quote(name));
    Err(Error::property(property, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requester::Requester;

    #[test]
    fn a_generated_name_is_one_that_the_api_takes() {
        let requester = Requester {
            stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/0a1b2c3d-4444".to_owned(),
            logical_id: "Provider".to_owned(),
            request_id: "r1".to_owned(),
            name_prefix: None,
        };
        assert!([requester.derived_name(), requester.replacement_name()].iter().all(|name| is_provider_name(name)));
    }
}
