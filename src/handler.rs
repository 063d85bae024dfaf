//! Decodes and dispatches an event, sets its deadline, catches panics, and sends exactly one response to CloudFormation.
//! Knows no resource.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tracing::{Instrument, error, info, info_span};

use crate::aws::Context;
use crate::error::{Error, Failure};
use crate::event::{self, Home, Recipient, Request, RequestType};
use crate::job::{Job, Outcome};
use crate::last_get::LastGets;
use crate::requester::{pending_id, pending_name};
use crate::resource::{self, ResourceKind};
use crate::response::{self, Answer, DeliveryError};
use crate::rotation::{self, Unfinished};
use crate::sensitive::Mask;
use crate::stack_status::StatusCell;
use crate::text::visible;
use crate::wait::Deadline;

/// The part of the invocation's time that is kept for delivering the answer.
const ANSWER_RESERVE: Duration = Duration::from_secs(30);
/// The maximum age of a request that, while it waits for a resource in progress, is left to Lambda's next delivery of
/// the event. Lambda delivers an asynchronous event at most three times, and CloudFormation waits for an hour: full
/// deliveries end after some 15, 30 and 46 minutes, and if one of them was cut short, the last ends after 33.
const CARRY_ON_MAX: Duration = Duration::from_mins(32);

/// The reason why there was no answer. The invocation fails, so that Lambda delivers the event again.
#[derive(Debug)]
pub enum Undelivered {
    /// The event does not name a recipient. The error says why.
    Nobody(Error),
    /// The answer could not be sent.
    Delivery(DeliveryError),
    /// The resource is still in progress, and a later delivery of the same event carries on.
    StillInProgress(String),
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(error) => write!(f, "{error}"),
            Self::Delivery(error) => write!(f, "{error}"),
            Self::StillInProgress(problem) => write!(f, "{problem}; the next delivery of this event carries on"),
        }
    }
}

impl std::error::Error for Undelivered {}

/// Returns when the invocation ends, from the header `Lambda-Runtime-Deadline-Ms`: milliseconds since 1970.
///
/// `cargo lambda watch` sends the maximum duration of an invocation instead. That number is smaller than the end of any
/// invocation.
#[must_use]
pub fn deadline(header: u64, now: SystemTime) -> SystemTime {
    const DAY: Duration = Duration::from_hours(24);
    match Duration::from_millis(header) {
        length if length < DAY => now + length,
        since_epoch => SystemTime::UNIX_EPOCH + since_epoch,
    }
}

/// One delivery of an event by Lambda.
#[derive(Clone, Copy)]
pub struct Invocation<'a> {
    /// Lambda's id of the event: the same for every delivery of it.
    pub request_id: &'a str,
    /// The event.
    pub payload: &'a [u8],
    /// The time at which Lambda will kill the function.
    pub deadline: SystemTime,
    /// The ARN by which the function was invoked. It names the function's account.
    pub function_arn: &'a str,
}

/// Handles one event and answers it exactly once. May run twice for the same event, also at the same time.
///
/// `Ok` means the answer was delivered; an error means that it was not, and that Lambda should try again.
pub async fn handle(invocation: Invocation<'_>, context: &Context) -> Result<(), Undelivered> {
    let Invocation { request_id, payload, deadline, function_arn } = invocation;
    let home = Home::new(&context.region, function_arn, context.role_arn.as_deref());
    if rotation::is_notice(payload) {
        let span = info_span!("rotation");
        return rotate(request_id, payload, &home, deadline, context).instrument(span).await;
    }
    let request = match event::decode(payload, &home, context.name_prefix.as_deref()) {
        Ok(request) => request,
        Err(rejection) => {
            let event::Rejection { recipient, error } = *rejection;
            error!(problem = %error, "event refused");
            let Some(recipient) = recipient else { return Err(Undelivered::Nobody(error)) };
            return answer(context, &recipient, failed(&recipient, error.into(), &Mask::default())).await;
        }
    };
    let requester = &request.recipient.requester;
    let span = info_span!(
        "request",
        RequestId = requester.request_id,
        StackId = requester.stack_id,
        LogicalResourceId = requester.logical_id,
        ResourceType = request.resource_type,
        RequestType = ?request.request_type,
    );
    work(&request, deadline, context).instrument(span).await
}

async fn work(request: &Request, deadline: SystemTime, context: &Context) -> Result<(), Undelivered> {
    info!("request received");
    let mask = Mask::default();
    let time = deadline.duration_since(context.now()).unwrap_or_default().saturating_sub(ANSWER_RESERVE);
    let last_gets = LastGets::default();
    let stack = StatusCell::default();
    let deadline = Deadline::after(time);
    let job = Job {
        context,
        requester: &request.recipient.requester,
        request_type: request.request_type,
        requested_at: request.recipient.url.signed_at(),
        deadline,
        mask: &mask,
        last_gets: &last_gets,
        stack: &stack,
    };
    let outcome = AssertUnwindSafe(Box::pin(dispatch(&job, request))).catch_unwind().await.unwrap_or_else(|_| {
        // The panic's message may quote a secret. The log has the place of the panic (`logging`).
        Err(Error::Bug("it panicked".to_owned()).into())
    });
    let answer_to_give = match outcome {
        Ok(success) => Answer::Success { physical_id: success.physical_id, attributes: success.attributes },
        Err(failure) if carries_on(&failure.error, request, context.now()) => {
            return Err(Undelivered::StillInProgress(sentence(&failure.error, &mask)));
        }
        Err(failure) => failed(&request.recipient, failure, &mask),
    };
    answer(context, &request.recipient, answer_to_give).await
}

