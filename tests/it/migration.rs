//! Migration by parameter change: every pair of topologies of template.yaml is one update of the stack, with a tool
//! called before and after it, and nothing left of the topology before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloudformation::StackResource;
use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::stacks::StackStatus;
use harness::client::{self, Usage};
use harness::zscaler;
use serde_json::json;

use crate::deployment::{Deployment, EXISTING, NAME, SHARED_GATEWAY};
use crate::world::{CANARY, RUNTIME, TARGET, canary, put_role};

mod adoption;

const ISSUER: &str = "https://tenant.auth0.com/";
const AUDIENCE: &str = "https://mcp.example.com";
const TOKEN_PARAMETERS: &str = r#"{"audience":"https://mcp.example.com"}"#;
const AUTH_MODES: [&str; 4] = ["none", "api-key", "zscaler", "jwt"];

/// The way in which clients reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gateway {
    None,
    Create { authorizer: &'static str },
    Attach { authorizer: &'static str },
}

const GATEWAYS: [Gateway; 5] = [
    Gateway::None,
    Gateway::Create { authorizer: "CUSTOM_JWT" },
    Gateway::Create { authorizer: "AWS_IAM" },
    Gateway::Attach { authorizer: "CUSTOM_JWT" },
    Gateway::Attach { authorizer: "AWS_IAM" },
];

/// One way to deploy the server. The gateway's outbound authorization follows from the mode: only `jwt` takes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Topology {
    gateway: Gateway,
    auth: &'static str,
    delivery: &'static str,
    source: &'static str,
    network: &'static str,
    platform: &'static str,
}

