//! CloudFormation's response bucket: pre-signed URLs that a custom resource PUTs its answer to.
//!
//! Refuses what S3 would: another method, a query that is not the one that was signed, a content type (none was
//! signed), an expired URL, a chunked body.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, Response, StatusCode, header};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::settings::Settings;
use crate::sigv4;

/// The lifetime of a URL. CloudFormation does not document it; this is twice a custom resource's default timeout.
const EXPIRES: Duration = Duration::from_hours(2);

/// The bucket: URLs given out, answers received.
#[derive(Debug)]
pub struct ResponseBucket {
    host: String,
    region: String,
    /// By path and query, which hold the signature.
    grants: BTreeMap<String, Grant>,
    puts: Vec<Put>,
    notify: Arc<Notify>,
}

#[derive(Debug)]
struct Grant {
    url: String,
    expires: SystemTime,
    answer: Option<Vec<u8>>,
}

/// A PUT, or what should have been one, that reached the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The time.
    pub at: SystemTime,
    /// The URL as it was given out; for a request that fits none, its path and query.
    pub url: String,
    /// The HTTP status it was answered with.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl ResponseBucket {
    pub(crate) fn new(settings: &Settings) -> Self {
        let Settings { region, dns_suffix, .. } = settings;
        let bucket = format!("cloudformation-custom-resource-response-{}", region.replace('-', ""));
        Self {
            host: format!("{bucket}.s3.{region}.{dns_suffix}"),
            region: region.clone(),
            grants: BTreeMap::new(),
            puts: Vec::new(),
            notify: Arc::default(),
        }
    }

    /// Returns the bucket's host name.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Creates an `https` URL for the answer to one request, valid for two hours from `now`. The in-memory transport
    /// reaches it.
    pub fn presign(&mut self, request_id: &str, now: SystemTime) -> String {
        let base = format!("https://{}", self.host);
        let date = sigv4::basic_date(now);
        let scope = format!("AKIAIOSFODNN7EXAMPLE%2F{}%2F{}%2Fs3%2Faws4_request", &date[..8], self.region);
        let mut target = format!(
            "/{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&X-Amz-SignedHeaders=host\
             &X-Amz-Expires={}&X-Amz-Credential={scope}",
            encode(request_id),
            EXPIRES.as_secs()
        );
        let signature = hex::encode(Sha256::digest(format!("PUT\n{base}{target}")));
        target.push_str("&X-Amz-Signature=");
        target.push_str(&signature);
        let url = format!("{base}{target}");
        self.grants.insert(target, Grant { url: url.clone(), expires: now + EXPIRES, answer: None });
        url
    }

    /// Takes the answer sent to `url`: the last one, if several were sent.
    pub fn take_answer(&mut self, url: &str) -> Option<Vec<u8>> {
        self.grants.values_mut().find(|grant| grant.url == url)?.answer.take()
    }

    /// Returns every request that reached the bucket, in order, refused ones too.
    #[must_use]
    pub fn puts(&self) -> &[Put] {
        &self.puts
    }

    /// Wakes all who wait whenever an answer has come in. Get the future ([`Notify::notified`]) first, then look
    /// ([`ResponseBucket::take_answer`]), then await: an answer in between is not missed.
    #[must_use]
    pub fn notifier(&self) -> Arc<Notify> {
        Arc::clone(&self.notify)
    }

    /// Answers one request and records it.
    pub fn serve(&mut self, request: &Request<Vec<u8>>, now: SystemTime) -> Response<Vec<u8>> {
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let verdict = self.judge(request, target, now);
        let (status, body) = match verdict {
            Ok(()) => (StatusCode::OK, String::new()),
            Err((status, code)) => {
                (status, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>"))
            }
        };
        let grant = self.grants.get_mut(target);
        let url = grant.as_ref().map_or(target, |grant| &grant.url).to_owned();
        self.puts.push(Put { at: now, url, status: status.as_u16(), body: request.body().clone() });
        if let Some(grant) = grant.filter(|_| verdict.is_ok()) {
            grant.answer = Some(request.body().clone());
            self.notify.notify_waiters();
        }
        respond(status, body)
    }

    /// Records and answers a request that the bucket has no capacity for.
    pub(crate) fn slow_down(&mut self, request: &Request<Vec<u8>>, now: SystemTime) -> Response<Vec<u8>> {
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let url = self.grants.get(target).map_or(target, |grant| &grant.url).to_owned();
        self.puts.push(Put { at: now, url, status: 503, body: request.body().clone() });
        respond(StatusCode::SERVICE_UNAVAILABLE, "<Error><Code>SlowDown</Code></Error>".to_owned())
    }

    fn judge(
        &self,
        request: &Request<Vec<u8>>,
        target: &str,
        now: SystemTime,
    ) -> Result<(), (StatusCode, &'static str)> {
        let header = |name| request.headers().get(name).map(header::HeaderValue::as_bytes);
        if header(header::TRANSFER_ENCODING).is_some() {
            return Err((StatusCode::NOT_IMPLEMENTED, "NotImplemented"));
        }
        let Some(grant) = self.grants.get(target) else {
            return Err((StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
        };
        if now > grant.expires {
            return Err((StatusCode::FORBIDDEN, "AccessDenied"));
        }
        let untyped = header(header::CONTENT_TYPE).is_none_or(<[u8]>::is_empty);
        if request.method() != http::Method::PUT || !untyped {
            return Err((StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
        }
        if header(header::CONTENT_LENGTH).is_none() {
            return Err((StatusCode::LENGTH_REQUIRED, "MissingContentLength"));
        }
        Ok(())
    }
}

fn respond(status: StatusCode, body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert(header::SERVER, header::HeaderValue::from_static("AmazonS3"));
    response
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn bucket() -> (ResponseBucket, String) {
        let mut bucket = ResponseBucket::new(&Settings::default());
        let url = bucket.presign("a request|1", NOW);
        (bucket, url)
    }

    fn put(url: &str) -> http::request::Builder {
        Request::put(url).header("content-length", "2")
    }

    fn status(bucket: &mut ResponseBucket, request: http::request::Builder, now: SystemTime) -> u16 {
        bucket.serve(&request.body(b"{}".to_vec()).expect("a request"), now).status().as_u16()
    }

    #[test]
    fn an_answer_is_taken_once_and_a_second_one_overwrites() {
        let (mut bucket, url) = bucket();
        assert!(url.starts_with(
            "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com/a%20request%7C1?"
        ));
        assert!(url.contains("X-Amz-Date=19700101T000000Z"), "{url}");
        assert_eq!(bucket.take_answer(&url), None);
        assert_eq!(status(&mut bucket, put(&url).header("content-type", ""), NOW), 200);
        let second = put(&url).body(b"[]".to_vec()).expect("a request");
        assert_eq!(bucket.serve(&second, NOW).status(), 200);
        assert_eq!(bucket.take_answer(&url), Some(b"[]".to_vec()));
        assert_eq!(bucket.take_answer(&url), None);
        assert_eq!(bucket.puts().len(), 2);
    }

    #[test]
    fn what_was_not_signed_is_refused() {
        let (mut bucket, url) = bucket();
        assert_eq!(status(&mut bucket, put(&url).method("POST"), NOW), 403);
        assert_eq!(status(&mut bucket, put(&url).header("content-type", "application/json"), NOW), 403);
        assert_eq!(status(&mut bucket, put(&format!("{url}&x=1")), NOW), 403);
        assert_eq!(status(&mut bucket, put(url.split('?').next().unwrap_or_default()), NOW), 403);
        assert_eq!(status(&mut bucket, Request::put(&url).header("transfer-encoding", "chunked"), NOW), 501);
        assert_eq!(status(&mut bucket, Request::put(&url), NOW), 411);
        assert_eq!(status(&mut bucket, put(&url), NOW + EXPIRES + Duration::from_secs(1)), 403);
        assert_eq!(bucket.take_answer(&url), None);
        assert_eq!(bucket.puts().len(), 7, "refused ones are recorded too");
    }

    #[tokio::test]
    async fn a_waiter_is_woken() {
        let (mut bucket, url) = bucket();
        let notifier = bucket.notifier();
        let answered = notifier.notified();
        assert_eq!(status(&mut bucket, put(&url), NOW), 200);
        answered.await;
        assert!(bucket.take_answer(&url).is_some());
    }
}
