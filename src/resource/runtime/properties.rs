//! The desired state of a runtime as the template gives it, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_bedrockagentcorecontrol::types::ServerProtocol;

use super::headers;
use crate::agentcore::check_role;
use crate::agentcore::runtime::{V1, V2};
use crate::authorizer::{Authorizer, Draft, Fields};
use crate::error::Error;
use crate::oauth::Discovery;
use crate::properties::{PropertyReader, at_most};
use crate::requester::Requester;
use crate::sensitive::Sensitive;
use crate::tags;
use crate::text::quote;

/// What a template may give.
pub(super) const NAMES: [&str; 25] = [
    "AgentRuntimeName",
    "ContainerUri",
    "RoleArn",
    "Description",
    "ServerProtocol",
    "EnvironmentVariables",
    "SecretId",
    "SecretVersionId",
    "SecretEnvironmentVariable",
    "CredentialDelivery",
    "NetworkMode",
    "Subnets",
    "SecurityGroups",
    "InboundAuth",
    "DiscoveryUrl",
    "Issuer",
    "AllowedAudience",
    "AllowedClients",
    "AllowedScopes",
    "ClientClaimName",
    "RequestHeaders",
    "PlatformVersion",
    "IdleRuntimeSessionTimeout",
    "MaxLifetime",
    "Tags",
];
/// Session times, in seconds: the API reference of LifecycleConfiguration.
const SESSION_SECONDS: std::ops::RangeInclusive<i32> = 60..=1_209_600;
/// The service's defaults, which a full replace has to state.
pub(crate) const IDLE_SECONDS_DEFAULT: i32 = 900;
pub(crate) const LIFETIME_SECONDS_DEFAULT: i32 = 28_800;
const NAME_CHARS_MAX: usize = 48;
const DESCRIPTION_CHARS_MAX: usize = 4096;
const SUBNETS_MAX: usize = 16;
const SECRET_VARIABLE_DEFAULT: &str = "SECRET_NAME";

/// How the container gets its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialDelivery {
    /// The container reads the secret itself; its environment holds only the secret's name.
    ContainerRetrieval,
    /// The secret's keys become environment variables: readable by whoever may read the runtime. For development.
    EnvironmentVariables,
}

/// The secret a runtime works with.
#[derive(Clone, Debug)]
pub(crate) struct SecretSource {
    /// Name or ARN.
    pub id: String,
    /// How the container gets it.
    pub delivery: CredentialDelivery,
    /// Variable that names the secret to the container.
    pub variable: String,
}

/// Where the runtime's network interfaces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Managed by AWS, with access to the internet.
    Public,
    /// In subnets of the account.
    Vpc {
        /// `subnet-…`
        subnets: BTreeSet<String>,
        /// `sg-…`
        security_groups: BTreeSet<String>,
    },
}

/// The desired state.
#[derive(Debug)]
pub(crate) struct Properties {
    /// Chosen name; otherwise one is derived.
    pub name: Option<String>,
    /// The image.
    pub container_uri: String,
    /// The role the container runs as.
    pub role_arn: String,
    /// Free text.
    pub description: Option<String>,
    /// What the server speaks.
    pub protocol: ServerProtocol,
    /// Variables for the container.
    pub environment: BTreeMap<String, Sensitive>,
    /// The secret, if the server needs one.
    pub secret: Option<SecretSource>,
    /// Opaque: a new value recycles the runtime.
    pub secret_version_id: Option<String>,
    /// Where the runtime sits.
    pub network: Network,
    /// Who may call; `None` is SigV4.
    pub authorizer: Option<Authorizer>,
    /// The discovery document of the IdP whose tokens the authorizer takes.
    pub discovery: Option<Discovery>,
    /// Request headers that reach the container.
    pub request_headers: Vec<String>,
    /// The platform; `None` leaves it to the service, and to an update's predecessor.
    pub platform_version: Option<&'static str>,
    /// Seconds after which an idle session ends.
    pub idle_seconds: i32,
    /// Seconds after which any session ends.
    pub lifetime_seconds: i32,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
}

impl Properties {
    /// The runtime's name.
    #[must_use]
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| default_name(requester))
    }
}

