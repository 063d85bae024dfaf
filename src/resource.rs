//! The resource types, the shape each has, and the match over them. No AWS call.

use std::collections::BTreeMap;

use crate::error::{Error, Failure};
use crate::event::{RawProperties, RequestType};
use crate::identity::{Identity, TAG_PREFIX, pending_id, pending_name};
use crate::job::{Job, Outcome, Success};
use crate::properties::{PropertyReader, at_most};

pub mod gateway;
pub mod gateway_target;
pub mod mcp_probe;
pub mod oauth2_credential_provider;
pub mod runtime;
pub mod secret;

/// The custom resource types of this function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// `Custom::AgentCoreSecret`
    Secret,
    /// `Custom::AgentCoreRuntime`
    Runtime,
    /// `Custom::AgentCoreOAuth2CredentialProvider`
    OAuth2CredentialProvider,
    /// `Custom::AgentCoreGateway`
    Gateway,
    /// `Custom::AgentCoreGatewayTarget`
    GatewayTarget,
    /// `Custom::AgentCoreMcpProbe`
    McpProbe,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Secret,
        Self::Runtime,
        Self::OAuth2CredentialProvider,
        Self::Gateway,
        Self::GatewayTarget,
        Self::McpProbe,
    ];

    /// The `ResourceType` in a template.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Secret => secret::Secret::TYPE,
            Self::Runtime => runtime::Runtime::TYPE,
            Self::OAuth2CredentialProvider => oauth2_credential_provider::OAuth2CredentialProvider::TYPE,
            Self::Gateway => gateway::Gateway::TYPE,
            Self::GatewayTarget => gateway_target::GatewayTarget::TYPE,
            Self::McpProbe => mcp_probe::McpProbe::TYPE,
        }
    }

    /// The kind with this `ResourceType`.
    #[must_use]
    pub fn from_type(resource_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_name() == resource_type)
    }
}

