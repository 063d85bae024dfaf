//! The source of the gateway's list of the server's tools: `ListingMode`, `ToolSchema` and `ToolSchemaS3Uri`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use aws_sdk_bedrockagentcorecontrol::types::{
    ListingMode, McpServerTargetConfiguration, McpToolSchemaConfiguration, S3Configuration,
};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::properties::{Choice, PropertyReader, PropertySet};
use crate::text::quote;

const SCHEMA: &str = "ToolSchema";
const SCHEMA_S3: &str = "ToolSchemaS3Uri";
/// The maximum size of an inline schema: 1 MB (service quotas of AgentCore).
const SCHEMA_BYTES_MAX: usize = 1_000_000;
const S3_URI_CHARS_MAX: usize = 2048;

/// The properties of tools.
#[derive(Debug, PropertySet)]
pub(super) struct ToolSourceFields {
    /// `DEFAULT`: the gateway keeps the tools it has listed. `DYNAMIC`: it lists them on every request; not with semantic
    /// search.
    #[property(name = "ListingMode", default = ListingMode::Default)]
    mode: ListingMode,
    /// The tools, `{"tools": [{"name": …, "description": …, "inputSchema": {…}}]}`, as JSON in a text, up to 1 MB. The
    /// server is then not asked.
    #[property(name = "ToolSchema")]
    schema: Option<Map<String, Value>>,
    /// The same in S3, up to 10 MB, as `s3://<bucket>/<key>`.
    #[property(name = "ToolSchemaS3Uri")]
    s3_uri: Option<String>,
}

impl Choice for ListingMode {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("DEFAULT", Self::Default), ("DYNAMIC", Self::Dynamic)].into_iter()
    }
}

/// The source of the list of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolSource {
    /// The gateway asks the server and keeps the answer until it is synchronized.
    Synchronized,
    /// The gateway asks the server on every request for the list.
    Dynamic,
    /// A schema in the template. It is compared as JSON, so that the service may format it differently.
    Schema(Value),
    /// A schema in Amazon S3.
    S3(String),
}

impl ToolSource {
    /// Returns the source that the properties ask for.
    pub(super) fn new(reader: &PropertyReader<'_>, fields: ToolSourceFields) -> Result<Self, Error> {
        let given = [SCHEMA, SCHEMA_S3].into_iter().find(|name| reader.is_given(name));
        match (fields.mode == ListingMode::Dynamic, given, fields.s3_uri) {
            (true, Some(name), _) => Err(Error::property(
                name,
                "has no effect when `ListingMode` is DYNAMIC; set that to DEFAULT or leave this out",
            )),
            (true, None, _) => Ok(Self::Dynamic),
            (false, Some(SCHEMA), Some(_)) => {
                Err(Error::property(SCHEMA_S3, "is given together with `ToolSchema`; give one of them"))
            }
            (false, _, Some(uri)) => check_s3_uri(&uri).map(|()| Self::S3(uri)),
            (false, _, None) => Ok(fields.schema.map(schema).transpose()?.unwrap_or(Self::Synchronized)),
        }
    }

    /// Returns true if a schema names the tools, so that nobody has to ask the server.
    pub(super) fn has_schema(&self) -> bool {
        matches!(self, Self::Schema(_) | Self::S3(_))
    }

    /// Returns our form of the service's members, or `None` for a form that we never write.
    pub(super) fn from_api(live: &McpServerTargetConfiguration) -> Option<Self> {
        let dynamic = live.listing_mode().is_some_and(|mode| *mode == ListingMode::Dynamic);
        match (dynamic, live.mcp_tool_schema()) {
            (true, None) => Some(Self::Dynamic),
            (false, None) => Some(Self::Synchronized),
            (false, Some(McpToolSchemaConfiguration::InlinePayload(text))) => {
                serde_json::from_str(text).ok().map(Self::Schema)
            }
            (false, Some(McpToolSchemaConfiguration::S3(s3))) => s3.uri().map(|uri| Self::S3(uri.to_owned())),
            _ => None,
        }
    }

    /// Returns the API's form.
    pub(super) fn to_api(&self) -> (ListingMode, Option<McpToolSchemaConfiguration>) {
        match self {
            Self::Synchronized => (ListingMode::Default, None),
            Self::Dynamic => (ListingMode::Dynamic, None),
            Self::Schema(schema) => {
                (ListingMode::Default, Some(McpToolSchemaConfiguration::InlinePayload(schema.to_string())))
            }
            Self::S3(uri) => {
                let s3 = S3Configuration::builder().uri(uri).build();
                (ListingMode::Default, Some(McpToolSchemaConfiguration::S3(s3)))
            }
        }
    }
}

/// Refuses a schema from which the service could not create tools.
fn schema(object: Map<String, Value>) -> Result<ToolSource, Error> {
    let refuse = |problem: String| Err(Error::property(SCHEMA, problem));
    let Some(tools) = object.get("tools").and_then(Value::as_array) else {
        return refuse("has no list `tools`; give what the server answers to tools/list".to_owned());
    };
    if tools.is_empty() {
        return refuse("names no tools in `tools`; name those the server has".to_owned());
    }
    let mut names = BTreeSet::new();
    for (index, tool) in tools.iter().enumerate() {
        let Some(name) = tool["name"].as_str().filter(|name| !name.is_empty()) else {
            return refuse(format!("has no `name` in `tools[{index}]`; name every tool"));
        };
        if !names.insert(name) {
            return refuse(format!("names the tool {} twice; remove one of them", quote(name)));
        }
    }
    let schema = Value::Object(object);
    let bytes = schema.to_string().len();
    if bytes > SCHEMA_BYTES_MAX {
        let problem = format!("has {bytes} bytes; at most {SCHEMA_BYTES_MAX} fit, so use `{SCHEMA_S3}`");
        return refuse(problem);
    }
    Ok(ToolSource::Schema(schema))
}

fn check_s3_uri(uri: &str) -> Result<(), Error> {
    let place = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let fits = place.is_some_and(|(bucket, key)| {
        // Amazon S3 user guide, bucket naming rules.
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        (3..=63).contains(&bucket.len())
            && bucket.chars().all(|c| is_inner(c) || ".-".contains(c))
            && bucket.starts_with(is_inner)
            && bucket.ends_with(is_inner)
            && !bucket.contains("..")
            && bucket.parse::<Ipv4Addr>().is_err()
            && !key.is_empty()
    });
    if fits && uri.chars().count() <= S3_URI_CHARS_MAX {
        return Ok(());
    }
    Err(Error::property(SCHEMA_S3, format!("is {}; use `s3://<bucket>/<key>`", quote(uri))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_in_s3_have_a_bucket_and_a_key() {
        assert!(check_s3_uri("s3://my-bucket/path/tools.json").is_ok());
        for uri in [
            "s3://.../k",
            "s3://127.0.0.1/k",
            "s3://-bucket/k",
            "s3://bucket./k",
            "s3://a..b/k",
            "s3://bucket",
            "s3://bucket/",
            "https://bucket/key",
            "s3://UP/key",
            "s3:///key",
        ] {
            assert!(check_s3_uri(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_schema_names_every_tool_once() {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        assert!(schema(object(json!({"tools": [{"name": "a"}, {"name": "b"}]}))).is_ok());
        for bad in [
            json!({}),
            json!({"tools": {}}),
            json!({"tools": []}),
            json!({"tools": ["a"]}),
            json!({"tools": [{"name": ""}]}),
            json!({"tools": [{"name": "a"}, {"name": "a"}]}),
        ] {
            assert!(schema(object(bad.clone())).is_err(), "{bad}");
        }
    }
}
