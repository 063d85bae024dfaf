//! The tables of a service model: operations, shapes and their constraints.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

/// The part of one service's model that the emulator implements.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// The date in the service model's name.
    pub api_version: String,
    /// The protocol of requests and answers.
    pub protocol: Protocol,
    /// The service in a signature's credential scope.
    pub signing_name: String,
    /// The text that precedes the operation in `X-Amz-Target`; only with [`Protocol::Json`].
    #[serde(default)]
    pub target_prefix: String,
    /// By operation name.
    pub operations: BTreeMap<String, Operation>,
    /// By shape name.
    pub shapes: BTreeMap<String, Shape>,
}

/// An AWS protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// Method and URI choose the operation; members are in the URI, the query, headers and a JSON body.
    #[serde(rename = "rest-json")]
    RestJson,
    /// `awsJson1.1`: `X-Amz-Target` chooses the operation; all members are in the body.
    #[serde(rename = "json")]
    Json,
    /// `awsQuery`: a form in the body names the operation and the members; answers are XML.
    #[serde(rename = "query")]
    Query,
}

/// One operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The URI with labels, `/runtimes/{agentRuntimeId}/`.
    pub uri: String,
    /// The HTTP status of a success.
    pub status: u16,
    /// The input's shape.
    pub input: String,
    /// The output's shape; without one, a success has no body.
    pub output: Option<String>,
    /// The shapes of the errors it names.
    pub errors: Vec<String>,
}

/// One shape with its constraints.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Shape {
    /// A structure, a union or an error.
    Structure(Structure),
    /// A list.
    List(List),
    /// A map with text keys.
    Map(Map),
    /// A text, maybe one of an enumeration.
    String(Text),
    /// A whole number of 32 bits.
    Integer(Range),
    /// A whole number of 64 bits.
    Long(Range),
    /// `true` or `false`.
    Boolean {},
    /// Bytes, as base64 text in JSON.
    Blob(Text),
    /// A moment.
    Timestamp(Timestamp),
    /// Any JSON value.
    Document {},
}

/// A structure's constraints.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Structure {
    /// The members that must be present.
    pub required: Vec<String>,
    /// All members, by name.
    pub members: BTreeMap<String, Member>,
    /// Exactly one member must be present.
    pub union: bool,
    /// The member that is the whole body, as it is; without one, the body is a JSON object of members.
    pub payload: Option<String>,
    /// Values must not be shown.
    pub sensitive: bool,
    /// For an error: its HTTP status.
    pub error: Option<u16>,
}

/// A structure's member.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// The member's shape.
    pub shape: String,
    /// The place of the member in a request.
    #[serde(default)]
    pub location: Location,
    /// Its name there, unless it is in the body.
    #[serde(default)]
    pub name: String,
    /// The SDKs fill it in when the caller does not.
    #[serde(default)]
    pub idempotency_token: bool,
}

/// The place of a member in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// In the JSON body.
    #[default]
    Body,
    /// A label of the URI.
    Uri,
    /// A parameter of the query.
    QueryString,
    /// A header.
    Header,
}

/// A list's constraints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The shape of each element.
    pub member: String,
    /// At least so many elements.
    pub min: Option<i64>,
    /// At most so many elements.
    pub max: Option<i64>,
    /// Values must not be shown.
    #[serde(default)]
    pub sensitive: bool,
}

/// A map's constraints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The shape of each key.
    pub key: String,
    /// The shape of each value.
    pub value: String,
    /// At least so many entries.
    pub min: Option<i64>,
    /// At most so many entries.
    pub max: Option<i64>,
    /// Keys and values must not be shown.
    #[serde(default)]
    pub sensitive: bool,
}

/// A text's or a blob's constraints.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Text {
    /// At least so many characters, or bytes of a blob.
    pub min: Option<i64>,
    /// At most so many characters, or bytes of a blob.
    pub max: Option<i64>,
    /// The pattern that the whole text must match.
    pub pattern: Option<Pattern>,
    /// The values it may have; empty for any.
    #[serde(rename = "enum")]
    pub values: Vec<String>,
    /// The value must not be shown.
    pub sensitive: bool,
}

/// A number's constraints.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Range {
    /// At least this.
    pub min: Option<i64>,
    /// At most this.
    pub max: Option<i64>,
}

/// The format of a timestamp.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timestamp {
    /// The format in a JSON body.
    pub timestamp_format: TimestampFormat,
}

/// A timestamp's format in a JSON body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TimestampFormat {
    /// `2026-09-01T00:00:00Z`
    #[serde(rename = "iso8601")]
    Iso8601,
    /// Seconds since the epoch, a number.
    #[serde(rename = "unixTimestamp")]
    UnixTimestamp,
}

/// A regular expression of the service model.
///
/// Smithy does not anchor patterns, but the services match the whole value, and so does the emulator: the stricter of
/// the two readings.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    /// As it stands in the service model.
    pub text: String,
    regex: Regex,
}

impl Pattern {
    /// Returns true if the whole of `value` matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The services' classes are Java's, which hold ASCII only; the regex crate's would also let in foreign digits
        // and spaces.
        let mut ascii = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (character, (character == '\\').then(|| characters.next()).flatten()) {
                (_, Some('d')) => ascii.push_str("[0-9]"),
                (_, Some('s')) => ascii.push_str("[ \\t\\n\\x0B\\f\\r]"),
                (_, Some('S')) => ascii.push_str("[^ \\t\\n\\x0B\\f\\r]"),
                (_, Some('w')) => ascii.push_str("[0-9A-Za-z_]"),
                (_, Some(escaped)) => ascii.extend(['\\', escaped]),
                (character, None) => ascii.push(character),
            }
        }
        Ok(Self { regex: Regex::new(&format!(r"\A(?:{ascii})\z"))?, text })
    }
}

impl Model {
    /// Returns a shape that the table refers to.
    ///
    /// # Panics
    /// If the table has no such shape.
    #[must_use]
    pub fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or_else(|| panic!("the table lacks the shape {name}"))
    }

    /// Returns a shape that the protocol wants to be a structure: an input, an output, an error.
    ///
    /// # Panics
    /// If it is something else.
    #[must_use]
    pub fn structure(&self, name: &str) -> &Structure {
        match self.shape(name) {
            Shape::Structure(structure) => structure,
            other => panic!("{name} should be a structure and is {other:?}"),
        }
    }

    /// Returns an error's shape, if the service model has it: errors common to all services are not in it.
    #[must_use]
    pub fn error(&self, code: &str) -> Option<&Structure> {
        match self.shapes.get(code) {
            Some(Shape::Structure(structure)) if structure.error.is_some() => Some(structure),
            _ => None,
        }
    }
}
