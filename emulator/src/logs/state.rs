//! The log groups of an account.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::input::text;
use crate::settings::Settings;

/// The log groups of one account and Region.
#[derive(Clone, Debug)]
pub struct Logs {
    pub(super) settings: Settings,
    pub(super) groups: BTreeMap<String, Group>,
    /// The number of events there ever were; decides the next event id.
    pub(super) written: u64,
    /// True if the events of a page come in an order of their own.
    pub(super) disorderly: bool,
}

/// A stream keeps its newest events of about so many bytes. CloudWatch Logs keeps all, but a real container may print
/// more than there is memory.
const STREAM_BYTES_KEPT: usize = 8 * 1024 * 1024;

/// A log group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The days after which an event is deleted. `None` keeps all.
    pub retention_days: Option<u64>,
    /// The ARN of the customer managed key.
    pub kms_key: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    pub(super) streams: BTreeMap<String, Stream>,
}

#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) created: SystemTime,
    pub(super) events: Vec<Event>,
    /// The length of all messages.
    bytes: usize,
}

impl Stream {
    fn push(&mut self, event: Event) {
        self.bytes += event.message.len();
        self.events.push(event);
        // Rarely, because the rest moves.
        if self.bytes > 2 * STREAM_BYTES_KEPT {
            let mut old = 0;
            while self.bytes > STREAM_BYTES_KEPT {
                self.bytes -= self.events[old].message.len();
                old += 1;
            }
            self.events.drain(..old);
        }
    }
}

/// One log event.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) at: SystemTime,
    pub(super) id: u64,
    pub(super) message: String,
}

impl Logs {
    /// Creates an account without log groups.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), groups: BTreeMap::new(), written: 0, disorderly: false }
    }

    /// Writes lines into a stream, one event each. Creates the group and the stream if they do not exist.
    pub fn write(&mut self, group: &str, stream: &str, now: SystemTime, lines: impl IntoIterator<Item = String>) {
        let group = self.groups.entry(group.to_owned()).or_default();
        let stream = group.streams.entry(stream.to_owned()).or_insert_with(|| Stream {
            created: now,
            events: Vec::new(),
            bytes: 0,
        });
        for message in lines {
            self.written += 1;
            stream.push(Event { at: now, id: self.written, message });
        }
    }

    /// Lets searches return the events of each page in an order that their timestamps do not explain. The API promises
    /// no order.
    pub fn answer_out_of_order(&mut self) {
        self.disorderly = true;
    }

    /// Returns every line of a group in the order of writing, even if a read would not find it yet.
    #[must_use]
    pub fn lines(&self, group: &str) -> Vec<&str> {
        let streams = self.groups.get(group).into_iter().flat_map(|group| group.streams.values());
        let mut events: Vec<&Event> = streams.flat_map(|stream| &stream.events).collect();
        events.sort_by_key(|event| event.id);
        events.into_iter().map(|event| event.message.as_str()).collect()
    }

    /// Returns the names of all groups, in order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// Returns the group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }
}

/// Returns the group that a call names, by name or by ARN.
pub(super) fn group_name(input: &Map<String, Value>) -> Option<&str> {
    text(input, "logGroupName").or_else(|| {
        let identifier = text(input, "logGroupIdentifier")?;
        Some(identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name))
    })
}
