//! The container's environment, and the way in which the container gets its credentials.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use super::properties::{
    CredentialDelivery, ENVIRONMENT, EXTRA_ENVIRONMENT, Properties, SecretSource, Variables, replaces,
};
use crate::arn::Arn;
use crate::error::Error;
use crate::job::Job;
use crate::sensitive::Sensitive;
use crate::stored_secret::{self, Document, Stored};
use crate::text::quote;

/// Bounds of EnvironmentVariablesMap (API reference, CreateAgentRuntime).
const VARIABLES_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 100;
const VALUE_CHARS_MAX: usize = 5000;
const SHORTEN: &str = "shorten it, here or in the secret";

/// The variable that carries `SecretVersionId`, or the version of the secret whose values were copied. Only a configuration
/// that differs creates a new version of a runtime, and a delivery of the same event has to see that an earlier one already
/// created it: this variable gives both.
pub(super) const SECRET_VERSION_VARIABLE: &str = "AGENTCORE_PROVISIONER_SECRET_VERSION";

/// The value of that variable: the version of the secret that the runtime works with, and what a rotation did with it.
#[derive(Debug)]
pub(super) struct Marker {
    pub(super) in_use: String,
    pub(super) trial: Option<Trial>,
}

/// A rotation that an event asked for. The event is named, because only its own next delivery may carry on what an earlier
/// one left.
#[derive(Debug)]
pub(super) enum Trial {
    /// It published the version in use.
    Published {
        /// The version whose values were copied before. Empty if the container reads the secret itself.
        former: String,
        event: String,
    },
    /// It tried a newer version, which failed, and restored the previous values.
    Refused { version: String, event: String },
}

impl Marker {
    const AFTER: &str = " after ";
    const REFUSED: &str = " refused ";
    const BY: &str = " by ";

    /// Returns the mark of a version that no rotation brought.
    pub(super) fn new(version_id: &str) -> Self {
        Self { in_use: version_id.to_owned(), trial: None }
    }

    /// Reads the variable. A runtime without it works with no version that is known.
    pub(super) fn of(environment: &BTreeMap<String, Sensitive>) -> Self {
        let text = environment.get(SECRET_VERSION_VARIABLE).map_or("", Sensitive::expose);
        let Some((versions, event)) = text.rsplit_once(Self::BY) else { return Self::new(text) };
        let event = event.to_owned();
        let (in_use, trial) = if let Some((in_use, refused)) = versions.split_once(Self::REFUSED) {
            (in_use, Trial::Refused { version: refused.to_owned(), event })
        } else {
            let (in_use, former) = versions.split_once(Self::AFTER).unwrap_or((versions, ""));
            (in_use, Trial::Published { former: former.to_owned(), event })
        };
        Self { in_use: in_use.to_owned(), trial: Some(trial) }
    }

    /// Returns the version that was tried and undone.
    pub(super) fn refused(&self) -> Option<&str> {
        match &self.trial {
            Some(Trial::Refused { version, .. }) => Some(version),
            _ => None,
        }
    }

    /// Returns the version that was in use before, if its values were copied.
    pub(super) fn former(&self) -> &str {
        match &self.trial {
            Some(Trial::Published { former, .. }) => former,
            _ => "",
        }
    }

    /// Returns true if this version is in use, or was tried.
    pub(super) fn knows(&self, version_id: &str) -> bool {
        self.in_use == version_id || self.refused() == Some(version_id)
    }

    /// Returns true if both tell of the same versions, whichever events brought them.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.in_use == other.in_use && self.refused() == other.refused()
    }

    pub(super) fn to_value(&self) -> Sensitive {
        let (after, refused, by) = (Self::AFTER, Self::REFUSED, Self::BY);
        let trial = match &self.trial {
            None => String::new(),
            Some(Trial::Published { former, event }) if former.is_empty() => format!("{by}{event}"),
            Some(Trial::Published { former, event }) => format!("{after}{former}{by}{event}"),
            Some(Trial::Refused { version, event }) => format!("{refused}{version}{by}{event}"),
        };
        Sensitive::new(format!("{}{trial}", self.in_use))
    }
}

/// A whole environment.
#[derive(Clone)]
pub(super) struct Environment {
    pub(super) variables: BTreeMap<String, Sensitive>,
    /// The version of the secret whose values are among them.
    pub(super) copied_version: Option<String>,
}

