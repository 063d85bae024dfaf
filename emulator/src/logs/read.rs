//! `DescribeLogStreams`, `FilterLogEvents`, `GetLogEvents`.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::access::arn;
use super::state::{Event, Group, Logs, Stream, group_name};
use crate::input::{count, text, texts};
use crate::service::{Answer, ApiError, Call};

/// Streams on a page when the caller does not say.
const STREAMS: usize = 50;
/// Events on a page when the caller does not say.
const EVENTS: usize = 10_000;
/// 2024-01-01T00:00:00Z in milliseconds: searches from the end are possible from then on.
const SEARCHABLE_BACKWARDS: u64 = 1_704_067_200_000;

impl Logs {
    pub(super) fn describe_log_streams(&self, call: &Call) -> Answer {
        let (name, group) = self.group_of(&call.input)?;
        let by_time = text(&call.input, "orderBy") == Some("LastEventTime");
        let prefix = text(&call.input, "logStreamNamePrefix");
        if by_time && prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let mut found: Vec<(&String, &Stream)> =
            group.streams.iter().filter(|(stream, _)| stream.starts_with(prefix.unwrap_or_default())).collect();
        if by_time {
            found.sort_by_key(|(_, stream)| stream.events.last().map(|event| event.at));
        }
        if flag(&call.input, "descending") == Some(true) {
            found.reverse();
        }
        let start = match text(&call.input, "nextToken") {
            None => 0,
            Some(token) => token.parse().ok().filter(|start| *start < found.len()).ok_or_else(bad_token)?,
        };
        let end = found.len().min(start + count(&call.input, "limit").unwrap_or(STREAMS));
        let described = |(stream, it): &(&String, &Stream)| {
            let mut entry = json!({
                "logStreamName": stream,
                "arn": arn(&self.settings, name, stream),
                "creationTime": milliseconds(it.created),
                "storedBytes": 0,
            });
            if let (Some(first), Some(last)) = (it.events.first(), it.events.last()) {
                entry["firstEventTimestamp"] = milliseconds(first.at).into();
                entry["lastEventTimestamp"] = milliseconds(last.at).into();
                entry["lastIngestionTime"] = milliseconds(last.at).into();
            }
            entry
        };
        let mut answer = json!({"logStreams": found[start..end].iter().map(described).collect::<Vec<_>>()});
        if end < found.len() {
            answer["nextToken"] = json!(end.to_string());
        }
        Ok(answer)
    }

    /// Searches a group. A page may be empty and yet not the last: so is the first one of a search without a start
    /// time, of which the service's documentation warns.
    pub(super) fn filter_log_events(&self, call: &Call) -> Answer {
        let (_, group) = self.group_of(&call.input)?;
        if text(&call.input, "filterPattern").is_some_and(|pattern| !pattern.trim().is_empty()) {
            return Err(invalid("the emulator cannot evaluate a filterPattern"));
        }
        let names = texts(&call.input, "logStreamNames");
        let prefix = text(&call.input, "logStreamNamePrefix");
        if !names.is_empty() && prefix.is_some() {
            return Err(invalid("Only one of logStreamNames and logStreamNamePrefix may be given."));
        }
        if let Some(missing) = names.iter().find(|name| !group.streams.contains_key(*name)) {
            return Err(not_found(&format!("log stream ({missing})")));
        }
        let window = Window::of(&call.input);
        let forward = flag(&call.input, "startFromHead") != Some(false);
        if !forward && window.start.is_none_or(|start| start < SEARCHABLE_BACKWARDS) {
            return Err(invalid("startFromHead may be false only with a startTime on or after 2024-01-01."));
        }
        let mut events: Vec<(&String, &Event)> = group
            .streams
            .iter()
            .filter(|(stream, _)| names.is_empty() || names.contains(stream))
            .filter(|(stream, _)| stream.starts_with(prefix.unwrap_or_default()))
            .flat_map(|(stream, it)| it.events.iter().map(move |event| (stream, event)))
            .filter(|(_, event)| self.visible(event, call.now) && window.includes(event, true))
            .collect();
        events.sort_by_key(|(_, event)| event.id);
        let position = match text(&call.input, "nextToken") {
            Some(token) => Position::of(token)?,
            None if forward => Position { forward, at: 0 },
            None => Position { forward, at: events.len() },
        };
        let begins = window.start.is_none() && text(&call.input, "nextToken").is_none();
        let limit = if begins { 0 } else { count(&call.input, "limit").unwrap_or(EVENTS) };
        let (from, to, more) = position.page(events.len(), limit);
        let shown = |(stream, event): &(&String, &Event)| {
            json!({
                "logStreamName": stream,
                "timestamp": milliseconds(event.at),
                "message": event.message,
                "ingestionTime": milliseconds(event.at),
                "eventId": format!("{:056}", event.id),
            })
        };
        let mut page: Vec<Value> = events[from..to].iter().map(shown).collect();
        if !position.forward {
            page.reverse();
        }
        if self.disorderly {
            let middle = page.len() / 2;
            page.rotate_left(middle);
        }
        let mut answer = json!({"events": page, "searchedLogStreams": []});
        if more || begins {
            answer["nextToken"] = json!(Position { at: if position.forward { to } else { from }, ..position }.token());
        }
        Ok(answer)
    }

