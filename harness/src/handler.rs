//! The provisioner's handler as a function in this process: no second process, no socket, any clock.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SharedTimeSource;
use emulator::aws::Aws;
use emulator::lambda::Invocation;
use emulator::lambda::in_process::InProcess;
use emulator::service::Principal;
use emulator::transport;
use provisioner::aws::{Context, ContextSettings, ROLE_ARN_VARIABLE};
use provisioner::endpoints::Endpoints;
use provisioner::handler;
use provisioner::http::Connectors;
use provisioner::identity_provider_hosts::{IDENTITY_PROVIDER_HOSTS_VARIABLE, IdentityProviderHosts};
use provisioner::requester::NAME_PREFIX_VARIABLE;

/// Creates a function that runs the root crate's handler as the role that the template gives it. The function needs a
/// `LocalSet`.
#[must_use]
pub fn function(aws: &Aws) -> InProcess {
    let aws = aws.clone();
    // A context for each role is kept between invocations, as a warm function instance keeps its own.
    let contexts: RefCell<BTreeMap<String, Context>> = RefCell::default();
    InProcess::new(move |invocation| {
        let role = invocation.role_arn.clone();
        let mut context = contexts
            .borrow_mut()
            .entry(role)
            .or_insert_with_key(|role| context(&aws, &Principal::Role(role.clone())))
            .clone();
        let variable = |name| invocation.environment.get(name).cloned();
        context.name_prefix = variable(NAME_PREFIX_VARIABLE);
        context.role_arn = variable(ROLE_ARN_VARIABLE);
        match IdentityProviderHosts::parse(&variable(IDENTITY_PROVIDER_HOSTS_VARIABLE).unwrap_or_default()) {
            Ok(hosts) => context.identity_provider_hosts = hosts,
            Err(problem) => context.misconfiguration = Some(problem),
        }
        run(invocation, context)
    })
}

async fn run(invocation: Invocation, context: Context) -> Result<(), String> {
    let Invocation { request_id, payload, deadline, function_arn, .. } = &invocation;
    let invocation = handler::Invocation { request_id, payload, deadline: *deadline, function_arn };
    handler::handle(invocation, &context).await.map_err(|undelivered| undelivered.to_string())
}

/// Returns the clients that call the account in this process as that principal.
#[must_use]
pub fn context(aws: &Aws, principal: &Principal) -> Context {
    let credentials = aws.credentials(principal);
    Context::new(ContextSettings {
        region: aws.settings().region.clone(),
        credentials: SharedCredentialsProvider::new(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            None,
            "emulator",
        )),
        connectors: Connectors::single(transport::http_connector(aws)),
        time_source: SharedTimeSource::new(aws.clock()),
        endpoints: Ok(Endpoints::default()),
        name_prefix: None,
        identity_provider_hosts: IdentityProviderHosts::default(),
        role_arn: None,
    })
}