/// The name of a runtime whose template gives none: stack, logical id and eight digits, in the API's alphabet, behind the
/// function's prefix of names if it has one.
#[must_use]
pub(crate) fn default_name(requester: &Requester) -> String {
    let suffix = requester.suffix();
    let mut name: String = format!("{}_{}", requester.stack_name(), requester.logical_id)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if let Some(prefix) = requester.name_prefix.as_ref().map(|prefix| format!("{prefix}_"))
        && !name.starts_with(&prefix)
    {
        name.insert_str(0, &prefix);
    }
    name.truncate(NAME_CHARS_MAX - suffix.len() - 1);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.replace_range(..1, "r");
    }
    format!("{name}_{suffix}")
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let name = reader.string("AgentRuntimeName")?;
    let container_uri = reader.required_string("ContainerUri")?;
    let role_arn = reader.required_string("RoleArn")?;
    let description = reader.string("Description")?;
    if let Some(name) = &name {
        check_name(name)?;
    }
    check_container_uri(&container_uri)?;
    check_role("RoleArn", &role_arn)?;
    if let Some(description) = &description {
        at_most("Description", description, DESCRIPTION_CHARS_MAX)?;
    }
    let protocols = ["MCP", "HTTP", "A2A", "AGUI"];
    let protocol = reader.choice("ServerProtocol", &protocols.map(|word| (word, word)))?.unwrap_or("MCP");
    let draft = draft(reader)?;
    let authorizer = draft.as_ref().map(Draft::without_evidence).transpose()?;
    let request_headers = reader.list("RequestHeaders")?;
    headers::check(&request_headers, authorizer.is_some())?;
    let (idle_seconds, lifetime_seconds) = session_times(reader)?;
    Ok(Properties {
        name,
        container_uri,
        role_arn,
        description,
        protocol: ServerProtocol::from(protocol),
        environment: reader.sensitive_map("EnvironmentVariables")?.unwrap_or_default(),
        secret: secret(reader)?,
        secret_version_id: reader.string("SecretVersionId")?,
        network: network(reader)?,
        authorizer,
        discovery: draft.map(|draft| draft.discovery),
        request_headers,
        platform_version: reader.choice("PlatformVersion", &[V1, V2].map(|word| (word, word)))?,
        idle_seconds,
        lifetime_seconds,
        tags: tags::read(reader)?,
    })
}

fn secret(reader: &PropertyReader<'_>) -> Result<Option<SecretSource>, Error> {
    let deliveries = [
        ("ContainerRetrieval", CredentialDelivery::ContainerRetrieval),
        ("EnvironmentVariables", CredentialDelivery::EnvironmentVariables),
    ];
    let delivery = reader.choice("CredentialDelivery", &deliveries)?.unwrap_or(CredentialDelivery::ContainerRetrieval);
    let variable = reader.string("SecretEnvironmentVariable")?.unwrap_or_else(|| SECRET_VARIABLE_DEFAULT.to_owned());
    Ok(reader.string("SecretId")?.map(|id| SecretSource { id, delivery, variable }))
}

/// Idle time and lifetime of a session, in seconds.
fn session_times(reader: &PropertyReader<'_>) -> Result<(i32, i32), Error> {
    let lifetime = reader.integer("MaxLifetime", SESSION_SECONDS)?.unwrap_or(LIFETIME_SECONDS_DEFAULT);
    // The service lets idle follow a shorter lifetime.
    let idle = reader.integer("IdleRuntimeSessionTimeout", SESSION_SECONDS)?;
    let idle = idle.unwrap_or(IDLE_SECONDS_DEFAULT.min(lifetime));
    if idle > lifetime {
        let problem = format!("is {idle}, longer than `MaxLifetime` of {lifetime}; lower it");
        return Err(Error::property("IdleRuntimeSessionTimeout", problem));
    }
    Ok((idle, lifetime))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NetworkMode {
    Public,
    Vpc,
}

fn network(reader: &PropertyReader<'_>) -> Result<Network, Error> {
    let modes = [("PUBLIC", NetworkMode::Public), ("VPC", NetworkMode::Vpc)];
    let mode = reader.choice("NetworkMode", &modes)?.unwrap_or(NetworkMode::Public);
    let subnets = reader.list("Subnets")?;
    let security_groups = reader.list("SecurityGroups")?;
    let lists = [("Subnets", &subnets, "subnet-"), ("SecurityGroups", &security_groups, "sg-")];
    for (name, ids, prefix) in lists {
        match mode {
            NetworkMode::Public if !ids.is_empty() => {
                let problem = "has no effect when `NetworkMode` is PUBLIC; set it to VPC or leave this out";
                return Err(Error::property(name, problem));
            }
            NetworkMode::Public => {}
            NetworkMode::Vpc => {
                if ids.is_empty() || ids.len() > SUBNETS_MAX {
                    let problem = format!("has {} entries; `NetworkMode` VPC needs 1 to {SUBNETS_MAX}", ids.len());
                    return Err(Error::property(name, problem));
                }
                let fits = |id: &String| {
                    id.strip_prefix(prefix).is_some_and(|rest| {
                        (8..=17).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_alphanumeric())
                    })
                };
                if let Some(id) = ids.iter().find(|id| !fits(id)) {
                    return Err(Error::property(
                        name,
                        format!("contains {}; use ids like `{prefix}0a1b2c3d`", quote(id)),
                    ));
                }
            }
        }
    }
    Ok(match mode {
        NetworkMode::Public => Network::Public,
        NetworkMode::Vpc => Network::Vpc {
            subnets: subnets.into_iter().collect(),
            security_groups: security_groups.into_iter().collect(),
        },
    })
}

