//! The resource types, and the match over them. No AWS call.

use crate::error::{Error, Failure};
use crate::event::{RawProperties, RequestType};
use crate::job::{Job, Outcome, Success};
use crate::properties::PropertyReader;
use crate::requester::{pending_id, pending_name};

use lifecycle::Lifecycle;

pub mod gateway;
pub mod gateway_target;
mod lifecycle;
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
            let pending = pending_id(&R::name(&properties, job.requester()));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
