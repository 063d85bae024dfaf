//! A runtime after the rotation of its secret: the same configuration with other values in its environment, which makes
//! AgentCore publish a version. Its new sessions start containers that read the secret again.
//!
//! Calls: GetAgentRuntime, ListTagsForResource, UpdateAgentRuntime. GetSecretValue of the former version only for
//! `CredentialDelivery` EnvironmentVariables.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use super::environment::{Marker, SECRET_VERSION_VARIABLE};
use super::failure;
use super::governed::READ_ONLY;
use super::properties::CredentialDelivery;
use crate::agentcore::engine;
use crate::agentcore::provisioned::{self, Created, Desired, Found, Updated, gone};
use crate::agentcore::put::{Governed, Rule};
use crate::agentcore::runtime::{self, Runtime, Version};
use crate::agentcore::waiters::{Live, Phase};
use crate::error::Error;
use crate::job::Job;
use crate::sensitive::Sensitive;
use crate::stored_secret::{self, Document, Stored};

/// A rotation sets single variables. Everything else goes back as the last Get showed it, so that the update of a stack
/// that comes first loses nothing.
const GOVERNED: Governed =
    Governed { read_only: READ_ONLY, renamed: None, members: &[("environmentVariables", Rule::Structure(&[]))] };
/// Variables are removed by sending the whole environment without them.
const GOVERNED_WHOLE: Governed =
    Governed { read_only: READ_ONLY, renamed: None, members: &[("environmentVariables", Rule::Ours)] };

/// The rotation of a runtime's secret.
#[derive(Clone, Copy)]
pub(crate) struct Rotation<'a> {
    /// The runtime's id.
    pub(crate) id: &'a String,
    /// The secret's current version.
    pub(crate) secret: &'a Stored,
    /// The way in which the container gets it.
    pub(crate) delivery: CredentialDelivery,
    /// Counts the attempts of one event: each has its own idempotency token.
    pub(crate) round: u32,
}

/// A runtime with a new version.
pub(crate) struct Rotated {
    pub(crate) arn: String,
    pub(crate) version: String,
    /// The changes that put the former variables back.
    former: Changes,
    /// The version of the secret that they come from.
    former_version: String,
}

/// The result of a rotation.
pub(crate) enum RotationOutcome {
    /// The runtime has the secret's current version already, or that version was tried and put back.
    Current,
    /// It has a new version.
    Published(Rotated),
    /// An update by somebody else came after the rotation's, and the runtime has another version of the secret again.
    Superseded,
}

/// Publishes a version of the runtime for the secret's current version. Refuses a runtime that is not provably this
/// stack's. May run twice.
pub(crate) async fn rotate(job: &Job<'_>, rotation: &Rotation<'_>) -> Result<RotationOutcome, Error> {
    let Some(found) = provisioned::current::<Runtime>(job, rotation.id).await? else {
        return Err(Error::TerminalStatus {
            what: format!("runtime {}", rotation.id),
            status: "not found".to_owned(),
            reasons: "the secret was rotated after the runtime had been deleted or replaced; update the stack"
                .to_owned(),
        });
    };
    let environment = environment_of(&found.live);
    let reads_itself = rotation.delivery == CredentialDelivery::ContainerRetrieval;
    if reads_itself && !environment.values().any(|value| names(rotation.secret, value.expose())) {
        let problem = format!(
            "is secret {}, which no variable of runtime {} names; name the secret that the runtime reads",
            rotation.secret.name, rotation.id
        );
        return Err(Error::property("SecretArn", problem));
    }
    let marker = Marker::of(&environment);
    if marker.knows(&rotation.secret.version_id) && !found.live.is_failed() {
        return Ok(RotationOutcome::Current);
    }
    let mut values = BTreeMap::new();
    if !reads_itself {
        values = changed_values(job, rotation.secret, &marker, &environment).await?;
    }
    let former = Changes {
        set: values.keys().filter_map(|key| Some((key.clone(), environment.get(key)?.clone()))).collect(),
        remove: values.keys().filter(|key| !environment.contains_key(*key)).cloned().collect(),
    };
    values.insert(SECRET_VERSION_VARIABLE.to_owned(), Marker::new(&rotation.secret.version_id).to_value());
    let changes = Changes { set: values, remove: Vec::new() };
    let converged = converge(job, rotation, found, changes, format!("rotate-{}", rotation.round)).await;
    let rotated = |arn: String, version: String| Rotated { arn, version, former, former_version: marker.in_use };
    match converged {
        Ok(found) => {
            let live = found.live;
            let (arn, version) = (live.agent_runtime_arn().to_owned(), live.agent_runtime_version().to_owned());
            Ok(RotationOutcome::Published(rotated(arn, version)))
        }
        Err(error @ Error::TerminalStatus { .. }) => {
            let found = provisioned::current::<Runtime>(job, rotation.id).await?;
            let is_usable = found.filter(|found| found.live.phase() == Phase::Ready);
            if is_usable
                .is_some_and(|found| !Marker::of(&environment_of(&found.live)).knows(&rotation.secret.version_id))
            {
                return Ok(RotationOutcome::Superseded);
            }
            let done = rotated(String::new(), String::new());
            Err(put_back(job, rotation, &done, error).await)
        }
        Err(error) => Err(error),
    }
}

