//! `emulate`: the emulated account for any SDK, behind one port of this machine and, through a proxy, at its real host
//! names.

use std::pin::pin;
use std::time::Duration;

use emulator::aws::Aws;
use emulator::container::{Behaviour, Start};
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::service::{Principal, ServiceId};
use emulator::settings::Settings;
use emulator::transport;
use emulator::transport::loopback::Loopback;
use emulator::transport::proxy::Proxy;
use harness::put_role;

use crate::fault::{self, FaultSpec};
use crate::identity_provider;
use crate::interruption::interruption;
use crate::server;
use crate::settings::settings;

/// The identity provider, its one client, and the tokens' audience.
const ISSUER: &str = "https://idp.example.com";
const CLIENT_ID: &str = "mcp-client";
const AUDIENCE: &str = "mcp";
const SCOPE: &str = "mcp/invoke";

/// Arguments of `emulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Name of a role that exists from the start and that AgentCore may assume, for `--role-arn` of a runtime. Several
    /// if given several times.
    #[arg(long = "role", value_name = "NAME", default_value = "agentcore-runtime")]
    roles: Vec<String>,
    /// Time until a runtime, gateway or target is READY or gone.
    #[arg(long, default_value = "2s", value_parser = crate::time::duration, value_name = "TIME")]
    latency: Duration,
    /// Time until a new container serves. A request without a session id gets a session, and so a container, of its
    /// own.
    #[arg(long, default_value = "2s", value_parser = crate::time::duration, value_name = "TIME")]
    start_latency: Duration,
    #[command(flatten)]
    server: server::Arguments,
    #[command(flatten)]
    identity_provider: identity_provider::Arguments,
    #[arg(long = "fault", value_name = "SPEC", help = "Make calls go wrong (see `local --help`)", long_help = fault::HELP)]
    faults: Vec<FaultSpec>,
}

/// Serves the account until Ctrl-C.
///
/// # Errors
/// The port is not available.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), String> {
    let aws = Aws::new(Settings {
        role_propagation: Duration::ZERO,
        ..settings(arguments.latency, &arguments.server, false)
    });
    for fault in &arguments.faults {
        fault.arm(&aws);
    }
    let behaviour = Behaviour { start: Start::Normal(arguments.start_latency), ..Behaviour::default() };
    aws.with(|world| world.containers.behave(behaviour));
    let _containers = arguments.server.install(&aws).await?;
    arguments.identity_provider.install(&aws).await?;
    let listener = transport::listen(&aws, arguments.port)
        .await
        .map_err(|error| format!("port {} cannot be listened on: {error}", arguments.port))?;
    let proxy = transport::listen_proxy(&aws, 0).await;
    let proxy = proxy.map_err(|error| format!("the real host names cannot be offered: {error}"))?;
    print_access(&aws, &listener, &proxy);
    offer_roles(&aws, &arguments.roles);
    offer_identity_provider(&aws);
    let (now, responses) = (aws.clock().now(), aws.with(|world| world.responses.notifier()));
    let response_url = aws.with(|world| world.responses.presign("invoked-by-hand", now));
    println!(
        "# Where a function that is invoked by hand may send its answer, which is then shown here; good for two hours:"
    );
    println!("export RESPONSE_URL='{response_url}'");
    println!("# Ctrl-C ends it, and everything in it is gone.");
    let mut interruption = pin!(interruption());
    loop {
        tokio::select! {
            // The files of the proxy and of the containers are deleted.
            ended = &mut interruption => return ended.map(drop),
            () = responses.notified() => {
                if let Some(answer) = aws.with(|world| world.responses.take_answer(&response_url)) {
                    eprintln!("answer: {}", String::from_utf8_lossy(&answer));
                }
            }
        }
    }
}

/// Prints what a client of the account needs.
fn print_access(aws: &Aws, listener: &Loopback, proxy: &Proxy) {
    let Settings { account_id, region, .. } = aws.settings();
    let services: Vec<_> = ServiceId::ALL.iter().map(|service| service.name()).collect();
    println!("# Account {account_id} in {region}: {}.", services.join(", "));
    println!("# Requests need a valid signature. These are the administrator's credentials:");
    let credentials = aws.credentials(&Principal::Administrator);
    for (name, value) in [
        ("AWS_ENDPOINT_URL", format!("http://{}", listener.address())),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
        ("AWS_SESSION_TOKEN", credentials.session_token),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region.clone()),
    ] {
        println!("export {name}={value}");
    }
    println!(
        "# The way to everything else by its real host name: gateways, the identity provider, the response URL. All other"
    );
    println!("# hosts are refused, so that these variables are for the clients of the emulated AWS alone:");
    for (name, value) in proxy.environment() {
        println!("export {name}={value}");
    }
}

/// Adds roles that AgentCore may assume and that may do anything, and prints their ARNs.
fn offer_roles(aws: &Aws, names: &[String]) {
    let Settings { account_id, partition, .. } = aws.settings();
    println!("# Roles that a runtime can be given:");
    for (number, name) in names.iter().enumerate() {
        let arn = format!("arn:{partition}:iam::{account_id}:role/{name}");
        let suffix = if number == 0 { String::new() } else { format!("_{}", number + 1) };
        println!("export ROLE_ARN{suffix}={arn}");
        put_role(aws, &arn, "bedrock-agentcore.amazonaws.com");
    }
}

/// Adds an identity provider whose tokens runtimes and gateways can be told to accept, and prints what a client needs.
fn offer_identity_provider(aws: &Aws) {
    let provider = Provider::new(ClaimStyle::Standard, ISSUER);
    let secret = aws.credentials(&Principal::Bearer(ISSUER.to_owned())).secret_access_key;
    let client = Client::new(&secret).scopes(&[SCOPE]).audiences(&[AUDIENCE]);
    println!("# An identity provider, for the authorizers of runtimes and gateways:");
    for (name, value) in [
        ("IDP_ISSUER", ISSUER),
        ("IDP_DISCOVERY_URL", &provider.discovery_url()),
        ("IDP_TOKEN_URL", &provider.token_endpoint),
        ("IDP_CLIENT_ID", CLIENT_ID),
        ("IDP_CLIENT_SECRET", &secret),
        ("IDP_AUDIENCE", AUDIENCE),
        ("IDP_SCOPE", SCOPE),
    ] {
        println!("export {name}={value}");
    }
    println!(
        "# A token: curl --cacert $SSL_CERT_FILE -u $IDP_CLIENT_ID:$IDP_CLIENT_SECRET -d grant_type=client_credentials \
         $IDP_TOKEN_URL"
    );
    aws.with(|world| world.identity_providers.add(provider.with_client(CLIENT_ID, client)));
}