/// What a resource module provides. Every function may run twice for one request, at any point, and leaves the world
/// as if it had run once.
pub(crate) trait Lifecycle {
    /// The `ResourceType` in a template.
    const TYPE: &'static str;
    /// The names of the properties that a template may give.
    const PROPERTIES: &'static [&'static str];
    /// The desired state.
    type Properties;

    /// Reads and checks the properties. Pure.
    fn parse(reader: &PropertyReader<'_>) -> Result<Self::Properties, Error>;
    /// The name the resource has or will have, for an identifier before anything exists. Pure.
    fn name(properties: &Self::Properties, identity: &Identity) -> String;
    /// Makes the resource and waits until it is ready.
    async fn create(job: &Job<'_>, properties: Self::Properties) -> Outcome;
    /// Brings the resource `physical_id` to `properties`, or makes another and returns its identifier: CloudFormation
    /// then deletes the old one. `old` is absent when it no longer parses.
    async fn update(
        job: &Job<'_>,
        physical_id: &str,
        properties: Self::Properties,
        old: Option<Self::Properties>,
    ) -> Outcome;
    /// Removes what the request made, if it is provably ours, and waits until it is gone. `raw` may be anything.
    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome;
}

/// Runs the request on a resource of this kind.
pub(crate) async fn run(kind: ResourceKind, job: &Job<'_>) -> Outcome {
    match kind {
        ResourceKind::Secret => run_as::<secret::Secret>(job).await,
        ResourceKind::Runtime => run_as::<runtime::Runtime>(job).await,
        ResourceKind::OAuth2CredentialProvider => {
            run_as::<oauth2_credential_provider::OAuth2CredentialProvider>(job).await
        }
        ResourceKind::Gateway => run_as::<gateway::Gateway>(job).await,
        ResourceKind::GatewayTarget => run_as::<gateway_target::GatewayTarget>(job).await,
        ResourceKind::McpProbe => run_as::<mcp_probe::McpProbe>(job).await,
    }
}

async fn run_as<R: Lifecycle>(job: &Job<'_>) -> Outcome {
    let request = job.request;
    let physical_id = request.recipient.physical_id.as_deref().unwrap_or_default();
    match request.request_type {
        RequestType::Create => {
            let properties = parse::<R>(job, &request.properties)?;
            let pending = pending_id(&R::name(&properties, job.identity()));
            R::create(job, properties).await.map_err(|failure| with_default_id(failure, pending))
        }
        RequestType::Update => {
            let properties = parse::<R>(job, &request.properties)?;
            let old = request.old_properties.as_ref().and_then(|old| parse::<R>(job, old).ok());
            R::update(job, physical_id, properties, old).await
        }
        // The Create was refused for its properties, before any call: there is nothing, and nothing to look for. A policy
        // that knows the resource's real name would deny the look.
        RequestType::Delete if pending_name(physical_id).is_some() && parse::<R>(job, &request.properties).is_err() => {
            Ok(Success::deleted(physical_id))
        }
        RequestType::Delete => R::delete(job, physical_id, &request.properties).await,
    }
}

fn parse<R: Lifecycle>(job: &Job<'_>, raw: &RawProperties) -> Result<R::Properties, Error> {
    R::parse(&PropertyReader::new(raw, R::PROPERTIES, job.mask)?)
}

fn with_default_id(failure: Failure, physical_id: String) -> Failure {
    Failure { physical_id: failure.physical_id.or(Some(physical_id)), ..failure }
}

/// Reads the `Tags` map that every type accepts. AgentCore and Secrets Manager allow 50 tags, ours included.
fn read_tags(reader: &PropertyReader<'_>) -> Result<BTreeMap<String, String>, Error> {
    const NAME: &str = "Tags";
    const TAGS_MAX: usize = 48;
    let tags = reader.map(NAME)?.unwrap_or_default();
    if tags.len() > TAGS_MAX {
        return Err(Error::property(NAME, format!("has {} entries; use at most {TAGS_MAX}", tags.len())));
    }
    for (key, value) in &tags {
        let entry = format!("{NAME}.{key}");
        if key.trim().is_empty() {
            return Err(Error::property(NAME, "has an entry without a key; name it or remove it"));
        }
        let lower = key.to_ascii_lowercase();
        if let Some(prefix) = ["aws:", TAG_PREFIX].into_iter().find(|prefix| lower.starts_with(prefix)) {
            return Err(Error::property(entry, format!("has the reserved prefix `{prefix}`; choose another key")));
        }
        at_most(&entry, key, 128)?;
        at_most(&entry, value, 256)?;
        // The stricter of the two services' patterns: AgentCore's TagKey and TagValue.
        let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "._:/=+@-".contains(c);
        if !key.chars().all(allowed) || !value.chars().all(allowed) {
            return Err(Error::property(
                entry,
                "has a character that tags cannot have; use letters, digits and ._:/=+@-",
            ));
        }
    }
    Ok(tags)
}

/// The tags a resource is to carry: the user's and the proof of ownership.
fn wanted_tags(user: &BTreeMap<String, String>, identity: &Identity) -> BTreeMap<String, String> {
    let mut tags = user.clone();
    tags.extend(identity.tags());
    tags
}

/// What has to change so that a resource carries the wanted tags. Tags that AWS or others added are left alone: only
/// keys of the previous properties are removed.
fn tag_changes(
    live: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    previous: Option<&BTreeMap<String, String>>,
) -> TagChanges {
    let set = wanted.iter().filter(|(key, value)| live.get(*key) != Some(value));
    let removed = previous.into_iter().flatten().map(|(key, _)| key);
    TagChanges {
        set: set.map(|(key, value)| (key.clone(), value.clone())).collect(),
        remove: removed.filter(|key| live.contains_key(*key) && !wanted.contains_key(*key)).cloned().collect(),
    }
}

/// Tags to write and keys to remove.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TagChanges {
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) remove: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_our_own_former_tags_are_removed() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let live = map(&[("a", "1"), ("b", "1"), ("theirs", "x")]);
        let changes = tag_changes(&live, &map(&[("a", "2")]), Some(&map(&[("a", "1"), ("b", "1"), ("gone", "1")])));
        assert_eq!(changes, TagChanges { set: map(&[("a", "2")]), remove: vec!["b".to_owned()] });
    }

    /// The names in the table of properties that stands in the type's section of the reference.
    fn documented<R: Lifecycle>() -> BTreeSet<&'static str> {
        let (_, section) = include_str!("../docs/reference.md").split_once(&format!("\n## {}\n", R::TYPE)).unwrap();
        let (_, table) = section.split_once("| Property |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
        rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn every_property_is_documented_under_its_type() {
        fn check<R: Lifecycle>() {
            let given: BTreeSet<_> = R::PROPERTIES.iter().copied().collect();
            assert_eq!(documented::<R>(), given, "{}", R::TYPE);
        }
        check::<secret::Secret>();
        check::<runtime::Runtime>();
        check::<oauth2_credential_provider::OAuth2CredentialProvider>();
        check::<gateway::Gateway>();
        check::<gateway_target::GatewayTarget>();
        check::<mcp_probe::McpProbe>();
    }
}
