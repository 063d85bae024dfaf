//! The rotation of a secret: what the function does when Secrets Manager moves the label AWSCURRENT to another version.
//! The runtimes that read the secret get a new version, credential providers the new value, and the server is probed.
//!
//! Nobody waits for an answer: the result is one line in the log, and a metric. Every event may come twice, late, or
//! together with another one. The secret's present version decides, so that all of them end in the same state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::json;
use tracing::info;

use crate::agentcore::runtime::{log_group_name, mcp_url};
use crate::aws::Context;
use crate::error::Error;
use crate::event::{Home, RawProperties, RequestType};
use crate::job::Job;
use crate::last_get::LastGets;
use crate::requester::Requester;
use crate::resource::Probe;
use crate::resource::api_key_credential_provider;
use crate::resource::gateway_target;
use crate::resource::mcp_probe::{Mode, listed_by_gateway};
use crate::resource::oauth2_credential_provider;
use crate::resource::runtime;
use crate::resource::secret::check_keys;
use crate::sensitive::Mask;
use crate::stack;
use crate::stack_status::StatusCell;
use crate::stored_secret::{self, CurrentText, Stored};
use crate::wait::Deadline;

mod notice;
mod outcome;
mod report;

pub(crate) use notice::is_notice;
use notice::{Notice, ProviderEntry, ProviderKind, RuntimeEntry, TargetEntry, Verification};
pub(crate) use outcome::{Rotated, Unfinished};
pub(crate) use report::Report;

/// The property in sentences about the secret itself.
const SECRET: &str = "SecretArn";
/// The maximum number of times that one delivery brings everything to the current version.
const ROUNDS_MAX: u32 = 10;
/// The time for which one delivery waits for an operation on the stack to end. The next deliveries go on waiting: the
/// operation needs executions of this function, and those that its owner reserves for it may all be waiting here.
const STACK_TIMEOUT: Duration = Duration::from_mins(6);
/// The time of a delivery in which it publishes versions. The rest of its fifteen minutes is for the update of a runtime
/// (up to four minutes on platform version V2) and for the probe.
const PUBLISHING: Duration = Duration::from_mins(7);
/// A refusal in the last moments of a delivery may be one for lack of time: a probe pauses that long between its attempts.
const LAST_MOMENTS: Duration = Duration::from_secs(15);

/// A secret's current value, which some read as a text and others as a JSON object.
struct Current {
    text: CurrentText,
    document: Result<Stored, Error>,
}

impl Current {
    async fn read(job: &Job<'_>, arn: &str) -> Result<Self, Error> {
        let text = stored_secret::read_any(job, SECRET, arn).await?;
        Ok(Self { document: text.document(SECRET, arn), text })
    }

    fn document(&self) -> Result<&Stored, Error> {
        self.document.as_ref().map_err(Clone::clone)
    }
}

/// The result for one runtime.
enum Progress {
    /// It had the current version.
    Current,
    /// It has a new version, which this text names.
    Published(String),
}

/// The ids of runtimes that something else changed before the rotation was verified, each with the error that says so.
type Superseded = BTreeMap<String, Error>;

/// Handles one event, which Lambda delivers under `request_id`. May run twice for the same event, also at the same time.
pub(crate) async fn run(
    request_id: &str,
    payload: &[u8],
    home: &Home,
    context: &Context,
    deadline: Deadline,
    mask: &Mask,
) -> (Report, Result<Rotated, Unfinished>) {
    let started = context.now();
    let notice = match Notice::decode(payload, home) {
        Ok(notice) => notice,
        Err(error) => return (Report::undecoded(started, notice::stack_of(payload, home)), Err(error.into())),
    };
    let report = Report::new(started, &notice);
    let publish_until = deadline.at_most(PUBLISHING);
    let event = Event { request_id, notice: &notice, context, deadline, publish_until, mask, started };
    let result = Box::pin(event.handle()).await;
    (report, result)
}

/// Returns true for a finding of a probe that may be due to the secret's value.
fn blames_value(error: &Error) -> bool {
    match error {
        Error::Unverified { code, .. } => code.blames_server(),
        // The probe cannot send the value.
        Error::InvalidProperty { .. } => true,
        _ => false,
    }
}

/// One event at work.
struct Event<'a> {
    /// Lambda's id of the event, from which tokens and the marks of versions follow.
    request_id: &'a str,
    notice: &'a Notice,
    context: &'a Context,
    deadline: Deadline,
    /// The time up to which versions are published.
    publish_until: Deadline,
    mask: &'a Mask,
    started: SystemTime,
}

