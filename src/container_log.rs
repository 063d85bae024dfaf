//! Reads the last lines of a container's log and puts them at the end of a sentence: they say why the container did not
//! start.
//!
//! Calls: FilterLogEvents; GetSecretValue, to know which values to mask.

use std::time::{Duration, SystemTime};

use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::stored_secret;
use crate::wait::{Progress, until_within};

/// The time for which the search is repeated, because lines may arrive late.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);
const LINES_MAX: usize = 3;
const LINE_CHARS_MAX: usize = 400;
/// The number of newest events that are read: three lines of one start among empty ones and those of other starts. A
/// page may be partly full or empty although another page follows (API reference, FilterLogEvents).
const PAGE_EVENTS: i32 = 100;
const PAGES_MAX: usize = 10;
/// The time for which a throttled call is retried. It is shorter than for other calls, because the answer that quotes
/// the lines must not wait long for them.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Adds the values that the container's secret holds, and held before, to the mask, so that quotes show stars in their
/// place. Nothing that a container or its server says may be quoted before. Returns the error of a secret that cannot
/// be read. May run twice.
pub(crate) async fn mask_secret(job: &Job<'_>, secret_id: Option<&str>) -> Result<(), Error> {
    let Some(secret_id) = secret_id else { return Ok(()) };
    let job = &with_short_deadline(job);
    let stored = stored_secret::read(job, "SecretId", secret_id).await?;
    // A container that was started before a rotation may print the former values.
    let previous = stored_secret::previous(job, &job.requester.secret_id(secret_id)).await?;
    for document in std::iter::once(stored.document).chain(previous) {
        document.leaves().iter().for_each(|value| job.mask.add(value));
    }
    Ok(())
}

/// Returns the end of a sentence if nothing may be quoted, because [`mask_secret`] ended in `error`.
pub(crate) fn unquotable(error: &Error) -> String {
    format!("; no log line is quoted, because the secret values to mask could not be read: {error}")
}

/// Returns the last lines that the newest start in log group `group` has printed after `since`, masked, as the end of a
/// sentence, or says why there are none. Takes at most a minute. May run twice.
pub(crate) async fn last_lines(job: &Job<'_>, group: &str, since: SystemTime) -> String {
    let job = with_short_deadline(job);
    let read = until_within(job.deadline, ARRIVAL_TIMEOUT, "waiting for log lines", async || {
        let lines = read(&job, group, since).await?;
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

/// Returns the job with a deadline that is short enough for log lines.
fn with_short_deadline<'a>(job: &Job<'a>) -> Job<'a> {
    Job { deadline: job.deadline.at_most(READ_TIMEOUT), ..*job }
}

/// Returns the last line alone if it names an error, otherwise the last few.
fn telling(lines: &[String]) -> &[String] {
    let names_error =
        |line: &String| ["rror", "xception", "SystemExit", "panic", "atal"].iter().any(|it| line.contains(it));
    let count = if lines.last().is_some_and(names_error) { 1 } else { LINES_MAX };
    &lines[lines.len().saturating_sub(count)..]
}

/// A line of the log that is not empty. Lines are ordered by time, and within a millisecond by their ids: ids were seen
/// to grow with the time of arrival, and the API promises no order of events within a page.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// Milliseconds since 1970.
    at: i64,
    id: Option<String>,
    stream: Option<String>,
    text: String,
}

async fn read(job: &Job<'_>, group: &str, since: SystemTime) -> Result<Vec<String>, Error> {
    let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(since.as_millis()).unwrap_or(0);
    let request = job.context.cloudwatchlogs.filter_log_events().log_group_name(group).start_time(since);
    let request = request.start_from_head(false).limit(PAGE_EVENTS);
    let mut lines: Vec<Line> = Vec::new();
    let mut next_token = None;
    for _ in 0..PAGES_MAX {
        let request = request.clone().set_next_token(next_token);
        let page = job.call("logs:FilterLogEvents", || request.clone().send()).await?;
        let events = page.events.unwrap_or_default();
        let newest_first = events.is_sorted_by(|a, b| a.timestamp >= b.timestamp);
        for event in events {
            let text = event.message.unwrap_or_default().trim().to_owned();
            if !text.is_empty() {
                let (at, id, stream) = (event.timestamp.unwrap_or_default(), event.event_id, event.log_stream_name);
                lines.push(Line { at, id, stream, text });
            }
        }
        keep_last(&mut lines);
        next_token = page.next_token;
        // Later pages are older, unless this page shows that the service keeps no order.
        if next_token.is_none() || (newest_first && lines.len() == LINES_MAX) {
            break;
        }
    }
    // Together, because a value may begin on one line and end on the next.
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    let masked = job.mask.apply_to_lines(&texts).into_iter();
    Ok(masked.map(|text| text.chars().take(LINE_CHARS_MAX).collect()).collect())
}

/// Keeps the last lines of the stream that was written to last, oldest first. Every start has a stream of its own, and
/// only the end of the newest matters.
fn keep_last(lines: &mut Vec<Line>) {
    lines.sort();
    let stream = lines.last().and_then(|line| line.stream.clone());
    lines.retain(|line| line.stream == stream);
    lines.drain(..lines.len().saturating_sub(LINES_MAX));
}
