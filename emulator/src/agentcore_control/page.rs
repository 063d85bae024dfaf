//! Pagination, the same for every list.

use serde_json::{Map, Value, json};

use super::errors::invalid;
use super::state::AgentCoreControl;
use crate::input::{count, text};
use crate::service::Answer;

/// Items on a page when the caller does not say.
const PAGE: usize = 100;

impl AgentCoreControl {
    /// Returns one page of `items` under `member`, of the usual size.
    pub(super) fn page(&self, items: Vec<(u64, Value)>, member: &str, input: &Map<String, Value>) -> Answer {
        self.page_of(PAGE, items, member, input)
    }

    /// Returns one page of `items` under `member`, of `size` items when the caller does not say, and never of more than
    /// [`crate::settings::Settings::list_page_max`]. Each item has a number that grows along the list and outlives its
    /// neighbours, so that a token stays good when items come and go between two pages.
    pub(super) fn page_of(
        &self,
        size: usize,
        items: Vec<(u64, Value)>,
        member: &str,
        input: &Map<String, Value>,
    ) -> Answer {
        let after = match text(input, "nextToken") {
            None => None,
            Some(token) => Some(u64::from_str_radix(token, 16).map_err(|_| invalid("The nextToken is not valid."))?),
        };
        let size = count(input, "maxResults").unwrap_or(size).min(self.settings.list_page_max);
        let rest: Vec<(u64, Value)> =
            items.into_iter().filter(|(number, _)| after.is_none_or(|after| *number > after)).collect();
        let more = rest.len() > size;
        let shown: Vec<(u64, Value)> = rest.into_iter().take(size).collect();
        let token = shown.last().filter(|_| more).map(|(number, _)| format!("{number:08x}"));
        let mut answer = json!({});
        answer[member] = shown.into_iter().map(|(_, item)| item).collect();
        if let Some(token) = token {
            answer["nextToken"] = json!(token);
        }
        Ok(answer)
    }
}
