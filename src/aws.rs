//! The clients that one function instance shares among its invocations, and the meaning of SDK errors. No calls.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_bedrockagentcorecontrol as agentcore;
use aws_sdk_cloudformation as cloudformation;
use aws_sdk_cloudwatchlogs as cloudwatchlogs;
use aws_sdk_secretsmanager as secretsmanager;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;
use aws_types::sdk_config::{SdkConfig, StalledStreamProtectionConfig};

use crate::endpoints::Endpoints;
use crate::error::{ApiError, ApiErrorKind, root_cause};
use crate::http::Connectors;
use crate::identity_provider_hosts::IdentityProviderHosts;

/// Environment variable of the function with the ARN of its own role, which no call tells with its path. Its account
/// stands for the function's if the function was not invoked by an ARN.
pub const ROLE_ARN_VARIABLE: &str = "FUNCTION_ROLE_ARN";

/// The maximum time of one attempt of one call. After that, the attempt counts as unanswered and is repeated.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The settings from which a [`Context`] is created.
#[derive(Debug)]
pub struct ContextSettings {
    /// The Region of every call.
    pub region: String,
    /// The credentials of every call.
    pub credentials: SharedCredentialsProvider,
    /// The connectors of every request, those of the SDK included.
    pub connectors: Connectors,
    /// The wall clock of signatures, ages and deadlines.
    pub time_source: SharedTimeSource,
    /// The endpoints to call, or the reason why the environment does not name them: a sentence for people.
    pub endpoints: Result<Endpoints, String>,
    /// The prefix of derived names, if the function's role covers no others.
    pub name_prefix: Option<String>,
    /// The hosts that identity providers may have.
    pub identity_provider_hosts: IdentityProviderHosts,
    /// The ARN of the function's role, if the environment gives it.
    pub role_arn: Option<String>,
}

/// Clients and clock, created once per function instance and lent to each invocation.
#[derive(Clone, Debug)]
pub struct Context {
    /// Secrets Manager.
    pub secretsmanager: secretsmanager::Client,
    /// AgentCore's control plane.
    pub agentcore: agentcore::Client,
    /// CloudWatch Logs.
    pub cloudwatchlogs: cloudwatchlogs::Client,
    /// The credentials of every call.
    pub credentials: SharedCredentialsProvider,
    /// The Region of every call.
    pub region: String,
    /// The endpoints to call.
    pub endpoints: Endpoints,
    /// The fault in the function's configuration that keeps it from working on any event.
    pub misconfiguration: Option<String>,
    /// The connectors of everything that is not an SDK call.
    pub connectors: Connectors,
    /// The prefix of derived names, if the function's role covers no others.
    pub name_prefix: Option<String>,
    /// The hosts that identity providers may have.
    pub identity_provider_hosts: IdentityProviderHosts,
    /// The ARN of the function's role, if the environment gives it.
    pub role_arn: Option<String>,
    time_source: SharedTimeSource,
    config: SdkConfig,
}

impl Context {
    /// Creates the clients. Opens no connection and calls nothing.
    #[must_use]
    pub fn new(settings: ContextSettings) -> Self {
        let ContextSettings {
            region,
            credentials,
            connectors,
            time_source,
            endpoints,
            name_prefix,
            identity_provider_hosts,
            role_arn,
        } = settings;
        let (endpoints, misconfiguration) = match endpoints {
            Ok(endpoints) => (endpoints, None),
            Err(problem) => (Endpoints::default(), Some(problem)),
        };
        let http = connectors.aws.clone();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(credentials.clone())
            .http_client(http_client_fn(move |_, _| http.clone()))
            .time_source(time_source.clone())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            // Retrying is `wait`'s: it knows the invocation's deadline, which the SDK does not.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .use_fips(endpoints.fips)
            .use_dual_stack(endpoints.dual_stack)
            .service_config(endpoints.clone());
        config.set_endpoint_url(endpoints.url_of_all().map(ToString::to_string));
        let config = config.build();
        Self {
            secretsmanager: secretsmanager::Client::new(&config),
            agentcore: agentcore::Client::new(&config),
            cloudwatchlogs: cloudwatchlogs::Client::new(&config),
            config,
            credentials,
            region,
            endpoints,
            misconfiguration,
            connectors,
            name_prefix,
            identity_provider_hosts,
            role_arn,
            time_source,
        }
    }

