//! Decodes the request envelope. Does not know AWS resources.
//!
//! Decoding is lenient on the outside: an event that still names its `ResponseURL` gets an answer, however broken the
//! rest is.

use std::fmt;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroize;

use crate::arn::Arn;
use crate::endpoints::dns_suffix;
use crate::error::Error;
use crate::https_url::HttpsUrl;
use crate::json::{self, text};
use crate::requester::Requester;
use crate::text::quote;

/// The beginning of the names of the buckets that take answers, one per Region. The Region follows without hyphens
/// (CloudFormation user guide, VPC endpoints).
const RESPONSE_BUCKET: &str = "cloudformation-custom-resource-response-";

/// The maximum size of an event. Lambda's asynchronous invocation accepts 1 MB, so a larger event did not come that
/// way.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// The maximum number of values in an event. Each takes up to 700 bytes in memory, as a map with one entry does.
const EVENT_VALUES_MAX: usize = 50_000;

/// The reason why no event is compared with the function's account. Lambda names the function by its ARN.
const UNKNOWN_ACCOUNT: &str = "which neither the ARN of the invocation nor `FUNCTION_ROLE_ARN` names";

/// The place where the function runs. CloudFormation sends events of stacks of the same Region only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The Region.
    pub region: String,
    /// The partition and the account of the function: `aws`, `111122223333`. Without them, every event is refused.
    pub account: Option<(String, String)>,
}

impl Home {
    /// Reads partition and account from the function's ARN. The Runtime API of a developer's machine may pass another
    /// text: the ARN of the function's role then names them, if the environment gives it.
    pub(crate) fn new(region: &str, function_arn: &str, role_arn: Option<&str>) -> Self {
        let account = |arn: &str, service: &str, kind: &str| {
            let arn = Arn::of_service(service, arn).filter(|arn| arn.resource.starts_with(kind))?;
            Some((arn.partition.to_owned(), arn.account.to_owned()))
        };
        let of_role = || account(role_arn?, "iam", "role/");
        Self { region: region.to_owned(), account: account(function_arn, "lambda", "function:").or_else(of_role) }
    }

    /// Refuses the ARN of a stack that is not in this account and Region. The error follows the member's name in a
    /// sentence.
    pub(crate) fn check_stack(&self, arn: &str) -> Result<(), String> {
        let stack = Arn::of_service("cloudformation", arn).filter(|arn| arn.resource.starts_with("stack/"));
        let Some(Arn { partition, region, account, .. }) = stack else {
            return Err("is not the ARN of a stack".to_owned());
        };
        if region != self.region {
            return Err(format!("names a stack in {}, and the function runs in {}", quote(region), self.region));
        }
        match &self.account {
            Some((own, _)) if own != partition => Err(format!("names a stack in another partition than {own}")),
            Some((_, own)) if own != account => Err(format!("names a stack of an account other than {own}")),
            Some(_) => Ok(()),
            None => Err(format!("cannot be compared with the function's own account, {UNKNOWN_ACCOUNT}")),
        }
    }

    /// Refuses an event of another account or Region. The error follows "the event" in a sentence.
    pub(crate) fn check_source(&self, account: &str, region: &str) -> Result<(), String> {
        match &self.account {
            _ if region != self.region => {
                Err(format!("comes from {}, and the function runs in {}", quote(region), self.region))
            }
            Some((_, own)) if own != account => Err(format!("comes from an account other than {own}")),
            Some(_) => Ok(()),
            None => Err(format!("cannot be compared with the function's own account, {UNKNOWN_ACCOUNT}")),
        }
    }

    /// Returns true for a URL in the bucket in which CloudFormation takes the answers of this Region. Amazon S3 serves a
    /// bucket under several hosts, as a part of the name or of the path.
    fn is_response_bucket(&self, url: &Url) -> bool {
        let Some(host) = url.host_str().filter(|_| url.port().is_none()) else { return false };
        let bucket = format!("{RESPONSE_BUCKET}{}", self.region.replace('-', ""));
        let path = url.path().strip_prefix('/').and_then(|path| path.strip_prefix(bucket.as_str()));
        let service = match host.strip_prefix(bucket.as_str()).and_then(|rest| rest.strip_prefix('.')) {
            Some(service) => service,
            None if path.is_some_and(|path| path.starts_with('/')) => host,
            None => return false,
        };
        let (region, suffix) = (&self.region, dns_suffix(&self.region));
        let of_region = ["s3.", "s3-", "s3-fips.", "s3.dualstack.", "s3-fips.dualstack."];
        service == format!("s3.{suffix}") || of_region.iter().any(|s3| service == format!("{s3}{region}.{suffix}"))
    }
}