/// Puts the former values back after the new ones did not work, and returns the reason, with what became of the runtime.
/// A container that reads the secret itself cannot be put back: it always reads the current version.
pub(crate) async fn put_back(job: &Job<'_>, rotation: &Rotation<'_>, rotated: &Rotated, reason: Error) -> Error {
    let advice = "make the former version of the secret current again, or store a value that works";
    let outcome = if rotation.delivery == CredentialDelivery::ContainerRetrieval {
        format!("the container reads the secret itself, so {advice}")
    } else {
        let mut former = rotated.former.clone();
        let marker =
            Marker { in_use: rotated.former_version.clone(), refused: Some(rotation.secret.version_id.clone()) };
        former.set.insert(SECRET_VERSION_VARIABLE.to_owned(), marker.to_value());
        match restore(job, rotation, former).await {
            Ok(()) => format!("the former values were put back; {advice}"),
            Err(error) => format!("the former values could not be put back ({error}); {advice}, and update the stack"),
        }
    };
    match reason {
        Error::Unverified { code, sentence } => Error::unverified(code, format!("{sentence}; {outcome}")),
        Error::TerminalStatus { what, status, reasons } => {
            Error::TerminalStatus { what, status, reasons: format!("{reasons}; {outcome}") }
        }
        other => other,
    }
}

async fn restore(job: &Job<'_>, rotation: &Rotation<'_>, former: Changes) -> Result<(), Error> {
    let found = provisioned::current::<Runtime>(job, rotation.id).await?;
    let found = found.ok_or_else(|| gone::<Runtime>(rotation.id))?;
    converge(job, rotation, found, former, format!("put-back-{}", rotation.round)).await.map(|_| ())
}

async fn converge(
    job: &Job<'_>,
    rotation: &Rotation<'_>,
    found: Found<Runtime>,
    changes: Changes,
    purpose: String,
) -> Result<Found<Runtime>, Error> {
    let name = found.live.agent_runtime_name().to_owned();
    let desired = DesiredEnvironment { id: rotation.id, name, secret_arn: &rotation.secret.arn, changes, purpose };
    Box::pin(engine::converge(job, &desired, found)).await
}

/// Returns true if a variable's value is the secret's name or ARN, with or without the six characters at its end.
fn names(secret: &Stored, value: &str) -> bool {
    value == secret.name || value == secret.arn || secret.arn.rsplit_once('-').is_some_and(|(arn, _)| arn == value)
}

fn environment_of(live: &GetAgentRuntimeOutput) -> BTreeMap<String, Sensitive> {
    let variables = live.environment_variables().into_iter().flatten();
    variables.map(|(key, value)| (key.clone(), Sensitive::new(value.as_str()))).collect()
}