/// Returns the variables of a template that asks for another version of the secret than before. If a rotation has brought
/// that version already, its mark stays, because a mark that differs would publish another version of the runtime.
pub(super) fn with_mark(
    mut variables: BTreeMap<String, Sensitive>,
    live: &BTreeMap<String, Sensitive>,
) -> BTreeMap<String, Sensitive> {
    let marker = Marker::of(live);
    if let Some(wanted) = variables.get_mut(SECRET_VERSION_VARIABLE).filter(|it| it.expose() == marker.in_use) {
        *wanted = marker.to_value();
    }
    variables
}

/// Builds the whole environment. Reads the secret only if its keys become variables.
pub(super) async fn build(job: &Job<'_>, properties: &Properties) -> Result<Environment, Error> {
    let Some(secret) = copied_secret(properties) else { return build_with(job, properties, None) };
    let Stored { version_id, document, .. } = stored_secret::read(job, "SecretId", &secret.id).await?;
    build_with(job, properties, Some((&version_id, &document)))
}

/// Builds the environment with the values of a version of the secret. Returns `None` if it can no longer be read.
async fn build_former(job: &Job<'_>, properties: &Properties, version_id: &str) -> Result<Option<Environment>, Error> {
    let Some(secret) = copied_secret(properties) else { return Ok(None) };
    let document = stored_secret::version(job, &job.requester.secret_id(&secret.id), version_id).await?;
    document.map(|document| build_with(job, properties, Some((version_id, &document)))).transpose()
}

/// Returns the secret if its values become variables.
fn copied_secret(properties: &Properties) -> Option<&SecretSource> {
    properties.secret.as_ref().filter(|secret| secret.delivery == CredentialDelivery::EnvironmentVariables)
}

/// Builds the environment of an update that leaves the secret's version to the rotations. `live` is the environment of the
/// runtime, and `current` the one that has the secret's present values. Returns `None` if a rotation has found that those do
/// not work, and the former ones can no longer be read.
pub(super) async fn after_rotation(
    job: &Job<'_>,
    properties: &Properties,
    current: &Environment,
    live: &BTreeMap<String, Sensitive>,
) -> Result<Option<BTreeMap<String, Sensitive>>, Error> {
    let marker = Marker::of(live);
    let (mut variables, marker) = match &current.copied_version {
        None => {
            let marker = live.get(SECRET_VERSION_VARIABLE).filter(|_| properties.secret.is_some());
            (current.variables.clone(), marker.cloned())
        }
        Some(version) if marker.refused() == Some(version) => {
            let Some(former) = build_former(job, properties, &marker.in_use).await? else { return Ok(None) };
            (former.variables, Some(marker.to_value()))
        }
        Some(version) if marker.in_use == *version => (current.variables.clone(), Some(marker.to_value())),
        // The next rotation has to know whose values these are, unless the template wants no mark and no rotation has left
        // one.
        Some(version) => {
            let is_marked = properties.secret_version_id.is_some() || live.contains_key(SECRET_VERSION_VARIABLE);
            (current.variables.clone(), is_marked.then(|| Marker::new(version).to_value()))
        }
    };
    variables.extend(marker.map(|marker| (SECRET_VERSION_VARIABLE.to_owned(), marker)));
    Ok(Some(variables))
}

/// Builds the environment of an update for which the secret's values cannot be used: the template's variables, and those
/// that the runtime has from the secret. `undone` are the properties of the update that is undone.
pub(super) fn kept(properties: &Properties, undone: Option<&Properties>, live: &Variables) -> Variables {
    let of_template =
        |it: &Properties| [&it.environment, &it.extra_environment].map(Clone::clone).into_iter().flatten();
    let mut variables = live.clone();
    for (name, _) in undone.into_iter().flat_map(of_template) {
        variables.remove(&name);
    }
    variables.extend(of_template(properties));
    variables
}

