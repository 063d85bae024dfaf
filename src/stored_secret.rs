//! Reads a secret that somebody stored, for every resource that needs one.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;

use crate::arn::Arn;
use crate::denial::Denial;
use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::refusal::Refusal;
use crate::sensitive::Sensitive;
use crate::text::quote;

mod document;
mod form;

pub(crate) use document::Document;

/// A secret that can be used.
pub(crate) struct Stored {
    /// The secret's ARN.
    pub arn: String,
    /// The secret's name.
    pub name: String,
    /// The version read.
    pub version_id: String,
    /// The value.
    pub document: Document,
}

/// A secret's current value.
pub(crate) enum Current {
    /// No version carries AWSCURRENT.
    Nothing,
    /// The value is not text.
    Binary,
    /// The value is text.
    Text(CurrentText),
}

/// A secret's current value that is text, with its ARN, name and version.
#[derive(Clone)]
pub(crate) struct CurrentText {
    arn: String,
    name: String,
    pub(crate) version_id: String,
    pub(crate) text: Sensitive,
}

/// Reads the current value of `secret_id` (name or ARN). Returns [`Current::Nothing`] for a secret that does not exist
/// as well.
pub(crate) async fn current(job: &Job<'_>, secret_id: &str) -> Result<Current, Error> {
    let request = job.context.secretsmanager.get_secret_value().secret_id(secret_id);
    let answer = match job.call("secretsmanager:GetSecretValue", || request.clone().send()).await {
        Ok(answer) => answer,
        // For a secret without a value, the service answers the same as for a missing secret.
        Err(error) if Refusal::SecretWithoutValue.explains(&error) => return Ok(Current::Nothing),
        Err(error) => return Err(error),
    };
    let Some(text) = answer.secret_string.map(Sensitive::new) else { return Ok(Current::Binary) };
    // The keys of a document are not secret, and sentences name them. Whoever uses its values masks them.
    if Document::parse(text.expose()).is_err() {
        job.mask.add(&text);
    }
    match (answer.arn, answer.name, answer.version_id) {
        (Some(arn), Some(name), Some(version_id)) => Ok(Current::Text(CurrentText { arn, name, version_id, text })),
        _ => Err(Error::Bug("Secrets Manager answered without ARN, name or version".to_owned())),
    }
}

/// Reads the value before the secret's current one, if that is still known and a document.
pub(crate) async fn previous(job: &Job<'_>, secret_id: &str) -> Result<Option<Document>, Error> {
    let request = job.context.secretsmanager.get_secret_value().secret_id(secret_id).version_stage("AWSPREVIOUS");
    document(job.call("secretsmanager:GetSecretValue", || request.clone().send()).await)
}

/// Returns true for a text that can be the id of a version (API reference, GetSecretValue).
pub(crate) fn is_version_id(text: &str) -> bool {
    (32..=64).contains(&text.len())
}

/// Reads a version of a secret, if it still exists and is a document. A text that cannot be the id of a version has none.
pub(crate) async fn version(job: &Job<'_>, secret_id: &str, version_id: &str) -> Result<Option<Document>, Error> {
    if !is_version_id(version_id) {
        return Ok(None);
    }
    let request = job.context.secretsmanager.get_secret_value().secret_id(secret_id).version_id(version_id);
    document(job.call("secretsmanager:GetSecretValue", || request.clone().send()).await)
}

