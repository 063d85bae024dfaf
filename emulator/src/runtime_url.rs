//! The URL at which a runtime is invoked: `https://<host>/runtimes/<its ARN, percent-encoded>/invocations`.

use url::{Url, form_urlencoded};

use crate::wire;

/// Encodes an ARN as a segment of a path.
#[must_use]
pub fn encoded(arn: &str) -> String {
    form_urlencoded::byte_serialize(arn.as_bytes()).collect()
}

/// Returns the runtime in a path, still encoded, and what follows `invocations`.
pub(crate) fn parts(path: &str) -> Option<(&str, &str)> {
    let (runtime, rest) = path.strip_prefix("/runtimes/")?.split_once("/invocations")?;
    (!runtime.is_empty() && !runtime.contains('/')).then_some((runtime, rest))
}

/// Returns the id of the runtime that a URL invokes, if it is a runtime's.
pub(crate) fn runtime_id(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let runtime = wire::decode(parts(url.path())?.0).ok()?;
    runtime.rsplit('/').next().map(str::to_owned)
}
