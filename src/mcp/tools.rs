//! Reads one page of tools after the other, within bounds. Only the name of a tool counts, and a tool without a name is
//! skipped.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Unread, read};

/// Bounds of a catalogue: a thousand tools come on some thirty pages, and their names take some 30 KB.
const PAGES_MAX: usize = 200;
const TOO_MANY_PAGES: &str = "lists its tools on more than 200 pages; let it list more on a page, or enable fewer";
const TOOLS_MAX: usize = 10_000;
const TOO_MANY_TOOLS: &str = "lists more than 10000 tools; let it enable fewer";
const NAMES_BYTES_MAX: usize = 1 << 20;
const NAMES_TOO_LONG: &str = "lists tools whose names take more than 1 MiB; let it enable fewer";
const REPEATING: &str = "repeats a page of its tools for ever; correct the `nextCursor` of its tools/list";

/// The result of tools/list, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// The pages read so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// The names of the tools, in the server's order.
    pub(super) names: Vec<String>,
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
        let names: Vec<String> =
            page.tools.iter().filter_map(|tool| Some(read::<Named>(tool.get().as_bytes())?.name)).collect();
        self.bytes += names.iter().map(String::len).sum::<usize>();
        self.names.extend(names);
        self.count += 1;
        if self.names.len() > TOOLS_MAX {
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