/// Handles the event of a rotation. Nobody waits for an answer. `Ok` means that another delivery would not help.
async fn rotate(
    request_id: &str,
    payload: &[u8],
    home: &Home,
    deadline: SystemTime,
    context: &Context,
) -> Result<(), Undelivered> {
    let mask = Mask::default();
    let time = deadline.duration_since(context.now()).unwrap_or_default().saturating_sub(ANSWER_RESERVE);
    let run = rotation::run(request_id, payload, home, context, Deadline::after(time), &mask);
    let Ok((report, result)) = AssertUnwindSafe(Box::pin(run)).catch_unwind().await else {
        // Its place is in the log, and its words may quote a secret.
        return Err(Undelivered::Nobody(Error::Bug("it panicked".to_owned())));
    };
    match result {
        Ok(rotated) => report.succeeded(&rotated, context.now()),
        Err(Unfinished { done, later, failed }) => {
            let sentences = |errors: &[Error]| {
                let sentences: Vec<_> = errors.iter().map(|error| sentence(error, &mask)).collect();
                sentences.join("; ")
            };
            let reason = sentences(&failed);
            if !later.is_empty() {
                report.interrupted(&done, &reason, context.now());
                return Err(Undelivered::StillInProgress(sentences(&later)));
            }
            report.failed(&done, &reason, context.now());
        }
    }
    Ok(())
}

async fn dispatch(job: &Job<'_>, request: &Request) -> Outcome {
    let error = match kind(job.context, request) {
        Ok(kind) => return resource::run(kind, job, request).await,
        Err(error) => error,
    };
    let physical_id = request.recipient.physical_id.as_deref().unwrap_or_default();
    // The Create was refused in the same way and created nothing, so the Delete that follows it has nothing to do.
    if request.request_type == RequestType::Delete && pending_name(physical_id).is_some() {
        return Ok(crate::job::Success::deleted(physical_id));
    }
    Err(error.into())
}

/// Returns the resource type that the event is about. The error says why the function cannot serve the event.
fn kind(context: &Context, request: &Request) -> Result<ResourceKind, Error> {
    if let Some(problem) = &context.misconfiguration {
        return Err(Error::Misconfigured { problem: problem.clone() });
    }
    let given = &request.resource_type;
    ResourceKind::from_type(given).ok_or_else(|| {
        let known: Vec<_> = ResourceKind::ALL.iter().map(|kind| kind.type_name()).collect();
        let problem = format!("`ResourceType` is {given:?}; use one of {}", known.join(", "));
        Error::InvalidEvent { problem }
    })
}

/// Decides whether a later delivery of the event may still finish the operation.
fn carries_on(error: &Error, request: &Request, now: SystemTime) -> bool {
    let Error::OutOfTime { in_progress_since: Some(since), .. } = error else { return false };
    // The age counts from the request, whose signing time is in the URL, and not from the start of the progress. A
    // resource that was in progress before may be older than the request, such as the create that a Delete waits for.
    // Time that was lost before a resource existed counts, too.
    let begun = request.recipient.url.signed_at().unwrap_or(*since);
    now.duration_since(begun).unwrap_or_default() < CARRY_ON_MAX
}

fn failed(recipient: &Recipient, failure: Failure, mask: &Mask) -> Answer {
    let Failure { error, physical_id } = failure;
    let physical_id = physical_id
        .or_else(|| recipient.physical_id.clone())
        .unwrap_or_else(|| pending_id(&recipient.requester.logical_id));
    Answer::Failed { physical_id, reason: sentence(&error, mask) }
}

/// Returns the sentence of an error as it may leave the function: without secrets, and without invisible characters.
fn sentence(error: &Error, mask: &Mask) -> String {
    visible(&mask.apply(&error.to_string())).into_owned()
}

async fn answer(context: &Context, recipient: &Recipient, answer: Answer) -> Result<(), Undelivered> {
    match &answer {
        Answer::Success { physical_id, .. } => info!(PhysicalResourceId = physical_id, "SUCCESS"),
        Answer::Failed { physical_id, reason } => error!(PhysicalResourceId = physical_id, reason, "FAILED"),
    }
    let body = response::encode(&answer, recipient);
    response::deliver(&context.connectors.aws, &recipient.url, body).await.map_err(Undelivered::Delivery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocations_end_is_a_moment_or_from_cargo_lambda_a_length() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        assert_eq!(deadline(1_795_000_900_000, now), now + Duration::from_mins(15));
        assert_eq!(deadline(600_000, now), now + Duration::from_mins(10));
    }
}