/// Returns the variables that come from the secret and have another value now. A variable whose live value is not that of
/// the former version is the template's own, and stays. A key that the secret no longer has stays, too, until the next
/// update of the stack.
async fn changed_values(
    job: &Job<'_>,
    secret: &Stored,
    marker: &Marker,
    environment: &BTreeMap<String, Sensitive>,
) -> Result<BTreeMap<String, Sensitive>, Error> {
    let nested = |key: String| {
        let problem = format!("names a secret whose key `{key}` is nested; an environment variable is one text");
        Error::property("SecretArn", problem)
    };
    let texts = secret.document.texts().map_err(nested)?;
    for value in texts.values() {
        job.mask.add(value);
    }
    let former = former_document(job, secret, marker, environment).await?;
    let comes_from_secret =
        |key: &str| environment.get(key).is_none_or(|live| former.text(key).is_some_and(|former| former == *live));
    let changed = texts.into_iter().filter(|(key, value)| environment.get(key) != Some(value));
    Ok(changed.filter(|(key, _)| comes_from_secret(key)).collect())
}

/// Returns the version of the secret that the environment was built from.
async fn former_document(
    job: &Job<'_>,
    secret: &Stored,
    marker: &Marker,
    environment: &BTreeMap<String, Sensitive>,
) -> Result<Document, Error> {
    if let Some(document) = stored_secret::version(job, &secret.arn, &marker.in_use).await? {
        return Ok(document);
    }
    let is_source = |document: &Document| {
        document.texts().is_ok_and(|texts| texts.iter().any(|(key, value)| environment.get(key) == Some(value)))
    };
    let previous = stored_secret::previous(job, &secret.arn).await?.filter(is_source);
    previous.ok_or_else(|| {
        let problem = format!(
            "is secret {}, whose former version can no longer be read, so that it is not known which environment \
             variables come from it; update the stack",
            secret.name
        );
        Error::property("SecretArn", problem)
    })
}

/// Changes of a runtime's environment. Other variables stay.
#[derive(Clone)]
struct Changes {
    set: BTreeMap<String, Sensitive>,
    remove: Vec<String>,
}

/// The environment that a runtime should have after some changes.
struct DesiredEnvironment<'a> {
    id: &'a String,
    name: String,
    secret_arn: &'a str,
    changes: Changes,
    purpose: String,
}

impl Desired for DesiredEnvironment<'_> {
    type Noun = Runtime;
    type Configuration = Changes;
    type Receipt = Version;
    const RECEIPT_MEMBER: Option<&'static str> = Some("version");

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn configuration(&self, _: &Job<'_>, _: Option<&GetAgentRuntimeOutput>) -> Result<Changes, Error> {
        Ok(self.changes.clone())
    }

    /// Creates nothing: only a stack creates a runtime.
    async fn create(&self, _: &Job<'_>, _: &Changes, _: u32) -> Result<Created<Runtime>, Error> {
        Err(gone::<Runtime>(self.id))
    }

    async fn update(
        &self,
        job: &Job<'_>,
        id: &String,
        live: &GetAgentRuntimeOutput,
        changes: &Changes,
        attempt: u32,
    ) -> Result<Option<Updated<Self>>, Error> {
        let (mut values, governed) = if changes.remove.is_empty() {
            (BTreeMap::new(), &GOVERNED)
        } else {
            (environment_of(live), &GOVERNED_WHOLE)
        };
        values.extend(changes.set.clone());
        values.retain(|key, _| !changes.remove.contains(key));
        let values = values.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect();
        let request = job.context.agentcore.update_agent_runtime().set_environment_variables(Some(values));
        let request =
            request.client_token(job.requester().client_token(&format!("runtime-{}-{attempt}", self.purpose)));
        let receipt = runtime::update(job, id, request, governed).await?;
        Ok(Some(Updated { receipt, live: None }))
    }

    fn is_applied(changes: &Changes, live: &GetAgentRuntimeOutput) -> bool {
        let environment = environment_of(live);
        changes.set.iter().all(|(key, value)| environment.get(key) == Some(value))
            && !changes.remove.iter().any(|key| environment.contains_key(key))
    }

    fn unapplied(changes: &Changes, live: &GetAgentRuntimeOutput) -> Vec<&'static str> {
        if Self::is_applied(changes, live) { Vec::new() } else { vec!["environment"] }
    }

    fn shows(live: &GetAgentRuntimeOutput, receipt: &Version) -> bool {
        Version::live(live) >= *receipt
    }

    async fn failure(&self, job: &Job<'_>, _: &String, live: &GetAgentRuntimeOutput) -> Error {
        failure::explain(job, live, &[self.secret_arn]).await
    }
}