/// The operation that CloudFormation requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestType {
    /// Create the resource.
    Create,
    /// Update the resource to the new properties.
    Update,
    /// Delete the resource.
    Delete,
}

/// The recipient of the answer, and the ids that the answer repeats.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    /// The pre-signed URL of the answer.
    pub url: ResponseUrl,
    /// The ids that an answer repeats.
    pub requester: Requester,
    /// The `PhysicalResourceId` of the request; Create has none.
    pub physical_id: Option<String>,
}

/// A decoded request.
#[derive(Debug)]
#[allow(clippy::struct_field_names, reason = "the names of CloudFormation's members")]
pub(crate) struct Request {
    /// The recipient of the answer.
    pub recipient: Recipient,
    /// The requested operation.
    pub request_type: RequestType,
    /// `Custom::…`
    pub resource_type: String,
    /// The desired properties.
    pub properties: RawProperties,
    /// The previous properties; Update only.
    pub old_properties: Option<RawProperties>,
}

/// An event that is not a valid request.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// The recipient of the refusal. `None` if the event does not even name one.
    pub recipient: Option<Recipient>,
    /// The problem.
    pub error: Error,
}

/// A property map as it came. Never prints its content, and is wiped on drop, because a `NoEcho` value arrives in clear
/// text.
#[derive(Default)]
pub(crate) struct RawProperties(Map<String, Value>);

impl RawProperties {
    /// Returns the properties by name.
    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns a property's text without white space around it, however broken the other properties are. This is for
    /// Delete, which has to work with any properties.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

impl From<Map<String, Value>> for RawProperties {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl fmt::Debug for RawProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} properties", self.0.len())
    }
}

impl Drop for RawProperties {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The pre-signed URL of the answer. Whoever holds the URL can answer for the stack, so it prints host and path only.
#[derive(Clone)]
pub(crate) struct ResponseUrl(HttpsUrl);

impl ResponseUrl {
    /// Parses the https URL of an object in CloudFormation's bucket and refuses everything else: the answer names
    /// resources, and whoever sends a made-up event must not choose who reads it.
    pub(crate) fn parse(text: &str, home: &Home) -> Result<Self, Error> {
        let problem = match HttpsUrl::parse(text) {
            Ok(url) if home.is_response_bucket(url.parsed()) => return Ok(Self(url)),
            Ok(_) => format!("is not in the bucket of CloudFormation in {}", home.region),
            Err(problem) => format!("{problem}, so it is not CloudFormation's"),
        };
        Err(Error::InvalidEvent { problem: format!("`ResponseURL` {problem}; nothing was sent or done") })
    }

    /// Returns the whole URL, for sending the answer. It must never be logged.
    pub(crate) fn expose(&self) -> &Url {
        self.0.parsed()
    }

