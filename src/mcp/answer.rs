//! Reads one answer of a server without trust: in any form, within bounds, and with as much of it as a sentence needs.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::events::{BYTE_ORDER_MARK, Events};
use crate::json;

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";
/// Bounds of one answer, because the function has 128 MB. A tool with its schemas takes some 700 bytes and 50 values: a
/// server of a thousand tools, all on one page, stays far below both.
const BODY_BYTES_MAX: usize = 2 << 20;
const BODY_VALUES_MAX: usize = 100_000;
const TOO_LONG: &str = "answers with more than 2 MiB at once; let it list fewer tools on a page";
const TOO_MANY_VALUES: &str = "answers with more than 100000 values at once; let it list fewer tools on a page";

/// An answer as it was seen on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastResponse {
    /// The HTTP status.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
    /// The code of a JSON-RPC error, if the body is one.
    pub rpc_code: Option<i64>,
    /// The revisions that a JSON-RPC error names as those that the server supports.
    pub supported: Vec<String>,
    /// The message of a JSON-RPC error, or a body that is not MCP. It is not cut, because a text is masked first.
    pub text: String,
    /// The challenge of a 401 or 403.
    pub www_authenticate: Option<String>,
    /// The target of a redirect.
    pub location: Option<String>,
    /// AWS's name of the error, which only AWS itself gives.
    pub error_type: Option<String>,
}

/// The reason why an answer holds no result.
#[derive(Clone, Debug)]
pub(super) enum Unread {
    /// It is not a result, and these words say what it is.
    NoResult(String),
    /// It stopped before its end, in these words.
    BrokenOff(&'static str),
    /// It is too much: "answers with …; what to do".
    Excess(&'static str),
}

impl Unread {
    fn no_result(words: &str) -> Self {
        Self::NoResult(words.to_owned())
    }
}

/// A JSON-RPC message, as far as it is read.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    /// Members of AWS's own answers.
    #[serde(borrow, rename = "message", alias = "Message")]
    words: Option<&'a RawValue>,
}

/// The error of a JSON-RPC response. Not all servers keep to the types of its members.
#[derive(Deserialize)]
struct RpcError<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The data of an error about the revision of its request (MCP 2026-07-28, UnsupportedProtocolVersionError).
#[derive(Deserialize)]
struct RevisionProblem<'a> {
    #[serde(borrow)]
    supported: Option<&'a RawValue>,
}

impl LastResponse {
    /// Reads status and headers.
    pub(super) fn of(response: &HttpResponse) -> Self {
        let header = |name| response.headers().get(name).map(str::to_owned).filter(|value| !value.is_empty());
        let essence = |value: &str| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self {
            status: response.status().as_u16(),
            content_type: header("content-type").as_deref().map(essence).unwrap_or_default(),
            // One list, in as many headers as the server likes.
            www_authenticate: Some(response.headers().get_all("www-authenticate").collect::<Vec<_>>().join(", "))
                .filter(|challenges| !challenges.is_empty()),
            location: header("location"),
            // "ThrottlingException:http://internal.amazon.com/…" is the older form.
            error_type: header("x-amzn-errortype").map(|it| it.split(':').next().unwrap_or_default().to_owned()),
            ..Self::default()
        }
    }