/// `[a-zA-Z][a-zA-Z0-9_]{0,47}` (API reference, CreateAgentRuntime).
fn check_name(name: &str) -> Result<(), Error> {
    let fits = name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        return Ok(());
    }
    Err(Error::property(
        "AgentRuntimeName",
        format!(
            "is {}; start with a letter and use at most {NAME_CHARS_MAX} letters, digits and underscores (no hyphens)",
            quote(name)
        ),
    ))
}

/// The pattern of RuntimeContainerUri, as far as a sentence can explain it; the service checks the rest.
fn check_container_uri(uri: &str) -> Result<(), Error> {
    let refuse = |problem: &str| {
        Err(Error::property(
            "ContainerUri",
            format!(
                "is {}, {problem}; use `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>` or \
                 `public.ecr.aws/<alias>/<repository>:<tag>`",
                quote(uri)
            ),
        ))
    };
    at_most("ContainerUri", uri, 1024)?;
    if uri.contains(char::is_whitespace) {
        return refuse("which has white space in it");
    }
    let Some((registry, image)) = uri.split_once('/') else { return refuse("which has no repository") };
    let labels: Vec<_> = registry.split('.').collect();
    let private = matches!(labels.as_slice(), [account, "dkr", "ecr", _region, "amazonaws", "com"] | [account, "dkr", "ecr", _region, "amazonaws", "com", "cn"]
        if account.len() == 12 && account.chars().all(|c| c.is_ascii_digit()));
    if !private && registry != "public.ecr.aws" {
        return refuse("which is not in Amazon ECR");
    }
    let (image, digest) = image.split_once('@').map_or((image, None), |(image, digest)| (image, Some(digest)));
    let (repository, tag) = image.split_once(':').map_or((image, None), |(name, tag)| (name, Some(tag)));
    let fits = |part: &str| {
        part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    if !repository.split('/').all(fits) {
        return refuse("whose repository name ECR does not allow (lower case letters, digits and ._-/)");
    }
    if !tag.is_none_or(is_tag) {
        return refuse("whose tag ECR does not allow (at most 128 letters, digits and ._-)");
    }
    if !digest.is_none_or(is_digest) {
        return refuse("whose digest is not `sha256:` and 64 hexadecimal digits");
    }
    Ok(())
}

/// Returns whether ECR knows tags of this form: `[\w][\w.-]{0,127}` (distribution specification, "Pulling manifests").
fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || ".-".contains(c))
}

/// Returns whether this is the digest of a manifest in ECR, which are all SHA-256.
fn is_digest(digest: &str) -> bool {
    let lower_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(lower_hex))
}

/// The authorizer for `InboundAuth` JWT, none for IAM.
fn draft(reader: &PropertyReader<'_>) -> Result<Option<Draft>, Error> {
    let fields = Fields::read(reader)?;
    if reader.choice("InboundAuth", &[("IAM", false), ("JWT", true)])?.unwrap_or(false) {
        return fields.check("`InboundAuth` JWT").map(Some);
    }
    match fields.given() {
        None => Ok(None),
        Some(name) => {
            Err(Error::property(name, "has no effect when `InboundAuth` is IAM; set it to JWT or leave this out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        assert!(check_name("zscaler_mcp").is_ok());
        for name in ["zscaler-mcp", "1mcp", "", "é", &"a".repeat(49)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_derived_name_is_always_valid() {
        for (stack, logical_id) in [("my-stack", "Runtime"), ("9lives", "R"), (&*"long".repeat(30), "Runtime")] {
            let mut requester = Requester {
                stack_id: format!("arn:aws:cloudformation:us-east-1:111122223333:stack/{stack}/guid"),
                logical_id: logical_id.to_owned(),
                request_id: "r".to_owned(),
                name_prefix: None,
            };
            check_name(&default_name(&requester)).unwrap();
            requester.name_prefix = Some("my".to_owned());
            let name = default_name(&requester);
            check_name(&name).unwrap();
            assert!(name.starts_with("my_") && !name.starts_with("my_my_"), "{name}");
        }
    }

    #[test]
    fn images_come_from_ecr() {
        for uri in [
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/mcp:latest",
            &format!("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/mcp@sha256:{}", "0a".repeat(32)),
            &format!("111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:1.2@sha256:{}", "0a".repeat(32)),
            "public.ecr.aws/alias/mcp",
        ] {
            assert!(check_container_uri(uri).is_ok(), "{uri}");
        }
        for uri in [
            "docker.io/library/mcp",
            "mcp",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/Upper",
            "x.dkr.ecr.r.amazonaws.com/a",
            "public.ecr.aws/alias/mcp:la test",
            "public.ecr.aws/alias/mcp:latest ",
            "public.ecr.aws/alias/mcp:",
            "public.ecr.aws/alias/mcp@sha256:abc",
            "public.ecr.aws/alias/mcp@latest",
        ] {
            assert!(check_container_uri(uri).is_err(), "{uri}");
        }
    }
}