    /// Returns when CloudFormation signed the URL, which is the time of the request. Returns `None` if the URL does not
    /// say.
    pub(crate) fn signed_at(&self) -> Option<SystemTime> {
        let (_, date) = self.0.parsed().query_pairs().find(|(name, _)| name == "X-Amz-Date")?;
        // 20261121T120000Z; the SDK's date parser wants the separators.
        let (day, time) = date.split_once('T')?;
        if day.len() != 8 || time.len() != 7 || !date.is_ascii() {
            return None;
        }
        let text = format!("{}-{}-{}T{}:{}:{}", &day[..4], &day[4..6], &day[6..], &time[..2], &time[2..4], &time[4..]);
        DateTime::from_str(&text, Format::DateTime).ok()?.try_into().ok()
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fields as they stand in the event. Each is decoded only after the recipient of a complaint is known.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(borrow, rename = "ResponseURL")]
    response_url: Option<&'a RawValue>,
    #[serde(borrow)]
    stack_id: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    logical_resource_id: Option<&'a RawValue>,
    #[serde(borrow)]
    physical_resource_id: Option<&'a RawValue>,
    #[serde(borrow)]
    request_type: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_type: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_properties: Option<&'a RawValue>,
    #[serde(borrow)]
    old_resource_properties: Option<&'a RawValue>,
}

/// Decodes an event that reached the function at `home`, or returns the problem and the recipient of the answer. Names
/// derived for the event begin with `name_prefix`.
pub(crate) fn decode(payload: &[u8], home: &Home, name_prefix: Option<&str>) -> Result<Request, Box<Rejection>> {
    let nobody = |problem: String| Box::new(Rejection { recipient: None, error: Error::InvalidEvent { problem } });
    let envelope: Envelope<'_> = serde_json::from_slice(payload)
        .map_err(|error| nobody(format!("the event is not a custom resource request: {}", position(&error))))?;
    let url = text(envelope.response_url)
        .ok_or_else(|| nobody("the event has no `ResponseURL`, so there is nobody to answer".to_owned()))?;
    let url = ResponseUrl::parse(&url, home).map_err(|error| Rejection { recipient: None, error })?;
    let physical_id = text(envelope.physical_resource_id);
    let requester = Requester {
        stack_id: text(envelope.stack_id).unwrap_or_default(),
        logical_id: text(envelope.logical_resource_id).unwrap_or_default(),
        request_id: text(envelope.request_id).unwrap_or_default(),
        name_prefix: name_prefix.map(str::to_owned),
    };
    let recipient = Recipient { url, requester, physical_id };
    read(&envelope, payload, &recipient, home)
        .map_err(|error| Box::new(Rejection { recipient: Some(recipient), error }))
}

fn read(envelope: &Envelope<'_>, payload: &[u8], recipient: &Recipient, home: &Home) -> Result<Request, Error> {
    let invalid = |problem: String| Error::InvalidEvent { problem };
    if payload.len() > EVENT_BYTES_MAX {
        return Err(invalid(format!(
            "the event has {} bytes, more than the {EVENT_BYTES_MAX} that Lambda delivers; shorten the properties",
            payload.len()
        )));
    }
    if !json::has_at_most(EVENT_VALUES_MAX, payload) {
        let problem = format!(
            "the event has more than {EVENT_VALUES_MAX} values, commas in strings included; shorten the properties"
        );
        return Err(invalid(problem));
    }
    for (name, value) in [
        ("StackId", &recipient.requester.stack_id),
        ("LogicalResourceId", &recipient.requester.logical_id),
        ("RequestId", &recipient.requester.request_id),
    ] {
        if value.is_empty() {
            return Err(invalid(format!("the event has no `{name}`; send what CloudFormation sends")));
        }
    }
    home.check_stack(&recipient.requester.stack_id).map_err(|problem| {
        invalid(format!("`StackId` {problem}, so CloudFormation did not send this event; nothing was done"))
    })?;
    let request_type = match text(envelope.request_type).as_deref() {
        Some("Create") => RequestType::Create,
        Some("Update") => RequestType::Update,
        Some("Delete") => RequestType::Delete,
        Some(other) => return Err(invalid(format!("`RequestType` is {other:?}; use Create, Update or Delete"))),
        None => return Err(invalid("the event has no `RequestType`; use Create, Update or Delete".to_owned())),
    };
    let resource_type = text(envelope.resource_type)
        .ok_or_else(|| invalid("the event has no `ResourceType`; use one of this function's types".to_owned()))?;
    if request_type != RequestType::Create && recipient.physical_id.is_none() {
        return Err(invalid(
            "the event has no `PhysicalResourceId`, which Update and Delete need; nothing was changed".to_owned(),
        ));
    }
    let properties = match (object("ResourceProperties", envelope.resource_properties), request_type) {
        (Ok(properties), _) => properties.unwrap_or_default(),
        // A Delete has to work with properties for which a Create was refused.
        (Err(_), RequestType::Delete) => RawProperties::default(),
        (Err(error), _) => return Err(error),
    };
    // Old properties are optional: a value that an older version of this function accepted must not stop an update.
    let old_properties = object("OldResourceProperties", envelope.old_resource_properties).ok().flatten();
    Ok(Request { recipient: recipient.clone(), request_type, resource_type, properties, old_properties })
}

fn object(name: &str, raw: Option<&RawValue>) -> Result<Option<RawProperties>, Error> {
    let Some(raw) = raw else { return Ok(None) };
    match serde_json::from_str::<Option<Map<String, Value>>>(raw.get()) {
        Ok(map) => Ok(map.map(RawProperties)),
        Err(error) if error.is_data() => Err(Error::InvalidEvent {
            problem: format!("`{name}` is not a map; write the properties as `Name: value`"),
        }),
        // serde_json stops at 128 levels.
        Err(_) => Err(Error::InvalidEvent {
            problem: format!("`{name}` cannot be read: it is nested more than 120 levels deep; flatten it"),
        }),
    }
}

/// Returns the position of an error. serde's own message may quote the payload, and its position does not.
fn position(error: &serde_json::Error) -> String {
    format!("unreadable at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: &str = "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/key";

    fn url() -> String {
        format!("{BUCKET}?X-Amz-Date=20261121T120000Z&X-Amz-Signature=abc")
    }

    fn home() -> Home {
        Home::new("us-east-1", "arn:aws:lambda:us-east-1:111122223333:function:provisioner", None)
    }

    fn event(extra: &str) -> String {
        format!(
            r#"{{"RequestType":"Create","ResponseURL":"{}","StackId":"arn:aws:cloudformation:us-east-1:111122223333:stack/s/g",
                "RequestId":"r","LogicalResourceId":"L","ResourceType":"Custom::X"{extra}}}"#,
            url()
        )
    }