impl Event<'_> {
    async fn handle(&self) -> Result<Rotated, Unfinished> {
        let notice = self.notice;
        if let Some(problem) = &self.context.misconfiguration {
            return Err(Error::Misconfigured { problem: problem.clone() }.into());
        }
        if !notice.is_current {
            return Ok(Rotated::idle("the label that moved is not AWSCURRENT"));
        }
        if notice.runtimes.is_empty() && notice.providers.is_empty() {
            return Ok(Rotated::idle("no resource of the stack reads the secret"));
        }
        let (last_gets, status) = (LastGets::default(), StatusCell::default());
        let requester = self.requester("Rotation");
        let job = self.job(&requester, &last_gets, &status);
        let mut rotated = Rotated::default();
        let mut written = None;
        let mut superseded = Superseded::default();
        for round in 1..=ROUNDS_MAX {
            // The update of a stack may replace what the event names, or set what the rotation sets.
            if !stack::wait_until_complete(&job, STACK_TIMEOUT).await? {
                return Ok(Rotated::idle("the stack was deleted, or is being deleted"));
            }
            let secret = Current::read(&job, &self.notice.secret_arn).await?;
            let version_id = &secret.text.version_id;
            info!(version = version_id, round, "the secret's current version");
            let is_new = written.as_ref() != Some(version_id);
            let (done, is_current) = match self.rotate(&secret, round, is_new, &mut superseded).await {
                Ok(ended) => ended,
                Err(mut unfinished) => {
                    rotated.add(unfinished.done);
                    unfinished.done = rotated;
                    return Err(unfinished);
                }
            };
            rotated.add(done);
            // Until nothing is left to do: an update of the stack that began before the rotation may have undone it, and
            // the secret may have been rotated again.
            if is_current {
                break;
            }
            written = Some(secret.text.version_id);
        }
        if let Some(error) = superseded.into_values().next() {
            return Err(Unfinished { done: rotated, ..Unfinished::from(error) });
        }
        if rotated == Rotated::default() {
            rotated.idle = Some("everything has the current version already");
        }
        Ok(rotated)
    }

    /// Brings everything that reads the secret to its current version, which is new to this delivery or not. The second
    /// result is true if everything had it. `superseded` are the runtimes for which the former round gave up, and then those
    /// for which this one does.
    async fn rotate(
        &self,
        secret: &Current,
        round: u32,
        is_new: bool,
        superseded: &mut Superseded,
    ) -> Result<(Rotated, bool), Unfinished> {
        // A provider does not show the value that it has.
        let providers = if is_new { &self.notice.providers[..] } else { &[] };
        let mut is_current = providers.is_empty();
        let providers = join_all(providers.iter().map(|entry| self.rotate_provider(entry, secret))).await;
        let before = std::mem::take(superseded);
        let runtimes = self.notice.runtimes.iter().map(|entry| {
            // The version may have been published, and was not verified.
            let is_new = is_new || before.contains_key(&entry.physical_resource_id);
            self.rotate_runtime(entry, secret, round, is_new)
        });
        let (mut rotated, mut errors) = (Rotated::default(), Vec::new());
        for (entry, result) in self.notice.runtimes.iter().zip(join_all(runtimes).await) {
            match result {
                Ok(Progress::Current) => {}
                Ok(Progress::Published(version)) => {
                    is_current = false;
                    rotated.runtimes.push(version);
                }
                Err(error @ Error::Superseded { .. }) => {
                    is_current = false;
                    superseded.insert(entry.physical_resource_id.clone(), error);
                }
                Err(error) => errors.push(error),
            }
        }
        for result in providers {
            match result {
                Ok(name) => rotated.providers.extend(name),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            return Ok((rotated, is_current));
        }
        errors.extend(std::mem::take(superseded).into_values());
        Err(Unfinished { done: rotated, ..Unfinished::from(errors) })
    }

    /// Returns the provider's name if it has the new value now.
    async fn rotate_provider(&self, entry: &ProviderEntry, secret: &Current) -> Result<Option<String>, Error> {
        let (last_gets, status) = (LastGets::default(), StatusCell::default());
        let requester = self.requester(&entry.logical_resource_id);
        let job = &self.job(&requester, &last_gets, &status);
        let name = &entry.physical_resource_id;
        let value = match (&entry.json_key, entry.kind) {
            (Some(key), _) if !key.is_empty() => secret.document()?.value(job, "JsonKey", key)?,
            (_, ProviderKind::ApiKey) => secret.text.whole(SECRET, &self.notice.secret_arn)?,
            (_, ProviderKind::OAuth2) => return Err(Error::missing_property("JsonKey")),
        };
        let has_changed = match entry.kind {
            ProviderKind::OAuth2 => oauth2_credential_provider::rotate(job, name, &value).await?,
            ProviderKind::ApiKey => api_key_credential_provider::rotate(job, name, &value).await?,
        };
        Ok(has_changed.then(|| name.clone()))
    }

    async fn rotate_runtime(
        &self,
        entry: &RuntimeEntry,
        secret: &Current,
        round: u32,
        is_new: bool,
    ) -> Result<Progress, Error> {
        let secret = secret.document()?;
        let (last_gets, status) = (LastGets::default(), StatusCell::default());
        let requester = self.requester(&entry.logical_resource_id);
        let job = &self.job(&requester, &last_gets, &status);
        check_keys(SECRET, &secret.name, &entry.required_keys, |key| secret.document.has_value(key))?;
        let id = &entry.physical_resource_id;
        let (delivery, publish_until) = (entry.credential_delivery, self.publish_until);
        let check =
            |arn: &str| entry.verification.as_ref().map_or(Ok(()), |it| self.probe(job, entry, it, arn).map(drop));
        let rotation = runtime::Rotation { id, secret, delivery, round, is_new, publish_until, check: &check };
        let done = match runtime::rotate(job, &rotation).await? {
            runtime::RotationOutcome::Published(done) => done,
            runtime::RotationOutcome::Current => return Ok(Progress::Current),
        };
        let tools = match &entry.verification {
            None => None,
            Some(verification) => match self.probe(job, entry, verification, &done.arn)?.run(job).await {
                Ok(tools) => tools,
                Err(Error::Unverified { code, .. }) if self.deadline.is_within(LAST_MOMENTS) => {
                    let (doing, last_status) = (format!("probing runtime {id}"), code.as_str().to_owned());
                    return Err(Error::OutOfTime { doing, last_status, in_progress_since: None });
                }
                Err(error) if error.may_succeed_later() => return Err(error),
                Err(error) if blames_value(&error) => {
                    let found = runtime::unchanged(job, &rotation, &done).await?;
                    // A deployment with that mode says so and changes nothing, either.
                    if verification.mode == Mode::Report {
                        return Err(error);
                    }
                    return Err(runtime::put_back(job, &rotation, &done, found, error).await);
                }
                Err(error) => return Err(error),
            },
        };
        if let Some(target) = &entry.gateway_target {
            self.refresh(target, tools).await?;
        }
        Ok(Progress::Published(format!("{id} version {}", done.version)))
    }

    /// Returns the probe of the runtime's server. An error is the rule's.
    fn probe(
        &self,
        job: &Job<'_>,
        entry: &RuntimeEntry,
        verification: &Verification,
        arn: &str,
    ) -> Result<Probe, Error> {
        let mut properties = verification.probe.clone();
        properties.insert("Endpoint".to_owned(), json!(mcp_url(arn)));
        properties.insert("LogGroupName".to_owned(), json!(log_group_name(&entry.physical_resource_id)));
        properties.insert("SecretId".to_owned(), json!(self.notice.secret_arn));
        Probe::parse(job, &RawProperties::from(properties))
    }

    /// Lets a gateway read the server's tools again, unless it is known to have them.
    async fn refresh(&self, target: &TargetEntry, tools: Option<BTreeSet<String>>) -> Result<(), Error> {
        let (last_gets, status) = (LastGets::default(), StatusCell::default());
        let requester = self.requester(&target.logical_resource_id);
        let job = &self.job(&requester, &last_gets, &status);
        gateway_target::refresh(job, &target.physical_resource_id, async |target| {
            Ok(tools.is_some() && listed_by_gateway(job, target).await? == tools)
        })
        .await
    }

    fn requester(&self, logical_id: &str) -> Requester {
        Requester {
            stack_id: self.notice.stack_id.clone(),
            logical_id: logical_id.to_owned(),
            request_id: self.request_id.to_owned(),
            name_prefix: self.context.name_prefix.clone(),
        }
    }

    fn job<'b>(&'b self, requester: &'b Requester, last_gets: &'b LastGets, stack: &'b StatusCell) -> Job<'b> {
        Job {
            context: self.context,
            requester,
            request_type: RequestType::Update,
            requested_at: Some(self.started),
            deadline: self.deadline,
            mask: self.mask,
            last_gets,
            stack,
        }
    }
}