    /// Returns true if the content type is one that MCP has.
    pub(crate) fn may_be_mcp(&self) -> bool {
        [JSON, EVENT_STREAM].contains(&self.content_type.as_str())
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the body until the result of request `id`, and returns it as JSON. Everything else is noted in `self`.
    pub(super) async fn read(&mut self, id: u64, body: SdkBody) -> Result<Box<RawValue>, Unread> {
        let body = Limited::new(body, BODY_BYTES_MAX);
        if self.is_success() && self.content_type == EVENT_STREAM {
            return self.read_events(id, body).await;
        }
        let body = body.collect().await.map_err(|error| broken_off(error.as_ref()))?.to_bytes();
        check_values(&body)?;
        let body = String::from_utf8_lossy(&body);
        for json in messages(&body) {
            match self.read_message(None, json.get()) {
                Some(Ok(result)) if self.is_success() => return Ok(result.to_owned()),
                Some(Err(unread)) => return Err(unread),
                _ => {}
            }
        }
        if self.text.is_empty() {
            let words = read::<Message<'_>>(body.as_bytes()).and_then(|it| read::<String>(it.words?.get().as_bytes()));
            self.text = words.unwrap_or_else(|| body.into_owned());
        }
        Err(Unread::no_result("the answer is not a JSON-RPC response"))
    }

    async fn read_events(&mut self, id: u64, mut body: Limited<SdkBody>) -> Result<Box<RawValue>, Unread> {
        let mut events = Events::default();
        loop {
            let frame = body.frame().await.transpose().map_err(|error| broken_off(error.as_ref()))?;
            let (data, ended) = match frame {
                Some(frame) => (frame.data_ref().map(|bytes| events.feed(bytes)).unwrap_or_default(), false),
                None => (std::mem::take(&mut events).end().into_iter().collect(), true),
            };
            for data in data {
                check_values(data.as_bytes())?;
                let answer = messages(&data).into_iter().find_map(|json| self.read_message(Some(id), json.get()));
                if let Some(result) = answer {
                    return result.map(ToOwned::to_owned);
                }
            }
            if ended {
                return Err(Unread::BrokenOff("the event stream ended without an answer"));
            }
        }
    }

    /// Reads a message that may be the answer to request `id`: its result or its error. Returns `None` for a message
    /// that is something else. Without `id`, every response is the answer.
    fn read_message<'a>(&mut self, id: Option<u64>, json: &'a str) -> Option<Result<&'a RawValue, Unread>> {
        let message: Message<'_> = serde_json::from_str(json).ok()?;
        if message.method.is_some() {
            return None;
        }
        // Some servers repeat a number as a text, and errors often have an id of their own or none.
        let is_ours = id.is_none_or(|id| message.id.is_some_and(|it| it.get().trim_matches('"') == id.to_string()));
        let error = message.error.and_then(|json| Some((json, read::<RpcError<'_>>(json.get().as_bytes())?)));
        if let Some((json, RpcError { code, message: words, data })) = error {
            let of_another = !is_ours && message.id.is_some_and(|it| it.get().parse::<u64>().is_ok());
            if of_another {
                return None;
            }
            let words = words.and_then(|words| read::<String>(words.get().as_bytes()));
            self.rpc_code = code.and_then(|code| read(code.get().trim_matches('"').as_bytes()));
            let problem = data.and_then(|data| json::object::<RevisionProblem<'_>>(data.get().as_bytes()));
            self.supported = problem.and_then(|it| json::texts(it.supported)).unwrap_or_default();
            self.text = words.unwrap_or_else(|| json.get().to_owned());
            return Some(Err(Unread::no_result("the server answers with an error")));
        }
        message.result.filter(|_| is_ours).map(Ok)
    }
}

/// Returns the messages of a text: one, or those of a batch, which revision 2025-03-26 has.
fn messages(text: &str) -> Vec<&RawValue> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match read::<&RawValue>(text.as_bytes()) {
        Some(json) if json.get().starts_with('[') => read(json.get().as_bytes()).unwrap_or_default(),
        Some(json) => vec![json],
        None => Vec::new(),
    }
}

/// Says why a body could not be read to its end.
fn broken_off(error: &(dyn std::error::Error + 'static)) -> Unread {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Unread::Excess(TOO_LONG);
        }
        cause = error.source();
    }
    Unread::BrokenOff("the answer broke off")
}

/// Refuses a message of very many values, which would take too much memory when read.
fn check_values(message: &[u8]) -> Result<(), Unread> {
    if json::has_at_most(BODY_VALUES_MAX, message) { Ok(()) } else { Err(Unread::Excess(TOO_MANY_VALUES)) }
}

/// Reads JSON that may have any other form. Returns `None` for such.
pub(super) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}
