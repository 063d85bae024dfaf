//! The answer: its shape, its size limit, and its delivery with bounded retries. It never decides about success.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use serde::Serialize;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::event::{Recipient, ResponseUrl};
use crate::http::exchange;
use crate::text::cut;

/// "The response body can be up to 4096 bytes" (CloudFormation user guide, custom resource response objects).
pub(crate) const BODY_BYTES_MAX: usize = 4096;

/// The maximum number of attempts to deliver one answer. Their pauses take at most 24 s, which is within the time that
/// the handler reserves.
const ATTEMPTS_MAX: u32 = 5;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const BACKOFF_MIN: Duration = Duration::from_millis(250);

/// The answer to CloudFormation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The operation succeeded. The attributes are for `Fn::GetAtt`.
    Success {
        /// The identifier of the resource that exists now.
        physical_id: String,
        /// The attribute values by name. They hold nothing secret.
        attributes: BTreeMap<&'static str, String>,
    },
    /// The operation failed.
    Failed {
        /// The identifier that the clean-up will carry.
        physical_id: String,
        /// One sentence, which the stack's events show.
        reason: String,
    },
}

/// The wire form.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<&'static str, String>,
}

/// Encodes the answer as JSON of at most [`BODY_BYTES_MAX`] bytes. A Reason is cut to fit. Data is never dropped: an
/// answer whose attributes do not fit becomes a FAILED that says so.
pub(crate) fn encode(answer: &Answer, recipient: &Recipient) -> Vec<u8> {
    let none = BTreeMap::new();
    match answer {
        Answer::Success { physical_id, attributes } => {
            let json = to_json(recipient, "SUCCESS", None, physical_id, attributes);
            if json.len() <= BODY_BYTES_MAX {
                return json;
            }
            let reason = format!(
                "the attributes take {} bytes of the {BODY_BYTES_MAX} that CloudFormation accepts; use shorter names",
                json.len()
            );
            encode(&Answer::Failed { physical_id: physical_id.clone(), reason }, recipient)
        }
        Answer::Failed { physical_id, reason } => {
            let reason = if reason.trim().is_empty() {
                "the operation failed and no reason was recorded; see the function's log"
            } else {
                reason
            };
            let others = to_json(recipient, "FAILED", Some(""), physical_id, &none).len();
            let reason = cut(reason, BODY_BYTES_MAX.saturating_sub(others));
            to_json(recipient, "FAILED", Some(&reason), physical_id, &none)
        }
    }
}

fn to_json(
    recipient: &Recipient,
    status: &'static str,
    reason: Option<&str>,
    physical_resource_id: &str,
    data: &BTreeMap<&'static str, String>,
) -> Vec<u8> {
    let body = Body {
        status,
        reason,
        physical_resource_id,
        stack_id: &recipient.requester.stack_id,
        request_id: &recipient.requester.request_id,
        logical_resource_id: &recipient.requester.logical_id,
        data,
    };
    // Strings and a map of strings always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The error of an answer that CloudFormation did not get. The invocation fails, so that Lambda delivers the event
/// again.
#[derive(Debug)]
pub struct DeliveryError(String);

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the response could not be delivered: {}", self.0)
    }
}

/// Sends the body. May run twice: CloudFormation uses the first answer to a request and ignores later ones.
pub(crate) async fn deliver(
    connector: &SharedHttpConnector,
    url: &ResponseUrl,
    body: Vec<u8>,
) -> Result<(), DeliveryError> {
    // The URL is signed for an empty content type; another one is refused as SignatureDoesNotMatch.
    let headers = [("content-type", String::new()), ("content-length", body.len().to_string())];
    let mut pause = BACKOFF_MIN;
    let mut problem = String::new();
    for attempt in 1..=ATTEMPTS_MAX {
        let put = exchange(connector, "PUT", url.expose(), &headers, body.clone(), ATTEMPT_TIMEOUT).await;
        problem = match put {
            Ok(reply) if (200..300).contains(&reply.status) => {
                info!(attempt, url = ?url, "response delivered");
                return Ok(());
            }
            Ok(reply) => format!("HTTP status {}", reply.status),
            Err(problem) => problem.to_string(),
        };
        warn!(attempt, url = ?url, problem, "response not delivered");
        if attempt < ATTEMPTS_MAX {
            sleep(pause).await;
            pause *= 2;
        }
    }
    Err(DeliveryError(problem))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::Home;
    use crate::requester::Requester;

    const URL: &str = "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/key?secret";

    fn recipient() -> Recipient {
        Recipient {
            url: ResponseUrl::parse(URL, &Home::new("us-east-1", "", None)).unwrap(),
            requester: Requester {
                stack_id: "s".into(),
                logical_id: "l".into(),
                request_id: "r".into(),
                name_prefix: None,
            },
            physical_id: None,
        }
    }

    #[test]
    fn a_long_reason_is_cut_on_a_character_and_fills_the_body() {
        for character in ["x", "é", "\u{1}", "\"", "😀"] {
            let answer = Answer::Failed { physical_id: "id".into(), reason: character.repeat(9000) };
            let body = encode(&answer, &recipient());
            assert!(body.len() <= BODY_BYTES_MAX && body.len() > BODY_BYTES_MAX - 16, "{} bytes", body.len());
            let json: Value = serde_json::from_slice(&body).unwrap();
            assert!(json["Reason"].as_str().unwrap().ends_with('…'));
        }
    }

    #[test]
    fn attributes_that_do_not_fit_fail_instead_of_vanishing() {
        let attributes = BTreeMap::from([("Arn", "a".repeat(5000))]);
        let body = encode(&Answer::Success { physical_id: "id".into(), attributes }, &recipient());
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&json["Status"], &json["PhysicalResourceId"]), (&"FAILED".into(), &"id".into()));
    }
}
