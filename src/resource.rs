//! The resource types, and the match over them. No AWS call.

use std::collections::BTreeSet;

use crate::error::{Error, Failure};
use crate::event::{RawProperties, Request, RequestType};
use crate::job::{Job, Outcome, Success};
use crate::properties::{PropertyReader, PropertySet};
use crate::requester::{pending_id, pending_name};
use crate::stack::check_in_progress;

use lifecycle::Lifecycle;

pub mod api_key_credential_provider;
pub mod gateway;
pub mod gateway_target;
mod lifecycle;
pub mod mcp_probe;
mod named;
pub mod oauth2_credential_provider;
pub mod runtime;
pub mod secret;
pub mod workload_identity;

/// The custom resource types of this function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// `Custom::AgentCoreSecret`
    Secret,
    /// `Custom::AgentCoreRuntime`
    Runtime,
    /// `Custom::AgentCoreOAuth2CredentialProvider`
    OAuth2CredentialProvider,
    /// `Custom::AgentCoreApiKeyCredentialProvider`
    ApiKeyCredentialProvider,
    /// `Custom::AgentCoreWorkloadIdentity`
    WorkloadIdentity,
    /// `Custom::AgentCoreGateway`
    Gateway,
    /// `Custom::AgentCoreGatewayTarget`
    GatewayTarget,
    /// `Custom::AgentCoreMcpProbe`
    McpProbe,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Secret,
        Self::Runtime,
        Self::OAuth2CredentialProvider,
        Self::ApiKeyCredentialProvider,
        Self::WorkloadIdentity,
        Self::Gateway,
        Self::GatewayTarget,
        Self::McpProbe,
    ];

    /// Returns the `ResourceType` in a template.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Secret => secret::Secret::TYPE,
            Self::Runtime => runtime::Runtime::TYPE,
            Self::OAuth2CredentialProvider => oauth2_credential_provider::OAuth2CredentialProvider::TYPE,
            Self::ApiKeyCredentialProvider => api_key_credential_provider::ApiKeyCredentialProvider::TYPE,
            Self::WorkloadIdentity => workload_identity::WorkloadIdentity::TYPE,
            Self::Gateway => gateway::Gateway::TYPE,
            Self::GatewayTarget => gateway_target::GatewayTarget::TYPE,
            Self::McpProbe => mcp_probe::McpProbe::TYPE,
        }
    }

    /// Returns the kind with this `ResourceType`.
    #[must_use]
    pub fn from_type(resource_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_name() == resource_type)
    }
}

/// Runs the request on a resource of this kind.
pub(crate) async fn run(kind: ResourceKind, job: &Job<'_>, request: &Request) -> Outcome {
    match kind {
        ResourceKind::Secret => run_as::<secret::Secret>(job, request).await,
        ResourceKind::Runtime => run_as::<runtime::Runtime>(job, request).await,
        ResourceKind::OAuth2CredentialProvider => {
            run_as::<oauth2_credential_provider::OAuth2CredentialProvider>(job, request).await
        }
        ResourceKind::ApiKeyCredentialProvider => {
            run_as::<api_key_credential_provider::ApiKeyCredentialProvider>(job, request).await
        }
        ResourceKind::WorkloadIdentity => run_as::<workload_identity::WorkloadIdentity>(job, request).await,
        ResourceKind::Gateway => run_as::<gateway::Gateway>(job, request).await,
        ResourceKind::GatewayTarget => run_as::<gateway_target::GatewayTarget>(job, request).await,
        ResourceKind::McpProbe => run_as::<mcp_probe::McpProbe>(job, request).await,
    }
}

async fn run_as<R: Lifecycle>(job: &Job<'_>, request: &Request) -> Outcome {
    let physical_id = request.recipient.physical_id.as_deref().unwrap_or_default();
    match request.request_type {
        RequestType::Create => {
            let properties = parse::<R>(job, &request.properties)?;
            let pending = pending_id(&R::name(&properties, job.requester()));
            check_in_progress(job).await.map_err(|error| error.with_id(pending.clone()))?;
            R::create(job, properties).await.map_err(|failure| with_default_id(failure, pending))
        }
        RequestType::Update => {
            let properties = parse::<R>(job, &request.properties)?;
            let old = request.old_properties.as_ref().and_then(|old| parse::<R>(job, old).ok());
            check_in_progress(job).await?;
            R::update(job, physical_id, properties, old).await
        }
        // The Create was refused because of its properties, before any call, so that there is nothing to look for. A
        // policy that knows the resource's real name would deny the search.
        RequestType::Delete if pending_name(physical_id).is_some() && parse::<R>(job, &request.properties).is_err() => {
            Ok(Success::deleted(physical_id))
        }
        RequestType::Delete => R::delete(job, physical_id, &request.properties).await,
    }
}

/// A probe of a server whose properties are valid.
pub(crate) struct Probe(<mcp_probe::McpProbe as Lifecycle>::Properties);

impl Probe {
    /// Parses the properties of a probe. Calls nothing.
    pub(crate) fn parse(job: &Job<'_>, raw: &RawProperties) -> Result<Self, Error> {
        parse::<mcp_probe::McpProbe>(job, raw).map(Self)
    }

    /// Probes the server, whatever the mode. Returns the names of its tools, or `None` if the probe has no credentials to ask
    /// with.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Option<BTreeSet<String>>, Error> {
        mcp_probe::tools(job, &self.0).await
    }
}

fn parse<R: Lifecycle>(job: &Job<'_>, raw: &RawProperties) -> Result<R::Properties, Error> {
    R::Properties::read(&PropertyReader::new(raw, R::Properties::TABLE, job.mask)?)
}

fn with_default_id(failure: Failure, physical_id: String) -> Failure {
    Failure { physical_id: failure.physical_id.or(Some(physical_id)), ..failure }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::properties::reference::table;

    const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md");

    /// Replaces the table between the markers of a type.
    fn with_table<R: Lifecycle>(page: &str) -> String {
        let begin = format!("<!-- properties of {} -->\n", R::TYPE);
        let (before, rest) = page.split_once(&begin).expect("the marker where the table begins");
        let (_, after) = rest.split_once("<!-- end of properties -->\n").expect("the marker where it ends");
        format!("{before}{begin}\n{}\n<!-- end of properties -->\n{after}", table::<R::Properties>())
    }

    /// The tables come from the declarations: `UPDATE_DOCS=1 cargo test --workspace --lib reference` writes them.
    #[test]
    fn the_reference_has_the_declared_properties() {
        let page = fs::read_to_string(REFERENCE).expect("a readable file");
        let mut wanted = with_table::<secret::Secret>(&page);
        wanted = with_table::<runtime::Runtime>(&wanted);
        wanted = with_table::<oauth2_credential_provider::OAuth2CredentialProvider>(&wanted);
        wanted = with_table::<api_key_credential_provider::ApiKeyCredentialProvider>(&wanted);
        wanted = with_table::<workload_identity::WorkloadIdentity>(&wanted);
        wanted = with_table::<gateway::Gateway>(&wanted);
        wanted = with_table::<gateway_target::GatewayTarget>(&wanted);
        wanted = with_table::<mcp_probe::McpProbe>(&wanted);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(REFERENCE, &wanted).expect("a writable file");
        } else {
            assert!(page == wanted, "docs/reference.md is out of date: run this test with UPDATE_DOCS=1");
        }
    }
}