    /// Reads a stream. Both tokens are always present; at the end of the stream the given one comes back.
    pub(super) fn get_log_events(&self, call: &Call) -> Answer {
        let (_, group) = self.group_of(&call.input)?;
        let name = text(&call.input, "logStreamName").unwrap_or_default();
        let stream = group.streams.get(name).ok_or_else(|| not_found("log stream"))?;
        let window = Window::of(&call.input);
        let events: Vec<&Event> = stream
            .events
            .iter()
            .filter(|event| self.visible(event, call.now) && window.includes(event, false))
            .collect();
        let from_head = flag(&call.input, "startFromHead") == Some(true);
        let position = match text(&call.input, "nextToken") {
            Some(token) => Position::of(token)?,
            None if from_head => Position { forward: true, at: 0 },
            None => Position { forward: false, at: events.len() },
        };
        if text(&call.input, "nextToken").is_some() && position.forward && !from_head {
            return Err(invalid("A nextForwardToken may be used only with startFromHead true."));
        }
        let (from, to, _) = position.page(events.len(), count(&call.input, "limit").unwrap_or(EVENTS));
        let shown = |event: &&Event| {
            json!({
                "timestamp": milliseconds(event.at),
                "message": event.message,
                "ingestionTime": milliseconds(event.at),
            })
        };
        Ok(json!({
            "events": events[from..to].iter().map(shown).collect::<Vec<_>>(),
            "nextForwardToken": Position { forward: true, at: to }.token(),
            "nextBackwardToken": Position { forward: false, at: from }.token(),
        }))
    }

    fn group_of<'s, 'i>(&'s self, input: &'i Map<String, Value>) -> Result<(&'i str, &'s Group), ApiError> {
        if input.contains_key("logGroupName") == input.contains_key("logGroupIdentifier") {
            return Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given."));
        }
        let name = group_name(input).unwrap_or_default();
        self.groups.get(name).map(|group| (name, group)).ok_or_else(|| not_found("log group"))
    }

    fn visible(&self, event: &Event, now: SystemTime) -> bool {
        event.at + self.settings.log_lag <= now
    }
}

/// Bounds in milliseconds since the epoch.
struct Window {
    start: Option<u64>,
    end: Option<u64>,
}

impl Window {
    fn of(input: &Map<String, Value>) -> Self {
        let bound = |member| input.get(member).and_then(Value::as_u64);
        Self { start: bound("startTime"), end: bound("endTime") }
    }

    /// Returns true if the event is in the range. A search includes its end; reading a stream does not.
    fn includes(&self, event: &Event, end_too: bool) -> bool {
        let at = milliseconds(event.at);
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at < end || (end_too && at == end))
    }
}

/// Between which two events a page begins, and in which direction it goes.
#[derive(Clone, Copy)]
struct Position {
    forward: bool,
    at: usize,
}

impl Position {
    fn of(token: &str) -> Result<Self, ApiError> {
        let (direction, at) = token.split_once('/').ok_or_else(bad_token)?;
        let at = at.parse().map_err(|_| bad_token())?;
        match direction {
            "f" => Ok(Self { forward: true, at }),
            "b" => Ok(Self { forward: false, at }),
            _ => Err(bad_token()),
        }
    }

    fn token(self) -> String {
        format!("{}/{:056}", if self.forward { 'f' } else { 'b' }, self.at)
    }

    /// Returns the first and the last event of the page, and true if more events follow it.
    fn page(self, events: usize, limit: usize) -> (usize, usize, bool) {
        let at = self.at.min(events);
        if self.forward {
            let to = events.min(at + limit);
            (at, to, to < events)
        } else {
            let from = at.saturating_sub(limit);
            (from, at, from > 0)
        }
    }
}

fn flag(input: &Map<String, Value>, member: &str) -> Option<bool> {
    input.get(member).and_then(Value::as_bool)
}

fn milliseconds(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn not_found(what: &str) -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", format!("The specified {what} does not exist."))
}

pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

pub(super) fn bad_token() -> ApiError {
    invalid("The specified nextToken is invalid.")
}