/// Returns topologies in which every value of a dimension meets every value of every other.
fn topologies() -> Vec<Topology> {
    let mut all = Vec::new();
    for (g, gateway) in GATEWAYS.into_iter().enumerate() {
        for (a, auth) in AUTH_MODES.into_iter().enumerate() {
            let pick = |pair: [&'static str; 2], number: usize| pair[number % 2];
            all.push(Topology {
                gateway,
                auth,
                delivery: pick(["ContainerRetrieval", "EnvironmentVariables"], a + g),
                source: pick(["CreateNew", "UseExisting"], a / 2 + g),
                network: pick(["PUBLIC", "VPC"], a + a / 2 + g / 2),
                platform: pick(["V1", "V2"], a + g / 2),
            });
        }
    }
    all
}

/// Returns a walk from the first of `count` places through every ordered pair of them exactly once, back to the first.
fn walk(count: usize) -> Vec<usize> {
    let mut places = vec![0];
    for from in 0..count {
        for to in from + 2..count {
            places.extend([to, from]);
        }
        if from + 1 < count {
            places.push(from + 1);
        }
    }
    places.extend((0..count - 1).rev());
    places
}

#[test]
fn the_walk_meets_every_ordered_pair_once() {
    for count in [2, 3, 7, topologies().len()] {
        let places = walk(count);
        let pairs: BTreeSet<_> = places.windows(2).map(|pair| (pair[0], pair[1])).collect();
        assert_eq!((pairs.len(), places.len()), (count * (count - 1), count * (count - 1) + 1));
        assert!(pairs.iter().all(|(from, to)| from != to));
    }
}

#[test]
fn every_value_of_a_dimension_meets_every_value_of_every_other() {
    let values = |topology: &Topology| {
        let Topology { gateway, auth, delivery, source, network, platform } = topology;
        [
            format!("{gateway:?}"),
            (*auth).into(),
            (*delivery).into(),
            (*source).into(),
            (*network).into(),
            (*platform).into(),
        ]
    };
    let all: Vec<[String; 6]> = topologies().iter().map(values).collect();
    for first in 0..6 {
        for second in first + 1..6 {
            let distinct = |dimension: usize| all.iter().map(|it| &it[dimension]).collect::<BTreeSet<_>>().len();
            let met: BTreeSet<_> = all.iter().map(|it| (&it[first], &it[second])).collect();
            assert_eq!(met.len(), distinct(first) * distinct(second), "{first} {second}");
        }
    }
}

/// An account with the provisioner's stack, and with everything of somebody else that a topology may refer to.
struct Account {
    deployment: Deployment,
    gateways: BTreeMap<&'static str, String>,
}

impl Account {
    async fn new() -> Self {
        let deployment = Deployment::new(&[("CredentialSource", "UseExisting")]);
        let client = Client::new(&canary("app")).audiences(&[AUDIENCE]);
        let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client);
        deployment.aws.with(|world| world.identity_providers.add(provider));
        let role = format!("arn:aws:iam::111122223333:role/{SHARED_GATEWAY}");
        put_role(&deployment.aws, &role, "bedrock-agentcore.amazonaws.com");
        let mut gateways = BTreeMap::new();
        for authorizer in ["CUSTOM_JWT", "AWS_IAM"] {
            let name = format!("{SHARED_GATEWAY}-{}", authorizer.to_lowercase().replace('_', "-"));
            let mut input = json!({"name": name, "roleArn": role, "protocolType": "MCP", "authorizerType": authorizer});
            if authorizer == "CUSTOM_JWT" {
                let discovery = format!("{ISSUER}.well-known/openid-configuration");
                input["authorizerConfiguration"] = json!({"customJWTAuthorizer":
                    {"discoveryUrl": discovery, "allowedAudience": [AUDIENCE]}});
            }
            let gateway = deployment.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
            gateways.insert(authorizer, gateway["gatewayId"].as_str().expect("an id").to_owned());
        }
        tokio::time::sleep(deployment.aws.settings().gateway_transition).await;
        Self { deployment, gateways }
    }

    /// Returns the parameters of a topology.
    fn parameters(&self, topology: Topology) -> BTreeMap<String, String> {
        let Topology { gateway, auth, delivery, source, network, platform } = topology;
        let image = &self.deployment.parameters["ECRImageUri"];
        let mut parameters = BTreeMap::from([
            ("ECRImageUri", image.clone()),
            ("McpAuthMode", auth.to_owned()),
            ("CredentialDelivery", delivery.to_owned()),
            ("CredentialSource", source.to_owned()),
            ("NetworkMode", network.to_owned()),
            ("PlatformVersion", platform.to_owned()),
        ]);
        let mut set = |pairs: &[(&'static str, &str)]| {
            parameters.extend(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())));
        };
        match source {
            "UseExisting" => set(&[("ExistingSecretName", EXISTING)]),
            _ => set(&[
                ("ZscalerClientId", "client-id"),
                ("ZscalerClientSecret", &canary("client")),
                ("ZscalerVanityDomain", "acme"),
                ("ZscalerCustomerId", "216199618143191040"),
            ]),
        }
        if network == "VPC" {
            set(&[("VpcSubnetIds", "subnet-0a1b2c3d"), ("VpcSecurityGroupIds", "sg-0a1b2c3d")]);
        }
        if auth == "jwt" {
            let keys = format!("{ISSUER}.well-known/jwks.json");
            set(&[("JwtIssuer", ISSUER), ("JwtAudience", AUDIENCE), ("JwtJwksUri", &keys)]);
        }
        let authorizer = match gateway {
            Gateway::None => None,
            Gateway::Create { authorizer } => {
                set(&[("GatewayMode", "create")]);
                if authorizer == "CUSTOM_JWT" {
                    set(&[("GatewayInboundIssuer", ISSUER), ("GatewayInboundAllowedAudience", AUDIENCE)]);
                }
                Some(authorizer)
            }
            Gateway::Attach { authorizer } => {
                set(&[("GatewayMode", "attach"), ("ExistingGatewayId", &self.gateways[authorizer])]);
                Some(authorizer)
            }
        };
        if let Some(authorizer) = authorizer {
            set(&[("EnableAgentCoreGateway", "true"), ("GatewayAuthorizerType", authorizer)]);
            if auth == "jwt" || authorizer == "CUSTOM_JWT" {
                let [id, secret, further] = token_client();
                set(&[(id.0, &id.1), (secret.0, &secret.1), (further.0, &further.1)]);
            }
        }
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Calls a tool of every server of the stack, as its users do.
    async fn call_tools(&self, topology: Topology) {
        let parameters = token_client().map(|(name, value)| (name.to_owned(), value)).into();
        let servers: Vec<StackResource> = self.deployment.cloudformation.resources(NAME).into_values().collect();
        let servers =
            servers.iter().filter(|it| [RUNTIME.resource_type, TARGET.resource_type].contains(&it.type_name.as_str()));
        let mut called = 0;
        for server in servers {
            let credentials = zscaler::credentials(&self.deployment.aws, server, &parameters);
            let lines = client::call(&self.deployment.aws, server, credentials, Usage::CallTool).await;
            let lines = lines.unwrap_or_else(|problem| panic!("{topology:?}: {}: {problem}", server.logical_id));
            assert_eq!(lines.len(), 2, "{topology:?}: {lines:?}");
            called += 1;
        }
        assert_eq!(called, if topology.gateway == Gateway::None { 1 } else { 2 }, "{topology:?}");
    }

    /// Checks that the account has the topology's resources, and none of another topology.
    fn check(&self, topology: Topology) {
        let now = self.deployment.aws.clock().now();
        let needs_provider = topology.auth == "jwt" && topology.gateway != Gateway::None;
        self.deployment.aws.with(|world| {
            assert_eq!(world.agentcore.runtimes(now).count(), 1, "{topology:?}");
            let created = usize::from(matches!(topology.gateway, Gateway::Create { .. }));
            assert_eq!(world.agentcore.gateways(now).count(), self.gateways.len() + created, "{topology:?}");
            let targets: Vec<&str> = world
                .agentcore
                .gateways(now)
                .filter(|gateway| gateway.targets(now).count() > 0)
                .map(|gateway| gateway.id.as_str())
                .collect();
            match topology.gateway {
                Gateway::None => assert!(targets.is_empty(), "{topology:?}: {targets:?}"),
                Gateway::Attach { authorizer } => assert_eq!(targets, [self.gateways[authorizer].as_str()]),
                Gateway::Create { .. } => {
                    assert!(targets.len() == 1 && !self.gateways.values().any(|it| it == targets[0]), "{targets:?}");
                }
            }
            assert_eq!(world.agentcore.credential_providers(now).count(), usize::from(needs_provider), "{topology:?}");
            let kept: Vec<&str> =
                world.secrets.secrets().filter(|it| it.deletion.is_none()).map(|it| it.name.as_str()).collect();
            let expected = 1 + usize::from(topology.source == "CreateNew") + usize::from(needs_provider);
            assert_eq!(kept.len(), expected, "{topology:?}: {kept:?}");
        });
        let environment = self.deployment.environment();
        let injected = environment.values().any(|value| value.contains(CANARY));
        assert_eq!(injected, topology.delivery == "EnvironmentVariables", "{topology:?}");
        self.deployment.check_secrecy();
    }
}

