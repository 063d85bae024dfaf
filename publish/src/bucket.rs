//! One bucket in S3: checks that it can be published to, and uploads.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use provisioner::aws::classify;
use provisioner::error::ApiErrorKind;
use provisioner::http::HttpsClient;

use crate::archive::Object;
use crate::region::Region;

/// The number of uploads of the same object by others that are waited for.
const CONFLICTS_MAX: usize = 5;
const CONFLICT_WAIT: Duration = Duration::from_secs(1);
/// The longest time from the connection to the answer: four megabytes on a line of 14 kB/s.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

/// The access to S3, the same for all buckets.
pub(crate) struct Access {
    pub(crate) credentials: SharedCredentialsProvider,
    /// The account that every bucket has to belong to.
    pub(crate) owner: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) https: HttpsClient,
}

/// A bucket in one Region.
pub(crate) struct Bucket {
    name: String,
    region: Region,
    owner: Option<String>,
    client: Client,
    /// A client without credentials, which sees what the rest of the world sees.
    anonymous: Client,
}

/// The outcome of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    Done,
    /// The object exists already, which is equivalent to an upload because the name is derived from the content.
    AlreadyThere,
}

impl Bucket {
    /// Creates the clients, without any call.
    pub(crate) fn new(name: String, region: Region, access: &Access) -> Self {
        let config = || config(&region, access);
        let client = Client::from_conf(config().credentials_provider(access.credentials.clone()).build());
        let anonymous = Client::from_conf(config().allow_no_auth().build());
        Self { name, owner: access.owner.clone(), client, anonymous, region }
    }

    /// Checks that the bucket exists, in its Region.
    ///
    /// # Errors
    /// The bucket does not exist, is in another Region, or may not be read.
    pub(crate) async fn verify(&self) -> Result<(), String> {
        let Self { name, region, .. } = self;
        let answer = self.client.head_bucket().bucket(name).set_expected_bucket_owner(self.owner.clone()).send().await;
        let (status, actual) = match &answer {
            Ok(answer) => (200, answer.bucket_region()),
            Err(error) => {
                let response = error.raw_response();
                let header = response.and_then(|response| response.headers().get("x-amz-bucket-region"));
                (response.map_or(0, |response| response.status().as_u16()), header)
            }
        };
        if let Some(actual) = actual.filter(|actual| *actual != region.name()) {
            return Err(format!(
                "bucket {name} is in {actual}, and Lambda in {region} takes code only from a bucket in {region}; choose \
                 another `--bucket-prefix`, or make that bucket anew in {region}"
            ));
        }
        let Err(error) = answer else { return Ok(()) };
        Err(match status {
            404 => format!(
                "there is no bucket {name}; make it with `aws s3 mb s3://{name} --region {region}`, and allow those who \
                 are to follow the link s3:GetObject on arn:{}:s3:::{name}/*",
                region.partition()
            ),
            403 => format!(
                "access to bucket {name} is denied: it belongs to another account, s3:ListBucket is missing, or the access \
                 key is wrong; choose another `--bucket-prefix`, grant s3:ListBucket, s3:GetObject and s3:PutObject on it, \
                 or sign in again"
            ),
            400 => "S3 does not accept the credentials (HTTP status 400), as after a session has ended; sign in again"
                .to_owned(),
            _ => self.sentence("s3:HeadBucket", &error),
        })
    }

    /// Uploads an object unless it exists. Two publishers at once cannot harm each other: S3 accepts the first.
    ///
    /// # Errors
    /// S3 refuses the upload, or another object has the name.
    pub(crate) async fn upload(&self, object: &Object, commit: &str) -> Result<Upload, String> {
        for _ in 0..CONFLICTS_MAX {
            if self.holds(object).await? {
                return Ok(Upload::AlreadyThere);
            }
            let put = self.client.put_object().bucket(&self.name).key(&object.key).if_none_match("*");
            let put = put.set_expected_bucket_owner(self.owner.clone()).content_type(object.content_type);
            // S3 compares what arrives with the hash in the object's name.
            let put = put.checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_sha256(checksum(object));
            let put = put.metadata("commit", commit);
            let Err(error) = put.body(ByteStream::from(object.content.clone())).send().await else {
                return Ok(Upload::Done);
            };
            // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html: 412 if the name is taken,
            // 409 if somebody is about to take it. By what, the next look tells.
            match error.code() {
                Some("PreconditionFailed" | "ConditionalRequestConflict") => tokio::time::sleep(CONFLICT_WAIT).await,
                _ => return Err(self.sentence("s3:PutObject", &error)),
            }
        }
        Err(format!(
            "{} in bucket {} is being written by others, or must not be looked at; publish again when they are done, or \
             grant s3:GetObject on it, and kms:Decrypt if a key of yours encrypts it",
            object.key, self.name
        ))
    }

    /// Returns true if S3 forbids people without credentials to read an object.
    pub(crate) async fn is_private(&self, key: &str) -> bool {
        let answer = self.anonymous.head_object().bucket(&self.name).key(key).send().await;
        answer.is_err_and(|error| status(&error) == Some(403))
    }

    async fn holds(&self, object: &Object) -> Result<bool, String> {
        let head = self.client.head_object().bucket(&self.name).key(&object.key).checksum_mode(ChecksumMode::Enabled);
        match head.set_expected_bucket_owner(self.owner.clone()).send().await {
            Ok(answer) if answer.checksum_sha256() == Some(&checksum(object)) => Ok(true),
            Ok(_) => Err(format!(
                "{} in bucket {} is not what its name says, or has no SHA-256 to tell by; delete it and publish again",
                object.key, self.name
            )),
            // Without s3:ListBucket S3 answers 403 for an object that does not exist. If there is another reason, the
            // upload will report it.
            Err(error) if matches!(status(&error), Some(404 | 403)) => Ok(false),
            Err(error) => Err(self.sentence("s3:HeadObject", &error)),
        }
    }

    /// Returns a sentence about a refusal that says what to do.
    fn sentence<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> String
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Self { name, region, .. } = self;
        let refused = classify(operation, error);
        let code = refused.code.as_deref().unwrap_or("no error code");
        match (refused.kind, code) {
            (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => {
                format!("S3 does not accept the credentials ({code}); sign in again")
            }
            (ApiErrorKind::Transport, _) => {
                format!(
                    "S3 in {region} gives no answer ({}); check the Region's name, the network and `--endpoint-url`",
                    refused.message
                )
            }
            (ApiErrorKind::Denied, _) => format!(
                "not allowed to call {operation} on bucket {name}: {} ({code}); grant what is named there, or else \
                 {operation} on arn:{}:s3:::{name}/*",
                refused.message,
                region.partition()
            ),
            (ApiErrorKind::Server | ApiErrorKind::Throttled, _) => {
                format!("S3 in {region} failed at {operation}: {} ({code}); publish again later", refused.message)
            }
            _ => format!("{operation} was refused on bucket {name}: {} ({code})", refused.message),
        }
    }
}

/// Returns the object's SHA-256 in S3's form.
fn checksum(object: &Object) -> String {
    BASE64_STANDARD.encode(object.sha256)
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn config(region: &Region, access: &Access) -> Builder {
    let connector = SharedHttpConnector::new(access.https.open());
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region::Region::new(region.name().to_owned()))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ANSWER_TIMEOUT).build());
    if let Some(url) = &access.endpoint_url {
        // A host name that begins with the bucket's name would not resolve there.
        config = config.endpoint_url(url).force_path_style(true);
    }
    config
}