/// Returns the document in an answer, or `None` if there is none.
fn document(answer: Result<GetSecretValueOutput, Error>) -> Result<Option<Document>, Error> {
    match answer {
        Ok(answer) => Ok(answer.secret_string.and_then(|text| Document::parse(Sensitive::new(text).expose()).ok())),
        Err(error) if error.is(ApiErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Prefix of the names of the secrets behind credential providers (AgentCore Identity guide). The function's role may
/// read the secrets of its providers on AgentCore's behalf, and a template must not get at them that way.
const KEPT_BY_AGENTCORE: &str = "bedrock-agentcore-identity!";

/// Reads a secret that a property names, or says in a sentence about that property why the secret cannot be used.
pub(crate) async fn read(job: &Job<'_>, property: &str, secret_id: &str) -> Result<Stored, Error> {
    read_text(job, property, secret_id, "a JSON object").await?.document(property, secret_id)
}

/// Reads a secret whose readers differ in the form that they take.
pub(crate) async fn read_any(job: &Job<'_>, property: &str, secret_id: &str) -> Result<CurrentText, Error> {
    read_text(job, property, secret_id, "a text").await
}

/// Reads the whole text of a secret that a property names, whatever its form.
pub(crate) async fn read_whole(job: &Job<'_>, property: &str, secret_id: &str) -> Result<Sensitive, Error> {
    read_any(job, property, secret_id).await?.whole(property, secret_id)
}

impl CurrentText {
    /// Returns the secret as a JSON object of keys and values.
    pub(crate) fn document(&self, property: &str, secret_id: &str) -> Result<Stored, Error> {
        let document = Document::parse(self.text.expose()).map_err(|problem| {
            refuse(property, secret_id, &format!("whose value {problem}; store a JSON object of keys and values"))
        })?;
        let Self { arn, name, version_id, .. } = self.clone();
        Ok(Stored { arn, name, version_id, document })
    }

    /// Returns the whole text.
    pub(crate) fn whole(&self, property: &str, secret_id: &str) -> Result<Sensitive, Error> {
        if self.text.expose().trim().is_empty() {
            return Err(refuse(property, secret_id, "whose value is empty; store a string"));
        }
        Ok(self.text.clone())
    }
}

/// Masks a text that is used as a whole. If it is a JSON object, its values are masked, too.
pub(crate) fn mask_whole(job: &Job<'_>, text: &Sensitive) {
    job.mask.add(text);
    for leaf in Document::parse(text.expose()).iter().flat_map(Document::leaves) {
        job.mask.add(&leaf);
    }
}

fn refuse(property: &str, secret_id: &str, problem: &str) -> Error {
    Error::property(property, format!("is {}, {problem}", quote(secret_id)))
}

/// Reads the current value of a secret that a property names. `wanted` is what it should hold.
async fn read_text(job: &Job<'_>, property: &str, secret_id: &str, wanted: &str) -> Result<CurrentText, Error> {
    let refuse = |problem: String| refuse(property, secret_id, &problem);
    if parse_arn(secret_id).map_or(secret_id, |(_, name)| name).starts_with(KEPT_BY_AGENTCORE) {
        let problem = "which AgentCore manages for a credential provider; use a secret of your own";
        return Err(refuse(problem.to_owned()));
    }
    match current(job, &job.requester.secret_id(secret_id)).await {
        Ok(Current::Text(current)) => Ok(current),
        Ok(Current::Binary) => Err(refuse(format!("whose value is binary; store {wanted} as text instead"))),
        Ok(Current::Nothing) => Err(refuse(format!("which has no current value; store {wanted}"))),
        Err(error) if Refusal::SecretInDeletion.explains(&error) => Err(refuse(
            "which is scheduled for deletion; run `aws secretsmanager restore-secret` or use another".to_owned(),
        )),
        Err(Error::Api(error)) => Err(match error.kind {
            ApiErrorKind::NotFound => refuse(
                "and there is no such secret in this account and Region; create it or correct the name".to_owned(),
            ),
            ApiErrorKind::Denied if error.is_final_denial() => {
                refuse(format!("which may not be read ({}); {}", error.message, Denial::read(&error.message).advice()))
            }
            ApiErrorKind::Denied => refuse(format!(
                "which does not exist or may not be read ({}); check the name and the function's policy",
                error.message
            )),
            _ => Error::Api(error),
        }),
        Err(error) => Err(error),
    }
}

impl Stored {
    /// Returns the text under a key that `property` names.
    pub(crate) fn value(&self, job: &Job<'_>, property: &str, key: &str) -> Result<Sensitive, Error> {
        let value = self.document.text(key).filter(|value| !value.expose().is_empty()).ok_or_else(|| {
            let problem =
                format!("is {}, which secret {} does not hold as a string; correct the key", quote(key), self.name);
            Error::property(property, problem)
        })?;
        job.mask.add(&value);
        Ok(value)
    }
}

/// Parses `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<six characters>`. Returns account and name.
pub(crate) fn parse_arn(text: &str) -> Option<(&str, &str)> {
    let arn = Arn::of_service("secretsmanager", text)?;
    let (name, suffix) = arn.resource.strip_prefix("secret:")?.rsplit_once('-')?;
    (suffix.len() == 6).then_some((arn.account, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_name_stand_in_the_arn() {
        let arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:zscaler/mcp-credentials-AbCdEf";
        assert_eq!(parse_arn(arn), Some(("111122223333", "zscaler/mcp-credentials")));
        assert_eq!(parse_arn("pending:x"), None);
        assert_eq!(parse_arn("stack-Secret-1ABCDEFGHIJK"), None);
    }
}
