//! Reads one page of tools after the other, within bounds. Only the name of a tool counts, and if the tool says that it
//! changes something. A tool without a name is skipped.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::answer::{Unread, read};
use super::outcome::Failure;
use crate::json::Lenient;

/// Bounds of a catalogue: a thousand tools come on some thirty pages, and their names take some 30 KB.
const PAGES_MAX: usize = 200;
const TOO_MANY_PAGES: &str = "lists its tools on more than 200 pages; raise the server's page size, or enable fewer";
const TOOLS_MAX: usize = 10_000;
const TOO_MANY_TOOLS: &str = "lists more than 10000 tools; enable fewer tools";
const NAMES_BYTES_MAX: usize = 1 << 20;
const NAMES_TOO_LONG: &str = "lists tools whose names take more than 1 MiB; enable fewer tools";
const REPEATING: &str = "repeats a page of its tools forever; correct the `nextCursor` of its tools/list";

/// The result of tools/list, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    annotations: Lenient<Annotations>,
}

/// Hints of a tool about itself (MCP, ToolAnnotations).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    #[serde(default)]
    read_only_hint: Lenient<bool>,
    #[serde(default)]
    destructive_hint: Lenient<bool>,
}

impl Annotations {
    /// Returns true if the tool says that it changes something. `destructiveHint` has a meaning only for a tool that
    /// does not say that it is read-only. Most servers give no hints, so that absence says nothing.
    fn change_something(&self) -> bool {
        self.read_only_hint.0.map_or(self.destructive_hint.0 == Some(true), |reads_only| !reads_only)
    }
}

/// The tools of a server.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// Their names, in the server's order.
    pub(super) names: Vec<String>,
    /// The names of those that say that they change something.
    pub(super) changing: Vec<String>,
}

/// The pages read so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// The tools on them.
    pub(super) tools: Tools,
    /// The cursor of the next page.
    pub(super) cursor: Option<String>,
    bytes: usize,
    count: usize,
}

impl Pages {
    /// Adds a page. Returns true if it was the last one.
    pub(super) fn add(&mut self, result: &RawValue) -> Result<bool, Unread> {
        let page: Page<'_> = read(result.get().as_bytes())
            .ok_or_else(|| Unread::NoResult("the result of tools/list has no list of tools".to_owned()))?;
        for tool in page.tools.iter().filter_map(|tool| read::<Tool>(tool.get().as_bytes())) {
            self.bytes += tool.name.len();
            if tool.annotations.0.is_some_and(|it| it.change_something()) {
                self.tools.changing.push(tool.name.clone());
            }
            self.tools.names.push(tool.name);
        }
        self.count += 1;
        if self.tools.names.len() > TOOLS_MAX {
            return Err(Unread::Excess(TOO_MANY_TOOLS));
        }
        if self.bytes > NAMES_BYTES_MAX {
            return Err(Unread::Excess(NAMES_TOO_LONG));
        }
        // Some servers send an empty cursor after the last page.
        let Some(next) = page.next_cursor.filter(|it| !it.is_empty()) else { return Ok(true) };
        if self.cursor.as_ref() == Some(&next) {
            return Err(Unread::Excess(REPEATING));
        }
        if self.count == PAGES_MAX {
            return Err(Unread::Excess(TOO_MANY_PAGES));
        }
        self.cursor = Some(next);
        Ok(false)
    }
}

/// The result of tools/call, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    structured_content: Option<IgnoredAny>,
    #[serde(default)]
    is_error: Lenient<bool>,
    #[serde(default)]
    result_type: Lenient<String>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

/// Says why the result of a call is not a success.
pub(super) fn succeeded(result: &RawValue) -> Result<(), Failure> {
    let result: CallResult<'_> = read(result.get().as_bytes()).unwrap_or_default();
    if result.is_error.0 == Some(true) {
        let blocks = result.content.into_iter().flatten();
        let texts = blocks.filter_map(|block| Some(read::<Text>(block.get().as_bytes())?.text));
        return Err(Failure::Tool(texts.collect::<Vec<_>>().join("\n")));
    }
    // The newest revision's word for a call that goes on with an answer of the client's user.
    if result.result_type.0.as_deref() == Some("input_required") {
        return Err(Failure::Result("asks for user input, which a probe cannot give"));
    }
    if result.content.is_none() && result.structured_content.is_none() {
        return Err(Failure::Result("answers with a result without `content`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    #[test]
    fn a_tool_changes_something_if_it_says_so() {
        for (annotations, expected) in [
            (json!(null), false),
            (json!({}), false),
            (json!({"title": "x", "readOnlyHint": "maybe"}), false),
            (json!({"readOnlyHint": true}), false),
            (json!({"readOnlyHint": true, "destructiveHint": true}), false),
            (json!({"destructiveHint": false}), false),
            (json!({"readOnlyHint": false}), true),
            (json!({"readOnlyHint": false, "destructiveHint": false}), true),
            (json!({"destructiveHint": true}), true),
        ] {
            let mut pages = Pages::default();
            pages.add(&raw(&json!({"tools": [{"name": "x", "annotations": annotations}]}))).unwrap();
            assert_eq!(pages.tools.names, ["x"], "{annotations}");
            assert_eq!(!pages.tools.changing.is_empty(), expected, "{annotations}");
        }
    }

    #[test]
    fn a_result_is_a_success_if_it_has_content_and_is_no_error() {
        let error = |result: Value| match succeeded(&raw(&result)).unwrap_err() {
            Failure::Tool(words) => words,
            Failure::Result(problem) => problem.to_owned(),
            Failure::List(_) | Failure::Call(_) => unreachable!("there is a result"),
        };
        for result in [json!({"content": []}), json!({"structuredContent": {}, "isError": false})] {
            succeeded(&raw(&result)).unwrap();
        }
        let failed = json!({"isError": true, "content": [{"type": "text", "text": "401"}, {"type": "image"}]});
        assert_eq!(error(failed), "401");
        assert_eq!(error(json!({"isError": true})), "");
        assert_eq!(error(json!({})), "answers with a result without `content`");
        assert_eq!(error(json!(null)), "answers with a result without `content`");
        assert!(error(json!({"resultType": "input_required", "content": []})).starts_with("asks for user input"));
    }
}
