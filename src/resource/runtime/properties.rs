//! The desired state of a runtime as the template gives it, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_bedrockagentcorecontrol::types::ServerProtocol;

use super::headers;
use super::log_group::{LogGroup, LogGroupFields};
use super::resource_policy::{PolicyFields, ResourcePolicy};
use crate::agentcore::runtime::{V1, V2};
use crate::arn::check_role;
use crate::authorizer::{Authorizer, Fields};
use crate::error::Error;
use crate::oauth::Discovery;
use crate::properties::{Choice, PropertyReader, PropertySet};
use crate::requester::Requester;
use crate::sensitive::Sensitive;
use crate::tags;
use crate::text::quote;

/// The bounds of session times, in seconds (API reference, LifecycleConfiguration).
const SESSION_SECONDS: std::ops::RangeInclusive<i32> = 60..=1_209_600;
/// The service's defaults, which a full replace has to send.
pub(crate) const IDLE_SECONDS_DEFAULT: i32 = 900;
pub(crate) const LIFETIME_SECONDS_DEFAULT: i32 = 28_800;
const NAME_CHARS_MAX: usize = 48;
pub(super) const ENVIRONMENT: &str = "EnvironmentVariables";
pub(super) const EXTRA_ENVIRONMENT: &str = "ExtraEnvironmentVariables";
const SUBNETS_MAX: usize = 16;

impl Choice for ServerProtocol {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("MCP", Self::Mcp), ("HTTP", Self::Http), ("A2A", Self::A2A), ("AGUI", Self::Agui)].into_iter()
    }
}

/// The way in which the container gets its credentials.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialDelivery {
    /// The container reads the secret itself; its environment holds only the secret's name.
    #[choice("ContainerRetrieval")]
    ContainerRetrieval,
    /// The secret's keys become environment variables: readable by whoever may read the runtime. For development.
    #[choice("EnvironmentVariables")]
    EnvironmentVariables,
}

/// The callers that are let in.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum InboundAuth {
    #[choice("IAM")]
    Iam,
    #[choice("JWT")]
    Jwt,
}

/// The platforms that a template can ask for.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum PlatformVersion {
    #[choice(V1)]
    V1,
    #[choice(V2)]
    V2,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum NetworkMode {
    #[choice("PUBLIC")]
    Public,
    #[choice("VPC")]
    Vpc,
}

/// The secret a runtime works with.
#[derive(Clone, Debug)]
pub(crate) struct SecretSource {
    /// Name or ARN.
    pub id: String,
    /// The way in which the container gets it.
    pub delivery: CredentialDelivery,
    /// Variable that names the secret to the container.
    pub variable: String,
}

/// The network of the runtime's interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// A network managed by AWS, with access to the internet.
    Public,
    /// Subnets of the account.
    Vpc {
        /// `subnet-…`
        subnets: BTreeSet<String>,
        /// `sg-…`
        security_groups: BTreeSet<String>,
    },
}

/// Environment variables, by name.
pub(super) type Variables = BTreeMap<String, Sensitive>;