/// Returns the parameters of the client that gets tokens.
fn token_client() -> [(&'static str, String); 3] {
    [
        ("GatewayOAuthClientId", "app".to_owned()),
        ("GatewayOAuthClientSecret", canary("app")),
        ("GatewayOAuthCustomParameters", TOKEN_PARAMETERS.to_owned()),
    ]
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_pair_of_topologies_is_one_update() {
    let topologies = topologies();
    let mut account = Account::new().await;
    let mut status = StackStatus::CreateComplete;
    let mut pairs = 0;
    for place in walk(topologies.len()) {
        let topology = topologies[place];
        account.deployment.parameters = account.parameters(topology);
        let stack = if status == StackStatus::CreateComplete {
            account.deployment.create().await
        } else {
            pairs += 1;
            // A secret takes a hundred versions a day.
            tokio::time::sleep(Duration::from_mins(30)).await;
            account.deployment.update().await
        };
        account.deployment.expect(&stack, status);
        account.deployment.cloudformation.settled().await;
        account.check(topology);
        account.call_tools(topology).await;
        status = StackStatus::UpdateComplete;
    }
    let deleted = account.deployment.delete().await;
    account.deployment.expect(&deleted, StackStatus::DeleteComplete);
    account.deployment.check_nothing_is_left();
    println!("walked {pairs} pairs of {} topologies", topologies.len());
}
