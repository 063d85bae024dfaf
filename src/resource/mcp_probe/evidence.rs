//! What the container said before it fell silent.

use std::time::Duration;

use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::stored_secret;
use crate::wait::{Progress, until_within};

/// Lines may take a moment to arrive.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(10);
/// How far back lines count: the probe's budget and a cold start before it.
const WINDOW: Duration = Duration::from_mins(6);
const LINES_MAX: usize = 3;
const LINE_CHARS_MAX: usize = 400;
/// The newest events that are looked at: three lines of one start among empty ones and those of other starts. A page may
/// be partly full or empty and yet not the last (API reference, FilterLogEvents).
const PAGE_EVENTS: i32 = 100;
const PAGES_MAX: usize = 10;
/// A throttled call is worth waiting for, but less than the answer that the evidence is for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes the values of the container's secret known to the mask, in whose place stars are quoted from now on. Without
/// knowing them, nothing that the container or its server says may be quoted.
pub(super) async fn learn(job: &Job<'_>, secret_id: Option<&str>) -> Result<(), Error> {
    let Some(secret_id) = secret_id else { return Ok(()) };
    let stored = stored_secret::read(&patient(job), "SecretId", secret_id).await?;
    for value in stored.document.leaves() {
        job.mask.add(&value);
    }
    Ok(())
}

/// The last log lines as the end of a sentence.
pub(super) async fn last_lines(job: &Job<'_>, group: &str) -> String {
    let job = patient(job);
    let read = until_within(job.deadline, ARRIVAL_PATIENCE, "waiting for log lines", async || {
        let lines = read(&job, group).await?;
        Ok(if lines.is_empty() { Progress::pending("no lines") } else { Progress::Done(lines) })
    });
    match read.await {
        Ok(Some(lines)) => format!(": {} (log group {group})", telling(&lines).join(" | ")),
        Ok(None) => format!("; it wrote no log line (log group {group})"),
        Err(error) if error.is(ApiErrorKind::NotFound) => {
            format!(
                "; it wrote no log line (there is no log group {group}; check the execution role's logs permissions)"
            )
        }
        Err(error) => format!("; its log cannot be read ({error}; log group {group})"),
    }
}

/// The job, for as long as evidence is worth.
fn patient<'a>(job: &Job<'a>) -> Job<'a> {
    Job { deadline: job.deadline.at_most(PATIENCE), ..*job }
}

/// The last line alone where it names an error; otherwise the last few.
fn telling(lines: &[String]) -> &[String] {
    let names_error =
        |line: &String| ["rror", "xception", "SystemExit", "panic", "atal"].iter().any(|it| line.contains(it));
    let count = if lines.last().is_some_and(names_error) { 1 } else { LINES_MAX };
    &lines[lines.len().saturating_sub(count)..]
}

async fn read(job: &Job<'_>, group: &str) -> Result<Vec<String>, Error> {
    let since = job.context.now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(since.saturating_sub(WINDOW).as_millis()).unwrap_or(0);
    let request = job.context.cloudwatchlogs.filter_log_events().log_group_name(group).start_time(since);
    let request = request.start_from_head(false).limit(PAGE_EVENTS);
    let mut lines = Vec::new();
    let mut stream = None;
    let mut next_token = None;
    for _ in 0..PAGES_MAX {
        let request = request.clone().set_next_token(next_token);
        let page = job.call("logs:FilterLogEvents", || request.clone().send()).await?;
        for event in page.events.into_iter().flatten() {
            // Every start has a stream of its own: the last one's end is what matters.
            if *stream.get_or_insert_with(|| event.log_stream_name.clone()) != event.log_stream_name {
                continue;
            }
            let line = job.mask.apply(event.message.unwrap_or_default().trim());
            let line: String = line.chars().take(LINE_CHARS_MAX).collect();
            if !line.is_empty() && lines.len() < LINES_MAX {
                lines.push(line);
            }
        }
        next_token = page.next_token;
        if lines.len() == LINES_MAX || next_token.is_none() {
            break;
        }
    }
    // They came newest first.
    lines.reverse();
    Ok(lines)
}
