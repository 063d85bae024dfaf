//! The Lambda's entry point: logging, clients, the runtime. It decides nothing.

use std::env;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use provisioner::aws::{Context, ContextSettings, ROLE_ARN_VARIABLE};
use provisioner::endpoints::Endpoints;
use provisioner::handler::Invocation;
use provisioner::http::{Connectors, ExtraRoots, HttpsClient, Proxies};
use provisioner::identity_provider_hosts::{IDENTITY_PROVIDER_HOSTS_VARIABLE, IdentityProviderHosts};
use provisioner::requester::NAME_PREFIX_VARIABLE;
use provisioner::{handler, logging};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::start(env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let context = &context()?;
    // `RawValue` accepts any JSON, so that no event fails before the handler can answer it.
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
        let deadline = handler::deadline(event.context.deadline, context.now());
        let (payload, function_arn) = (event.payload.get().as_bytes(), event.context.invoked_function_arn.as_str());
        let request_id = &event.context.request_id;
        let invocation = Invocation { request_id, payload, deadline, function_arn };
        handler::handle(invocation, context).await.map_err(Error::from)
    }))
    .await
}

/// Creates the context. Lambda passes the role's credentials and the Region in the environment, and a template may add
/// the prefix of names, the hosts of identity providers and the role's ARN.
fn context() -> Result<Context, Error> {
    let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let required =
        |name| given(name).ok_or_else(|| format!("the environment variable `{name}` is missing; Lambda sets it"));
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        given("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let variable = |name: &str| env::var(name).ok();
    // A function that is configured wrongly can still tell CloudFormation so.
    let mut problems = Vec::new();
    let mut remember = |problem| problems.push(problem);
    let roots = ExtraRoots::from_environment(variable).map_err(&mut remember).unwrap_or_default();
    let proxies = Proxies::from_environment(variable).map_err(&mut remember).unwrap_or_default();
    let hosts = IdentityProviderHosts::parse(&variable(IDENTITY_PROVIDER_HOSTS_VARIABLE).unwrap_or_default());
    let hosts = hosts.map_err(&mut remember).unwrap_or_default();
    let endpoints = Endpoints::from_environment(variable).map_err(&mut remember).unwrap_or_default();
    Ok(Context::new(ContextSettings {
        region: required("AWS_REGION")?,
        credentials: SharedCredentialsProvider::new(credentials),
        connectors: Connectors::from(&HttpsClient::new(roots, proxies)),
        time_source: SharedTimeSource::new(SystemTimeSource::new()),
        endpoints: if problems.is_empty() { Ok(endpoints) } else { Err(problems.join("; ")) },
        name_prefix: given(NAME_PREFIX_VARIABLE),
        identity_provider_hosts: hosts,
        role_arn: given(ROLE_ARN_VARIABLE),
    }))
}
