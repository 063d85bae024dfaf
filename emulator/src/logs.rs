//! CloudWatch Logs: what containers print, and reading it.
//!
//! A log group comes with the first line printed into it and outlives whoever printed it. Where AWS's behaviour is open
//! the less convenient one is chosen: events are missing from reads for [`Settings::log_lag`], and a search without a
//! start time begins with an empty page.

mod access;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::SystemTime;

pub(crate) use self::access::{group_of, to_print};
use crate::service::{Answer, ApiError, Call};
use crate::settings::Settings;

/// The log groups of one account and Region.
#[derive(Clone, Debug)]
pub struct Logs {
    settings: Settings,
    groups: BTreeMap<String, Group>,
    /// How many events there ever were; decides the next event id.
    written: u64,
    /// True if the events of a page come in an order of their own.
    disorderly: bool,
}

#[derive(Clone, Debug, Default)]
struct Group {
    streams: BTreeMap<String, Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    created: SystemTime,
    events: Vec<Event>,
}

/// One log event.
#[derive(Clone, Debug)]
struct Event {
    at: SystemTime,
    id: u64,
    message: String,
}

impl Logs {
    /// An account without log groups.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), groups: BTreeMap::new(), written: 0, disorderly: false }
    }

    /// Executes one validated and authorized call.
    pub(crate) fn call(&self, call: &Call) -> Answer {
        match call.operation {
            "DescribeLogStreams" => self.describe_log_streams(call),
            "FilterLogEvents" => self.filter_log_events(call),
            "GetLogEvents" => self.get_log_events(call),
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the emulator's CloudWatch Logs has no operation `{other}`"),
            )),
        }
    }

    /// Writes lines into a stream, one event each. Makes the group and the stream if need be.
    pub fn write(&mut self, group: &str, stream: &str, now: SystemTime, lines: impl IntoIterator<Item = String>) {
        let group = self.groups.entry(group.to_owned()).or_default();
        let stream =
            group.streams.entry(stream.to_owned()).or_insert_with(|| Stream { created: now, events: Vec::new() });
        for message in lines {
            self.written += 1;
            stream.events.push(Event { at: now, id: self.written, message });
        }
    }

    /// Lets searches return the events of each page in an order that their timestamps do not explain. The API promises
    /// no order.
    pub fn answer_out_of_order(&mut self) {
        self.disorderly = true;
    }

    /// Every line of a group in the order of writing, whether a read would find it yet or not.
    #[must_use]
    pub fn lines(&self, group: &str) -> Vec<&str> {
        let streams = self.groups.get(group).into_iter().flat_map(|group| group.streams.values());
        let mut events: Vec<&Event> = streams.flat_map(|stream| &stream.events).collect();
        events.sort_by_key(|event| event.id);
        events.into_iter().map(|event| event.message.as_str()).collect()
    }

    /// The names of all groups, in order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }
}
