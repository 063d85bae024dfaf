//! Says which names of tools are too long for model APIs, as part of a result's `Detail`.

use super::gateway::Gateway;
use crate::job::Job;
use crate::mcp::Catalogue;

/// The maximum length of a tool's name: model APIs refuse a request that has a tool with a longer one
/// (`^[a-zA-Z0-9_-]{1,64}$`).
const NAME_CHARS_MAX: usize = 64;

/// Returns the end of a sentence that says for how many tools clients see a name that is too long, and the longest of
/// them. The tools are the server's, or those of the target behind `gateway`. Empty if no name is too long.
pub(super) fn problem(job: &Job<'_>, gateway: Option<&Gateway>, own: &Catalogue) -> String {
    let prefix = gateway.map(Gateway::prefix).unwrap_or_default();
    let length = |tool: &&String| prefix.chars().count() + tool.chars().count();
    let long = own.tools.iter().filter(|tool| length(tool) > NAME_CHARS_MAX);
    let (count, Some(longest)) = (long.clone().count(), long.max_by_key(length)) else { return String::new() };
    let (form, remedy) = match gateway {
        None => ("", "let the server leave these tools out, or shorten their names"),
        Some(_) => (" (`<target>___<tool>`)", "shorten the target's name"),
    };
    let chars = length(&longest);
    let longest = job.quote(&format!("{prefix}{longest}"));
    format!(
        "; {count} of their names{form} exceed {NAME_CHARS_MAX} characters, which many model APIs refuse, and the longest, \
         {longest}, has {chars}: {remedy}"
    )
}