/// Builds the environment with the values of a version of the secret, if they become variables.
fn build_with(job: &Job<'_>, properties: &Properties, copied: Option<(&str, &Document)>) -> Result<Environment, Error> {
    let mut environment = properties.environment.clone();
    let retrieved = properties.secret.as_ref().filter(|it| it.delivery == CredentialDelivery::ContainerRetrieval);
    if let Some(secret) = retrieved {
        let name = name_for_container(secret, &properties.role_arn);
        if environment.insert(secret.variable.clone(), Sensitive::new(name)).is_some() {
            let problem = format!("sets {}, which `SecretId` sets; leave it out", secret.variable);
            return Err(Error::property(ENVIRONMENT, problem));
        }
    }
    if let Some((_, document)) = copied {
        for (key, value) in texts(job, "SecretId", document)? {
            // A variable in the template wins over the same key in the secret.
            environment.entry(key).or_insert(value);
        }
    }
    let copied_version = copied.map(|(version_id, _)| version_id.to_owned());
    if let Some(version) = &properties.secret_version_id {
        // The next rotation has to know whose values these are: the secret may have been rotated since the template's
        // version was read, and the template may give any text.
        let version = copied_version.as_ref().unwrap_or(version);
        environment.insert(SECRET_VERSION_VARIABLE.to_owned(), Sensitive::new(version.as_str()));
    }
    for (name, value) in &properties.extra_environment {
        // The template's own variables were compared when the properties were read.
        let sets = if properties.secret.as_ref().is_some_and(|secret| secret.variable == *name) {
            "`SecretEnvironmentVariable` names"
        } else if name == SECRET_VERSION_VARIABLE {
            "is for `SecretVersionId`"
        } else if environment.contains_key(name) {
            "the secret of `SecretId` sets"
        } else {
            environment.insert(name.clone(), value.clone());
            continue;
        };
        return Err(replaces(name, sets));
    }
    check(properties, &environment)?;
    Ok(Environment { variables: environment, copied_version })
}

/// Returns the values of a document that become variables. They are masked from now on. `property` names the secret.
pub(super) fn texts(job: &Job<'_>, property: &str, document: &Document) -> Result<BTreeMap<String, Sensitive>, Error> {
    let texts = document.texts().map_err(|key| {
        let problem = format!("names a secret whose key `{key}` is nested; an environment variable is a single string");
        Error::property(property, problem)
    })?;
    for value in texts.values() {
        job.mask.add(value);
    }
    Ok(texts)
}

/// Returns the environment of a runtime.
pub(super) fn live(runtime: &GetAgentRuntimeOutput) -> BTreeMap<String, Sensitive> {
    let variables = runtime.environment_variables().into_iter().flatten();
    variables.map(|(key, value)| (key.clone(), Sensitive::new(value.as_str()))).collect()
}

fn check(properties: &Properties, environment: &BTreeMap<String, Sensitive>) -> Result<(), Error> {
    if environment.len() > VARIABLES_MAX {
        let problem = format!(
            "come to {} with the extra ones and the secret's; AgentCore takes at most {VARIABLES_MAX}: remove some",
            environment.len()
        );
        return Err(Error::property(ENVIRONMENT, problem));
    }
    for (key, value) in environment {
        let chars = value.expose().chars().count();
        let problem = if !is_name(key) {
            format!(
                "would have the name {}, which is not a valid variable name; use letters, digits and underscores",
                quote(key)
            )
        } else if key.chars().count() > KEY_CHARS_MAX {
            let name = quote(key);
            format!("would have the name {name}, longer than the {KEY_CHARS_MAX} characters AgentCore takes; {SHORTEN}")
        } else if chars > VALUE_CHARS_MAX {
            format!(
                "would give {key} a value of {chars} characters; AgentCore takes at most {VALUE_CHARS_MAX}; {SHORTEN}"
            )
        } else {
            continue;
        };
        let property = if properties.extra_environment.contains_key(key) { EXTRA_ENVIRONMENT } else { ENVIRONMENT };
        return Err(Error::property(property, problem));
    }
    Ok(())
}

/// Returns true if an environment can have a variable of this name (POSIX.1-2024, section 8.1).
fn is_name(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| c == '=' || c.is_control())
}

/// Returns the secret's name, or its ARN if the name would not be found: in another account than that of the
/// container's role.
fn name_for_container(secret: &SecretSource, role_arn: &str) -> String {
    let role_account = Arn::parse(role_arn).map(|arn| arn.account).unwrap_or_default();
    match stored_secret::parse_arn(&secret.id) {
        Some((account, name)) if account == role_account => name.to_owned(),
        _ => secret.id.clone(),
    }
}
