//! The desired state of a workload identity as the template gives it, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use crate::agentcore::workload_identity::{NAME_CHARS, is_name};
use crate::error::Error;
use crate::https_url::{self, Form};
use crate::properties::PropertySet;
use crate::tags;
use crate::text::quote;

/// The maximum length of the API reference, in characters.
const URL_CHARS_MAX: usize = 2048;

/// The desired state.
#[derive(Debug, PropertySet)]
pub(crate) struct Properties {
    /// Letters, digits, `-`, `_` and `.`, 3 to 255. With [provisioner.yaml](provisioner.md#names) it begins with `NamePrefix`
    /// and a hyphen, which stands for `mcp`.
    #[property(
        name = "Name",
        default_text = "`mcp-<8 characters of the stack's GUID>-<6 digits>`",
        check = check_name,
        replaces
    )]
    pub(super) name: Option<String>,
    /// URLs to which users may return after they have signed in at an identity provider.
    #[property(name = "AllowedResourceOauth2ReturnUrls", check = check_urls)]
    pub(super) return_urls: BTreeSet<String>,
    /// Tags of the identity: see [above](#what-all-resource-types-have-in-common).
    #[property(name = "Tags", check = tags::check)]
    pub(super) tags: BTreeMap<String, String>,
}

fn check_name(property: &str, name: &str) -> Result<(), Error> {
    if is_name(name) {
        return Ok(());
    }
    let problem = format!(
        "is {}; use {} to {} letters, digits, hyphens, underscores and dots",
        quote(name),
        NAME_CHARS.start(),
        NAME_CHARS.end()
    );
    Err(Error::property(property, problem))
}

/// Schemes of texts that a browser would run or open instead of returning to an application.
const NO_ADDRESSES: [&str; 6] = ["about", "blob", "data", "file", "javascript", "vbscript"];

/// Checks URLs against `\w+:(\/?\/?)[^\s]+` and their length (API reference, CreateWorkloadIdentity), and refuses those
/// that send the authorization of a user elsewhere than a reader sees.
fn check_urls(property: &str, urls: &BTreeSet<String>) -> Result<(), Error> {
    let fits = |url: &String| {
        let is_scheme =
            |scheme: &str| !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        url.chars().count() <= URL_CHARS_MAX
            && !url.contains(char::is_whitespace)
            && url.split_once(':').is_some_and(|(scheme, rest)| {
                let is_address = match scheme.to_ascii_lowercase().as_str() {
                    // Applications under development return to http addresses.
                    "http" | "https" => !rest.contains('#') && https_url::parse(url, Form::Http).is_ok(),
                    scheme => !NO_ADDRESSES.contains(&scheme),
                };
                is_scheme(scheme) && is_address && !rest.trim_matches('/').is_empty()
            })
    };
    let Some(url) = urls.iter().find(|url| !fits(url)) else { return Ok(()) };
    let problem = format!(
        "contains {}; use URLs without white space, user and fragment, of at most {URL_CHARS_MAX} characters, such as \
         `https://app.example.com/callback`",
        quote(url)
    );
    Err(Error::property(property, problem))
}
