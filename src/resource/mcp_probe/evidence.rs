//! What the container said before it fell silent.

use std::time::Duration;

use crate::error::{ApiErrorKind, Error};
use crate::job::Job;
use crate::wait::{Progress, until_within};

/// Lines may take a moment to arrive.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(10);
/// How far back lines count: the probe's budget and a cold start before it.
const WINDOW: Duration = Duration::from_mins(6);
const LINES_MAX: usize = 3;
const LINE_CHARS_MAX: usize = 400;

/// The last log lines as the end of a sentence. Masking is the answer's matter: it masks every text.
pub(super) async fn last_lines(job: &Job<'_>, group: &str) -> String {
    let read = until_within(job.deadline, ARRIVAL_PATIENCE, "waiting for log lines", async || {
        let lines = read(job, group).await?;
        Ok(if lines.is_empty() { Progress::pending("no lines") } else { Progress::Done(lines) })
    });
    match read.await {
        Ok(Some(lines)) => format!(": {} (log group {group})", lines.join(" | ")),
        Ok(None) => format!("; it wrote no log line (log group {group})"),
        Err(error) if error.is(ApiErrorKind::NotFound) => {
            format!(
                "; it wrote no log line (there is no log group {group}; check the execution role's logs permissions)"
            )
        }
        Err(error) => format!("; its log cannot be read ({error}; log group {group})"),
    }
}

async fn read(job: &Job<'_>, group: &str) -> Result<Vec<String>, Error> {
    let since = job.context.now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(since.saturating_sub(WINDOW).as_millis()).unwrap_or(0);
    let mut lines = Vec::new();
    let mut next_token = None;
    loop {
        let request = job
            .context
            .cloudwatchlogs
            .filter_log_events()
            .log_group_name(group)
            .start_time(since)
            .set_next_token(next_token);
        let page = job.call("logs:FilterLogEvents", || request.clone().send()).await?;
        let messages = page.events.into_iter().flatten().filter_map(|event| event.message);
        lines.extend(messages.map(|line| line.trim().chars().take(LINE_CHARS_MAX).collect::<String>()));
        lines.retain(|line| !line.is_empty());
        // Only the end matters.
        lines.drain(..lines.len().saturating_sub(LINES_MAX));
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(lines);
        }
    }
}