    /// Creates a client of CloudFormation when it is needed: few requests need one, and every start would pay for it.
    #[must_use]
    pub fn cloudformation(&self) -> cloudformation::Client {
        cloudformation::Client::new(&self.config)
    }

    /// Returns the time of the wall clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.time_source.now()
    }
}

/// Classifies an SDK error by what can be done about it. `operation` is `service:Operation`, as in an IAM action.
pub fn classify<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> ApiError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().map(str::to_owned);
    let (kind, message) = match error {
        SdkError::ServiceError(service) => (
            kind(code.as_deref(), error.raw_response().and_then(reason).as_deref(), status),
            service.err().message().map_or_else(|| format!("HTTP status {}", status.unwrap_or(0)), str::to_owned),
        ),
        SdkError::ConstructionFailure(_) => (ApiErrorKind::Other, root_cause(error)),
        _ => (ApiErrorKind::Transport, root_cause(error)),
    };
    ApiError { operation, kind, code, message }
}

/// Reads the reason of AgentCore's ValidationException from the body, because the SDK's metadata does not have it.
fn reason(response: &HttpResponse) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(response.body().bytes()?).ok()?;
    body["reason"].as_str().map(str::to_owned)
}

/// Returns the kind of an error by its code, as the services' models list them, or else by its HTTP status. A reason that
/// says more than the code counts in its place.
fn kind(code: Option<&str>, reason: Option<&str>, status: Option<u16>) -> ApiErrorKind {
    let code = match reason {
        Some(reason @ ("IdempotentParameterMismatchException" | "ResourceConflict")) => reason,
        _ => code.unwrap_or_default(),
    };
    match (code, status.unwrap_or(0)) {
        ("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded", _) | (_, 429) => {
            ApiErrorKind::Throttled
        }
        // During the first calls of a role that was created seconds ago, its credentials may be unknown.
        ("AccessDeniedException" | "AccessDenied" | "UnrecognizedClientException", _) => ApiErrorKind::Denied,
        // ValidationError is CloudFormation's answer about a stack that does not exist (API reference, DescribeStacks).
        ("ResourceNotFoundException" | "ValidationError", _) => ApiErrorKind::NotFound,
        // CloudWatch Logs serializes the changes of a log group, and aborts others.
        ("ConflictException" | "ResourceConflict" | "OperationAbortedException", _) => ApiErrorKind::Conflict,
        ("IdempotentParameterMismatchException", _) => ApiErrorKind::TokenReused,
        ("ResourceExistsException" | "ResourceAlreadyExistsException", _) => ApiErrorKind::Exists,
        ("InvalidRequestException", _) => ApiErrorKind::InvalidState,
        ("ServiceQuotaExceededException", _) => ApiErrorKind::QuotaExceeded,
        ("InternalServerException" | "InternalServiceError" | "InternalFailure", _) | (_, 500..) => {
            ApiErrorKind::Server
        }
        _ => ApiErrorKind::Other,
    }
}

#[cfg(test)]
mod testing {
    use aws_credential_types::Credentials;
    use aws_smithy_async::time::SystemTimeSource;
    use aws_smithy_runtime_api::client::http::HttpConnector;

    use super::*;

    impl Context {
        /// Creates a context whose every request goes through `connector`.
        pub(crate) fn in_memory(connector: impl HttpConnector + 'static) -> Self {
            Self::new(ContextSettings {
                region: "us-east-1".to_owned(),
                credentials: SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")),
                connectors: Connectors::single(connector),
                time_source: SharedTimeSource::new(SystemTimeSource::new()),
                endpoints: Ok(Endpoints::default()),
                name_prefix: None,
                identity_provider_hosts: IdentityProviderHosts::default(),
                role_arn: None,
            })
        }
    }
}