/// The desired state.
#[derive(Debug, PropertySet)]
#[properties(check = check)]
pub(crate) struct Properties {
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:tag][@digest]` or `public.ecr.aws/<alias>/<repository>…`.
    #[property(name = "ContainerUri", chars = 1024, check = check_container_uri)]
    pub container_uri: String,
    /// Role the container runs under.
    #[property(name = "RoleArn", check = check_role)]
    pub role_arn: String,
    /// Begins with a letter; at most 48 letters, digits and underscores. With [provisioner.yaml](provisioner.md#names) the
    /// default begins with `NamePrefix`.
    #[property(
        name = "AgentRuntimeName",
        default_text = "`<stack>_<logical id>_<8 digits>`",
        check = check_name,
        replaces
    )]
    pub name: Option<String>,
    /// Shown in the AgentCore console.
    #[property(name = "Description", chars = 4096)]
    pub description: Option<String>,
    /// Protocol that the server speaks.
    #[property(name = "ServerProtocol", default = ServerProtocol::Mcp)]
    pub protocol: ServerProtocol,
    #[property(flatten = EnvironmentFields, parse = environment, also = extra_environment)]
    pub environment: Variables,
    /// Variables that may only add to the others, whoever sets those.
    pub extra_environment: Variables,
    #[property(flatten = SecretFields, map = secret)]
    pub secret: Option<SecretSource>,
    /// Opaque. A new value creates a new version of the runtime, so that new sessions have the new secret; on V2 there is
    /// no other way. Reaches the container as `AGENTCORE_PROVISIONER_SECRET_VERSION`. With `CredentialDelivery`
    /// EnvironmentVariables, a new value copies the secret's values again, and the variable is the id of their version.
    #[property(name = "SecretVersionId")]
    pub secret_version_id: Option<String>,
    #[property(flatten = NetworkFields, parse = network)]
    pub network: Network,
    #[property(flatten = InboundFields, parse = inbound, also = discovery)]
    pub authorizer: Option<Authorizer>,
    /// The discovery document of the IdP whose tokens the authorizer accepts.
    pub discovery: Option<Discovery>,
    /// Up to 20 request headers that AgentCore passes on to the container. `Authorization` needs `JWT`.
    #[property(name = "RequestHeaders")]
    pub request_headers: Vec<String>,
    /// Absent: a new runtime gets what AgentCore chooses, and an update keeps what is there. See
    /// [Platform versions](#platform-versions).
    #[property(name = "PlatformVersion", default_text = "AgentCore's choice", map = platform_version)]
    pub platform_version: Option<&'static str>,
    /// Time after which any session ends, in seconds.
    #[property(name = "MaxLifetime", range = SESSION_SECONDS, default = LIFETIME_SECONDS_DEFAULT)]
    pub lifetime_seconds: i32,
    /// Time after which an idle session ends, in seconds; at most `MaxLifetime`.
    #[property(
        name = "IdleRuntimeSessionTimeout",
        range = SESSION_SECONDS,
        default = IDLE_SECONDS_DEFAULT.min(lifetime_seconds),
        default_text = "`900`, or `MaxLifetime` if that is less"
    )]
    pub idle_seconds: i32,
    #[property(flatten = PolicyFields, parse = ResourcePolicy::read)]
    pub resource_policy: Option<ResourcePolicy>,
    #[property(flatten = LogGroupFields, map = LogGroup::of)]
    pub log_group: Option<LogGroup>,
    /// Tags of the runtime: see [above](#what-all-resource-types-have-in-common).
    #[property(name = "Tags", check = tags::check)]
    pub tags: BTreeMap<String, String>,
}

/// The properties of the environment.
#[derive(Debug, PropertySet)]
struct EnvironmentFields {
    /// Variables for the container. At most 50 with those the secret adds; names up to 100 characters, values up to 5000,
    /// and all together up to 4096 bytes on V1 and 2560 on V2.
    #[property(name = "EnvironmentVariables")]
    variables: Variables,
    /// Further variables, for a template's parameter: CloudFormation cannot merge two maps. They replace nothing: a
    /// variable that `EnvironmentVariables` names, even without a value, or that the secret sets is refused.
    #[property(name = "ExtraEnvironmentVariables")]
    extra: Variables,
}

/// The properties of the secret.
#[derive(Debug, PropertySet)]
struct SecretFields {
    /// Name or ARN of the secret the server works with.
    #[property(name = "SecretId")]
    id: Option<String>,
    /// Variable in which the container finds the secret's name (its ARN if the secret is another account's).
    #[property(name = "SecretEnvironmentVariable", default = "SECRET_NAME")]
    variable: String,
    /// `ContainerRetrieval`: only that variable. `EnvironmentVariables`: the secret is read now and its keys become
    /// variables; those in `EnvironmentVariables` win. For development.
    #[property(name = "CredentialDelivery", default = CredentialDelivery::ContainerRetrieval)]
    delivery: CredentialDelivery,
}

/// The properties of the network.
#[derive(Debug, PropertySet)]
struct NetworkFields {
    /// `PUBLIC`: managed by AWS, with access to the internet. `VPC`: in your subnets.
    #[property(name = "NetworkMode", default = NetworkMode::Public)]
    mode: NetworkMode,
    /// 1 to 16 subnet ids; required with `VPC`, refused with `PUBLIC`.
    #[property(name = "Subnets", default_text = "–")]
    subnets: Vec<String>,
    /// 1 to 16 security group ids; required with `VPC`, refused with `PUBLIC`.
    #[property(name = "SecurityGroups", default_text = "–")]
    security_groups: Vec<String>,
}

/// The properties of callers.
#[derive(Debug, PropertySet)]
struct InboundFields {
    /// `IAM`: callers sign with SigV4. `JWT`: callers bring a token, and at least one of `AllowedAudience`,
    /// `AllowedClients`, `AllowedScopes` is required. The next six are refused with `IAM`.
    #[property(name = "InboundAuth", default = InboundAuth::Iam)]
    kind: InboundAuth,
    #[property(flatten)]
    authorizer: Fields,
}

impl Properties {
    /// Returns the runtime's name.
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| default_name(requester))
    }
}

/// Returns the name of a runtime whose template gives none: stack, logical id and eight digits, in the API's alphabet,
/// behind the function's prefix of names if it has one.
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

fn platform_version(given: Option<PlatformVersion>) -> Option<&'static str> {
    given.map(|version| match version {
        PlatformVersion::V1 => V1,
        PlatformVersion::V2 => V2,
    })
}

/// Refuses combinations that cannot work.
fn check(properties: &Properties) -> Result<(), Error> {
    headers::check(&properties.request_headers, properties.authorizer.is_some())?;
    if let Some(policy) = properties.resource_policy.as_ref().filter(|_| properties.authorizer.is_some()) {
        policy.check_for_tokens()?;
    }
    let (idle, lifetime) = (properties.idle_seconds, properties.lifetime_seconds);
    if idle > lifetime {
        let problem = format!("is {idle}, longer than `MaxLifetime` of {lifetime}; lower it");
        return Err(Error::property("IdleRuntimeSessionTimeout", problem));
    }
    Ok(())
}

/// Returns the variables, and the extra ones. Refuses an extra one that would replace a variable of the template.
fn environment(reader: &PropertyReader<'_>, fields: EnvironmentFields) -> Result<(Variables, Variables), Error> {
    let EnvironmentFields { variables, extra } = fields;
    // A variable without a value is the template's, too: it has one as soon as somebody gives a parameter.
    let named = reader.keys(ENVIRONMENT)?;
    match named.iter().find(|name| extra.contains_key(*name)) {
        None => Ok((variables, extra)),
        Some(name) => Err(replaces(name, "`EnvironmentVariables` names")),
    }
}

/// Refuses the extra variable `name`, which somebody else `sets`.
pub(super) fn replaces(name: &str, sets: &str) -> Error {
    let problem =
        format!("sets {}, which {sets}; remove it: extra variables cannot override another variable", quote(name));
    Error::property(EXTRA_ENVIRONMENT, problem)
}

fn secret(fields: SecretFields) -> Option<SecretSource> {
    let SecretFields { id, variable, delivery } = fields;
    id.map(|id| SecretSource { id, delivery, variable })
}

fn network(_: &PropertyReader<'_>, fields: NetworkFields) -> Result<Network, Error> {
    let NetworkFields { mode, subnets, security_groups } = fields;
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

/// Checks a name against `[a-zA-Z][a-zA-Z0-9_]{0,47}` (API reference, CreateAgentRuntime).
fn check_name(property: &str, name: &str) -> Result<(), Error> {
    let fits = name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        return Ok(());
    }
    Err(Error::property(
        property,
        format!(
            "is {}; start with a letter and use at most {NAME_CHARS_MAX} letters, digits and underscores (no hyphens)",
            quote(name)
        ),
    ))
}

/// Checks the pattern of RuntimeContainerUri, as far as a sentence can explain it. The service checks the rest.
fn check_container_uri(property: &str, uri: &str) -> Result<(), Error> {
    let refuse = |problem: &str| {
        Err(Error::property(
            property,
            format!(
                "is {}, {problem}; use `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>` or \
                 `public.ecr.aws/<alias>/<repository>:<tag>`",
                quote(uri)
            ),
        ))
    };
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

/// Returns true if ECR knows tags of this form: `[\w][\w.-]{0,127}` (distribution specification, "Pulling manifests").
fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || ".-".contains(c))
}

/// Returns true if this is the digest of a manifest in ECR, which are all SHA-256.
fn is_digest(digest: &str) -> bool {
    let lower_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(lower_hex))
}

/// Returns the authorizer and its IdP for `InboundAuth` JWT, and nothing for IAM.
fn inbound(_: &PropertyReader<'_>, fields: InboundFields) -> Result<(Option<Authorizer>, Option<Discovery>), Error> {
    let InboundFields { kind, authorizer } = fields;
    match (kind, authorizer.given()) {
        (InboundAuth::Jwt, _) => {
            let spec = authorizer.check("`InboundAuth` JWT")?;
            Ok((Some(spec.with_usual_claim()?), Some(spec.discovery)))
        }
        (InboundAuth::Iam, None) => Ok((None, None)),
        (InboundAuth::Iam, Some(name)) => {
            Err(Error::property(name, "has no effect when `InboundAuth` is IAM; set it to JWT or leave this out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "AgentRuntimeName";

    #[test]
    fn names_follow_the_api() {
        assert!(check_name(NAME, "zscaler_mcp").is_ok());
        for name in ["zscaler-mcp", "1mcp", "", "é", &"a".repeat(49)] {
            assert!(check_name(NAME, name).is_err(), "{name}");
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
            check_name(NAME, &default_name(&requester)).unwrap();
            requester.name_prefix = Some("my".to_owned());
            let name = default_name(&requester);
            check_name(NAME, &name).unwrap();
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
            assert!(check_container_uri("ContainerUri", uri).is_ok(), "{uri}");
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
            assert!(check_container_uri("ContainerUri", uri).is_err(), "{uri}");
        }
    }
}