    #[test]
    fn the_url_prints_without_its_query() {
        let url = ResponseUrl::parse(&url(), &home()).unwrap();
        assert_eq!(format!("{url:?}"), BUCKET);
        assert_eq!(url.signed_at().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1_795_262_400);
    }

    #[test]
    fn an_answer_goes_by_https_and_nowhere_else() {
        for (url, problem) in [
            ("http://127.0.0.1:1/x", "is not an https URL"),
            ("http://[::1]:1/x", "is not an https URL"),
            ("ftp://example.com/x", "is not an https URL"),
            ("https://", "is not an https URL"),
            ("https://bucket.s3.amazonaws.com@example.com/x", "names a user"),
            ("https://bucket%2es3.amazonaws.com/x", "has a percent sign in its host"),
        ] {
            let error = ResponseUrl::parse(url, &home()).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`ResponseURL` {problem}, so it is not CloudFormation's; nothing was sent or done")
            );
        }
    }

    #[test]
    fn an_answer_goes_to_the_bucket_of_this_region_only() {
        const NAME: &str = "cloudformation-custom-resource-response-";
        let is_taken = |region: &str, url: &str| ResponseUrl::parse(url, &Home::new(region, "", None)).is_ok();
        for (region, url) in [
            ("us-east-1", format!("https://{NAME}useast1.s3.amazonaws.com/key?a=b")),
            ("us-east-1", format!("https://{NAME}useast1.s3.us-east-1.amazonaws.com/key")),
            ("us-east-1", format!("https://s3.us-east-1.amazonaws.com/{NAME}useast1/key")),
            ("eu-west-1", format!("https://{NAME}euwest1.s3-eu-west-1.amazonaws.com/key")),
            ("eu-west-1", format!("https://{NAME}euwest1.s3.dualstack.eu-west-1.amazonaws.com:443/key")),
            ("us-gov-west-1", format!("https://{NAME}usgovwest1.s3-fips.us-gov-west-1.amazonaws.com/key")),
            ("cn-north-1", format!("https://{NAME}cnnorth1.s3.cn-north-1.amazonaws.com.cn/key")),
            ("eusc-de-east-1", format!("https://{NAME}euscdeeast1.s3.eusc-de-east-1.amazonaws.eu/key")),
        ] {
            assert!(is_taken(region, &url), "{url}");
        }
        for url in [
            // Anybody may own these buckets and hosts.
            format!("https://{NAME}us-east-1.s3.amazonaws.com/key"),
            format!("https://{NAME}useast1x.s3.amazonaws.com/key"),
            format!("https://{NAME}useast1.evil.s3.amazonaws.com/key"),
            format!("https://evil.s3.amazonaws.com/{NAME}useast1/key"),
            format!("https://s3.amazonaws.com/evil/{NAME}useast1/key"),
            format!("https://s3.amazonaws.com/{NAME}useast1evil/key"),
            format!("https://{NAME}useast1.s3.amazonaws.com.example.com/key"),
            format!("https://{NAME}useast1.example.com/key"),
            format!("https://example.com/{NAME}useast1/key"),
            format!("https://{NAME}useast1.s3.amazonaws.com:8443/key"),
            // Another Region's, and another partition's.
            format!("https://{NAME}euwest1.s3.eu-west-1.amazonaws.com/key"),
            format!("https://{NAME}useast1.s3.eu-west-1.amazonaws.com/key"),
            format!("https://{NAME}useast1.s3.amazonaws.com.cn/key"),
        ] {
            assert!(!is_taken("us-east-1", &url), "{url}");
        }
    }

    #[test]
    fn a_stack_is_of_this_account_and_region() {
        let problem = |arn: &str| home().check_stack(arn).err().unwrap_or_default();
        assert_eq!(problem("arn:aws:cloudformation:us-east-1:111122223333:stack/s/g"), "");
        assert_eq!(
            problem("arn:aws:cloudformation:eu-west-1:111122223333:stack/s/g"),
            "names a stack in \"eu-west-1\", and the function runs in us-east-1"
        );
        assert_eq!(
            problem("arn:aws:cloudformation:us-east-1:444455556666:stack/s/g"),
            "names a stack of an account other than 111122223333"
        );
        assert_eq!(
            problem("arn:aws-cn:cloudformation:us-east-1:111122223333:stack/s/g"),
            "names a stack in another partition than aws"
        );
        for arn in ["stack", "arn:aws:cloudformation:us-east-1:111122223333:changeSet/s/g", "arn:aws:s3:::stack/s/g"] {
            assert_eq!(problem(arn), "is not the ARN of a stack");
        }
    }

    /// The Runtime API of a developer's machine names no account.
    #[test]
    fn an_account_that_neither_function_nor_role_names_refuses_every_event() {
        const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/g";
        let with_role = |role: &str| Home::new("us-east-1", "function-arn", Some(role));
        let known = with_role("arn:aws:iam::111122223333:role/path/provisioner");
        assert_eq!((known.check_stack(STACK), known.check_source("111122223333", "us-east-1")), (Ok(()), Ok(())));
        for unknown in [
            Home::new("us-east-1", "function-arn", None),
            Home::new("us-east-1", "", None),
            Home::new("us-east-1", "arn:aws:lambda:us-east-1:111122223333", None),
            with_role("arn:aws:iam::111122223333:user/provisioner"),
            with_role("provisioner"),
        ] {
            let problem = format!("cannot be compared with the function's own account, {UNKNOWN_ACCOUNT}");
            assert_eq!(unknown.check_stack(STACK), Err(problem.clone()));
            assert_eq!(unknown.check_source("111122223333", "us-east-1"), Err(problem));
        }
    }

    #[test]
    fn deeply_nested_properties_are_answered_not_dropped() {
        let deep = format!(r#","ResourceProperties":{{"A":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let rejection = decode(event(&deep).as_bytes(), &home(), None).unwrap_err();
        assert!(rejection.recipient.is_some());
        assert!(rejection.error.to_string().contains("nested more than"), "{}", rejection.error);
    }

    #[test]
    fn properties_that_are_no_map_are_named() {
        let rejection = decode(event(r#","ResourceProperties":"text""#).as_bytes(), &home(), None).unwrap_err();
        assert!(rejection.error.to_string().starts_with("`ResourceProperties` is not a map"));
    }

    #[test]
    fn debug_of_a_request_shows_no_property() {
        let request = decode(event(r#","ResourceProperties":{"Values":"canary"}"#).as_bytes(), &home(), None).unwrap();
        let text = format!("{request:?}");
        assert!(!text.contains("canary") && !text.contains("X-Amz-Signature"), "{text}");
    }
}
